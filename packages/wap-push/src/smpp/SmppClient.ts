/**
 * An external short message entity on SMPP 3.4: binds as transceiver, submits, takes receipts and messages, and binds anew
 * when the connection is lost. The protocol data units are those of the library `smpp`.
 *
 * @spec SMPP 3.4
 * @layer binding
 */
import type * as Tls from "node:tls"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Pdu, Session } from "smpp"
import smpp from "smpp"
import { BearerError, type Delivery } from "../Bearer.ts"
import type { ReceiptStatus } from "../DeliveryReceipt.ts"
import type { ShortMessage } from "../ShortMessage.ts"
import { type SmsAccepted, SmsLink, type SmsLinkShape } from "../SmsLink.ts"
import { messageOf, receiptOf, status, submitParameters } from "./SmppMessage.ts"

export interface SmppClientOptions {
  readonly host: string
  readonly port: number
  readonly systemId: string
  readonly password: Redacted.Redacted
  readonly systemType?: string
  /** Speaks TLS with these. */
  readonly tls?: Tls.ConnectionOptions
  /** Submissions without an answer at once; 10. */
  readonly window?: number
  /** Milliseconds for an answer, and for a submission to find the entity bound; 10,000. */
  readonly timeout?: number
  /** Milliseconds between two questions whether the centre is there; 30,000. */
  readonly enquireInterval?: number
  /** Milliseconds before the first new attempt to bind, doubled each time; 1,000. */
  readonly reconnectDelay?: number
  /** The longest of these delays; 30,000. */
  readonly maxReconnectDelay?: number
  /** Receipts waited for at once; 10,000. The oldest becomes `unknown`. */
  readonly maxAwaited?: number
  /** Received messages that wait to be taken; 1,000. More are refused with a temporary error. */
  readonly capacity?: number
}

export interface SmppClientShape extends SmsLinkShape {
  /** Messages from terminals. */
  readonly incoming: Queue.Dequeue<ShortMessage>
  /** Whether the entity is bound just now. */
  readonly bound: Effect.Effect<boolean>
}

/** An SMPP entity. */
export class SmppClient extends Context.Service<SmppClient, SmppClientShape>()("@oma/wap-push/SmppClient") {}

const deliveryOf: Readonly<Record<ReceiptStatus, Delivery | undefined>> = {
  DELIVRD: "delivered",
  EXPIRED: "expired",
  DELETED: "undeliverable",
  UNDELIV: "undeliverable",
  ACCEPTD: undefined, // an intermediate state: the final one is still to come
  UNKNOWN: "unknown",
  REJECTD: "rejected"
}

const retryableStatus = new Set<number>([
  status.systemError,
  status.queueFull,
  status.throttled,
  status.temporaryAppError
])

interface Link {
  readonly session: Session
  readonly closed: Deferred.Deferred<void>
}

const unavailable = (detail: string, cause?: unknown): BearerError =>
  new BearerError({ reason: "unavailable", detail, retryable: true, ...(cause !== undefined ? { cause } : {}) })

