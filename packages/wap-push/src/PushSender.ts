/**
 * One way to send a push, whether straight over a bearer or through a gateway of somebody else.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { BearerError, type Delivery, pushDatagram, type WdpAddress, WdpBearer } from "./Bearer.ts"
import type { PapAddress } from "./PapAddress.ts"
import { PapClient } from "./PapClient.ts"
import type { PapError } from "./PapError.ts"
import { compile, type Push, toPdu } from "./Push.ts"
import { encodePushPdu } from "./PushPdu.ts"

export interface PushSent {
  /** Waits for what becomes of it, where the way tells. */
  readonly delivery?: Effect.Effect<Delivery>
}

export interface PushSenderShape {
  /** Sends `push` to a terminal. `pushId` names it: through a gateway it is sent once for each id. */
  readonly send: (pushId: string, to: WdpAddress, push: Push) => Effect.Effect<PushSent, BearerError | PapError>
}

/** Sends pushes. */
export class PushSender extends Context.Service<PushSender, PushSenderShape>()("@oma/wap-push/PushSender") {}

/** Sends over a bearer: the PDU is made here. */
export const layerBearer: Layer.Layer<PushSender, never, WdpBearer> = Layer.effect(
  PushSender,
  Effect.map(WdpBearer, (bearer) => {
    let tid = 0
    return {
      send: Effect.fnUntraced(function* (_pushId: string, to: WdpAddress, push: Push) {
        const encoded = Result.flatMap(compile(push), (compiled) => encodePushPdu(toPdu(compiled, tid++)))
        if (Result.isFailure(encoded)) {
          return yield* new BearerError({ reason: "refused", detail: encoded.failure.message, retryable: false })
        }
        const { delivery } = yield* bearer.send(pushDatagram(to, encoded.success))
        return delivery === undefined ? {} : { delivery }
      })
    }
  })
)

const papAddress = (to: WdpAddress, domain: string): PapAddress => {
  if (to._tag === "Ip") return { user: to.address, type: to.address.includes(":") ? "IPV6" : "IPV4", domain }
  return { user: to.number.startsWith("+") ? to.number : `+${to.number}`, type: "PLMN", domain }
}

/** Sends through a gateway; `domain` is its name in client addresses. */
export const layerPap = (domain: string): Layer.Layer<PushSender, never, PapClient> =>
  Layer.effect(
    PushSender,
    Effect.map(PapClient, (client) => ({
      send: (pushId: string, to: WdpAddress, push: Push) =>
        Effect.as(client.push({ pushId, to: papAddress(to, domain), push }), {})
    }))
  )
