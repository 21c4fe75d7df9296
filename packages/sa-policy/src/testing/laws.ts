/**
 * What the laws of stores are written with.
 *
 * @layer binding
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Revocation, saId } from "../SecurityAssociation.ts"
import type { Store } from "../Store.ts"

type Service = Store["Service"]

/** The tag of the failure of `effect`, or `Success`. */
export const failureTag = <A, E extends { readonly _tag: string }>(
  effect: Effect.Effect<A, E>
): Effect.Effect<string> => Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "Success" })

/** Runs all of `effects` at once and gives how many succeed. */
export const racing = <A, E>(effects: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.map(
    Effect.forEach(effects, Effect.exit, { concurrency: "unbounded" }),
    (exits) => exits.filter(Exit.isSuccess).length
  )

/** Collects the revocations that `store` announces while `body` runs and, before and after it, for the time of `pause`. */
export const listening = <A, E>(
  store: Service,
  body: (heard: ReadonlyArray<Revocation>) => Effect.Effect<A, E>,
  pause: Effect.Effect<void> = settle
) =>
  Effect.gen(function* () {
    const heard: Array<Revocation> = []
    const reader = yield* Effect.forkChild(
      Stream.runForEach(store.revocations, (revocation) => Effect.sync(() => heard.push(revocation)))
    )
    yield* pause
    yield* body(heard)
    yield* pause
    yield* Fiber.interrupt(reader)
    return heard
  })

/** Milliseconds of the real clock. */
export const settleFor = (millis: number): Effect.Effect<void> =>
  Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, millis)))

/** Lets everything run that can run now, in this process. */
export const settle = settleFor(5)

/** These octets. */
export const octets = (...values: ReadonlyArray<number>) => Uint8Array.from(values)

/** Gives the number of a single or the first of a block, and fails the test for `Wait`. */
export const given = (store: Service, id: string, owner: string, now: number, count = 8, leaseMillis = 1000) =>
  Effect.map(store.reserve({ id: saId(id), owner, count, leaseMillis, now }), (answer) => {
    assert.strictEqual(answer._tag, "Block")
    return answer._tag === "Block" ? answer : { first: 0, last: 0, until: 0 }
  })
