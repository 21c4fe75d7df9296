import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import {
  AccountingRecord,
  IpRanges,
  RadiusAttribute,
  RadiusAuthenticator,
  RadiusPacket
} from "../../src/external/index.ts"
import { accounting, captured, fuzzRuns, hashes, hex, sessionAttributes, utf8, vectors } from "./support.ts"

const { md5, hmacMd5 } = hashes
const decode = (octets: Uint8Array) => Result.getOrThrow(RadiusPacket.decode(octets))
const forms = (attributes: ReadonlyArray<RadiusAttribute.RadiusAttribute>) =>
  attributes.map(({ type, value }) => ({ type, valueHex: Bytes.toHex(value) }))

describe("packets of FreeRADIUS and radclient", () => {
  for (const { name, input, output } of captured) {
    const secret = utf8(input.secret)
    const request = hex(input.requestHex)
    const response = hex(input.responseHex)
    it(`${name}: decodes, and encodes to the same octets`, () => {
      for (const [octets, code, attributes] of [
        [request, output.requestCode, output.requestAttributes],
        [response, output.responseCode, output.responseAttributes]
      ] as const) {
        const packet = decode(octets)
        assert.strictEqual(packet.code, code)
        assert.strictEqual(packet.identifier, output.identifier)
        assert.deepStrictEqual(forms(packet.attributes), attributes)
        assert.deepStrictEqual(Bytes.toHex(Result.getOrThrow(RadiusPacket.encode(packet))), Bytes.toHex(octets))
      }
    })
    it(`${name}: authenticators hold with the secret and with no other`, () => {
      const { authenticator, code } = decode(request)
      assert.isTrue(RadiusAuthenticator.holdsResponse(md5, response, authenticator, secret))
      assert.isFalse(RadiusAuthenticator.holdsResponse(md5, response, authenticator, utf8("testing124")))
      if (code === 4) {
        assert.isTrue(RadiusAuthenticator.holdsAccountingRequest(md5, request, secret))
        assert.isFalse(RadiusAuthenticator.holdsAccountingRequest(md5, request, utf8("testing124")))
      }
    })
    it(`${name}: no changed bit of either packet holds`, () => {
      const { authenticator, code } = decode(request)
      const flips = (octets: Uint8Array, holds: (changed: Uint8Array) => boolean) => {
        for (let bit = 0; bit < octets.length * 8; bit++) {
          const changed = octets.slice()
          changed[bit >> 3]! ^= 1 << (bit & 7)
          const decoded = RadiusPacket.decode(changed)
          if (Result.isFailure(decoded)) continue
          const length = (changed[2]! << 8) | changed[3]!
          assert.isFalse(holds(changed.subarray(0, length)), `bit ${bit}`)
        }
      }
      flips(response, (changed) => RadiusAuthenticator.holdsResponse(md5, changed, authenticator, secret))
      if (code === 4) flips(request, (changed) => RadiusAuthenticator.holdsAccountingRequest(md5, changed, secret))
    })
    it(`${name}: no prefix decodes`, () => {
      for (const octets of [request, response]) {
        for (let length = 0; length < octets.length; length++) {
          assert.isTrue(Result.isFailure(RadiusPacket.decode(octets.subarray(0, length))))
        }
      }
    })
  }

  const byName = (name: string) => captured.find((vector) => vector.name === `radius/${name}`)!
  for (const name of ["pap-accept", "pap-accept-with-message-authenticator"]) {
    it(`${name}: the password is hidden as radclient hides it`, () => {
      const { input } = byName(name)
      const { authenticator, attributes } = decode(hex(input.requestHex))
      const hidden = RadiusAttribute.single(attributes, 2)!
      const secret = utf8(input.secret)
      const ours = Result.getOrThrow(RadiusAuthenticator.hidePassword(md5, utf8("wonderland"), authenticator, secret))
      assert.strictEqual(Bytes.toHex(ours), Bytes.toHex(hidden))
      assert.deepStrictEqual(
        Bytes.utf8Decode(RadiusAuthenticator.revealPassword(md5, hidden, authenticator, secret)!),
        "wonderland"
      )
    })
  }
  it("chap-accept: CHAP-Password is what radclient computed", () => {
    const { authenticator, attributes } = decode(hex(byName("chap-accept").input.requestHex))
    const sent = RadiusAttribute.single(attributes, 3)!
    const ours = RadiusAuthenticator.chapPassword(md5, sent[0]!, utf8("wonderland"), authenticator)
    assert.strictEqual(Bytes.toHex(ours), Bytes.toHex(sent))
  })
  for (const name of ["pap-accept-with-message-authenticator", "status-server"]) {
    it(`${name}: the Message-Authenticator holds, and not with another secret or a changed octet`, () => {
      const { input } = byName(name)
      const octets = hex(input.requestHex)
      const { authenticator } = decode(octets)
      const judge = (packet: Uint8Array, secret: string) =>
        RadiusAuthenticator.judgeMessageAuthenticator(hmacMd5, packet, authenticator, utf8(secret))
      assert.strictEqual(judge(octets, input.secret), "holds")
      assert.strictEqual(judge(octets, "other"), "wrong")
      const changed = octets.slice()
      changed[1]! ^= 1
      assert.strictEqual(judge(changed, input.secret), "wrong")
    })
  }
  it("nothing is changed in the octets of a caller, a Buffer included", () => {
    const { input } = byName("status-server")
    const octets = Buffer.from(input.requestHex, "hex")
    RadiusAuthenticator.judgeMessageAuthenticator(hmacMd5, octets, new Uint8Array(16), utf8(input.secret))
    RadiusAuthenticator.withAuthenticator(octets, new Uint8Array(16))
    RadiusAuthenticator.revealPassword(md5, octets.subarray(0, 16), new Uint8Array(16), utf8(input.secret))
    assert.strictEqual(octets.toString("hex"), input.requestHex)
  })
  it("pap-accept: there is no Message-Authenticator", () => {
    const octets = hex(byName("pap-accept").input.requestHex)
    assert.strictEqual(RadiusAuthenticator.messageAuthenticatorAt(octets), -1)
  })

  for (const [name, status] of [
    ["acct-start", "Start"],
    ["acct-interim-update", "Interim-Update"],
    ["acct-stop", "Stop"]
  ] as const) {
    it(`${name}: the record of the session`, () => {
      const record = Result.getOrThrow(AccountingRecord.decode(decode(hex(byName(name).input.requestHex)).attributes))!
      assert.strictEqual(record.status, status)
      assert.deepStrictEqual(record.nas, ["id:ggsn1", "ip:192.0.2.1"])
      assert.strictEqual(record.sessionId, Bytes.toHex(utf8("0A0B0C0D00000001")))
      assert.deepStrictEqual(
        record.addresses.map(({ address, prefix }) => IpRanges.networkOf(address, prefix)),
        ["10.20.30.40/32"]
      )
      assert.deepStrictEqual(record.names, [
        { kind: "msisdn", subject: "15551230001" },
        { kind: "imsi", subject: "001010123456789" },
        { kind: "user", subject: "alice@example.com" }
      ])
      assert.strictEqual(record.calledStation, "internet.apn")
      assert.strictEqual(record.imsiMccMnc, "00101")
      assert.isUndefined(record.ggsnMccMnc)
      assert.strictEqual(record.eventTimestamp, 0x6b007c90)
    })
  }
})

