/**
 * The DPE Client: registers on DPE-1, reports properties, and answers what the server asks on DPE-2.
 *
 * @layer service
 * @spec dpe 3, 4, 5
 */
import { Primitives } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { ConnectionSecurity } from "./ConnectionSecurity.ts"
import * as Exchange from "./DpeExchange.ts"
import type { DpeInterface } from "./DpeInterface.ts"
import type * as DpeMessage from "./DpeMessage.ts"
import * as Property from "./Property.ts"
import * as RegistrationMachine from "./RegistrationMachine.ts"
import * as ReportRule from "./ReportRule.ts"
import * as SessionId from "./SessionId.ts"

export interface DpeClientOptions {
  readonly deviceId: string
  /** The URL of the device's UAProf document. */
  readonly profileUri?: string
  readonly capabilities?: DpeMessage.MessageOf<"RegistrationRequest">["capabilities"]
  /** Asked for on both interfaces; the server then serves the session on no less. */
  readonly asked?: ConnectionSecurity
  readonly dpe1: Omit<Exchange.ExchangeOptions, "asked">
  readonly dpe2: Omit<Exchange.ExchangeOptions, "asked">
  /** Rules of the server that are kept; 32 unless given. */
  readonly maximumRules?: number
}

/** The server answered otherwise than with 200. */
export class DpeAnswer extends Data.TaggedError("DpeAnswer")<{
  readonly interface: DpeInterface
  readonly code: number
}> {}

/** There is no session: register first. */
export class NotRegistered extends Data.TaggedError("NotRegistered")<{ readonly state: string }> {}

export type ClientFailure = Exchange.ExchangeFailure | DpeAnswer | NotRegistered

export interface DpeClient {
  /** Registers, or renews; what stands in `properties` is all that the server knows from then on. */
  readonly register: (properties: ReadonlyArray<Property.Property>) => Effect.Effect<void, ClientFailure>
  /** Tells the server what changed since it was told last; tells nothing where nothing did. */
  readonly update: (properties: ReadonlyArray<Property.Property>) => Effect.Effect<void, ClientFailure>
  readonly deregister: Effect.Effect<void, ClientFailure>
  /** Measured values: reports what the server's rules ask for, and answers requests from them. Gives how many reports went out. */
  readonly measured: (properties: ReadonlyArray<Property.Property>) => Effect.Effect<number, ClientFailure>
  /** Reports what is due by time; gives when to call it next, in milliseconds since 1970. */
  readonly passed: Effect.Effect<number | undefined, ClientFailure>
  /** Asks the server for what waits, at most `waitSeconds`, and answers it; gives what it was. */
  readonly poll: (waitSeconds: number) => Effect.Effect<DpeMessage.DpeMessage["_tag"] | undefined, ClientFailure>
  readonly state: Effect.Effect<RegistrationMachine.State>
}

