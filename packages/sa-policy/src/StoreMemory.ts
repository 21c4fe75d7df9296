/**
 * The store of one process: for tests, for tools, and where everything may be lost with the process.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { aliasOf, type Contents, MemoryAssociations, type Row } from "./MemoryAssociations.ts"
import { MemoryRecords, type Undo } from "./MemoryRecords.ts"
import { MemoryRevocations } from "./MemoryRevocations.ts"
import * as ReplayWindow from "./ReplayWindow.ts"
import { follow, Signal } from "./RevocationLog.ts"
import {
  Conflict,
  Exhausted,
  type OperationError,
  Replayed,
  SaExpired,
  SaNotFound,
  SaRevoked,
  Unacceptable
} from "./SaError.ts"
import type { RevocationReason, SaId, SecurityAssociation, StoredAssociation } from "./SecurityAssociation.ts"
import { type Expectation, type Operation, type Reservation, type ReserveRequest, Store } from "./Store.ts"
import {
  freshCounters,
  isOver,
  keptCounters,
  meets,
  noLease,
  numbers,
  outboundOf,
  storeLimits,
  unacceptable
} from "./StoreRules.ts"

/** What one transaction changed so far. */
class Changes {
  private readonly undo: Array<Undo> = []
  revoked = false

  add(undo: Undo): undefined {
    this.undo.push(undo)
  }

  takeBack(): void {
    for (let i = this.undo.length - 1; i >= 0; i--) this.undo[i]!()
  }
}

const stored = ({ sa, version, inbound, horizon }: Contents): StoredAssociation => ({ sa, version, inbound, horizon })

/** A copy whose octets nobody else holds. */
const own = (sa: SecurityAssociation): SecurityAssociation =>
  sa.wireId === undefined ? sa : { ...sa, wireId: sa.wireId.slice() }

class Memory {
  readonly associations = new MemoryAssociations()
  readonly records = new MemoryRecords()
  readonly revocations = new MemoryRevocations()
  readonly signal = new Signal()

  get(id: SaId): StoredAssociation | SaRevoked | undefined {
    const row = this.associations.get(id)
    if (row !== undefined) return stored(row.contents)
    const stone = this.revocations.get(id)
    return stone === undefined ? undefined : new SaRevoked({ id, why: stone.revocation.why })
  }

  find(mechanism: string, wireId: Uint8Array): StoredAssociation | SaRevoked | undefined {
    const row = this.associations.find(mechanism, wireId)
    if (row !== undefined) return stored(row.contents)
    const stone = this.revocations.find(aliasOf(mechanism, wireId))
    return stone === undefined ? undefined : new SaRevoked({ id: stone.revocation.id, why: stone.revocation.why })
  }

  transact(operations: ReadonlyArray<Operation>, now: number): OperationError | undefined {
    if (operations.length > storeLimits.operations) {
      return new Unacceptable({ key: "transaction", why: `at most ${storeLimits.operations} operations` })
    }
    const changes = new Changes()
    for (const operation of operations) {
      const failure = unacceptable(operation) ?? this.apply(operation, now, changes)
      if (failure !== undefined) {
        changes.takeBack()
        if (failure._tag === "SaExpired") this.end(failure.id)
        return failure
      }
    }
    if (changes.revoked) this.signal.raise()
    return undefined
  }

  private apply(operation: Operation, now: number, changes: Changes): OperationError | undefined {
    switch (operation._tag) {
      case "Put":
        return this.put(own(operation.sa), operation.expect, operation.resetCounters === true, now, changes)
      case "Accept":
        return this.accept(operation.id, operation.number, now, changes)
      case "Revoke":
        return this.revoke(operation.id, operation.why, now, changes)
      case "PutRecord": {
        const { collection, key, value, expect, notAfter } = operation
        const done = this.records.put(collection, key, value, expect, notAfter, now)
        return typeof done === "function" ? changes.add(done) : done
      }
      case "DeleteRecord": {
        const done = this.records.delete(operation.collection, operation.key, operation.expect, now)
        return typeof done === "function" ? changes.add(done) : done
      }
    }
  }

  private put(
    sa: SecurityAssociation,
    expect: Expectation,
    resetCounters: boolean,
    now: number,
    changes: Changes
  ): OperationError | undefined {
    const row = this.associations.get(sa.id)
    const stone = row === undefined ? this.revocations.get(sa.id) : undefined
    if (stone !== undefined && expect !== "absent") return new SaRevoked({ id: sa.id, why: stone.revocation.why })
    const ended = row !== undefined && this.isOver(row, now)
    const standing = row === undefined || (ended && expect === "absent") ? 0 : row.contents.version
    if (!meets(expect, standing)) return new Conflict({ key: sa.id, expected: String(expect) })
    if (sa.wireId !== undefined) {
      const other = this.associations.find(sa.mechanism, sa.wireId)
      if (other !== undefined && other !== row && !this.isOver(other, now)) {
        return new Conflict({ key: sa.id, expected: "wireId of no other association" })
      }
    }
    const version = (row?.contents.version ?? stone?.version ?? 0) + 1
    if (stone !== undefined) {
      this.revocations.raise(stone)
      changes.add(() => this.revocations.bury(stone))
    }
    if (row === undefined) {
      const contents = { sa, version, ...freshCounters(sa), lease: noLease, over: false }
      return changes.add(this.associations.add({ contents, due: 0, place: -1 }))
    }
    const before = row.contents
    const fresh = resetCounters || standing === 0
    const counters = fresh ? freshCounters(sa) : keptCounters(before.sa, before, sa)
    const lease = fresh ? noLease : before.lease
    return changes.add(this.associations.change(row, { sa, version, ...counters, lease, over: false }))
  }

