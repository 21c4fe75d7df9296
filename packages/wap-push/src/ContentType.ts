/**
 * The Content-Type of a push: names and assigned numbers of media types, parameters, and the forms on the air.
 *
 * @spec WAP-230-WSP 8.4.2.24; OMNA content type registry
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { type Cursor, concat, cursor, octet, peek } from "./Octets.ts"
import {
  counted,
  integer,
  readUintvar,
  readValue,
  text,
  toInteger,
  toText,
  type WspValue,
  writeText,
  writeValue
} from "./WspValue.ts"

/** A parameter: text, a number, or octets of a form that this codec does not know. */
export interface Parameter {
  /** Lower case; a number without a known name stands as `0xNN`. */
  readonly name: string
  readonly value: string | number | Uint8Array
}

/** A media type with its parameters. `media` is lower case; a number without a known name stands as `unknown/0xNN`. */
export interface ContentType {
  readonly media: string
  readonly parameters: ReadonlyArray<Parameter>
}

/** A content type from a name and parameters, for example `contentType("application/vnd.oma.dcd")`. */
export const contentType = (media: string, parameters: ReadonlyArray<Parameter> = []): ContentType => ({
  media: media.toLowerCase(),
  parameters
})

/** Assigned numbers of media types. */
export const mediaCodes: ReadonlyArray<readonly [code: number, media: string]> = [
  [0x00, "*/*"],
  [0x02, "text/html"],
  [0x03, "text/plain"],
  [0x08, "text/vnd.wap.wml"],
  [0x0b, "multipart/*"],
  [0x0c, "multipart/mixed"],
  [0x0d, "multipart/form-data"],
  [0x0e, "multipart/byteranges"],
  [0x0f, "multipart/alternative"],
  [0x10, "application/*"],
  [0x14, "application/vnd.wap.wmlc"],
  [0x22, "application/vnd.wap.multipart.*"],
  [0x23, "application/vnd.wap.multipart.mixed"],
  [0x24, "application/vnd.wap.multipart.form-data"],
  [0x25, "application/vnd.wap.multipart.byteranges"],
  [0x26, "application/vnd.wap.multipart.alternative"],
  [0x27, "application/xml"],
  [0x28, "text/xml"],
  [0x29, "application/vnd.wap.wbxml"],
  [0x2d, "text/vnd.wap.si"],
  [0x2e, "application/vnd.wap.sic"],
  [0x2f, "text/vnd.wap.sl"],
  [0x30, "application/vnd.wap.slc"],
  [0x31, "text/vnd.wap.co"],
  [0x32, "application/vnd.wap.coc"],
  [0x33, "application/vnd.wap.multipart.related"],
  [0x34, "application/vnd.wap.sia"],
  [0x35, "text/vnd.wap.connectivity-xml"],
  [0x36, "application/vnd.wap.connectivity-wbxml"],
  [0x3e, "application/vnd.wap.mms-message"],
  [0x42, "application/vnd.syncml.dm+wbxml"],
  [0x43, "application/vnd.syncml.dm+xml"],
  [0x44, "application/vnd.syncml.notification"],
  [0x4e, "application/vnd.syncml.ds.notification"],
  [0x51, "application/vnd.oma.dd2+xml"],
  [0x52, "application/mikey"],
  [0x53, "application/vnd.oma.dcd"],
  [0x54, "application/vnd.oma.dcdc"],
  [0x5a, "application/octet-stream"],
  [0x5b, "application/json"]
]

const nameByCode = new Map(mediaCodes)
const codeByName = new Map(mediaCodes.map(([code, media]) => [media, code]))
const numbered = /^unknown\/0x([0-9a-f]{1,6})$/

/** The media type with the number `code`. */
export const mediaOf = (code: number): string => nameByCode.get(code) ?? `unknown/0x${code.toString(16)}`

/** The number of `media`, or `undefined` where it has none. */
export const codeOf = (media: string): number | undefined => {
  const known = codeByName.get(media.toLowerCase())
  if (known !== undefined) return known
  const found = numbered.exec(media)
  if (found === null) return undefined
  const code = Number.parseInt(found[1]!, 16)
  return mediaOf(code) === media ? code : undefined
}

type Kind = "charset" | "integer" | "text" | "media"
const parameterCodes: ReadonlyArray<readonly [code: number, name: string, kind: Kind]> = [
  [0x01, "charset", "charset"],
  [0x09, "type", "media"],
  [0x0a, "start", "text"],
  [0x11, "sec", "integer"],
  [0x12, "mac", "text"]
]
const parameterByCode = new Map(parameterCodes.map(([code, name, kind]) => [code, { name, kind }]))
const parameterByName = new Map(parameterCodes.map(([code, name, kind]) => [name, { code, kind }]))

const charsets: ReadonlyArray<readonly [mibEnum: number, name: string]> = [
  [3, "us-ascii"],
  [4, "iso-8859-1"],
  [106, "utf-8"],
  [1000, "iso-10646-ucs-2"],
  [1015, "utf-16"]
]
const charsetByNumber = new Map(charsets)
const numberByCharset = new Map(charsets.map(([mibEnum, name]) => [name, mibEnum]))

const clause = "WSP 8.4.2.24"

