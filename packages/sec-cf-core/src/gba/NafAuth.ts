/**
 * GBA on Ua by HTTP Digest behind an `InterfaceGuard`: the username is a B-TID, the password the key that Zn gives for it.
 *
 * @layer service
 * @spec TS 33.222 5.3; TS 24.109 5.2; OMA SEC_CF-AUTH-001, SEC_CF-AUTH-002
 */
import {
  type Authenticator,
  type Connection,
  type KeyVault,
  Primitives,
  type Sad,
  type SecurityPolicy,
  type Store
} from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Authorization } from "../digest/Authorization.ts"
import type { Qop } from "../digest/Challenge.ts"
import type { DigestAlgorithm, DigestHashes } from "../digest/DigestAlgorithm.ts"
import * as Digest from "../digest/DigestAuthenticator.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import type { DigestNonces } from "../digest/DigestNonces.ts"
import type { RequestFacts } from "../digest/DigestServer.ts"
import type { UriRule } from "../digest/DigestUri.ts"
import type { FoundVerifier, VerifierSource } from "../digest/DigestVerifiers.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import * as Ks from "./Ks.ts"
import * as NafId from "./NafId.ts"
import * as NafKeys from "./NafKeys.ts"
import * as ProductToken from "./ProductToken.ts"
import * as UaNaf from "./UaNaf.ts"
import * as UaRealm from "./UaRealm.ts"
import type { Zn } from "./Zn.ts"

/** What the mechanism has to know of a request. */
export interface NafRequest extends RequestFacts {
  /** `User-Agent`, which tells whether the handset knows GBA. */
  readonly userAgent?: string | undefined
}

export interface NafOptions {
  /** The mode under which policies name it; `gba` unless given. */
  readonly mode?: SecurityPolicy.AuthMode
  readonly enabler: string
  readonly interface: string
  /** The name by which handsets know this server: it goes into realms and keys. */
  readonly fqdn: Fqdn
  /** The kinds of key that it takes, the preferred one first; `me` unless given. */
  readonly kinds?: ReadonlyArray<UaRealm.UaKeyKind>
  readonly hashes: DigestHashes
  /** MD5 unless given: most handsets know no other. */
  readonly algorithms?: ReadonlyArray<DigestAlgorithm>
  /** What is offered without TLS; `auth-int` unless given. */
  readonly qop?: ReadonlyArray<Qop>
  /** What is offered inside TLS; `auth` unless given. */
  readonly qopOverTls?: ReadonlyArray<Qop>
  readonly uri?: UriRule
  /** The GAA service identifiers of this application. */
  readonly gsIds?: ReadonlyArray<number>
  /** Whether a subscriber needs security settings that allow the application; no unless given. */
  readonly demandUss?: boolean
  /** Milliseconds from the bootstrapping on for which a key is used here at most. */
  readonly lifetimeMillis?: number
  /** The switch for 2G GBA; such a bootstrapping is refused unless it is on. */
  readonly twoG?: boolean
  /** Challenges also who names no kind of GBA in `User-Agent`; no unless given. */
  readonly offerToAll?: boolean
  /** The Ua protocol of a connection; see {@link uaOf}. */
  readonly uaOf?: (connection: Connection.Connection) => NafId.UaProtocol
}

/**
 * The protocol on a connection: HTTP Digest without TLS, 01 00 00 00 07 for TLS 1.3 with a pre-shared key, otherwise 01 00 01 yy zz
 * with the suite that was negotiated on it.
 *
 * @spec TS 33.220 H.3
 */
export const uaOf = ({ protection }: Connection.Connection): NafId.UaProtocol => {
  if (protection.suite === undefined) return NafId.protocols.httpDigest
  return protection.protocol === "psk-tls" && protection.version === "TLSv1.3"
    ? NafId.protocols.tls13Psk
    : NafId.overTls(protection.suite.code)
}

