import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { Malformed, TooLarge, Wbxml, Xml } from "../src/index.ts"
import { anyMessage, corpus, decode, got, open, same } from "./codec.ts"
import { fuzzRuns } from "./crypto.ts"

/** Milliseconds for one test: they grow with the number of inputs asked for. */
const patience = 5000 + fuzzRuns * 20

/**
 * A value or a declared failure, within the time that no message needs. What decodes can be sent in both representations,
 * unless a command is invalid or a Status came without its references.
 */
const total = (octets: Uint8Array, isXml: boolean): void => {
  const before = performance.now()
  const result = decode(octets, isXml)
  const spent = performance.now() - before
  assert.isBelow(spent, 1000)
  if (Result.isFailure(result)) {
    assert.isTrue(result.failure instanceof Malformed || result.failure instanceof TooLarge)
    return
  }
  const isSendable = !JSON.stringify(result.success).match(/"_tag":"Invalid"|"(cmdId|msgRef|cmdRef|cmd)":""/)
  for (const encode of [Xml.encode, Wbxml.encode]) {
    const again = encode(result.success)
    if (Result.isSuccess(again)) continue
    assert.strictEqual(again.failure._tag, "Unencodable")
    assert.isFalse(isSendable, again.failure.message)
  }
}

describe("every message of the model", () => {
  it(
    "comes back the same from XML and from WBXML",
    () => {
      fc.assert(
        fc.property(anyMessage, (message) => {
          const viaXml = got(Xml.decode(got(Xml.encode(message))))
          same(viaXml, message)
          same(got(Wbxml.decode(got(Wbxml.encode(message)))), message)
          same(got(Wbxml.decode(got(Wbxml.encode(viaXml)))), viaXml)
        }),
        { numRuns: Math.ceil(fuzzRuns / 12) }
      )
    },
    patience
  )
})

describe("every valid message, damaged", () => {
  const shortest = (isXml: boolean) =>
    corpus.filter((document) => document.isXml === isXml).sort((a, b) => a.octets.length - b.octets.length)

  it("each prefix is refused", () => {
    for (const { octets, isXml } of corpus) {
      const step = octets.length > 2000 ? 17 : isXml ? 3 : 1
      for (let length = 0; length < octets.length; length += step) {
        const result = decode(octets.subarray(0, length), isXml)
        assert.isTrue(Result.isFailure(result), `${length} of ${octets.length}`)
      }
    }
  }, 30_000)

  it("each single-bit flip of WBXML is a value or a declared failure", () => {
    for (const { octets } of shortest(false).slice(0, 6)) {
      const copy = new Uint8Array(octets)
      for (let bit = 0; bit < octets.length * 8; bit++) {
        copy[bit >> 3]! ^= 1 << (bit & 7)
        total(copy, false)
        copy[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  }, 30_000)

  it("each single-bit flip of XML is a value or a declared failure", () => {
    for (const { octets } of shortest(true).slice(0, 2)) {
      const copy = new Uint8Array(octets)
      for (let bit = 0; bit < octets.length * 8; bit++) {
        copy[bit >> 3]! ^= 1 << (bit & 7)
        total(copy, true)
        copy[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
  }, 30_000)

  const damaged = fc
    .tuple(
      fc.constantFrom(...corpus.filter(({ octets }) => octets.length < 1500)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(8), fc.uint8Array({ maxLength: 6 })), {
        minLength: 1,
        maxLength: 6
      })
    )
    .map(([{ octets, isXml }, edits]) => {
      let out = new Uint8Array(octets)
      for (const [place, byte, cut, insert] of edits) {
        const at = place % (out.length + 1)
        out = Uint8Array.from([...out.subarray(0, at), byte, ...insert, ...out.subarray(at + cut)])
      }
      return { octets: out, isXml }
    })

  it(
    "edits are a value or a declared failure",
    () => {
      fc.assert(
        fc.property(damaged, ({ octets, isXml }) => total(octets, isXml)),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )
})

describe("what was never valid", () => {
  it(
    "octets",
    () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (octets, isXml) => total(octets, isXml)),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )

  it(
    "WBXML tokens behind a good header",
    () => {
      const token = fc.oneof(
        fc.constantFrom(0x00, 0x01, 0x02, 0x03, 0x04, 0x43, 0x44, 0x83, 0x84, 0xc3, 0xc4, 0x40, 0x80),
        fc.integer({ min: 0x45, max: 0x7c }),
        fc.nat(255)
      )
      fc.assert(
        fc.property(fc.array(token, { maxLength: 200 }), (body) => {
          total(Uint8Array.of(0x02, 0xa4, 0x01, 0x6a, 4, 0x61, 0, 0xc3, 0, 0x6d, ...body), false)
          total(Uint8Array.of(0x02, 0xa4, 0x01, 0x6a, 0, 0x6d, 0x6c, ...body), false)
        }),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )

  it(
    "XML made of the vocabulary",
    () => {
      const name = fc.constantFrom(
        "SyncML",
        "SyncHdr",
        "SyncBody",
        "Status",
        "Chal",
        "Cred",
        "Meta",
        "Data",
        "Item",
        "Type",
        "Final",
        "v:X"
      )
      const piece = fc.oneof(
        name.map((n) => `<${n}>`),
        name.map((n) => `</${n}>`),
        name.map((n) => `<${n}/>`),
        name.map((n) => `<${n} xmlns='syncml:metinf' a="1">`),
        fc.constantFrom(
          "<![CDATA[",
          "]]>",
          "<!--",
          "-->",
          "&amp;",
          "&#x41;",
          "&x;",
          "<?a b?>",
          "text",
          " ",
          "<!DOCTYPE a [",
          "]>",
          "\u0000"
        )
      )
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 60 }), (pieces) =>
          total(Bytes.utf8(`<SyncML>${pieces.join("")}`), true)
        ),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )
})

it(
  "a message that decodes is encoded to one that decodes to the same",
  () => {
    const bytes = fc.constantFrom(...corpus.filter(({ octets, isXml }) => !isXml && octets.length < 1500))
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat(7), ({ octets }, place, bit) => {
        const copy = new Uint8Array(octets)
        copy[place % copy.length]! ^= 1 << bit
        const first = Wbxml.decode(copy)
        if (Result.isFailure(first)) return
        const encoded = Wbxml.encode(first.success)
        if (Result.isFailure(encoded)) return
        assert.deepStrictEqual(open(got(Wbxml.decode(encoded.success))), open(first.success))
      }),
      { numRuns: fuzzRuns }
    )
  },
  patience
)
