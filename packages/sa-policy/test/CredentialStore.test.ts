import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Bytes } from "../src/bytes/index.ts"
import { CredentialStore, type Identity, KeyVault, keyPurpose, Store } from "../src/index.ts"
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
const bruce = () => ({
  enabler: "dm",
  id: "Bruce2",
  aliases: ["IMEI:493005100592800"],
  attributes: { serverId: "mgmt.example.net" },
  secrets: { password: secret("OhBehave") }
})

describe("CredentialStore", () => {
  it.effect("finds an account by its id and by its aliases, in its own enabler only", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const made = yield* accounts.add(bruce())
      assert.deepStrictEqual(yield* accounts.get("dm", "Bruce2"), made)
      assert.deepStrictEqual(yield* accounts.find("dm", "Bruce2"), made)
      assert.deepStrictEqual(yield* accounts.find("dm", "IMEI:493005100592800"), made)
      assert.isUndefined(yield* accounts.find("dcd", "Bruce2"))
      assert.isUndefined(yield* accounts.find("dm", "nobody"))
      assert.isUndefined(yield* accounts.find("dm", "x".repeat(256)))
      const vault = yield* KeyVault.KeyVault
      const text = yield* vault.use(made.secrets["password"]!, purpose, (key) => key.lend((o) => Bytes.utf8Decode(o)))
      assert.strictEqual(text, "OhBehave")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("writes all of an account or nothing", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const store = yield* Store.Store
      yield* accounts.add(bruce())
      const before = yield* store.size
      const other = { ...bruce(), id: "other", secrets: { password: secret("x") } }
      assert.strictEqual((yield* Effect.flip(accounts.add(other)))._tag, "Conflict")
      assert.deepStrictEqual(yield* store.size, before)
      assert.isUndefined(yield* accounts.get("dm", "other"))
      const nameless = { ...bruce(), id: "", aliases: [], secrets: {} }
      assert.strictEqual((yield* Effect.flip(accounts.add(nameless)))._tag, "Unacceptable")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("holds ids, aliases and attributes with any characters", () =>
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const names = ["Jörg", "a/b:c@d", "\u0000", "'; drop table", "😀"]
      for (const id of names) yield* accounts.add({ enabler: "dm", id, attributes: { note: id }, secrets: {} })
      for (const id of names) assert.strictEqual((yield* accounts.find("dm", id))?.attributes["note"], id)
      assert.strictEqual((yield* accounts.list("dm")).length, names.length)
    }).pipe(Effect.provide(stack()))
  )

  it.effect(
    "[SEC_CF-SEC-003] replaces a secret for the authorised only and removes all that belongs to an account",
    () =>
      Effect.gen(function* () {
        const accounts = yield* CredentialStore.CredentialStore
        const store = yield* Store.Store
        yield* accounts.add(bruce())
        const refused = yield* Effect.flip(
          accounts.replaceSecret("dm", "Bruce2", "password", secret("new"), { principal: { _tag: "Anonymous" } })
        )
        assert.strictEqual(refused._tag, "NotAuthorised")
        const changed = yield* accounts.replaceSecret("dm", "Bruce2", "password", secret("new"), {
          principal: administrator
        })
        assert.strictEqual(changed.secrets["password"]?.version, 2)
        assert.isFalse((yield* accounts.update("dm", "Bruce2", { enabled: false })).enabled)
        yield* accounts.remove("dm", "Bruce2")
        yield* accounts.remove("dm", "Bruce2")
        assert.strictEqual((yield* store.size).records, 0)
      }).pipe(Effect.provide(stack()))
  )
})
