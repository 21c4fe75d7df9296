/**
 * Acceptances and activations that are durable before they are answered, against bare `node:sqlite` in the same durability
 * mode and over the same data: grouped alike, and with one commit for each. The ids come in random order; `BENCH_ASSOCIATIONS` sets how many there are.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { asyncWork, type Bench, work } from "@oma/bench"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { encodeBody } from "../src/RowCodec.ts"
import { saId } from "../src/SecurityAssociation.ts"
import { accept, put, putRecord } from "../src/Store.ts"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"

const count = Number(process.env["BENCH_ASSOCIATIONS"] ?? 100_000)
const together = 100

const nameOf = (n: number) => `gba:${n.toString(36).padStart(8, "0")}@bsf.example.net`
const association = (n: number) =>
  anAssociation(nameOf(n), {
    wireId: Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n, 1, 2, 3, 4),
    hardExpiry: moment + 86_400_000,
    peer: { _tag: "Authenticated", subject: nameOf(n), kind: "b-tid", method: "digest", at: moment },
    provenance: { by: "bench", clause: "TS 33.220 section 4.5.2" }
  })

/** Numbers below `below` in an order that has no pattern for a cache. */
const scattered = (below: number) => {
  let seed = 1
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed % below
  }
}

const openOurs = async (path: string) => {
  const scope = await Effect.runPromise(Scope.make())
  const store = await Effect.runPromise(Scope.provide(StoreSqlite.make({ path }), scope))
  return { store, end: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const openBare = (path: string) => {
  const database = new DatabaseSync(path)
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")
  database.exec(
    "CREATE TABLE sa (slot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, highest INTEGER, seen BLOB) STRICT"
  )
  database.exec(
    "CREATE TABLE made (slot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, wire BLOB UNIQUE, ends INTEGER, body TEXT)"
  )
  database.exec("CREATE TABLE record (slot INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB) STRICT")
  return database
}

const bench: Bench = async () => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-bench-"))
  const { store, end } = await openOurs(Path.join(folder, "ours.db"))
  const bare = openBare(Path.join(folder, "bare.db"))
  const insert = bare.prepare("INSERT INTO sa (id, highest, seen) VALUES (?, 0, ?)")
  const insertMade = bare.prepare("INSERT INTO made (id, wire, ends, body) VALUES (?, ?, ?, ?)")
  const insertBody = (sa: ReturnType<typeof association>) =>
    insertMade.run(sa.id, sa.wireId!, sa.hardExpiry!, encodeBody(sa))
  for (let n = 0; n < count; n += 1000) {
    const some = Array.from({ length: Math.min(1000, count - n) }, (_, i) => n + i)
    await Effect.runPromise(
      store.transact(
        some.map((each) => put(association(each))),
        moment
      )
    )
    bare.exec("BEGIN")
    for (const each of some) {
      insertBody(association(each))
      insert.run(nameOf(each), new Uint8Array(8))
    }
    bare.exec("COMMIT")
  }

  const ourNumbers = new Uint32Array(count)
  const ourNext = scattered(count)
  const acceptTurn = () =>
    Effect.runPromise(
      Effect.all(
        Array.from({ length: together }, () => {
          const n = ourNext()
          return store.transact([accept(saId(nameOf(n)), ++ourNumbers[n]!)], moment)
        }),
        { concurrency: "unbounded", discard: true }
      )
    )

  const bareNumbers = new Uint32Array(count)
  const bareNext = scattered(count)
  const update = bare.prepare("UPDATE sa SET highest = ?, seen = ? WHERE id = ?")
  const updateOne = () => {
    const n = bareNext()
    const seen = new Uint8Array(8)
    seen[bareNumbers[n]! >>> 3] = bareNumbers[n]! & 255
    update.run(++bareNumbers[n]!, seen, nameOf(n))
  }
  const updateTurn = () => {
    bare.exec("BEGIN IMMEDIATE")
    for (let i = 0; i < together; i++) updateOne()
    bare.exec("COMMIT")
  }

  let made = count
  const activateTurn = () =>
    Effect.runPromise(
      Effect.all(
        Array.from({ length: together }, () => {
          const n = made++
          return store.transact(
            [put(association(n), "absent"), putRecord("activation", nameOf(n), new Uint8Array(64))],
            moment
          )
        }),
        { concurrency: "unbounded", discard: true }
      )
    )
  const insertRecord = bare.prepare("INSERT INTO record (key, value) VALUES (?, ?)")
  let bareMade = count
  const insertOne = () => {
    const sa = association(bareMade++)
    insertBody(sa)
    insert.run(sa.id, new Uint8Array(8))
    insertRecord.run(sa.id, new Uint8Array(64))
  }
  const insertAlone = () => {
    bare.exec("BEGIN IMMEDIATE")
    insertOne()
    bare.exec("COMMIT")
  }
  const insertTurn = () => {
    bare.exec("BEGIN IMMEDIATE")
    for (let i = 0; i < together; i++) insertOne()
    bare.exec("COMMIT")
  }

  const check = async () => {
    const n = 7
    const number = ++ourNumbers[n]!
    await Effect.runPromise(store.transact([accept(saId(nameOf(n)), number)], moment))
    const again = await Effect.runPromiseExit(store.transact([accept(saId(nameOf(n)), number)], moment))
    if (Exit.isSuccess(again)) throw new Error("a number was accepted twice")
    if (update.run(++bareNumbers[n]!, new Uint8Array(8), nameOf(n)).changes !== 1) throw new Error("no row was changed")
  }
  const size = count.toLocaleString("en")
  return [
    {
      goal: "P9",
      name: `accept among ${size} associations, ${together} a commit, against bare grouped UPDATEs`,
      atLeast: 0.8,
      ours: asyncWork(acceptTurn, { operations: together, millis: 300 }),
      baseline: work(updateTurn, { operations: together, millis: 300 }),
      check
    },
    {
      goal: "P9",
      name: "accept, 100 a commit, against bare UPDATEs with a commit each",
      atLeast: 4,
      ours: asyncWork(acceptTurn, { operations: together, millis: 300 }),
      baseline: work(updateOne, { millis: 300 }),
      check
    },
    {
      goal: "P9",
      name: `activate (association, counters, record) among ${size}, ${together} a commit, against bare grouped INSERTs`,
      atLeast: 0.8,
      ours: asyncWork(activateTurn, { operations: together, millis: 300 }),
      baseline: work(insertTurn, { operations: together, millis: 300 }),
      check
    },
    {
      goal: "P9",
      name: "activate, 100 a commit, against bare INSERTs with a commit each",
      atLeast: 4,
      ours: asyncWork(activateTurn, { operations: together, millis: 300 }),
      baseline: work(insertAlone, { millis: 300 }),
      check,
      end: async () => {
        await end()
        bare.close()
        Fs.rmSync(folder, { recursive: true, force: true })
      }
    }
  ]
}
export default bench