export type NafAuthenticator = Authenticator.Authenticator<
  NafRequest,
  Digest.DigestPresented,
  Digest.DigestChallenges,
  Digest.DigestReply
>

/** What an application server stands on. */
export type NafNeeds = Store.Store | Sad.Sad | KeyVault.KeyVault | Primitives.Primitives | DigestNonces | Zn

/** The key of the request in hand, for the verifiers of Digest below it. */
const CurrentKey = Context.Reference<NafKeys.NafKey | undefined>("@oma/sec-cf-core/NafAuth/CurrentKey", {
  defaultValue: () => undefined
})

const reasons: Readonly<Record<UaNaf.NafRefusal, Authenticator.RejectionReason>> = {
  "no credentials": "credentials",
  "realm of another server, or none of bootstrapping": "credentials",
  "username is no B-TID": "credentials",
  "unknown B-TID": "credentials",
  "key expired": "expired",
  "nonce is old": "stale",
  "response is wrong": "credentials",
  "not authorised": "unauthorised",
  "bootstrapping server unavailable": "unauthorised",
  "client knows no bootstrapping": "unauthorised"
}

const capable = (userAgent: string | undefined): boolean =>
  [ProductToken.tokens.gba, ProductToken.tokens.uicc, ProductToken.tokens.digest].some((token) =>
    ProductToken.has(userAgent, token)
  )

/**
 * The authenticator. A challenge to a handset that knows no GBA has no fields: the server then answers 403.
 *
 * **Answers** an unknown B-TID, an expired key and a wrong response with the same challenge; a subscriber whose settings do not allow the
 * application is refused without one.
 */
