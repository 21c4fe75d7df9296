/**
 * A client's exchanges on one interface: judges the server before it speaks, answers challenges within its own policy, goes to the
 * protected endpoint where one side demands it, and stops where it was answered less protected than it asked.
 *
 * @layer service
 * @spec dpe 5
 */
import {
  ClientGuard,
  type Connection,
  Level,
  type Primitives,
  SecurityEvents,
  type SecurityPolicy,
  Spd
} from "@oma/sa-policy"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import type { DigestAgent } from "@oma/sec-cf-core/digest"
import { serverProofs } from "@oma/sec-cf-core/tls"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ConnectionSecurity from "./ConnectionSecurity.ts"
import { type DpeInterface, enabler, mediaType, nameOf, wireNames } from "./DpeInterface.ts"
import * as DpeMessage from "./DpeMessage.ts"
import { modes } from "./DpePolicy.ts"
import * as ExchangeMachine from "./ExchangeMachine.ts"

/** Where an interface of a server is: in clear, over TLS, or both. */
export interface Endpoints {
  readonly clear?: string
  readonly secure?: string
}

export interface ExchangeOptions {
  readonly endpoints: Endpoints
  /** Answers Digest challenges; an agent of its own for each interface, since each has its own protection space. */
  readonly digest?: DigestAgent.DigestAgent<never, never>
  /** What the client asks for beyond its policy; `none` unless given. */
  readonly asked?: ConnectionSecurity.ConnectionSecurity
  /** Addresses and host names that authenticate a server in mode `address`. Weak: somebody on the way can have them too. */
  readonly addresses?: ReadonlyArray<string>
  /**
   * Sends the report that this server was not accepted: a client that validates nothing and brings no certificate, key, ticket or cookie. No
   * report is sent without one.
   */
  readonly reporter?: HttpHandler.HttpClient["Service"]
}

/** The exchange ended without an answer that may be used. */
export class DpeRefused extends Data.TaggedError("DpeRefused")<{
  readonly interface: DpeInterface
  readonly why: ExchangeMachine.Stop | "answer not understood"
}> {}

/** An answer of the server, within the client's policy. */
export interface Answered {
  readonly code: number
  /** `undefined` for an answer without message. */
  readonly message: DpeMessage.DpeMessage | undefined
  readonly mode: SecurityPolicy.AuthMode
  readonly security: ConnectionSecurity.ConnectionSecurity
}

export type ExchangeFailure = DpeRefused | HttpHandler.HttpFailure | Spd.NoPolicy | DpeMessageFault

/** The message could not be written. */
export class DpeMessageFault extends Data.TaggedError("DpeMessageFault")<{ readonly detail: string }> {}

export interface DpeExchange {
  readonly send: (message: DpeMessage.DpeMessage) => Effect.Effect<Answered, ExchangeFailure>
}

export type ExchangeNeeds = HttpHandler.HttpClient | Spd.Spd | SecurityEvents.SecurityEvents | Primitives.Primitives

/** How often a client reports one server. */
const reportEvery = 60_000

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined

const reasonOf = (detail: string): (typeof DpeMessage.reasons)[number] =>
  /expired/i.test(detail)
    ? "expired"
    : /altname|hostname|mismatch|not for|no name/i.test(detail)
      ? "name mismatch"
      : "not validated"

/** What came of one sending. */
type Outcome =
  | { readonly _tag: "Answer"; readonly answer: HttpExchange.HttpAnswer; readonly mode: SecurityPolicy.AuthMode }
  | { readonly _tag: "MoreNeeded" | "ServerRefused" | "Unanswered" }

