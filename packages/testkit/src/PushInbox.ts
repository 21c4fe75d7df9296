/**
 * The push inbox of a handset: short messages and datagrams in, opened messages out. It puts the parts together, reads the push, takes
 * the GPI in it, finds the association and opens what is protected. What it drops it tells nobody but its owner.
 *
 * @layer service
 * @spec TS 24.109 Annex J; TS 33.223; TS 33.224; OMA DCD-X-005, DCD-X-006
 */
import type { StoreError } from "@oma/sa-policy"
import { GpiEnvelope, type GpiReception, type NafSa, UePush } from "@oma/sec-cf-core/gba-push"
import { Gpl, type GplRefusal } from "@oma/sec-cf-core/gpl"
import { PushReceiver } from "@oma/wap-push"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"

/** What reached an application of the handset. All of `received` is a claim of the bearer, `opened` is proved. */
export interface InboxMessage {
  readonly received: PushReceiver.ReceivedPush
  readonly opened: Gpl.OpenedGpl
}

/** What the inbox did with something; no content is in it. */
export type InboxEvent =
  | { readonly _tag: "Bearer"; readonly event: PushReceiver.ReceiverEvent }
  | { readonly _tag: "Established"; readonly sa: NafSa.NafSa; readonly sessionId: number }
  | { readonly _tag: "Opened"; readonly association: string; readonly sequenceNumber: number }
  | { readonly _tag: "GpiDropped"; readonly reason: GpiReception.GpiRefusal }
  | { readonly _tag: "MessageDropped"; readonly reason: GplRefusal }
  | { readonly _tag: "StoreFailed"; readonly error: StoreError }
  /** Nobody takes what waits: this one is lost. */
  | { readonly _tag: "Overflow" }

export interface PushInboxOptions {
  /** Which application a push is for, by what the bearer says of it; `undefined` where its pushes are not protected. */
  readonly scopeOf: (received: PushReceiver.ReceivedPush) => Gpl.OpenOptions["scope"]
  readonly receiver?: Omit<PushReceiver.PushReceiverOptions, "onEvent">
  /** Messages that wait to be taken; 1,000. What comes beyond is dropped. */
  readonly capacity?: number
  readonly onEvent?: (event: InboxEvent) => Effect.Effect<void>
}

export interface PushInbox {
  readonly onShortMessage: PushReceiver.PushReceiver["onShortMessage"]
  readonly onDatagram: PushReceiver.PushReceiver["onDatagram"]
  readonly messages: Queue.Dequeue<InboxMessage>
  /** Pushes of applications that have no protection, as they came. */
  readonly unprotected: Queue.Dequeue<PushReceiver.ReceivedPush>
}

/** An inbox of its own, at work while the scope is open. */
export const make = Effect.fnUntraced(function* (
  options: PushInboxOptions
): Effect.fn.Return<PushInbox, never, Scope.Scope | UePush.UePush | Gpl.Gpl> {
  const ue = yield* UePush.UePush
  const gpl = yield* Gpl.Gpl
  const capacity = options.capacity ?? 1000
  const tell = options.onEvent ?? (() => Effect.void)
  const messages = yield* Queue.dropping<InboxMessage>(capacity)
  const unprotected = yield* Queue.dropping<PushReceiver.ReceivedPush>(capacity)
  const receiver = yield* PushReceiver.make({
    ...options.receiver,
    onEvent: (event) => tell({ _tag: "Bearer", event })
  })

  const takeGpi = Effect.fnUntraced(function* (content: Uint8Array) {
    const envelope = GpiEnvelope.decode(content)
    if (Result.isFailure(envelope)) return yield* tell({ _tag: "GpiDropped", reason: "malformed" })
    const { gpi, sessionId } = envelope.success
    const sa = yield* ue.accept(gpi)
    return yield* tell({ _tag: "Established", sa, sessionId })
  })

  const takeMessage = Effect.fnUntraced(function* (received: PushReceiver.ReceivedPush) {
    const scope = options.scopeOf(received)
    if (scope === undefined) {
      if (!(yield* Queue.offer(unprotected, received))) yield* tell({ _tag: "Overflow" })
      return
    }
    const opened = yield* gpl.open(received.push.content, { scope, onGpi: ue.onGpi })
    if (!(yield* Queue.offer(messages, { received, opened }))) return yield* tell({ _tag: "Overflow" })
    return yield* tell({ _tag: "Opened", association: opened.sa.id, sequenceNumber: opened.sequenceNumber })
  })

  const take = Effect.fnUntraced(
    function* (received: PushReceiver.ReceivedPush) {
      const { contentType, content } = received.push
      if (contentType.media === GpiEnvelope.mediaType) yield* takeGpi(content)
      else yield* takeMessage(received)
    },
    Effect.catch((error) => {
      switch (error._tag) {
        case "GpiRefused":
          return tell({ _tag: "GpiDropped", reason: error.reason })
        case "GplRefused":
          return tell({ _tag: "MessageDropped", reason: error.reason })
        default:
          return tell({ _tag: "StoreFailed", error })
      }
    })
  )
  // one after the other, in the order of arrival: a GPI stands before the messages behind it
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(receiver.pushes), take)))

  return { onShortMessage: receiver.onShortMessage, onDatagram: receiver.onDatagram, messages, unprotected }
})
