import { assert } from "@effect/vitest"
import { Redacted, Result } from "effect"
import * as fc from "fast-check"
import type { Table } from "../src/index.ts"

/** Inputs of a property; `npm run fuzz` asks for more. */
export const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

export const got = <A, E>(result: Result.Result<A, E>): A => {
  if (Result.isFailure(result)) throw result.failure
  return result.success
}

export const failed = <A, E>(result: Result.Result<A, E>): E => {
  if (Result.isSuccess(result)) throw new Error(`succeeded with ${JSON.stringify(result.success)}`)
  return result.failure
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (octets: Uint8Array): string => new TextDecoder().decode(octets)

/** `value` with secrets shown and empty repetitions left out, as values compare. */
export const plain = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return { redacted: plain(Redacted.value(value)) }
  if (value instanceof Uint8Array) return { octets: [...value] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, of]) => of !== undefined && !(Array.isArray(of) && of.length === 0))
      .map(([key, of]) => [key, plain(of)])
  )
}

export const same = (a: unknown, b: unknown): void => {
  const [left, right] = [plain(a), plain(b)]
  // texts compare faster; the difference is told by values
  if (JSON.stringify(left) !== JSON.stringify(right)) assert.deepStrictEqual(left, right)
}

const character = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(..."abcXYZ019-_.:/ ") },
  {
    weight: 3,
    arbitrary: fc.constantFrom("&", "<", ">", '"', "'", "]]>", "\r", "\n", "\t", "\r\n", "<![CDATA[", "&#65;", "\u00a0")
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0x20, max: 0x10ffff })
      .filter((code) => !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff)
      .map((code) => String.fromCodePoint(code))
  }
)

const anySimple = (type: Table.SimpleType): fc.Arbitrary<unknown> => {
  switch (type.kind) {
    case "secret":
      return anySimple(type.of).map((value) => Redacted.make(value))
    case "boolean":
      return fc.boolean()
    case "enum":
      return fc.constantFrom(...type.values)
    case "integer":
      return fc.oneof(
        fc.integer({ min: Math.max(type.min, -1000), max: Math.min(type.max, 700) }),
        fc.constantFrom(type.min, type.max)
      )
    case "dateTime":
      return fc.oneof(
        fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
        fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 })
      )
    case "base64":
      return fc.uint8Array({ minLength: type.minOctets, maxLength: Math.min(type.maxOctets, type.minOctets + 40) })
    case "string": {
      const { maxLength, pattern } = type
      const text =
        pattern === undefined
          ? fc.array(character, { maxLength: 12 }).map((parts) => parts.join(""))
          : fc.stringMatching(new RegExp(`^(?:${pattern.source})$`))
      return text.filter((value) => maxLength === undefined || value.length <= maxLength)
    }
  }
}

const anyType = (type: Table.Type): fc.Arbitrary<unknown> =>
  type.kind === "structure" ? anyStructure(type) : anySimple(type)

/** Any value of `type`, its rules kept. */
const anyStructure = (type: Table.StructureType<Table.Fields>): fc.Arbitrary<object> => {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  const requiredKeys: Array<string> = []
  for (const [key, { type: of, requirement }] of Object.entries(type.fields)) {
    if (requirement === "0..n") model[key] = fc.array(anyType(of), { maxLength: 3 })
    else if (requirement === "1..n") model[key] = fc.array(anyType(of), { minLength: 1, maxLength: 3 })
    else model[key] = anyType(of)
    if (requirement === "M" || requirement === "1..n") requiredKeys.push(key)
  }
  return fc
    .record(model, { requiredKeys, noNullPrototype: true })
    .filter((value) => type.rules.every((rule) => rule.holds(value)))
}

/** Any message of `protocol`. */
export const anyMessage = <P extends Table.Protocol<Table.AnyMessage>>(protocol: P): fc.Arbitrary<Table.AnyOf<P>> =>
  fc.oneof(
    ...protocol.messages.map(({ name, type }) =>
      anyStructure(type).map((value) => ({ _tag: name, ...value }) as Table.AnyOf<P>)
    )
  )