  private accept(id: SaId, number: number, now: number, changes: Changes): OperationError | undefined {
    const row = this.living(id, now)
    if (!("contents" in row)) return row
    const { contents } = row
    const accepted = ReplayWindow.accept(contents.sa.replay, contents.inbound, number)
    if (accepted._tag === "Failure") return new Replayed({ id, number, refusal: accepted.failure })
    return changes.add(this.associations.change(row, { ...contents, inbound: accepted.success }))
  }

  private revoke(id: SaId, why: RevocationReason, now: number, changes: Changes): undefined {
    const row = this.associations.get(id)
    if (row === undefined) return
    const { sa, version } = row.contents
    changes.add(this.associations.remove(row))
    const alias = sa.wireId === undefined ? undefined : aliasOf(sa.mechanism, sa.wireId)
    changes.revoked = true
    return changes.add(this.revocations.add({ id, mechanism: sa.mechanism, why, at: now }, version, alias))
  }

  reserve(request: ReserveRequest): Effect.Effect<Reservation, SaNotFound | SaExpired | SaRevoked | Exhausted> {
    const { id, now } = request
    const row = this.living(id, now)
    if (!("contents" in row)) {
      if (row._tag === "SaExpired") this.end(id)
      return Effect.fail(row)
    }
    const { contents } = row
    const { last } = outboundOf(contents.sa)
    const given = numbers(request, contents.horizon, last, contents.lease)
    if (given._tag === "Exhausted") return Effect.fail(new Exhausted({ id, last }))
    this.associations.change(row, { ...contents, horizon: given.horizon, lease: given.lease })
    return Effect.succeed(given.answer)
  }

  sweep(now: number, limit: number): ReadonlyArray<SaId> {
    const gone: Array<SaId> = []
    let left = Math.min(limit, storeLimits.sweep)
    for (; left > 0; left--) {
      const row = this.associations.first()
      if (row !== undefined && isOver(row.contents.sa, now)) {
        this.associations.remove(row)
        gone.push(row.contents.sa.id)
      } else if (!this.records.sweep(now) && !this.revocations.sweep(now)) break
    }
    return gone
  }

  private isOver(row: Row, now: number): boolean {
    return row.contents.over || isOver(row.contents.sa, now)
  }

  /** The association that stands and has not ended, or why there is none. */
  private living(id: SaId, now: number): Row | SaNotFound | SaRevoked | SaExpired {
    const row = this.associations.get(id)
    if (row === undefined) {
      const stone = this.revocations.get(id)
      return stone === undefined ? new SaNotFound({ id }) : new SaRevoked({ id, why: stone.revocation.why })
    }
    return this.isOver(row, now) ? new SaExpired({ id, hardExpiry: row.contents.sa.hardExpiry! }) : row
  }

  /** Keeps an association that was found over from coming back when the clock is set back. */
  private end(id: SaId): void {
    const row = this.associations.get(id)
    if (row !== undefined) this.associations.change(row, { ...row.contents, over: true })
  }
}

/** An empty store in memory. Each building of the layer gives another one. */
export const layer: Layer.Layer<Store> = Layer.sync(Store, () => {
  const memory = new Memory()
  return Store.of({
    get: (id) =>
      Effect.suspend(() => {
        const found = memory.get(id)
        return found instanceof SaRevoked ? Effect.fail(found) : Effect.succeed(found)
      }),
    find: (mechanism, wireId) =>
      Effect.suspend(() => {
        const found = memory.find(mechanism, wireId)
        return found instanceof SaRevoked ? Effect.fail(found) : Effect.succeed(found)
      }),
    transact: (operations, now) =>
      Effect.suspend(() => {
        const failure = memory.transact(operations, now)
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }),
    reserve: (request) => Effect.suspend(() => memory.reserve(request)),
    record: (collection, key, now) => Effect.sync(() => memory.records.get(collection, key, now)),
    records: (collection, options) => Effect.sync(() => memory.records.list(collection, options)),
    sweep: (now, limit) => Effect.sync(() => memory.sweep(now, limit)),
    size: Effect.sync(() => ({ associations: memory.associations.size, records: memory.records.size })),
    revocations: follow({
      last: Effect.sync(() => memory.revocations.last),
      after: (place, page) => Effect.sync(() => memory.revocations.after(place, page)),
      news: (count) => memory.signal.changed(count),
      signal: memory.signal
    })
  })
})
