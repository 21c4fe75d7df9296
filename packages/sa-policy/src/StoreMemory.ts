/**
 * The store of one process: for tests, for tools, and where everything may be lost with the process.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { aliasOf, MemoryAssociations } from "./MemoryAssociations.ts"
import { MemoryRecords, readRecord } from "./MemoryRecords.ts"
import { MemoryRevocations } from "./MemoryRevocations.ts"
import { follow, Signal } from "./RevocationLog.ts"
import { SaRevoked } from "./SaError.ts"
import type { SaId, StoredAssociation } from "./SecurityAssociation.ts"
import { Store } from "./Store.ts"
import { Draft, type Grave, type Row, recordIsOver, reserve, storedOf, transact, type View } from "./StoreMachine.ts"
import type { Swept } from "./StoreOperation.ts"
import { isOver, storeLimits } from "./StoreRules.ts"

/** What a caller sees of `row`, or the revocation that ended it. */
const answer = (
  row: Row | undefined,
  grave: Grave | undefined
): Effect.Effect<StoredAssociation | undefined, SaRevoked> => {
  if (row !== undefined) return Effect.succeed(storedOf(row))
  return grave === undefined
    ? Effect.undefined
    : Effect.fail(new SaRevoked({ id: grave.revocation.id, why: grave.revocation.why }))
}

/** An empty store in memory. Each building of the layer gives another one. */
export const layer: Layer.Layer<Store> = Layer.sync(Store, () => {
  const associations = new MemoryAssociations()
  const records = new MemoryRecords()
  const revocations = new MemoryRevocations()
  const signal = new Signal()

  const view: View = {
    association: (id) => associations.get(id),
    holder: (mechanism, wireId) => associations.find(mechanism, wireId),
    grave: (id) => revocations.get(id),
    record: (collection, key) => records.get(collection, key)
  }

  const write = (draft: Draft) => {
    for (const [id, row] of draft.associations) if (row === undefined) associations.remove(id)
    for (const row of draft.associations.values()) if (row?.terms().named === false) associations.set(row)
    for (const row of draft.associations.values()) if (row?.terms().named === true) associations.set(row)
    for (const { before, after } of draft.records.values()) {
      if (after !== undefined) records.set(after)
      else if (before !== undefined) records.remove(before)
    }
    for (const burial of draft.burials) {
      const { wireId, revocation } = burial
      revocations.add(burial, wireId === undefined ? undefined : aliasOf(revocation.mechanism, wireId))
    }
    for (const id of draft.reborn) revocations.release(id)
    if (draft.burials.length > 0) signal.raise()
  }

  const sweep = (now: number, limit: number): Swept => {
    const gone: Array<SaId> = []
    let removed = 0
    for (const most = Math.min(limit, storeLimits.sweep); removed < most; removed++) {
      const row = associations.first()
      if (row !== undefined && isOver(row, now)) {
        associations.remove(row.id)
        gone.push(row.id)
      } else if (!records.sweep(now) && !revocations.sweep(now)) break
    }
    return { associations: gone, removed }
  }

  return Store.of({
    get: (id) => Effect.suspend(() => answer(associations.get(id), revocations.get(id))),
    find: (mechanism, wireId) =>
      Effect.suspend(() => answer(associations.find(mechanism, wireId), revocations.find(aliasOf(mechanism, wireId)))),
    transact: (operations, now) =>
      Effect.suspend(() => {
        const draft = new Draft(view)
        const failure = transact(draft, operations, now)
        write(draft)
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }),
    reserve: (request) =>
      Effect.suspend(() => {
        const draft = new Draft(view)
        const given = reserve(draft, request)
        write(draft)
        return given._tag === "Block" || given._tag === "Wait" ? Effect.succeed(given) : Effect.fail(given)
      }),
    record: (collection, key, now) =>
      Effect.sync(() => {
        const row = records.get(collection, key)
        return row === undefined || recordIsOver(row, now) ? undefined : readRecord(row)
      }),
    records: (collection, options) => Effect.sync(() => records.list(collection, options)),
    sweep: (now, limit) => Effect.sync(() => sweep(now, limit)),
    size: Effect.sync(() => ({ associations: associations.size, records: records.size })),
    revocations: follow({
      last: Effect.sync(() => revocations.last),
      after: (place, page) => Effect.sync(() => revocations.after(place, page)),
      news: (count) => signal.changed(count),
      signal
    })
  })
})
