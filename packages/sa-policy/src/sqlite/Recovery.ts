/**
 * Copies of a file, and files that may be older than what they were: the counters in them must not go on.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import { DatabaseSync, backup as sqliteBackup } from "node:sqlite"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Unavailable } from "../SaError.ts"
import type { RevocationReason } from "../SecurityAssociation.ts"
import { epochRecord } from "../StoreOperation.ts"
import { open, type SqliteOptions, unavailable } from "./Database.ts"

const reason: RevocationReason = "store-recovered"

/** Whether `backup` made this file and nobody has opened it since. */
export const isCopy = (database: DatabaseSync): boolean =>
  database.prepare("SELECT 1 FROM file WHERE name = 'copy'").get() !== undefined

/** Revokes every association and raises the epoch, in one transaction. */
export const startAnew = (database: DatabaseSync, now: number): void => {
  database.exec("BEGIN IMMEDIATE")
  try {
    database.exec("UPDATE revocation SET current = 0 WHERE id IN (SELECT id FROM association)")
    database
      .prepare(
        "INSERT INTO revocation (id, mechanism, wire, version, why, at, current) " +
          "SELECT id, mechanism, CASE named WHEN 1 THEN wire END, version, ?, ?, 1 FROM association ORDER BY slot"
      )
      .run(reason, now)
    database.exec("DELETE FROM association; DELETE FROM counter")
    database
      .prepare(
        "INSERT INTO record (collection, key, value, version, ends) VALUES (?, ?, ?, 1, NULL) " +
          "ON CONFLICT (collection, key) DO UPDATE SET version = version + 1, ends = NULL"
      )
      .run(epochRecord.collection, epochRecord.key, new Uint8Array(0))
    database.exec("DELETE FROM file WHERE name = 'copy'; COMMIT")
  } catch (cause) {
    if (database.isTransaction) database.exec("ROLLBACK")
    throw cause
  }
}

/**
 * Makes a file that may be older than it was safe to go on with, without building a store: every association is revoked with
 * reason `store-recovered`, and the epoch of `StoreOperation.epochRecord` is raised, so that nonces which carry an older one
 * are answered as stale. Stores that have the file open hear of the revocations.
 */
export const recover = (options: Omit<SqliteOptions, "recovered">): Effect.Effect<void, Unavailable> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.try({
      try: () => {
        const database = open(options)
        try {
          startAnew(database, now)
        } finally {
          database.close()
        }
      },
      catch: (cause) => unavailable("SQLite file could not be recovered", cause)
    })
  )

const everyPage = 0x7fffffff

/**
 * Copies the file `from`, which may be in use, to `to`, which must not exist. The copy is consistent, has mode 0600 and knows
 * that it is one: a store that opens it revokes all associations in it first, because the original went on without it.
 */
export const backup = (from: string, to: string): Effect.Effect<void, Unavailable> =>
  Effect.tryPromise({
    try: async () => {
      Fs.closeSync(Fs.openSync(to, "wx", 0o600))
      try {
        const source = new DatabaseSync(from, { readOnly: true })
        try {
          await sqliteBackup(source, to, { rate: everyPage })
        } finally {
          source.close()
        }
        const copy = new DatabaseSync(to)
        try {
          copy.exec("PRAGMA synchronous = FULL; INSERT OR REPLACE INTO file (name, value) VALUES ('copy', 'yes')")
          copy.exec("PRAGMA journal_mode = DELETE")
        } finally {
          copy.close()
        }
      } catch (cause) {
        Fs.rmSync(to, { force: true })
        throw cause
      }
    },
    catch: (cause) => unavailable("SQLite file could not be copied", cause)
  })
