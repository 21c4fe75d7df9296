/**
 * Acceptances and reads of the PostgreSQL and Redis stores against the bare client that does one statement or command of the
 * same size for each, over the same connection settings to the same server, which is started here. A hundred at a time, as a
 * busy node does them: the bare client sends them pipelined.
 */

import * as PgPool from "@effect/sql-pg/PgPool"
import { asyncWork, type Bench, type Comparison } from "@oma/bench"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { createClient } from "redis"
import * as StorePostgres from "../src/postgres/StorePostgres.ts"
import * as StoreRedis from "../src/redis/StoreRedis.ts"
import { saId } from "../src/SecurityAssociation.ts"
import { accept, put, type Store } from "../src/Store.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"
import { startPostgres } from "../test/support/postgres.ts"
import { startRedis } from "../test/support/redis.ts"

const count = Number(process.env["BENCH_ASSOCIATIONS"] ?? 10_000)
const together = 100
const nameOf = (n: number) => `gba:${n.toString(36).padStart(8, "0")}@bsf.example.net`

const fill = async (store: Store["Service"]) => {
  for (let n = 0; n < count; n += 500) {
    const some = Array.from({ length: Math.min(500, count - n) }, (_, i) => put(anAssociation(nameOf(n + i))))
    await Effect.runPromise(store.transact(some, moment))
  }
}

/** Numbers below `below` in an order that has no pattern for a cache. */
const scattered = (below: number) => {
  let seed = 1
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed % below
  }
}

const all = (effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.runPromise(Effect.all(effects, { concurrency: "unbounded", discard: true }))

const turns = (store: Store["Service"]) => {
  const numbers = new Uint32Array(count)
  const next = scattered(count)
  const acceptOne = () => {
    const n = next()
    return store.transact([accept(saId(nameOf(n)), ++numbers[n]!)], moment)
  }
  const many = (make: () => Effect.Effect<unknown, unknown>) => () => all(Array.from({ length: together }, make))
  return { accept: many(acceptOne), acceptOne, get: many(() => store.get(saId(nameOf(next())))) }
}

const comparisons = (
  server: string,
  store: Store["Service"],
  bare: { readonly write: () => Promise<unknown>; readonly read: () => Promise<unknown> },
  goals: { readonly accept: number; readonly get: number },
  end: () => Promise<void>
): ReadonlyArray<Comparison> => {
  const ours = turns(store)
  const check = async () => {
    await ours.accept()
    await Promise.all([bare.write(), bare.read()])
    const found = await Effect.runPromise(store.get(saId(nameOf(0))))
    if (found?.version !== 1) throw new Error("an association is not there")
  }
  const pipelined = (run: () => Promise<unknown>) => () => Promise.all(Array.from({ length: together }, run))
  return [
    {
      goal: "store",
      name: `${server}: accept, ${together} at a time, against bare writes of one row each`,
      atLeast: goals.accept,
      ours: asyncWork(ours.accept, { operations: together, millis: 300 }),
      baseline: asyncWork(pipelined(bare.write), { operations: together, millis: 300 }),
      check
    },
    {
      goal: "store",
      name: `${server}: accept, one after the other, against one bare write`,
      atLeast: 0.35,
      ours: asyncWork(() => Effect.runPromise(ours.acceptOne()), { millis: 300 }),
      baseline: asyncWork(bare.write, { millis: 300 }),
      check
    },
    {
      goal: "store",
      name: `${server}: get, ${together} at a time, against bare reads of one row each`,
      atLeast: goals.get,
      ours: asyncWork(ours.get, { operations: together, millis: 300 }),
      baseline: asyncWork(pipelined(bare.read), { operations: together, millis: 300 }),
      check,
      end
    }
  ]
}

const postgres = async (): Promise<ReadonlyArray<Comparison>> => {
  const server = await startPostgres()
  const scope = await Effect.runPromise(Scope.make())
  const store = await Effect.runPromise(Scope.provide(StorePostgres.make(server.options("bench")), scope))
  await fill(store)
  const { url, password } = server.options("bare")
  const pool = await Effect.runPromise(Scope.provide(PgPool.make({ url, password, maxConnections: 8 }), scope))
  const query = (sql: string, parameters: ReadonlyArray<unknown>) =>
    Effect.runPromise(pool.use((connection) => connection.queryValues(sql, parameters)))
  await query("CREATE TABLE sa (id text PRIMARY KEY, highest bigint, seen bytea, body text)", [])
  await query(
    `INSERT INTO sa SELECT 'gba:' || n, 0, '\\x0000000000000000', repeat('x', 400) FROM generate_series(0, ${count - 1}) n`,
    []
  )
  await server.psql("VACUUM ANALYZE")
  const next = scattered(count)
  const seen = new Uint8Array(8)
  return comparisons(
    "PostgreSQL",
    store,
    {
      write: () => query("UPDATE sa SET highest = highest + 1, seen = $2 WHERE id = $1", [`gba:${next()}`, seen]),
      read: () => query("SELECT highest, seen, body FROM sa WHERE id = $1", [`gba:${next()}`])
    },
    { accept: 1.5, get: 1.5 },
    async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await server.stop()
    }
  )
}

const redis = async (): Promise<ReadonlyArray<Comparison>> => {
  const server = await startRedis()
  const scope = await Effect.runPromise(Scope.make())
  const store = await Effect.runPromise(Scope.provide(StoreRedis.make(server.options("bench")), scope))
  await fill(store)
  const { url, password } = server.options("bare")
  const client = createClient({ url: Redacted.value(url), password: Redacted.value(password!) })
  await client.connect()
  const body = "x".repeat(400)
  for (let n = 0; n < count; n++) client.hSet(`gba:${n}`, { seen: "0000000000000000", body }).catch(() => undefined)
  const next = scattered(count)
  return comparisons(
    "Redis",
    store,
    {
      write: () => client.hSet(`gba:${next()}`, "seen", "0000000000000001"),
      read: () => client.hGetAll(`gba:${next()}`)
    },
    { accept: 0.3, get: 0.3 },
    async () => {
      client.destroy()
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await server.stop()
    }
  )
}

const bench: Bench = async () => [...(await postgres()), ...(await redis())]
export default bench
