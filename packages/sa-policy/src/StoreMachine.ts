/**
 * What a transaction does to a store, decided in one place for all stores: it reads rows through a {@link View}, judges every
 * operation, and leaves the rows that change in a {@link Draft}. A store only finds rows and writes drafts.
 *
 * @layer machine
 */
import { toHex } from "./bytes/Bytes.ts"
import type { ReplayMode, ReplayState } from "./ReplayWindow.ts"
import * as ReplayWindow from "./ReplayWindow.ts"
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
import type { Revocation, SaId, SecurityAssociation, StoredAssociation } from "./SecurityAssociation.ts"
import type { Operation, Reservation, ReserveRequest } from "./StoreOperation.ts"
import {
  freshCounters,
  isOver,
  keptCounters,
  type Lease,
  meets,
  noLease,
  numbers,
  outboundOf,
  storeLimits,
  unacceptable
} from "./StoreRules.ts"

/** The part of an association's row that messages do not change. */
export interface Terms {
  readonly sa: SecurityAssociation
  readonly version: number
  /** `wireId` leads to it. One that is over loses that to a new one. */
  readonly named: boolean
}

/**
 * An association as a store keeps it, what messages need first: `replay` and `hardExpiry` are those of its terms, which are
 * read when somebody asks, and so is the lease. Rows are values: a change makes another one, and two with one `terms` have the
 * same terms.
 */
export interface Row {
  /** The store's own number of the row; 0 for one that is not written yet. */
  readonly slot: number
  readonly id: SaId
  readonly replay: ReplayMode
  readonly hardExpiry: number | undefined
  readonly inbound: ReplayState
  readonly horizon: number
  readonly lease: () => Lease
  /** It was seen to be over, and stays so when the clock is set back. */
  readonly over: boolean
  readonly terms: () => Terms
}

/** What a caller sees of a row. */
export const storedOf = ({ inbound, horizon, terms }: Row): StoredAssociation => {
  const { sa, version } = terms()
  return { sa, version, inbound, horizon }
}

/** An association that was revoked within the last day: its last version and why. */
export interface Grave {
  readonly version: number
  readonly revocation: Revocation
}

/** A record, expired or not. */
export interface RecordRow {
  readonly slot: number
  readonly collection: string
  readonly key: string
  readonly value: Uint8Array
  readonly version: number
  readonly notAfter: number | undefined
}

/** How a transaction sees a store. */
export interface View {
  readonly association: (id: SaId) => Row | undefined
  /** The association that `wireId` leads to. */
  readonly holder: (mechanism: string, wireId: Uint8Array) => Row | undefined
  readonly grave: (id: SaId) => Grave | undefined
  readonly record: (collection: string, key: string) => RecordRow | undefined
}

/** A revocation and the version and octets that the association had. */
export interface Burial extends Grave {
  readonly wireId: Uint8Array | undefined
}

const aliasOf = (mechanism: string, wireId: Uint8Array): string => `${toHex(wireId)} ${mechanism}`
const recordName = (collection: string, key: string): string => `${collection.length} ${collection}${key}`

/** Changes on top of a view; `undefined` stands for a row that is removed. */
export class Draft implements View {
  readonly associations = new Map<SaId, Row | undefined>()
  readonly records = new Map<
    string,
    { readonly before: RecordRow | undefined; readonly after: RecordRow | undefined }
  >()
  readonly burials: Array<Burial> = []
  /** Names of revoked associations that were given to new ones. */
  readonly reborn = new Set<SaId>()
  private readonly aliases = new Map<string, SaId>()
  private readonly base: View

  constructor(base: View) {
    this.base = base
  }

  association(id: SaId): Row | undefined {
    return this.associations.has(id) ? this.associations.get(id) : this.base.association(id)
  }

  holder(mechanism: string, wireId: Uint8Array): Row | undefined {
    const alias = aliasOf(mechanism, wireId)
    const taker = this.aliases.get(alias)
    if (taker !== undefined) {
      const row = this.associations.get(taker)
      if (row !== undefined && leadsTo(row, mechanism, alias)) return row
    }
    const row = this.base.holder(mechanism, wireId)
    if (row === undefined || !this.associations.has(row.id)) return row
    const changed = this.associations.get(row.id)
    return changed !== undefined && leadsTo(changed, mechanism, alias) ? changed : undefined
  }

  grave(id: SaId): Grave | undefined {
    for (let i = this.burials.length - 1; i >= 0; i--) {
      if (this.burials[i]!.revocation.id === id) return this.reborn.has(id) ? undefined : this.burials[i]
    }
    return this.reborn.has(id) ? undefined : this.base.grave(id)
  }

