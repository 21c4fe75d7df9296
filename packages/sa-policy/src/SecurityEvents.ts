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
 * oldest events, which `counts` still counts. Texts are told as one line: control characters are escaped, and what is longer than 1,024
 * characters is cut, as a peer may have written it.
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

/** The longest text of an event, in characters. */
const longest = 1024

// what starts a line, moves a cursor or turns the direction of writing in whatever shows the text
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const allUnprintable = new RegExp(unprintable, "gu")

/** A text that a peer may have written, as one line of bounded length. */
const oneLine = (text: string): string => {
  const short = text.length > longest ? `${text.slice(0, longest).replace(/[\ud800-\udbff]$/, "")}...` : text
  return unprintable.test(short)
    ? short.replace(allUnprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : short
}

const told = ({ enabler, interface: of, peer, subject, association, clause, detail }: EventContext): EventContext => ({
  enabler,
  ...(of === undefined ? {} : { interface: of }),
  ...(peer === undefined ? {} : { peer: oneLine(peer) }),
  ...(subject === undefined ? {} : { subject: oneLine(subject) }),
  ...(association === undefined ? {} : { association: oneLine(association) }),
  ...(clause === undefined ? {} : { clause: oneLine(clause) }),
  ...(detail === undefined ? {} : { detail: oneLine(detail) })
})

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
            return Effect.asVoid(PubSub.publish(hub, { _tag: tag, at, ...told(context) }))
          }),
        stream: Stream.fromPubSub(hub),
        counts: Effect.sync(() => new Map(counts))
      }
    })
  )