describe("packets that are none", () => {
  for (const { name, note, input } of vectors.filter(({ status }) => status === "negative")) {
    it(`${name}: ${note}`, () => {
      const decoded = RadiusPacket.decode(hex(input.packetHex))
      assert.isTrue(Result.isFailure(decoded))
    })
  }
  it("octets behind the length are padding", () => {
    const octets = accounting([RadiusAttribute.text(1, "a")])
    assert.lengthOf(decode(Bytes.concat(octets, new Uint8Array(7))).attributes, 1)
  })
  const empty = { code: 4, identifier: 0, authenticator: new Uint8Array(16), attributes: [] }
  for (const [what, packet] of [
    ["a code of two octets", { ...empty, code: 256 }],
    ["an identifier that is no number", { ...empty, identifier: Number.NaN }],
    ["a short authenticator", { ...empty, authenticator: new Uint8Array(15) }],
    ["attribute type 0", { ...empty, attributes: [RadiusAttribute.make(0, new Uint8Array(1))] }],
    ["a value of 254 octets", { ...empty, attributes: [RadiusAttribute.make(1, new Uint8Array(254))] }],
    ["201 attributes", { ...empty, attributes: Array.from({ length: 201 }, () => RadiusAttribute.text(1, "")) }],
    [
      "4,097 octets",
      { ...empty, attributes: Array.from({ length: 17 }, () => RadiusAttribute.make(1, new Uint8Array(253))) }
    ]
  ] as const) {
    it(`is not written: ${what}`, () => assert.isTrue(Result.isFailure(RadiusPacket.encode(packet))))
  }
})

