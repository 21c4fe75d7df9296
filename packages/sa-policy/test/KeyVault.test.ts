import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Bytes } from "../src/bytes/index.ts"
import { type Identity, KeyVault, keyPurpose, MasterKeys, SecurityEvents, Store } from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as Sealed from "../src/SealedKey.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import { stack } from "./stack.ts"

const purpose = keyPurpose("test/mac")
const other = keyPurpose("test/encryption")
const octets = () => Bytes.utf8("0123456789abcdef")
const administrator: Identity.Authenticated = {
  _tag: "Authenticated",
  subject: "root",
  kind: "administrator",
  method: "test",
  at: 0
}
const text = (key: { lend: <A>(use: (octets: Uint8Array) => A) => A }) => key.lend((o) => Bytes.utf8Decode(o))

describe("KeyVault", () => {
  it.effect("[SEC_CF-SEC-001] gives a key back by reference, wipes what came in and stores no octet of it", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const given = octets()
      const ref = yield* vault.put(purpose, given)
      assert.isTrue(given.every((octet) => octet === 0))
      assert.strictEqual(yield* vault.use(ref, purpose, text), "0123456789abcdef")
      const record = yield* store.record(KeyVault.collection, ref.id, 0)
      const raw = Bytes.utf8Decode(record!.value)!
      assert.notInclude(raw, "0123456789abcdef")
      assert.notInclude(raw, Bytes.toHex(octets()))
      assert.notInclude(raw, Bytes.toBase64(octets()).replace(/=+$/, ""))
    }).pipe(Effect.provide(stack()))
  )

  it.effect("[SEC_CF-KEM-001] refuses a key for another purpose than its own", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const ref = yield* vault.put(purpose, octets())
      const error = yield* Effect.flip(vault.use(ref, other, () => "used"))
      assert.strictEqual(error._tag, "WrongPurpose")
      const forged = yield* Effect.flip(vault.use({ ...ref, purpose: other }, other, () => "used"))
      assert.strictEqual(forged._tag, "WrongPurpose")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("does not open a sealed value that was put in the place of another", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const a = yield* vault.put(purpose, octets(), { id: "a" })
      yield* vault.put(purpose, Bytes.utf8("another key here"), { id: "b" })
      const b = yield* store.record(KeyVault.collection, "b", 0)
      yield* store.transact([Store.putRecord(KeyVault.collection, "a", b!.value)], 0)
      const error = yield* Effect.flip(vault.use(a, purpose, text))
      assert.deepInclude(error, { _tag: "KeyUnreadable", why: "altered" })
    }).pipe(Effect.provide(stack()))
  )

  it.effect("tells an altered record, a foreign one and an unknown master key apart, for the operator", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const ref = yield* vault.put(purpose, octets(), { id: "k" })
      const key = Sealed.decode((yield* store.record(KeyVault.collection, "k", 0))!.value)!
      const write = (value: Uint8Array) => store.transact([Store.putRecord(KeyVault.collection, "k", value)], 0)
      const why = Effect.map(Effect.flip(vault.use(ref, purpose, text)), (e) =>
        e._tag === "KeyUnreadable" ? e.why : e._tag
      )
      const version = key.versions[0]!
      const flipped = version.sealed.slice()
      flipped[3]! ^= 1
      yield* write(Sealed.encode({ ...key, versions: [{ ...version, sealed: flipped }] }))
      assert.strictEqual(yield* why, "altered")
      yield* write(Sealed.encode({ ...key, versions: [{ ...version, masterKeyId: "gone" }] }))
      assert.strictEqual(yield* why, "unknown master key")
      yield* write(Bytes.utf8("{}"))
      assert.strictEqual(yield* why, "not a key record")
    }).pipe(Effect.provide(stack()))
  )

  it.effect(
    "[SEC_CF-SEC-003] replaces a secret for the authorised only, keeps the old one for its grace, and tells of it",
    () =>
      Effect.gen(function* () {
        const vault = yield* KeyVault.KeyVault
        const events = yield* SecurityEvents.SecurityEvents
        const first = yield* vault.put(purpose, octets(), { id: "k" })
        const fresh = () => Bytes.utf8("fresh secret 123")
        const refused = yield* Effect.flip(
          vault.replace("k", purpose, fresh(), { principal: { ...administrator, kind: "user" } })
        )
        assert.strictEqual(refused._tag, "NotAuthorised")
        const second = yield* vault.replace("k", purpose, fresh(), { principal: administrator, graceMillis: 1000 })
        assert.strictEqual(second.version, 2)
        assert.deepStrictEqual(yield* vault.newest("k", purpose), second)
        assert.strictEqual(yield* vault.use(second, purpose, text), "fresh secret 123")
        assert.strictEqual(yield* vault.use(first, purpose, text), "0123456789abcdef")
        yield* TestClock.adjust(1000)
        assert.strictEqual((yield* Effect.flip(vault.use(first, purpose, text)))._tag, "KeyNotFound")
        const counts = yield* events.counts
        assert.strictEqual(counts.get("KeyReplaced"), 1)
        assert.isAtLeast(counts.get("KeyRefused") ?? 0, 1)
      }).pipe(Effect.provide(stack()))
  )

  it.effect("forgets a removed key on this node at once and on others within the cache time", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const store = yield* Store.Store
      const ref = yield* vault.put(purpose, octets(), { id: "k" })
      yield* vault.use(ref, purpose, text)
      yield* store.transact([Store.deleteRecord(KeyVault.collection, "k")], 0)
      yield* TestClock.adjust(5000)
      assert.strictEqual((yield* Effect.flip(vault.use(ref, purpose, text)))._tag, "KeyNotFound")
      const again = yield* vault.put(purpose, octets(), { id: "j" })
      yield* vault.use(again, purpose, text)
      yield* vault.remove("j", { principal: administrator })
      assert.strictEqual((yield* Effect.flip(vault.use(again, purpose, text)))._tag, "KeyNotFound")
      assert.strictEqual(
        (yield* Effect.flip(vault.remove("j", { principal: { _tag: "Anonymous" } })))._tag,
        "NotAuthorised"
      )
    }).pipe(Effect.provide(stack()))
  )

  it.effect("keeps working when more keys are used than it holds ready", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const refs = yield* Effect.forEach([1, 2, 3, 4, 5], (i) => vault.put(purpose, Bytes.utf8(`key number ${i}`)))
      for (let round = 0; round < 2; round++) {
        for (const [i, ref] of refs.entries())
          assert.strictEqual(yield* vault.use(ref, purpose, text), `key number ${i + 1}`)
      }
    }).pipe(Effect.provide(stack({ vault: { cacheSize: 2 } })))
  )

  it.effect("prints no key", () =>
    Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const ref = yield* vault.put(purpose, octets())
      const shown = yield* vault.use(ref, purpose, (key) => `${key} ${JSON.stringify({ key })}`)
      assert.strictEqual(shown, '<secret key> {"key":"<secret key>"}')
    }).pipe(Effect.provide(stack()))
  )

  it.effect("seals everything anew under a fresh master key while keys are in use", () => {
    const old = { id: "old", key: Redacted.make(new Uint8Array(32).fill(1)) }
    const fresh = { id: "fresh", key: Redacted.make(new Uint8Array(32).fill(2)) }
    let sources = [old]
    const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
    const masters = MasterKeys.layer(Effect.sync(() => sources))
    const layer = KeyVault.layer({ cacheMillis: 0 }).pipe(Layer.provideMerge(masters), Layer.provideMerge(ground))
    return Effect.gen(function* () {
      const vault = yield* KeyVault.KeyVault
      const master = yield* MasterKeys.MasterKeys
      const refs = yield* Effect.forEach(
        Array.from({ length: 250 }, (_, i) => i),
        (i) => vault.put(purpose, Bytes.utf8(`key ${i}`))
      )
      sources = [fresh, old]
      yield* master.refresh
      assert.strictEqual(yield* vault.use(refs[7]!, purpose, text), "key 7")
      assert.strictEqual(yield* vault.reseal, 250)
      assert.strictEqual(yield* vault.reseal, 0)
      sources = [fresh]
      yield* master.refresh
      for (const [i, ref] of refs.entries()) assert.strictEqual(yield* vault.use(ref, purpose, text), `key ${i}`)
    }).pipe(Effect.provide(layer))
  })

  it.effect("refuses master keys that are none", () =>
    Effect.gen(function* () {
      const build = (...sources: ReadonlyArray<MasterKeys.MasterKeySource>) =>
        Effect.flip(
          Effect.scoped(Layer.build(MasterKeys.layerOf(...sources).pipe(Layer.provide(NodePrimitives.layer))))
        )
      const short = { id: "a", key: Redacted.make(new Uint8Array(16)) }
      const good = { id: "a", key: Redacted.make(new Uint8Array(32)) }
      assert.include((yield* build()).why, "no master key")
      assert.include((yield* build(short)).why, "16 octets")
      assert.include((yield* build(good, good)).why, "two master keys")
    })
  )
})
