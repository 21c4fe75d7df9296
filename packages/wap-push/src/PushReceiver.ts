/**
 * The terminal's side: short messages and datagrams in, pushes out.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { Malformed } from "./Malformed.ts"
import { fromPdu, type Push } from "./Push.ts"
import { type FilterVerdict, judgeSource, type PushWhitelist } from "./PushFilter.ts"
import { decodePushPdu, defaultPushPduLimits, type PushPdu, type PushPduLimits } from "./PushPdu.ts"
import * as Reassembly from "./Reassembly.ts"
import type { ShortMessage } from "./ShortMessage.ts"
import { wapPort } from "./Udh.ts"

/** A push as it arrived. All of `from`, `smsc` and the headers are claims of the sender. */
export interface ReceivedPush {
  readonly push: Push
  readonly pdu: PushPdu
  /** Originating number or IP address. */
  readonly from: string
  /** Address of the SMS centre, where the terminal knows it. */
  readonly smsc?: string
  readonly port: number
  /** Short messages it came in; 1 over IP. */
  readonly parts: number
}

/** What the receiver did with something; for counting and logs. No content is in it. */
export type ReceiverEvent =
  | { readonly _tag: "Received"; readonly from: string; readonly media: string; readonly octets: number }
  | { readonly _tag: "Part"; readonly from: string; readonly outcome: Reassembly.Outcome["_tag"] }
  | { readonly _tag: "Incomplete"; readonly from: string; readonly missing: ReadonlyArray<number> }
  | { readonly _tag: "Malformed"; readonly from: string; readonly failure: Malformed }
  | { readonly _tag: "OtherPort"; readonly from: string; readonly port: number | undefined }
  | { readonly _tag: "Filtered"; readonly from: string; readonly because: FilterVerdict }
  | { readonly _tag: "Overflow"; readonly from: string }

export interface PushReceiverOptions {
  /** Ports that take pushes; 2948. */
  readonly ports?: ReadonlyArray<number>
  readonly reassembly?: Partial<Reassembly.ReassemblyLimits>
  readonly pdu?: PushPduLimits
  readonly whitelist?: PushWhitelist
  /** Pushes that wait to be taken; 1,000. What comes beyond is dropped. */
  readonly capacity?: number
  readonly onEvent?: (event: ReceiverEvent) => Effect.Effect<void>
}

/** A datagram that came over IP. */
export interface IpDatagram {
  readonly from: string
  readonly destinationPort: number
  readonly data: Uint8Array
}

const clause = "WSP 8.4.2.13"

export interface PushReceiver {
  readonly onShortMessage: (message: ShortMessage, smsc?: string) => Effect.Effect<void>
  readonly onDatagram: (datagram: IpDatagram) => Effect.Effect<void>
  readonly pushes: Queue.Dequeue<ReceivedPush>
}

/** A receiver of its own; incomplete messages run out while the scope is open. */
export const make = Effect.fnUntraced(function* (
  options: PushReceiverOptions = {}
): Effect.fn.Return<PushReceiver, never, Scope.Scope> {
  const ports = new Set(options.ports ?? [wapPort.pushConnectionless])
  const limits = options.pdu ?? defaultPushPduLimits
  const whitelist = options.whitelist ?? {}
  const tell = options.onEvent ?? (() => Effect.void)
  const reassembly = Reassembly.make(options.reassembly)
  const pushes = yield* Queue.dropping<ReceivedPush>(options.capacity ?? 1000)

  const expire = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(
      Reassembly.expire(reassembly, now),
      ({ from, missing }) => tell({ _tag: "Incomplete", from: from.number, missing }),
      { discard: true }
    )
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(reassembly.limits.timeout), expire)))

  const arrived = Effect.fnUntraced(function* (
    from: string,
    smsc: string | undefined,
    port: number | undefined,
    data: Uint8Array,
    parts: number
  ) {
    if (port === undefined || !ports.has(port)) return yield* tell({ _tag: "OtherPort", from, port })
    const decoded = decodePushPdu(data, limits)
    if (Result.isFailure(decoded)) return yield* tell({ _tag: "Malformed", from, failure: decoded.failure })
    const pdu = decoded.success
    const push = fromPdu(pdu)
    if (push.contentLength !== undefined && push.contentLength !== pdu.data.length) {
      // gateways cut off what is too long for them and say nothing
      const failure = new Malformed({
        what: "push PDU",
        offset: 0,
        detail: "not as long as its Content-Length",
        clause
      })
      return yield* tell({ _tag: "Malformed", from, failure })
    }
    const { media } = pdu.contentType
    const verdict = judgeSource(whitelist, {
      ppg: from,
      media,
      ...(smsc !== undefined ? { smsc } : {}),
      ...(push.applicationId !== undefined ? { applicationId: push.applicationId } : {})
    })
    if (verdict !== "accepted") return yield* tell({ _tag: "Filtered", from, because: verdict })
    const taken = yield* Queue.offer(pushes, { push, pdu, from, port, parts, ...(smsc !== undefined ? { smsc } : {}) })
    yield* tell(taken ? { _tag: "Received", from, media, octets: pdu.data.length } : { _tag: "Overflow", from })
  })

  return {
    pushes,
    onShortMessage: Effect.fnUntraced(function* (message, smsc) {
      yield* expire
      const outcome = Reassembly.accept(reassembly, message, yield* Clock.currentTimeMillis)
      const from = message.from.number
      if (outcome._tag === "Malformed") return yield* tell({ _tag: "Malformed", from, failure: outcome.failure })
      if (outcome._tag !== "Complete") return yield* tell({ _tag: "Part", from, outcome: outcome._tag })
      const { ports: found, data, parts } = outcome.datagram
      yield* arrived(from, smsc, found?.destination, data, parts)
    }),
    onDatagram: ({ from, destinationPort, data }) => arrived(from, undefined, destinationPort, data, 1)
  }
})