export const make = Effect.fnUntraced(function* (
  options: NafOptions
): Effect.fn.Return<NafAuthenticator, never, NafNeeds> {
  const { random } = yield* Primitives.Primitives
  const { fqdn, hashes } = options
  const mode = options.mode ?? "gba"
  const profile: UaNaf.NafProfile = { fqdn, kinds: options.kinds ?? ["me"] }
  const keys = yield* NafKeys.make({
    enabler: options.enabler,
    interface: options.interface,
    gsIds: options.gsIds,
    lifetimeMillis: options.lifetimeMillis,
    twoG: options.twoG
  })
  const nobody = random(32)

  const ha1With = (authorization: Pick<Authorization, "username" | "realm">, hash: keyof DigestHashes) => {
    const { username, realm } = authorization
    return (key: Uint8Array) => DigestComputation.ha1(hashes[hash], username, realm, Ks.password(key))
  }
  const verifiers: VerifierSource = (authorization, hash) =>
    Effect.map(CurrentKey, (key): FoundVerifier => {
      const ha1 = ha1With(authorization, hash)
      return key === undefined || authorization.userhash
        ? { known: false, subject: "", use: (work) => Effect.sync(() => work(ha1(nobody))) }
        : {
            known: true,
            subject: key.peer.subject,
            credentialRef: key.sa.id,
            notAfter: key.notAfter,
            use: (work) => key.use((octets) => work(ha1(octets)))
          }
    })

  const inner = (qop: ReadonlyArray<Qop>) =>
    Digest.make({
      mode,
      enabler: options.enabler,
      interface: options.interface,
      realm: UaRealm.encode(profile.kinds, fqdn),
      realms: profile.kinds.map((kind) => UaRealm.encodeOne(kind, fqdn)),
      verifiers,
      hashes,
      algorithms: options.algorithms ?? ["MD5"],
      qop,
      kind: "impi",
      // the key was looked up before Digest is asked: one that has ended must not be held on to
      holdMillis: 0,
      ...(options.uri !== undefined && { uri: options.uri })
    })
  const plain = yield* inner(options.qop ?? ["auth-int"])
  const secured = yield* inner(options.qopOverTls ?? ["auth"])
  const digestOf = (connection: Connection.Connection) => (connection.protection.suite === undefined ? plain : secured)

  type Verdict = Authenticator.Verdict<Digest.DigestChallenges, Digest.DigestReply>

  const rejected = (why: UaNaf.NafRefusal, challenge?: Digest.DigestChallenges): Verdict => ({
    _tag: "Rejected",
    reason: reasons[why],
    detail: why,
    clause: "TS 24.109 5.2",
    ...(challenge !== undefined && { challenge })
  })

  /** Digest's judgement under `key`; without one the same work with the same answer as for a wrong response. */
  const judgeWith = (
    context: Authenticator.AuthContext<NafRequest>,
    presented: Digest.DigestPresented,
    key: NafKeys.NafKey | undefined
  ) => Effect.provideService(digestOf(context.connection).judge(context, presented), CurrentKey, key)

  /** What the machine makes of Digest's judgement; `verdict` has the challenge of a refusal in it. */
  const conclude = (state: UaNaf.State, event: UaNaf.Event, verdict: Verdict, key?: NafKeys.NafKey): Verdict => {
    const step = UaNaf.step(profile, state, event)
    const end = Result.isSuccess(step) ? step.success[0] : undefined
    if (end?._tag === "Admitted" && key !== undefined && verdict._tag === "Accepted") {
      return { ...verdict, identity: { ...key.peer, method: mode, at: verdict.identity.at, credentialRef: key.sa.id } }
    }
    const why = end?._tag === "Refused" ? end.why : "response is wrong"
    const challenged = UaNaf.refusalStatus[why] === 401 && verdict._tag === "Rejected"
    return rejected(why, challenged ? verdict.challenge : undefined)
  }

  const judge: NafAuthenticator["judge"] = Effect.fnUntraced(function* (context, presented) {
    // without a key the same work is done as with one, and ends in the answer to a wrong response
    const unkeyed = judgeWith(context, presented, undefined)
    if (Result.isFailure(presented.parsed)) return yield* unkeyed
    const { realm, username } = presented.parsed.success
    const event = UaNaf.Event.Presented({ realm, btid: Result.getOrUndefined(BTid.parse(username)) })
    const first = UaNaf.step(profile, UaNaf.State.Idle(), event)
    const state = Result.isSuccess(first) ? first.success[0] : UaNaf.State.Idle()
    if (state._tag !== "AwaitingKey") {
      const verdict = yield* unkeyed
      // a request that contradicts itself stays a bad request, whatever realm it names
      return verdict._tag === "Rejected" && verdict.challenge === undefined
        ? verdict
        : conclude(UaNaf.State.Idle(), event, verdict)
    }
    const { btid, kind } = state
    const nafId: NafId.NafId = { fqdn, ua: (options.uaOf ?? uaOf)(context.connection) }
    const found = yield* Effect.result(keys.find(btid, nafId, kind))
    if (Result.isFailure(found)) {
      const { failure } = found
      if (failure._tag === "Unavailable") return yield* failure
      const why = failure.reason === "not authorised" ? "not authorised" : "unknown B-TID"
      return conclude(state, UaNaf.Event.KeyMissing({ why }), yield* unkeyed)
    }
    const key = found.success
    if (key === undefined) return conclude(state, UaNaf.Event.KeyMissing({ why: "key expired" }), yield* unkeyed)
    const verdict = yield* judgeWith(context, presented, key)
    // what Digest refuses it refuses in its own words: stale, replayed, malformed
    if (verdict._tag === "Rejected") return verdict
    const judged = UaNaf.Event.Judged({
      verdict: NafKeys.allows(key, options.demandUss === true) ? "right" : "not authorised"
    })
    return conclude(UaNaf.State.AwaitingVerdict({ btid, kind }), judged, verdict, key)
  })

  const authenticator: NafAuthenticator = {
    mode,
    challenge: (context) =>
      options.offerToAll === true || capable(context.request.userAgent)
        ? digestOf(context.connection).challenge(context)
        : Effect.succeed({ mode, stale: false, fields: [] }),
    judge
  }
  return authenticator
})
