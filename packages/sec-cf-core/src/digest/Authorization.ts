/**
 * `Authorization` and `Proxy-Authorization` with the Digest scheme: the answer of a client, as a value and as a header
 * field.
 *
 * @layer codec
 * @spec RFC 7616 3.4; RFC 3310 3.4 (auts)
 */
import * as Result from "effect/Result"
import type { Qop } from "./Challenge.ts"
import { DigestMalformed } from "./DigestError.ts"
import * as ExtValue from "./ExtValue.ts"
import {
  defaultFieldLimits,
  type FieldLimits,
  FieldScanner,
  fromFieldText,
  isAscii,
  isToken,
  quote,
  quoteAscii,
  toFieldText
} from "./FieldScanner.ts"

/** Digest credentials as they stood in the field, quoting undone. All texts but username and realm are US-ASCII. */
export interface Authorization {
  /** The name, or its hash where `userhash` says so. */
  readonly username: string
  readonly userhash: boolean
  readonly realm: string
  /** Empty in the first request on Ub (TS 24.109), which only names the user. */
  readonly nonce: string
  readonly uri: string
  /** Lower-case hexadecimal; empty together with the nonce. */
  readonly response: string
  /** As written; absent means MD5. */
  readonly algorithm: string | undefined
  readonly cnonce: string | undefined
  readonly opaque: string | undefined
  /** As written: `auth`, `auth-int` or what the client made up. */
  readonly qop: string | undefined
  /** The eight hexadecimal digits as written, since they are hashed as written. */
  readonly nc: string | undefined
  /** Base64 of AUTS: the client asks for resynchronisation. */
  readonly auts: string | undefined
}

/** What a field said: nothing of ours, or Digest credentials. */
export type Credentials = Authorization | undefined

/** A bit for each directive, so that those seen make a number. */
const bits = {
  username: 1,
  "username*": 2,
  realm: 4,
  nonce: 8,
  uri: 16,
  response: 32,
  algorithm: 64,
  cnonce: 128,
  opaque: 256,
  qop: 512,
  nc: 1024,
  userhash: 2048,
  auts: 4096
} as const

/** Directives that RFC 7616 3.4 has in quotes. The others may be quoted or not: clients of the field do both. */
const mustBeQuoted =
  bits.username | bits.realm | bits.nonce | bits.uri | bits.response | bits.cnonce | bits.opaque | bits.auts
/** A quoted-pair is legal here. Elsewhere the alphabet needs none, and it would give one value two spellings. */
const mayBeEscaped = bits.username | bits.realm | bits.cnonce
/** Octets above 127 are legal here. */
const mayBeUtf8 = bits.username | bits.realm
const needed = bits.realm | bits.nonce | bits.uri | bits.response

const bitOf = (name: string): number => {
  switch (name) {
    case "username":
    case "username*":
    case "realm":
    case "nonce":
    case "uri":
    case "response":
    case "algorithm":
    case "cnonce":
    case "opaque":
    case "qop":
    case "nc":
    case "userhash":
    case "auts":
      return bits[name]
    default:
      return 0
  }
}

const isHex = (text: string, upper: boolean): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (upper && code >= 65 && code <= 70)))
      return false
  }
  return true
}

/** The count of an `nc` directive: exactly eight hexadecimal digits, from 1; `undefined` otherwise. */
export const countOf = (nc: string): number | undefined => {
  if (nc.length !== 8 || !isHex(nc, true)) return undefined
  const count = Number.parseInt(nc, 16)
  return count === 0 ? undefined : count
}

type Draft = { -readonly [K in keyof Authorization]: Authorization[K] }

