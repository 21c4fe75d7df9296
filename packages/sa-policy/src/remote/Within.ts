/**
 * A bound on how long a server may be silent.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Unavailable } from "../SaError.ts"

/**
 * `effect`, failing after `millis` of the real clock. What still runs is told to end and left to itself: a network that says
 * nothing cannot be waited for.
 */
export const within = <A, E>(
  server: string,
  effect: Effect.Effect<A, E>,
  millis: number
): Effect.Effect<A, E | Unavailable> =>
  Effect.flatMap(Effect.forkDetach(effect), (fiber) =>
    Effect.raceFirst(
      Fiber.join(fiber),
      Effect.callback<never, Unavailable>((resume) => {
        const timer = setTimeout(() => {
          fiber.interruptUnsafe()
          const what = `${server} did not answer in ${millis} ms`
          resume(Effect.fail(new Unavailable({ what, retryable: true, cause: undefined })))
        }, millis)
        return Effect.sync(() => clearTimeout(timer))
      })
    )
  )