  record(collection: string, key: string): RecordRow | undefined {
    const name = recordName(collection, key)
    const change = this.records.get(name)
    return change === undefined ? this.base.record(collection, key) : change.after
  }

  /** Keeps `row`, whose terms may be new. */
  setAssociation(row: Row): void {
    this.associations.set(row.id, row)
    const { sa, named } = row.terms()
    if (named && sa.wireId !== undefined) this.aliases.set(aliasOf(sa.mechanism, sa.wireId), row.id)
  }

  bury(row: Row, revocation: Revocation): void {
    this.associations.set(revocation.id, undefined)
    const { sa, version, named } = row.terms()
    this.burials.push({ version, revocation, wireId: named ? sa.wireId : undefined })
    this.reborn.delete(revocation.id)
  }

  setRecord(before: RecordRow | undefined, after: RecordRow | undefined): void {
    const { collection, key } = (after ?? before)!
    const name = recordName(collection, key)
    const known = this.records.get(name)
    this.records.set(name, { before: known === undefined ? before : known.before, after })
  }

  /** Adds the changes of `later`, whose view this draft was. */
  add(later: Draft): void {
    for (const [id, row] of later.associations) {
      if (row === undefined) this.associations.set(id, undefined)
      else if (row.terms === this.association(id)?.terms) this.associations.set(id, row)
      else this.setAssociation(row)
    }
    for (const { before, after } of later.records.values()) {
      if (before !== undefined || after !== undefined) this.setRecord(before, after)
    }
    for (const burial of later.burials) {
      this.burials.push(burial)
      this.reborn.delete(burial.revocation.id)
    }
    for (const id of later.reborn) this.reborn.add(id)
  }
}

const leadsTo = (row: Row, mechanism: string, alias: string): boolean => {
  const { sa, named } = row.terms()
  return named && sa.mechanism === mechanism && sa.wireId !== undefined && aliasOf(mechanism, sa.wireId) === alias
}

/** Whether the association of `row` has ended by `now`, or was seen to have ended earlier. */
const rowIsOver = (row: Row, now: number): boolean => row.over || isOver(row, now)

/** The row of `id` that stands and has not ended, or why there is none. */
const living = (draft: Draft, id: SaId, now: number): Row | SaNotFound | SaRevoked | SaExpired => {
  const row = draft.association(id)
  if (row === undefined) {
    const grave = draft.grave(id)
    return grave === undefined ? new SaNotFound({ id }) : new SaRevoked({ id, why: grave.revocation.why })
  }
  return rowIsOver(row, now) ? new SaExpired({ id, hardExpiry: row.hardExpiry! }) : row
}

const constant =
  <A>(value: A) =>
  (): A =>
    value

const unleased = constant(noLease)

/** A copy whose octets nobody else holds. */
const own = (sa: SecurityAssociation): SecurityAssociation =>
  sa.wireId === undefined ? sa : { ...sa, wireId: sa.wireId.slice() }

const put = (
  draft: Draft,
  operation: Operation & { readonly _tag: "Put" },
  now: number
): OperationError | undefined => {
  const { expect } = operation
  const { id, mechanism, wireId } = operation.sa
  const row = draft.association(id)
  const grave = row === undefined ? draft.grave(id) : undefined
  if (grave !== undefined && expect !== "absent") return new SaRevoked({ id, why: grave.revocation.why })
  const standing = row === undefined || (expect === "absent" && rowIsOver(row, now)) ? 0 : row.terms().version
  if (!meets(expect, standing)) return new Conflict({ key: id, expected: String(expect) })
  if (wireId !== undefined) {
    const holder = draft.holder(mechanism, wireId)
    if (holder !== undefined && holder.id !== id) {
      if (!rowIsOver(holder, now)) return new Conflict({ key: id, expected: "wireId of no other association" })
      draft.setAssociation({ ...holder, over: true, terms: constant({ ...holder.terms(), named: false }) })
    }
  }
  if (grave !== undefined) draft.reborn.add(id)
  const sa = own(operation.sa)
  const kept = standing !== 0 && row !== undefined && operation.resetCounters !== true ? row : undefined
  const version = (row?.terms().version ?? grave?.version ?? 0) + 1
  draft.setAssociation({
    slot: row?.slot ?? 0,
    id,
    replay: sa.replay,
    hardExpiry: sa.hardExpiry,
    ...(kept === undefined ? freshCounters(sa) : keptCounters(kept.terms().sa, kept, sa)),
    lease: kept === undefined ? unleased : kept.lease,
    over: false,
    terms: constant({ sa, version, named: wireId !== undefined })
  })
  return undefined
}

