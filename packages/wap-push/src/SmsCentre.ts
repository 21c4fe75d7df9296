/**
 * An SMS centre inside this process, for development: it stores a message until its subscriber is reachable, delivers in
 * order, and tells what became of it. What it holds is bounded; what waits is lost with the process.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import { BearerError, type Delivery } from "./Bearer.ts"
import type { ShortMessage } from "./ShortMessage.ts"
import { userDataCapacity } from "./ShortMessage.ts"
import { type SmsAccepted, SmsLink, type SmsSubmission } from "./SmsLink.ts"

export interface SmsCentreOptions {
  /** Messages that wait in all; 10,000. */
  readonly maxWaiting?: number
  /** Messages that wait for one subscriber; 1,000. */
  readonly maxWaitingPerSubscriber?: number
  /** Milliseconds for which a message waits unless it says otherwise; one day. It is also the most. */
  readonly validity?: number
  /** Milliseconds between two attempts after a terminal did not take a message; 5,000. */
  readonly retryDelay?: number
}

/** Something that happened to a message; `id` is the centre's name for it. */
export interface SmsTraffic {
  readonly event: "submitted" | "failed attempt" | Delivery
  readonly id: string
  readonly message: ShortMessage
}

export interface SmsCentreShape {
  readonly submit: (submission: SmsSubmission) => Effect.Effect<SmsAccepted, BearerError>
  /**
   * Makes the subscriber `number` (digits, with or without `+`) reachable until the scope closes. `receive` takes one
   * message at a time; where it fails the message stays and is tried again. A second terminal takes the place of the first.
   */
  readonly attach: (
    number: string,
    receive: (message: ShortMessage) => Effect.Effect<void, unknown>
  ) => Effect.Effect<void, never, Scope.Scope>
  /** How many messages wait. */
  readonly waiting: Effect.Effect<number>
  /** What happens from now on; a reader that falls 1,024 behind loses the oldest. */
  readonly traffic: Effect.Effect<PubSub.Subscription<SmsTraffic>, never, Scope.Scope>
}

/** Stores short messages and delivers them. */
export class SmsCentre extends Context.Service<SmsCentre, SmsCentreShape>()("@oma/wap-push/SmsCentre") {}

interface Stored {
  readonly id: string
  readonly message: ShortMessage
  readonly until: number
  readonly outcome: Deferred.Deferred<Delivery>
}

interface Subscriber {
  readonly waiting: Array<Stored>
  receive: ((message: ShortMessage) => Effect.Effect<void, unknown>) | undefined
  delivering: boolean
}

const day = 86_400_000
const sweepEvery = 1000
const digitsOf = (number: string): string => (number.startsWith("+") ? number.slice(1) : number)

