import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Account from "../src/Account.ts"
import { Bytes } from "../src/bytes/index.ts"
import {
  Connection,
  CredentialStore,
  InterfaceGuard,
  KeyVault,
  keyPurpose,
  Level,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  Store
} from "../src/index.ts"
import * as Sealed from "../src/SealedKey.ts"
import { stack } from "./stack.ts"

const purpose = keyPurpose("test/mac")
const json = (value: unknown) => Bytes.utf8(JSON.stringify(value))

describe("what a store gives back", () => {
  it("is no account unless every part of it is one", () => {
    const ref = { id: "k", purpose: "p", version: 1 }
    const good = { aliases: ["a"], enabled: true, secrets: { s: ref }, attributes: { n: "t" } }
    assert.deepStrictEqual(Account.decode("dm", "x", json(good)), { ...good, enabler: "dm", id: "x" } as never)
    const bad: ReadonlyArray<unknown> = [
      null,
      [],
      "x",
      { ...good, aliases: "a" },
      { ...good, aliases: [1] },
      { ...good, enabled: "yes" },
      { ...good, enabled: undefined },
      { ...good, secrets: [] },
      { ...good, secrets: { s: { ...ref, id: 1 } } },
      { ...good, secrets: { s: { ...ref, purpose: null } } },
      { ...good, secrets: { s: { ...ref, version: "1" } } },
      { ...good, secrets: { s: null } },
      { ...good, attributes: null },
      { ...good, attributes: { n: 1 } }
    ]
    for (const value of bad) assert.isUndefined(Account.decode("dm", "x", json(value)), JSON.stringify(value))
    assert.isUndefined(Account.decode("dm", "x", Uint8Array.of(0xff)))
    assert.isUndefined(Account.decode("dm", "x", Bytes.utf8("{")))
  })

  it("is no key unless every part of it is one", () => {
    const version = { version: 1, masterKey: "m", nonce: "AAAAAAAAAAAAAAAA", sealed: "AAAA" }
    const good = { purpose: "p", versions: [version] }
    assert.strictEqual(Sealed.decode(json(good))?.purpose, "p")
    const versions = [
      null,
      [],
      { ...version, version: "1" },
      { ...version, masterKey: 1 },
      { ...version, nonce: 1 },
      { ...version, nonce: "!" },
      { ...version, sealed: null },
      { ...version, sealed: "!" },
      { ...version, until: "never" }
    ]
    for (const other of versions) assert.isUndefined(Sealed.decode(json({ ...good, versions: [version, other] })))
    for (const value of [null, [], {}, { ...good, purpose: 1 }, { ...good, versions: {} }, { ...good, versions: [] }]) {
      assert.isUndefined(Sealed.decode(json(value)))
    }
    assert.isUndefined(Sealed.decode(Uint8Array.of(0xff)))
    assert.isUndefined(Sealed.decode(Bytes.utf8("{")))
  })

  it.effect("is an account that nobody finds when it was spoiled, and stops a resealing that cannot read it", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const accounts = yield* CredentialStore.CredentialStore
      const vault = yield* KeyVault.KeyVault
      yield* accounts.add({ enabler: "dm", id: "x", secrets: {} })
      yield* store.transact([Store.putRecord("accounts/dm", "x", Bytes.utf8("{}"))], 0)
      assert.isUndefined(yield* accounts.find("dm", "x"))
      assert.deepStrictEqual(yield* accounts.list("dm"), [])
      yield* store.transact([Store.putRecord(KeyVault.collection, "odd", Bytes.utf8("{}"))], 0)
      assert.strictEqual((yield* Effect.flip(vault.reseal))._tag, "KeyUnreadable")
      const generated = yield* vault.generate(purpose, 20, { id: "fresh" })
      assert.strictEqual(yield* vault.use(generated, purpose, ({ length }) => length), 20)
    }).pipe(Effect.provide(stack()))
  )
})

describe("InterfaceGuard of an interface that the connection itself must open", () => {
  const name: SecurityPolicy.InterfaceName = { enabler: "test", role: "server", interface: "t" }
  const policy: SecurityPolicy.InterfacePolicy = {
    ...name,
    clientAuthentication: [{ mode: "certificate", over: Level.none }],
    serverAuthentication: [{ mode: "none", over: Level.none }],
    connection: Level.none,
    push: Level.none,
    lifetimes: {},
    limits: {}
  }
  it.effect("refuses everybody else without a challenge, whatever they present", () =>
    Effect.gen(function* () {
      const guard = yield* InterfaceGuard.make<string, { readonly mode: string }, string, string>(name, [])
      for (const modes of [[], ["none"], ["basic"], ["basic", "digest"], ["__proto__"], ["constructor", "none"]]) {
        const presented = modes.map((mode) => ({ mode }))
        const admission = yield* guard.admit(Connection.inProcess("c"), "r", presented)
        assert.deepStrictEqual(admission, { _tag: "Refused", reason: "policy" }, modes.join())
      }
    }).pipe(
      Effect.provide(Spd.layer({ interfaces: [policy], networks: {} }).pipe(Layer.provideMerge(SecurityEvents.layer())))
    )
  )
})
