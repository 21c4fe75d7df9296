/**
 * The handset: bootstraps on Ub with its card, keeps Ks in its vault, and derives the keys of application servers.
 *
 * @layer service
 * @spec TS 33.220 4.5.2; TS 24.109 4
 */
import { KeyVault, keyPurpose, Primitives, Store } from "@oma/sa-policy"
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { AkaCard, type CardUnavailable } from "../aka/AkaCard.ts"
import type { Triplet } from "../aka/Gsm.ts"
import { AkaAnswer } from "../aka/Usim.ts"
import * as AuthenticationInfo from "../digest/AuthenticationInfo.ts"
import * as Authorization from "../digest/Authorization.ts"
import * as DigestAka from "../digest/DigestAka.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import { primitiveHashes } from "../digest/DigestVerifiers.ts"
import * as BootstrappingInfo from "./BootstrappingInfo.ts"
import type { BTid } from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import type { Impi, Tmpi } from "./Impi.ts"
import * as Ks from "./Ks.ts"
import type { NafId } from "./NafId.ts"
import * as ProductToken from "./ProductToken.ts"
import * as TwoG from "./TwoG.ts"
import * as UbMessage from "./UbMessage.ts"
import * as UeBootstrap from "./UeBootstrap.ts"

const { Event } = UeBootstrap

/** The purpose of Ks in a handset. */
export const ksPurpose = keyPurpose("gba/ue-ks")

/** A bootstrapping that holds. */
export interface Bootstrapping {
  readonly impi: Impi
  readonly btid: BTid
  readonly rand: Uint8Array
  /** Milliseconds since 1970. */
  readonly notAfter: number
  readonly tmpi: Tmpi | undefined
}

/** The bootstrapping failed; `reason` says at which check. */
export class BootstrapFailed extends Data.TaggedError("BootstrapFailed")<{
  readonly reason: UeBootstrap.UeFailure | "vault unavailable"
  readonly detail: string
}> {}

/** There is no bootstrapping, or its time is over. */
export class NotBootstrapped extends Data.TaggedError("NotBootstrapped")<{ readonly impi: Impi }> {}

export interface UeOptions {
  readonly impi: Impi
  /** The name of the bootstrapping server: realm on Ub, and part of the TMPI. */
  readonly bsf: Fqdn
  /** Where it is reached, such as `http://bsf.home1.net/`. */
  readonly url: string
  /** The first product of `User-Agent`; `oma-ue` unless given. */
  readonly product?: string | undefined
  readonly limits?: UeBootstrap.UeLimits | undefined
  /** Is shown the octets S of every key for an application server. */
  readonly onDerivation?: Ks.DerivationObserver | undefined
  /**
   * The switch for 2G GBA: a SIM, which gives SRES (4 octets) and Kc (8) for a RAND. Its challenges are taken inside TLS only, and nobody
   * but the TLS connection proves the network; leave it out for a card that does AKA.
   */
  readonly twoG?:
    | { readonly authenticate: (rand: Uint8Array) => Effect.Effect<Omit<Triplet, "rand">, CardUnavailable> }
    | undefined
}

/** The handset's part of GBA. */
export class Ue extends Context.Service<
  Ue,
  {
    readonly impi: Impi
    /** A bootstrapping that holds; makes one unless there is. */
    readonly ensure: Effect.Effect<Bootstrapping, BootstrapFailed>
    /** Makes a new bootstrapping, which replaces the one there is. */
    readonly renew: Effect.Effect<Bootstrapping, BootstrapFailed>
    readonly current: Effect.Effect<Bootstrapping | undefined>
    /** Lends the key for one application server; the octets are overwritten after `work`. */
    readonly withKey: <A>(
      nafId: NafId,
      place: Ks.KeyPlace,
      work: (key: Uint8Array, bootstrapping: Bootstrapping) => A
    ) => Effect.Effect<A, NotBootstrapped>
    /** Deletes Ks and the TMPI, as when the card is taken out. */
    readonly forget: Effect.Effect<void>
  }
>()("@oma/sec-cf-core/Ue") {}

interface Memory {
  readonly state: UeBootstrap.State
  readonly kept: (Bootstrapping & { readonly key: { readonly id: string } }) | undefined
  readonly tmpi: Tmpi | undefined
}

