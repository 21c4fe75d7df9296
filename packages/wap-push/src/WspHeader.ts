/**
 * Header fields of a WSP PDU: well-known names by number, extension names as text, code pages.
 *
 * @spec WAP-230-WSP 8.4.2.6, 8.4.2.70; OMNA WSP header registry
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { type Cursor, concat, octet, peek, untilNul } from "./Octets.ts"
import { readValue, toText, type WspValue, writeText, writeValue } from "./WspValue.ts"

/**
 * One header field. `name` is that of the registry, in its case, or the text of an extension header; a number without a
 * known name stands as `0xNN`, on a page other than 1 as `N:0xNN`.
 */
export interface WspHeader {
  readonly name: string
  readonly value: WspValue
}

/** Numbers of header names on code page 1. */
export const headerCodes: ReadonlyArray<readonly [code: number, name: string]> = [
  [0x00, "Accept"],
  [0x0c, "Content-Language"],
  [0x0d, "Content-Length"],
  [0x0e, "Content-Location"],
  [0x11, "Content-Type"],
  [0x12, "Date"],
  [0x14, "Expires"],
  [0x29, "User-Agent"],
  [0x2f, "X-Wap-Application-Id"],
  [0x30, "X-Wap-Content-URI"],
  [0x31, "X-Wap-Initiator-URI"],
  [0x32, "Accept-Application"],
  [0x33, "Bearer-Indication"],
  [0x34, "Push-Flag"],
  [0x35, "Profile"],
  [0x36, "Profile-Diff"],
  [0x43, "Encoding-Version"]
]

const nameByCode = new Map(headerCodes)
const codeByName = new Map(headerCodes.map(([code, name]) => [name.toLowerCase(), { code, name }]))

const clause = "WSP 8.4.2.6"
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const numbered = /^(?:(\d{1,3}):)?0x([0-9a-f]{2})$/

const nameOf = (page: number, code: number): string => {
  const digits = `0x${code.toString(16).padStart(2, "0")}`
  return page === 1 ? (nameByCode.get(code) ?? digits) : `${page}:${digits}`
}

/** How many header fields are read at most. */
export const defaultMaxHeaders = 64

/** Reads header fields up to the end of the cursor. */
export const readHeaders = (
  c: Cursor,
  maxHeaders = defaultMaxHeaders
): Result.Result<ReadonlyArray<WspHeader>, Malformed> => {
  const headers: Array<WspHeader> = []
  let page = 1
  while (c.at < c.end) {
    const first = peek(c)!
    if (first < 0x20 || first === 0x7f) {
      octet(c)
      const shift = first === 0x7f ? octet(c) : first
      if (shift === undefined || shift === 0) return malformed("headers", c.at, "no such code page", clause)
      page = shift
      continue
    }
    if (headers.length === maxHeaders) return malformed("headers", c.at, `more than ${maxHeaders} fields`, clause)
    const start = c.at
    let name: string | undefined
    if (first >= 0x80) {
      octet(c)
      name = nameOf(page, first & 0x7f)
    } else {
      const spelled = untilNul(c)
      name = spelled === undefined ? undefined : (codeByName.get(spelled.toLowerCase())?.name ?? spelled)
      if (name === undefined || !token.test(name)) return malformed("headers", start, "not a header name", clause)
    }
    const value = readValue(c)
    if (value === undefined) return malformed("headers", c.at, "value cut off", clause)
    headers.push({ name, value })
  }
  return Result.succeed(headers)
}

const placeOf = (name: string): { readonly page: number; readonly code: number } | undefined => {
  const known = codeByName.get(name.toLowerCase())
  if (known !== undefined) return { page: 1, code: known.code }
  const found = numbered.exec(name)
  if (found === null) return undefined
  const page = Number(found[1] ?? 1)
  const code = Number.parseInt(found[2]!, 16)
  return code < 0x80 && page >= 1 && page <= 255 && nameOf(page, code) === name ? { page, code } : undefined
}

/** The octets of header fields: names by number where there is one, with the code page shifts that they need. */
export const writeHeaders = (headers: ReadonlyArray<WspHeader>): Result.Result<Uint8Array, Unencodable> => {
  const parts: Array<Uint8Array> = []
  let page = 1
  for (const header of headers) {
    const place = placeOf(header.name)
    if (place !== undefined) {
      if (place.page !== page) {
        parts.push(place.page < 0x20 ? Uint8Array.of(place.page) : Uint8Array.of(0x7f, place.page))
        page = place.page
      }
      parts.push(Uint8Array.of(0x80 | place.code))
    } else {
      if (!token.test(header.name)) return unencodable("headers", "not a header name", clause)
      const name = writeText(header.name)
      if (Result.isFailure(name)) return name
      parts.push(name.success)
    }
    const value = writeValue(header.value)
    if (Result.isFailure(value)) return value
    parts.push(value.success)
  }
  return Result.succeed(concat(parts))
}

/** The value of the first field `name`, whatever its case, or `undefined`. */
export const findHeader = (headers: ReadonlyArray<WspHeader>, name: string): WspValue | undefined => {
  const wanted = name.toLowerCase()
  return headers.find((header) => header.name.toLowerCase() === wanted)?.value
}

/** The text of the first field `name`, or `undefined` where it is absent or no text. */
export const findText = (headers: ReadonlyArray<WspHeader>, name: string): string | undefined => {
  const value = findHeader(headers, name)
  return value === undefined ? undefined : toText(value)
}
