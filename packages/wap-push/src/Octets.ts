/**
 * Octet strings for the codecs of this package: text forms, concatenation, and a cursor that never reads past its end.
 * Free of Node, so that the codecs run in a browser.
 *
 * @layer codec
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The UTF-8 octets of `text`. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** The text of UTF-8 `octets`, or `undefined` where they are not UTF-8. A byte order mark is kept. */
export const utf8Decode = (octets: Uint8Array): string | undefined => {
  try {
    return decoder.decode(octets)
  } catch {
    return undefined
  }
}

/** One octet for each character, or `undefined` where a character is above U+00FF. */
export const latin1 = (text: string): Uint8Array | undefined => {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) return undefined
    out[i] = code
  }
  return out
}

/** One character for each octet, so that any octets survive the way through text and back. */
export const latin1Decode = (octets: Uint8Array, from = 0, to = octets.length): string => {
  let out = ""
  for (let i = from; i < to; i++) out += String.fromCharCode(octets[i]!)
  return out
}

/** All of `parts`, one after the other, in a new array. */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
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

/** Whether both hold the same octets. Not for secrets: it stops at the first difference. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Where `needle` begins in `octets` at or after `from`, or -1. */
export const indexOf = (octets: Uint8Array, needle: Uint8Array, from = 0): number => {
  if (needle.length === 0) return from <= octets.length ? from : -1
  const last = octets.length - needle.length
  let at = octets.indexOf(needle[0]!, from)
  while (at >= 0 && at <= last) {
    let i = 1
    while (i < needle.length && octets[at + i] === needle[i]) i++
    if (i === needle.length) return at
    at = octets.indexOf(needle[0]!, at + 1)
  }
  return -1
}

/** A place in `octets` that moves forward as values are read, never past `end`. */
export interface Cursor {
  readonly octets: Uint8Array
  at: number
  readonly end: number
}

/** A cursor over `octets` from `at` up to, not including, `end`. */
export const cursor = (octets: Uint8Array, at = 0, end = octets.length): Cursor => ({ octets, at, end })

/** The next octet without moving, or `undefined` at the end. */
export const peek = (c: Cursor): number | undefined => (c.at < c.end ? c.octets[c.at] : undefined)

/** The next octet, or `undefined` at the end. */
export const octet = (c: Cursor): number | undefined => (c.at < c.end ? c.octets[c.at++] : undefined)

/** The next `length` octets as a view, or `undefined` where fewer are left. */
export const take = (c: Cursor, length: number): Uint8Array | undefined => {
  if (length > c.end - c.at) return undefined
  const view = c.octets.subarray(c.at, c.at + length)
  c.at += length
  return view
}

/** The octets up to the next NUL as Latin-1 text; the NUL is passed over. `undefined` where there is none. */
export const untilNul = (c: Cursor): string | undefined => {
  const nul = c.octets.indexOf(0, c.at)
  if (nul < 0 || nul >= c.end) return undefined
  const text = latin1Decode(c.octets, c.at, nul)
  c.at = nul + 1
  return text
}