describe("properties of the codec", () => {
  const attribute = fc.record({ type: fc.integer({ min: 1, max: 255 }), value: fc.uint8Array({ maxLength: 40 }) })
  const packet = fc.record({
    code: fc.nat(255),
    identifier: fc.nat(255),
    authenticator: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    attributes: fc.array(attribute, { maxLength: 40 })
  })
  it("what is written is read back", () => {
    fc.assert(
      fc.property(packet, (value) => {
        const octets = Result.getOrThrow(RadiusPacket.encode(value))
        const back = decode(octets)
        assert.deepStrictEqual(forms(back.attributes), forms(value.attributes))
        assert.strictEqual(Bytes.toHex(Result.getOrThrow(RadiusPacket.encode(back))), Bytes.toHex(octets))
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("any octets: a value or RadiusMalformed, and what decodes encodes to its octets; records too", () => {
    const start = accounting(sessionAttributes({ status: 1, session: "s", address: "10.0.0.1", msisdn: "15551230001" }))
    const mutated = fc
      .tuple(
        fc.constantFrom(start, ...captured.map(({ input }) => hex(input.requestHex))),
        fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 6 })
      )
      .map(([octets, changes]) => {
        const copy = octets.slice()
        for (const [at, octet] of changes) copy[at % copy.length] = octet
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (octets) => {
        const decoded = RadiusPacket.decode(octets)
        if (Result.isFailure(decoded)) return assert.strictEqual(decoded.failure._tag, "RadiusMalformed")
        const length = (octets[2]! << 8) | octets[3]!
        assert.strictEqual(
          Bytes.toHex(Result.getOrThrow(RadiusPacket.encode(decoded.success))),
          Bytes.toHex(octets.subarray(0, length))
        )
        const record = AccountingRecord.decode(decoded.success.attributes)
        if (Result.isFailure(record)) assert.strictEqual(record.failure._tag, "RadiusMalformed")
        RadiusAttribute.vendorValueOf(decoded.success.attributes, 10415, 1)
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("a hidden password is revealed by the same secret", () => {
    const password = fc.uint8Array({ max: 255, min: 1, maxLength: 128 })
    const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(password, sixteen, fc.uint8Array({ minLength: 1, maxLength: 40 }), (text, authenticator, secret) => {
        const hidden = Result.getOrThrow(RadiusAuthenticator.hidePassword(md5, text, authenticator, secret))
        assert.strictEqual(hidden.length % 16, 0)
        const revealed = RadiusAuthenticator.revealPassword(md5, hidden, authenticator, secret)!
        assert.strictEqual(Bytes.toHex(revealed), Bytes.toHex(text))
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("passwords that RADIUS cannot hide are refused, lengths that are none too", () => {
    const hide = (text: Uint8Array) => RadiusAuthenticator.hidePassword(md5, text, new Uint8Array(16), utf8("s"))
    assert.isTrue(Result.isFailure(hide(new Uint8Array(129).fill(65))))
    assert.isTrue(Result.isFailure(hide(utf8("a\0b"))))
    for (const length of [0, 15, 17, 144]) {
      assert.isUndefined(RadiusAuthenticator.revealPassword(md5, new Uint8Array(length), new Uint8Array(16), utf8("s")))
    }
  })
  it("a Message-Authenticator that stands twice, or has another length, cannot be used", () => {
    const twice = [80, 80].map((type) => RadiusAttribute.make(type, new Uint8Array(16)))
    assert.strictEqual(RadiusAuthenticator.messageAuthenticatorAt(accounting(twice)), -1)
    assert.strictEqual(
      RadiusAuthenticator.messageAuthenticatorAt(accounting([RadiusAttribute.make(80, new Uint8Array(15))])),
      -1
    )
    assert.strictEqual(RadiusAuthenticator.messageAuthenticatorAt(accounting([twice[0]!])), 22)
  })
})

describe("records", () => {
  const read = (attributes: ReadonlyArray<RadiusAttribute.RadiusAttribute>) => AccountingRecord.decode(attributes)
  const start = sessionAttributes({ status: 1, session: "s", address: "10.0.0.1", msisdn: "15551230001", at: 1 })
  for (const type of [40, 44, 8, 31, 32, 55]) {
    it(`attribute ${type} may not stand twice`, () => {
      const again = start.find((attribute) => attribute.type === type)!
      assert.isTrue(Result.isSuccess(read(start)))
      assert.isTrue(Result.isFailure(read([...start, again])))
    })
  }
  it("a status of tunnels says nothing about an address", () =>
    assert.isUndefined(Result.getOrThrow(read(sessionAttributes({ status: 9, session: "s" })))))
  for (const [what, attributes] of [
    ["no status", start.slice(1)],
    ["no session", start.filter(({ type }) => type !== 44)],
    ["an address of 5 octets", [...start.filter(({ type }) => type !== 8), RadiusAttribute.make(8, new Uint8Array(5))]],
    ["a time of 3 octets", [...start.filter(({ type }) => type !== 55), RadiusAttribute.make(55, new Uint8Array(3))]],
    ["a delay of 8 octets", [...start, RadiusAttribute.make(41, new Uint8Array(8))]],
    ["a prefix of 129 bits", [...start, RadiusAttribute.make(97, Uint8Array.of(0, 129))]],
    ["a prefix shorter than its length", [...start, RadiusAttribute.make(97, hex("004020010db8"))]],
    ["a prefix with bits behind its length", [...start, RadiusAttribute.make(97, hex("002020010db801"))]],
    ["IPv4 inside an IPv6 prefix", [...start, RadiusAttribute.make(97, hex("008000000000000000000000ffff0a000001"))]]
  ] as const) {
    it(`malformed: ${what}`, () => assert.isTrue(Result.isFailure(read(attributes))))
  }
  it("an IPv6 prefix", () => {
    const record = Result.getOrThrow(read([...start, RadiusAttribute.make(97, hex("004020010db800000001"))]))!
    assert.strictEqual(record.addresses[1]?.prefix, 64)
  })
  it("a number that is none gives no MSISDN", () => {
    const named = (text: string) =>
      Result.getOrThrow(read(sessionAttributes({ status: 1, session: "s", msisdn: text })))!.names
    assert.deepStrictEqual(named("+1 555 123 0001"), [{ kind: "msisdn", subject: "15551230001" }])
    for (const text of ["alice", "0155", "00-11-22-33-44-55", "1234567890123456", "15551230001\0"]) {
      assert.deepStrictEqual(named(text), [])
    }
  })
  it("sub-attributes of 3GPP: another vendor, a broken length, one that stands twice", () => {
    const imsi = utf8("001010123456789")
    const get = (...attributes: ReadonlyArray<RadiusAttribute.RadiusAttribute>) =>
      RadiusAttribute.vendorValueOf(attributes, 10415, 1)
    const good = RadiusAttribute.vendor(10415, 1, imsi)
    assert.strictEqual(Bytes.toHex(get(good)!), Bytes.toHex(imsi))
    assert.isUndefined(get(RadiusAttribute.vendor(10416, 1, imsi)))
    assert.isUndefined(get(good, good))
    assert.isUndefined(get(RadiusAttribute.make(26, hex("000028af0100"))))
    assert.isUndefined(get(RadiusAttribute.make(26, hex("000028af0105aa"))))
    assert.isUndefined(get(RadiusAttribute.make(26, hex("0000"))))
  })
})
