/**
 * Rows that a store behind a network sent, as the machine views them, and what a draft on top of them changes. Every row
 * carries a stamp that no other writing of it ever had: changes are kept only while all rows have the stamps they were read with.
 *
 * @layer machine
 */
import * as Result from "effect/Result"
import { decodeBits, decodeBody, decodeMode, decodeRevocation, type RowFault } from "../RowCodec.ts"
import { type Revocation, type SaId, saId } from "../SecurityAssociation.ts"
import type { Burial, Draft, Grave, RecordRow, Row, Terms, View } from "../StoreMachine.ts"
import type { Lease } from "../StoreRules.ts"
import { type Names, type RecordName, recordKey, type WireName, wireKey } from "./Names.ts"

/** The columns of an association, of which only those of the end count once `why` is there. */
export interface AssociationColumns {
  readonly id: string
  readonly stamp: number
  readonly mechanism: string
  readonly wire: Uint8Array | null
  readonly named: boolean
  readonly version: number
  readonly body: string
  readonly highest: number
  readonly seen: Uint8Array
  readonly horizon: number
  readonly over: boolean
  readonly mode: number
  readonly jump: number | null
  readonly ends: number | null
  readonly owner: string
  readonly until: number
  readonly length: number
  readonly contended: number
  /** Why and when it was revoked, and its place in the log. */
  readonly why: string | null
  readonly at: number
  readonly place: number
}

export interface RecordColumns extends RecordName {
  readonly stamp: number
  readonly value: Uint8Array
  readonly version: number
  readonly ends: number | null
}

/** A row that is not what a store wrote: trying again does not help. */
export interface DamagedRow {
  readonly _tag: "DamagedRow"
  readonly id: string
  readonly why: string
}

interface Known {
  readonly stamp: number
  readonly row: Row | undefined
  readonly grave: Grave | undefined
}

const written = 1

const rowOf = (columns: AssociationColumns): Result.Result<Row, RowFault> => {
  const { id, mechanism, wire, named, version, body, highest, horizon, over, ends } = columns
  const replay = decodeMode(columns.mode, columns.jump)
  if (Result.isFailure(replay)) return Result.fail(replay.failure)
  const sa = decodeBody(id, mechanism, wire, ends, body)
  if (Result.isFailure(sa)) return Result.fail(sa.failure)
  const terms: Terms = { sa: sa.success, version, named }
  const { owner, until, length, contended } = columns
  const lease: Lease = { owner, until, length, contended }
  return Result.succeed({
    slot: written,
    id: saId(id),
    replay: replay.success,
    hardExpiry: ends ?? undefined,
    inbound: { highest, seen: decodeBits(columns.seen) },
    horizon,
    lease: () => lease,
    over,
    terms: () => terms
  })
}

/** What was fetched for {@link Names}: rows that are missing were not there. */
export class Fetched implements View {
  private readonly known = new Map<string, Known>()
  private readonly holders = new Map<string, SaId>()
  private readonly graves = new Map<string, { readonly grave: Grave; readonly place: number }>()
  private readonly recordRows = new Map<string, { readonly stamp: number; readonly row: RecordRow }>()

  private constructor() {}

  static make(
    associations: ReadonlyArray<AssociationColumns>,
    records: ReadonlyArray<RecordColumns>
  ): Result.Result<Fetched, DamagedRow> {
    const fetched = new Fetched()
    for (const columns of associations) {
      const failure = fetched.addAssociation(columns)
      if (failure !== undefined) return Result.fail({ _tag: "DamagedRow", id: columns.id, why: failure.why })
    }
    for (const { collection, key, stamp, value, version, ends } of records) {
      const row = { slot: written, collection, key, value, version, notAfter: ends ?? undefined }
      fetched.recordRows.set(recordKey({ collection, key }), { stamp, row })
    }
    return Result.succeed(fetched)
  }

  private addAssociation(columns: AssociationColumns): RowFault | undefined {
    const { id, stamp, mechanism, wire, named, version, why, at, place } = columns
    const alias = wire === null ? undefined : wireKey({ mechanism, wireId: wire })
    if (why !== null) {
      const revocation = decodeRevocation(id, mechanism, why, at)
      if (Result.isFailure(revocation)) return revocation.failure
      const grave = { version, revocation: revocation.success }
      this.known.set(id, { stamp, row: undefined, grave })
      if (alias !== undefined && place >= (this.graves.get(alias)?.place ?? 0)) this.graves.set(alias, { grave, place })
      return undefined
    }
    const row = rowOf(columns)
    if (Result.isFailure(row)) return row.failure
    this.known.set(id, { stamp, row: row.success, grave: undefined })
    if (named && alias !== undefined) this.holders.set(alias, saId(id))
    return undefined
  }

