/**
 * A store that fails at a chosen call, for tests that walk through all of them: first the first call fails, then the second,
 * until a run comes to its end without a failure.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Unavailable } from "../SaError.ts"
import { Store } from "../Store.ts"

/** `before`: the call does nothing. `after`: the call does its work and its answer is lost, as when a connection breaks. */
export type FaultKind = "before" | "after"

/** Which call fails, and how many there were. */
export class FaultPlan {
  readonly at: number
  readonly kind: FaultKind
  /** Calls so far; each call of a method of the store counts once. */
  calls = 0
  /** The method whose call failed. */
  failed: string | undefined

  constructor(at: number, kind: FaultKind) {
    this.at = at
    this.kind = kind
  }

  /** `effect` as the method `method` of a store under this plan. */
  through<A, E>(method: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> {
    return Effect.suspend((): Effect.Effect<A, E | Unavailable> => {
      if (++this.calls !== this.at) return effect
      this.failed = method
      const fault = Effect.fail(
        new Unavailable({ what: `injected ${this.kind} ${method}`, retryable: true, cause: this })
      )
      return this.kind === "before" ? fault : Effect.flatMap(Effect.exit(effect), () => fault)
    })
  }
}

/** `store`, failing as `plan` says. The stream of revocations is left as it is. */
export const wrap = (store: Store["Service"], plan: FaultPlan): Store["Service"] => ({
  get: (id) => plan.through("get", store.get(id)),
  find: (mechanism, wireId) => plan.through("find", store.find(mechanism, wireId)),
  transact: (operations, now) => plan.through("transact", store.transact(operations, now)),
  reserve: (request) => plan.through("reserve", store.reserve(request)),
  record: (collection, key, now) => plan.through("record", store.record(collection, key, now)),
  records: (collection, options) => plan.through("records", store.records(collection, options)),
  sweep: (now, limit) => plan.through("sweep", store.sweep(now, limit)),
  size: plan.through("size", store.size),
  revocations: store.revocations
})

/** {@link wrap} as a layer over `inner`. */
export const layer = <E, R>(plan: FaultPlan, inner: Layer.Layer<Store, E, R>): Layer.Layer<Store, E, R> =>
  Layer.effect(
    Store,
    Effect.map(Store, (store) => wrap(store, plan))
  ).pipe(Layer.provide(inner))

/** A run that never came to its end without a failure within {@link walkLimit} calls. */
export class EndlessWalk extends Error {
  override readonly name = "EndlessWalk"
}

/** How many calls a walked run may make at most. */
export const walkLimit = 10_000

/**
 * Runs `run` with a failure at the first call, at the second and so on, in both kinds, until no call is left to fail; gives the
 * number of failures that were injected. `run` makes its own store, does its work, and checks what must hold afterwards.
 */
export const walk = <E, R>(run: (plan: FaultPlan) => Effect.Effect<void, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    let injected = 0
    for (const kind of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        if (at > walkLimit) return yield* Effect.die(new EndlessWalk(`${walkLimit} calls and no end`))
        const plan = new FaultPlan(at, kind)
        yield* run(plan)
        if (plan.failed === undefined) break
        injected++
      }
    }
    return injected
  })
