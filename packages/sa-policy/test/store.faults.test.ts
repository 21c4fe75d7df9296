import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import { saId } from "../src/SecurityAssociation.ts"
import { accept, put, putRecord, Store } from "../src/Store.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"
import * as StoreFaults from "../src/testing/StoreFaults.ts"

const stores: ReadonlyArray<readonly [string, Layer<Store, unknown>]> = [
  ["memory", StoreMemory.layer],
  ["sqlite", StoreSqlite.layer({ path: ":memory:" })]
]

for (const [name, layer] of stores) {
  it.live(`leaves no half-made activation, whichever call fails (${name})`, () =>
    Effect.gen(function* () {
      const injected = yield* StoreFaults.walk((plan) =>
        Effect.gen(function* () {
          const sound = yield* Store
          const store = StoreFaults.wrap(sound, plan)
          const id = saId("activated")
          const work = Effect.gen(function* () {
            yield* store.transact([put(anAssociation(id)), putRecord("activation", id, Uint8Array.of(1))], moment)
            yield* store.get(id)
            yield* store.reserve({ id, owner: "a", count: 2, leaseMillis: 1, now: moment })
            yield* store.transact([accept(id, 1), putRecord("effects", "1", Uint8Array.of(1))], moment)
            yield* store.sweep(moment, 10)
          })
          const failed = yield* Effect.match(work, { onFailure: (error) => error._tag, onSuccess: () => undefined })
          assert.strictEqual(failed, plan.failed === undefined ? undefined : "Unavailable")
          const made = yield* sound.get(id)
          const record = yield* sound.record("activation", id, moment)
          assert.strictEqual(made === undefined, record === undefined)
          const effect = yield* sound.record("effects", "1", moment)
          assert.strictEqual(made?.inbound.highest === 1, effect !== undefined)
        }).pipe(Effect.provide(layer, { local: true }))
      )
      assert.strictEqual(injected, 10)
    })
  )
}
