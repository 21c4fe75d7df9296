/**
 * Reading rows and writing drafts with prepared statements.
 *
 * @layer binding
 */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import * as Result from "effect/Result"
import type { Entry } from "../RevocationLog.ts"
import {
  afterPrefix,
  type Column,
  decodeBits,
  decodeBody,
  decodeMode,
  decodeRevocation,
  encodeBits,
  encodeBody,
  encodeMode,
  type RowFault
} from "../RowCodec.ts"
import { type SaId, saId } from "../SecurityAssociation.ts"
import type { Draft, Grave, RecordRow, Row, Terms, View } from "../StoreMachine.ts"
import type { StoredRecord, Swept } from "../StoreOperation.ts"
import { recordLimits } from "../StoreOperation.ts"
import { type Lease, revocationMemory } from "../StoreRules.ts"

/** A file whose rows are not what a store wrote. */
class DamagedRow extends Error {
  override readonly name = "DamagedRow"
}

const sound = <A>(result: Result.Result<A, RowFault>): A => {
  if (Result.isFailure(result)) throw new DamagedRow(result.failure.why)
  return result.success
}

const text = (column: Column | undefined): string => {
  if (typeof column !== "string") throw new DamagedRow("text expected")
  return column
}
const whole = (column: Column | undefined): number => {
  if (typeof column !== "number") throw new DamagedRow("number expected")
  return column
}
const octets = (column: Column | undefined): Uint8Array => {
  if (!(column instanceof Uint8Array)) throw new DamagedRow("octets expected")
  return column
}
const orNull = <A>(read: (column: Column | undefined) => A, column: Column | undefined): A | null =>
  column === null ? null : read(column)

type Columns = ReadonlyArray<Column>

const isColumns = (row: unknown): row is Columns => Array.isArray(row)

/** The first table is there for its index of names only: its wide rows are not read. */
const selectCounters =
  "SELECT c.slot, c.highest, c.seen, c.horizon, c.over, c.mode, c.jump, c.ends " +
  "FROM association a CROSS JOIN counter c ON c.slot = a.slot WHERE a.id = ?"
const updateNumbers = "UPDATE counter SET highest = ?, seen = ? WHERE slot = ?"

/** The last name before all texts, and the least value after them all: SQLite orders octets after text. */
const afterAllText = new Uint8Array(0)

