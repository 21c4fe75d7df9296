/**
 * One connection to an SQLite file: opened with the right mode and durability, brought to the current schema, closed with its
 * scope, its failures told apart.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Unavailable } from "../SaError.ts"
import { applicationId, migrations } from "./Schema.ts"

/** Which file, and how durable. */
export interface SqliteOptions {
  /** The file; made with mode 0600 where it does not exist. `:memory:` is a store that ends with its scope. */
  readonly path: string
  /**
   * `FULL` (the default) has every commit on the disk before it is answered. `NORMAL` may lose the last commits with the power,
   * though not with the process: after that, numbers could be accepted twice.
   */
  readonly synchronous?: "FULL" | "EXTRA" | "NORMAL"
  /** How long, in milliseconds, a transaction waits for other connections before it fails with `Unavailable`; 5,000. */
  readonly busyMillis?: number
  /** How often, in milliseconds, readers of revocations look for those of other connections; 250. */
  readonly pollMillis?: number
  /** How many associations are kept in memory between transactions as long as no other connection writes; 16,384. */
  readonly cachedRows?: number
  /** How large the file may grow, in octets; no bound of ours unless given. */
  readonly maxOctets?: number
  /**
   * The file may be older than what it was before, because it comes from a backup: all its associations are revoked with reason
   * `store-recovered` and the epoch is raised. Copies that `backup` made need no telling.
   */
  readonly recovered?: boolean
}

/** SQLite's primary result codes that say more than "it failed". */
const codes = { busy: 5, locked: 6, nomem: 7, readonly: 8, ioerr: 10, full: 13, cantopen: 14, protocol: 15 } as const

const passing: ReadonlySet<number> = new Set([
  codes.busy,
  codes.locked,
  codes.nomem,
  codes.ioerr,
  codes.full,
  codes.protocol
])

const primaryCode = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

/** Whether another connection stood in the way. */
export const isBusy = (cause: unknown): boolean => {
  const code = primaryCode(cause)
  return code === codes.busy || code === codes.locked
}

/** `cause` as the failure of a store; worth another try where it may pass without anybody's help or with a freed disk. */
export const unavailable = (what: string, cause: unknown): Unavailable => {
  const code = primaryCode(cause)
  return new Unavailable({ what, retryable: code !== undefined && passing.has(code), cause })
}

/** How long, in milliseconds, SQLite itself may block the thread for other connections; longer waits leave the thread free. */
const blockMillis = 10

const inMemory = (path: string) => path === ":memory:"

/** Sees to it that `path` exists and that nobody but its owner may read or write it. */
const protect = (path: string): void => {
  Fs.closeSync(Fs.openSync(path, Fs.constants.O_CREAT | Fs.constants.O_RDONLY, 0o600))
  const { mode } = Fs.statSync(path)
  if ((mode & 0o077) !== 0) Fs.chmodSync(path, mode & 0o700)
}

const numberOf = (database: DatabaseSync, sql: string): number => {
  const row = database.prepare(sql).get()
  const value = row === undefined ? undefined : Object.values(row)[0]
  return typeof value === "number" ? value : 0
}

/** Brings the file to the newest schema; refuses one that a newer program wrote, or that is something else. */
const migrate = (database: DatabaseSync): void => {
  const current = () => numberOf(database, "PRAGMA user_version")
  if (current() === migrations.length && numberOf(database, "PRAGMA application_id") === applicationId) return
  database.exec("BEGIN IMMEDIATE")
  try {
    const from = current()
    const owner = numberOf(database, "PRAGMA application_id")
    const empty = numberOf(database, "SELECT count(*) FROM sqlite_schema") === 0
    if (owner !== applicationId && !(owner === 0 && empty)) throw new Error("the file is another program's database")
    if (from > migrations.length) {
      throw new Error(`the file has schema ${from}, newer than the ${migrations.length} of this program`)
    }
    for (const migration of migrations.slice(from)) database.exec(migration)
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`)
    database.exec("COMMIT")
  } catch (cause) {
    if (database.isTransaction) database.exec("ROLLBACK")
    throw cause
  }
}

/** Opens the file of `options`. Throws what `unavailable` explains. */
export const open = (options: SqliteOptions): DatabaseSync => {
  const { path, synchronous = "FULL", maxOctets } = options
  if (!inMemory(path)) protect(path)
  const database = new DatabaseSync(path, { timeout: blockMillis, enableForeignKeyConstraints: false })
  try {
    database.exec("PRAGMA journal_mode = WAL")
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    database.exec("PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF")
    database.exec("PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000; PRAGMA secure_delete = ON")
    if (maxOctets !== undefined) {
      const pages = Math.max(1, Math.floor(maxOctets / numberOf(database, "PRAGMA page_size")))
      database.exec(`PRAGMA max_page_count = ${pages}`)
    }
    migrate(database)
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}
