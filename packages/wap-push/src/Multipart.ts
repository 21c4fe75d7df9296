/**
 * multipart/related bodies: entities with MIME headers between boundaries, their contents octet for octet.
 *
 * @spec RFC 2046 5.1, RFC 2387
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import type { MimeHeader } from "./MimeHeader.ts"
import { concat, indexOf, latin1, latin1Decode, same } from "./Octets.ts"

/** One entity. */
export interface Part {
  readonly headers: ReadonlyArray<MimeHeader>
  /** A view where it was decoded. */
  readonly content: Uint8Array
}

export interface MultipartLimits {
  /** Entities; 8. */
  readonly maxParts: number
  /** Octets of the headers of one entity; 8,192. */
  readonly maxHeaderOctets: number
  /** Header fields of one entity; 64. */
  readonly maxHeaders: number
}

export const defaultMultipartLimits: MultipartLimits = { maxParts: 8, maxHeaderOctets: 8192, maxHeaders: 64 }

const clause = "RFC 2046 5.1.1"
const boundaryShape = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/
const fieldName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const fieldValue = /^[\t -~\x80-\xff]*$/
const blankLine = Uint8Array.of(13, 10, 13, 10)
const lineEnd = Uint8Array.of(13, 10)

const octetsOf = (text: string): Uint8Array => latin1(text)!

const readHeaders = (text: string, maxHeaders: number): ReadonlyArray<MimeHeader> | undefined => {
  if (text === "") return []
  const lines = text.split("\r\n")
  if (lines.length > maxHeaders) return undefined
  const headers: Array<MimeHeader> = []
  for (const line of lines) {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1)
    if (!fieldName.test(name) || !fieldValue.test(value)) return undefined
    headers.push([name, value.trim()])
  }
  return headers
}

/**
 * The entities of `body` between lines `--boundary`. What stands before the first and after the last boundary is passed
 * over, as MIME wants; lines end in CRLF; folded header lines are refused.
 */
export const decodeMultipart = (
  body: Uint8Array,
  boundary: string,
  limits: MultipartLimits = defaultMultipartLimits
): Result.Result<ReadonlyArray<Part>, Malformed> => {
  if (!boundaryShape.test(boundary)) return malformed("multipart", 0, "no such boundary", clause)
  const delimiter = octetsOf(`\r\n--${boundary}`)
  const first = delimiter.subarray(2)
  // the first boundary may stand at the very beginning, where no line ended before it
  const atOnce = same(body.subarray(0, first.length), first)
  const found = atOnce ? 0 : indexOf(body, delimiter)
  if (found < 0) return malformed("multipart", 0, "boundary not found", clause)
  let at = found + (atOnce ? first.length : delimiter.length)
  const parts: Array<Part> = []
  for (;;) {
    if (body[at] === 0x2d && body[at + 1] === 0x2d) return Result.succeed(parts)
    while (body[at] === 0x20 || body[at] === 0x09) at++ // transport padding
    if (body[at] !== 13 || body[at + 1] !== 10) return malformed("multipart", at, "boundary line does not end", clause)
    if (parts.length === limits.maxParts)
      return malformed("multipart", at, `more than ${limits.maxParts} parts`, clause)
    // a blank line ends the headers; without headers it follows the boundary at once
    const blank = indexOf(body.subarray(0, at + limits.maxHeaderOctets), blankLine, at)
    if (blank < 0) return malformed("multipart", at, "headers do not end, or are too long", clause)
    const headers = readHeaders(latin1Decode(body, at + 2, Math.max(blank, at + 2)), limits.maxHeaders)
    if (headers === undefined) return malformed("multipart", at, "header field", clause)
    const from = blank + blankLine.length
    // an empty entity ends in the line end of its own blank line
    const end = indexOf(body, delimiter, from - lineEnd.length)
    if (end < 0) return malformed("multipart", from, "last boundary missing", clause)
    parts.push({ headers, content: body.subarray(from, Math.max(from, end)) })
    at = end + delimiter.length
  }
}

const prefix = "oma-push-"
const digits = "0123456789abcdefghijklmnopqrstuvwxyz"

/** A boundary that stands in none of the contents: one pass over them, whatever they are. */
export const chooseBoundary = (parts: ReadonlyArray<Part>): string => {
  const used = new Set<string>()
  const needle = octetsOf(prefix)
  for (const { content } of parts) {
    for (let at = indexOf(content, needle); at >= 0; at = indexOf(content, needle, at + 1)) {
      used.add(latin1Decode(content, at + prefix.length, Math.min(at + prefix.length + 5, content.length)))
    }
  }
  for (let n = 0; ; n++) {
    let suffix = ""
    for (let rest = n, i = 0; i < 5; i++, rest = Math.floor(rest / 36)) suffix = digits[rest % 36]! + suffix
    if (!used.has(suffix)) return prefix + suffix
  }
}

/** The body with `parts` between lines `--boundary`. Fails where the boundary stands in a content or a header is none. */
export const encodeMultipart = (
  parts: ReadonlyArray<Part>,
  boundary: string
): Result.Result<Uint8Array, Unencodable> => {
  if (!boundaryShape.test(boundary)) return unencodable("multipart", "no such boundary", clause)
  const line = octetsOf(`--${boundary}`)
  const out: Array<Uint8Array> = []
  for (const { headers, content } of parts) {
    if (indexOf(content, line) >= 0) return unencodable("multipart", "the boundary stands in a content", clause)
    let text = ""
    for (const [name, value] of headers) {
      if (!fieldName.test(name) || !fieldValue.test(value)) return unencodable("multipart", "header field", clause)
      text += `${name}: ${value}\r\n`
    }
    out.push(line, octetsOf(`\r\n${text}\r\n`), content, lineEnd)
  }
  out.push(line, octetsOf("--\r\n"))
  return Result.succeed(concat(out))
}
