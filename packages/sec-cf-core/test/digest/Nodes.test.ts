import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "@oma/peers"
import { MasterKeys, type Store } from "@oma/sa-policy"
import { StoreSqlite } from "@oma/sa-policy/sqlite"
import { Effect, Layer, Redacted } from "effect"
import { answer, freshNonce, seen } from "./answers.ts"
import { type Gate, gate, provision, type Services, services } from "./gate.ts"

const keys = MasterKeys.layerOf({ id: "m", key: Redacted.make(new Uint8Array(32).fill(7)) })
const file = () => path.join(temporaryFolder(), "store.sqlite")
const sqlite = (at: string, recovered = false): Layer.Layer<Store.Store> =>
  Layer.orDie(StoreSqlite.layer({ path: at, recovered }))

/** A node with a connection of its own, until the scope closes. */
const node = (at: string, recovered = false) => Layer.build(Layer.fresh(services(sqlite(at, recovered), {}, keys)))
const life = <A, E>(at: string, body: Effect.Effect<A, E, Services>, recovered = false) =>
  Effect.scoped(Effect.flatMap(node(at, recovered), (context) => Effect.provideContext(body, context)))
const ask = (g: Gate, nonce: string, count: number) => Effect.map(g.admit([answer(nonce, { count })]), seen)

describe("nodes that share an SQLite file", () => {
  it.effect("[SEC_CF-AUTH-004] 64 parallel requests on one nonce all pass, every repeated count is refused", () =>
    Effect.gen(function* () {
      const at = file()
      const [a, b] = [yield* node(at), yield* node(at)]
      yield* Effect.provideContext(provision, a)
      const one = yield* Effect.provideContext(gate(), a)
      const two = yield* Effect.provideContext(gate(), b)
      const nonce = yield* freshNonce(one)
      const counts = Array.from({ length: 64 }, (_, i) => ((i * 37) % 64) + 1)
      const all = (turn: number) =>
        Effect.all(
          counts.map((count) => ask((count + turn) % 2 === 0 ? one : two, nonce, count)),
          { concurrency: "unbounded" }
        )
      assert.deepStrictEqual(
        yield* all(0),
        counts.map(() => "ok")
      )
      assert.deepStrictEqual(
        yield* all(1),
        counts.map(() => "401 stale")
      )
      const racing = Array.from({ length: 16 }, (_, i) => ask(i % 2 === 0 ? one : two, nonce, 65))
      const race = yield* Effect.all(racing, { concurrency: "unbounded" })
      assert.lengthOf(
        race.filter((answer) => answer === "ok"),
        1
      )
    }).pipe(Effect.scoped)
  )

  it.effect("[SEC_CF-AUTH-004] a replay is refused after a restart", () =>
    Effect.gen(function* () {
      const at = file()
      const use = Effect.gen(function* () {
        yield* provision
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        assert.strictEqual(yield* ask(g, nonce, 1), "ok")
        return nonce
      })
      const nonce = yield* life(at, use)
      const again = Effect.flatMap(gate(), (g) => Effect.all([ask(g, nonce, 1), ask(g, nonce, 2)]))
      assert.deepStrictEqual(yield* life(at, again), ["401 stale", "ok"])
    })
  )

  it.effect("nonces that were used after a backup are stale when it comes back", () =>
    Effect.gen(function* () {
      const at = file()
      const copy = file()
      yield* life(at, provision)
      fs.copyFileSync(at, copy)
      const use = Effect.gen(function* () {
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        assert.strictEqual(yield* ask(g, nonce, 1), "ok")
        return nonce
      })
      const nonce = yield* life(at, use)
      const again = Effect.flatMap(gate(), (g) =>
        Effect.all([ask(g, nonce, 1), Effect.flatMap(freshNonce(g), (n) => ask(g, n, 1))])
      )
      assert.deepStrictEqual(yield* life(copy, again, true), ["401 stale", "ok"])
    })
  )
})
