/**
 * The bootstrapping server function: Ub as a handler of HTTP requests, and the keys that Zn asks for.
 *
 * @layer service
 * @spec TS 33.220 4.5.2 and 4.5.3; TS 24.109 4; TS 29.109 5
 */
import {
  type Connection,
  type KeyVault,
  Primitives,
  type Sad,
  SecurityEvents,
  type Store,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { AkaVector } from "../aka/AkaFunctions.ts"
import { AuthenticationVectorSource, UnknownSubscriber } from "../aka/AuthenticationVectorSource.ts"
import * as Autn from "../aka/Autn.ts"
import type { Triplet } from "../aka/Gsm.ts"
import * as AuthenticationInfo from "../digest/AuthenticationInfo.ts"
import * as Authorization from "../digest/Authorization.ts"
import * as Challenge from "../digest/Challenge.ts"
import * as DigestAka from "../digest/DigestAka.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import * as DigestServer from "../digest/DigestServer.ts"
import { primitiveHashes } from "../digest/DigestVerifiers.ts"
import * as BootstrappingInfo from "./BootstrappingInfo.ts"
import * as BsfBootstrap from "./BsfBootstrap.ts"
import * as BsfDigest from "./BsfDigest.ts"
import * as BsfKeys from "./BsfKeys.ts"
import * as BsfStore from "./BsfStore.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import { GussSource } from "./GussSource.ts"
import * as Impi from "./Impi.ts"
import type * as Ks from "./Ks.ts"
import * as ProductToken from "./ProductToken.ts"
import * as TwoG from "./TwoG.ts"
import * as VectorFaults from "./VectorFaults.ts"
import type { NafKeyMaterial, ZnRefused, ZnRequest } from "./Zn.ts"

const { Event } = BsfBootstrap

export interface BsfOptions {
  /** The name of this server: the realm on Ub and the second part of every B-TID. */
  readonly fqdn: Fqdn
  /** Milliseconds for which Ks holds where the subscriber's settings say nothing; 24 hours unless given. */
  readonly lifetimeMillis?: number | undefined
  /** Milliseconds in which a challenge is to be answered; one minute unless given. */
  readonly challengeMillis?: number | undefined
  /**
   * Challenges that this node has out at a time; 100,000 unless given. Past them a request that answers none gets 503: everybody may make
   * a challenge, and each uses up a vector and is written down.
   */
  readonly maximumChallenges?: number | undefined
  /** AMF in the challenges that are made for subscribers there are not; that of the real ones, 0000 unless given. */
  readonly decoyAmf?: Uint8Array | undefined
  /** The product in `Server`; `oma-bsf` unless given. */
  readonly product?: string | undefined
  /** Whether `currenttime` goes into the answer; yes unless told otherwise. */
  readonly tellTime?: boolean | undefined
  /** Is shown the octets S of every key for an application server. They name the subscriber, so show them with demonstration keys only. */
  readonly onDerivation?: Ks.DerivationObserver | undefined
  /**
   * The switch for 2G GBA: where triplets of subscribers come from whom the source of vectors does not know. It is done inside TLS only.
   */
  readonly twoG?:
    | { readonly triplet: (impi: string) => Effect.Effect<Triplet, UnknownSubscriber | Unavailable> }
    | undefined
  /** The switch for GBA_Digest, for subscribers without a card; see {@link BsfDigest.BsfDigestOptions}. */
  readonly gbaDigest?: BsfDigest.BsfDigestOptions | undefined
  /** The forms of the digest uri that are taken; see `DigestUri`. Exact unless given. */
  readonly uri?: DigestServer.ServerRules["uri"] | undefined
}

export type { NafPrincipal } from "./BsfKeys.ts"

/** The bootstrapping server function. */
export class Bsf extends Context.Service<
  Bsf,
  {
    readonly fqdn: Fqdn
    /** Ub: answers one request. Any node answers any request of a handset. */
    readonly handle: HttpHandler.HttpHandler
    /** Zn: the key for one application server, to `principal`. */
    readonly key: (
      principal: BsfKeys.NafPrincipal,
      request: ZnRequest
    ) => Effect.Effect<NafKeyMaterial, ZnRefused | Unavailable>
    /**
     * Runs `listener` with every bootstrapping made on this node, before the handset hears of it, until the scope closes; for application
     * servers that must have their keys in memory before the handset comes. A listener has two seconds.
     */
    readonly watch: (listener: (btid: BTid.BTid) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
    /** Ends a bootstrapping before its time. Gone already is fine. */
    readonly revoke: (btid: BTid.BTid) => Effect.Effect<void, Unavailable>
  }
>()("@oma/sec-cf-core/Bsf") {}

const OFFERED = { algorithm: "AKAv1-MD5", qop: "auth-int" } as const
const where = { enabler: "gba", interface: "Ub" } as const

/** A vector on its way into a challenge; `ksInput` for 2G GBA. */
interface Fetched {
  readonly vector: AkaVector
  readonly ksInput: Uint8Array | undefined
}

/** What one request came to: the answer to send, with everything that the machine wanted done. */
interface Exchange {
  readonly request: HttpExchange.HttpRequest
  /** The name as it stood in the credentials. */
  readonly identity: string
  /** What an accepted response is answered with. */
  readonly accepted?: HttpExchange.HttpResponse
}

const make = (options: BsfOptions) =>
  Effect.gen(function* () {
    const { hash, importKey, random } = yield* Primitives.Primitives
    const events = yield* SecurityEvents.SecurityEvents
    const source = yield* AuthenticationVectorSource
    const settings = yield* GussSource
    const store = yield* BsfStore.make(options.maximumChallenges ?? 100_000)
    const hashes = yield* primitiveHashes
    const { fqdn } = options
    const lifetimeMillis = options.lifetimeMillis ?? 86_400_000
    const challengeMillis = options.challengeMillis ?? 60_000
    const server = ProductToken.add(options.product ?? "oma-bsf", ProductToken.tokens.tmpi)
    const rules: DigestServer.ServerRules = {
      realms: [fqdn],
      algorithms: [OFFERED.algorithm],
      qop: [OFFERED.qop],
      legacy: false,
      uri: options.uri ?? "exact"
    }
    const listeners = new Set<(btid: BTid.BTid) => Effect.Effect<void>>()
    const announce = (btid: BTid.BTid) =>
      Effect.forEach(
        listeners,
        (listener) => listener(btid).pipe(Effect.timeoutOption("2 seconds"), Effect.ignoreCause),
        { concurrency: "unbounded", discard: true }
      )
    const respond = (status: number, fields: HttpExchange.HttpFields = [], body: Uint8Array | string = "") =>
      HttpExchange.response(status, [["Server", server], ...fields], body)

    const challenge = (rand: Uint8Array, autn: Uint8Array, serverData?: Uint8Array): HttpExchange.HttpResponse => {
      const field = Result.flatMap(DigestAka.encodeNonce(rand, autn, serverData), (nonce) =>
        Challenge.encode({
          realm: fqdn,
          nonce,
          algorithm: OFFERED.algorithm,
          qop: [OFFERED.qop],
          opaque: Bytes.toHex(random(16))
        })
      )
      return Result.isSuccess(field) ? respond(401, [["WWW-Authenticate", field.success]]) : respond(503)
    }

    const isGbaUicc = (impi: Impi.Impi) => Effect.map(settings.get(impi), (guss) => guss?.uiccType === "GBA_U")

    /**
     * Random octets where SQN and MAC-A stand in a real challenge; only the card's owner could tell them apart. It is kept as a real one
     * is, so that answers to both, and the time they take, are the same.
     */
    const decoy = Effect.fnUntraced(function* (impi: Impi.Impi, identity: string) {
      const [rand, autn, xres, ck, ik] = [random(16), random(16), random(8), random(16), random(16)]
      autn.set((options.decoyAmf ?? new Uint8Array(2)).subarray(0, 2), 6)
      const notAfter = (yield* Clock.currentTimeMillis) + challengeMillis
      yield* store.keepChallenge({ rand, autn, xres, ck, ik }, { impi, identity, gbaType: "3G_GBA", notAfter })
      yield* isGbaUicc(impi)
      return challenge(rand, autn)
    })

    const hmacSha256 = (octets: Uint8Array, data: Uint8Array): Uint8Array => {
      const key = importKey(octets)
      const mac = key.hmac("sha256", data)
      key.dispose()
      return mac
    }

    const twoGVector = Effect.fnUntraced(function* (impi: Impi.Impi, connection: Connection.Connection) {
      if (options.twoG === undefined || connection.protection.protocol !== "tls") {
        return yield* new UnknownSubscriber({ impi })
      }
      const ksInput = random(TwoG.KS_INPUT_LENGTH)
      const made = TwoG.vector(hmacSha256, yield* options.twoG.triplet(impi), ksInput)
      if (Result.isFailure(made)) return yield* new UnknownSubscriber({ impi })
      return { vector: made.success, ksInput }
    })

    const fetchVector = Effect.fnUntraced(function* (
      { identity, request }: Exchange,
      impi: Impi.Impi,
      resynchronise?: { readonly rand: Uint8Array; readonly auts: Uint8Array }
    ) {
      const fetched = yield* source.vector({ impi, resynchronise }).pipe(
        Effect.map((vector): Fetched => ({ vector, ksInput: undefined })),
        Effect.catchTag("UnknownSubscriber", () => twoGVector(impi, request.connection))
      )
      const notAfter = (yield* Clock.currentTimeMillis) + challengeMillis
      const gbaType = fetched.ksInput === undefined ? "3G_GBA" : "2G_GBA"
      yield* store.keepChallenge(fetched.vector, { impi, identity, gbaType, notAfter })
      return { fetched, notAfter }
    })

    /** Carries the machine on until it has an answer. Every round but the last fetches a vector, so three are the most there are. */
    const run = (
      exchange: Exchange,
      state: BsfBootstrap.State,
      event: BsfBootstrap.Event,
      rounds = 3,
      fetched?: Fetched
    ): Effect.Effect<HttpExchange.HttpResponse, Unavailable> =>
      Effect.gen(function* () {
        const step = BsfBootstrap.step(state, event)
        if (Result.isFailure(step) || rounds === 0) return respond(503)
        const [next, actions] = step.success
        for (const action of actions) {
          switch (action._tag) {
            case "FetchVector":
            case "FetchAfterAuts": {
              const resynchronise = action._tag === "FetchAfterAuts" ? action : undefined
              const outcome = yield* Effect.result(fetchVector(exchange, action.impi, resynchronise))
              if (Result.isFailure(outcome)) {
                const why = VectorFaults.faultOf(outcome.failure)
                yield* events.emit("Refused", { ...where, subject: action.impi, ...VectorFaults.told[why] })
                return yield* run(exchange, next, Event.VectorFailed({ why }), rounds - 1)
              }
              const { fetched, notAfter } = outcome.success
              const made = Event.VectorFetched({ rand: fetched.vector.rand, notAfter })
              return yield* run(exchange, next, made, rounds - 1, fetched)
            }
            case "SendChallenge": {
              if (fetched === undefined || next._tag !== "Challenged") return respond(503)
              const { vector, ksInput } = fetched
              const starred = ksInput === undefined && (yield* isGbaUicc(next.impi))
              const autn = starred ? Autn.star(hash("sha1"), vector.autn, vector.ik) : vector.autn
              yield* events.emit("Challenged", { ...where, subject: next.impi, clause: "TS 33.220 4.5.2" })
              return challenge(action.rand, autn, ksInput)
            }
            case "SendDecoy":
              return yield* decoy(action.impi, exchange.identity)
            case "SendAccepted":
              return exchange.accepted ?? respond(503)
            case "Refuse":
              yield* events.emit("Refused", { ...where, detail: action.why, clause: "TS 24.109 4.4" })
              return respond(action.status)
            // in one transaction with the judgement of the response
            case "Spend":
            case "KeepKs":
              break
            case "Forget":
              yield* Effect.ignore(store.revoke(action.rand))
          }
        }
        return respond(503)
      })

    /** Judges the response to an open challenge; takes the challenge in any case. */
    const judge = Effect.fnUntraced(function* (
      request: HttpExchange.HttpRequest,
      open: BsfStore.OpenChallenge,
      authorization: Authorization.Authorization
    ) {
      const facts = {
        method: request.method,
        target: request.target,
        body: request.body,
        ...(request.connection.serverName !== undefined && { authority: request.connection.serverName })
      }
      const examined = DigestServer.examine(rules, facts, authorization)
      if (Result.isFailure(examined)) {
        yield* store.spend(open)
        return { right: false, detail: examined.failure.clause } as const
      }
      const md5 = hashes.MD5
      const { username, realm } = authorization
      if (authorization.auts !== undefined) {
        const ha1 = DigestComputation.ha1(md5, username, realm, DigestAka.resynchronisationPassword)
        const proved = DigestServer.proves(hashes, facts, examined.success, { ha1, known: true })
        const won = yield* store.spend(open)
        return { right: proved !== undefined && won, detail: "resynchronisation" } as const
      }
      const now = yield* Clock.currentTimeMillis
      const guss = yield* settings.get(open.impi)
      const notAfter = now + (guss?.lifetime === undefined ? lifetimeMillis : guss.lifetime * 1000)
      const btid = BTid.make(open.rand, fqdn)
      const currentTime = options.tellTime === false ? undefined : now
      const body = Bytes.utf8(BootstrappingInfo.encode({ btid, lifetime: notAfter, currentTime }))
      const verdict = yield* store.withVector(open, ({ xres, ks }) => {
        const ha1 = DigestComputation.ha1(md5, username, realm, xres)
        const proved = DigestServer.proves(hashes, facts, examined.success, { ha1, known: true })
        return proved === undefined
          ? undefined
          : { rspauth: DigestServer.rspauth(hashes, proved, ha1, body), ks: new Uint8Array(ks) }
      })
      if (verdict === undefined) {
        yield* store.spend(open)
        return { right: false, detail: "RFC 3310 3.3: the response was not made with RES" } as const
      }
      const userAgent = HttpExchange.fieldOf(request.fields, "user-agent")
      const right = yield* store.bootstrap(open, verdict.ks, {
        bsf: fqdn,
        notAfter,
        gbaUicc: open.gbaType === "3G_GBA" && guss?.uiccType === "GBA_U",
        tmpi: ProductToken.has(userAgent, ProductToken.tokens.tmpi)
      })
      if (right) yield* announce(btid)
      const { quality } = examined.success
      const info = AuthenticationInfo.encode({
        ...quality,
        ...(verdict.rspauth !== undefined && { rspauth: verdict.rspauth })
      })
      const accepted = respond(
        200,
        [
          ["Content-Type", BootstrappingInfo.MEDIA_TYPE],
          ...(Result.isSuccess(info) ? [["Authentication-Info", info.success] as const] : []),
          ["Expires", new Date(notAfter).toUTCString()]
        ],
        body
      )
      return { right, notAfter, accepted, detail: right ? "bootstrapped" : "answered twice" } as const
    })

    /** The IMPI behind the name in the credentials, or why there is none. */
    const identify = Effect.fnUntraced(function* (name: string) {
      if (Impi.isTmpi(name)) {
        const impi = yield* store.impiOf(name)
        return impi === undefined ? Result.fail("unknown TMPI" as const) : Result.succeed(impi)
      }
      return Result.mapError(Impi.parse(name), () => "malformed" as const)
    })

    const answer = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest) {
      const parsed = Authorization.parse(HttpExchange.fieldsOf(request.fields, "authorization"))
      const idle = BsfBootstrap.State.Idle()
      const unusable = (why: "no identity" | "malformed" | "unknown TMPI") =>
        run({ request, identity: "" }, idle, Event.Unusable({ why }))
      if (Result.isFailure(parsed)) return yield* unusable("malformed")
      const authorization = parsed.success
      if (authorization === undefined || authorization.username === "") return yield* unusable("no identity")
      if (authorization.userhash) return yield* unusable("malformed")
      const identity = authorization.username
      const identified = yield* identify(identity)
      if (Result.isFailure(identified)) return yield* unusable(identified.failure)
      const impi = identified.success
      const exchange = { request, identity }
      const anew = Effect.gen(function* () {
        if (store.hasRoom(yield* Clock.currentTimeMillis)) return yield* run(exchange, idle, Event.Requested({ impi }))
        yield* events.emit("Refused", {
          ...where,
          detail: "too many challenges are open",
          clause: "limit maximumChallenges"
        })
        return respond(503, [["Retry-After", "5"]])
      })
      if (authorization.nonce === "" || authorization.response === "") return yield* anew
      const nonce = DigestAka.decodeNonce(authorization.nonce)
      const open = Result.isSuccess(nonce) ? yield* store.findChallenge(nonce.success.rand) : undefined
      const mine = open?.impi === impi && open.identity === identity && open.gbaType !== "GBA_DIGEST"
      if (open === undefined || !mine) return yield* anew
      const auts = authorization.auts === undefined ? undefined : DigestAka.decodeAuts(authorization.auts)
      const verdict = yield* judge(request, open, authorization)
      yield* events.emit(verdict.right ? "Admitted" : "Refused", {
        ...where,
        subject: impi,
        detail: verdict.detail,
        clause: "TS 24.109 4.3"
      })
      const state = BsfBootstrap.State.Challenged(open)
      if (auts !== undefined) {
        const right = verdict.right && Result.isSuccess(auts)
        const octets = Result.isSuccess(auts) ? auts.success : new Uint8Array(0)
        return yield* run(exchange, state, Event.Resynchronise({ right, auts: octets }))
      }
      const notAfter = verdict.notAfter ?? open.notAfter
      const responded = Event.Responded({ right: verdict.right, notAfter })
      return yield* run(
        verdict.accepted === undefined ? exchange : { ...exchange, accepted: verdict.accepted },
        state,
        responded
      )
    })

    const byDigest =
      options.gbaDigest === undefined
        ? undefined
        : yield* BsfDigest.make(options.gbaDigest, {
            fqdn,
            store,
            lifetimeMillis,
            challengeMillis,
            tellTime: options.tellTime !== false,
            uri: rules.uri,
            respond,
            announce
          })
    const answerer = (request: HttpExchange.HttpRequest) =>
      byDigest !== undefined &&
      ProductToken.has(HttpExchange.fieldOf(request.fields, "user-agent"), ProductToken.tokens.ubDigest)
        ? byDigest(request)
        : answer(request)

    const key = yield* BsfKeys.make(fqdn, store, options.onDerivation)

    return {
      fqdn,
      handle: (request: HttpExchange.HttpRequest) =>
        answerer(request).pipe(
          Effect.catchTag("Unavailable", () =>
            Effect.as(events.emit("StoreUnavailable", { ...where }), respond(503, [["Retry-After", "5"]]))
          )
        ),
      key,
      watch: (listener: (btid: BTid.BTid) => Effect.Effect<void>) =>
        Effect.gen(function* () {
          listeners.add(listener)
          yield* Scope.addFinalizer(
            yield* Effect.scope,
            Effect.sync(() => listeners.delete(listener))
          )
        }),
      revoke: (btid: BTid.BTid) => {
        const rand = BTid.randOf(btid)
        return rand === undefined
          ? Effect.void
          : store.revoke(rand).pipe(
              Effect.catchIf(
                (error) => error._tag !== "Unavailable",
                () => Effect.void
              )
            )
      }
    }
  })

/** What a bootstrapping server stands on. */
export type BsfNeeds =
  | Store.Store
  | Sad.Sad
  | KeyVault.KeyVault
  | Primitives.Primitives
  | SecurityEvents.SecurityEvents
  | AuthenticationVectorSource
  | GussSource

/** The bootstrapping server on store, vault and a source of vectors. */
export const layer = (options: BsfOptions): Layer.Layer<Bsf, never, BsfNeeds> => Layer.effect(Bsf, make(options))
