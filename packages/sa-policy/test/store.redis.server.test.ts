import { assert, it } from "@effect/vitest"
import { describePeer, freePort } from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll } from "vitest"
import type { RedisOptions } from "../src/redis/index.ts"
import * as StoreRedis from "../src/redis/StoreRedis.ts"
import { accept, put, putRecord } from "../src/Store.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"
import { durable, type RedisServer, redisPrograms, startRedis } from "./support/redis.ts"
import { epochOf, opened, reasonOf, serverLaws, unavailable } from "./support/serverLaws.ts"

describePeer("Redis server", redisPrograms, () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  }, 30_000)
  afterAll(() => server?.stop())

  serverLaws(() => ({
    ...server,
    layer: (name) => StoreRedis.layer(server.options(name)),
    recover: (name) => StoreRedis.recover(server.options(name))
  }))

  const open = (options: RedisOptions) => unavailable(opened(StoreRedis.layer(options), () => Effect.void))
  const started = (settings: ReadonlyArray<string>) =>
    Effect.acquireRelease(
      Effect.promise(() => startRedis(settings)),
      (made) => Effect.promise(() => made.stop())
    )
  const { id } = anAssociation("a")

  it.live("refuses a newer layout, a wrong password and a server that nobody listens on", () =>
    Effect.gen(function* () {
      yield* opened(StoreRedis.layer(server.options("newer")), () => Effect.void)
      yield* Effect.promise(() => server.cli("HSET", "{newer}origin", "schema", "2"))
      assert.isFalse(yield* open(server.options("newer")))
      assert.isFalse(yield* open({ ...server.options("other"), password: Redacted.make("wrong") }))
      const port = yield* Effect.promise(() => freePort())
      assert.isTrue(yield* open({ ...server.options("other"), url: Redacted.make(`redis://127.0.0.1:${port}`) }))
    })
  )

  it.live("refuses a server that may forget what it answered, unless that is waived", () =>
    Effect.gen(function* () {
      for (const settings of [
        ["--appendonly", "no"],
        ["--appendonly", "yes", "--appendfsync", "everysec"],
        [...durable, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]
      ]) {
        const weak = yield* started(settings)
        assert.isFalse(yield* open(weak.options("weak")))
        yield* opened(StoreRedis.layer({ ...weak.options("weak"), durability: "waived" }), (store) => store.size)
      }
    }).pipe(Effect.scoped)
  )

  it.live("starts anew whenever a server that may forget comes back, with an epoch that only grows", () =>
    Effect.gen(function* () {
      for (const settings of [
        ["--appendonly", "no", "--save", ""],
        ["--appendonly", "yes", "--appendfsync", "everysec"]
      ]) {
        const weak = yield* started(settings)
        const store = yield* StoreRedis.make({ ...weak.options("weak"), durability: "waived" })
        yield* store.transact([put(anAssociation("a")), accept(id, 5)], moment)
        const epoch = yield* epochOf(store)
        assert.isAbove(epoch, 0)
        // what was written must reach the file, so that the second kind has something to be wrong about
        yield* Effect.sleep(1100)
        yield* Effect.promise(() => weak.kill())
        assert.isTrue(yield* unavailable(store.get(id)))
        yield* Effect.promise(() => weak.start())
        let answer = yield* Effect.exit(store.transact([accept(id, 5)], moment))
        for (let i = 0; i < 200 && String(answer).includes("Unavailable"); i++) {
          yield* Effect.sleep(10)
          answer = yield* Effect.exit(store.transact([accept(id, 5)], moment))
        }
        assert.match(String(answer), /SaNotFound|SaRevoked/)
        assert.isAbove(yield* epochOf(store), epoch)
      }
    }).pipe(Effect.scoped)
  )

  it.live("starts anew on a replica that was promoted, and goes on where nothing can be lost", () =>
    Effect.gen(function* () {
      const first = yield* started(durable)
      for (const name of ["lost", "kept"]) {
        yield* opened(StoreRedis.layer(first.options(name)), (store) =>
          store.transact([put(anAssociation("a")), putRecord("c", "k", Uint8Array.of(1))], moment)
        )
      }
      const second = yield* started([...durable, "--replicaof", "127.0.0.1", String(first.port)])
      while (!(yield* Effect.promise(() => second.cli("INFO", "replication"))).includes("master_link_status:up")) {
        yield* Effect.sleep(20)
      }
      assert.isTrue(yield* open(second.options("lost")))
      yield* Effect.promise(() => first.kill())
      yield* Effect.promise(() => second.cli("REPLICAOF", "NO", "ONE"))
      yield* opened(StoreRedis.layer(second.options("lost")), (store) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* reasonOf(store, "a"), "store-recovered")
          assert.strictEqual(yield* epochOf(store), 1)
          assert.deepStrictEqual((yield* store.record("c", "k", moment))?.value, Uint8Array.of(1))
        })
      )
      yield* opened(StoreRedis.layer({ ...second.options("kept"), failover: "nothing-lost" }), (store) =>
        Effect.gen(function* () {
          yield* store.transact([accept(id, 1)], moment)
          assert.strictEqual(yield* epochOf(store), 0)
        })
      )
    }).pipe(Effect.scoped)
  )

  it.live("keeps to one slot of a cluster, and does without scripts that the server forgot", () =>
    Effect.gen(function* () {
      const node = yield* started([...durable, "--cluster-enabled", "yes"])
      yield* Effect.promise(() => node.cli("CLUSTER", "ADDSLOTSRANGE", "0", "16383"))
      while (!(yield* Effect.promise(() => node.cli("CLUSTER", "INFO"))).includes("cluster_state:ok")) {
        yield* Effect.sleep(20)
      }
      const store = yield* StoreRedis.make(node.options("slot"))
      yield* store.transact(
        [put(anAssociation("a", { wireId: Uint8Array.of(1) })), putRecord("c", "k", Uint8Array.of(1))],
        moment
      )
      yield* Effect.promise(() => node.cli("SCRIPT", "FLUSH"))
      yield* store.transact([accept(id, 1), putRecord("d", "k", Uint8Array.of(1))], moment)
      assert.strictEqual((yield* store.find("test", Uint8Array.of(1)))?.inbound.highest, 1)
      const keys = (yield* Effect.promise(() => node.cli("KEYS", "*"))).trim().split("\n")
      assert.deepStrictEqual(
        keys.filter((key) => !key.startsWith("{slot}")),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.live("lets the server forget what has ended when nobody sweeps", () =>
    Effect.gen(function* () {
      const store = yield* StoreRedis.make(server.options("ends"))
      yield* store.transact(
        [
          put(anAssociation("a", { hardExpiry: moment + 60_000 })),
          putRecord("c", "k", Uint8Array.of(1), "any", moment + 5)
        ],
        moment
      )
      const left = (key: string) => Effect.promise(async () => Number(await server.cli("PTTL", key)))
      const hour = 3_600_000
      assert.approximately(yield* left("{ends}aa"), hour + 60_000, 5000)
      assert.approximately(yield* left("{ends}r1 ck"), hour, 5000)
      yield* store.transact([put(anAssociation("a"))], moment)
      assert.strictEqual(yield* left("{ends}aa"), -1)
    }).pipe(Effect.scoped)
  )
})
