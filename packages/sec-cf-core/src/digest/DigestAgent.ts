/**
 * The client's side of Digest as a service: sends requests through a function of the caller, answers challenges,
 * verifies the server's proof, remembers protection spaces. It knows no HTTP library.
 *
 * @layer service
 * @spec RFC 7616 3.4-3.6; OMA SEC_CF-AUTH-002
 */
import { Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as AuthenticationInfo from "./AuthenticationInfo.ts"
import * as Authorization from "./Authorization.ts"
import * as Challenge from "./Challenge.ts"
import { algorithms, type DigestHashes } from "./DigestAlgorithm.ts"
import * as DigestClient from "./DigestClient.ts"
import * as DigestComputation from "./DigestComputation.ts"
import type { DigestMalformed } from "./DigestError.ts"
import { isAscii } from "./FieldScanner.ts"

/** The user of a realm. `auts` asks an AKA server for resynchronisation; H(A1) is then that of the empty password. */
export interface DigestCredentials {
  readonly username: string
  /** H(A1) without session, lower-case hexadecimal. */
  readonly ha1: Redacted.Redacted<string>
  readonly auts?: string
}

/**
 * Gives the user for a challenge, or `undefined` to leave it unanswered. It sees the whole challenge, as the password
 * of AKA comes out of the nonce; the algorithm is one that the rules accept.
 */
export type CredentialsFor<E, R> = (
  origin: string,
  challenge: DigestClient.Space["challenge"]
) => Effect.Effect<DigestCredentials | undefined, E, R>

/** The credentials of one user with a password, whatever the realm. The password stays wrapped. */
export const passwordCredentials =
  (
    hashes: DigestHashes,
    username: string,
    password: Redacted.Redacted<string | Uint8Array>
  ): CredentialsFor<never, never> =>
  (_origin, challenge) =>
    Effect.sync(() => {
      const hash = hashes[algorithms[challenge.algorithm].hash]
      const ha1 = DigestComputation.ha1(hash, username, challenge.realm, Redacted.value(password))
      return { username, ha1: Redacted.make(ha1) }
    })

export interface AgentRequest extends DigestClient.Target {
  readonly method: string
  /** Covered by auth-int; none is an empty body. */
  readonly body?: Uint8Array
}

/** What the agent must know of an answer. Fields are those of one name, each an own field line. */
export interface AgentResponse {
  readonly status: number
  /** `WWW-Authenticate`, or `Proxy-Authenticate` of a 407. */
  readonly challenges: ReadonlyArray<string>
  /** `Authentication-Info`, or `Proxy-Authentication-Info`. */
  readonly info: ReadonlyArray<string>
  /** Covered by the proof of auth-int. */
  readonly body: Uint8Array
}

/** The exchange did not end in an authenticated answer. */
export class DigestGaveUp extends Data.TaggedError("DigestGaveUp")<{
  readonly why: DigestClient.GiveUp | "no-credentials"
  readonly origin: string
}> {}

/** The answer, and whether the server proved that it knows the secret. */
export interface Delivered<A> {
  readonly response: A
  readonly serverProved: boolean
}

export interface AgentOptions<E, R> {
  readonly hashes: DigestHashes
  readonly credentials: CredentialsFor<E, R>
  readonly rules?: Partial<DigestClient.ClientRules>
  /** The status that challenges: 401 unless given, 407 for a proxy. */
  readonly status?: 401 | 407
}

export interface DigestAgent<E, R> {
  /**
   * Does one request: `send` is called with the value of the `Authorization` field or without, once or more. Fails with
   * `DigestGaveUp`, with `DigestMalformed` where the server's fields do not parse, and with what `send` and the
   * credentials fail with.
   */
  readonly request: <A extends AgentResponse, E2, R2>(
    request: AgentRequest,
    send: (authorization: string | undefined) => Effect.Effect<A, E2, R2>
  ) => Effect.Effect<Delivered<A>, DigestGaveUp | DigestMalformed | E | E2, R | R2>
  /** Forgets all protection spaces. */
  readonly forget: Effect.Effect<void>
}

/** A sent use with what is needed to check the server's proof. */
interface Sent {
  readonly use: DigestClient.Use
  readonly user: DigestCredentials
}

/** An agent with its own memory of protection spaces. */
export const make = Effect.fnUntraced(function* <E = never, R = never>(options: AgentOptions<E, R>) {
  const { random } = yield* Primitives.Primitives
  const { hashes } = options
  const rules: DigestClient.ClientRules = { ...DigestClient.defaultRules, ...options.rules }
  const status = options.status ?? 401
  let spaces: DigestClient.Spaces = DigestClient.noSpaces

  const cnonce = () => Bytes.toBase64(random(24))

  const sessionOf = (use: DigestClient.Use, ha1: Redacted.Redacted<string>): string => {
    const { hash, session } = algorithms[use.challenge.algorithm]
    const plain = Redacted.value(ha1)
    return session ? DigestComputation.sessionHa1(hashes[hash], plain, use.nonce, use.cnonce) : plain
  }
  const qualityOf = ({ cnonce, count, qop }: DigestClient.Use): DigestComputation.Quality | undefined =>
    qop === undefined ? undefined : { qop, cnonce, nc: DigestComputation.ncText(count) }

  const authorize = (request: AgentRequest, use: DigestClient.Use, user: DigestCredentials) => {
    const { challenge } = use
    const hash = hashes[algorithms[challenge.algorithm].hash]
    const quality = qualityOf(use)
    const body = use.qop === "auth-int" ? (request.body ?? noOctets) : undefined
    const ha2 = DigestComputation.ha2(hash, request.method, request.target, body)
    const hashed = challenge.userhash
    return Authorization.encode({
      username: hashed ? DigestComputation.userhash(hash, user.username, challenge.realm) : user.username,
      realm: challenge.realm,
      nonce: use.nonce,
      uri: request.target,
      response: DigestComputation.response(hash, sessionOf(use, user.ha1), use.nonce, quality, ha2),
      algorithm: challenge.algorithm,
      ...(challenge.opaque === undefined ? {} : { opaque: challenge.opaque }),
      ...(quality === undefined ? {} : quality),
      ...(user.auts === undefined ? {} : { auts: user.auts }),
      // username* is of RFC 7616: only a server that shows that it knows that RFC gets it
      extended: challenge.utf8 && !hashed && !isAscii(user.username),
      userhash: hashed
    })
  }

  const proofOf = (
    request: AgentRequest,
    sent: Sent,
    info: AuthenticationInfo.AuthenticationInfo,
    body: Uint8Array
  ) => {
    if (info.rspauth === undefined) return "absent"
    const { use } = sent
    const quality = qualityOf(use)
    if (quality === undefined) return "wrong"
    if (info.cnonce !== undefined && info.cnonce !== quality.cnonce) return "wrong"
    if (info.nc !== undefined && info.nc.toLowerCase() !== quality.nc) return "wrong"
    if (info.qop !== undefined && info.qop !== quality.qop) return "wrong"
    const hash = hashes[algorithms[use.challenge.algorithm].hash]
    const ha2 = DigestComputation.ha2(hash, "", request.target, use.qop === "auth-int" ? body : undefined)
    const expected = DigestComputation.response(hash, sessionOf(use, sent.user.ha1), use.nonce, quality, ha2)
    return DigestComputation.equalText(info.rspauth, expected) ? "right" : "wrong"
  }

  const advance = (state: DigestClient.State, event: DigestClient.Event) => {
    const step = DigestClient.step(rules, spaces, state, event)
    spaces = step.spaces
    return step
  }

  const agent: DigestAgent<E, R> = {
    request: Effect.fnUntraced(function* (request, send) {
      const { origin } = request
      const ready = DigestClient.State.Ready({ request: { origin, target: request.target } })
      let { action, state } = advance(ready, DigestClient.Event.Start({ cnonce: cnonce() }))
      for (;;) {
        if (action._tag !== "Send") return yield* Effect.die(action)
        const { use } = action
        const user = use === undefined ? undefined : yield* options.credentials(origin, use.challenge)
        if (use !== undefined && user === undefined) return yield* new DigestGaveUp({ why: "no-credentials", origin })
        const sent: Sent | undefined = use === undefined || user === undefined ? undefined : { use, user }
        const field = sent === undefined ? undefined : yield* Effect.fromResult(authorize(request, sent.use, sent.user))
        const response = yield* send(field)
        const event = yield* Effect.fromResult(eventOf(request, sent, response))
        ;({ action, state } = advance(state, event))
        if (action._tag === "Deliver") return { response, serverProved: action.serverProved }
        if (action._tag === "GiveUp") return yield* new DigestGaveUp({ why: action.why, origin })
      }
    }),
    forget: Effect.sync(() => {
      spaces = DigestClient.noSpaces
    })
  }

  const eventOf = (
    request: AgentRequest,
    sent: Sent | undefined,
    response: AgentResponse
  ): Result.Result<DigestClient.Event, DigestMalformed> => {
    if (response.status === status && response.challenges.length > 0) {
      return Result.map(Challenge.parse(response.challenges), (challenges) =>
        DigestClient.Event.Challenged({
          challenges,
          cnonce: cnonce(),
          resynchronised: sent?.user.auts !== undefined
        })
      )
    }
    return Result.map(AuthenticationInfo.parse(response.info), (info) =>
      DigestClient.Event.Answered({
        proof: sent === undefined ? "absent" : proofOf(request, sent, info, response.body),
        nextnonce: info.nextnonce
      })
    )
  }

  return agent
})

const noOctets = new Uint8Array(0)
