/**
 * The tables of the SQLite store and how older files become new ones.
 *
 * @layer codec
 */

/** Marks a file as one of ours in the header that `file(1)` reads: "OMAs". */
export const applicationId = 0x4f4d4173

/**
 * Each entry brings a file from the version of its index to the next; `PRAGMA user_version` counts them.
 *
 * What every message needs and changes lies in `counter`, in short rows of its own, so that an acceptance touches neither a wide
 * row nor an index; `mode` is 0 for no replay protection, 1 for strict, else the size of the window. Names of revoked associations lie in `revocation`, whose `place` only grows: readers follow it.
 */
export const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE association (
    slot INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    mechanism TEXT NOT NULL,
    wire BLOB,
    named INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX association_wire ON association (wire, mechanism) WHERE named = 1;
  CREATE TABLE counter (
    slot INTEGER PRIMARY KEY,
    highest INTEGER NOT NULL,
    seen BLOB NOT NULL,
    horizon INTEGER NOT NULL,
    over INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    jump INTEGER,
    ends INTEGER,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL,
    length INTEGER NOT NULL,
    contended INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX counter_ends ON counter (ends) WHERE ends IS NOT NULL;
  CREATE TABLE revocation (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    wire BLOB,
    version INTEGER NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    current INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX revocation_id ON revocation (id) WHERE current = 1;
  CREATE INDEX revocation_wire ON revocation (wire, mechanism) WHERE current = 1 AND wire IS NOT NULL;
  CREATE INDEX revocation_at ON revocation (at);
  CREATE TABLE record (
    slot INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    ends INTEGER,
    UNIQUE (collection, key)
  ) STRICT;
  CREATE INDEX record_ends ON record (ends) WHERE ends IS NOT NULL;
  CREATE TABLE file (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `
]
