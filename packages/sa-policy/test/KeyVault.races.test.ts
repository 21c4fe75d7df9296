import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Bytes } from "../src/bytes/index.ts"
import { type Identity, KeyVault, keyPurpose, MasterKeys, Primitives, SecurityEvents, Store } from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as Sealed from "../src/SealedKey.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import { stack } from "./stack.ts"

const purpose = keyPurpose("test/mac")
const octets = () => Bytes.utf8("0123456789abcdef")
const administrator: Identity.Authenticated = {
  _tag: "Authenticated",
  subject: "root",
  kind: "administrator",
  method: "test",
  at: 0
}
const text = (key: Primitives.SecretKey) => key.lend((o) => Bytes.utf8Decode(o))

/** A store whose next answer to `record` is held back until `go`, after it was read. */
const slowStore = Effect.gen(function* () {
  const read = yield* Deferred.make<void>()
  const go = yield* Deferred.make<void>()
  const state = { slow: false }
  const layer = Layer.effect(
    Store.Store,
    Effect.map(Store.Store, (store) => ({
      ...store,
      record: (collection: string, key: string, now: number) =>
        Effect.tap(store.record(collection, key, now), () =>
          state.slow
            ? Effect.suspend(() => {
                state.slow = false
                return Effect.andThen(Deferred.succeed(read, undefined), Deferred.await(go))
              })
            : Effect.void
        )
    }))
  ).pipe(Layer.provide(StoreMemory.layer))
  return { layer, read, go, state }
})

const over = (store: Layer.Layer<Store.Store>, options?: KeyVault.VaultOptions) => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  return KeyVault.layer(options).pipe(Layer.provideMerge(MasterKeys.layerEphemeral), Layer.provideMerge(ground))
}