const readDirectives = (scanner: FieldScanner, limits: FieldLimits): Draft | undefined => {
  const draft: Draft = {
    username: "",
    userhash: false,
    realm: "",
    nonce: "",
    uri: "",
    response: "",
    algorithm: undefined,
    cnonce: undefined,
    opaque: undefined,
    qop: undefined,
    nc: undefined,
    auts: undefined
  }
  let seen = 0
  let count = 0
  let others: Array<string> | undefined
  scanner.skipCommas()
  while (!scanner.ended) {
    if (++count > limits.maxParameters) return void scanner.fail("too many parameters", "limit maxParameters")
    if (!scanner.readName()) return undefined
    const { name } = scanner
    const mask = bitOf(name)
    if ((mask & seen) !== 0 || (mask === 0 && others?.includes(name) === true)) {
      return void scanner.fail("a directive stands twice", "RFC 9110 11.2: a name occurs once")
    }
    if (!scanner.readValue()) return undefined
    seen |= mask
    if (mask === 0) {
      if (others === undefined) others = [name]
      else others.push(name)
    } else {
      const { value } = scanner
      if ((mask & mustBeQuoted) !== 0 && !scanner.quoted) {
        return void scanner.fail(`${name} is not quoted`, "RFC 7616 3.4: quoted-string syntax")
      }
      if (scanner.escaped && (mask & mayBeEscaped) === 0) {
        return void scanner.fail(`${name} holds a quoted-pair that it does not need`, "RFC 7616 3.4")
      }
      if ((mask & mayBeUtf8) === 0 && !scanner.plain) {
        return void scanner.fail(`${name} is not printable US-ASCII`, "RFC 7616 3.4")
      }
      if (!assign(draft, name, value, scanner)) return undefined
    }
    if (!scanner.readSeparator()) return undefined
  }
  return complete(draft, seen, scanner) ? draft : undefined
}

const assign = (draft: Draft, name: string, value: string, scanner: FieldScanner): boolean => {
  switch (name) {
    case "username":
      draft.username = scanner.plain ? value : fromFieldText(value)
      return true
    case "username*": {
      const text = scanner.quoted ? undefined : ExtValue.decode(value)
      if (text === undefined) return scanner.fail("username* is no UTF-8 extended value", "RFC 5987 3.2")
      draft.username = text
      return true
    }
    case "realm":
      draft.realm = scanner.plain ? value : fromFieldText(value)
      return true
    case "userhash": {
      const said = value.toLowerCase()
      if (said !== "true" && said !== "false")
        return scanner.fail("userhash is neither true nor false", "RFC 7616 3.4.4")
      draft.userhash = said === "true"
      return true
    }
    case "nc":
      if (countOf(value) === undefined)
        return scanner.fail("nc is not a count of eight hexadecimal digits", "RFC 7616 3.4 nc")
      draft.nc = value
      return true
    case "response":
      if (!isHex(value, false))
        return scanner.fail("the response is not lower-case hexadecimal", "RFC 7616 3.4 response")
      draft.response = value
      return true
    case "nonce":
      draft.nonce = value
      return true
    case "uri":
      draft.uri = value
      return true
    case "algorithm":
      draft.algorithm = value
      return true
    case "cnonce":
      draft.cnonce = value
      return true
    case "opaque":
      draft.opaque = value
      return true
    case "qop":
      draft.qop = value
      return true
    case "auts":
      draft.auts = value
      return true
    default:
      return true
  }
}

const complete = (draft: Draft, seen: number, scanner: FieldScanner): boolean => {
  const has = (name: keyof typeof bits) => (seen & bits[name]) !== 0
  if ((seen & needed) !== needed) return scanner.fail("realm, nonce, uri or response is missing", "RFC 7616 3.4")
  if (has("username") === has("username*")) {
    return scanner.fail("one of username and username* is needed, and one only", "RFC 7616 3.4 username*")
  }
  if (has("username*") && draft.userhash) return scanner.fail("username* with userhash=true", "RFC 7616 3.4 username*")
  if (has("qop") && !(has("cnonce") && has("nc"))) return scanner.fail("qop without cnonce and nc", "RFC 7616 3.4 qop")
  if (!has("qop") && has("nc")) return scanner.fail("nc without qop", "RFC 2617 3.2.2 nonce-count")
  if (draft.response.length !== 0 && draft.response.length !== 32 && draft.response.length !== 64) {
    return scanner.fail("the response has the length of no hash", "RFC 7616 3.4 response")
  }
  return true
}

