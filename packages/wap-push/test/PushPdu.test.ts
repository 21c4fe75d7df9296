import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as ApplicationId from "../src/ApplicationId.ts"
import { codeOf, contentType, mediaCodes, mediaOf } from "../src/ContentType.ts"
import { decodePushPdu, encodePushPdu, fromHeaders, type PushPdu, toHeaders } from "../src/PushPdu.ts"
import { headerCodes, type WspHeader } from "../src/WspHeader.ts"
import { integer, octets, readUintvar, short, text, toInteger, uintvar } from "../src/WspValue.ts"
import { ascii, bitFlips, fuzzRuns, get, hex, pduOf, prefixes, pushVectors, toHex, udpVectors } from "./support.ts"

const cursorOf = (value: Uint8Array) => ({ octets: value, at: 0, end: value.length })

/** Refused, or a value that its own encoding gives back. */
const refusedOrStable = (value: Uint8Array): void => {
  const decoded = decodePushPdu(value)
  if (Result.isFailure(decoded)) return
  const again = get(decodePushPdu(get(encodePushPdu(decoded.success))))
  assert.deepStrictEqual(again, decoded.success)
}

describe("push PDU", () => {
  for (const vector of pushVectors) {
    it(vector.name, () => {
      const { output } = vector
      const pdu = get(decodePushPdu(pduOf(vector)))
      assert.strictEqual(pdu.tid, output.tid)
      assert.isFalse(pdu.confirmed)
      assert.strictEqual(toHex(pdu.data), output.dataHex)
      const wanted = vector.input.contentType.split(";")[0]
      assert.strictEqual(pdu.contentType.media, wanted === "text/vnd.wap.si" ? "application/vnd.wap.sic" : wanted)
      const headers = fromHeaders(pdu.headers)
      assert.strictEqual(headers.contentLength, output.dataHex.length / 2)
      assert.deepStrictEqual(headers.encodingVersion, output.headersHex.includes("c393") ? [1, 3] : undefined)
      const sent = vector.input.applicationId
      const collapsed = sent?.startsWith("x-oma-application:") === true
      assert.deepStrictEqual(
        headers.applicationId,
        sent === null ? undefined : collapsed ? 0 : ApplicationId.normalise(sent)
      )
    })
    it(`${vector.name}: encoded again to the same octets`, () => {
      const pdu = get(decodePushPdu(pduOf(vector)))
      const textForm = vector.output.headersHex.startsWith("6170706c")
      if (!textForm) assert.strictEqual(toHex(get(encodePushPdu(pdu))), toHex(pduOf(vector)))
      // a type that the gateway had no number for becomes shorter and means the same
      else assert.deepStrictEqual(get(decodePushPdu(get(encodePushPdu(pdu)))).contentType, pdu.contentType)
    })
  }
  for (const vector of udpVectors) {
    it(vector.name, () => {
      const pdu = get(decodePushPdu(hex(vector.input.datagramHex)))
      assert.strictEqual(pdu.tid, vector.output.tid)
      assert.strictEqual(pdu.contentType.media, "application/vnd.oma.dcd")
      assert.strictEqual(toHex(pdu.data), vector.output.dataHex)
      assert.strictEqual(toHex(get(encodePushPdu(pdu))), vector.input.datagramHex)
    })
  }

  it("builds the worked example", () => {
    const data = ascii("DCD-TEST-PAYLOAD")
    const headers = toHeaders({ applicationId: 0x9022, contentLength: 16, encodingVersion: [1, 3] })
    const pdu = { tid: 2, confirmed: false, contentType: contentType("application/vnd.oma.dcd"), headers, data }
    assert.strictEqual(toHex(get(encodePushPdu(pdu))), `020609d3af0290228d90c393${toHex(data)}`)
  })

  it("every prefix is refused or a shorter push of the same headers", () => {
    for (const vector of pushVectors) {
      const whole = pduOf(vector)
      const bodyFrom = 2 + 1 + vector.output.headersLength
      for (const prefix of prefixes(whole)) {
        assert.strictEqual(Result.isSuccess(decodePushPdu(prefix)), prefix.length >= bodyFrom, toHex(prefix))
      }
    }
  })

  it("every single-bit change is refused or stable", () => {
    for (const vector of pushVectors) for (const flipped of bitFlips(pduOf(vector))) refusedOrStable(flipped)
  })

  it("never throws on random octets, and what it takes is stable", () => {
    const random = fc.uint8Array({ maxLength: 64 })
    const framed = fc
      .tuple(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ maxLength: 8 }))
      .map(([headers, data]) => Uint8Array.of(1, 6, headers.length, ...headers, ...data))
    fc.assert(fc.property(fc.oneof(random, framed), refusedOrStable), { numRuns: fuzzRuns })
  })

  it("decodes what it encodes", () => {
    const value = fc.oneof(
      fc.nat({ max: 127 }).map(short),
      fc.nat({ max: Number.MAX_SAFE_INTEGER }).map(integer),
      fc.uint8Array({ maxLength: 300 }).map(octets),
      fc.string({ maxLength: 40 }).map((found) => text(found.replaceAll("\0", "").replace(/[^\0-\xff]/g, "?")))
    )
    const header: fc.Arbitrary<WspHeader> = fc.record({
      name: fc.oneof(
        fc.constantFrom(...headerCodes.map(([, name]) => name)),
        fc.constantFrom("0x7a", "2:0x05", "254:0x7f", "X-Mine")
      ),
      value
    })
    const pdu: fc.Arbitrary<PushPdu> = fc.record({
      tid: fc.nat({ max: 255 }),
      confirmed: fc.boolean(),
      contentType: fc.record({
        media: fc.oneof(
          fc.constantFrom(...mediaCodes.map(([, media]) => media)),
          fc.constantFrom("unknown/0x7f", "unknown/0x1234", "application/x-mine")
        ),
        parameters: fc.array(
          fc.oneof(
            fc.constantFrom(
              { name: "charset", value: "utf-8" },
              { name: "charset", value: 17 },
              { name: "sec", value: 3 },
              { name: "mac", value: "0A1B" },
              { name: "type", value: "application/xml" },
              { name: "0x1e", value: "later" }
            ),
            fc.record({ name: fc.constant("x-mine"), value: fc.oneof(fc.nat(), fc.constant("é"), fc.constant("")) })
          ),
          { maxLength: 5 }
        )
      }),
      headers: fc.array(header, { maxLength: 8 }),
      data: fc.uint8Array({ maxLength: 50 })
    })
    fc.assert(
      fc.property(pdu, (sent) => {
        assert.deepStrictEqual(get(decodePushPdu(get(encodePushPdu(sent)))), sent)
      }),
      { numRuns: Math.min(fuzzRuns, 20_000) }
    )
  })

  it("holds its limits", () => {
    const many = Array.from({ length: 65 }, () => ({ name: "Push-Flag", value: short(1) }))
    const base = { tid: 0, confirmed: false, contentType: contentType("text/plain"), headers: [], data: hex("") }
    const refused = (pdu: PushPdu) => assert.isTrue(Result.isFailure(decodePushPdu(get(encodePushPdu(pdu)))))
    refused({ ...base, headers: many })
    refused({ ...base, headers: [{ name: "User-Agent", value: text("x".repeat(4100)) }] })
    refused({ ...base, data: new Uint8Array(65_536) })
    const parameters = Array.from({ length: 17 }, () => ({ name: "sec", value: 1 }))
    refused({ ...base, contentType: contentType("text/plain", parameters) })
  })

  it("refuses what has no form on the air", () => {
    const base = { tid: 0, confirmed: false, contentType: contentType("text/plain"), headers: [], data: hex("") }
    const refused = (pdu: PushPdu) => assert.isTrue(Result.isFailure(encodePushPdu(pdu)))
    refused({ ...base, tid: 256 })
    refused({ ...base, contentType: contentType("") })
    refused({ ...base, headers: [{ name: "not a token", value: short(1) }] })
    refused({ ...base, headers: [{ name: "User-Agent", value: text("nul\0") }] })
    refused({ ...base, headers: [{ name: "User-Agent", value: text("€") }] })
    refused({ ...base, headers: [{ name: "Push-Flag", value: short(128) }] })
  })
})

