/**
 * The store of one machine: an SQLite file in WAL mode, shared by any number of connections and processes.
 *
 * @layer binding
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { follow, Signal } from "../RevocationLog.ts"
import { SaRevoked, type Unavailable } from "../SaError.ts"
import type { StoredAssociation } from "../SecurityAssociation.ts"
import { Store } from "../Store.ts"
import { type Grave, type Row, recordIsOver, reserve, storedOf, transact } from "../StoreMachine.ts"
import { storeLimits } from "../StoreRules.ts"
import { open, type SqliteOptions, unavailable } from "./Database.ts"
import { GroupCommit } from "./GroupCommit.ts"
import { isCopy, startAnew } from "./Recovery.ts"
import { Tables } from "./Tables.ts"

const attempt = <A>(what: string, read: () => A): Effect.Effect<A, Unavailable> =>
  Effect.try({ try: read, catch: (cause) => unavailable(what, cause) })

const answer = (
  row: Row | undefined,
  grave: Grave | undefined
): Effect.Effect<StoredAssociation | undefined, SaRevoked> => {
  if (row !== undefined) return Effect.succeed(storedOf(row))
  return grave === undefined
    ? Effect.undefined
    : Effect.fail(new SaRevoked({ id: grave.revocation.id, why: grave.revocation.why }))
}

/**
 * The store over the file of `options`, until the scope closes. Fails with `Unavailable` where the file cannot be opened, is
 * damaged, is another program's or was written by a newer version of this one.
 */
export const make = (options: SqliteOptions): Effect.Effect<Store["Service"], Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { busyMillis = 5000, pollMillis = 250, cachedRows = 16_384 } = options
    const now = yield* Clock.currentTimeMillis
    const database = yield* Effect.acquireRelease(
      attempt("SQLite file could not be opened", () => open(options)),
      (opened) => Effect.sync(() => opened.close())
    )
    if (options.recovered === true || isCopy(database)) {
      yield* attempt("SQLite file could not be started anew", () => startAnew(database, now))
    }
    const tables = new Tables(database, cachedRows)
    const signal = new Signal()
    const commits = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new GroupCommit({
            database,
            tables,
            busyMillis,
            announce: () => signal.raise(),
            now: () => performance.now()
          })
      ),
      (group) => Effect.sync(() => group.close())
    )
    const read = <A>(take: () => A): Effect.Effect<A, Unavailable> => attempt("SQLite file could not be read", take)
    const look = <A>(take: () => A): Effect.Effect<A, Unavailable> => read(() => tables.snapshot(take))

    return Store.of({
      get: (id) =>
        Effect.flatten(
          look(() => {
            const row = tables.association(id)
            return answer(row, row === undefined ? tables.grave(id) : undefined)
          })
        ),
      find: (mechanism, wireId) =>
        Effect.flatten(
          look(() => {
            const row = tables.holder(mechanism, wireId)
            return answer(row, row === undefined ? tables.graveOfWire(mechanism, wireId) : undefined)
          })
        ),
      transact: (operations, now) =>
        commits.onDraft((draft) => {
          const failure = transact(draft, operations, now)
          return failure === undefined ? Effect.void : Effect.fail(failure)
        }),
      reserve: (request) =>
        commits.onDraft((draft) => {
          const given = reserve(draft, request)
          return given._tag === "Block" || given._tag === "Wait" ? Effect.succeed(given) : Effect.fail(given)
        }),
      record: (collection, key, now) =>
        read(() => {
          const row = tables.record(collection, key)
          if (row === undefined || recordIsOver(row, now)) return undefined
          const { value, version, notAfter } = row
          return { key, value, version, ...(notAfter === undefined ? {} : { notAfter }) }
        }),
      records: (collection, options) => read(() => tables.records(collection, options)),
      sweep: (now, limit) =>
        commits.onTables((tables) => Effect.succeed(tables.sweep(now, Math.min(limit, storeLimits.sweep)))),
      size: read(() => tables.size()),
      revocations: follow({
        last: read(() => tables.lastPlace()),
        after: (place, page) => read(() => tables.revocationsAfter(place, page)),
        news: (count) =>
          Effect.timeoutOrElse(signal.changed(count), { duration: pollMillis, orElse: () => Effect.void }),
        signal
      })
    })
  })

/** {@link make} as a layer. */
export const layer = (options: SqliteOptions): Layer.Layer<Store, Unavailable> => Layer.effect(Store, make(options))

export { backup, recover } from "./Recovery.ts"