  association(id: SaId): Row | undefined {
    return this.known.get(id)?.row
  }

  holder(mechanism: string, wireId: Uint8Array): Row | undefined {
    const id = this.holders.get(wireKey({ mechanism, wireId }))
    return id === undefined ? undefined : this.association(id)
  }

  grave(id: SaId): Grave | undefined {
    return this.known.get(id)?.grave
  }

  /** The revoked association that the octets led to last. */
  graveOfWire(wire: WireName): Grave | undefined {
    return this.graves.get(wireKey(wire))?.grave
  }

  record(collection: string, key: string): RecordRow | undefined {
    return this.recordRows.get(recordKey({ collection, key }))?.row
  }

  /** The stamps that everything in `names` was read with: 0 for what was not there. */
  read(names: Names): Read {
    const ids = new Set<string>([...names.ids, ...this.known.keys()])
    return {
      associations: [...ids].map((id) => ({ id, stamp: this.known.get(id)?.stamp ?? 0 })),
      wires: [...names.wires].map(([key, name]) => ({ ...name, holder: this.holders.get(key) })),
      records: [...names.records].map(([key, name]) => ({ ...name, stamp: this.recordRows.get(key)?.stamp ?? 0 }))
    }
  }

  /** What `draft`, whose view this is, changes at `now`. */
  changes(names: Names, draft: Draft, now: number): Changes {
    const counters: Array<Row> = []
    const rows: Array<Row> = []
    for (const [id, row] of draft.associations) {
      if (row === undefined) continue
      const before = this.association(id)
      if (before === row) continue
      if (before !== undefined && sameButNumbers(before, row)) counters.push(row)
      else rows.push(row)
    }
    const graves = new Map<string, Burial>()
    for (const burial of draft.burials) graves.set(burial.revocation.id, burial)
    for (const [id] of graves) if (draft.associations.get(saId(id)) !== undefined) graves.delete(id)
    const records: Array<RecordRow> = []
    const deleted: Array<RecordName> = []
    for (const { before, after } of draft.records.values()) {
      if (after !== undefined) records.push(after)
      else if (before !== undefined) deleted.push(before)
    }
    const released: Array<WireName> = []
    for (const id of [...rows.map((row) => row.id), ...graves.keys()]) {
      const before = this.known.get(id)?.row?.terms()
      if (before?.named !== true || before.sa.wireId === undefined) continue
      released.push({ mechanism: before.sa.mechanism, wireId: before.sa.wireId })
    }
    return {
      now,
      read: this.read(names),
      released,
      counters,
      rows,
      graves: [...graves.values()],
      log: draft.burials.map(({ revocation }) => revocation),
      records,
      deleted
    }
  }
}

const sameButNumbers = (before: Row, after: Row): boolean =>
  before.terms === after.terms &&
  before.lease === after.lease &&
  before.horizon === after.horizon &&
  before.over === after.over

/** What a turn looked at. */
export interface Read {
  readonly associations: ReadonlyArray<{ readonly id: string; readonly stamp: number }>
  readonly wires: ReadonlyArray<WireName & { readonly holder: SaId | undefined }>
  readonly records: ReadonlyArray<RecordName & { readonly stamp: number }>
}

/** What a turn writes, all or nothing, as long as {@link Read} holds. */
export interface Changes {
  readonly read: Read
  /** The earliest of the callers' moments. */
  readonly now: number
  /** Octets that lead to none of these rows any more, unless a row says that it is named. */
  readonly released: ReadonlyArray<WireName>
  /** Rows of which only the accepted numbers changed. */
  readonly counters: ReadonlyArray<Row>
  readonly rows: ReadonlyArray<Row>
  /** Associations that end as revoked, each once. */
  readonly graves: ReadonlyArray<Burial>
  /** All revocations in their order. */
  readonly log: ReadonlyArray<Revocation>
  readonly records: ReadonlyArray<RecordRow>
  readonly deleted: ReadonlyArray<RecordName>
}

/** Whether there is nothing to write. */
export const isEmpty = ({ counters, rows, graves, log, records, deleted }: Changes): boolean =>
  counters.length + rows.length + graves.length + log.length + records.length + deleted.length === 0
