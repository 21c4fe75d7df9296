import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Result } from "effect"
import * as fc from "fast-check"
import { DpeMessage, DpePolicy, Property, SessionId, Vocabulary } from "../src/index.ts"
import { ProfileHeader, Resolution, UaProf } from "../src/uaprof/index.ts"
import { fuzzRuns } from "./support.ts"

const sha256 = NodePrimitives.hash("sha256")
const md5 = NodePrimitives.hash("md5")

interface Vector {
  readonly name: string
  readonly status: string
  readonly input: { readonly sessionId: string }
  readonly output: { readonly dpe2?: string }
}
const vectors: ReadonlyArray<Vector> = JSON.parse(
  readFileSync(new URL("../vectors/session-id.json", import.meta.url), "utf8")
)

describe("Session-ID", () => {
  for (const { name, status, input, output } of vectors) {
    it(name, () => {
      const stored = SessionId.storedName(sha256, "dpe-1", input.sessionId)
      if (status === "negative") return assert.isUndefined(stored)
      assert.strictEqual(SessionId.dpe2(sha256, input.sessionId), output.dpe2)
      assert.deepStrictEqual(stored, SessionId.storedName(sha256, "dpe-2", output.dpe2 ?? ""))
    })
  }
  it("one value has one spelling", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        const text = SessionId.encode(octets)
        assert.lengthOf(text, 22)
        assert.deepStrictEqual(SessionId.decode(text), octets)
      })
    )
  })
})

describe("messages", () => {
  const message: DpeMessage.DpeMessage = {
    _tag: "PropertyUpdateRequest",
    messageId: "m1",
    sessionId: "s",
    propertyDiff: [
      { operation: "set", name: "batteryLevel", type: "integer", time: 1_767_225_600_000, value: "80" },
      { operation: "remove", name: "headset", value: "" }
    ]
  }
  const document = Result.getOrThrow(DpeMessage.encode(message))

  it("goes and comes back", () => {
    assert.deepStrictEqual(Result.getOrThrow(DpeMessage.decode(document)), message)
    assert.include(Bytes.utf8Decode(document), 'xmlns="urn:oma:xml:dpe:msg:1.0"')
  })
  it("every prefix is refused, every single-bit flip is a message or refused", () => {
    for (let end = 0; end < document.length - 1; end++) {
      assert.isTrue(Result.isFailure(DpeMessage.decode(document.subarray(0, end))))
    }
    for (let bit = 0; bit < document.length * 8; bit++) {
      const flipped = document.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.isTrue(Result.isResult(DpeMessage.decode(flipped)))
    }
  })
  it("a Session-ID with a refusal, and a removal with a value, are no messages", () => {
    const status = { code: 403 }
    const response = { _tag: "RegistrationResponse", messageId: "m", status, sessionId: "s" } as const
    assert.isTrue(Result.isFailure(DpeMessage.encode(response)))
    const propertyDiff = [{ operation: "remove", name: "a", value: "b" }] as const
    assert.isTrue(Result.isFailure(DpeMessage.encode({ ...message, propertyDiff })))
  })
  it("whatever the octets are, there is an answer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => Result.isResult(DpeMessage.decode(octets))),
      { numRuns: fuzzRuns }
    )
  })
})

