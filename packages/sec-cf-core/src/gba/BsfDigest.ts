/**
 * Ub by GBA_Digest at the bootstrapping server: the password of a subscriber without a card, bound to the TLS connection.
 *
 * @layer service
 * @spec TS 33.220 Annex B.5; TS 24.109 Annex I.2; RFC 7616
 */
import { type Connection, Primitives, SecurityEvents } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AuthenticationInfo from "../digest/AuthenticationInfo.ts"
import * as Authorization from "../digest/Authorization.ts"
import * as Challenge from "../digest/Challenge.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import * as DigestServer from "../digest/DigestServer.ts"
import { primitiveHashes, type VerifierSource } from "../digest/DigestVerifiers.ts"
import * as BootstrappingInfo from "./BootstrappingInfo.ts"
import type { BsfStore } from "./BsfStore.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import * as GbaDigest from "./GbaDigest.ts"
import { GussSource } from "./GussSource.ts"
import * as Impi from "./Impi.ts"
import * as Ks from "./Ks.ts"

export interface BsfDigestOptions extends GbaDigest.ExtractOptions {
  /** The home network's domain, which is the realm on Ub and that of the SIP Digest credentials. */
  readonly realm: string
  /**
   * Where H(A1) of a subscriber's SIP Digest credentials comes from, by IMPI: `DigestVerifiers.fromAccounts`, or another source. An unknown
   * name has a stand-in there, so that it is answered as a wrong password is.
   */
  readonly credentials: VerifierSource
  /** What is offered, the preferred one first; SHA-256 and MD5 unless given. */
  readonly algorithms?: ReadonlyArray<GbaDigest.GbaDigestAlgorithm> | undefined
}

/** What the server of which this is a part lends. */
export interface BsfDigestHost {
  readonly fqdn: Fqdn
  readonly store: BsfStore
  readonly lifetimeMillis: number
  readonly challengeMillis: number
  readonly tellTime: boolean
  readonly uri: DigestServer.ServerRules["uri"]
  readonly respond: (
    status: number,
    fields?: HttpExchange.HttpFields,
    body?: Uint8Array | string
  ) => HttpExchange.HttpResponse
  readonly announce: (btid: BTid.BTid) => Effect.Effect<void>
}

const where = { enabler: "gba", interface: "Ub" } as const
const clause = "TS 24.109 I.2"

