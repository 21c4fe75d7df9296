import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import { Malformed, type Table, TooLarge, Wbxml, Xml } from "../src/index.ts"
import { ofProtocol } from "../src/schema/index.ts"
import { corpus } from "./corpus.ts"
import { dcd } from "./dcd.ts"
import { dpe } from "./dpe.ts"
import { anyMessage, fuzzRuns, got, plain, same } from "./support.ts"

type Protocol = Table.Protocol<Table.AnyMessage>

/** Milliseconds for one test: they grow with the number of inputs asked for. */
const patience = 10_000 + fuzzRuns * 20

const decode = (protocol: Protocol, octets: Uint8Array, isXml: boolean) =>
  (isXml ? Xml.decode : Wbxml.decode)(protocol, octets)

const schemas = new Map<Protocol, (value: unknown) => boolean>([
  [dcd, Schema.is(ofProtocol(dcd))],
  [dpe, Schema.is(ofProtocol(dpe))]
])

/** A message that can be sent again, or a declared failure, in the time that no message needs. */
const declared = (protocol: Protocol, octets: Uint8Array, isXml: boolean): Table.AnyOf<Protocol> | undefined => {
  const before = performance.now()
  const result = decode(protocol, octets, isXml)
  assert.isBelow(performance.now() - before, 1000)
  if (Result.isFailure(result)) {
    assert.isTrue(result.failure instanceof Malformed || result.failure instanceof TooLarge)
    return undefined
  }
  const message = result.success
  same(got(Xml.decode(protocol, got(Xml.encode(protocol, message)))), message)
  return message
}

/** The same, and its Schema takes the message and WBXML carries it too. */
const total = (protocol: Protocol, octets: Uint8Array, isXml: boolean): boolean => {
  const message = declared(protocol, octets, isXml)
  if (message === undefined) return false
  assert.isTrue(schemas.get(protocol)!(message), JSON.stringify(plain(message)))
  same(got(Wbxml.decode(protocol, got(Wbxml.encode(protocol, message)))), message)
  return true
}

describe("every message of the tables", () => {
  const protocols: ReadonlyArray<readonly [string, Protocol]> = [
    ["DCD", dcd],
    ["DPE", dpe]
  ]
  for (const [name, protocol] of protocols) {
    it(
      `comes back the same from XML and from WBXML: ${name}`,
      () => {
        fc.assert(
          fc.property(anyMessage(protocol), (message) => {
            assert.isTrue(schemas.get(protocol)!(message))
            const xml = got(Xml.encode(protocol, message))
            same(got(Xml.decode(protocol, xml)), message)
            const wbxml = got(Wbxml.encode(protocol, message))
            same(got(Wbxml.decode(protocol, wbxml)), message)
            assert.deepStrictEqual(got(Xml.encode(protocol, got(Wbxml.decode(protocol, wbxml)))), xml)
          }),
          { numRuns: Math.ceil(fuzzRuns / 2) }
        )
      },
      patience
    )
  }

  it(
    "is refused with the same path and clause by the Schema's sibling, the writer, when a row is taken out",
    () => {
      fc.assert(
        fc.property(anyMessage<Protocol>(dcd), fc.nat(), (message, n) => {
          const keys = Object.keys(message).filter((key) => key !== "_tag")
          const key = keys[n % Math.max(1, keys.length)]
          const { [key ?? ""]: _, ...rest } = { ...message } as Record<string, unknown>
          const table = dcd.messages.find(({ name }) => name === message._tag)!
          const damaged = { ...rest, _tag: message._tag }
          const isGood = schemas.get(dcd)!(damaged)
          assert.strictEqual(Result.isSuccess(Xml.encode<Protocol>(dcd, damaged)), isGood, table.name)
        }),
        { numRuns: Math.ceil(fuzzRuns / 4) }
      )
    },
    patience
  )
})

describe("every valid document, damaged", () => {
  it("each prefix is refused", () => {
    for (const { protocol, octets, isXml } of corpus) {
      // what follows the root element of XML is white space
      const end = isXml ? octets.length - 1 : octets.length
      for (let length = 0; length < end; length++) {
        assert.isFalse(total(protocol, octets.subarray(0, length), isXml), `${length} of ${octets.length}`)
      }
    }
  }, 60_000)

  it("each single-bit flip is a message or a declared failure", () => {
    let messages = 0
    for (const { protocol, octets, isXml } of corpus) {
      const copy = new Uint8Array(octets)
      for (let bit = 0; bit < octets.length * 8; bit++) {
        copy[bit >> 3]! ^= 1 << (bit & 7)
        if (declared(protocol, copy, isXml) !== undefined) messages++
        copy[bit >> 3]! ^= 1 << (bit & 7)
      }
      assert.deepStrictEqual(copy, octets)
    }
    assert.isAbove(messages, 0)
  }, 60_000)

  const sample = fc.constantFrom(...corpus)

  it(
    "several mutations at once are a message or a declared failure",
    () => {
      const edit = fc.record({
        at: fc.nat(),
        cut: fc.nat({ max: 12 }),
        paste: fc.oneof(
          fc.uint8Array({ maxLength: 8 }),
          fc
            .constantFrom(
              "<",
              ">",
              "</",
              "/>",
              "&",
              "&#0;",
              "<!--",
              "]]>",
              "<![CDATA[",
              "<!DOCTYPE a>",
              "<?x ?>",
              "xmlns:a=''",
              "\ufeff"
            )
            .map((text) => new TextEncoder().encode(text)),
          fc
            .tuple(sample, fc.nat(), fc.nat({ max: 80 }))
            .map(([{ octets }, from, length]) => octets.subarray(from % octets.length, (from % octets.length) + length))
        )
      })
      fc.assert(
        fc.property(sample, fc.array(edit, { minLength: 1, maxLength: 5 }), ({ protocol, octets, isXml }, edits) => {
          let mutant = [...octets]
          for (const { at, cut, paste } of edits) {
            const from = at % (mutant.length + 1)
            mutant = [...mutant.slice(0, from), ...paste, ...mutant.slice(from + cut)]
          }
          total(protocol, Uint8Array.from(mutant), isXml)
        }),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )

  it(
    "any WBXML behind a good header is a message or a declared failure",
    () => {
      const token = fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 0x44, 0x84, 0xc4, 0x83, 0xc3, 0x43, 0x40, 0x80) },
        { weight: 4, arbitrary: fc.integer({ min: 5, max: 0xff }) },
        { weight: 2, arbitrary: fc.integer({ min: 0x45, max: 0x60 }) }
      )
      const table = new TextEncoder().encode("Message-Type\0ClientDeactivationRequest\0Version\0xmlns\0")
      const body = fc.array(token, { maxLength: 60 })
      fc.assert(
        fc.property(body, fc.boolean(), (tokens, isStarted) => {
          const start = isStarted ? [0x45, 0x46, 0x83, 13, 1] : []
          total(dcd, Uint8Array.from([3, 1, 0x6a, table.length, ...table, ...start, ...tokens]), false)
        }),
        { numRuns: fuzzRuns }
      )
    },
    patience
  )
})
