import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { Unavailable } from "../src/SaError.ts"
import { saId } from "../src/SecurityAssociation.ts"
import { accept, epochRecord, put, putRecord, Store } from "../src/Store.ts"
import { migrations } from "../src/sqlite/Schema.ts"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { anAssociation, anOddAssociation, moment } from "../src/testing/associations.ts"
import { leaksOf, rawBytesOf } from "../src/testing/rawBytes.ts"
import { histories, sameAsMemory } from "./support/histories.ts"

const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)

const inFolder = <A, E>(body: (path: string) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-file-"))),
        (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true, force: true }))
      ),
      (folder) => body(Path.join(folder, "store.db"))
    )
  )

const opened = <A, E>(
  options: Parameters<typeof StoreSqlite.layer>[0],
  body: (store: Store["Service"]) => Effect.Effect<A, E>
) => Effect.provide(Effect.flatMap(Store, body), StoreSqlite.layer(options), { local: true })

const law = (title: string, body: (path: string) => Effect.Effect<unknown, unknown>) =>
  it.live(title, () => inFolder(body))

/** The `retryable` of the `Unavailable` with which `effect` must fail. */
const unavailable = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, Unavailable)
    return error instanceof Unavailable ? error.retryable : undefined
  })

const raw = <A>(path: string, use: (database: DatabaseSync) => A): A => {
  const database = new DatabaseSync(path)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/** How many commits the write-ahead log of `path` holds: frames that carry the size of the database end one. */
const commitsIn = (path: string): number => {
  const log = Fs.readFileSync(`${path}-wal`)
  const frame = 24 + log.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= log.length; at += frame) if (log.readUInt32BE(at + 4) > 0) commits++
  return commits
}