describe("primitive encodings", () => {
  it("uintvar of the specification", () => {
    assert.strictEqual(toHex(uintvar(300)), "822c")
    assert.strictEqual(toHex(uintvar(0)), "00")
    assert.strictEqual(toHex(uintvar(0xffffffff)), "8fffffff7f")
  })
  it("uintvar refuses six octets, 33 bits and an early end", () => {
    for (const bad of ["808080808000", "9fffffff7f", "82", ""]) {
      assert.isUndefined(readUintvar(cursorOf(hex(bad))), bad)
    }
  })
  it("integers of the specification", () => {
    assert.deepStrictEqual(integer(20), short(20))
    assert.deepStrictEqual(integer(36880), octets(hex("9010")))
    assert.deepStrictEqual(integer(300), octets(hex("012c")))
    assert.isUndefined(toInteger(octets(hex("ff".repeat(8)))))
  })
})

describe("content types and application ids", () => {
  it("every number and name lead to each other", () => {
    for (const [code, media] of mediaCodes) {
      assert.strictEqual(codeOf(media), code)
      assert.strictEqual(mediaOf(code), media)
    }
    assert.strictEqual(codeOf(mediaOf(0x7f)), 0x7f)
  })
  it("DCD is known by number, by name, and by its media type where a gateway lost the id", () => {
    const dcd = ApplicationId.dcdApplication
    assert.isTrue(ApplicationId.isFor(dcd, 0x9022, "text/plain"))
    assert.isTrue(ApplicationId.isFor(dcd, "x-oma-application:dcd.ua", "text/plain"))
    assert.isTrue(ApplicationId.isFor(dcd, 0, "application/vnd.oma.dcd"))
    assert.isTrue(ApplicationId.isFor(dcd, undefined, "application/vnd.oma.dcdc"))
    assert.isFalse(ApplicationId.isFor(dcd, undefined, "text/plain"))
    assert.isFalse(ApplicationId.isFor(dcd, 7, "application/vnd.oma.dcd"))
  })
  it("no id means the browser", () => {
    assert.isTrue(ApplicationId.isFor("x-wap-application:wml.ua", undefined, "text/plain"))
    assert.isFalse(ApplicationId.isFor(ApplicationId.dmApplication, undefined, "text/plain"))
    assert.isTrue(ApplicationId.isFor("x-wap-application:syncml.dm", 7, "text/plain"))
    assert.isTrue(ApplicationId.isFor(20, "x-oma-application:dpe.ua", "text/plain"))
  })
})
