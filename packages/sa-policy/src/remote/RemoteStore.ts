/**
 * The port over a server that finds rows and writes changes: what the PostgreSQL and the Redis store have in common.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Entry, follow, Signal } from "../RevocationLog.ts"
import { SaRevoked, type Unavailable } from "../SaError.ts"
import type { StoredAssociation } from "../SecurityAssociation.ts"
import { Store } from "../Store.ts"
import { type Grave, type RecordRow, type Row, recordIsOver, reserve, storedOf, transact } from "../StoreMachine.ts"
import { type Operation, recordLimits, type StoredRecord, type Swept } from "../StoreOperation.ts"
import { storeLimits } from "../StoreRules.ts"
import { Reads } from "./Reads.ts"
import { type Rows, Turns } from "./Turns.ts"

/** Which records of a collection: keys that begin with `prefix` and are greater than `after`. */
export interface Page {
  readonly collection: string
  readonly prefix: string
  readonly after: string | undefined
  readonly limit: number
  readonly now: number
}

/** What a server must be able to do. */
export interface Backend extends Rows {
  readonly records: (page: Page) => Effect.Effect<ReadonlyArray<RecordRow>, Unavailable>
  readonly sweep: (now: number, limit: number) => Effect.Effect<Swept, Unavailable>
  readonly size: Effect.Effect<{ readonly associations: number; readonly records: number }, Unavailable>
  readonly lastPlace: Effect.Effect<number, Unavailable>
  readonly revocationsAfter: (place: number, page: number) => Effect.Effect<ReadonlyArray<Entry>, Unavailable>
}

const answer = (
  row: Row | undefined,
  grave: Grave | undefined
): Effect.Effect<StoredAssociation | undefined, SaRevoked> => {
  if (row !== undefined) return Effect.succeed(storedOf(row))
  return grave === undefined
    ? Effect.undefined
    : Effect.fail(new SaRevoked({ id: grave.revocation.id, why: grave.revocation.why }))
}

const readRecord = ({ key, value, version, notAfter }: RecordRow): StoredRecord => ({
  key,
  value,
  version,
  ...(notAfter === undefined ? {} : { notAfter })
})

const weight = (operations: ReadonlyArray<Operation>): number =>
  operations.reduce((sum, operation) => sum + 256 + (operation._tag === "PutRecord" ? operation.value.length : 0), 0)

/** The store over `backend`, until the scope closes. */
export const remoteStore = (
  backend: Backend,
  options: { readonly busyMillis: number; readonly pollMillis: number }
): Effect.Effect<Store["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const signal = new Signal()
    const turns = yield* Effect.acquireRelease(
      Effect.sync(() => new Turns({ rows: backend, busyMillis: options.busyMillis, announce: () => signal.raise() })),
      (made) => made.close
    )
    const reads = new Reads((names) => backend.fetch(names))

    return Store.of({
      get: (id) =>
        Effect.flatMap(
          reads.look((names) => names.ids.add(id)),
          (fetched) => answer(fetched.association(id), fetched.grave(id))
        ),
      find: (mechanism, wireId) =>
        Effect.flatMap(
          reads.look((names) => names.addWire({ mechanism, wireId })),
          (fetched) => answer(fetched.holder(mechanism, wireId), fetched.graveOfWire({ mechanism, wireId }))
        ),
      transact: (operations, now) =>
        turns.enqueue(
          (names) => names.addOperations(operations),
          (draft) => {
            const failure = transact(draft, operations, now)
            return failure === undefined ? Effect.void : Effect.fail(failure)
          },
          now,
          weight(operations)
        ),
      reserve: (request) =>
        turns.enqueue(
          (names) => names.ids.add(request.id),
          (draft) => {
            const given = reserve(draft, request)
            return given._tag === "Block" || given._tag === "Wait" ? Effect.succeed(given) : Effect.fail(given)
          },
          request.now
        ),
      record: (collection, key, now) =>
        Effect.map(
          reads.look((names) => names.addRecord({ collection, key })),
          (fetched) => {
            const row = fetched.record(collection, key)
            if (row === undefined || recordIsOver(row, now)) return undefined
            return readRecord({ ...row, value: row.value.slice() })
          }
        ),
      records: (collection, { after, prefix = "", limit = recordLimits.page, now }) => {
        const most = Math.max(0, Math.min(Math.floor(limit), recordLimits.page))
        return Effect.map(backend.records({ collection, prefix, after, limit: most, now }), (rows) =>
          rows.map(readRecord)
        )
      },
      sweep: (now, limit) => backend.sweep(now, Math.max(0, Math.floor(Math.min(limit, storeLimits.sweep)))),
      size: backend.size,
      revocations: follow({
        last: backend.lastPlace,
        after: backend.revocationsAfter,
        news: (count) =>
          Effect.timeoutOrElse(signal.changed(count), { duration: options.pollMillis, orElse: () => Effect.void }),
        signal
      })
    })
  })
