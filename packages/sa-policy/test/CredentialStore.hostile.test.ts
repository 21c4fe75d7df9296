import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Bytes } from "../src/bytes/index.ts"
import {
  CredentialStore,
  type Identity,
  KeyVault,
  keyPurpose,
  MasterKeys,
  SecurityEvents,
  Store,
  Unavailable
} from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import { stack } from "./stack.ts"

const purpose = keyPurpose("test/password")
const secret = (text: string): CredentialStore.NewSecret => ({ purpose, octets: Bytes.utf8(text) })
const administrator: Identity.Identity = {
  _tag: "Authenticated",
  subject: "root",
  kind: "administrator",
  method: "test",
  at: 0
}
const as = { principal: administrator }
const bruce = () => ({ enabler: "dm", id: "Bruce2", secrets: { password: secret("OhBehave") } })

/** A store that fails from the `n`th transaction on, until told otherwise. */
const failing = () => {
  const state = { left: Number.POSITIVE_INFINITY }
  const layer = Layer.effect(
    Store.Store,
    Effect.map(Store.Store, (store) => ({
      ...store,
      transact: (operations: ReadonlyArray<Store.Operation>, now: number) =>
        Effect.suspend(() =>
          state.left-- > 0
            ? store.transact(operations, now)
            : Effect.fail(new Unavailable({ what: "test", retryable: true, cause: undefined }))
        )
    }))
  ).pipe(Layer.provide(StoreMemory.layer))
  const ground = Layer.mergeAll(layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral), Layer.provideMerge(ground))
  return { state, layer: CredentialStore.layer.pipe(Layer.provideMerge(vault)) }
}

describe("CredentialStore when things go wrong", () => {
  it.effect("[SEC_CF-SEC-003] gives an account a further secret for the authorised only", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      yield* accounts.add(bruce())
      const given = secret("mine now")
      const anybody: ReadonlyArray<Identity.Identity> = [{ _tag: "Anonymous" }, { ...administrator, kind: "user" }]
      for (const principal of anybody) {
        const refused = yield* Effect.flip(accounts.replaceSecret("dm", "Bruce2", "pin", given, { principal }))
        assert.strictEqual(refused._tag, "NotAuthorised")
      }
      assert.isTrue(given.octets.every((octet) => octet === 0))
      assert.notProperty((yield* accounts.get("dm", "Bruce2"))?.secrets, "pin")
      const made = yield* accounts.replaceSecret("dm", "Bruce2", "pin", secret("1234"), as)
      assert.strictEqual(made.secrets["pin"]?.version, 1)
    }).pipe(Effect.provide(stack()))
  )

  it.effect("replaces the secret and what names it together, whichever transaction fails, and can be asked again", () =>
    Effect.gen(function* () {
      for (const kind of ["password", "pin"]) {
        for (let left = 0; left < 3; left++) {
          const { state, layer } = failing()
          yield* Effect.gen(function* () {
            const accounts = yield* CredentialStore.CredentialStore
            const vault = yield* KeyVault.KeyVault
            yield* accounts.add(bruce())
            state.left = left
            yield* Effect.exit(accounts.replaceSecret("dm", "Bruce2", kind, secret("first"), as))
            const account = (yield* accounts.get("dm", "Bruce2"))!
            for (const ref of Object.values(account.secrets)) yield* vault.use(ref, purpose, () => undefined)
            state.left = Number.POSITIVE_INFINITY
            const again = yield* accounts.replaceSecret("dm", "Bruce2", kind, secret("second"), as)
            const now = yield* vault.use(again.secrets[kind]!, purpose, (key) => key.lend((o) => Bytes.utf8Decode(o)))
            assert.strictEqual(now, "second")
          }).pipe(Effect.provide(layer))
        }
      }
    })
  )

  it.effect("wipes the secret of an account that does not exist", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const given = secret("lost")
      assert.strictEqual((yield* Effect.flip(accounts.replaceSecret("dm", "x", "pin", given, as)))._tag, "SaNotFound")
      assert.isTrue(given.octets.every((octet) => octet === 0))
    }).pipe(Effect.provide(stack()))
  )

  it.effect("keeps the limits of an account whichever way it grows", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      yield* accounts.add(bruce())
      for (let i = 1; i < 16; i++) yield* accounts.replaceSecret("dm", "Bruce2", `s${i}`, secret("x"), as)
      const more = yield* Effect.flip(accounts.replaceSecret("dm", "Bruce2", "s16", secret("x"), as))
      assert.strictEqual(more._tag, "Unacceptable")
      const long = { note: "x".repeat(20_000) }
      assert.strictEqual(
        (yield* Effect.flip(accounts.update("dm", "Bruce2", { attributes: long })))._tag,
        "Unacceptable"
      )
      const added = accounts.add({ enabler: "dm", id: "long", secrets: {}, attributes: long })
      assert.strictEqual((yield* Effect.flip(added))._tag, "Unacceptable")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("holds kinds and attributes that bear the names of JavaScript's own properties", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const vault = yield* KeyVault.KeyVault
      const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
      const attributes = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
      yield* accounts.add({ enabler: "dm", id: "odd", attributes, secrets: {} })
      for (const kind of names) yield* accounts.replaceSecret("dm", "odd", kind, secret(kind), as)
      const account = (yield* accounts.get("dm", "odd"))!
      assert.deepStrictEqual(Object.entries(account.attributes), Object.entries(attributes))
      assert.deepStrictEqual(Object.keys(account.secrets).toSorted(), names.toSorted())
      for (const [kind, ref] of Object.entries(account.secrets)) {
        assert.strictEqual(yield* vault.use(ref, purpose, (key) => key.lend((o) => Bytes.utf8Decode(o))), kind)
      }
      const inAdd = Object.fromEntries(names.map((name) => [name, secret(name)]))
      const made = yield* accounts.add({ enabler: "dm", id: "odd2", secrets: inAdd })
      assert.deepStrictEqual(Object.keys(made.secrets).toSorted(), names.toSorted())
      assert.isFalse("id" in {}, "nothing reached the prototype of all objects")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("changes of an account what it may and nothing else", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const made = yield* accounts.add(bruce())
      const wide = { enabled: false, secrets: {}, aliases: ["root"], id: "other" }
      assert.deepStrictEqual(yield* accounts.update("dm", "Bruce2", wide), { ...made, enabled: false })
    }).pipe(Effect.provide(stack()))
  )
})
