/**
 * The one stream of security events.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { EventContext, EventTag, SecurityEvent } from "./SecurityEvent.ts"

/**
 * Where decisions are told. Emitting never waits and never fails: a reader that falls more than the capacity behind loses the
 * oldest events, which `counts` still counts.
 */
export class SecurityEvents extends Context.Service<
  SecurityEvents,
  {
    readonly emit: (tag: EventTag, context: EventContext) => Effect.Effect<void>
    /** The events from the time of subscription on. */
    readonly stream: Stream.Stream<SecurityEvent>
    /** How often each kind of event happened, since the start. */
    readonly counts: Effect.Effect<ReadonlyMap<EventTag, number>>
  }
>()("@oma/sa-policy/SecurityEvents") {}

/** Events kept for each reader; 4,096 unless said otherwise. */
export const layer = (capacity = 4096): Layer.Layer<SecurityEvents> =>
  Layer.effect(
    SecurityEvents,
    Effect.gen(function* () {
      const hub = yield* PubSub.sliding<SecurityEvent>(capacity)
      const counts = new Map<EventTag, number>()
      return {
        emit: (tag: EventTag, context: EventContext) =>
          Effect.flatMap(Clock.currentTimeMillis, (at) => {
            counts.set(tag, (counts.get(tag) ?? 0) + 1)
            return Effect.asVoid(PubSub.publish(hub, { _tag: tag, at, ...context }))
          }),
        stream: Stream.fromPubSub(hub),
        counts: Effect.sync(() => new Map(counts))
      }
    })
  )