/** The exchanges of `of`. */
export const make = Effect.fnUntraced(function* (
  of: DpeInterface,
  options: ExchangeOptions
): Effect.fn.Return<DpeExchange, never, ExchangeNeeds> {
  const http = yield* HttpHandler.HttpClient
  const spd = yield* Spd.Spd
  const events = yield* SecurityEvents.SecurityEvents
  const name = nameOf("client", of)
  const { asked = "none", digest, endpoints } = options
  const expected = new Set(options.addresses)
  let reportedAt = Number.NEGATIVE_INFINITY

  const proofsOf = (connection: Connection.Connection, now: number): ReadonlyArray<ClientGuard.ServerProof> => {
    const { peer, serverName } = connection
    const known = [peer.address, serverName].find((text) => text !== undefined && expected.has(text))
    const proof: ClientGuard.ServerProof | undefined =
      known === undefined
        ? undefined
        : {
            mode: modes.address,
            identity: { _tag: "Authenticated", subject: known, kind: "address", method: modes.address, at: now }
          }
    return [...serverProofs(connection, now), ...(proof === undefined ? [] : [proof])]
  }

  /** Runs before the first octet goes out. */
  const judge = (to: ExchangeMachine.Endpoint) => (connection: Connection.Connection) =>
    Effect.gen(function* () {
      const { level } = connection.protection
      if (to === "secure" && !Level.satisfies(level, Level.full)) {
        return yield* new ClientGuard.ServerRefused({ clause: "dpe 5.4: the protected endpoint is protected" })
      }
      yield* ClientGuard.judge(name, connection, proofsOf(connection, yield* Clock.currentTimeMillis))
    }).pipe(Effect.provideService(Spd.Spd, spd), Effect.provideService(SecurityEvents.SecurityEvents, events))

  const accepts = (policy: SecurityPolicy.InterfacePolicy, mode: SecurityPolicy.AuthMode, level: Level.Level) =>
    policy.clientAuthentication.some((entry) => entry.mode === mode && Level.satisfies(level, entry.over))

  const modeOf = (answer: HttpExchange.HttpAnswer, authorized: boolean): SecurityPolicy.AuthMode =>
    HttpExchange.fieldOf(answer.fields, "dpe-authenticated-by") ?? (authorized ? modes.digest : modes.none)

  /** Whether the answer tells how the client was admitted: it says so, or was given all the same. */
  const isJudged = ({ fields, status }: HttpExchange.HttpAnswer): boolean =>
    status < 300 || HttpExchange.fieldOf(fields, "dpe-authenticated-by") !== undefined

  /** One request to one endpoint, with the credentials that the policy lets go out there. */
  const sendTo = Effect.fnUntraced(function* (
    to: ExchangeMachine.Endpoint,
    url: string,
    body: Uint8Array,
    policy: SecurityPolicy.InterfacePolicy
  ) {
    const level = to === "secure" ? Level.full : Level.none
    const call = (authorization: string | undefined) =>
      http.call(
        {
          method: "POST",
          url,
          fields: [
            ["Content-Type", mediaType],
            ...(authorization === undefined ? [] : [["Authorization", authorization] as const])
          ],
          body
        },
        judge(to)
      )
    const answered = (answer: HttpExchange.HttpAnswer, authorized: boolean): Outcome => ({
      _tag: "Answer",
      answer,
      mode: modeOf(answer, authorized)
    })
    const mayAnswer = accepts(policy, modes.digest, level) || accepts(policy, modes.gba, level)
    if (digest === undefined || !mayAnswer) {
      return answered(yield* call(undefined), false)
    }
    const { origin, pathname, search } = new URL(url)
    let authorized = false
    const delivered = yield* digest.request(
      { origin, target: `${pathname}${search}`, method: "POST", body },
      (authorization) =>
        Effect.map(call(authorization), (answer) => {
          authorized = authorization !== undefined
          const challenges = HttpExchange.fieldsOf(answer.fields, "www-authenticate")
          // a server that serves anybody offers its challenge too: a client that must be authenticated takes it up
          const insist = !authorized && !accepts(policy, modeOf(answer, false), level) && challenges.length > 0
          return {
            answer,
            status: insist ? 401 : answer.status,
            challenges,
            info: HttpExchange.fieldsOf(answer.fields, "authentication-info"),
            body: answer.body
          }
        })
    )
    return answered(delivered.response.answer, authorized)
  })

  /** Tells a server, once a minute at most, that it was not accepted; says nothing else and waits for nothing. */
  const report = Effect.fnUntraced(function* (reason: (typeof DpeMessage.reasons)[number]) {
    const { reporter } = options
    const now = yield* Clock.currentTimeMillis
    if (reporter === undefined || endpoints.secure === undefined || now - reportedAt < reportEvery) return
    reportedAt = now
    const body = DpeMessage.encode({ _tag: "AuthenticationError", reason, interface: wireNames[of] })
    if (Result.isFailure(body)) return
    yield* Effect.ignore(
      reporter.call({
        method: "POST",
        url: endpoints.secure,
        fields: [["Content-Type", mediaType]],
        body: body.success
      })
    )
  })

  const stopped = Effect.fnUntraced(function* (why: ExchangeMachine.Stop) {
    yield* events.emit("ServerRefused", { enabler, interface: of, clause: "dpe 5", detail: why })
    if (why === "server not accepted") yield* report("authentication error")
    return yield* new DpeRefused({ interface: of, why })
  })

  const send = Effect.fnUntraced(function* (message: DpeMessage.DpeMessage) {
    const policy = yield* spd.entry(name)
    const encoded = DpeMessage.encode(message)
    if (Result.isFailure(encoded)) return yield* new DpeMessageFault({ detail: encoded.failure.message })
    const rules: ExchangeMachine.Rules = {
      // whether it showed a certificate of its own is not for the client to check on the connection
      least: ConnectionSecurity.stronger(
        asked === "tls-mutual" ? "tls" : asked,
        ConnectionSecurity.ofLevel(policy.connection)
      ),
      clear: endpoints.clear !== undefined,
      secure: endpoints.secure !== undefined,
      secureHost: hostOf(endpoints.secure)
    }
    let { action, state } = ExchangeMachine.step(rules, ExchangeMachine.ready, { _tag: "Start" })
    let last: Extract<Outcome, { _tag: "Answer" }> | undefined
    while (action._tag === "Send") {
      const { to } = action
      const url = to === "secure" ? endpoints.secure : endpoints.clear
      if (url === undefined) return yield* stopped("no endpoint")
      const outcome: Outcome = yield* sendTo(to, url, encoded.success, policy).pipe(
        Effect.catchTag("UpgradeNeeded", () => Effect.succeed({ _tag: "MoreNeeded" } as const)),
        Effect.catchTag("ServerRefused", () => Effect.succeed({ _tag: "ServerRefused" } as const)),
        Effect.catchTag("DigestMalformed", () => Effect.succeed({ _tag: "Unanswered" } as const)),
        Effect.catchTag("DigestGaveUp", ({ why }) =>
          Effect.succeed({ _tag: why === "server-proof-wrong" ? "ServerRefused" : "Unanswered" } as const)
        ),
        Effect.tapError((failure) =>
          failure._tag === "HttpFailure" && failure.kind === "tls" ? report(reasonOf(failure.detail)) : Effect.void
        )
      )
      let event: ExchangeMachine.Event
      if (outcome._tag === "Answer") {
        last = outcome
        const { answer, mode } = outcome
        const location = hostOf(HttpExchange.fieldOf(answer.fields, "location"))
        event = {
          _tag: "Answered",
          code: answer.status,
          security: ConnectionSecurity.ofClientConnection(answer.connection),
          modeAccepted: !isJudged(answer) || accepts(policy, mode, answer.connection.protection.level),
          ...(location === undefined ? {} : { hostOfLocation: location })
        }
      } else if (outcome._tag === "Unanswered") {
        // challenged, and nothing that the policy lets go out answers it
        event = { _tag: "Answered", code: 401, security: to === "secure" ? "tls" : "none", modeAccepted: false }
      } else {
        event = { _tag: outcome._tag }
      }
      ;({ action, state } = ExchangeMachine.step(rules, state, event))
    }
    if (action._tag === "Stop") return yield* stopped(action.why)
    if (last === undefined) return yield* stopped("out of order")
    const { answer, mode } = last
    const security = ConnectionSecurity.ofClientConnection(answer.connection)
    if (HttpExchange.mediaType(answer.fields) !== mediaType || answer.body.length === 0) {
      return { code: answer.status, message: undefined, mode, security }
    }
    const decoded = DpeMessage.decode(answer.body)
    if (Result.isFailure(decoded)) return yield* new DpeRefused({ interface: of, why: "answer not understood" })
    return { code: answer.status, message: decoded.success, mode, security }
  })

  return { send }
})
