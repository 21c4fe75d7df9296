/**
 * Messages of the server that wait for their client on DPE-2.
 *
 * @layer service
 * @spec dpe 4: messages wait in a queue for each client and come back as the answer to its poll
 */
import { Primitives, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as DpeMessage from "./DpeMessage.ts"

const collection = "dpe/outbox"

/** As many messages wait for the client as the policy allows. */
export class QueueFull extends Data.TaggedError("QueueFull")<{ readonly waiting: number }> {}

export interface OutboxLimits {
  readonly waitingMillis: number
  readonly redeliveryMillis: number
  readonly queue: number
}

/** Octets before the document in a record: the time of the last delivery, 0 for none. */
const head = 8

const withTime = (time: number, document: Uint8Array): Uint8Array => {
  const octets = new Uint8Array(head + document.length)
  new DataView(octets.buffer).setBigUint64(0, BigInt(time))
  octets.set(document, head)
  return octets
}

const timeOf = (octets: Uint8Array): number =>
  Number(new DataView(octets.buffer, octets.byteOffset, octets.byteLength).getBigUint64(0))

/** How long a poll waits before it looks again, for messages that another node queued. */
const lookAgain = 5_000

export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const { random } = yield* Primitives.Primitives
  const waiting = new Map<string, Set<Deferred.Deferred<void>>>()
  let polls = 0

  const unavailable = (cause: string) => Effect.fail(new Unavailable({ what: "outbox", retryable: true, cause }))

  const wake = (session: string): Effect.Effect<void> =>
    Effect.forEach([...(waiting.get(session) ?? [])], (signal) => Deferred.succeed(signal, undefined), {
      discard: true
    })

  const all = (session: string, now: number) => store.records(collection, { prefix: `${session}/`, limit: 100, now })

  /** The oldest message that is due, marked as delivered. */
  const take = Effect.fnUntraced(function* (session: string, redeliveryMillis: number) {
    const now = yield* Clock.currentTimeMillis
    for (const record of yield* all(session, now)) {
      const delivered = timeOf(record.value)
      if (delivered !== 0 && now - delivered < redeliveryMillis) continue
      const document = record.value.slice(head)
      const operation = Store.putRecord(
        collection,
        record.key,
        withTime(Math.max(1, now), document),
        record.version,
        record.notAfter
      )
      const mine = yield* store.transact([operation], now).pipe(
        Effect.as(true),
        Effect.catchTag("Conflict", () => Effect.succeed(false)),
        Effect.catchIf(
          (error) => error._tag !== "Unavailable",
          (error) => unavailable(error._tag)
        )
      )
      const message = DpeMessage.decode(document)
      if (mine && Result.isSuccess(message)) return message.success
    }
    return undefined
  })

  return {
    /** Puts a message behind those that wait. */
    add: Effect.fnUntraced(function* (session: string, message: DpeMessage.DpeMessage, limits: OutboxLimits) {
      const now = yield* Clock.currentTimeMillis
      const standing = yield* all(session, now)
      if (standing.length >= Math.min(limits.queue, 100)) return yield* new QueueFull({ waiting: standing.length })
      const document = yield* Effect.fromResult(DpeMessage.encode(message))
      // keys are in the order of time; the chance behind it keeps two of one millisecond apart
      const key = `${session}/${String(now).padStart(16, "0")}-${Bytes.toHex(random(8))}`
      yield* store
        .transact([Store.putRecord(collection, key, withTime(0, document), "absent", now + limits.waitingMillis)], now)
        .pipe(
          Effect.catchIf(
            (error) => error._tag !== "Unavailable",
            (error) => unavailable(error._tag)
          )
        )
      yield* wake(session)
    }),
    /** The next message, or `undefined` when none came in `waitMillis`. A poll beyond `limits.polls` does not wait. */
    poll: Effect.fnUntraced(function* (
      session: string,
      waitMillis: number,
      limits: { readonly polls: number; readonly redeliveryMillis: number }
    ) {
      const until = (yield* Clock.currentTimeMillis) + waitMillis
      if (waitMillis === 0 || polls >= limits.polls) return yield* take(session, limits.redeliveryMillis)
      polls++
      const signals = waiting.get(session) ?? new Set()
      waiting.set(session, signals)
      const turn = Effect.gen(function* () {
        for (;;) {
          const signal = Deferred.makeUnsafe<void>()
          signals.add(signal)
          const found = yield* take(session, limits.redeliveryMillis)
          const left = until - (yield* Clock.currentTimeMillis)
          if (found !== undefined || left <= 0) return found
          const woken = Deferred.await(signal).pipe(
            Effect.timeoutOption(Duration.millis(Math.min(left, lookAgain))),
            Effect.ensuring(Effect.sync(() => signals.delete(signal)))
          )
          if (Option.isNone(yield* woken) && (yield* Clock.currentTimeMillis) >= until) {
            return yield* take(session, limits.redeliveryMillis)
          }
        }
      })
      return yield* Effect.ensuring(
        turn,
        Effect.sync(() => {
          polls--
          if (signals.size <= 1) waiting.delete(session)
        })
      )
    }),
    /** Removes the message that the client answered, and gives it; `undefined` where no such message was asked. */
    answered: Effect.fnUntraced(function* (session: string, messageId: string) {
      const now = yield* Clock.currentTimeMillis
      for (const record of yield* all(session, now)) {
        const message = DpeMessage.decode(record.value.slice(head))
        if (Result.isFailure(message) || message.success.messageId !== messageId) continue
        return yield* store.transact([Store.deleteRecord(collection, record.key, record.version)], now).pipe(
          Effect.as(message.success),
          Effect.catchTag("Conflict", () => Effect.succeed(undefined)),
          Effect.catchIf(
            (error) => error._tag !== "Unavailable",
            (error) => unavailable(error._tag)
          )
        )
      }
      return undefined
    })
  }
})
