/**
 * The port to an SMS centre, and the bearer that sends datagrams through it as short messages.
 *
 * @spec WAP-259-WDP; TS 23.040 9.2.3.24
 * @layer service
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { BearerError, type Delivery, WdpBearer, type WdpBearerShape } from "./Bearer.ts"
import { segment } from "./Segmentation.ts"
import { dataCoding8Bit, international, type ShortMessage, type SmsAddress, shortCode } from "./ShortMessage.ts"

/** A short message for the centre. */
export interface SmsSubmission extends ShortMessage {
  /** Milliseconds for which the centre tries; the centre's own choice by default. */
  readonly validity?: number
  /** Whether the centre shall tell what becomes of it. */
  readonly receipt: boolean
}

/** Taken by the centre under its name `id`. `delivery` is there where a receipt was asked for. */
export interface SmsAccepted {
  readonly id: string
  readonly delivery?: Effect.Effect<Delivery>
}

export interface SmsLinkShape {
  readonly submit: (submission: SmsSubmission) => Effect.Effect<SmsAccepted, BearerError>
}

/** A way to an SMS centre: in this process, or through SMPP. */
export class SmsLink extends Context.Service<SmsLink, SmsLinkShape>()("@oma/wap-push/SmsLink") {}

export interface SmsBearerOptions {
  /** Originating address; short code 2948 by default, as gateways send it. */
  readonly from?: SmsAddress
  /** TP-DCS; 8-bit without class by default. */
  readonly dataCoding?: number
  /** Bits of the concatenation reference; 8. */
  readonly referenceWidth?: 8 | 16
  /** Short messages of one datagram at most; 255. */
  readonly maxParts?: number
  /** Milliseconds for which the centre shall try. */
  readonly validity?: number
  /** Whether to ask for receipts; true. */
  readonly receipts?: boolean
}

const worst: ReadonlyArray<Delivery> = ["rejected", "undeliverable", "expired", "unknown", "delivered"]

/** What became of a datagram whose parts fared as `parts` say: the worst of it. */
const together = (parts: ReadonlyArray<Delivery>): Delivery => worst.find((state) => parts.includes(state)) ?? "unknown"

/** A bearer over short messages. Its references count up from 0, one for each long datagram. */
export const makeSmsBearer = (link: SmsLinkShape, options: SmsBearerOptions = {}): WdpBearerShape => {
  const from = options.from ?? shortCode("2948")
  const receipt = options.receipts ?? true
  let reference = 0
  return {
    reports: receipt,
    send: Effect.fnUntraced(function* (datagram) {
      if (datagram.to._tag !== "Msisdn") {
        return yield* new BearerError({
          reason: "unsupported address",
          detail: "short messages go to telephone numbers",
          retryable: false
        })
      }
      const width = options.referenceWidth ?? 8
      const parts = segment(datagram.data, {
        ports: { destination: datagram.destinationPort, source: datagram.sourcePort, width: 16 },
        reference,
        width,
        ...(options.maxParts !== undefined ? { maxParts: options.maxParts } : {})
      })
      if (Result.isFailure(parts)) {
        return yield* new BearerError({ reason: "too long", detail: parts.failure.detail, retryable: false })
      }
      if (parts.success.length > 1) reference = (reference + 1) % (width === 8 ? 0x100 : 0x10000)
      const to = international(datagram.to.number)
      const validity = datagram.validity ?? options.validity
      const accepted: Array<SmsAccepted> = []
      for (const userData of parts.success) {
        accepted.push(
          yield* link.submit({
            from,
            to,
            protocolId: 0,
            dataCoding: options.dataCoding ?? dataCoding8Bit,
            hasHeader: true,
            userData,
            receipt,
            ...(validity !== undefined ? { validity } : {})
          })
        )
      }
      const deliveries = accepted.flatMap(({ delivery }) => (delivery === undefined ? [] : [delivery]))
      return {
        ids: accepted.map(({ id }) => id),
        ...(deliveries.length === accepted.length
          ? { delivery: Effect.map(Effect.all(deliveries, { concurrency: "unbounded" }), together) }
          : {})
      }
    })
  }
}

/** The bearer over short messages as a layer. */
export const layerSmsBearer = (options?: SmsBearerOptions): Layer.Layer<WdpBearer, never, SmsLink> =>
  Layer.effect(
    WdpBearer,
    Effect.map(SmsLink, (link) => makeSmsBearer(link, options))
  )
