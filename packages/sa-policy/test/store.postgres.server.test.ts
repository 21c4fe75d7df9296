import { assert, it } from "@effect/vitest"
import { describePeer, freePort, loopback, run, startPeer, temporaryFolder } from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll } from "vitest"
import type { PostgresOptions } from "../src/postgres/index.ts"
import { migrations } from "../src/postgres/Schema.ts"
import * as StorePostgres from "../src/postgres/StorePostgres.ts"
import { accept, put, putRecord } from "../src/Store.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"
import { type PostgresServer, postgresPrograms, startPostgres } from "./support/postgres.ts"
import { epochOf, opened, reasonOf, serverLaws, unavailable } from "./support/serverLaws.ts"

describePeer("PostgreSQL server", [...postgresPrograms, "pg_basebackup", "pg_dump"], () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(["wal_level=replica"])
  }, 90_000)
  afterAll(() => server?.stop())

  serverLaws(() => ({
    ...server,
    layer: (name) => StorePostgres.layer(server.options(name)),
    recover: (name) => StorePostgres.recover(server.options(name))
  }))

  const open = (options: PostgresOptions) => unavailable(opened(StorePostgres.layer(options), () => Effect.void))

  it.live("refuses a newer schema, a wrong password and a server that does not write before it answers", () =>
    Effect.gen(function* () {
      yield* opened(StorePostgres.layer(server.options("newer")), () => Effect.void)
      yield* Effect.promise(() => server.psql(`INSERT INTO newer.migration VALUES (${migrations.length + 1})`))
      assert.isFalse(yield* open(server.options("newer")))
      assert.isFalse(yield* open({ ...server.options("other"), password: Redacted.make("wrong") }))
      assert.isTrue(yield* open({ ...server.options("other"), port: yield* Effect.promise(() => freePort()) }))
      yield* Effect.promise(() => server.psql("ALTER ROLE oma SET synchronous_commit = off"))
      const refused = yield* open(server.options("careless"))
      yield* opened(StorePostgres.layer({ ...server.options("careless"), durability: "waived" }), () => Effect.void)
      yield* Effect.promise(() => server.psql("ALTER ROLE oma RESET synchronous_commit"))
      assert.isFalse(refused)
    })
  )

  it.live("lets two nodes make one schema at the same moment", () =>
    Effect.all(
      Array.from({ length: 4 }, () => opened(StorePostgres.layer(server.options("both")), (store) => store.size)),
      { concurrency: "unbounded" }
    )
  )

  it.live("says that a row is damaged, and that trying again will not help", () =>
    opened(StorePostgres.layer(server.options("damaged")), (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("a")), put(anAssociation("b"))], moment)
        yield* Effect.promise(() => server.psql("UPDATE damaged.association SET body = '{' WHERE id = 'a'"))
        const { id } = anAssociation("a")
        assert.isFalse(yield* unavailable(store.get(id)))
        assert.isFalse(yield* unavailable(store.transact([accept(id, 1)], moment)))
        yield* store.transact([accept(anAssociation("b").id, 1)], moment)
      })
    )
  )

  it.live(
    "starts anew on a standby that was promoted and on a restored dump, and goes on where nothing can be lost",
    () =>
      Effect.gen(function* () {
        for (const name of ["lost", "kept"]) {
          yield* opened(StorePostgres.layer(server.options(name)), (store) =>
            store.transact([put(anAssociation("a")), putRecord("c", "k", Uint8Array.of(1))], moment)
          )
        }
        const folder = temporaryFolder({ unprivileged: true, name: "standby" })
        const port = yield* Effect.promise(() => freePort())
        const url = server.place("none").replace(/#.*/, "")
        const copied = yield* Effect.promise(() =>
          run("pg_basebackup", ["-d", url, "-D", `${folder}/data`, "-R", "-X", "stream", "-c", "fast"], {
            unprivileged: true,
            timeout: 30_000
          })
        )
        assert.strictEqual(copied.code, 0, copied.output)
        const standby = yield* Effect.acquireRelease(
          Effect.promise(() =>
            startPeer({
              program: "postgres",
              args: ["-D", `${folder}/data`, "-p", String(port), "-h", loopback, "-k", folder],
              unprivileged: true,
              timeout: 30_000,
              grace: 200, // its clients are still there
              ready: /ready to accept read-only connections/
            })
          ),
          (peer) => Effect.promise(() => peer.stop())
        )
        const there = (name: string) => ({ ...server.options(name), port })
        const kept = yield* StorePostgres.make({ ...there("kept"), failover: "nothing-lost" })
        assert.isTrue(yield* unavailable(kept.transact([accept(anAssociation("a").id, 1)], moment)))
        const lost = yield* StorePostgres.make(there("lost"))
        assert.strictEqual((yield* lost.get(anAssociation("a").id))?.version, 1)

        yield* Effect.promise(() => run("pg_ctl", ["promote", "-w", "-D", `${folder}/data`], { unprivileged: true }))
        assert.include(standby.output(), "ready to accept connections")
        yield* kept.transact([accept(anAssociation("a").id, 1)], moment)
        assert.strictEqual(yield* epochOf(kept), 0)
        const error = yield* Effect.flip(lost.transact([accept(anAssociation("a").id, 1)], moment))
        assert.strictEqual(error._tag === "SaRevoked" ? error.why : error._tag, "store-recovered")
        assert.strictEqual(yield* epochOf(lost), 1)
        assert.deepStrictEqual((yield* lost.record("c", "k", moment))?.value, Uint8Array.of(1))

        yield* opened(StorePostgres.layer(there("dumped")), (store) =>
          store.transact([put(anAssociation("a"))], moment)
        )
        const dump = yield* Effect.promise(() =>
          run("pg_dump", ["-d", url.replace(/:\d+\/postgres/, `:${port}/postgres`), "-n", "dumped"], {
            timeout: 30_000
          })
        )
        const loaded = yield* Effect.promise(() =>
          run("psql", ["-q", "-v", "ON_ERROR_STOP=1", "-d", url], { input: dump.stdout })
        )
        assert.strictEqual(loaded.code, 0, loaded.output)
        yield* opened(StorePostgres.layer(server.options("dumped")), (store) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* reasonOf(store, "a"), "store-recovered")
            assert.strictEqual(yield* epochOf(store), 1)
          })
        )
      }).pipe(Effect.scoped),
    60_000
  )
})
