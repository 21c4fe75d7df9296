/**
 * The stream of revocations over a numbered log: every reader keeps its own place, so that a slow one costs no memory and
 * none hears of a revocation twice.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Unavailable } from "./SaError.ts"
import type { Revocation } from "./SecurityAssociation.ts"

/** Wakes those who wait for a change. `count` tells one that looks before it waits whether it came too late. */
export class Signal {
  count = 0
  private readonly waiting = new Set<() => void>()

  /** Tells everybody who waits. */
  raise(): void {
    this.count++
    const woken = [...this.waiting]
    this.waiting.clear()
    for (const wake of woken) wake()
  }

  /** Completes as soon as `count` is not `seen` any more. */
  changed(seen: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.count !== seen) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.waiting.add(wake)
      return Effect.sync(() => {
        this.waiting.delete(wake)
      })
    })
  }
}

/** A revocation and its place in the log; places only grow. */
export type Entry = readonly [place: number, revocation: Revocation]

/** How a reader sees a log: the last place so far, at most `page` entries behind a place, and when to look again. */
export interface Log {
  readonly last: Effect.Effect<number, Unavailable>
  readonly after: (place: number, page: number) => Effect.Effect<ReadonlyArray<Entry>, Unavailable>
  /** Completes when there may be news; `count` is that of `signal` before the last look. */
  readonly news: (count: number) => Effect.Effect<void>
  readonly signal: Signal
}

const page = 256

/** The revocations of `log` from the moment the stream is run. */
export const follow = (log: Log): Stream.Stream<Revocation, Unavailable> => {
  const from = (
    place: number
  ): Effect.Effect<readonly [ReadonlyArray<Revocation>, Option.Option<number>], Unavailable> =>
    Effect.suspend(() => {
      const count = log.signal.count
      return Effect.flatMap(log.after(place, page), (entries) =>
        entries.length === 0
          ? Effect.flatMap(log.news(count), () => from(place))
          : Effect.succeed([entries.map(([, revocation]) => revocation), Option.some(entries.at(-1)![0])] as const)
      )
    })
  return Stream.unwrap(Effect.map(log.last, (place) => Stream.paginate(place, from)))
}