export const make = Effect.fnUntraced(function* (
  options: SmsCentreOptions = {}
): Effect.fn.Return<SmsCentreShape, never, Scope.Scope> {
  const maxWaiting = options.maxWaiting ?? 10_000
  const maxPerSubscriber = options.maxWaitingPerSubscriber ?? 1000
  const longest = options.validity ?? day
  const retryDelay = options.retryDelay ?? 5000
  const scope = yield* Scope.Scope
  const events = yield* PubSub.sliding<SmsTraffic>(1024)
  const tell = (traffic: SmsTraffic) => PubSub.publish(events, traffic)
  const subscribers = new Map<string, Subscriber>()
  let waiting = 0
  let count = 0

  const subscriberOf = (number: string): Subscriber => {
    const known = subscribers.get(number)
    if (known !== undefined) return known
    const fresh: Subscriber = { waiting: [], receive: undefined, delivering: false }
    subscribers.set(number, fresh)
    return fresh
  }
  const forget = (number: string, subscriber: Subscriber) => {
    if (subscriber.waiting.length === 0 && subscriber.receive === undefined) subscribers.delete(number)
  }
  const settle = (subscriber: Subscriber, stored: Stored, delivery: Delivery) =>
    Effect.suspend(() => {
      const at = subscriber.waiting.indexOf(stored)
      if (at < 0) return Effect.void
      subscriber.waiting.splice(at, 1)
      waiting--
      return Effect.andThen(
        Deferred.succeed(stored.outcome, delivery),
        tell({ event: delivery, id: stored.id, message: stored.message })
      )
    })

  const deliverAll = Effect.fnUntraced(function* (subscriber: Subscriber) {
    for (;;) {
      const stored = subscriber.waiting[0]
      const { receive } = subscriber
      if (stored === undefined || receive === undefined) return
      if (stored.until <= (yield* Clock.currentTimeMillis)) {
        yield* settle(subscriber, stored, "expired")
        continue
      }
      const taken = yield* Effect.exit(receive(stored.message))
      if (taken._tag === "Success") {
        yield* settle(subscriber, stored, "delivered")
        continue
      }
      yield* tell({ event: "failed attempt", id: stored.id, message: stored.message })
      yield* Effect.sleep(retryDelay)
    }
  })
  const kick = (number: string, subscriber: Subscriber): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (subscriber.delivering || subscriber.receive === undefined || subscriber.waiting.length === 0)
        return Effect.void
      subscriber.delivering = true
      return deliverAll(subscriber).pipe(
        Effect.andThen(
          Effect.suspend(() => {
            subscriber.delivering = false
            forget(number, subscriber)
            return kick(number, subscriber) // something may have come since the last look
          })
        ),
        Effect.forkIn(scope),
        Effect.asVoid
      )
    })

  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const [number, subscriber] of subscribers) {
      for (const stored of subscriber.waiting.filter(({ until }) => until <= now)) {
        yield* settle(subscriber, stored, "expired")
      }
      forget(number, subscriber)
    }
  })
  yield* Effect.forkIn(Effect.forever(Effect.andThen(Effect.sleep(sweepEvery), sweep)), scope)

  return {
    submit: Effect.fnUntraced(function* (submission) {
      const { validity, receipt, ...message } = submission
      const refused = (reason: "refused" | "busy", detail: string) =>
        new BearerError({ reason, detail, retryable: reason === "busy" })
      if (message.userData.length > userDataCapacity) return yield* refused("refused", "more than 140 octets")
      const number = digitsOf(message.to.number)
      if (!/^\d{1,20}$/.test(number)) return yield* refused("refused", "destination is no number")
      const held = subscribers.get(number)?.waiting.length ?? 0
      if (waiting >= maxWaiting || held >= maxPerSubscriber) return yield* refused("busy", "message store full")
      const now = yield* Clock.currentTimeMillis
      const outcome = yield* Deferred.make<Delivery>()
      const subscriber = subscriberOf(number)
      const id = (++count).toString(16).padStart(8, "0")
      subscriber.waiting.push({ id, message, until: now + Math.min(validity ?? longest, longest), outcome })
      waiting++
      yield* tell({ event: "submitted", id, message })
      yield* kick(number, subscriber)
      return { id, ...(receipt ? { delivery: Deferred.await(outcome) } : {}) }
    }),
    attach: (given, receive) => {
      const number = digitsOf(given)
      return Effect.acquireRelease(
        Effect.suspend(() => {
          const subscriber = subscriberOf(number)
          subscriber.receive = receive
          return kick(number, subscriber)
        }),
        () =>
          Effect.sync(() => {
            const subscriber = subscribers.get(number)
            if (subscriber?.receive !== receive) return
            subscriber.receive = undefined
            forget(number, subscriber)
          })
      )
    },
    waiting: Effect.sync(() => waiting),
    traffic: PubSub.subscribe(events)
  }
})

/** The embedded SMS centre, and the link to it that bearers use. */
export const layer = (options?: SmsCentreOptions): Layer.Layer<SmsCentre | SmsLink> =>
  Layer.effect(
    SmsLink,
    Effect.map(SmsCentre, ({ submit }) => ({ submit }))
  ).pipe(Layer.provideMerge(Layer.effect(SmsCentre, make(options))))
