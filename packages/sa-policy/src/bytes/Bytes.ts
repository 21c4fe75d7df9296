/**
 * Octet strings: text forms, concatenation, constant-time comparison, wiping. Free of Node, so that codecs and machines
 * run wherever JavaScript runs.
 *
 * @layer codec
 */
import * as Result from "effect/Result"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The UTF-8 octets of `text`. Lone surrogates become U+FFFD, as everywhere in JavaScript. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** The text of UTF-8 `octets`, or `undefined` where they are not UTF-8. A byte order mark is kept. */
export const utf8Decode = (octets: Uint8Array): string | undefined => {
  try {
    return decoder.decode(octets)
  } catch {
    return undefined
  }
}

/** All of `parts`, one after the other, in a new array. */
export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * Whether `a` and `b` hold the same octets, in time that depends on their lengths only.
 *
 * **Gotchas** The lengths themselves are not hidden: compare digests and MACs, not passwords.
 */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** Overwrites `octets` with zeros. Copies that the runtime made of them are out of reach. */
export const wipe = (octets: Uint8Array): void => {
  octets.fill(0)
}

/** Octet by octet exclusive or; the result is as long as the shorter of the two. */
export const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const out = new Uint8Array(Math.min(a.length, b.length))
  for (let i = 0; i < out.length; i++) out[i] = a[i]! ^ b[i]!
  return out
}

const hexDigits = "0123456789abcdef"
const hexPairs = Array.from({ length: 256 }, (_, i) => hexDigits[i >> 4]! + hexDigits[i & 15]!)

/** Two lower-case hexadecimal digits an octet. */
export const toHex = (octets: Uint8Array): string => {
  let out = ""
  for (let i = 0; i < octets.length; i++) out += hexPairs[octets[i]!]!
  return out
}

const hexValue = (code: number): number =>
  code >= 48 && code <= 57
    ? code - 48
    : code >= 97 && code <= 102
      ? code - 87
      : code >= 65 && code <= 70
        ? code - 55
        : -1

/** The octets of hexadecimal `text` of either case, or `undefined` for an odd length or another character. */
export const fromHex = (text: string): Uint8Array | undefined => {
  if (text.length % 2 !== 0) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) {
    const high = hexValue(text.charCodeAt(2 * i))
    const low = hexValue(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) return undefined
    out[i] = (high << 4) | low
  }
  return out
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i

/** Padded standard base64 (RFC 4648 section 4) without line breaks. */
export const toBase64 = (octets: Uint8Array): string => {
  let out = ""
  let i = 0
  for (; i + 2 < octets.length; i += 3) {
    const n = (octets[i]! << 16) | (octets[i + 1]! << 8) | octets[i + 2]!
    out += alphabet[n >> 18]! + alphabet[(n >> 12) & 63]! + alphabet[(n >> 6) & 63]! + alphabet[n & 63]!
  }
  if (i + 1 === octets.length) {
    const n = octets[i]! << 16
    out += `${alphabet[n >> 18]!}${alphabet[(n >> 12) & 63]!}==`
  } else if (i + 2 === octets.length) {
    const n = (octets[i]! << 16) | (octets[i + 1]! << 8)
    out += `${alphabet[n >> 18]! + alphabet[(n >> 12) & 63]! + alphabet[(n >> 6) & 63]!}=`
  }
  return out
}

/** Why a text is not base64. */
export type Base64Fault = "character" | "length" | "padding" | "trailing bits"

/**
 * The octets of standard base64 `text`. White space between characters is skipped and missing padding is accepted, as
 * devices send both; another character, an impossible length, padding in the middle or non-zero trailing bits is a fault,
 * so that one octet string has one text form but for white space and padding.
 */
export const fromBase64 = (text: string): Result.Result<Uint8Array, Base64Fault> => {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4) + 3)
  let bits = 0
  let held = 0
  let at = 0
  let characters = 0
  let padding = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 32 || code === 9 || code === 10 || code === 13) continue
    if (code === 61) {
      if (++padding > 2) return Result.fail("padding")
      continue
    }
    const value = code < 128 ? values[code]! : -1
    if (value < 0) return Result.fail("character")
    if (padding > 0) return Result.fail("padding")
    characters++
    held = (held << 6) | value
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (held >> bits) & 255
      held &= (1 << bits) - 1
    }
  }
  if (characters % 4 === 1) return Result.fail("length")
  if (padding > 0 && (characters + padding) % 4 !== 0) return Result.fail("padding")
  if (held !== 0) return Result.fail("trailing bits")
  return Result.succeed(out.slice(0, at))
}
