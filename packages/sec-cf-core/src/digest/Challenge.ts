/**
 * `WWW-Authenticate` and `Proxy-Authenticate`: the challenges of a server, as values and as header fields.
 *
 * @layer codec
 * @spec RFC 7616 3.3; RFC 9110 11.3, 11.6.1
 */
import * as Result from "effect/Result"
import { type AlgorithmTraits, algorithmNamed, algorithms, type DigestAlgorithm } from "./DigestAlgorithm.ts"
import { DigestMalformed } from "./DigestError.ts"
import {
  defaultFieldLimits,
  type FieldLimits,
  FieldScanner,
  fromFieldText,
  isToken,
  quote,
  quoteAscii,
  toFieldText
} from "./FieldScanner.ts"

/** Quality of protection: the request line, or the request line and the body. */
export type Qop = "auth" | "auth-int"

/** A Digest challenge. Texts are plain: quoting and UTF-8 octets belong to the field. */
export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  /** `undefined` for an algorithm that we do not know: such a challenge is to be passed over. */
  readonly algorithm: DigestAlgorithm | undefined
  /** What is offered, in the server's order; empty where the server speaks RFC 2069 (no qop). */
  readonly qop: ReadonlyArray<Qop>
  /** Whether a qop directive stood there: one with unknown values only is no RFC 2069 challenge. */
  readonly qopGiven: boolean
  /** The URIs of the protection space, as sent; empty for the whole server. */
  readonly domain: ReadonlyArray<string>
  readonly opaque: string | undefined
  readonly stale: boolean
  /** `charset=UTF-8` was there. */
  readonly utf8: boolean
  readonly userhash: boolean
}

/** One challenge of any scheme; `digest` only where the scheme is Digest. */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  readonly digest: DigestChallenge | undefined
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const words = (text: string, separator: number): ReadonlyArray<string> => {
  const out: Array<string> = []
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? separator : text.charCodeAt(i)
    if (code !== separator && code !== 32 && code !== 9) continue
    if (i > from) out.push(text.slice(from, i))
    from = i + 1
  }
  return out
}

const isQop = (word: string): word is Qop => word === "auth" || word === "auth-int"

class Reader {
  readonly scanner: FieldScanner
  readonly limits: FieldLimits
  seen: Array<string> = []
  draft: Partial<Mutable<DigestChallenge>> = {}
  algorithmSeen = false

  constructor(text: string, limits: FieldLimits) {
    this.scanner = new FieldScanner(text)
    this.limits = limits
  }

  begin(): void {
    this.seen = []
    this.draft = {}
    this.algorithmSeen = false
  }

  parameter(digest: boolean): boolean {
    const { name } = this.scanner
    if (this.seen.length >= this.limits.maxParameters)
      return this.scanner.fail("too many parameters", "limit maxParameters")
    if (this.seen.includes(name))
      return this.scanner.fail("a directive stands twice", "RFC 9110 11.2: a name occurs once")
    this.seen.push(name)
    if (!this.scanner.readValue()) return false
    return !digest || this.directive(name, this.scanner.value)
  }

  private directive(name: string, value: string): boolean {
    const { draft, scanner } = this
    switch (name) {
      case "realm":
        draft.realm = fromFieldText(value)
        return true
      case "nonce":
        if (!scanner.plain) return scanner.fail("the nonce is not US-ASCII", "RFC 7616 3.3 nonce")
        draft.nonce = value
        return true
      case "opaque":
        if (!scanner.plain) return scanner.fail("opaque is not US-ASCII", "RFC 7616 3.3 opaque")
        draft.opaque = value
        return true
      case "domain":
        draft.domain = words(value, 32)
        return true
      case "algorithm":
        this.algorithmSeen = true
        draft.algorithm = algorithmNamed(value)
        return true
      case "qop":
        draft.qopGiven = true
        draft.qop = words(value.toLowerCase(), 44).filter(isQop)
        return true
      case "stale":
        draft.stale = value.toLowerCase() === "true"
        return true
      case "charset":
        if (value.toLowerCase() !== "utf-8") return scanner.fail("charset is not UTF-8", "RFC 7616 3.3 charset")
        draft.utf8 = true
        return true
      case "userhash":
        draft.userhash = value.toLowerCase() === "true"
        return true
      default:
        return true
    }
  }

  finish(): DigestChallenge | undefined {
    const { algorithm, domain, nonce, opaque, qop, qopGiven, realm, stale, userhash, utf8 } = this.draft
    if (realm === undefined || nonce === undefined) {
      this.scanner.fail(`a Digest challenge without ${realm === undefined ? "realm" : "nonce"}`, "RFC 7616 3.3")
      return undefined
    }
    return {
      realm,
      nonce,
      algorithm: this.algorithmSeen ? algorithm : "MD5",
      qop: qop ?? [],
      qopGiven: qopGiven ?? false,
      domain: domain ?? [],
      opaque,
      stale: stale ?? false,
      utf8: utf8 ?? false,
      userhash: userhash ?? false
    }
  }
}

