/**
 * The primitive encodings of WSP headers: variable length integers, short and long integers, text, and the rule by which
 * a value of unknown meaning is passed over.
 *
 * @spec WAP-230-WSP 8.4, as summarised in the wire profile of this package
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Unencodable, unencodable } from "./Malformed.ts"
import { type Cursor, concat, latin1, octet, peek, take, untilNul } from "./Octets.ts"

/**
 * A header or parameter value as its first octet tells it apart: `Short` one octet (0-127), `Octets` a counted octet string
 * (long integers, dates, structured values), `Text` up to NUL. A quoted-string keeps its leading `"`.
 */
export type WspValue =
  | { readonly _tag: "Short"; readonly value: number }
  | { readonly _tag: "Octets"; readonly octets: Uint8Array }
  | { readonly _tag: "Text"; readonly text: string }

/** A one-octet value, 0-127. */
export const short = (value: number): WspValue => ({ _tag: "Short", value })
/** A counted octet string. */
export const octets = (value: Uint8Array): WspValue => ({ _tag: "Octets", octets: value })
/** A text value. */
export const text = (value: string): WspValue => ({ _tag: "Text", text: value })

/** Reads a uintvar of at most five octets and 32 bits; `undefined` where it ends early or is larger. */
export const readUintvar = (c: Cursor): number | undefined => {
  let value = 0
  for (let i = 0; i < 5; i++) {
    const next = octet(c)
    if (next === undefined) return undefined
    value = value * 128 + (next & 0x7f)
    if (value > 0xffffffff) return undefined
    if (next < 0x80) return value
  }
  return undefined
}

/** The shortest uintvar of `value`, 0 to 2^32 - 1. */
export const uintvar = (value: number): Uint8Array => {
  const out = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) out.unshift(0x80 | (rest % 128))
  return Uint8Array.from(out)
}

/** Reads any value by the length rules; `undefined` where it does not end inside the cursor. */
export const readValue = (c: Cursor): WspValue | undefined => {
  const first = peek(c)
  if (first === undefined) return undefined
  if (first >= 0x80) {
    c.at++
    return short(first & 0x7f)
  }
  if (first < 0x20) {
    c.at++
    const length = first === 0x1f ? readUintvar(c) : first
    const value = length === undefined ? undefined : take(c, length)
    return value === undefined ? undefined : octets(value)
  }
  return readText(c)
}

/** Reads text up to NUL; the quote octet 7F that goes before a first character of 80 or above is dropped. */
export const readText = (c: Cursor): WspValue | undefined => {
  const found = untilNul(c)
  return found === undefined ? undefined : text(found.charCodeAt(0) === 0x7f ? found.slice(1) : found)
}

/** Value-length and the octets after it. */
export const counted = (value: Uint8Array): Uint8Array =>
  value.length <= 30
    ? concat([Uint8Array.of(value.length), value])
    : concat([Uint8Array.of(0x1f), uintvar(value.length), value])

/** The octets of a value. Text must be Latin-1 without NUL. */
export const writeValue = (value: WspValue): Result.Result<Uint8Array, Unencodable> => {
  switch (value._tag) {
    case "Short":
      return Number.isInteger(value.value) && value.value >= 0 && value.value < 0x80
        ? Result.succeed(Uint8Array.of(0x80 | value.value))
        : unencodable("short-integer", "not 0-127", "WSP 8.4.2.1")
    case "Octets":
      return Result.succeed(counted(value.octets))
    case "Text":
      return writeText(value.text)
  }
}

/** NUL terminated text, with the quote octet where the first character asks for it. */
export const writeText = (value: string): Result.Result<Uint8Array, Unencodable> => {
  const found = latin1(value)
  if (found === undefined || found.includes(0)) {
    return unencodable("text-string", "not Latin-1, or holds a NUL", "WSP 8.4.2.1")
  }
  const first = found[0] ?? 0
  const quote = first < 0x20 || first >= 0x7f // else a reader takes it for a length or a number
  return Result.succeed(
    quote ? concat([Uint8Array.of(0x7f), found, Uint8Array.of(0)]) : concat([found, Uint8Array.of(0)])
  )
}

/** The shortest integer-value: one octet up to 127, else a long-integer. Whole numbers up to 2^53 - 1. */
export const integer = (value: number): WspValue => {
  if (value < 0x80) return short(value)
  const out: Array<number> = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) out.unshift(rest % 256)
  return octets(Uint8Array.from(out))
}

/** The number of an integer-value, or `undefined` where it is text or has more than 53 bits. */
export const toInteger = (value: WspValue): number | undefined => {
  if (value._tag === "Short") return value.value
  if (value._tag === "Text" || value.octets.length === 0) return undefined
  let number = 0
  for (const part of value.octets) {
    number = number * 256 + part
    if (number > Number.MAX_SAFE_INTEGER) return undefined
  }
  return number
}

/** The text of a text value without the mark of a quoted-string, or `undefined` where it is no text. */
export const toText = (value: WspValue): string | undefined =>
  value._tag === "Text" ? (value.text.startsWith('"') ? value.text.slice(1) : value.text) : undefined
