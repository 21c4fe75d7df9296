/**
 * The handset without a card: bootstraps by GBA_Digest with the subscriber's SIP password inside TLS, and is a `Ue` to all that
 * follows; its `UaAgent` has `kinds: ["digest"]`.
 *
 * @layer service
 * @spec TS 33.220 Annex B.5, B.6; TS 24.109 Annex I.2
 */
import { type Connection, KeyVault, Primitives, Store } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as AuthenticationInfo from "../digest/AuthenticationInfo.ts"
import * as Authorization from "../digest/Authorization.ts"
import * as Challenge from "../digest/Challenge.ts"
import { algorithms } from "../digest/DigestAlgorithm.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import { primitiveHashes } from "../digest/DigestVerifiers.ts"
import * as BootstrappingInfo from "./BootstrappingInfo.ts"
import type { Fqdn } from "./Fqdn.ts"
import * as GbaDigest from "./GbaDigest.ts"
import type { Impi } from "./Impi.ts"
import * as Ks from "./Ks.ts"
import type { NafId } from "./NafId.ts"
import * as ProductToken from "./ProductToken.ts"
import { BootstrapFailed, type Bootstrapping, ksPurpose, NotBootstrapped, Ue } from "./Ue.ts"

export interface UeGbaDigestOptions extends GbaDigest.ExtractOptions {
  readonly impi: Impi
  /** Where the bootstrapping server is reached; `https:` only, and the client of this handset must judge its certificate. */
  readonly url: string
  /** The home network's domain: the realm on Ub and that of the SIP Digest credentials. */
  readonly realm: string
  /** The password of the SIP Digest credentials. */
  readonly password: Redacted.Redacted<string>
  /** The algorithms that are taken; SHA-256 and MD5 unless given. */
  readonly algorithms?: ReadonlyArray<GbaDigest.GbaDigestAlgorithm> | undefined
  /** The name of the bootstrapping server that every B-TID of it must have. */
  readonly bsf: Fqdn
  /** The first product of `User-Agent`; `oma-ue` unless given. */
  readonly product?: string | undefined
  /** Is shown the octets S of every key for an application server. */
  readonly onDerivation?: Ks.DerivationObserver | undefined
}

/** The connection is not the one whose extract is in the credentials; nothing went out. */
class OtherConnection extends Data.TaggedError("OtherConnection")<{ readonly id: string }> {}

/** The connection is not protected, or shows no extract; nothing went out. */
class Unprotected extends Data.TaggedError("Unprotected")<{ readonly id: string }> {}

type Kept = Bootstrapping & { readonly key: { readonly id: string } }

/** Connections that may end between a challenge and the response to it before the bootstrapping is given up. */
const RETRIES = 2

const failed = (reason: BootstrapFailed["reason"], detail: string) =>
  Effect.fail(new BootstrapFailed({ reason, detail }))

