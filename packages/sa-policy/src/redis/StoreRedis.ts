/**
 * The store of many machines in the memory of Redis: for associations, windows and nonces that must be fast and may be lost with
 * their peers being told, or kept by a server that writes before it answers.
 *
 * Each transaction is all or nothing over any number of associations and records, so all keys of a domain share one hash tag
 * and lie in one slot of a cluster.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { remoteStore } from "../remote/RemoteStore.ts"
import type { Unavailable } from "../SaError.ts"
import { Store } from "../Store.ts"
import { connect, type RedisOptions } from "./Connection.ts"
import { redisBackend } from "./RedisBackend.ts"

/**
 * The store of the domain of `options`, until the scope closes; the server must answer when it is built. Fails with an
 * `Unavailable` that says so where the server may forget what it answered and nobody waived that. Afterwards everything fails
 * with a retryable `Unavailable` while the server is away, and works again once it is back, after what it may have lost is
 * settled as `failover` says.
 *
 * **Gotchas** Redis cannot tell a replica that was promoted and restarted from a server that merely restarted: where a
 * failover may be followed by a restart before any node connects, recover by hand.
 */
export const make = (options: RedisOptions): Effect.Effect<Store["Service"], Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { busyMillis = 5000, pollMillis = 250 } = options
    return yield* remoteStore(redisBackend(yield* connect(options)), { busyMillis, pollMillis })
  })

/** {@link make} as a layer. */
export const layer = (options: RedisOptions): Layer.Layer<Store, Unavailable> => Layer.effect(Store, make(options))

/**
 * Makes keys that may be older than they were safe to go on with, without building a store: every association is revoked with
 * reason `store-recovered` and the epoch of `StoreOperation.epochRecord` is raised.
 */
export const recover = (options: Omit<RedisOptions, "recovered">): Effect.Effect<void, Unavailable> =>
  Effect.scoped(Effect.asVoid(connect({ ...options, recovered: true })))
