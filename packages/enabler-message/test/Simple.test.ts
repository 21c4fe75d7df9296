import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { Table, Xml } from "../src/index.ts"
import { failed, got, plain, textOf, utf8 } from "./support.ts"

const { attribute, base64, boolean, content, dateTime, integer, mandatory, message, oneOf, secret, string, structure } =
  Table

/** One value of `type` in an element and in an attribute. */
const holder = (type: Table.SimpleType) =>
  Table.protocol({
    root: "r",
    namespace: "urn:r",
    messages: [
      message("M", "a test", {
        v: mandatory("V", structure({ a: attribute(mandatory("a", type)), c: content(type) }))
      })
    ]
  })

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
const read = (type: Table.SimpleType, text: string) => {
  const good = escaped(text)
  const document = `<r xmlns="urn:r"><Message-Type>M</Message-Type><V a="${good}">${good}</V></r>`
  return Xml.decode(holder(type), utf8(document))
}

const valid: ReadonlyArray<readonly [type: Table.SimpleType, text: string, value: unknown, canonical?: string]> = [
  [string(), "", ""],
  [string(), " a  b ", " a  b "],
  [string({ maxLength: 2 }), "ab", "ab"],
  [string({ pattern: /a|b/g }), "b", "b"],
  [integer(), "0", 0],
  [integer(), "-0", 0, "0"],
  [integer(), " 007 ", 7, "7"],
  [integer(), "9007199254740991", Number.MAX_SAFE_INTEGER],
  [integer({ min: -5, max: -1 }), "-5", -5],
  [boolean, "true", true],
  [boolean, " false ", false, "false"],
  [oneOf(["a", "B"]), "B", "B"],
  [oneOf(["a", "B"], { ignoreCase: true }), " b", "B", "B"],
  [dateTime, "2026-01-01T00:00:00Z", 1_767_225_600_000],
  [dateTime, "2026-01-01T01:30:00.5+01:30", 1_767_225_600_500, "2026-01-01T00:00:00.500Z"],
  [dateTime, "2025-12-31T23:59:59.999999999-00:00", 1_767_225_599_999, "2025-12-31T23:59:59.999Z"],
  [dateTime, "0001-01-01T00:00:00Z", -62_135_596_800_000],
  [dateTime, "9999-12-31T23:59:59.999Z", 253_402_300_799_999],
  [dateTime, "2024-02-29T00:00:00Z", 1_709_164_800_000],
  [dateTime, "0096-02-29T12:00:00Z", -59132548800000],
  [base64(), "", new Uint8Array(0)],
  [base64(), " aGVs\n bG8= ", utf8("hello"), "aGVsbG8="],
  [base64({ minOctets: 2, maxOctets: 2 }), "+/8=", Uint8Array.of(0xfb, 0xff)],
  [secret(string()), "s", Redacted.make("s")],
  [secret(base64()), "AA==", Redacted.make(Uint8Array.of(0))]
]

const invalid: ReadonlyArray<readonly [type: Table.SimpleType, texts: ReadonlyArray<string>]> = [
  [string({ maxLength: 2 }), ["abc"]],
  [string({ pattern: /a|bc/ }), ["ab", "xbc", "a ", ""]],
  [
    integer(),
    ["", "-1", "+1", "1.0", "1e3", "0x10", "٣", "1 2", "9007199254740992", "1".repeat(21), "NaN", "Infinity"]
  ],
  [integer({ min: 1, max: 9 }), ["0", "10", "-5"]],
  [boolean, ["", "1", "0", "TRUE", "yes", "true false", "\u00a0true"]],
  [oneOf(["a", "B"]), ["A", "b", "", "a B", "toString"]],
  [oneOf(["a", "B"], { ignoreCase: true }), ["ab", "", "á"]],
  [
    dateTime,
    [
      "",
      "2026-01-01",
      "2026-01-01T00:00:00",
      "2026-01-01 00:00:00Z",
      "2026-02-29T00:00:00Z",
      "2026-02-30T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:60Z",
      "2026-01-01T00:00:00+15:00",
      "2026-01-01T00:00:00+01:60",
      "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00.1234567890Z",
      "0000-01-01T00:00:00Z",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      "-2026-01-01T00:00:00Z",
      "+012026-01-01T00:00:00Z",
      "2026-1-1T00:00:00Z",
      "2026-01-01t00:00:00z"
    ]
  ],
  [base64(), ["A", "AA", "AAA", "AA=A", "A===", "====", "AA==AA==", "AB==", "AAB=", "A-__", "AAA\u00a0", "A*=="]],
  [base64({ minOctets: 2, maxOctets: 2 }), ["", "AA==", "AAAA"]],
  [secret(base64({ minOctets: 1 })), ["", "?"]]
]

describe("simple types", () => {
  for (const [type, text, value, canonical = text] of valid) {
    it(`${type.kind} reads ${JSON.stringify(text)}`, () => {
      const message = got(read(type, text))
      assert.deepStrictEqual(plain(message.v), plain({ a: value, c: value }))
      const written = textOf(got(Xml.encode(holder(type), message)))
      assert.isTrue(written.includes(`<V a="${canonical}">${canonical}</V>`) || written.includes(`<V a=""/>`), written)
    })
  }

  it.each(invalid.flatMap(([type, texts]) => texts.map((text) => [type, text] as const)))(
    "%j refuses %j",
    (type, text) => {
      const failure = failed(read(type, text))
      assert.strictEqual(failure._tag, "Malformed")
      assert.isTrue(failure._tag === "Malformed" && failure.reason === "wrong type" && failure.path === "M/V/@a")
    }
  )

  const unwritable: ReadonlyArray<readonly [Table.SimpleType, ReadonlyArray<unknown>]> = [
    [string(), [1, null, "\u0001", "\ufffe", "\udc00"]],
    [string({ maxLength: 1 }), ["ab"]],
    [integer(), [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n]],
    [boolean, ["true", 1]],
    [oneOf(["a"]), ["A", 1]],
    [dateTime, [0.5, 8.64e15, -1e15, "2026-01-01T00:00:00Z", Number.NaN]],
    [base64(), ["AA==", [0]]],
    [base64({ maxOctets: 1 }), [new Uint8Array(2)]],
    [secret(string()), ["s", Redacted.make(1)]]
  ]
  it.each(unwritable.flatMap(([type, values]) => values.map((value) => [type, value] as const)))(
    "%j has no text for %s",
    (type, value) => {
      const message = { _tag: "M", v: { a: value, c: value } }
      const failure = failed(Xml.encode(holder(type), message as Table.AnyOf<ReturnType<typeof holder>>))
      assert.isTrue(failure._tag === "Unencodable" && failure.path === "M/V/@a")
    }
  )
})
