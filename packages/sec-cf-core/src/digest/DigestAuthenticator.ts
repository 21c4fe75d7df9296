/**
 * HTTP Digest behind an `InterfaceGuard`: challenges, the judgement of credentials, the server's proof.
 *
 * @layer service
 * @spec RFC 7616; OMA SEC_CF-AUTH-001, SEC_CF-AUTH-002, SEC_CF-AUTH-004
 */
import type { Authenticator, Identity, SecurityPolicy, Unavailable } from "@oma/sa-policy"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AuthenticationInfo from "./AuthenticationInfo.ts"
import * as Authorization from "./Authorization.ts"
import * as Challenge from "./Challenge.ts"
import { type DigestAlgorithm, type DigestHashes, type HashName, strongestFirst } from "./DigestAlgorithm.ts"
import type { DigestMalformed } from "./DigestError.ts"
import { DigestNonces } from "./DigestNonces.ts"
import * as DigestServer from "./DigestServer.ts"
import type { UriRule } from "./DigestUri.ts"
import type { FoundVerifier, VerifierSource } from "./DigestVerifiers.ts"
import type { FieldLimits } from "./FieldScanner.ts"

/** Digest credentials at the gate: what the field said, or why it could not be read. */
export interface DigestPresented {
  readonly mode: SecurityPolicy.AuthMode
  readonly parsed: Result.Result<Authorization.Authorization, DigestMalformed>
}

/** The field values of a 401 (or 407), strongest algorithm first; each belongs in a field line of its own. */
export interface DigestChallenges {
  readonly mode: SecurityPolicy.AuthMode
  readonly stale: boolean
  readonly fields: ReadonlyArray<string>
}

/** What goes with the answer to an accepted request. */
export interface DigestReply {
  /** The value of `Authentication-Info` over the body of the answer (only read for qop=auth-int). */
  readonly authenticationInfo: (body: Uint8Array) => Effect.Effect<string, Unavailable>
}

export type DigestAuthenticator = Authenticator.Authenticator<
  DigestServer.RequestFacts,
  DigestPresented,
  DigestChallenges,
  DigestReply
>

export interface AuthenticatorOptions {
  /** The mode under which policies name it; `digest` unless given. */
  readonly mode?: SecurityPolicy.AuthMode
  readonly enabler: string
  readonly interface: string
  /** The realm of the challenge. */
  readonly realm: string
  /** The realms that credentials may name, where the challenge joins several; the one of the challenge unless given. */
  readonly realms?: ReadonlyArray<string>
  readonly verifiers: VerifierSource
  readonly hashes: DigestHashes
  /**
   * What is offered, each in a challenge of its own. SHA-256 and MD5 unless given: SHA-512-256 is left out because curl
   * 7.88 answers it with another hash and stops there.
   */
  readonly algorithms?: ReadonlyArray<DigestAlgorithm>
  /** `auth` unless given. With `auth-int` the binding has to read the body first. */
  readonly qop?: ReadonlyArray<Challenge.Qop>
  /** Accepts credentials without qop (RFC 2069), each nonce for one request. Off unless given. */
  readonly legacy?: boolean
  /** `exact` unless given. */
  readonly uri?: UriRule
  readonly domain?: ReadonlyArray<string>
  readonly opaque?: string
  /** Asks for hashed user names. Off unless given; credentials may hash the name anyway. */
  readonly userhash?: boolean
  /** What kind of name a subject is; `user` unless given. */
  readonly kind?: Identity.IdentityKind
  /** Hands out the next nonce in the second half of a nonce's life. On unless given; never with `-sess`. */
  readonly nextnonce?: boolean
  /**
   * How long, in milliseconds, requests on a nonce that was used with success go by the verifier found then; 5,000
   * unless given, 0 asks every time. A user who is switched off is refused after that time at the latest.
   */
  readonly holdMillis?: number
}

/**
 * The Digest credentials in the `fields` of one name (`Authorization` or `Proxy-Authorization`), each an own field line
 * as received, in the form that the guard takes: none where there is no field or another scheme.
 */