/** The tables of one connection. Methods throw what `Database.unavailable` explains. */
export class Tables implements View {
  /** Rows that are as the file has them while `dataVersion` stands. */
  private young = new Map<SaId, Row>()
  /** Those kept before the young ones: they go all at once when the young have become as many. */
  private old = new Map<SaId, Row>()
  private dataVersion = -1
  /** Whether there is any revoked association to look for, once somebody has looked. */
  private graves: boolean | undefined
  private readonly database: DatabaseSync
  private readonly cachedRows: number
  private readonly statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync, cachedRows: number) {
    this.database = database
    this.cachedRows = cachedRows
  }

  private statement(sql: string): StatementSync {
    const known = this.statements.get(sql)
    if (known !== undefined) return known
    const statement = this.database.prepare(sql)
    statement.setReturnArrays(true)
    this.statements.set(sql, statement)
    return statement
  }

  private one(sql: string, ...values: ReadonlyArray<Column>): Columns | undefined {
    const row: unknown = this.statement(sql).get(...values)
    return isColumns(row) ? row : undefined
  }

  private all(sql: string, ...values: ReadonlyArray<Column>): ReadonlyArray<Columns> {
    const rows: ReadonlyArray<unknown> = this.statement(sql).all(...values)
    return rows.filter(isColumns)
  }

  private run(sql: string, ...values: ReadonlyArray<Column>): number {
    return Number(this.statement(sql).run(...values).changes)
  }

  /** Drops what other connections may have changed. To be called before each look, inside the transaction if there is one. */
  refresh(): void {
    const version = whole(this.one("PRAGMA data_version")?.[0])
    if (version === this.dataVersion) return
    this.forget()
    this.dataVersion = version
  }

  /** Drops everything that is known of the file. */
  forget(): void {
    this.young.clear()
    this.old.clear()
    this.graves = undefined
  }

  private cached(id: SaId): Row | undefined {
    return this.young.get(id) ?? this.old.get(id)
  }

  private keep(row: Row): Row {
    this.young.set(row.id, row)
    if (this.young.size * 2 > this.cachedRows) {
      this.old = this.young
      this.young = new Map()
    }
    return row
  }

  private drop(id: SaId): void {
    this.young.delete(id)
    this.old.delete(id)
  }

  private decode(id: SaId, row: Columns): Row {
    const [slot, highest, seen, horizon, over, mode, jump, ends] = row
    const at = whole(slot)
    let terms: Terms | undefined
    let lease: Lease | undefined
    return {
      slot: at,
      id,
      replay: sound(decodeMode(whole(mode), orNull(whole, jump))),
      hardExpiry: orNull(whole, ends) ?? undefined,
      inbound: { highest: whole(highest), seen: decodeBits(octets(seen)) },
      horizon: whole(horizon),
      over: whole(over) === 1,
      lease: () => {
        lease ??= this.lease(at)
        return lease
      },
      terms: () => {
        terms ??= this.terms(id, at, orNull(whole, ends))
        return terms
      }
    }
  }

  private lease(slot: number): Lease {
    const row = this.one("SELECT owner, until, length, contended FROM counter WHERE slot = ?", slot)
    if (row === undefined) throw new DamagedRow("counter expected")
    const [owner, until, length, contended] = row
    return { owner: text(owner), until: whole(until), length: whole(length), contended: whole(contended) }
  }

  private terms(id: SaId, slot: number, ends: number | null): Terms {
    const row = this.one("SELECT mechanism, wire, named, version, body FROM association WHERE slot = ?", slot)
    if (row === undefined) throw new DamagedRow("association expected")
    const [mechanism, wire, named, version, body] = row
    return {
      sa: sound(decodeBody(id, text(mechanism), orNull(octets, wire), ends, text(body))),
      version: whole(version),
      named: whole(named) === 1
    }
  }

  /** Reads several things of one state of the file, the cached rows included. */
  snapshot<A>(look: () => A): A {
    this.run("BEGIN")
    try {
      this.refresh()
      return look()
    } finally {
      this.run("COMMIT")
    }
  }

  association(id: SaId): Row | undefined {
    const known = this.cached(id)
    if (known !== undefined) return known
    const row = this.one(selectCounters, id)
    return row === undefined ? undefined : this.keep(this.decode(id, row))
  }

  holder(mechanism: string, wireId: Uint8Array): Row | undefined {
    const sql = "SELECT id FROM association WHERE wire = ? AND mechanism = ? AND named = 1"
    const row = this.one(sql, wireId, mechanism)
    return row === undefined ? undefined : this.association(saId(text(row[0])))
  }

  private graveOf(row: Columns | undefined): Grave | undefined {
    if (row === undefined) return undefined
    const [id, mechanism, why, at, version] = row
    return {
      version: whole(version),
      revocation: sound(decodeRevocation(text(id), text(mechanism), text(why), whole(at)))
    }
  }

  grave(id: SaId): Grave | undefined {
    this.graves ??= this.one("SELECT 1 FROM revocation WHERE current = 1 LIMIT 1") !== undefined
    if (!this.graves) return undefined
    return this.graveOf(
      this.one("SELECT id, mechanism, why, at, version FROM revocation WHERE id = ? AND current = 1", id)
    )
  }

  /** The same by the octets that led to it. */
  graveOfWire(mechanism: string, wireId: Uint8Array): Grave | undefined {
    const sql =
      "SELECT id, mechanism, why, at, version FROM revocation " +
      "WHERE wire = ? AND mechanism = ? AND current = 1 AND wire IS NOT NULL ORDER BY place DESC LIMIT 1"
    return this.graveOf(this.one(sql, wireId, mechanism))
  }

  record(collection: string, key: string): RecordRow | undefined {
    const sql = "SELECT slot, value, version, ends FROM record WHERE collection = ? AND key = ?"
    const row = this.one(sql, collection, key)
    if (row === undefined) return undefined
    const [slot, value, version, ends] = row
    return {
      slot: whole(slot),
      collection,
      key,
      value: octets(value),
      version: whole(version),
      notAfter: orNull(whole, ends) ?? undefined
    }
  }

  records(
    collection: string,
    options: { readonly after?: string; readonly prefix?: string; readonly limit?: number; readonly now: number }
  ): ReadonlyArray<StoredRecord> {
    const { after, prefix = "", limit = recordLimits.page, now } = options
    const sql =
      "SELECT key, value, version, ends FROM record WHERE collection = ? AND key >= ? AND key < ? AND key > ? " +
      "AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?"
    const end = afterPrefix(prefix) ?? afterAllText
    const most = Math.max(0, Math.min(Math.floor(limit), recordLimits.page))
    return this.all(sql, collection, prefix, end, after ?? "", now, most).map(([key, value, version, ends]) => ({
      key: text(key),
      value: octets(value),
      version: whole(version),
      ...(ends === null ? {} : { notAfter: whole(ends) })
    }))
  }

  size(): { readonly associations: number; readonly records: number } {
    const row = this.one("SELECT (SELECT count(*) FROM counter), (SELECT count(*) FROM record)")
    return { associations: whole(row?.[0]), records: whole(row?.[1]) }
  }

  /** The place of the newest revocation that ever was. */
  lastPlace(): number {
    const row = this.one("SELECT seq FROM sqlite_sequence WHERE name = 'revocation'")
    return row === undefined ? 0 : whole(row[0])
  }

  revocationsAfter(place: number, page: number): ReadonlyArray<Entry> {
    const sql = "SELECT place, id, mechanism, why, at FROM revocation WHERE place > ? ORDER BY place LIMIT ?"
    return this.all(sql, place, page).map(([at, id, mechanism, why, when]) => [
      whole(at),
      sound(decodeRevocation(text(id), text(mechanism), text(why), whole(when)))
    ])
  }

  /** Writes what changed. Rows leave before others take their octets, so that no index sees a state in between. */
  write(draft: Draft): void {
    if (draft.burials.length > 0) this.graves = undefined
    for (const { revocation, version, wireId } of draft.burials) {
      const { id, mechanism, why, at } = revocation
      this.removeAssociation(id)
      this.run("UPDATE revocation SET current = 0 WHERE id = ? AND current = 1", id)
      this.run(
        "INSERT INTO revocation (id, mechanism, wire, version, why, at, current) VALUES (?, ?, ?, ?, ?, ?, 1)",
        ...[id, mechanism, wireId ?? null, version, why, at]
      )
    }
    for (const id of draft.reborn) this.run("UPDATE revocation SET current = 0 WHERE id = ? AND current = 1", id)
    const moved: Array<Row> = []
    for (const [id, row] of draft.associations) {
      if (row === undefined) continue
      const before = row.slot === 0 ? undefined : this.cached(id)
      if (before?.terms === row.terms) this.writeCounters(row, before)
      else moved.push(row)
    }
    for (const { slot } of moved) if (slot !== 0) this.run("UPDATE association SET named = 0 WHERE slot = ?", slot)
    for (const row of moved) this.writeAssociation(row)
    for (const { before, after } of draft.records.values()) {
      if (after !== undefined) this.writeRecord(after)
      else if (before !== undefined) this.run("DELETE FROM record WHERE slot = ?", before.slot)
    }
  }

  private removeAssociation(id: SaId): void {
    const row = this.one("SELECT slot FROM association WHERE id = ?", id)
    if (row === undefined) return
    this.removeSlot(whole(row[0]))
    this.drop(id)
  }

  private removeSlot(slot: number): void {
    this.run("DELETE FROM counter WHERE slot = ?", slot)
    this.run("DELETE FROM association WHERE slot = ?", slot)
  }

  private writeCounters(row: Row, before: Row): void {
    const { inbound, horizon, over, slot } = row
    const seen = encodeBits(inbound.seen)
    if (horizon === before.horizon && row.lease === before.lease && over === before.over) {
      this.run(updateNumbers, inbound.highest, seen, slot)
    } else {
      const { owner, until, length, contended } = row.lease()
      this.run(
        "UPDATE counter SET highest = ?, seen = ?, horizon = ?, over = ?, owner = ?, until = ?, length = ?, contended = ? " +
          "WHERE slot = ?",
        ...[inbound.highest, seen, horizon, over ? 1 : 0, owner, until, length, contended, slot]
      )
    }
    this.keep(row)
  }

  private writeAssociation(row: Row): void {
    const { id, inbound, horizon, over, replay } = row
    const lease = row.lease()
    const { sa, version, named } = row.terms()
    const fields = [sa.mechanism, sa.wireId ?? null, named ? 1 : 0, version, encodeBody(sa)]
    const counter = [inbound.highest, encodeBits(inbound.seen), horizon, over ? 1 : 0, ...encodeMode(replay)]
    const rest = [sa.hardExpiry ?? null, lease.owner, lease.until, lease.length, lease.contended]
    let { slot } = row
    if (slot === 0) {
      const sql = "INSERT INTO association (mechanism, wire, named, version, body, id) VALUES (?, ?, ?, ?, ?, ?)"
      slot = Number(this.statement(sql).run(...fields, id).lastInsertRowid)
      this.run(
        "INSERT INTO counter (highest, seen, horizon, over, mode, jump, ends, owner, until, length, contended, slot) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ...[...counter, ...rest, slot]
      )
    } else {
      const sql = "UPDATE association SET mechanism = ?, wire = ?, named = ?, version = ?, body = ? WHERE slot = ?"
      this.run(sql, ...fields, slot)
      this.run(
        "UPDATE counter SET highest = ?, seen = ?, horizon = ?, over = ?, mode = ?, jump = ?, ends = ?, owner = ?, until = ?, " +
          "length = ?, contended = ? WHERE slot = ?",
        ...[...counter, ...rest, slot]
      )
    }
    this.keep({ ...row, slot })
  }

  private writeRecord({ collection, key, value, version, notAfter }: RecordRow): void {
    this.run(
      "INSERT INTO record (collection, key, value, version, ends) VALUES (?, ?, ?, ?, ?) ON CONFLICT (collection, key) " +
        "DO UPDATE SET value = excluded.value, version = excluded.version, ends = excluded.ends",
      ...[collection, key, value, version, notAfter ?? null]
    )
  }

  /** Removes what ended by `now`, at most `limit` rows. */
  sweep(now: number, limit: number): Swept {
    const most = Math.max(0, Math.floor(limit))
    const over = this.all(
      "SELECT c.slot, a.id FROM counter c CROSS JOIN association a ON a.slot = c.slot WHERE c.ends <= ? ORDER BY c.ends LIMIT ?",
      ...[now, most]
    )
    const gone: Array<SaId> = []
    for (const [slot, id] of over) {
      this.removeSlot(whole(slot))
      gone.push(saId(text(id)))
      this.drop(saId(text(id)))
    }
    let left = most - gone.length
    left -= this.run("DELETE FROM record WHERE slot IN (SELECT slot FROM record WHERE ends <= ? LIMIT ?)", now, left)
    const sql = "DELETE FROM revocation WHERE place IN (SELECT place FROM revocation WHERE at <= ? LIMIT ?)"
    left -= this.run(sql, now - revocationMemory, left)
    return { associations: gone, removed: most - left }
  }
}