const plain = (value: WspValue): string | number | Uint8Array =>
  toInteger(value) ?? toText(value) ?? (value._tag === "Octets" ? value.octets : "")

const typed = (kind: Kind | undefined, value: WspValue): Parameter["value"] => {
  const found = plain(value)
  if (kind === "charset") {
    return typeof found === "number"
      ? (charsetByNumber.get(found) ?? found)
      : typeof found === "string"
        ? found.toLowerCase()
        : found
  }
  if (kind === "media") {
    return typeof found === "number" ? mediaOf(found) : typeof found === "string" ? found.toLowerCase() : found
  }
  return found
}

const readParameterName = (c: Cursor): string | undefined => {
  const value = readValue(c)
  if (value === undefined) return undefined
  if (value._tag === "Text") return value.text === "" ? undefined : value.text.toLowerCase()
  const code = toInteger(value)
  return code === undefined ? undefined : (parameterByCode.get(code)?.name ?? `0x${code.toString(16)}`)
}

const readParameter = (c: Cursor): Parameter | undefined => {
  const name = readParameterName(c)
  const value = name === undefined ? undefined : readValue(c)
  if (name === undefined || value === undefined) return undefined
  return { name, value: typed(parameterByName.get(name)?.kind, value) }
}

const readMedia = (c: Cursor): string | undefined => {
  const value = readValue(c)
  if (value === undefined) return undefined
  const code = toInteger(value)
  if (code !== undefined) return mediaOf(code)
  return value._tag === "Text" && value.text !== "" ? value.text.toLowerCase() : undefined
}

/** How many parameters are read at most. */
export const defaultMaxParameters = 16

/** Reads a Content-Type value of either form; the cursor stands behind it afterwards. */
export const readContentType = (
  c: Cursor,
  maxParameters = defaultMaxParameters
): Result.Result<ContentType, Malformed> => {
  const start = c.at
  const first = peek(c)
  if (first === undefined) return malformed("Content-Type", start, "missing", clause)
  if (first >= 0x20) {
    const media = readMedia(c)
    return media === undefined
      ? malformed("Content-Type", start, "not a media type", clause)
      : Result.succeed({ media, parameters: [] })
  }
  octet(c)
  const length = first === 0x1f ? readUintvar(c) : first
  if (length === undefined || length > c.end - c.at)
    return malformed("Content-Type", start, "longer than the headers", clause)
  const inner = cursor(c.octets, c.at, c.at + length)
  c.at += length
  const media = readMedia(inner)
  if (media === undefined) return malformed("Content-Type", inner.at, "not a media type", clause)
  const parameters: Array<Parameter> = []
  while (inner.at < inner.end) {
    if (parameters.length === maxParameters) {
      return malformed("Content-Type", inner.at, `more than ${maxParameters} parameters`, clause)
    }
    const parameter = readParameter(inner)
    if (parameter === undefined) return malformed("Content-Type", inner.at, "parameter cut off", clause)
    parameters.push(parameter)
  }
  return Result.succeed({ media, parameters })
}

const generic = (value: string | number | Uint8Array): Result.Result<Uint8Array, Unencodable> =>
  typeof value === "string"
    ? writeText(value)
    : writeValue(typeof value === "number" ? integer(value) : { _tag: "Octets", octets: value })

const parameterValue = (kind: Kind | undefined, value: Parameter["value"]): Result.Result<Uint8Array, Unencodable> => {
  if (typeof value === "string" && kind === "charset") {
    const number = numberByCharset.get(value.toLowerCase()) // an unlisted set has no number that we know
    return number === undefined ? writeText(value) : writeValue(integer(number))
  }
  if (typeof value === "string" && kind === "media") {
    const code = codeOf(value)
    return writeValue(code === undefined ? text(value) : integer(code))
  }
  return generic(value)
}

const unnamedCode = (name: string): number | undefined => {
  const code = /^0x[0-9a-f]{1,2}$/.test(name) ? Number.parseInt(name.slice(2), 16) : undefined
  return code === undefined || parameterByCode.has(code) ? undefined : code
}

const writeParameter = ({ name, value }: Parameter): Result.Result<Uint8Array, Unencodable> => {
  if (name === "") return unencodable("Content-Type", "parameter without a name", clause)
  const known = parameterByName.get(name.toLowerCase())
  const code = known?.code ?? unnamedCode(name)
  const token = code === undefined ? writeText(name) : writeValue(integer(code))
  return Result.flatMap(token, (head) => Result.map(parameterValue(known?.kind, value), (tail) => concat([head, tail])))
}

/** The octets of a Content-Type: by number where there is one, in the constrained form where there are no parameters. */
export const writeContentType = (type: ContentType): Result.Result<Uint8Array, Unencodable> => {
  if (type.media === "") return unencodable("Content-Type", "empty", clause)
  const code = codeOf(type.media)
  const media = code === undefined ? writeText(type.media) : writeValue(integer(code))
  if (Result.isFailure(media)) return media
  if (type.parameters.length === 0 && (code === undefined || code < 0x80)) return media
  const parts = [media.success]
  for (const parameter of type.parameters) {
    const written = writeParameter(parameter)
    if (Result.isFailure(written)) return written
    parts.push(written.success)
  }
  return Result.succeed(counted(concat(parts)))
}