describe("KeyVault while keys change", () => {
  it.effect("does not hold what it read before a key was removed or replaced", () =>
    Effect.gen(function* () {
      for (const change of ["remove", "replace", "removal"] as const) {
        const { layer, read, go, state } = yield* slowStore
        yield* Effect.gen(function* () {
          const vault = yield* KeyVault.KeyVault
          const store = yield* Store.Store
          const ref = yield* vault.put(purpose, octets(), { id: "k" })
          state.slow = true
          const late = yield* Effect.forkChild(vault.use(ref, purpose, text))
          yield* Deferred.await(read)
          if (change === "remove") yield* vault.remove("k", { principal: administrator })
          else if (change === "replace") yield* vault.replace("k", purpose, octets(), { principal: administrator })
          else yield* store.transact([vault.removal("k")], 0)
          yield* Deferred.succeed(go, undefined)
          yield* Fiber.await(late)
          assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyNotFound", change)
        }).pipe(Effect.provide(over(layer)))
      }
    })
  )

  it.effect("does not hold a key that was used between the making of its removal and the commit", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const ref = yield* vault.put(purpose, octets(), { id: "k" })
      const removal = vault.removal("k")
      assert.strictEqual(yield* vault.use(ref, purpose, text), "0123456789abcdef")
      yield* store.transact([removal], 0)
      assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyNotFound")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("holds a key that changed again, once the change is old", () => {
    let reads = 0
    const counting = Layer.effect(
      Store.Store,
      Effect.map(Store.Store, (store) => ({
        ...store,
        record: (collection: string, key: string, now: number) =>
          Effect.suspend(() => {
            reads++
            return store.record(collection, key, now)
          })
      }))
    ).pipe(Layer.provide(StoreMemory.layer))
    return Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      yield* vault.put(purpose, octets(), { id: "k" })
      const ref = yield* vault.replace("k", purpose, octets(), { principal: administrator })
      yield* vault.use(ref, purpose, text)
      yield* TestClock.adjust(5000)
      yield* vault.use(ref, purpose, text)
      reads = 0
      yield* vault.use(ref, purpose, text)
      assert.strictEqual(reads, 0)
    }).pipe(Effect.provide(over(counting)))
  })

  it.effect("lets nobody use a key past the end that it was stored with", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const ref = yield* vault.put(purpose, octets(), { notAfter: 1000 })
      yield* TestClock.adjust(999)
      yield* vault.use(ref, purpose, text)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyNotFound")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("asks the store again when the clock was set back", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      yield* TestClock.setTime(1_000_000)
      const ref = yield* vault.put(purpose, octets(), { id: "k" })
      yield* vault.use(ref, purpose, text)
      yield* store.transact([Store.deleteRecord(KeyVault.collection, "k")], 0)
      yield* TestClock.setTime(0)
      assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyNotFound")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("gives two keys to one work, however few it holds and whatever others do meanwhile", () => {
    const mac = (one: Primitives.SecretKey, other: Primitives.SecretKey) => `${text(one)} ${text(other)}`
    return Effect.gen(function* () {
      for (const options of [{ cacheSize: 1 }, { cacheMillis: 0 }, {}]) {
        const { layer, read, go, state } = yield* slowStore
        yield* Effect.gen(function* () {
          const vault = yield* KeyVault.KeyVault
          const one = yield* vault.put(purpose, Bytes.utf8("one"), { id: "one" })
          const other = yield* vault.put(purpose, Bytes.utf8("other"), { id: "other" })
          assert.strictEqual(yield* vault.useBoth([one, purpose], [other, purpose], mac), "one other")
          yield* TestClock.adjust(10_000)
          yield* vault.use(one, purpose, text)
          state.slow = true
          const late = yield* Effect.forkChild(vault.useBoth([one, purpose], [other, purpose], mac))
          yield* Deferred.await(read)
          yield* vault.remove("one", { principal: administrator })
          yield* Deferred.succeed(go, undefined)
          const exit = yield* Fiber.await(late)
          assert.isTrue(Exit.isSuccess(exit) || Exit.hasFails(exit), "no defect")
        }).pipe(Effect.provide(over(layer, options)))
      }
    })
  })

  it.effect("disposes of every key that it imported, when it drops it and when it ends", () => {
    const imported = new Set<Primitives.SecretKey>()
    const counted = Layer.effect(
      Primitives.Primitives,
      Effect.map(Primitives.Primitives, (primitives) => ({
        ...primitives,
        importKey: (given: Uint8Array) => {
          const key = primitives.importKey(given)
          const { dispose } = key
          imported.add(key)
          return Object.assign(key, {
            dispose: () => {
              imported.delete(key)
              dispose()
            }
          })
        }
      }))
    ).pipe(Layer.provide(NodePrimitives.layer))
    const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), counted)
    const masters = MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const vault = yield* KeyVault.KeyVault
        const refs = yield* Effect.forEach(["a", "b", "c"], (id) => vault.put(purpose, octets(), { id }))
        for (const ref of refs) yield* vault.use(ref, purpose, text)
        yield* vault.useBoth([refs[0]!, purpose], [refs[1]!, purpose], () => undefined)
        yield* vault.remove("a", { principal: administrator })
        yield* TestClock.adjust(5000)
        yield* vault.use(refs[1]!, purpose, text)
        assert.isAtMost(imported.size, 3)
      }).pipe(Effect.provide(KeyVault.layer({ cacheSize: 2 }).pipe(Layer.provide(masters))))
      assert.isAtMost(imported.size, 1, "the master key alone is left")
    })
  })

  it.effect("wipes a new secret that it does not take, and keeps a secret with an endless grace readable", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const as = { principal: administrator }
      const lost = octets()
      assert.strictEqual((yield* Effect.flip(vault.replace("gone", purpose, lost, as)))._tag, "KeyNotFound")
      assert.isTrue(lost.every((octet) => octet === 0))
      yield* store.transact([Store.putRecord(KeyVault.collection, "odd", Bytes.utf8("{}"))], 0)
      const odd = octets()
      assert.strictEqual((yield* Effect.flip(vault.replace("odd", purpose, odd, as)))._tag, "KeyUnreadable")
      assert.isTrue(odd.every((octet) => octet === 0))
      const first = yield* vault.put(purpose, octets(), { id: "k" })
      yield* vault.replace("k", purpose, Bytes.utf8("fresh"), { ...as, graceMillis: Number.POSITIVE_INFINITY })
      assert.strictEqual(yield* vault.use(first, purpose, text), "0123456789abcdef")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("refuses a record with an impossible nonce as unreadable", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const ref = yield* vault.put(purpose, octets(), { id: "k" })
      const { versions } = Sealed.decode((yield* store.record(KeyVault.collection, "k", 0))!.value)!
      for (const length of [0, 11, 13, 300]) {
        const value = Sealed.encode({ purpose, versions: [{ ...versions[0]!, nonce: new Uint8Array(length) }] })
        yield* store.transact([Store.putRecord(KeyVault.collection, "k", value)], 0)
        assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyUnreadable", `${length}`)
      }
    }).pipe(Effect.provide(stack()))
  )
})