const readField = (text: string, limits: FieldLimits, out: Array<Challenge>): DigestMalformed | undefined => {
  const reader = new Reader(text, limits)
  const { scanner } = reader
  scanner.skipCommas()
  while (!scanner.ended) {
    if (!scanner.readName()) return scanner.fault
    const scheme = scanner.name
    if (out.length >= limits.maxChallenges) {
      scanner.fail("too many challenges", "limit maxChallenges")
      return scanner.fault
    }
    const digest = scheme === "digest"
    reader.begin()
    const spaced = scanner.at
    scanner.skipSpace()
    if (!scanner.ended && scanner.at === spaced && scanner.text.charCodeAt(scanner.at) !== 44) {
      scanner.fail("a space was expected after the scheme", "RFC 9110 11.3")
      return scanner.fault
    }
    if (!digest && scanner.skipToken68()) {
      out.push({ scheme, digest: undefined })
      if (!scanner.readSeparator()) return scanner.fault
      continue
    }
    let listed = scanner.ended || scanner.text.charCodeAt(scanner.at) === 44
    for (;;) {
      scanner.skipCommas()
      if (scanner.ended) break
      const start = scanner.at
      if (!scanner.readName()) return scanner.fault
      scanner.skipSpace()
      if (scanner.text.charCodeAt(scanner.at) !== 61) {
        scanner.at = start
        if (listed) break
        scanner.fail("a comma was expected between challenges", "RFC 9110 11.6.1")
        return scanner.fault
      }
      listed = true
      if (!reader.parameter(digest) || !scanner.readSeparator()) return scanner.fault
    }
    const challenge = digest ? reader.finish() : undefined
    if (digest && challenge === undefined) return scanner.fault
    out.push({ scheme, digest: challenge })
  }
  return undefined
}

/**
 * The challenges of all `fields` of one name (`WWW-Authenticate` or `Proxy-Authenticate`) in the order in which they
 * stand: several in one field, in many, or both. Schemes other than Digest are named and otherwise skipped.
 *
 * **Accepts** what servers of the field send against the letter: quoted `algorithm`, `stale` and `userhash`, unquoted
 * `qop`.
 *
 * **Fails** with `DigestMalformed` for a duplicate directive, a missing realm or nonce, broken quoting, a passed limit.
 *
 * @spec RFC 7616 3.3, RFC 9110 11.6.1
 */
export const parse = (
  fields: ReadonlyArray<string>,
  limits: FieldLimits = defaultFieldLimits
): Result.Result<ReadonlyArray<Challenge>, DigestMalformed> => {
  const out: Array<Challenge> = []
  let length = 0
  for (const field of fields) {
    length += field.length
    if (length > limits.maxLength) {
      return Result.fail(new DigestMalformed({ why: "the field is too long", clause: "limit maxLength", offset: 0 }))
    }
    const fault = readField(field, limits, out)
    if (fault !== undefined) return Result.fail(fault)
  }
  return Result.succeed(out)
}

/**
 * The Digest challenges of `challenges` whose algorithm and qop we know, strongest algorithm first; equals stay in the
 * server's order. Choosing by strength instead of the server's order is the local policy that RFC 7616 3.7 allows.
 */
export const strongestFirst = (challenges: ReadonlyArray<Challenge>): ReadonlyArray<DigestChallenge> => {
  const known: Array<readonly [DigestChallenge, AlgorithmTraits]> = []
  for (const { digest } of challenges) {
    if (digest?.algorithm === undefined || (digest.qopGiven && digest.qop.length === 0)) continue
    known.push([digest, algorithms[digest.algorithm]])
  }
  return known.sort((a, b) => b[1].strength - a[1].strength).map(([challenge]) => challenge)
}

/** What a server says in a challenge; only realm, nonce and algorithm are needed. */
export interface ChallengeParameters {
  readonly realm: string
  readonly nonce: string
  readonly algorithm: DigestAlgorithm
  readonly qop?: ReadonlyArray<Qop>
  readonly domain?: ReadonlyArray<string>
  readonly opaque?: string
  readonly stale?: boolean
  readonly utf8?: boolean
  readonly userhash?: boolean
}

const unsayable = (why: string) => Result.fail(new DigestMalformed({ why, clause: "RFC 7616 3.3", offset: 0 }))

/**
 * The value of one `WWW-Authenticate` field: realm, domain, nonce, opaque and qop quoted, stale, algorithm, charset and
 * userhash not. Several challenges go into one field each, strongest first, as old clients stop at the first comma.
 *
 * **Fails** with `DigestMalformed` for a control character in a value, and for a domain that holds a space.
 */
export const encode = (challenge: ChallengeParameters): Result.Result<string, DigestMalformed> => {
  const realm = quote(toFieldText(challenge.realm))
  if (realm === undefined) return unsayable("the realm holds a control character")
  const nonce = quoteAscii(challenge.nonce)
  if (nonce === undefined) return unsayable("the nonce is not printable US-ASCII")
  let out = `Digest realm=${realm}, nonce=${nonce}`
  if (challenge.domain !== undefined && challenge.domain.length > 0) {
    if (challenge.domain.some((uri) => uri === "" || uri.includes(" "))) return unsayable("a domain URI holds a space")
    const domain = challenge.domain.join(" ")
    const quoted = quoteAscii(domain)
    if (quoted === undefined) return unsayable("a domain URI is not printable US-ASCII")
    out += `, domain=${quoted}`
  }
  if (challenge.opaque !== undefined) {
    const opaque = quoteAscii(challenge.opaque)
    if (opaque === undefined) return unsayable("opaque is not printable US-ASCII")
    out += `, opaque=${opaque}`
  }
  if (challenge.stale === true) out += ", stale=true"
  out += `, algorithm=${challenge.algorithm}`
  if (challenge.qop !== undefined && challenge.qop.length > 0) out += `, qop="${challenge.qop.join(", ")}"`
  if (challenge.utf8 === true) out += ", charset=UTF-8"
  if (challenge.userhash === true) out += ", userhash=true"
  return Result.succeed(out)
}

/** A challenge of a scheme without parameters of its own: `Basic realm="..."` and the like. */
export const encodeOther = (scheme: string, realm: string): Result.Result<string, DigestMalformed> => {
  const quoted = quote(toFieldText(realm))
  return isToken(scheme) && quoted !== undefined
    ? Result.succeed(`${scheme} realm=${quoted}`)
    : unsayable("the scheme is no token, or the realm holds a control character")
}