/**
 * The Digest credentials of the `fields` of one name (`Authorization` or `Proxy-Authorization`), each an own field line
 * as received; `undefined` where there is no field, or one of another scheme.
 *
 * **Accepts** quoted `algorithm`, `qop`, `nc`, `userhash` (old clients), empty list elements, unknown directives.
 *
 * **Fails** with `DigestMalformed` for two fields, a duplicate directive (an unknown one too), a missing or unquoted
 * one, a quoted-pair where the alphabet needs none, `nc` that is no count, an incomplete qop set, a passed limit.
 *
 * **Gotchas** Node's `request.headers.authorization` drops a second field in silence: take `headersDistinct`.
 *
 * @spec RFC 7616 3.4
 */
export const parse = (
  fields: ReadonlyArray<string>,
  limits: FieldLimits = defaultFieldLimits
): Result.Result<Credentials, DigestMalformed> => {
  if (fields.length === 0) return Result.succeed(undefined)
  if (fields.length > 1) {
    return Result.fail(new DigestMalformed({ why: "two fields of one name", clause: "RFC 9110 5.3", offset: 0 }))
  }
  const text = fields[0]!
  if (text.length > limits.maxLength) {
    return Result.fail(new DigestMalformed({ why: "the field is too long", clause: "limit maxLength", offset: 0 }))
  }
  const scanner = new FieldScanner(text)
  if (!scanner.readName()) return Result.fail(scanner.fault!)
  if (scanner.name !== "digest") return Result.succeed(undefined)
  const spaced = scanner.at
  scanner.skipSpace()
  if (scanner.at === spaced) {
    scanner.fail("a space was expected after the scheme", "RFC 9110 11.4")
    return Result.fail(scanner.fault!)
  }
  const draft = readDirectives(scanner, limits)
  return draft === undefined ? Result.fail(scanner.fault!) : Result.succeed(draft)
}

/** What a client says. `extended` writes the name as `username*` where it is not US-ASCII. */
export interface AuthorizationParameters {
  readonly username: string
  readonly realm: string
  readonly nonce: string
  readonly uri: string
  readonly response: string
  readonly algorithm?: string
  readonly cnonce?: string
  readonly opaque?: string
  readonly qop?: Qop
  readonly nc?: string
  readonly userhash?: boolean
  readonly auts?: string
  readonly extended?: boolean
}

const unsayable = (why: string) => Result.fail(new DigestMalformed({ why, clause: "RFC 7616 3.4", offset: 0 }))

/**
 * The value of an `Authorization` field: username, realm, nonce, uri, response, cnonce, opaque and auts quoted,
 * algorithm, qop, nc and userhash not.
 *
 * **Fails** with `DigestMalformed` where a value cannot stand in a header field.
 */
export const encode = (answer: AuthorizationParameters): Result.Result<string, DigestMalformed> => {
  const extended = answer.extended === true && !isAscii(answer.username)
  const username = extended ? ExtValue.encode(answer.username) : quote(toFieldText(answer.username))
  const realm = quote(toFieldText(answer.realm))
  if (username === undefined || realm === undefined) return unsayable("username or realm holds a control character")
  let out = `Digest ${extended ? "username*" : "username"}=${username}, realm=${realm}`
  const quoted: ReadonlyArray<readonly [string, string | undefined]> = [
    ["nonce", answer.nonce],
    ["uri", answer.uri],
    ["response", answer.response],
    ["cnonce", answer.cnonce],
    ["opaque", answer.opaque],
    ["auts", answer.auts]
  ]
  for (const [name, value] of quoted) {
    if (value === undefined) continue
    const text = quoteAscii(value)
    if (text === undefined) return unsayable(`${name} is not printable US-ASCII`)
    out += `, ${name}=${text}`
  }
  for (const [name, value] of [
    ["algorithm", answer.algorithm],
    ["qop", answer.qop],
    ["nc", answer.nc]
  ] as const) {
    if (value === undefined) continue
    if (!isToken(value)) return unsayable(`${name} is no token`)
    out += `, ${name}=${value}`
  }
  return Result.succeed(answer.userhash === true ? `${out}, userhash=true` : out)
}