/** Answers the requests of handsets that name GBA_Digest in `User-Agent`. */
export const make = Effect.fnUntraced(function* (options: BsfDigestOptions, host: BsfDigestHost) {
  const { importKey, random } = yield* Primitives.Primitives
  const events = yield* SecurityEvents.SecurityEvents
  const settings = yield* GussSource
  const hashes = yield* primitiveHashes
  const { fqdn, respond, store } = host
  const { credentials, realm } = options
  const algorithms = options.algorithms ?? ["SHA-256", "MD5"]
  const rules: DigestServer.ServerRules = {
    realms: [realm],
    algorithms,
    qop: ["auth-int"],
    legacy: false,
    uri: host.uri
  }

  const hmacSha256 = (octets: Uint8Array, data: Uint8Array): Uint8Array => {
    const key = importKey(octets)
    const mac = key.hmac("sha256", data)
    key.dispose()
    return mac
  }

  const refuse = (status: 400 | 403 | 503, detail: string, fields: HttpExchange.HttpFields = []) =>
    Effect.as(events.emit("Refused", { ...where, detail, clause }), respond(status, fields))

  const challenge = Effect.fnUntraced(function* (impi: Impi.Impi, identity: string) {
    const now = yield* Clock.currentTimeMillis
    if (!store.hasRoom(now)) return yield* refuse(503, "too many challenges are open", [["Retry-After", "5"]])
    const rand = random(16)
    yield* store.keepChallenge(
      { rand },
      { impi, identity, gbaType: "GBA_DIGEST", notAfter: now + host.challengeMillis }
    )
    const nonce = GbaDigest.encodeNonce(rand)
    const opaque = Bytes.toHex(random(16))
    const fields = algorithms.map((algorithm) =>
      Challenge.encode({ realm, nonce, algorithm, qop: ["auth-int"], opaque })
    )
    yield* events.emit("Challenged", { ...where, subject: impi, clause })
    return respond(
      401,
      fields.filter(Result.isSuccess).map(({ success }) => ["WWW-Authenticate", success])
    )
  })

  /** The answer to a right response; `undefined` for any other. `extract` is that of the connection on which it came. */
  const judge = Effect.fnUntraced(function* (
    request: HttpExchange.HttpRequest,
    open: Parameters<BsfStore["spend"]>[0],
    authorization: Authorization.Authorization,
    extract: Uint8Array
  ) {
    const { body: content, connection, method, target } = request
    const facts: DigestServer.RequestFacts = { method, target, body: content, ...authorityOf(connection) }
    const examined = DigestServer.examine(rules, facts, authorization)
    if (Result.isFailure(examined)) return undefined
    const { impi, rand } = open
    const { hash } = examined.success.traits
    const guss = yield* settings.get(impi)
    const now = yield* Clock.currentTimeMillis
    const notAfter = now + (guss?.lifetime === undefined ? host.lifetimeMillis : guss.lifetime * 1000)
    const btid = BTid.make(rand, fqdn)
    const currentTime = host.tellTime ? now : undefined
    const body = Bytes.utf8(BootstrappingInfo.encode({ btid, lifetime: notAfter, currentTime }))
    const found = yield* credentials({ username: impi, realm, userhash: false }, hash)
    const made = yield* found.use((text) => {
      const key = Bytes.fromHex(text) ?? new Uint8Array(0)
      const password = Ks.gbaDigestPassword(hmacSha256, key, extract)
      const resp = Bytes.fromHex(authorization.response) ?? new Uint8Array(0)
      const ks = Ks.gbaDigestKs(hmacSha256, key, extract, resp)
      Bytes.wipe(key)
      if (Result.isFailure(password) || Result.isFailure(ks)) return undefined
      const ha1 = DigestComputation.ha1(hashes[hash], authorization.username, realm, password.success)
      Bytes.wipe(password.success)
      const proved = DigestServer.proves(hashes, facts, examined.success, { ha1, known: found.known })
      if (proved === undefined) {
        Bytes.wipe(ks.success)
        return undefined
      }
      return { ks: ks.success, rspauth: DigestServer.rspauth(hashes, proved, ha1, body) }
    })
    if (made === undefined) return undefined
    const given = { bsf: fqdn, notAfter, gbaUicc: false, tmpi: false }
    if (!(yield* store.bootstrap(open, made.ks, given))) return undefined
    yield* host.announce(btid)
    const info = AuthenticationInfo.encode({
      ...examined.success.quality,
      ...(made.rspauth !== undefined && { rspauth: made.rspauth })
    })
    return respond(
      200,
      [
        ["Content-Type", BootstrappingInfo.MEDIA_TYPE],
        ...(Result.isSuccess(info) ? [["Authentication-Info", info.success] as const] : []),
        ["Expires", new Date(notAfter).toUTCString()]
      ],
      body
    )
  })

  const answer = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest, extract: Uint8Array) {
    const parsed = Authorization.parse(HttpExchange.fieldsOf(request.fields, "authorization"))
    if (Result.isFailure(parsed)) return yield* refuse(400, "malformed credentials")
    const authorization = parsed.success
    if (authorization === undefined || authorization.username === "") return yield* refuse(403, "no identity")
    const identity = authorization.username
    const impi = Impi.parse(identity)
    if (authorization.userhash || Result.isFailure(impi)) return yield* refuse(400, "no IMPI")
    const rand = GbaDigest.decodeNonce(authorization.nonce)
    const open = rand === undefined ? undefined : yield* store.findChallenge(rand)
    if (open?.gbaType !== "GBA_DIGEST" || open.impi !== impi.success || open.identity !== identity) {
      return yield* challenge(impi.success, identity)
    }
    const accepted = yield* judge(request, open, authorization, extract)
    // a challenge serves one response, right or wrong
    if (accepted === undefined) yield* store.spend(open)
    yield* events.emit(accepted === undefined ? "Refused" : "Admitted", {
      ...where,
      subject: open.impi,
      detail:
        accepted === undefined ? "the response was not made with the password on this connection" : "bootstrapped",
      clause
    })
    return accepted ?? (yield* challenge(impi.success, identity))
  })

  return (request: HttpExchange.HttpRequest) => {
    const extract = GbaDigest.masterKeyExtract(request.connection, options)
    return extract === undefined
      ? refuse(403, "GBA_Digest is done inside TLS only")
      : Effect.ensuring(
          answer(request, extract),
          Effect.sync(() => Bytes.wipe(extract))
        )
  }
})

const authorityOf = ({ serverName }: Connection.Connection) =>
  serverName === undefined ? {} : { authority: serverName }
