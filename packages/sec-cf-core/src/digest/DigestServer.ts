/**
 * The server's judgement of Digest credentials, in pure steps: `examine` looks at what needs no secret, `judge` at the
 * response and the nonce; what is `Proved` then counts only if the nonce-count window takes its count, else
 * `countRefused` says what becomes of it.
 *
 * @layer machine
 * @spec RFC 7616 3.4, 3.4.6, 5.4-5.8; RFC 2617 3.2.2 (legacy, stale)
 */
import * as Result from "effect/Result"
import { type Authorization, countOf } from "./Authorization.ts"
import type { Qop } from "./Challenge.ts"
import {
  type AlgorithmTraits,
  algorithmNamed,
  algorithms,
  type DigestAlgorithm,
  type DigestHashes
} from "./DigestAlgorithm.ts"
import * as DigestComputation from "./DigestComputation.ts"
import * as DigestUri from "./DigestUri.ts"
import type { NonceAge } from "./ServerNonce.ts"

/** What this server asks of credentials. */
export interface ServerRules {
  /** The realms that are ours; usually one. */
  readonly realms: ReadonlyArray<string>
  /** What was offered. Credentials with anything else are refused. */
  readonly algorithms: ReadonlyArray<DigestAlgorithm>
  readonly qop: ReadonlyArray<Qop>
  /** Whether the form without qop (RFC 2069) is accepted; then each nonce is good for one request. */
  readonly legacy: boolean
  readonly uri: DigestUri.UriRule
  /** What `opaque` must be, where the challenge had one. */
  readonly opaque?: string
}

/** What the request was, as received. */
export interface RequestFacts {
  readonly method: string
  /** The request target octet for octet. */
  readonly target: string
  /** The authority of the request, as in Host; only for `either-form`. */
  readonly authority?: string
  /** The whole body; needed where qop=auth-int is offered. */
  readonly body?: Uint8Array
}

/** Why credentials were not accepted. The peer learns no more than the answer. */
export type Refusal =
  | "realm"
  | "algorithm"
  | "qop"
  | "opaque"
  | "uri"
  | "body"
  | "unanswered"
  | "response"
  | "nonce-foreign"
  | "nonce-expired"
  | "nonce-epoch"
  | "nonce-future"
  | "count-replayed"
  | "count-below-window"
  | "count-beyond-jump"

/** Refused: a new challenge, or 400 where the request contradicts itself. */
export interface Rejected {
  readonly _tag: "Rejected"
  readonly refusal: Refusal
  readonly clause: string
  readonly answer: "challenge" | "bad-request"
}

/** The secret was right, the nonce or the count is used up: a new challenge with `stale=true`. */
export interface Stale {
  readonly _tag: "Stale"
  readonly refusal: Refusal
  readonly clause: string
}

/** Credentials that contradict neither the rules nor the request. */
export interface Examined {
  readonly authorization: Authorization
  readonly algorithm: DigestAlgorithm
  readonly traits: AlgorithmTraits
  readonly quality: DigestComputation.Quality | undefined
  /** The nonce count; 1 for the legacy form, so that its nonce is used up at once. */
  readonly count: number
}

/** The response was right and the nonce stands; the count is still to be judged. */
export interface Proved {
  readonly _tag: "Proved"
  readonly examined: Examined
}

const rejected = (refusal: Refusal, clause: string, answer: Rejected["answer"] = "challenge"): Rejected => ({
  _tag: "Rejected",
  refusal,
  clause,
  answer
})
const refuse = (refusal: Refusal, clause: string, answer?: Rejected["answer"]) =>
  Result.fail(rejected(refusal, clause, answer))

/**
 * Checks credentials against the rules and the request: realm, algorithm, qop, opaque, URI. No secret is needed for it,
 * so its answers tell nobody whether a user exists.
 */
export const examine = (
  rules: ServerRules,
  facts: RequestFacts,
  authorization: Authorization
): Result.Result<Examined, Rejected> => {
  const { cnonce, nc, qop, uri } = authorization
  if (!rules.realms.includes(authorization.realm)) return refuse("realm", "RFC 7616 3.4: the realm of the challenge")
  const algorithm = algorithmNamed(authorization.algorithm)
  if (algorithm === undefined || !rules.algorithms.includes(algorithm)) {
    return refuse("algorithm", "RFC 7616 3.4: the algorithm of the challenge")
  }
  if (rules.opaque !== undefined && authorization.opaque !== rules.opaque) {
    return refuse("opaque", "RFC 7616 3.3: opaque is returned unchanged")
  }
  if (!DigestUri.matches(rules.uri, uri, facts.target, facts.authority)) {
    return refuse("uri", "RFC 7616 3.4.6: uri names the resource of the request line", "bad-request")
  }
  if (authorization.nonce === "" || authorization.response === "") {
    return refuse("unanswered", "TS 24.109: empty nonce and response name the user and answer no challenge")
  }
  const traits = algorithms[algorithm]
  if (qop === undefined) {
    if (!rules.legacy || traits.session) return refuse("qop", "RFC 7616 3.4: qop is needed")
    return Result.succeed({ authorization, algorithm, traits, quality: undefined, count: 1 })
  }
  if ((qop !== "auth" && qop !== "auth-int") || !rules.qop.includes(qop)) {
    return refuse("qop", "RFC 7616 3.4: qop is one of those offered")
  }
  if (qop === "auth-int" && facts.body === undefined) return refuse("body", "RFC 7616 3.4.3: auth-int covers the body")
  const count = nc === undefined ? undefined : countOf(nc)
  if (nc === undefined || cnonce === undefined || count === undefined) {
    return refuse("qop", "RFC 7616 3.4: qop comes with cnonce and nc")
  }
  return Result.succeed({ authorization, algorithm, traits, quality: { qop, nc, cnonce }, count })
}

