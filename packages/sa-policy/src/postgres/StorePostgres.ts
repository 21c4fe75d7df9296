/**
 * The store of many machines: tables in PostgreSQL, of which any number of nodes is a client. Nodes keep no row: each turn
 * fetches what it judges and writes it only if nobody changed it meanwhile.
 *
 * It speaks to `@effect/sql-pg` one level below its `SqlClient`, to the pool of connections: a turn is one statement with its
 * own commit, for which the client's transactions would need three journeys, and its spans would carry parameters.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { remoteStore } from "../remote/RemoteStore.ts"
import type { Unavailable } from "../SaError.ts"
import { Store } from "../Store.ts"
import { connect, type PostgresOptions } from "./Connections.ts"
import { postgresBackend } from "./PostgresBackend.ts"

/**
 * The store in the schema of `options`, until the scope closes; the server must answer when it is built. Afterwards everything
 * fails with a retryable `Unavailable` while the server is away, and works again as soon as it is back.
 *
 * ```ts
 * StorePostgres.layer({ url: Redacted.make("postgres://oma:secret@db.example.net/oma?sslmode=verify-full") })
 * ```
 */
export const make = (options: PostgresOptions): Effect.Effect<Store["Service"], Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { busyMillis = 5000, pollMillis = 250 } = options
    const backend = postgresBackend(yield* connect(options), options)
    yield* options.recovered === true ? backend.startAnew : backend.settle
    return yield* remoteStore(backend, { busyMillis, pollMillis })
  })

/** {@link make} as a layer. */
export const layer = (options: PostgresOptions): Layer.Layer<Store, Unavailable> => Layer.effect(Store, make(options))

/**
 * Makes tables that may be older than they were safe to go on with, without building a store: every association is revoked
 * with reason `store-recovered` and the epoch of `StoreOperation.epochRecord` is raised. Stores that have the tables open hear
 * of the revocations.
 */
export const recover = (options: Omit<PostgresOptions, "recovered">): Effect.Effect<void, Unavailable> =>
  Effect.scoped(Effect.flatMap(connect(options), (connections) => postgresBackend(connections, options).startAnew))