const make = (options: UeOptions) =>
  Effect.gen(function* () {
    const { importKey, random } = yield* Primitives.Primitives
    const hmac =
      (name: "md5" | "sha256"): Hmac =>
      (key, data) => {
        const secret = importKey(key)
        const mac = secret.hmac(name, data)
        secret.dispose()
        return mac
      }
    const vault = yield* KeyVault.KeyVault
    const store = yield* Store.Store
    const http = yield* HttpHandler.HttpClient
    const card = yield* AkaCard
    const hashes = yield* primitiveHashes
    const { impi, bsf, url } = options
    const target = HttpExchange.pathOf(url)
    const memory = yield* Ref.make<Memory>({ state: UeBootstrap.State.Idle(), kept: undefined, tmpi: undefined })
    const one = yield* Semaphore.make(1)
    const userAgent = ProductToken.add(options.product ?? "oma-ue", ProductToken.tokens.tmpi)

    /** Whether the last answer came over TLS. */
    let secured = false

    const askCard = Effect.fnUntraced(function* (challenge: UbMessage.UbChallenge) {
      const { rand, autn, serverData } = challenge
      if (options.twoG === undefined || !secured || !TwoG.isChallenge(challenge)) {
        return yield* card.authenticate(rand, autn)
      }
      const { sres, kc } = yield* options.twoG.authenticate(rand)
      const made = TwoG.vector(hmac("sha256"), { rand, sres, kc }, serverData)
      if (Result.isFailure(made)) return yield* card.authenticate(rand, autn)
      const { xres, ck, ik } = made.success
      return AkaAnswer.Authenticated({ res: xres, ck, ik })
    })

    const send = (parameters: Authorization.AuthorizationParameters) =>
      Effect.gen(function* () {
        const field = yield* Effect.fromResult(Authorization.encode(parameters))
        const answer = yield* http.call({
          method: "GET",
          url,
          fields: [
            ["User-Agent", userAgent],
            ["Accept", "*/*"],
            ["Authorization", field]
          ],
          body: new Uint8Array(0)
        })
        secured = answer.connection.protection.protocol === "tls"
        return answer
      }).pipe(Effect.catchTag(["DigestMalformed", "HttpFailure"], () => Effect.succeed(undefined)))

    /** What a 401 or a refusal says. */
    const refusalOf = (answer: HttpExchange.HttpAnswer | undefined): UeBootstrap.Event => {
      if (answer === undefined) return Event.Broken()
      if (answer.status !== 401) return Event.Refused({ status: answer.status })
      const challenge = UbMessage.fromFields(HttpExchange.fieldsOf(answer.fields, "www-authenticate"))
      return Result.isSuccess(challenge)
        ? Event.Challenged({
            challenge: challenge.success,
            realmMatches: challenge.success.realm.toLowerCase() === bsf
          })
        : Event.Broken()
    }

    /** Credentials for a challenge; `proof` tells whether the answer to them was made by somebody who knows the password. */
    const credentials = (identity: string, challenge: UbMessage.UbChallenge, password: Uint8Array) => {
      const { realm, nonce, qop, opaque, algorithm } = challenge
      const cnonce = Bytes.toHex(random(16))
      const quality: DigestComputation.Quality = { qop, nc: "00000001", cnonce }
      const body = new Uint8Array(0)
      const covered = (octets: Uint8Array) => (qop === "auth-int" ? octets : undefined)
      const ha1 = DigestComputation.ha1(hashes.MD5, identity, realm, password)
      const answerTo = (method: string, octets: Uint8Array) =>
        DigestComputation.response(
          hashes.MD5,
          ha1,
          nonce,
          quality,
          DigestComputation.ha2(hashes.MD5, method, target, covered(octets))
        )
      const response = answerTo("GET", body)
      const parameters: Authorization.AuthorizationParameters = {
        username: identity,
        realm,
        nonce,
        uri: target,
        response,
        algorithm,
        ...quality,
        ...(opaque !== undefined && { opaque })
      }
      const proof = (answer: HttpExchange.HttpAnswer): boolean => {
        const info = AuthenticationInfo.parse(HttpExchange.fieldsOf(answer.fields, "authentication-info"))
        const rspauth = Result.isSuccess(info) ? info.success.rspauth : undefined
        return rspauth !== undefined && DigestComputation.equalText(rspauth.toLowerCase(), answerTo("", answer.body))
      }
      return { parameters, proof }
    }

    const perform = (action: UeBootstrap.Action): Effect.Effect<UeBootstrap.Event | undefined, BootstrapFailed> =>
      Effect.gen(function* () {
        switch (action._tag) {
          case "SendInitial": {
            const { identity } = action
            return refusalOf(yield* send({ username: identity, realm: bsf, nonce: "", uri: target, response: "" }))
          }
          case "AskCard":
            return yield* askCard(action.challenge).pipe(
              Effect.map((answer): UeBootstrap.Event => Event.CardAnswered({ answer })),
              Effect.catchTag("CardUnavailable", () => Effect.succeed(Event.CardLost()))
            )
          case "SendAuts": {
            const { identity, challenge } = action
            const { parameters } = credentials(identity, challenge, DigestAka.resynchronisationPassword)
            return refusalOf(yield* send({ ...parameters, auts: Bytes.toBase64(action.auts) }))
          }
          case "SendResponse": {
            const { identity, challenge, res, ck, ik } = action
            const v2 = challenge.algorithm === "AKAv2-MD5"
            const password = v2 ? DigestAka.akaV2Password(hmac("md5"), res, ik, ck) : res
            const { parameters, proof } = credentials(identity, challenge, password)
            const answer = yield* send(parameters)
            if (answer?.status !== 200) return refusalOf(answer)
            const info = BootstrappingInfo.decode(new TextDecoder().decode(answer.body))
            if (Result.isFailure(info)) return Event.Broken()
            const now = yield* Clock.currentTimeMillis
            return Event.Accepted({ info: info.success, proved: proof(answer), now })
          }
          case "Keep":
            yield* keep(action)
            return undefined
          case "ForgetTmpi":
            yield* Ref.update(memory, (before) => ({ ...before, tmpi: undefined }))
            return undefined
          case "Forget":
            yield* drop
            return undefined
        }
      })

    const erase = (id: string) =>
      Effect.ignore(Effect.flatMap(Clock.currentTimeMillis, (now) => store.transact([vault.removal(id)], now)))

    const drop = Effect.gen(function* () {
      const { kept } = yield* Ref.get(memory)
      yield* Ref.set(memory, { state: UeBootstrap.State.Idle(), kept: undefined, tmpi: undefined })
      if (kept !== undefined) yield* erase(kept.key.id)
    })

    const keep = Effect.fnUntraced(function* (action: Extract<UeBootstrap.Action, { _tag: "Keep" }>) {
      const { btid, rand, ck, ik, notAfter } = action
      const ks = Ks.fromAka(ck, ik)
      Bytes.wipe(ck)
      Bytes.wipe(ik)
      const input = Ks.tmpiInput(rand, impi, bsf)
      const tmpi = Result.isSuccess(input) ? Ks.tmpi(hmac("sha256")(ks, input.success)) : undefined
      const key = yield* vault
        .put(ksPurpose, ks, { notAfter })
        .pipe(Effect.mapError((cause) => new BootstrapFailed({ reason: "vault unavailable", detail: cause._tag })))
      const before = (yield* Ref.get(memory)).kept
      yield* Ref.update(memory, (old) => ({ ...old, tmpi, kept: { impi, btid, rand, notAfter, tmpi, key } }))
      if (before !== undefined) yield* erase(before.key.id)
    })

    const drive = (
      state: UeBootstrap.State,
      event: UeBootstrap.Event
    ): Effect.Effect<UeBootstrap.State, BootstrapFailed> =>
      Effect.gen(function* () {
        const step = UeBootstrap.step(state, event, options.limits)
        if (Result.isFailure(step)) {
          return yield* new BootstrapFailed({
            reason: "no answer that is one",
            detail: `${step.failure.event} in ${step.failure.state}`
          })
        }
        const [next, actions] = step.success
        let following: UeBootstrap.Event | undefined
        for (const action of actions) following = (yield* perform(action)) ?? following
        return following === undefined ? next : yield* drive(next, following)
      })

    const bootstrap = Effect.gen(function* () {
      const { tmpi } = yield* Ref.get(memory)
      const end = yield* drive(UeBootstrap.State.Idle(), Event.Start({ impi, tmpi }))
      yield* Ref.update(memory, (before) => ({ ...before, state: end }))
      if (end._tag === "Failed") return yield* new BootstrapFailed({ reason: end.reason, detail: "" })
      const { kept } = yield* Ref.get(memory)
      return kept ?? (yield* new BootstrapFailed({ reason: "no answer that is one", detail: end._tag }))
    })
    const renew = one.withPermit(bootstrap)

    const current = Effect.gen(function* () {
      const { kept } = yield* Ref.get(memory)
      if (kept === undefined) return undefined
      if ((yield* Clock.currentTimeMillis) < kept.notAfter) return kept
      yield* drop
      return undefined
    })

    const or = (other: Effect.Effect<Bootstrapping, BootstrapFailed>) =>
      Effect.flatMap(current, (kept) => (kept === undefined ? other : Effect.succeed(kept)))

    return {
      impi,
      renew,
      // whoever waited for a bootstrapping under way takes that one
      ensure: or(one.withPermit(or(bootstrap))),
      current,
      forget: drop,
      withKey: Effect.fnUntraced(function* <A>(
        nafId: NafId,
        place: Ks.KeyPlace,
        work: (key: Uint8Array, bootstrapping: Bootstrapping) => A
      ) {
        const kept = yield* current
        const input = kept === undefined ? undefined : Ks.nafInput(place, kept.rand, impi, nafId)
        if (kept === undefined || input === undefined || Result.isFailure(input)) {
          return yield* new NotBootstrapped({ impi })
        }
        options.onDerivation?.({ key: place === "me" ? "Ks_(ext_)NAF" : "Ks_int_NAF", s: input.success })
        return yield* vault
          .use({ id: kept.key.id, purpose: ksPurpose, version: 1 }, ksPurpose, (secret) => {
            const key = secret.hmac("sha256", input.success)
            const out = work(key, kept)
            Bytes.wipe(key)
            return out
          })
          .pipe(Effect.mapError(() => new NotBootstrapped({ impi })))
      })
    }
  })

/** What a handset stands on. */
export type UeNeeds = Primitives.Primitives | Store.Store | KeyVault.KeyVault | HttpHandler.HttpClient | AkaCard

/** The handset on its card, its vault and a way to servers. */
export const layer = (options: UeOptions): Layer.Layer<Ue, never, UeNeeds> => Layer.effect(Ue, make(options))