describe("SQLite file", () => {
  law("lets nobody but the owner read it or what lies beside it", (path) =>
    Effect.gen(function* () {
      yield* opened({ path }, (store) =>
        Effect.gen(function* () {
          yield* store.transact([put(anAssociation("a"))], moment)
          for (const suffix of ["", "-wal", "-shm"]) assert.strictEqual(Fs.statSync(path + suffix).mode & 0o777, 0o600)
        })
      )
      Fs.chmodSync(path, 0o644)
      yield* opened({ path }, () => Effect.void)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
    })
  )

  law("leaves nothing open behind its scope, and answers no more after it", (path) =>
    Effect.gen(function* () {
      const late = yield* opened({ path }, (store) =>
        Effect.as(store.transact([put(anAssociation("a"))], moment), store)
      )
      assert.isFalse(Fs.existsSync(`${path}-wal`))
      assert.isFalse(yield* unavailable(late.get(saId("a"))))
      assert.isFalse(yield* unavailable(late.transact([], moment)))
      assert.isFalse(yield* unavailable(late.sweep(moment, 1)))
    })
  )

  law("refuses a newer schema, another program's file, what is no database, and what cannot be opened", (path) =>
    Effect.gen(function* () {
      const open = (at: string) => unavailable(opened({ path: at }, () => Effect.void))
      yield* opened({ path }, () => Effect.void)
      raw(path, (database) => database.exec(`PRAGMA user_version = ${migrations.length + 1}`))
      assert.isFalse(yield* open(path))
      raw(`${path}.other`, (database) => database.exec("CREATE TABLE theirs (a)"))
      assert.isFalse(yield* open(`${path}.other`))
      raw(`${path}.id`, (database) => database.exec("PRAGMA application_id = 77"))
      assert.isFalse(yield* open(`${path}.id`))
      Fs.writeFileSync(`${path}.text`, "no database at all, but long enough to have a header ".repeat(20))
      assert.isFalse(yield* open(`${path}.text`))
      assert.strictEqual(Fs.readFileSync(`${path}.text`, "utf8").slice(0, 11), "no database")
      assert.isFalse(yield* open(Path.join(path, "below", "a", "file")))
      assert.isFalse(yield* open(Path.dirname(path)))
    })
  )

  law("takes an empty file that somebody made", (path) =>
    Effect.gen(function* () {
      Fs.writeFileSync(path, "")
      yield* opened({ path }, (store) => store.transact([put(anAssociation("a"))], moment))
      raw(path, (database) =>
        assert.deepStrictEqual(
          { ...database.prepare("PRAGMA user_version").get() },
          { user_version: migrations.length }
        )
      )
    })
  )

  law("says that a row is damaged, and that trying again will not help", (path) =>
    Effect.gen(function* () {
      yield* opened({ path }, (store) =>
        store.transact(
          [put(anAssociation("body")), put(anAssociation("seen")), putRecord("c", "k", Uint8Array.of(1))],
          moment
        )
      )
      raw(path, (database) => database.exec("UPDATE association SET body = '{\"peer\":' WHERE id = 'body'"))
      yield* opened({ path }, (store) =>
        Effect.gen(function* () {
          assert.isFalse(yield* unavailable(store.get(saId("body"))))
          assert.isFalse(yield* unavailable(store.transact([put(anAssociation("body"))], moment)))
          yield* store.transact([accept(saId("seen"), 1)], moment)
        })
      )
    })
  )

  law("waits for other connections as long as it may, without blocking its process", (path) =>
    opened({ path, busyMillis: 150 }, (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("a"))], moment)
        const other = new DatabaseSync(path)
        other.exec("BEGIN IMMEDIATE")
        let ticks = 0
        const ticking = setInterval(() => ticks++, 5)
        const late = Effect.forEach([1, 2, 3], (n) => store.transact([accept(saId("a"), n)], moment), {
          concurrency: "unbounded"
        })
        assert.isTrue(yield* unavailable(late))
        clearInterval(ticking)
        assert.isAbove(ticks, 3)
        assert.strictEqual((yield* store.get(saId("a")))?.inbound.highest, 0)
        const waiting = yield* Effect.forkChild(store.transact([accept(saId("a"), 4)], moment))
        yield* Effect.sleep(40)
        other.exec("COMMIT")
        yield* Fiber.join(waiting)
        other.close()
        assert.strictEqual((yield* store.get(saId("a")))?.inbound.highest, 4)
      })
    )
  )

  law("is unavailable while the disk is full, changes nothing then, and comes back", (path) =>
    opened({ path, maxOctets: 600_000 }, (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("a")), putRecord("c", "small", Uint8Array.of(1))], moment)
        const big = putRecord("c", "big", new Uint8Array(700_000))
        assert.isTrue(yield* unavailable(store.transact([accept(saId("a"), 1), big], moment)))
        assert.strictEqual((yield* store.get(saId("a")))?.inbound.highest, 0)
        assert.deepStrictEqual((yield* store.record("c", "small", moment))?.value, Uint8Array.of(1))
        yield* store.transact([accept(saId("a"), 1)], moment)
      })
    )
  )

  law("answers everything that arrived in one turn with one commit", (path) =>
    opened({ path }, (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("a"))], moment)
        const before = commitsIn(path)
        const turn = Array.from({ length: 500 }, (_, i) => store.transact([accept(saId("a"), i + 1)], moment))
        yield* Effect.all(turn, { concurrency: "unbounded" })
        assert.strictEqual(commitsIn(path) - before, 1)
        yield* store.reserve({ id: saId("a"), owner: "a", count: 1024, leaseMillis: 1, now: moment })
        assert.strictEqual(commitsIn(path) - before, 2)
      })
    )
  )

  law("forgets its cached rows when another connection writes", (path) =>
    opened({ path, cachedRows: 2 }, (one) =>
      opened({ path }, (two) =>
        Effect.gen(function* () {
          const ids = ["a", "b", "c", "d"]
          yield* one.transact(
            ids.map((id) => put(anAssociation(id))),
            moment
          )
          for (let n = 1; n <= 20; n++) {
            const [first, second] = n % 2 === 0 ? [one, two] : [two, one]
            for (const id of ids) {
              yield* first.transact([accept(saId(id), n)], moment)
              const error = yield* Effect.flip(second.transact([accept(saId(id), n)], moment))
              assert.strictEqual(error._tag, "Replayed")
            }
          }
        })
      )
    )
  )

  it.live(
    "does with any history what the memory store does, over a small cache",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(histories, (history) =>
            Effect.runPromise(
              Effect.scoped(
                Effect.flatMap(StoreSqlite.make({ path: ":memory:", cachedRows: 2 }), (store) =>
                  sameAsMemory(store, history)
                )
              )
            )
          ),
          { numRuns: Math.ceil(runs / 10) }
        )
      ),
    600_000
  )

  law("starts a copy anew: associations revoked, epoch raised, the original untouched", (path) =>
    Effect.gen(function* () {
      const copy = `${path}.copy`
      const epoch = (store: Store["Service"]) =>
        Effect.map(store.record(epochRecord.collection, epochRecord.key, moment), (record) => record?.version ?? 0)
      yield* opened({ path }, (store) =>
        Effect.gen(function* () {
          const odd = anOddAssociation("odd")
          yield* store.transact([put(odd), put(anAssociation("b")), putRecord("c", "k", Uint8Array.of(7))], moment)
          yield* StoreSqlite.backup(path, copy)
          assert.isFalse(yield* unavailable(StoreSqlite.backup(path, copy)))
          assert.strictEqual(Fs.statSync(copy).mode & 0o777, 0o600)
          yield* store.transact([accept(saId("b"), 5)], moment)
          yield* opened({ path: copy }, (restored) =>
            Effect.gen(function* () {
              for (const id of [odd.id, saId("b")]) {
                const error = yield* Effect.flip(restored.get(id))
                assert.strictEqual(error._tag === "SaRevoked" ? error.why : error._tag, "store-recovered")
              }
              const error = yield* Effect.flip(restored.find(odd.mechanism, odd.wireId!))
              assert.strictEqual(error._tag, "SaRevoked")
              assert.deepStrictEqual((yield* restored.record("c", "k", moment))?.value, Uint8Array.of(7))
              assert.strictEqual(yield* epoch(restored), 1)
              yield* restored.transact([put(anAssociation("b"), "absent")], moment)
            })
          )
          yield* opened({ path: copy }, (again) =>
            Effect.gen(function* () {
              assert.strictEqual((yield* again.get(saId("b")))?.version, 2)
              assert.strictEqual(yield* epoch(again), 1)
            })
          )
          assert.strictEqual((yield* store.get(saId("b")))?.inbound.highest, 5)
          assert.strictEqual(yield* epoch(store), 0)
        })
      )
      yield* opened({ path, recovered: true }, (store) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(store.get(saId("b"))))._tag, "SaRevoked")
          assert.strictEqual(yield* epoch(store), 1)
        })
      )
      assert.isFalse(yield* unavailable(StoreSqlite.backup(`${path}.none`, `${path}.new`)))
      assert.isFalse(Fs.existsSync(`${path}.new`))
    })
  )

  law("lets stores that have the file open hear of a recovery", (path) =>
    opened({ path, pollMillis: 5 }, (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("a")), put(anAssociation("b"))], moment)
        const reader = yield* Effect.forkChild(Stream.runCollect(Stream.take(store.revocations, 2)))
        yield* Effect.sleep(20)
        yield* StoreSqlite.recover({ path })
        const heard = yield* Fiber.join(reader)
        assert.deepStrictEqual(
          heard.map(({ id, why }) => [id, why]),
          [
            ["a", "store-recovered"],
            ["b", "store-recovered"]
          ]
        )
        assert.strictEqual((yield* Effect.flip(store.transact([accept(saId("a"), 1)], moment)))._tag, "SaRevoked")
      })
    )
  )

  law("shows every octet that is on the disk to those who look for a secret", (path) =>
    opened({ path }, (store) =>
      Effect.gen(function* () {
        const secret = Uint8Array.from({ length: 32 }, (_, i) => (i * 89 + 7) & 255)
        yield* store.transact(
          [
            putRecord(
              "c",
              "other",
              secret.map((octet) => octet ^ 0x5a)
            )
          ],
          moment
        )
        assert.deepStrictEqual(leaksOf(rawBytesOf(path), secret), [])
        yield* store.transact([putRecord("c", "k", secret.subarray(3, 14))], moment)
        assert.deepStrictEqual(leaksOf(rawBytesOf(path), secret), ["raw"])
        const text = Buffer.concat([Buffer.from("x"), secret]).toString("base64")
        yield* store.transact([put(anAssociation("a", { attributes: { text } }))], moment)
        assert.deepStrictEqual(leaksOf(rawBytesOf(path), secret).toSorted(), ["base64", "raw"])
      })
    )
  )
})