export const present = (
  fields: ReadonlyArray<string>,
  options: { readonly mode?: SecurityPolicy.AuthMode; readonly limits?: FieldLimits } = {}
): ReadonlyArray<DigestPresented> => {
  const mode = options.mode ?? "digest"
  const parsed = Authorization.parse(fields, options.limits)
  if (Result.isFailure(parsed)) return [{ mode, parsed: Result.fail(parsed.failure) }]
  return parsed.success === undefined ? [] : [{ mode, parsed: Result.succeed(parsed.success) }]
}

/** What the guard hears for each refusal. */
export const reasons: Readonly<Record<DigestServer.Refusal, Authenticator.RejectionReason>> = {
  realm: "credentials",
  algorithm: "credentials",
  qop: "credentials",
  opaque: "credentials",
  unanswered: "credentials",
  response: "credentials",
  uri: "malformed",
  body: "malformed",
  "nonce-foreign": "stale",
  "nonce-expired": "stale",
  "nonce-epoch": "stale",
  "nonce-future": "stale",
  "count-replayed": "replayed",
  "count-below-window": "replayed",
  "count-beyond-jump": "replayed"
}

/** What an authenticator keeps of nonces that were used with success. */
export interface HoldLimits {
  /** Verifiers that are held at a time; the oldest goes first. */
  readonly verifiers: number
  /** For how long, in milliseconds, a verifier is held before it is looked up again. */
  readonly holdMillis: number
}

export const defaultHoldLimits: HoldLimits = { verifiers: 10_000, holdMillis: 5_000 }

/** A configuration that no field can carry, such as a realm with a line break. */
const unsayable = (error: DigestMalformed) => Effect.die(error)

/**
 * The authenticator. Dies at once where realm, domain or opaque cannot stand in a header field.
 *
 * **Answers** a wrong secret and an unknown user with the same challenge; `stale=true` where the secret was right and
 * only the nonce or its count was not; no challenge (400) for a field that does not parse and for a `uri` that is not
 * the request's.
 */