export const make = Effect.fnUntraced(function* (
  options: SmppClientOptions
): Effect.fn.Return<SmppClientShape, never, Scope.Scope> {
  const timeout = options.timeout ?? 10_000
  const permits = Semaphore.makeUnsafe(options.window ?? 10)
  const incoming = yield* Queue.dropping<ShortMessage>(options.capacity ?? 1000)
  const awaited = new Map<string, Deferred.Deferred<Delivery>>()
  let link: Link | undefined
  let whenBound = yield* Deferred.make<Link>()

  const expect = (id: string): Deferred.Deferred<Delivery> => {
    const outcome = Deferred.makeUnsafe<Delivery>()
    awaited.set(id, outcome)
    if (awaited.size > (options.maxAwaited ?? 10_000)) {
      for (const [oldest, given] of awaited) {
        awaited.delete(oldest)
        Deferred.doneUnsafe(given, Effect.succeed<Delivery>("unknown"))
        break
      }
    }
    return outcome
  }

  const onDeliver = (session: Session, pdu: Pdu): void => {
    const answer = (command_status: number) => session.send(pdu.response({ command_status }))
    const receipt = receiptOf(pdu)
    if (receipt !== undefined) {
      const delivery = receipt === null ? undefined : deliveryOf[receipt.status]
      const outcome = receipt === null ? undefined : awaited.get(receipt.id)
      if (receipt !== null && delivery !== undefined && outcome !== undefined) {
        awaited.delete(receipt.id)
        Deferred.doneUnsafe(outcome, Effect.succeed(delivery))
      }
      answer(status.ok)
      return
    }
    const message = messageOf(pdu)
    if (message === undefined) answer(status.permanentAppError)
    else answer(Queue.offerUnsafe(incoming, message) ? status.ok : status.temporaryAppError)
  }

  /** Sends a request and waits for its answer, the end of the connection or the timeout. `onAnswer` runs before anything else is read. */
  const request = <A>(at: Link, pdu: Pdu, onAnswer: (answer: Pdu) => A): Effect.Effect<A, BearerError> =>
    Effect.raceFirst(
      Effect.callback<A, BearerError>((resume) => {
        const taken = at.session.send(pdu, (answer) => resume(Effect.succeed(onAnswer(answer))))
        if (!taken) resume(Effect.fail(unavailable("connection closed")))
      }),
      Effect.andThen(Deferred.await(at.closed), Effect.fail(unavailable("connection lost before the answer")))
    ).pipe(Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(unavailable("no answer in time")) }))

  const open: Effect.Effect<Link, BearerError, Scope.Scope> = Effect.acquireRelease(
    Effect.sync((): Link => {
      const { host, port, tls } = options
      const session = smpp.connect({ host, port, ...(tls !== undefined ? { ...tls, tls: true } : {}) })
      const closed = Deferred.makeUnsafe<void>()
      const end = () => {
        session.destroy()
        Deferred.doneUnsafe(closed, Effect.void)
      }
      session.on("error", end)
      session.on("close", end)
      session.on("enquire_link", (pdu: Pdu) => session.send(pdu.response()))
      session.on("deliver_sm", (pdu: Pdu) => onDeliver(session, pdu))
      session.on("unknown", (pdu: Pdu) => session.send(pdu.response()))
      session.on("unbind", (pdu: Pdu) => {
        session.send(pdu.response())
        session.close()
      })
      return { session, closed }
    }),
    (at) =>
      request(at, new smpp.PDU("unbind"), () => undefined).pipe(
        Effect.timeoutOption(1000),
        Effect.ignore,
        Effect.andThen(Effect.sync(() => at.session.destroy()))
      )
  )

  const connected = (at: Link): Effect.Effect<void, BearerError> =>
    Effect.raceFirst(
      Effect.callback<void>((resume) => {
        at.session.once(options.tls === undefined ? "connect" : "secureConnect", () => resume(Effect.void))
      }),
      Effect.andThen(Deferred.await(at.closed), Effect.fail(unavailable("no connection")))
    ).pipe(Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(unavailable("no connection in time")) }))

  const serve = Effect.gen(function* () {
    const at = yield* open
    yield* connected(at)
    const bind = new smpp.PDU("bind_transceiver", {
      system_id: options.systemId,
      password: Redacted.value(options.password),
      system_type: options.systemType ?? "",
      interface_version: 0x34
    })
    const answer = yield* request(at, bind, ({ command_status }) => command_status)
    if (answer !== status.ok) return yield* unavailable(`bind refused with status 0x${answer.toString(16)}`)
    delay = firstDelay
    link = at
    yield* Deferred.succeed(whenBound, at)
    const enquire = Effect.andThen(
      Effect.sleep(options.enquireInterval ?? 30_000),
      Effect.suspend(() => request(at, new smpp.PDU("enquire_link"), () => undefined))
    )
    yield* Effect.raceFirst(Deferred.await(at.closed), Effect.forever(enquire))
  }).pipe(
    Effect.scoped,
    Effect.ensuring(
      Effect.sync(() => {
        if (link === undefined) return
        link = undefined
        whenBound = Deferred.makeUnsafe<Link>()
      })
    )
  )
  const firstDelay = options.reconnectDelay ?? 1000
  let delay = firstDelay
  yield* Effect.forkScoped(
    Effect.forever(
      serve.pipe(
        Effect.ignore,
        Effect.andThen(
          Effect.suspend(() => {
            const pause = delay
            delay = Math.min(delay * 2, options.maxReconnectDelay ?? 30_000)
            return Effect.sleep(pause)
          })
        )
      )
    )
  )

  const bound = Effect.suspend(() => (link === undefined ? Deferred.await(whenBound) : Effect.succeed(link))).pipe(
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(unavailable("not bound to the SMS centre")) })
  )

  return {
    incoming,
    bound: Effect.sync(() => link !== undefined),
    submit: (submission) =>
      Effect.gen(function* () {
        const at = yield* bound
        const pdu = new smpp.PDU("submit_sm", submitParameters(submission))
        // the receipt may be the very next thing on the connection: it must be expected before that is read
        const answer = yield* request(at, pdu, (response) => {
          const id = response["message_id"]
          const accepted = response.command_status === status.ok && typeof id === "string" ? id : undefined
          return {
            status: response.command_status,
            accepted,
            outcome: accepted !== undefined && submission.receipt ? expect(accepted) : undefined
          }
        })
        if (answer.accepted === undefined) {
          return yield* new BearerError({
            reason: retryableStatus.has(answer.status) ? "busy" : "refused",
            detail: `submit_sm answered with status 0x${answer.status.toString(16)}`,
            retryable: retryableStatus.has(answer.status)
          })
        }
        const accepted: SmsAccepted = {
          id: answer.accepted,
          ...(answer.outcome !== undefined ? { delivery: Deferred.await(answer.outcome) } : {})
        }
        return accepted
      }).pipe(permits.withPermit)
  }
})

/** The entity, and the link to its SMS centre that bearers use. */
export const layer = (options: SmppClientOptions): Layer.Layer<SmppClient | SmsLink> =>
  Layer.effect(
    SmsLink,
    Effect.map(SmppClient, ({ submit }) => ({ submit }))
  ).pipe(Layer.provideMerge(Layer.effect(SmppClient, make(options))))