describe("properties", () => {
  const arrival = { interface: "dpe-1", security: "tls", now: 1000 } as const
  const set = (property: Property.Property): Property.PropertyDiff => ({ operation: "set", property })
  const applied = (known: ReadonlyArray<Property.StoredProperty>, ...diffs: ReadonlyArray<Property.PropertyDiff>) =>
    Result.getOrThrow(Property.apply(known, diffs, arrival))

  it("a late value does not bring back the past, and a time ahead shuts nothing out", () => {
    const known = applied([], set({ name: "batteryLevel", value: "80", time: 5000 }))
    assert.strictEqual(known[0]?.time, 1000)
    assert.strictEqual(applied(known, set({ name: "batteryLevel", value: "10", time: 999 }))[0]?.value, "80")
    assert.strictEqual(applied(known, set({ name: "batteryLevel", value: "10" }))[0]?.value, "10")
    assert.deepStrictEqual(applied(known, { operation: "remove", name: "batteryLevel" }), [])
  })
  it("expired values are neither kept nor shown", () => {
    assert.deepStrictEqual(applied([], set({ name: "a", value: "1", expires: 1000 })), [])
    const known = applied([], set({ name: "a", value: "1", expires: 1001 }))
    assert.lengthOf(Property.select(known, ["*"], 1000), 1)
    assert.lengthOf(Property.select(known, ["a"], 1001), 0)
  })
  it("types and the vocabulary hold", () => {
    const wrong: ReadonlyArray<Property.Property> = [
      { name: "batteryLevel", value: "101" },
      { name: "batteryLevel", value: "full" },
      { name: "batteryLevel", value: "8", type: "string" },
      { name: `${Vocabulary.namespace}#charging`, value: "yes" },
      { name: "orientation", value: "diagonal" },
      { name: "x", value: "1.2.3", type: "decimal" },
      { name: "x", value: "2026-13-01T00:00:00Z", type: "dateTime" },
      { name: "", value: "" }
    ]
    for (const property of wrong) assert.isTrue(Result.isFailure(Property.check(property)), property.name)
    assert.isTrue(
      Result.isFailure(Property.apply([], [set({ name: "a", value: "b" })], arrival, { properties: 0, characters: 9 }))
    )
    assert.isTrue(
      Result.isFailure(Property.apply([], [set({ name: "a", value: "b" })], arrival, { properties: 9, characters: 1 }))
    )
    assert.deepStrictEqual(Property.itemsOf({ name: "installed", value: "a\nb\n" }), ["a", "b"])
  })
  it("a difference applied to what was known gives what is", () => {
    const list = fc.uniqueArray(fc.record({ name: fc.constantFrom("a", "b", "c", "d"), value: fc.string() }), {
      selector: ({ name }) => name
    })
    fc.assert(
      fc.property(list, list, (before, after) => {
        const known = applied([], ...before.map(set))
        const result = applied(known, ...Property.difference(known, applied([], ...after.map(set))))
        assert.deepStrictEqual(
          new Map(result.map(({ name, value }) => [name, value])),
          new Map(after.map(({ name, value }) => [name, value]))
        )
      })
    )
  })
})

describe("policies", () => {
  it("[DPE-AUTH-001] [DPE-CONN-005] DPE-1 and DPE-2 have entries of their own", () => {
    const one = DpePolicy.entry("server", "dpe-1", { clientAuthentication: ["digest"], connection: "full" })
    const two = DpePolicy.entry("server", "dpe-2", { clientAuthentication: ["none"] })
    assert.notStrictEqual(one.interface, two.interface)
    assert.deepStrictEqual([one.connection, two.connection], [3, 0])
    assert.strictEqual(DpePolicy.limit({ limits: {} }, "queue"), DpePolicy.defaultLimits.queue)
  })
})

const profileOf = (attributes: string, defaults = ""): string => `<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:prf="http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20030226#">
 <rdf:Description rdf:ID="profile">
  <prf:component><rdf:Description rdf:ID="HardwarePlatform">
   <rdf:type rdf:resource="http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20030226#HardwarePlatform"/>
   ${attributes}${defaults === "" ? "" : `<prf:defaults><rdf:Description>${defaults}</rdf:Description></prf:defaults>`}
  </rdf:Description></prf:component>
 </rdf:Description>
</rdf:RDF>`

