/**
 * The initiator's ear: takes result notifications from gateways, answers them, and hands them on.
 *
 * @spec PAP 2.0, resultnotification-message
 * @layer service
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { decodePapBody, encodeControl, type PapBody } from "./PapBody.ts"
import type { PapMessage, ResultNotificationMessage } from "./PapMessage.ts"
import { code } from "./ResultCode.ts"

export interface PapNotificationsShape {
  /** Answers one request of a gateway. The answer goes out with HTTP 202. */
  readonly handle: (request: PapBody) => Effect.Effect<PapBody>
  /** Notifications from now on. They are claims of whoever could post them; a reader that falls behind loses the oldest. */
  readonly notifications: Effect.Effect<PubSub.Subscription<ResultNotificationMessage>, never, Scope.Scope>
}

/** Takes result notifications. */
export class PapNotifications extends Context.Service<PapNotifications, PapNotificationsShape>()(
  "@oma/wap-push/PapNotifications"
) {}

const reply = (message: PapMessage): PapMessage =>
  message._tag === "ResultNotificationMessage"
    ? { _tag: "ResultNotificationResponse", pushId: message.pushId, code: code.ok, address: message.address }
    : { _tag: "BadMessageResponse", code: code.badRequest, badMessageFragment: message._tag }

/** A listener that keeps up to `capacity` notifications for readers that fall behind; 1,000. */
export const layer = (capacity = 1000): Layer.Layer<PapNotifications> =>
  Layer.effect(
    PapNotifications,
    Effect.map(PubSub.sliding<ResultNotificationMessage>(capacity), (hub) => ({
      notifications: PubSub.subscribe(hub),
      handle: Effect.fnUntraced(function* (request: PapBody) {
        const decoded = decodePapBody(request)
        const message: PapMessage = Result.isSuccess(decoded)
          ? decoded.success.document.message
          : { _tag: "BadMessageResponse", code: code.badRequest, badMessageFragment: "" }
        if (message._tag === "ResultNotificationMessage") yield* PubSub.publish(hub, message)
        const answer = message._tag === "BadMessageResponse" ? message : reply(message)
        return Result.getOrThrow(encodeControl(answer)) // made of parts that were read
      })
    }))
  )