export const make = Effect.fnUntraced(function* (options: AuthenticatorOptions) {
  const nonces = yield* DigestNonces
  const { hashes, realm, verifiers } = options
  const mode = options.mode ?? "digest"
  const offered = strongestFirst(options.algorithms ?? ["SHA-256", "MD5"])
  const qop = options.qop ?? ["auth"]
  const holdMillis = options.holdMillis ?? defaultHoldLimits.holdMillis
  const space = nonces.space({ enabler: options.enabler, interface: options.interface, direction: "inbound" }, realm)
  const rules: DigestServer.ServerRules = {
    realms: options.realms ?? [realm],
    algorithms: offered,
    qop,
    legacy: options.legacy ?? false,
    uri: options.uri ?? "exact",
    ...(options.opaque === undefined ? {} : { opaque: options.opaque })
  }

  const fieldOf = (algorithm: DigestAlgorithm, nonce: string, stale: boolean) =>
    Challenge.encode({
      realm,
      nonce,
      algorithm,
      qop,
      stale,
      utf8: true,
      ...(options.domain === undefined ? {} : { domain: options.domain }),
      ...(options.opaque === undefined ? {} : { opaque: options.opaque }),
      ...(options.userhash === true ? { userhash: true } : {})
    })
  for (const algorithm of offered) yield* Effect.catch(Effect.fromResult(fieldOf(algorithm, "", false)), unsayable)

  const challenge = (stale: boolean): Effect.Effect<DigestChallenges, Unavailable> =>
    Effect.map(nonces.issue(space), (nonce) => ({
      mode,
      stale,
      fields: offered.map((algorithm) => Result.getOrThrow(fieldOf(algorithm, nonce, stale)))
    }))

  const refused = (verdict: DigestServer.Rejected | DigestServer.Stale) => {
    const base = {
      _tag: "Rejected",
      reason: reasons[verdict.refusal],
      detail: verdict.refusal,
      clause: verdict.clause
    } as const
    return verdict._tag === "Rejected" && verdict.answer === "bad-request"
      ? Effect.succeed(base)
      : Effect.map(challenge(verdict._tag === "Stale"), (fresh) => ({ ...base, challenge: fresh }))
  }

  const replyOf = (
    proved: DigestServer.Proved,
    found: FoundVerifier,
    proof: string | undefined,
    renew: boolean
  ): DigestReply => {
    const { quality } = proved.examined
    const written = (rspauth: string | undefined, nextnonce: string | undefined) =>
      Result.getOrThrow(
        AuthenticationInfo.encode({
          ...(nextnonce === undefined ? {} : { nextnonce }),
          ...(rspauth === undefined ? {} : { rspauth }),
          ...quality
        })
      )
    return {
      authenticationInfo: (body) =>
        proof !== undefined && !renew
          ? Effect.sync(() => written(proof, undefined))
          : Effect.zipWith(
              found.use((ha1) => DigestServer.rspauth(hashes, proved, ha1, body)),
              renew ? nonces.issue(space) : Effect.succeed(undefined),
              written
            )
    }
  }

  // verifiers of nonces that were used with success: the next request on one asks the store for nothing but its count
  const held = new Map<string, { readonly found: FoundVerifier; readonly until: number }>()
  const heldKey = ({ nonce, realm, userhash, username }: Authorization.Authorization, hash: HashName): string =>
    `${nonce} ${hash} ${userhash} ${realm.length} ${realm}${username}`
  const hold = (key: string, found: FoundVerifier, until: number): void => {
    if (held.size >= defaultHoldLimits.verifiers) held.delete(held.keys().next().value!)
    held.set(key, { found, until })
  }

  const judge: DigestAuthenticator["judge"] = Effect.fnUntraced(function* ({ request }, presented) {
    if (Result.isFailure(presented.parsed)) {
      const { clause, why } = presented.parsed.failure
      return { _tag: "Rejected", reason: "malformed", detail: why, clause } as const
    }
    const examination = DigestServer.examine(rules, request, presented.parsed.success)
    if (Result.isFailure(examination)) return yield* refused(examination.failure)
    const examined = examination.success
    const nonce = yield* nonces.present(examined.authorization.nonce)
    const at = yield* Clock.currentTimeMillis
    const key = heldKey(examined.authorization, examined.traits.hash)
    const kept = held.get(key)
    const judgeBy = (found: FoundVerifier, fresh: boolean) =>
      found.use((ha1) => {
        const known = found.known && (found.notAfter === undefined || at < found.notAfter)
        const verdict = DigestServer.judge(hashes, request, examined, { ha1, known }, nonce.standing)
        // the proof over an empty body is the proof over any, unless the body is covered
        const early = verdict._tag === "Proved" && examined.quality?.qop === "auth"
        const proof = early ? DigestServer.rspauth(hashes, verdict, ha1, noOctets) : undefined
        return { found, fresh, verdict, proof } as const
      })
    const asked = Effect.flatMap(verifiers(examined.authorization, examined.traits.hash), (found) =>
      judgeBy(found, true)
    )
    // what is held names a secret that may be gone by now: replaced, or removed with its account
    const { found, fresh, verdict, proof } = yield* kept === undefined || at >= kept.until
      ? asked
      : Effect.catch(judgeBy(kept.found, false), () =>
          Effect.andThen(
            Effect.sync(() => held.delete(key)),
            asked
          )
        )
    if (verdict._tag !== "Proved") return yield* refused(verdict)
    const identity: Identity.Authenticated = {
      _tag: "Authenticated",
      subject: found.subject,
      kind: options.kind ?? "user",
      method: mode,
      at,
      ...(found.credentialRef === undefined ? {} : { credentialRef: found.credentialRef })
    }
    const spent = yield* nonces.spend(space, nonce, identity, examined.count)
    if (spent._tag === "Unfit") return yield* refused(DigestServer.standing(spent.standing))
    if (spent._tag === "Refused") return yield* refused(DigestServer.countRefused(spent.refusal))
    if (fresh && holdMillis > 0) hold(key, found, at + holdMillis)
    const renew =
      options.nextnonce !== false &&
      !examined.traits.session &&
      nonce.nonce !== undefined &&
      nonces.aging(nonce.nonce, at)
    return {
      _tag: "Accepted",
      identity,
      association: spent.association,
      reply: replyOf(verdict, found, proof, renew)
    } as const
  })

  const authenticator: DigestAuthenticator = { mode, challenge: () => challenge(false), judge }
  return authenticator
})

const noOctets = new Uint8Array(0)
