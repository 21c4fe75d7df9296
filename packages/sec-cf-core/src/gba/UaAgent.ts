/**
 * The handset's requests on Ua: bootstraps when an application server asks for it, answers its challenges with the key of this very
 * connection, and goes on pre-emptively.
 *
 * @layer service
 * @spec TS 33.222 5.3; TS 24.109 5.2
 */
import { type Connection, Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AuthenticationInfo from "../digest/AuthenticationInfo.ts"
import * as Authorization from "../digest/Authorization.ts"
import * as Challenge from "../digest/Challenge.ts"
import { algorithms, type DigestAlgorithm } from "../digest/DigestAlgorithm.ts"
import * as DigestComputation from "../digest/DigestComputation.ts"
import { primitiveHashes } from "../digest/DigestVerifiers.ts"

import * as Ks from "./Ks.ts"
import { uaOf } from "./NafAuth.ts"
import type * as NafId from "./NafId.ts"
import * as ProductToken from "./ProductToken.ts"
import * as UaClient from "./UaClient.ts"
import * as UaRealm from "./UaRealm.ts"
import { Ue } from "./Ue.ts"

const { Event, State } = UaClient

/** The request did not end in an answer that may be used. */
export class UaFailed extends Data.TaggedError("UaFailed")<{
  readonly reason: UaClient.UaFailure
  readonly host: string
}> {}

/** The connection negotiated another suite than the one whose key was used; the request did not go out. */
class OtherSuite extends Data.TaggedError("OtherSuite")<{ readonly ua: NafId.UaProtocol }> {}

export interface UaAgentOptions {
  /** The kinds of key that this handset has, best first; `me` unless given. */
  readonly kinds?: ReadonlyArray<UaRealm.UaKeyKind>
  /** The first product of `User-Agent`; `oma-ue` unless given. */
  readonly product?: string
  /** Unless given, an answer without proof of the server is dropped where there is no TLS, as nothing else proves it there. */
  readonly limits?: UaClient.UaClientLimits
  /** Application servers whose nonce is remembered; 64 unless given. */
  readonly maximumServers?: number
}

export interface UaAgent {
  /**
   * Does one request of the application. `Authorization` and `User-Agent` of `call` are replaced. The server's name, which realms and keys
   * must have, is that of its `Host` field, else that of its URL.
   */
  readonly request: (
    call: HttpHandler.HttpCall
  ) => Effect.Effect<HttpExchange.HttpAnswer, UaFailed | HttpHandler.HttpFailure>
}

/** What was learnt of an application server: enough for the next request to go without a challenge. */
interface Space {
  readonly challenge: Challenge.DigestChallenge & { readonly algorithm: DigestAlgorithm }
  readonly realm: UaRealm.UaRealm
  readonly ua: NafId.UaProtocol
  readonly qop: Challenge.Qop
  nonce: string
  count: number
}

const passwordAlgorithms: ReadonlyArray<DigestAlgorithm> = ["SHA-512-256", "SHA-256", "MD5"]

/** The challenge to answer: the strongest one that we know, with realms of bootstrapping in it. */
const challengeOf = (
  answer: HttpExchange.HttpAnswer
): (Challenge.DigestChallenge & { readonly algorithm: DigestAlgorithm }) | undefined => {
  const parsed = Challenge.parse(HttpExchange.fieldsOf(answer.fields, "www-authenticate"))
  if (Result.isFailure(parsed)) return undefined
  for (const challenge of Challenge.strongestFirst(parsed.success)) {
    const { algorithm } = challenge
    if (algorithm !== undefined && passwordAlgorithms.includes(algorithm) && challenge.qop.length > 0) {
      return { ...challenge, algorithm }
    }
  }
  return undefined
}

const chooseQop = (offered: ReadonlyArray<Challenge.Qop>, secured: boolean): Challenge.Qop =>
  secured ? offered[0]! : offered.includes("auth-int") ? "auth-int" : offered[0]!

const isSecured = (connection: Connection.Connection): boolean => connection.protection.suite !== undefined

/** An agent of the handset in the context. */
export const make = Effect.fnUntraced(function* (
  options: UaAgentOptions = {}
): Effect.fn.Return<UaAgent, never, Ue | HttpHandler.HttpClient | Primitives.Primitives> {
  const ue = yield* Ue
  const http = yield* HttpHandler.HttpClient
  const { random } = yield* Primitives.Primitives
  const hashes = yield* primitiveHashes
  const kinds = options.kinds ?? ["me"]
  const userAgent = ProductToken.add(
    options.product ?? "oma-ue",
    kinds.includes("uicc")
      ? ProductToken.tokens.uicc
      : kinds.includes("me")
        ? ProductToken.tokens.gba
        : ProductToken.tokens.digest
  )
  const spaces = new Map<string, Space>()

  const bare = (call: HttpHandler.HttpCall): HttpHandler.HttpCall => ({
    ...call,
    fields: [
      ...call.fields.filter(([name]) => !["authorization", "user-agent"].includes(name.toLowerCase())),
      ["User-Agent", userAgent]
    ]
  })

  const request = Effect.fnUntraced(function* (call: HttpHandler.HttpCall) {
    if (!URL.canParse(call.url)) {
      return yield* new HttpHandler.HttpFailure({ url: call.url, kind: "connect", detail: "not a URL" })
    }
    const url = new URL(call.url)
    const { origin } = url
    const named = HttpExchange.fieldOf(call.fields, "host")
    const host = (named === undefined ? url.hostname : named.replace(/:\d*$/, "")).toLowerCase()
    const target = `${url.pathname}${url.search}`
    // several servers may stand behind one address, each with keys and nonces of its own
    const place = `${origin} ${host}`
    /** Whether a TLS server proved the name that realms and keys are to have; without TLS nothing says so. */
    const isNamed = ({ serverName }: Connection.Connection) => serverName === undefined || serverName === host
    let last: HttpExchange.HttpAnswer | undefined
    let proof: "right" | "wrong" | "absent" = "absent"

    /** Sends with the credentials of `space`, and judges what comes back. Gives `undefined` where there is no key for it. */
    const authorised = Effect.fnUntraced(function* (space: Space) {
      const nafId: NafId.NafId = { fqdn: space.realm.fqdn, ua: space.ua }
      const { challenge, qop, nonce } = space
      const hash = hashes[algorithms[challenge.algorithm].hash]
      const keyPlace: Ks.KeyPlace = space.realm.kind === "uicc" ? "uicc" : "me"
      const user = yield* Effect.result(
        ue.withKey(nafId, keyPlace, (key, { btid }) => ({
          btid,
          ha1: DigestComputation.ha1(hash, btid, space.realm.text, Ks.password(key))
        }))
      )
      if (Result.isFailure(user)) return undefined
      const { btid, ha1 } = user.success
      space.count++
      const quality: DigestComputation.Quality = {
        qop,
        nc: DigestComputation.ncText(space.count),
        cnonce: Bytes.toBase64(random(18))
      }
      const responseTo = (method: string, body: Uint8Array) => {
        const ha2 = DigestComputation.ha2(hash, method, target, qop === "auth-int" ? body : undefined)
        return DigestComputation.response(hash, ha1, nonce, quality, ha2)
      }
      const field = Authorization.encode({
        username: btid,
        realm: space.realm.text,
        nonce,
        uri: target,
        response: responseTo(call.method, call.body),
        algorithm: challenge.algorithm,
        ...quality,
        ...(challenge.opaque !== undefined && { opaque: challenge.opaque })
      })
      if (Result.isFailure(field)) return undefined
      const { fields, ...rest } = bare(call)
      const answer = yield* http.call(
        { ...rest, fields: [...fields, ["Authorization", field.success]] },
        (connection): Effect.Effect<void, OtherSuite | UaFailed> => {
          if (!isNamed(connection)) return Effect.fail(new UaFailed({ reason: "the realm names another server", host }))
          return uaOf(connection) === space.ua ? Effect.void : Effect.fail(new OtherSuite({ ua: uaOf(connection) }))
        }
      )
      const info = AuthenticationInfo.parse(HttpExchange.fieldsOf(answer.fields, "authentication-info"))
      if (Result.isFailure(info)) proof = "wrong"
      else {
        const { rspauth, nextnonce } = info.success
        const right = rspauth !== undefined && DigestComputation.equalText(rspauth, responseTo("", answer.body))
        proof = rspauth === undefined ? "absent" : right ? "right" : "wrong"
        if (right && nextnonce !== undefined) {
          space.nonce = nextnonce
          space.count = 0
        }
      }
      return answer
    })

    const eventOf = Effect.fnUntraced(function* (answer: HttpExchange.HttpAnswer) {
      last = answer
      const challenge = answer.status === 401 ? challengeOf(answer) : undefined
      const realms = challenge === undefined ? [] : UaRealm.decode(challenge.realm)
      if (challenge === undefined || realms.length === 0) return Event.Answered({ status: answer.status, proof })
      const current = yield* ue.current
      const here = isNamed(answer.connection) ? realms : []
      return Event.Challenged({ realms: here, host, btid: current?.btid, stale: challenge.stale })
    })

    const learn = (realm: UaRealm.UaRealm): Space | undefined => {
      const challenge = last === undefined ? undefined : challengeOf(last)
      if (last === undefined || challenge === undefined) return undefined
      const space: Space = {
        challenge,
        realm,
        ua: uaOf(last.connection),
        qop: chooseQop(challenge.qop, isSecured(last.connection)),
        nonce: challenge.nonce,
        count: 0
      }
      if (spaces.size >= (options.maximumServers ?? 64)) spaces.delete(spaces.keys().next().value!)
      spaces.set(place, space)
      return space
    }

    type Failure = UaFailed | HttpHandler.HttpFailure

    const perform = (action: UaClient.Action): Effect.Effect<UaClient.Event | undefined, Failure> =>
      Effect.gen(function* () {
        proof = "absent"
        switch (action._tag) {
          case "Send": {
            const space = action.btid === undefined ? undefined : spaces.get(place)
            const answer = space === undefined ? undefined : yield* authorised(space)
            return yield* eventOf(answer ?? (yield* http.call(bare(call))))
          }
          case "SendAuthorised": {
            const space = learn(action.realm)
            const answer = space === undefined ? undefined : yield* authorised(space)
            if (answer === undefined) return yield* new UaFailed({ reason: "no bootstrapping", host })
            return yield* eventOf(answer)
          }
          case "Bootstrap":
            return yield* ue.renew.pipe(
              Effect.map(({ btid }): UaClient.Event => Event.Bootstrapped({ btid })),
              Effect.catchTag("BootstrapFailed", () => Effect.succeed(Event.BootstrapFailed()))
            )
          case "Close":
            spaces.delete(place)
            return yield* new UaFailed({ reason: action.reason, host })
          case "Deliver":
            return undefined
        }
      }).pipe(
        Effect.catchTag("OtherSuite", () =>
          // the nonce belongs to another key now: ask again on the new connection
          Effect.flatMap(http.call(bare(call)), eventOf)
        )
      )

    const drive = (state: UaClient.State, event: UaClient.Event): Effect.Effect<HttpExchange.HttpAnswer, Failure> =>
      Effect.gen(function* () {
        const open = last !== undefined && !isSecured(last.connection)
        const limits = options.limits ?? { ...UaClient.defaultLimits, demandProof: open }
        const step = UaClient.step(state, event, limits)
        if (Result.isFailure(step)) return yield* Effect.die(step.failure)
        const [next, actions] = step.success
        let following: UaClient.Event | undefined
        for (const action of actions) following = (yield* perform(action)) ?? following
        if (following !== undefined) return yield* drive(next, following)
        return last ?? (yield* new UaFailed({ reason: "no bootstrapping", host }))
      })

    const current = yield* ue.current
    const btid = spaces.has(place) ? current?.btid : undefined
    return yield* drive(State.Idle(), Event.Start({ kinds, btid }))
  })

  return { request }
})