/** A client that registers with one server. */
export const make = Effect.fnUntraced(function* (
  options: DpeClientOptions
): Effect.fn.Return<DpeClient, never, Exchange.ExchangeNeeds> {
  const { random, hash } = yield* Primitives.Primitives
  const asked = options.asked === undefined ? {} : { asked: options.asked }
  const dpe1 = yield* Exchange.make("dpe-1", { ...options.dpe1, ...asked })
  const dpe2 = yield* Exchange.make("dpe-2", { ...options.dpe2, ...asked })
  const sha256 = hash("sha256")
  let registration = RegistrationMachine.unregistered
  let told: ReadonlyArray<Property.Property> = []
  let known: ReadonlyArray<Property.Property> = []
  let rules = ReportRule.empty

  const newId = (): string => Bytes.toHex(random(8))

  const advance = (event: RegistrationMachine.Event) =>
    Effect.suspend(() => {
      const { state, action, inOrder } = RegistrationMachine.step(registration, event)
      if (!inOrder) return Effect.fail(new NotRegistered({ state: registration._tag }))
      registration = state
      return Effect.succeed(action)
    })

  const sessionOf = Effect.suspend(() => {
    switch (registration._tag) {
      case "Registered":
        return Effect.succeed(registration.session.sessionId)
      case "Registering":
        if (registration.standing !== undefined) return Effect.succeed(registration.standing.sessionId)
        return Effect.fail(new NotRegistered({ state: registration._tag }))
      default:
        return Effect.fail(new NotRegistered({ state: registration._tag }))
    }
  })

  /** An answer with 200 or 204; 410 ends the session here too. */
  const must = (of: DpeInterface, answered: Exchange.Answered) =>
    Effect.gen(function* () {
      if (answered.code === 410) yield* Effect.ignore(advance({ _tag: "Lost" }))
      if (answered.code !== 200 && answered.code !== 204) {
        return yield* new DpeAnswer({ interface: of, code: answered.code })
      }
      return answered
    })

  const take = (given: ReadonlyArray<ReportRule.ReportRule>) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const step = ReportRule.step(rules, { _tag: "Subscribed", rules: given }, now, options.maximumRules)
      rules = step.state
      return step.refused
    })

  const register = Effect.fnUntraced(function* (properties: ReadonlyArray<Property.Property>) {
    yield* advance({ _tag: "Register" })
    const { capabilities, deviceId, profileUri } = options
    const exchange = dpe1.send({
      _tag: "RegistrationRequest",
      messageId: newId(),
      deviceId,
      version: "1.0",
      property: properties,
      ...(profileUri === undefined ? {} : { profileUri }),
      ...(capabilities === undefined ? {} : { capabilities }),
      ...(options.asked === undefined ? {} : { connectionSecurity: options.asked })
    })
    const answered = yield* Effect.onError(exchange, () => Effect.ignore(advance({ _tag: "Failed" })))
    const { code, message } = answered
    const isResponse = message?._tag === "RegistrationResponse" && message.sessionId !== undefined
    if (code !== 200 || !isResponse || SessionId.decode(message.sessionId ?? "") === undefined) {
      yield* advance({ _tag: "Failed" })
      return yield* new DpeAnswer({ interface: "dpe-1", code })
    }
    const { reportRules = [], sessionId = "", sessionTtl = 0 } = message
    const now = yield* Clock.currentTimeMillis
    const session = { sessionId, ...(sessionTtl === 0 ? {} : { endsAt: now + sessionTtl * 1000 }) }
    yield* advance({ _tag: "Accepted", session })
    told = properties
    known = properties
    rules = ReportRule.step(ReportRule.empty, { _tag: "Measured", properties }, now).state
    yield* take(reportRules)
  })

  const update = Effect.fnUntraced(function* (properties: ReadonlyArray<Property.Property>) {
    const sessionId = yield* sessionOf
    known = properties
    const diffs = Property.difference(told, properties)
    if (diffs.length === 0) return
    const propertyDiff = diffs.map((diff) =>
      diff.operation === "remove"
        ? { operation: diff.operation, name: diff.name, value: "" }
        : { operation: diff.operation, ...diff.property }
    )
    const answered = yield* dpe1.send({ _tag: "PropertyUpdateRequest", messageId: newId(), sessionId, propertyDiff })
    const { message } = yield* must("dpe-1", answered)
    told = properties
    if (message?._tag === "PropertyUpdateResponse") yield* take(message.reportRules ?? [])
  })

  const dpe2Session = Effect.map(sessionOf, (sessionId) => SessionId.dpe2(sha256, sessionId))

  const reportAll = Effect.fnUntraced(function* (reports: ReadonlyArray<ReportRule.Report>) {
    for (const { properties, ruleId } of reports) {
      const sessionId = yield* dpe2Session
      const report = { _tag: "PropertyReport", messageId: newId(), sessionId, ruleId, property: properties } as const
      yield* must("dpe-2", yield* dpe2.send(report))
    }
    return reports.length
  })

  const step = (event: ReportRule.Event) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const { reports, state } = ReportRule.step(rules, event, now)
      rules = state
      return reports
    })

  /** The answer to a request of the server; `undefined` for what a client is not asked on DPE-2. */
  const answerTo = Effect.fnUntraced(function* (message: DpeMessage.DpeMessage, sessionId: string) {
    const ok = { code: 200, description: "ok" }
    const now = yield* Clock.currentTimeMillis
    switch (message._tag) {
      case "PropertyRequest": {
        const property = Property.select(known, message.propertyName, now)
        const { messageId } = message
        return { _tag: "PropertyResponse", messageId, sessionId, property, status: ok } as const
      }
      case "PropertySubscriptionRequest": {
        const refused = yield* take(message.reportRule)
        const status = refused.length === 0 ? ok : { code: 503, description: "too many rules" }
        return { _tag: "PropertySubscriptionResponse", messageId: message.messageId, sessionId, status } as const
      }
      default:
        return undefined
    }
  })

  return {
    register,
    update,
    deregister: Effect.gen(function* () {
      const sessionId = yield* sessionOf
      yield* advance({ _tag: "Deregister" })
      const request = dpe1.send({ _tag: "DeregistrationRequest", messageId: newId(), sessionId })
      yield* Effect.ensuring(
        Effect.flatMap(request, (answered) => must("dpe-1", answered)),
        Effect.ignore(advance({ _tag: "Deregistered" }))
      )
      told = []
    }),
    measured: (properties) =>
      Effect.suspend(() => {
        known = properties
        return Effect.flatMap(step({ _tag: "Measured", properties }), reportAll)
      }),
    passed: Effect.gen(function* () {
      yield* reportAll(yield* step({ _tag: "Passed" }))
      return ReportRule.nextDue(rules)
    }),
    poll: Effect.fnUntraced(function* (waitSeconds: number) {
      const sessionId = yield* dpe2Session
      const poll = { _tag: "PollRequest", messageId: newId(), sessionId, wait: Math.min(60, waitSeconds) } as const
      const { message } = yield* must("dpe-2", yield* dpe2.send(poll))
      if (message === undefined) return undefined
      const answer =
        "sessionId" in message && message.sessionId === sessionId ? yield* answerTo(message, sessionId) : undefined
      if (answer === undefined)
        return yield* new Exchange.DpeRefused({ interface: "dpe-2", why: "answer not understood" })
      yield* must("dpe-2", yield* dpe2.send(answer))
      return message._tag
    }),
    state: Effect.sync(() => registration)
  }
})
