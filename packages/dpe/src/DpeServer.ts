/**
 * The DPE Server: registrations, profiles, requests to clients, and profiles for providers, each interface behind its own gate.
 *
 * @layer service
 * @spec dpe 3, 4, 5
 */

import type { TooLarge, Unencodable } from "@oma/enabler-message"
import {
  type KeyVault,
  Primitives,
  type Sad,
  SecurityEvents,
  type SecurityPolicy,
  type Spd,
  type Store,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import type { HttpExchange } from "@oma/sa-policy/http"
import type { DigestAuthenticator } from "@oma/sec-cf-core/digest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AnonymousSessions from "./AnonymousSessions.ts"
import * as ConnectionSecurity from "./ConnectionSecurity.ts"
import * as Consents from "./DpeConsent.ts"
import * as Gate from "./DpeGate.ts"
import { type DpeInterface, enabler } from "./DpeInterface.ts"
import * as DpeMessage from "./DpeMessage.ts"
import * as Outboxes from "./DpeOutbox.ts"
import * as DpePolicy from "./DpePolicy.ts"
import * as Sessions from "./DpeSessions.ts"
import { type Outcome, statuses } from "./DpeStatus.ts"
import type { ProfileRecord } from "./ProfileRecord.ts"
import * as Property from "./Property.ts"
import type { ReportRule } from "./ReportRule.ts"
import * as SessionId from "./SessionId.ts"

type Message = DpeMessage.DpeMessage

/** What a request is answered with. The binding makes an HTTP response of it. */
export interface Answer {
  readonly outcome: Outcome
  /** `undefined` where the request has no answer of its own, or could not be read. */
  readonly message: Message | undefined
  /** By which mode the client was admitted; `undefined` where it was not. */
  readonly mode: SecurityPolicy.AuthMode | undefined
  /** Values of `WWW-Authenticate`, strongest first. */
  readonly challenges: ReadonlyArray<string>
  readonly proof: DigestAuthenticator.DigestReply | undefined
}

/** A registration, as the server's owner is told of it. */
export interface Registration {
  readonly owner: Sessions.Owner
  readonly subscriber: string | undefined
  readonly deviceId: string
}

export interface DpeServerOptions {
  /** What each interface can judge; which of it is accepted, the policy says. */
  readonly gates: Readonly<Record<DpeInterface, Gate.GateOptions>>
  /** Rules that every client gets with its registration. */
  readonly reportRules?: ReadonlyArray<ReportRule>
  /** Told of every registration once it is durable. */
  readonly onRegistered?: (registration: Registration) => Effect.Effect<void>
  readonly profileLimits?: Property.ProfileLimits
}

/** What arrived: the message, who sent it and over what. */
interface Arrival<M extends Message = Message> {
  readonly of: DpeInterface
  readonly message: M
  readonly passage: Extract<Gate.Passage, { _tag: "Admitted" }>
  readonly security: ConnectionSecurity.ConnectionSecurity
  readonly source: string
}

interface Told {
  readonly outcome: Outcome
  readonly message?: Message | undefined
}

/** The names of answers. A message that is not here has no answer of its own. */
const answers = {
  RegistrationRequest: "RegistrationResponse",
  DeregistrationRequest: "DeregistrationResponse",
  PropertyUpdateRequest: "PropertyUpdateResponse",
  PropertyReport: "PropertyReportResponse",
  ProfileQuery: "ProfileResponse"
} as const

/** Which messages an interface takes from its peer. */
const taken: Readonly<Record<DpeInterface, ReadonlySet<Message["_tag"]>>> = {
  "dpe-1": new Set(["RegistrationRequest", "DeregistrationRequest", "PropertyUpdateRequest"]),
  "dpe-2": new Set(["PollRequest", "PropertyResponse", "PropertySubscriptionResponse", "PropertyReport"]),
  "dpe-3": new Set(["ProfileQuery"])
}

const version = /^1\.[0-9]{1,3}$/

/** The answer to `message` that says no more than `outcome`. */
const plainAnswer = (message: Message, outcome: Outcome, challenges: ReadonlyArray<string>): Message | undefined => {
  const status = statuses[outcome]
  switch (message._tag) {
    case "RegistrationRequest": {
      const [first, ...rest] = outcome === "challenge" ? challenges : []
      return {
        _tag: answers.RegistrationRequest,
        messageId: message.messageId,
        status,
        ...(first === undefined ? {} : { authInfo: { scheme: "Digest", challenge: [first, ...rest] } })
      }
    }
    case "DeregistrationRequest":
    case "PropertyUpdateRequest":
    case "PropertyReport":
      return { _tag: answers[message._tag], messageId: message.messageId, sessionId: message.sessionId, status }
    case "ProfileQuery":
      return { _tag: answers.ProfileQuery, messageId: message.messageId, status }
    default:
      return undefined
  }
}

const diffOf = (
  diff: NonNullable<DpeMessage.MessageOf<"PropertyUpdateRequest">["propertyDiff"]>[number]
): Property.PropertyDiff => {
  if (diff.operation === "remove") return { operation: "remove", name: diff.name }
  const { operation, ...property } = diff
  return { operation, property }
}

/** Why something could not be asked of a device. */
export type AskFailure = Outboxes.QueueFull | Spd.NoPolicy | Unavailable | Unencodable | TooLarge

/** A server. `receive` takes every request of an interface; the rest is for the server's owner. */
export interface DpeServer {
  /** Answers one request of an interface. What fails inside is `unavailable`; a store that is down is not the peer's fault. */
  readonly receive: (of: DpeInterface, request: HttpExchange.HttpRequest) => Effect.Effect<Answer>
  /** Asks a device for properties (`*` for all) at its next poll; gives the Message-ID, or `undefined` for a device without session. */
  readonly requestProperties: (
    owner: Sessions.Owner,
    names: readonly [string, ...ReadonlyArray<string>]
  ) => Effect.Effect<string | undefined, AskFailure>
  /** Gives a device rules by which it reports, in the same way. */
  readonly subscribe: (
    owner: Sessions.Owner,
    rules: readonly [ReportRule, ...ReadonlyArray<ReportRule>]
  ) => Effect.Effect<string | undefined, AskFailure>
  /** The profile of a device. */
  readonly profile: (owner: Sessions.Owner) => Effect.Effect<ProfileRecord | undefined, Unavailable>
  /** The device of a subscriber, whether it is registered or not. */
  readonly ownerOf: (subscriber: string, deviceId: string) => Sessions.Owner
  /** Allows a provider to read properties of a device; gives the alias to tell the provider. */
  readonly grant: (consent: Consents.Consent) => Effect.Effect<string, Unavailable>
  readonly withdraw: (requester: string, owner: Sessions.Owner) => Effect.Effect<void, Unavailable>
  /** How often clients reported that they did not accept this server, by interface and reason. */
  readonly authenticationErrors: Effect.Effect<ReadonlyMap<string, number>>
}

/** What a server stands on. */
export type DpeServerNeeds =
  | Store.Store
  | Sad.Sad
  | KeyVault.KeyVault
  | Primitives.Primitives
  | SecurityEvents.SecurityEvents
  | Spd.Spd

/** Makes the server. */
export const make = Effect.fnUntraced(function* (
  options: DpeServerOptions
): Effect.fn.Return<DpeServer, never, DpeServerNeeds> {
  const sessions = yield* Sessions.make
  const outbox = yield* Outboxes.make
  const consent = yield* Consents.make
  const events = yield* SecurityEvents.SecurityEvents
  const { random } = yield* Primitives.Primitives
  const gates = {
    "dpe-1": yield* Gate.make("dpe-1", options.gates["dpe-1"]),
    "dpe-2": yield* Gate.make("dpe-2", options.gates["dpe-2"]),
    "dpe-3": yield* Gate.make("dpe-3", options.gates["dpe-3"])
  }
  const limits = options.profileLimits ?? Property.defaultProfileLimits
  const anonymous = AnonymousSessions.make()
  const reported = new Map<string, number>()

  const newId = (): string => Bytes.toHex(random(8))

  const register = Effect.fnUntraced(function* (arrival: Arrival<DpeMessage.MessageOf<"RegistrationRequest">>) {
    const { message, passage, security, source } = arrival
    const { policy, subscriber } = passage
    const { deviceId, profileUri, capabilities } = message
    if (!version.test(message.version)) return { outcome: "unsupported" } as const
    const asked = message.connectionSecurity ?? "none"
    if (!ConnectionSecurity.satisfies(security, asked)) return { outcome: "upgrade" } as const
    const now = yield* Clock.currentTimeMillis
    const arrived = { interface: "dpe-1", security, now } as const
    const reported = Property.apply([], Property.replacing([], message.property ?? []), arrived, limits)
    if (Result.isFailure(reported)) return { outcome: "malformed" } as const
    const lifetimeMillis = DpePolicy.lifetime(policy, subscriber === undefined ? "anonymousSession" : "session")
    const most = {
      perSource: DpePolicy.limit(policy, "anonymousPerSource"),
      all: DpePolicy.limit(policy, "anonymous")
    }
    if (subscriber === undefined && !anonymous.begin(source, now, now + lifetimeMillis, most)) {
      return { outcome: "unavailable" } as const
    }
    const { sessionId, owner } = yield* sessions.open(
      {
        subscriber,
        identity: passage.identity,
        asked,
        issuedOver: security,
        lifetimeMillis,
        replacedMillis: DpePolicy.lifetime(policy, "replacedSession"),
        profile: (known): ProfileRecord => ({
          deviceId,
          ...(subscriber === undefined ? {} : { subscriber }),
          ...(profileUri === undefined ? {} : { profileUri }),
          ...(capabilities?.pushAddress === undefined ? {} : { pushAddress: capabilities.pushAddress }),
          reportable: capabilities?.propertyName ?? known?.reportable ?? [],
          properties: reported.success
        })
      },
      deviceId
    )
    yield* options.onRegistered?.({ owner, subscriber, deviceId }) ?? Effect.void
    const answer: Message = {
      _tag: answers.RegistrationRequest,
      messageId: message.messageId,
      status: statuses.ok,
      sessionId,
      sessionTtl: Math.floor(lifetimeMillis / 1000),
      reportRules: options.reportRules ?? []
    }
    return { outcome: "ok", message: answer } as const
  })

  /** Changes the profile of a session's device; a fault of the properties is the client's. */
  const change = (
    { owner }: Sessions.OpenSession,
    diffs: (known: ProfileRecord) => ReadonlyArray<Property.PropertyDiff>,
    { of, security }: Pick<Arrival, "of" | "security">
  ) =>
    sessions
      .changeProfile(owner, (known, now) =>
        Effect.map(
          Effect.fromResult(Property.apply(known.properties, diffs(known), { interface: of, security, now }, limits)),
          (properties) => ({ ...known, properties })
        )
      )
      .pipe(
        Effect.as("ok" as Outcome),
        Effect.catchTag("PropertyFault", () => Effect.succeed("malformed" as Outcome)),
        Effect.catchTag("SaNotFound", () => Effect.succeed("gone" as Outcome))
      )

  const inSession = Effect.fnUntraced(function* (arrival: Arrival, opened: Sessions.OpenSession) {
    const { message, passage } = arrival
    switch (message._tag) {
      case "DeregistrationRequest":
        yield* sessions.close(opened)
        return { outcome: "ok" } as Told
      case "PropertyUpdateRequest": {
        const { property = [], propertyDiff = [] } = message
        const diffs = (known: ProfileRecord) =>
          property.length > 0 ? Property.replacing(known.properties, property) : propertyDiff.map(diffOf)
        return { outcome: yield* change(opened, diffs, arrival) } as Told
      }
      case "PropertyReport": {
        const diffs = message.property.map((property) => ({ operation: "set", property }) as const)
        return { outcome: yield* change(opened, () => diffs, arrival) } as Told
      }
      case "PropertyResponse": {
        // an answer to nothing that was asked changes nothing
        const asked = yield* outbox.answered(opened.name, message.messageId)
        if (asked?._tag !== "PropertyRequest") return { outcome: "unknown" } as Told
        const names = asked.propertyName
        const diffs = (message.property ?? [])
          .filter(({ name }) => names.includes("*") || names.includes(name))
          .map((property) => ({ operation: "set", property }) as const)
        return { outcome: message.status.code === 200 ? yield* change(opened, () => diffs, arrival) : "ok" } as Told
      }
      case "PropertySubscriptionResponse": {
        const asked = yield* outbox.answered(opened.name, message.messageId)
        return { outcome: asked?._tag === "PropertySubscriptionRequest" ? "ok" : "unknown" } as Told
      }
      case "PollRequest": {
        const { policy } = passage
        const wait = Math.min((message.wait ?? 0) * 1000, DpePolicy.limit(policy, "pollMillis"), 60_000)
        const limits = {
          polls: DpePolicy.limit(policy, "polls"),
          redeliveryMillis: DpePolicy.lifetime(policy, "redelivery")
        }
        return { outcome: "ok", message: yield* outbox.poll(opened.name, wait, limits) } as Told
      }
      default:
        return { outcome: "unsupported" } as Told
    }
  })

  const query = Effect.fnUntraced(function* (arrival: Arrival<DpeMessage.MessageOf<"ProfileQuery">>) {
    const { message, passage } = arrival
    const { deviceId = "", maxAge, messageId, propertyName, subscriberAlias } = message
    // consent is given to somebody: who is nobody in particular has none
    const requester = passage.subscriber
    if (requester === undefined) return { outcome: "unknown" } as Told
    const asked = subscriberAlias === undefined ? { deviceId } : { alias: subscriberAlias }
    const owner = yield* consent.deviceOf(requester, asked)
    const allowed = owner === undefined ? [] : yield* consent.allowed(requester, owner)
    const profile = owner === undefined || allowed.length === 0 ? undefined : yield* sessions.profile(owner)
    if (profile === undefined) return { outcome: "unknown" } as Told
    const now = yield* Clock.currentTimeMillis
    const fresh = Property.select(Property.select(profile.properties, propertyName, now), allowed, now).filter(
      ({ time }) => maxAge === undefined || now - time <= maxAge * 1000
    )
    const answer: Message = { _tag: answers.ProfileQuery, messageId, status: statuses.ok, property: fresh }
    return { outcome: "ok", message: answer } as Told
  })

  const work = Effect.fnUntraced(function* (arrival: Arrival) {
    const { message, of, passage, security } = arrival
    if (message._tag === "RegistrationRequest") return (yield* register({ ...arrival, message })) as Told
    if (message._tag === "ProfileQuery") return yield* query({ ...arrival, message })
    const sessionId = "sessionId" in message ? message.sessionId : undefined
    if (sessionId === undefined) return { outcome: "malformed" } as Told
    const verdict = yield* sessions.arrive(of, sessionId, passage.subscriber, security)
    switch (verdict._tag) {
      case "Open":
        return yield* inSession(arrival, verdict.opened)
      case "Unproved":
        return { outcome: "challenge" } as Told
      case "Other":
        return { outcome: "refused" } as Told
      case "Upgrade":
        return { outcome: "upgrade" } as Told
      case "Gone":
      case "Taken":
        return { outcome: "gone" } as Told
    }
  })

  /** Counts a client's report that it did not accept this server; it comes from nobody in particular and changes nothing else. */
  const count = ({ reason, interface: on }: DpeMessage.MessageOf<"AuthenticationError">, peer: string) => {
    const key = `${on}: ${reason}`
    reported.set(key, (reported.get(key) ?? 0) + 1)
    const clause = "dpe 5.3: authentication error, from client to server"
    return events.emit("ServerRefused", { enabler, interface: on.toLowerCase(), peer, clause, detail: reason })
  }

  const refusalOf = (passage: Exclude<Gate.Passage, { _tag: "Admitted" }>): Outcome => {
    switch (passage._tag) {
      case "Challenge":
        return "challenge"
      case "Upgrade":
        return "upgrade"
      case "Malformed":
        return "malformed"
      case "Refused":
        return "refused"
    }
  }

  const judge = Effect.fnUntraced(function* (of: DpeInterface, request: HttpExchange.HttpRequest) {
    const { connection } = request
    const decoded = DpeMessage.decode(request.body)
    const message = Result.isSuccess(decoded) ? decoded.success : undefined
    const none = { mode: undefined, challenges: [], proof: undefined }
    if (message?._tag === "AuthenticationError") {
      yield* count(message, connection.peer.address)
      return { ...none, outcome: "ok", message: undefined } as Answer
    }
    const passage = yield* gates[of].admit(request)
    if (passage._tag !== "Admitted") {
      const outcome = refusalOf(passage)
      const challenges = passage._tag === "Challenge" ? passage.challenges : []
      const answer = message === undefined ? undefined : plainAnswer(message, outcome, challenges)
      return { ...none, outcome, challenges, message: answer } as Answer
    }
    const { mode, reply: proof } = passage
    const admitted = { mode, proof, challenges: passage.offers }
    if (message === undefined) return { ...admitted, outcome: "malformed", message: undefined } as Answer
    const security = ConnectionSecurity.ofConnection(connection)
    const arrival = { of, message, passage, security, source: connection.peer.address }
    const told: Told = taken[of].has(message._tag) ? yield* work(arrival) : { outcome: "unsupported" }
    // a 401 has a challenge; where the policy has none to give, nothing in a message could answer it
    const outcome = told.outcome === "challenge" && passage.offers.length === 0 ? "refused" : told.outcome
    return { ...admitted, outcome, message: told.message ?? plainAnswer(message, outcome, passage.offers) } as Answer
  })

  const unavailable: Answer = {
    outcome: "unavailable",
    message: undefined,
    mode: undefined,
    challenges: [],
    proof: undefined
  }

  const enqueue = Effect.fnUntraced(function* (
    owner: Sessions.Owner,
    messageOf: (sessionId: string, id: string) => Message
  ) {
    const session = yield* sessions.currentOf(owner)
    if (session === undefined) return undefined
    const octets = Bytes.fromHex(session)
    if (octets === undefined) return undefined
    const policy = yield* gates["dpe-2"].policy
    const messageId = newId()
    yield* outbox.add(session, messageOf(SessionId.encode(octets), messageId), {
      waitingMillis: DpePolicy.lifetime(policy, "waiting"),
      redeliveryMillis: DpePolicy.lifetime(policy, "redelivery"),
      queue: DpePolicy.limit(policy, "queue")
    })
    return messageId
  })

  return {
    receive: (of: DpeInterface, request: HttpExchange.HttpRequest): Effect.Effect<Answer> =>
      judge(of, request).pipe(
        Effect.catch((error) =>
          Effect.as(events.emit("StoreUnavailable", { enabler, interface: of, detail: error._tag }), unavailable)
        )
      ),
    requestProperties: (owner: Sessions.Owner, names: readonly [string, ...ReadonlyArray<string>]) =>
      enqueue(owner, (sessionId, messageId) => ({
        _tag: "PropertyRequest",
        messageId,
        sessionId,
        propertyName: names
      })),
    subscribe: (owner: Sessions.Owner, rules: readonly [ReportRule, ...ReadonlyArray<ReportRule>]) =>
      enqueue(owner, (sessionId, messageId) => ({
        _tag: "PropertySubscriptionRequest",
        messageId,
        sessionId,
        reportRule: rules
      })),
    profile: sessions.profile,
    ownerOf: sessions.ownerOf,
    grant: consent.grant,
    withdraw: consent.withdraw,
    authenticationErrors: Effect.sync((): ReadonlyMap<string, number> => new Map(reported))
  }
})