describe("UAProf", () => {
  const attributes = `<prf:ScreenSize>240x320</prf:ScreenSize><prf:ColorCapable>Yes</prf:ColorCapable>
    <prf:InputCharSet><rdf:Bag><rdf:li>UTF-8</rdf:li><rdf:li>US-ASCII</rdf:li></rdf:Bag></prf:InputCharSet>`
  const base = profileOf(attributes, "<prf:Keyboard>No</prf:Keyboard><prf:ScreenSize>1x1</prf:ScreenSize>")
  const parsed = (document: string) => Result.getOrThrow(UaProf.parse(document))

  it("reads components, dimensions, booleans and bags; defaults fill what is not stated", () => {
    const profile = Resolution.resolve([parsed(base)])!
    const value = (name: string) => Resolution.attributeOf(profile, "HardwarePlatform", name)!
    assert.deepStrictEqual(UaProf.dimensionOf(value("ScreenSize")), [240, 320])
    assert.isTrue(UaProf.booleanOf(value("ColorCapable")))
    assert.isFalse(UaProf.booleanOf(value("Keyboard")))
    assert.deepStrictEqual(value("InputCharSet"), { kind: "bag", items: ["UTF-8", "US-ASCII"] })
  })
  it("resolves Locked, Override and Append", () => {
    const second = parsed(
      profileOf(`<prf:ScreenSize>1x2</prf:ScreenSize>
      <prf:InputCharSet><rdf:Bag><rdf:li>UTF-8</rdf:li><rdf:li>GBK</rdf:li></rdf:Bag></prf:InputCharSet>`)
    )
    const text = (name: string, rules = Resolution.defaultRules) =>
      JSON.stringify(
        Resolution.attributeOf(Resolution.resolve([parsed(base), second], rules)!, "HardwarePlatform", name)
      )
    assert.include(text("ScreenSize"), "240x320")
    assert.include(
      text("ScreenSize", () => "Override"),
      "1x2"
    )
    assert.include(text("InputCharSet"), '["UTF-8","US-ASCII","GBK"]')
    assert.isUndefined(Resolution.resolve([]))
  })
  it("refuses what is no profile, and what is too much", () => {
    const bad = [
      base.replace('<?xml version="1.0"?>', '<!DOCTYPE a [<!ENTITY b "c">]>'),
      base.replace("rdf:RDF xmlns", "rdf:Rdf xmlns").replace("</rdf:RDF>", "</rdf:Rdf>"),
      base.replaceAll("openmobilealliance.org", "example.org"),
      base.slice(0, -20),
      ""
    ]
    for (const document of bad) assert.isTrue(Result.isFailure(UaProf.parse(document)), document.slice(0, 60))
    for (const limit of ["length", "depth", "elements", "attributes"] as const) {
      assert.isTrue(Result.isFailure(UaProf.parse(base, { ...UaProf.defaultLimits, [limit]: 1 })), limit)
    }
  })
  it("whatever the text is, there is an answer", () => {
    const parts = fc.constantFrom("<rdf:RDF", "<prf:component>", "</", ">", base.slice(0, 300), "<a/>", "&lt;", "]]>")
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string())), (texts) => Result.isResult(UaProf.parse(texts.join("")))),
      { numRuns: fuzzRuns }
    )
    for (let end = 0; end < base.length - 1; end += 7) assert.isTrue(Result.isFailure(UaProf.parse(base.slice(0, end))))
  })

  it("reads x-wap-profile and checks the MD5 of differences", () => {
    const difference = { number: 1, document: base }
    const reference = ProfileHeader.referenceTo(md5, difference)
    const field = ProfileHeader.encodeProfile([{ kind: "uri", uri: "http://example.net/phone.xml" }, reference])
    const references = Result.getOrThrow(ProfileHeader.parseProfile(field))
    assert.deepStrictEqual(references[1], reference)
    const folded = ProfileHeader.encodeDifference({ ...difference, document: base.replaceAll("\n", " \n ") })
    const read = Result.getOrThrow(ProfileHeader.parseDifference(folded, { length: 100_000, count: 1 }))
    const arranged = (given: ReadonlyArray<ProfileHeader.Difference>) => ProfileHeader.arrange(md5, references, given)
    assert.lengthOf(Result.getOrThrow(arranged([read])), 2)
    assert.isTrue(Result.isFailure(arranged([])))
    assert.isTrue(Result.isFailure(arranged([{ ...difference, document: base.replace("240", "241") }])))
    assert.isTrue(Result.isFailure(arranged([difference, difference])))
    assert.isTrue(Result.isFailure(arranged([difference, { number: 2, document: base }])))
  })
  it("refuses fields of another form", () => {
    for (const field of [
      "",
      "http://a/",
      '"http://a/" "http://b/"',
      '"ftp://a/"',
      '"1-AAAA"',
      '"http://a/",',
      '"file:///etc/passwd"'
    ]) {
      assert.isTrue(Result.isFailure(ProfileHeader.parseProfile(field)), field)
    }
    for (const field of ["", "0;<a/>", "x;<a/>", "<a/>"]) {
      assert.isTrue(Result.isFailure(ProfileHeader.parseDifference(field)), field)
    }
    fc.assert(
      fc.property(fc.string(), (text) => Result.isResult(ProfileHeader.parseProfile(text))),
      { numRuns: fuzzRuns }
    )
  })
})