const acceptNumber = (draft: Draft, id: SaId, number: number, now: number): OperationError | undefined => {
  const row = living(draft, id, now)
  if ("_tag" in row) return row
  const accepted = ReplayWindow.accept(row.replay, row.inbound, number)
  if (accepted._tag === "Failure") return new Replayed({ id, number, refusal: accepted.failure })
  if (accepted.success !== row.inbound) draft.associations.set(id, { ...row, inbound: accepted.success })
  return undefined
}

const standingRecord = (draft: Draft, collection: string, key: string, now: number) => {
  const row = draft.record(collection, key)
  return { row, version: row === undefined || recordIsOver(row, now) ? 0 : row.version }
}

/** Whether `row` is read as absent at `now`. */
export const recordIsOver = (row: RecordRow, now: number): boolean => row.notAfter !== undefined && now >= row.notAfter

/** Does one operation: wholly, or not at all where it fails. */
const applyOne = (draft: Draft, operation: Operation, now: number): OperationError | undefined => {
  const unfit = unacceptable(operation)
  if (unfit !== undefined) return unfit
  switch (operation._tag) {
    case "Put":
      return put(draft, operation, now)
    case "Accept":
      return acceptNumber(draft, operation.id, operation.number, now)
    case "Revoke": {
      const { id, why } = operation
      const row = draft.association(id)
      if (row !== undefined) draft.bury(row, { id, mechanism: row.terms().sa.mechanism, why, at: now })
      return undefined
    }
    case "PutRecord": {
      const { collection, key, expect, notAfter } = operation
      const { row, version } = standingRecord(draft, collection, key, now)
      if (!meets(expect, version)) return new Conflict({ key, expected: String(expect) })
      const value = operation.value.slice()
      draft.setRecord(row, { slot: row?.slot ?? 0, collection, key, value, version: (row?.version ?? 0) + 1, notAfter })
      return undefined
    }
    case "DeleteRecord": {
      const { collection, key, expect } = operation
      const { row, version } = standingRecord(draft, collection, key, now)
      if (!meets(expect, version)) return new Conflict({ key, expected: String(expect) })
      if (row !== undefined) draft.setRecord(row, undefined)
      return undefined
    }
  }
}

/** Keeps an association that was found over from coming back when the clock is set back. */
const remember = (draft: Draft, failure: OperationError | Exhausted): void => {
  if (failure._tag !== "SaExpired") return
  const row = draft.association(failure.id)
  if (row !== undefined && !row.over) draft.associations.set(row.id, { ...row, over: true })
}

/**
 * Does `operations` to `draft`, all or none, and gives the failure of the first that cannot be done.
 *
 * **Gotchas** A draft changes in one way when a transaction fails too: an association that was found over is marked so.
 */
export const transact = (
  draft: Draft,
  operations: ReadonlyArray<Operation>,
  now: number
): OperationError | undefined => {
  if (operations.length > storeLimits.operations) {
    return new Unacceptable({ key: "transaction", why: `at most ${storeLimits.operations} operations` })
  }
  if (!Number.isFinite(now)) return new Unacceptable({ key: "transaction", why: "now must be milliseconds" })
  if (operations.length === 1) {
    const failure = applyOne(draft, operations[0]!, now)
    if (failure !== undefined) remember(draft, failure)
    return failure
  }
  const own = new Draft(draft)
  for (const operation of operations) {
    const failure = applyOne(own, operation, now)
    if (failure !== undefined) {
      remember(draft, failure)
      return failure
    }
  }
  draft.add(own)
  return undefined
}

/** Takes numbers for a sender, or gives why there are none. */
export const reserve = (
  draft: Draft,
  request: ReserveRequest
): Reservation | SaNotFound | SaExpired | SaRevoked | Exhausted => {
  const { id, now } = request
  const row = living(draft, id, now)
  if ("_tag" in row) {
    remember(draft, row)
    return row
  }
  const { last } = outboundOf(row.terms().sa)
  const given = numbers(request, row.horizon, last, row.lease())
  if (given._tag === "Exhausted") return new Exhausted({ id, last })
  draft.associations.set(id, { ...row, horizon: given.horizon, lease: constant(given.lease) })
  // no number is used from memory once the association is over
  return { ...given.answer, until: Math.min(given.answer.until, row.hardExpiry ?? Number.POSITIVE_INFINITY) }
}
