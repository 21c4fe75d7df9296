/**
 * The value of the transport header `x-syncml-hmac`.
 *
 * The header stands outside of the message so that the code can be checked before the message is parsed. Its name is
 * compared without regard to letter case; here is its value alone.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/** The name of the header, in lower case as HTTP libraries give it. */
export const headerName = "x-syncml-hmac"

/** The algorithms by their tokens. `MD5` is published; `SHA256` is our own choice of a token. */
export type HmacAlgorithm = "MD5" | "SHA256"

export interface SyncmlHmacHeader {
  readonly algorithm: HmacAlgorithm
  /** Equals `Source/LocName` of the header of the message. */
  readonly username: string
  /** Base64 as it stands in the header; `MessageMac.decode` gives the octets. */
  readonly mac: string
}

/** Why a value is refused. */
export type HmacHeaderFault =
  | "syntax"
  | "character"
  | "too long"
  | "unknown parameter"
  | "repeated parameter"
  | "unknown algorithm"
  | "username missing"
  | "mac missing"

/** The header does not parse; `offset` counts octets from the start of the value. */
export class MalformedHmacHeader extends Data.TaggedError("MalformedHmacHeader")<{
  readonly fault: HmacHeaderFault
  readonly offset: number
}> {
  override get message(): string {
    return `x-syncml-hmac: ${this.fault} at offset ${this.offset}`
  }
}

/** What the header may take: octets of the whole value, of the user name, characters of the code. */
export interface HmacHeaderLimits {
  readonly value: number
  readonly username: number
  readonly mac: number
  /** Tokens of `algorithm=` in upper case, and what they mean. */
  readonly algorithms: ReadonlyMap<string, HmacAlgorithm>
}

export const defaultHmacHeaderLimits: HmacHeaderLimits = {
  value: 1024,
  username: 255,
  mac: 128,
  algorithms: new Map([
    ["MD5", "MD5"],
    ["SHA256", "SHA256"]
  ])
}

const isSpace = (code: number): boolean => code === 32 || code === 9
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isToken = (code: number): boolean => isLetter(code) || isDigit(code) || code === 45 || code === 95 || code === 46
const isBase64 = (code: number): boolean => isLetter(code) || isDigit(code) || code === 43 || code === 47 || code === 61
const isText = (code: number): boolean => code === 9 || (code >= 32 && code <= 255 && code !== 127)

const octetsOf = (value: string): Uint8Array => {
  const out = new Uint8Array(value.length)
  for (let i = 0; i < value.length; i++) out[i] = value.charCodeAt(i)
  return out
}

/**
 * The parts of a header value, read in one pass: `algorithm`, `username` and `mac` in any order, separated by commas, with
 * optional white space. A missing algorithm means MD5.
 *
 * `value` has one character for each octet, as HTTP libraries give header values; octets of the user name above 127 are
 * UTF-8, or Latin-1 where they are not.
 *
 * **Fails** with `MalformedHmacHeader`: another parameter, one that stands twice, a user name that is no quoted string,
 * control characters even behind a backslash, anything beyond `limits`.
 *
 * @spec DM Security 1.2, x-syncml-hmac; RFC 2616 section 2.2 for quoted strings
 */
export const parse = (
  value: string,
  limits: HmacHeaderLimits = defaultHmacHeaderLimits
): Result.Result<SyncmlHmacHeader, MalformedHmacHeader> => {
  const refuse = (fault: HmacHeaderFault, offset: number) => Result.fail(new MalformedHmacHeader({ fault, offset }))
  const end = value.length
  if (end > limits.value) return refuse("too long", limits.value)
  let at = 0
  let algorithm: HmacAlgorithm | undefined
  let username: string | undefined
  let mac: string | undefined
  const space = () => {
    while (at < end && isSpace(value.charCodeAt(at))) at++
  }
  for (;;) {
    space()
    const nameAt = at
    while (at < end && isToken(value.charCodeAt(at))) at++
    const name = value.slice(nameAt, at).toLowerCase()
    space()
    if (name === "" || value.charCodeAt(at) !== 61) return refuse("syntax", at)
    at++
    space()
    const from = at
    if (name === "username") {
      if (username !== undefined) return refuse("repeated parameter", nameAt)
      if (value.charCodeAt(at) !== 34) return refuse("syntax", at)
      let text = ""
      for (at++; at < end && value.charCodeAt(at) !== 34; at++) {
        if (value.charCodeAt(at) === 92) at++
        if (at >= end) break
        if (!isText(value.charCodeAt(at))) return refuse("character", at)
        text += value[at]
        if (text.length > limits.username) return refuse("too long", at)
      }
      if (at >= end) return refuse("syntax", end)
      at++
      username = Bytes.utf8Decode(octetsOf(text)) ?? text
    } else if (name === "mac") {
      if (mac !== undefined) return refuse("repeated parameter", nameAt)
      while (at < end && isBase64(value.charCodeAt(at))) at++
      mac = value.slice(from, at)
      if (mac.length > limits.mac) return refuse("too long", from)
      if (mac === "") return refuse("mac missing", from)
    } else if (name === "algorithm") {
      if (algorithm !== undefined) return refuse("repeated parameter", nameAt)
      while (at < end && isToken(value.charCodeAt(at))) at++
      algorithm = limits.algorithms.get(value.slice(from, at).toUpperCase())
      if (algorithm === undefined) return refuse("unknown algorithm", from)
    } else {
      return refuse("unknown parameter", nameAt)
    }
    space()
    if (at >= end) break
    if (value.charCodeAt(at) !== 44) return refuse("syntax", at)
    at++
  }
  if (username === undefined) return refuse("username missing", end)
  if (mac === undefined) return refuse("mac missing", end)
  return Result.succeed({ algorithm: algorithm ?? "MD5", username, mac })
}

/** A user name that cannot stand in a header: it holds a control character. */
export class UnencodableHmacHeader extends Data.TaggedError("UnencodableHmacHeader")<{ readonly clause: string }> {}

/**
 * The header value, one character for each octet, in the order of the published example; quotation marks and backslashes
 * of the user name are escaped.
 *
 * **Fails** with `UnencodableHmacHeader` where the user name holds a control character: it would end or split the header.
 */
export const build = (header: SyncmlHmacHeader): Result.Result<string, UnencodableHmacHeader> => {
  let quoted = ""
  for (const octet of Bytes.utf8(header.username)) {
    if (octet === 127 || (octet < 32 && octet !== 9)) {
      return Result.fail(new UnencodableHmacHeader({ clause: "RFC 2616 section 2.2: no control character in TEXT" }))
    }
    if (octet === 34 || octet === 92) quoted += "\\"
    quoted += String.fromCharCode(octet)
  }
  return Result.succeed(`algorithm=${header.algorithm}, username="${quoted}", mac=${header.mac}`)
}