const make = (options: UeGbaDigestOptions) =>
  Effect.gen(function* () {
    const { importKey, random } = yield* Primitives.Primitives
    const vault = yield* KeyVault.KeyVault
    const store = yield* Store.Store
    const http = yield* HttpHandler.HttpClient
    const hashes = yield* primitiveHashes
    const { bsf, impi, realm, url } = options
    const target = HttpExchange.pathOf(url)
    const accepted: ReadonlyArray<string> = options.algorithms ?? ["SHA-256", "MD5"]
    const userAgent = ProductToken.add(options.product ?? "oma-ue", ProductToken.tokens.ubDigest)
    const memory = yield* Ref.make<Kept | undefined>(undefined)
    const one = yield* Semaphore.make(1)

    const hmacSha256 = (octets: Uint8Array, data: Uint8Array): Uint8Array => {
      const key = importKey(octets)
      const mac = key.hmac("sha256", data)
      key.dispose()
      return mac
    }
    const extractOf = (connection: Connection.Connection) => GbaDigest.masterKeyExtract(connection, options)

    const send = Effect.fnUntraced(function* (
      parameters: Authorization.AuthorizationParameters,
      judge: (connection: Connection.Connection) => Effect.Effect<void, OtherConnection | Unprotected>
    ) {
      const field = yield* Effect.fromResult(Authorization.encode(parameters))
      return yield* http.call(
        {
          method: "GET",
          url,
          fields: [
            ["User-Agent", userAgent],
            ["Accept", "*/*"],
            ["Authorization", field]
          ],
          body: new Uint8Array(0)
        },
        judge
      )
    })

    const protectedOnly = (connection: Connection.Connection) => {
      const extract = extractOf(connection)
      if (extract === undefined) return Effect.fail(new Unprotected({ id: connection.id }))
      Bytes.wipe(extract)
      return Effect.void
    }

    /** The strongest challenge of an answer that can be responded to. */
    const challengeOf = (answer: HttpExchange.HttpAnswer) => {
      const parsed = Challenge.parse(HttpExchange.fieldsOf(answer.fields, "www-authenticate"))
      if (Result.isFailure(parsed)) return undefined
      for (const challenge of Challenge.strongestFirst(parsed.success)) {
        const { algorithm, nonce, qop } = challenge
        const rand = GbaDigest.decodeNonce(nonce)
        if (algorithm !== undefined && accepted.includes(algorithm) && qop.includes("auth-int") && rand !== undefined) {
          return { ...challenge, algorithm, rand }
        }
      }
      return undefined
    }

    /** What follows from a challenge on the connection with this extract, which is wiped. */
    const credentials = (challenge: NonNullable<ReturnType<typeof challengeOf>>, extract: Uint8Array) => {
      const hash = hashes[algorithms[challenge.algorithm].hash]
      const sipHa1 = Bytes.fromHex(DigestComputation.ha1(hash, impi, realm, Redacted.value(options.password)))!
      const quality: DigestComputation.Quality = { qop: "auth-int", nc: "00000001", cnonce: Bytes.toHex(random(16)) }
      return Result.gen(function* () {
        const password = yield* Ks.gbaDigestPassword(hmacSha256, sipHa1, extract)
        const ha1 = DigestComputation.ha1(hash, impi, realm, password)
        Bytes.wipe(password)
        const answerTo = (method: string, body: Uint8Array) =>
          DigestComputation.response(
            hash,
            ha1,
            challenge.nonce,
            quality,
            DigestComputation.ha2(hash, method, target, body)
          )
        const response = answerTo("GET", new Uint8Array(0))
        const ks = yield* Ks.gbaDigestKs(hmacSha256, sipHa1, extract, Bytes.fromHex(response)!)
        Bytes.wipe(sipHa1)
        Bytes.wipe(extract)
        const parameters: Authorization.AuthorizationParameters = {
          username: impi,
          realm,
          nonce: challenge.nonce,
          uri: target,
          response,
          algorithm: challenge.algorithm,
          ...quality,
          ...(challenge.opaque !== undefined && { opaque: challenge.opaque })
        }
        const proved = (answer: HttpExchange.HttpAnswer): boolean => {
          const info = AuthenticationInfo.parse(HttpExchange.fieldsOf(answer.fields, "authentication-info"))
          const rspauth = Result.isSuccess(info) ? info.success.rspauth : undefined
          return rspauth !== undefined && DigestComputation.equalText(rspauth.toLowerCase(), answerTo("", answer.body))
        }
        return { ks, parameters, proved }
      })
    }

    const erase = (id: string) =>
      Effect.ignore(Effect.flatMap(Clock.currentTimeMillis, (now) => store.transact([vault.removal(id)], now)))

    const drop = Effect.gen(function* () {
      const kept = yield* Ref.getAndSet(memory, undefined)
      if (kept !== undefined) yield* erase(kept.key.id)
    })

    /** Sends the response on the connection whose extract is in it, and keeps the bootstrapping that comes of it. */
    const respond = Effect.fnUntraced(function* (
      rand: Uint8Array,
      id: string,
      { ks, parameters, proved }: Result.Result.Success<ReturnType<typeof credentials>>
    ) {
      const answer = yield* send(parameters, (connection) =>
        connection.id === id ? Effect.void : Effect.fail(new OtherConnection({ id }))
      )
      if (answer.status !== 200) return yield* failed("refused by the server", `status ${answer.status}`)
      if (!proved(answer)) return yield* failed("server not authenticated: rspauth is missing or wrong", "")
      const info = BootstrappingInfo.decode(new TextDecoder().decode(answer.body))
      if (Result.isFailure(info)) return yield* failed("no answer that is one", info.failure.why)
      const { btid, currentTime, lifetime } = info.success
      if (!btid.endsWith(`@${bsf}`)) return yield* failed("the challenge names another server", "B-TID")
      const now = yield* Clock.currentTimeMillis
      // with the server's clock in the document a wrong clock of the handset does no harm
      const notAfter = now + (lifetime - (currentTime ?? now))
      if (notAfter <= now) return yield* failed("the lifetime is over already", "")
      const key = yield* vault
        .put(ksPurpose, ks, { notAfter })
        .pipe(Effect.mapError((cause) => new BootstrapFailed({ reason: "vault unavailable", detail: cause._tag })))
      const kept: Kept = { impi, btid, rand, notAfter, tmpi: undefined, key }
      const before = yield* Ref.getAndSet(memory, kept)
      if (before !== undefined) yield* erase(before.key.id)
      return kept
    })

    const bootstrap = Effect.gen(function* () {
      const named = { username: impi, realm, nonce: "", uri: target, response: "" }
      const first = yield* send(named, protectedOnly)
      if (first.status !== 401) return yield* failed("refused by the server", `status ${first.status}`)
      const challenge = challengeOf(first)
      if (challenge === undefined) return yield* failed("no answer that is one", "no challenge of GBA_Digest")
      if (challenge.realm !== realm) return yield* failed("the challenge names another server", challenge.realm)
      const { id } = first.connection
      const extract = extractOf(first.connection)
      if (extract === undefined) return yield* new OtherConnection({ id })
      const made = credentials(challenge, extract)
      if (Result.isFailure(made)) return yield* failed("no answer that is one", "a parameter is too long")
      return yield* Effect.ensuring(
        respond(challenge.rand, id, made.success),
        Effect.sync(() => Bytes.wipe(made.success.ks))
      )
    }).pipe(
      Effect.retry({ times: RETRIES, while: (error) => error._tag === "OtherConnection" }),
      Effect.catchTag(["OtherConnection", "HttpFailure", "DigestMalformed"], (error) =>
        failed("no answer that is one", error._tag)
      ),
      Effect.catchTag("Unprotected", () => failed("refused by the server", "GBA_Digest is done inside TLS only"))
    )

    const current = Effect.gen(function* () {
      const kept = yield* Ref.get(memory)
      if (kept === undefined) return undefined
      if ((yield* Clock.currentTimeMillis) < kept.notAfter) return kept
      yield* drop
      return undefined
    })
    const renew = one.withPermit(bootstrap)

    return {
      impi,
      renew,
      ensure: Effect.flatMap(current, (kept) => (kept === undefined ? renew : Effect.succeed(kept))),
      current,
      forget: drop,
      withKey: Effect.fnUntraced(function* <A>(
        nafId: NafId,
        place: Ks.KeyPlace,
        work: (key: Uint8Array, bootstrapping: Bootstrapping) => A
      ) {
        const kept = yield* current
        const input = kept === undefined ? undefined : Ks.nafInput("digest", kept.rand, impi, nafId)
        // there is no card that could have the key of the UICC
        if (kept === undefined || place !== "me" || input === undefined || Result.isFailure(input)) {
          return yield* new NotBootstrapped({ impi })
        }
        options.onDerivation?.({ key: "Ks_(ext_)NAF", s: input.success })
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

/** What such a handset stands on. */
export type UeGbaDigestNeeds = Primitives.Primitives | Store.Store | KeyVault.KeyVault | HttpHandler.HttpClient

/** The handset on its password, its vault and a way to servers. */
export const layer = (options: UeGbaDigestOptions): Layer.Layer<Ue, never, UeGbaDigestNeeds> =>
  Layer.effect(Ue, make(options))