/** H(A1) of a user, or of nobody: then `known` is false and `ha1` any text of the right length. */
export interface Verifier {
  readonly ha1: string
  readonly known: boolean
}

/** How the nonce stands: its age, or `foreign` where this server did not issue it for this protection space. */
export type NonceStanding = NonceAge | "foreign"

const staleReasons: Readonly<Record<Exclude<NonceStanding, "fresh">, readonly [Refusal, string]>> = {
  expired: ["nonce-expired", "RFC 7616 3.3 stale: the nonce has expired"],
  "other-epoch": ["nonce-epoch", "RFC 7616 3.3 stale: what used nonces did was forgotten"],
  future: ["nonce-future", "RFC 7616 3.3 stale: the nonce lies ahead of the clock"],
  foreign: ["nonce-foreign", "RFC 7616 3.3 stale: the nonce is not of this protection space"]
}

/** H(A1) of the session where the algorithm is `-sess`, else as stored. */
const keyOf = (hashes: DigestHashes, { authorization, quality, traits }: Examined, ha1: string): string =>
  traits.session && quality !== undefined
    ? DigestComputation.sessionHa1(hashes[traits.hash], ha1, authorization.nonce, quality.cnonce)
    : ha1

/** Whether the response was made with the secret behind `verifier`. The same work for a known and an unknown user. */
export const proves = (
  hashes: DigestHashes,
  facts: RequestFacts,
  examined: Examined,
  verifier: Verifier
): Proved | undefined => {
  const { authorization, quality, traits } = examined
  const hash = hashes[traits.hash]
  const body = quality?.qop === "auth-int" ? facts.body : undefined
  const ha2 = DigestComputation.ha2(hash, facts.method, authorization.uri, body)
  const key = keyOf(hashes, examined, verifier.ha1)
  const expected = DigestComputation.response(hash, key, authorization.nonce, quality, ha2)
  const equal = DigestComputation.equalText(expected, authorization.response)
  return equal && verifier.known ? { _tag: "Proved", examined } : undefined
}

/**
 * Judges the response and then the nonce. `stale` is said only to who knows the secret (RFC 2617 3.2.1), so a stale
 * nonce does not help to find out who is a user.
 *
 * **Gotchas** A `-sess` key is computed from the nonce and cnonce of the request at hand. By the letter it is that of
 * the first request after the challenge; a client that keeps its cnonce, as ours does, and one that changes it, as curl
 * does, both pass.
 */
export const judge = (
  hashes: DigestHashes,
  facts: RequestFacts,
  examined: Examined,
  verifier: Verifier,
  nonce: NonceStanding
): Proved | Stale | Rejected => {
  const proved = proves(hashes, facts, examined, verifier)
  if (proved === undefined) return rejected("response", "RFC 7616 3.4.6: the response is the one computed here")
  return nonce === "fresh" ? proved : standing(nonce)
}

/** The verdict on a nonce that is not fresh, once the response is known to be right. */
export const standing = (nonce: Exclude<NonceStanding, "fresh">): Stale => {
  const [refusal, clause] = staleReasons[nonce]
  return { _tag: "Stale", refusal, clause }
}

/** Why the nonce-count window did not take the count. */
export type CountRefusal = "replayed" | "below-window" | "beyond-jump" | "out-of-range"

/** The verdict where the window did not take the count, once the response is known to be right. */
export const countRefused = (refusal: CountRefusal): Stale => ({
  _tag: "Stale",
  refusal: refusal === "out-of-range" ? "count-beyond-jump" : `count-${refusal}`,
  clause: "RFC 7616 3.4 nc, 5.5: each count of a nonce is good for one request"
})

/**
 * The server's proof for `Authentication-Info`, over the body of the answer where the request had qop=auth-int;
 * `undefined` for the legacy form, which has none. `ha1` is that of the verifier.
 *
 * @spec RFC 7616 3.5
 */
export const rspauth = (
  hashes: DigestHashes,
  { examined }: Proved,
  ha1: string,
  body: Uint8Array
): string | undefined => {
  const { authorization, quality, traits } = examined
  if (quality === undefined) return undefined
  const hash = hashes[traits.hash]
  const ha2 = DigestComputation.ha2(hash, "", authorization.uri, quality.qop === "auth-int" ? body : undefined)
  return DigestComputation.response(hash, keyOf(hashes, examined, ha1), authorization.nonce, quality, ha2)
}
