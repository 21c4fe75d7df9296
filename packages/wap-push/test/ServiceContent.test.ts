import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { compile, push } from "../src/Push.ts"
import { decodeSi, decodeSic, encodeSi, encodeSic, type ServiceIndication } from "../src/ServiceIndication.ts"
import { decodeSl, decodeSlc, encodeSl, encodeSlc } from "../src/ServiceLoading.ts"
import { ascii, bitFlips, fuzzRuns, get, hex, prefixes, pushVectors, toHex } from "./support.ts"

const siVectors = pushVectors.filter(({ input }) => input.contentType === "text/vnd.wap.si")
const full: ServiceIndication = {
  text: "You have 4 new e-mails & more <b>",
  href: "https://www.example.org/inbox.com/é",
  siId: "1@example.com",
  action: "signal-high",
  created: Date.UTC(1999, 5, 25, 15, 23, 15),
  siExpires: Date.UTC(1999, 5, 30, 0, 0, 0),
  info: [{ class: "a", text: "b" }]
}

describe("service indication", () => {
  for (const vector of siVectors) {
    it(`${vector.name}: compiled as the gateway compiled it`, () => {
      const compiled = get(compile(push("text/vnd.wap.si", hex(vector.input.contentHex))))
      assert.strictEqual(compiled.contentType.media, "application/vnd.wap.sic")
      assert.strictEqual(toHex(compiled.content), vector.output.dataHex)
    })
    it(`${vector.name}: read from both forms`, () => {
      const wanted = {
        text: "News",
        href: "http://www.example.com/news",
        siId: "1@example.com",
        action: "signal-medium"
      }
      assert.deepStrictEqual<unknown>(get(decodeSi(hex(vector.input.contentHex))), wanted)
      assert.deepStrictEqual<unknown>(get(decodeSic(hex(vector.output.dataHex))), wanted)
    })
  }
  it("comes back from both forms", () => {
    assert.deepStrictEqual(get(decodeSi(get(encodeSi(full)))), full)
    assert.deepStrictEqual(get(decodeSic(get(encodeSic(full)))), full)
  })
  it("times are BCD, zeros at the end left out", () => {
    const octets = toHex(get(encodeSic(full)))
    assert.include(octets, "0ac30719990625152315")
    assert.include(octets, "10c30419990630")
  })
  it("refuses prefixes, and never throws on single-bit changes", () => {
    const octets = get(encodeSic(full))
    for (const prefix of prefixes(octets)) assert.isTrue(Result.isFailure(decodeSic(prefix)))
    for (const flipped of bitFlips(octets)) decodeSic(flipped)
    for (const flipped of bitFlips(get(encodeSi(full)))) decodeSi(flipped)
  })
  it("refuses what the document type does not have, and what exceeds a limit", () => {
    const document = (body: string) => decodeSic(hex(`02056a00${body}`))
    assert.isTrue(Result.isSuccess(document("45c60503610001034e000101".replace("0503", "0b03"))))
    for (const bad of [
      "", // nothing
      "4a0101", // unknown tag
      "45c6130103000101", // unknown attribute
      "45c60b036100", // cut off
      "45c60b0361000b03620001010101", // attribute twice
      "4546".repeat(3), // never closed
      "45c60ac302199901010101", // time too short
      "45c60ac304aaaaaaaa010101", // time not BCD
      "45c60b02d8808080000101", // entity beyond 32 bits
      "45c60b830501010101", // reference outside the string table
      "45460301", // string not ended
      "054500" // another document type
    ]) {
      assert.isTrue(Result.isFailure(document(bad)), bad)
    }
    // one long string in the table, referred to again and again, is counted each time
    const table = `02056a8100${"61".repeat(127)}00`
    const bomb = `${table}4546${"8300".repeat(7000)}0101`
    assert.isTrue(Result.isFailure(decodeSic(hex(bomb))))
    assert.isTrue(Result.isSuccess(decodeSic(hex(`${table}4546${"8300".repeat(10)}0101`))))
  })
  it("is total, and any indication comes back", () => {
    const text = fc.string().filter((found) => !found.includes("\0"))
    const si = fc.record({ text, href: text, siId: text })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), si, (octets, sent) => {
        decodeSic(Uint8Array.of(2, 5, 0x6a, 0, ...octets))
        assert.deepStrictEqual(get(decodeSic(get(encodeSic(sent)))), sent)
      }),
      { numRuns: fuzzRuns }
    )
  })
})

describe("service loading", () => {
  it("comes back from both forms", () => {
    for (const action of ["execute-low", "execute-high", "cache"] as const) {
      const sl = { href: "http://www.example.com/a", action }
      assert.deepStrictEqual(get(decodeSl(get(encodeSl(sl)))), sl)
      assert.deepStrictEqual(get(decodeSlc(get(encodeSlc(sl)))), sl)
    }
  })
  it("its tokens", () => {
    assert.strictEqual(toHex(get(encodeSlc({ href: "http://www.example.com/" }))), "02066a00850a036578616d706c65008501")
  })
  it("refuses a document without an address, prefixes, and never throws", () => {
    assert.isTrue(Result.isFailure(decodeSl(ascii("<sl/>"))))
    assert.isTrue(Result.isFailure(decodeSl(ascii("<sl href='a' action='run'/>"))))
    const octets = get(encodeSlc({ href: "https://a.net/b" }))
    for (const prefix of prefixes(octets)) assert.isTrue(Result.isFailure(decodeSlc(prefix)))
    for (const flipped of bitFlips(octets)) decodeSlc(flipped)
  })
})
