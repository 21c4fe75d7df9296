/**
 * Values of the simple types as text, and back.
 *
 * @layer codec
 */
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Base64Type, EnumType, IntegerType, SimpleType, StringType } from "./Table.ts"
import { isXmlText, trim } from "./Text.ts"

/** Why a text is no value of a type, or a value has no text, as a sentence. */
export class Mistake {
  readonly clause: string
  constructor(clause: string) {
    this.clause = clause
  }
}

const patterns = new WeakMap<RegExp, RegExp>()

/** `pattern` for the whole of a text, without the state that `g` and `y` keep. */
const whole = (pattern: RegExp): RegExp => {
  let found = patterns.get(pattern)
  if (found === undefined) {
    found = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gmy]/g, ""))
    patterns.set(pattern, found)
  }
  return found
}

const stringMistake = (type: StringType, text: string): Mistake | undefined => {
  if (type.maxLength !== undefined && text.length > type.maxLength) {
    return new Mistake(`at most ${type.maxLength} characters`)
  }
  if (type.pattern === undefined || whole(type.pattern).test(text)) return undefined
  return new Mistake(`text of the form ${type.pattern.source}`)
}

const integerShape = /^-?[0-9]{1,20}$/

const integerMistake = (type: IntegerType, value: number): Mistake | undefined =>
  Number.isSafeInteger(value) && value >= type.min && value <= type.max
    ? undefined
    : new Mistake(`a whole number from ${type.min} to ${type.max}`)

const notOneOf = (type: EnumType<string>): Mistake => new Mistake(`one of ${type.values.join(", ")}`)

const enumOf = (type: EnumType<string>, text: string): string | undefined => {
  if (!type.ignoreCase) return type.values.includes(text) ? text : undefined
  const lower = text.toLowerCase()
  return type.values.find((value) => value.toLowerCase() === lower)
}

const octetsMistake = (type: Base64Type, octets: Uint8Array): Mistake | undefined =>
  octets.length >= type.minOctets && octets.length <= type.maxOctets
    ? undefined
    : new Mistake(`from ${type.minOctets} to ${type.maxOctets} octets`)

const base64Shape = /^[A-Za-z0-9+/]*={0,2}$/
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const notBase64 = new Mistake("base64 with padding, unused bits zero (RFC 4648 sections 3.5 and 4)")

const octetsOf = (text: string): Uint8Array | Mistake => {
  const digits = text.replace(/[ \t\r\n]+/g, "")
  if (digits.length % 4 !== 0 || !base64Shape.test(digits)) return notBase64
  const padding = digits.endsWith("==") ? 2 : digits.endsWith("=") ? 1 : 0
  const unused = padding === 2 ? 15 : padding === 1 ? 3 : 0
  // bits that no octet has would let one value have several spellings
  if (padding > 0 && (alphabet.indexOf(digits[digits.length - 1 - padding]!) & unused) !== 0) return notBase64
  const decoded = Base64.decode(digits)
  return Result.isSuccess(decoded) ? decoded.success : notBase64
}

const dateTimeShape =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
const notDateTime = new Mistake("a date and time with zone, of the years 0001 to 9999 (XML Schema dateTime)")
const earliest = -62_135_596_800_000
/** Milliseconds of 400 years: 146,097 days. */
const gregorianCycle = 146_097 * 86_400_000
const latest = 253_402_300_799_999

/** The number in the two digits at `at`. */
const two = (text: string, at: number): number => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528

const minute = 60_000

const timeOf = (text: string): number | Mistake => {
  if (!dateTimeShape.test(text)) return notDateTime
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  const hours = two(text, 11)
  if (hours > 23 || two(text, 14) > 59 || two(text, 17) > 59) return notDateTime
  // a year under 100 would be one of the twentieth century, and every 400 years the calendar is the same
  const date = new Date(Date.UTC(year + 400, month - 1, day))
  // a day that the month does not have ends up in another month
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return notDateTime
  const end = text.endsWith("Z") ? text.length - 1 : text.length - 6
  const milliseconds = end === 19 ? 0 : Number(text.slice(20, Math.min(end, 23)).padEnd(3, "0"))
  let time =
    date.getTime() - gregorianCycle + (hours * 60 + two(text, 14)) * minute + two(text, 17) * 1000 + milliseconds
  if (end !== text.length - 1) {
    const zone = two(text, end + 1) * 60 + two(text, end + 4)
    if (two(text, end + 1) > 14 || two(text, end + 4) > 59) return notDateTime
    time += text[end] === "-" ? zone * minute : -zone * minute
  }
  return time < earliest || time > latest ? notDateTime : time
}

/** The value of `type` that `content` says: text, or octets of WBXML. */
export const read = (type: SimpleType, content: string | Uint8Array): unknown => {
  if (type.kind === "secret") {
    const value = read(type.of, content)
    return value instanceof Mistake ? value : Redacted.make(value)
  }
  if (type.kind === "base64") {
    const octets = typeof content === "string" ? octetsOf(content) : content.slice()
    return octets instanceof Mistake ? octets : (octetsMistake(type, octets) ?? octets)
  }
  if (typeof content !== "string") return new Mistake(`text of the type ${type.kind}, not octets`)
  if (type.kind === "string") return stringMistake(type, content) ?? content
  const token = trim(content)
  if (type.kind === "boolean") return token === "true" ? true : token === "false" ? false : new Mistake("true or false")
  if (type.kind === "enum") return enumOf(type, token) ?? notOneOf(type)
  if (type.kind === "dateTime") return timeOf(token)
  const value = integerShape.test(token) ? Number(token) : Number.NaN
  return integerMistake(type, value) ?? (value === 0 ? 0 : value) // "-0" is 0
}

/** The text of `value`, or its octets, which a representation writes as it can. Never trusts the compiler's types. */
export const write = (type: SimpleType, value: unknown): string | Uint8Array | Mistake => {
  if (type.kind === "secret") {
    return Redacted.isRedacted(value) ? write(type.of, Redacted.value(value)) : new Mistake("a Redacted value")
  }
  if (type.kind === "base64") {
    return value instanceof Uint8Array ? (octetsMistake(type, value) ?? value) : new Mistake("a Uint8Array")
  }
  if (type.kind === "boolean") return typeof value === "boolean" ? String(value) : new Mistake("true or false")
  if (type.kind === "integer") {
    const number = typeof value === "number" ? value : Number.NaN
    return integerMistake(type, number) ?? String(number)
  }
  if (type.kind === "dateTime") {
    const isTime = typeof value === "number" && Number.isInteger(value) && value >= earliest && value <= latest
    return isTime ? new Date(value).toISOString().replace(".000Z", "Z") : notDateTime
  }
  if (typeof value !== "string") return new Mistake("text")
  if (type.kind === "enum") return type.values.includes(value) ? value : notOneOf(type)
  return isXmlText(value) ? (stringMistake(type, value) ?? value) : new Mistake("characters of XML 1.0 (section 2.2)")
}
