/**
 * The port through which datagrams reach terminals, whatever carries them: short messages, UDP, or memory.
 *
 * @spec WAP-259-WDP
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { wapPort } from "./Udh.ts"

/** Where a terminal is: an E.164 number, or an IP address, with a port where the terminal does not listen on the usual one. */
export type WdpAddress =
  | { readonly _tag: "Msisdn"; readonly number: string }
  | { readonly _tag: "Ip"; readonly address: string }

/** Octets for a port of a terminal. */
export interface WdpDatagram {
  readonly to: WdpAddress
  readonly destinationPort: number
  readonly sourcePort: number
  readonly data: Uint8Array
  /** Milliseconds after which it is of no more use; for bearers that store. */
  readonly validity?: number
}

/** What became of something that was handed over, as far as the bearer knows. */
export type Delivery = "delivered" | "expired" | "undeliverable" | "rejected" | "unknown"

/** Handed over. `ids` are the bearer's names for it; `delivery` waits for what becomes of it, where the bearer tells. */
export interface WdpSent {
  readonly ids: ReadonlyArray<string>
  readonly delivery?: Effect.Effect<Delivery>
}

/** Why a bearer did not take something. `retryable` says whether it may later. `detail` holds no content. */
export class BearerError extends Data.TaggedError("BearerError")<{
  readonly reason: "unsupported address" | "refused" | "too long" | "busy" | "unavailable"
  readonly detail: string
  readonly retryable: boolean
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.reason}: ${this.detail}`
  }
}

export interface WdpBearerShape {
  /** Whether `delivery` is there, so that a confirmed push is possible. */
  readonly reports: boolean
  readonly send: (datagram: WdpDatagram) => Effect.Effect<WdpSent, BearerError>
}

/** Carries datagrams to terminals. */
export class WdpBearer extends Context.Service<WdpBearer, WdpBearerShape>()("@oma/wap-push/WdpBearer") {}

/** A datagram for the push port of a terminal. */
export const pushDatagram = (to: WdpAddress, data: Uint8Array): WdpDatagram => ({
  to,
  destinationPort: wapPort.pushConnectionless,
  sourcePort: wapPort.wspConnectionless,
  data
})

/** One bearer out of one for telephone numbers and one for IP addresses. */
export const byAddress = (bearers: {
  readonly msisdn?: WdpBearerShape
  readonly ip?: WdpBearerShape
}): WdpBearerShape => ({
  reports: [bearers.msisdn, bearers.ip].every((bearer) => bearer === undefined || bearer.reports),
  send: (datagram) => {
    const bearer = datagram.to._tag === "Msisdn" ? bearers.msisdn : bearers.ip
    return bearer === undefined
      ? Effect.fail(
          new BearerError({
            reason: "unsupported address",
            detail: `no bearer for addresses of type ${datagram.to._tag}`,
            retryable: false
          })
        )
      : bearer.send(datagram)
  }
})

/** Datagrams held for an in-process bearer until they are taken; 1,000. */
export const defaultInProcessCapacity = 1000

/** A bearer inside this process and what was sent over it. A full queue is `busy`. */
export const inProcess = (
  capacity = defaultInProcessCapacity
): Effect.Effect<{ readonly bearer: WdpBearerShape; readonly received: Queue.Dequeue<WdpDatagram> }> =>
  Effect.map(Queue.dropping<WdpDatagram>(capacity), (received) => {
    let count = 0
    return {
      received,
      bearer: {
        reports: true,
        send: (datagram) =>
          Effect.flatMap(Queue.offer(received, datagram), (taken) =>
            taken
              ? Effect.succeed({ ids: [String(++count)], delivery: Effect.succeed<Delivery>("delivered") })
              : Effect.fail(new BearerError({ reason: "busy", detail: "queue full", retryable: true }))
          )
      }
    }
  })
