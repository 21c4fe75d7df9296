/**
 * Which provider may read which property of which device. Nothing is allowed that a subscriber did not allow.
 *
 * @layer service
 * @spec dpe 3 and 6: per requester and property, default deny; an alias for each requester instead of the identity
 */
import { KeyVault, keyPurpose, Primitives, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Owner } from "./DpeSessions.ts"

const consents = "dpe/consent"
const names = "dpe/consent-name"
const aliasPurpose = keyPurpose("dpe/alias")

/** A subscriber's consent. `*` among the names allows every property. */
export interface Consent {
  readonly requester: string
  readonly owner: Owner
  readonly propertyNames: ReadonlyArray<string>
  /** Lets the requester ask by this Device-ID too; where it names two devices, the one allowed last. */
  readonly deviceId?: string
}

export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const vault = yield* KeyVault.KeyVault
  const { hash } = yield* Primitives.Primitives
  const sha256 = hash("sha256")

  /** Requesters are named by a hash: keys have a bounded form whatever their names are. */
  const keyOf = (requester: string): string => Bytes.toHex(sha256(Bytes.utf8(requester))).slice(0, 32)

  const deviceKey = (requester: string, deviceId: string): string =>
    `${keyOf(requester)}/device/${Bytes.toHex(sha256(Bytes.utf8(deviceId)))}`

  const orUnavailable = (what: string) => (error: { readonly _tag: string }) =>
    Effect.fail(new Unavailable({ what, retryable: true, cause: error._tag }))

  const keyFor = Effect.fnUntraced(function* (requester: string) {
    const id = `dpe/alias/${keyOf(requester)}`
    const standing = yield* vault
      .newest(id, aliasPurpose)
      .pipe(Effect.catchTag("KeyNotFound", () => Effect.succeed(undefined)))
    if (standing !== undefined) return standing
    return yield* vault
      .generate(aliasPurpose, 32, { id })
      .pipe(Effect.catchTag("Conflict", () => vault.newest(id, aliasPurpose)))
  })

  /** The name of a subscriber's device for one requester: HMAC-SHA-256 under the requester's key, 32 hexadecimal digits. */
  const aliasOf = (requester: string, owner: Owner) =>
    Effect.flatMap(keyFor(requester), (key) =>
      vault.use(key, aliasPurpose, (secret) => Bytes.toHex(secret.hmac("sha256", Bytes.utf8(owner)).slice(0, 16)))
    ).pipe(Effect.catch(orUnavailable("key of aliases")))

  return {
    /** Allows a requester to read properties of a device, instead of what it was allowed before; gives the alias to tell the requester. */
    grant: Effect.fnUntraced(function* ({ requester, owner, propertyNames, deviceId }: Consent) {
      const alias = yield* aliasOf(requester, owner)
      yield* store
        .transact(
          [
            Store.putRecord(consents, `${keyOf(requester)}/${owner}`, Bytes.utf8(propertyNames.join("\n"))),
            Store.putRecord(names, `${keyOf(requester)}/${alias}`, Bytes.utf8(owner)),
            ...(deviceId === undefined
              ? []
              : [Store.putRecord(names, deviceKey(requester, deviceId), Bytes.utf8(owner))])
          ],
          yield* Clock.currentTimeMillis
        )
        .pipe(Effect.catch(orUnavailable("consent")))
      return alias
    }),
    /** Takes a consent back. The next query gets nothing. */
    withdraw: Effect.fnUntraced(function* (requester: string, owner: Owner) {
      const alias = yield* aliasOf(requester, owner)
      yield* store
        .transact(
          [
            Store.deleteRecord(consents, `${keyOf(requester)}/${owner}`),
            Store.deleteRecord(names, `${keyOf(requester)}/${alias}`)
          ],
          yield* Clock.currentTimeMillis
        )
        .pipe(Effect.catch(orUnavailable("consent")))
    }),
    /** The device that a requester knows by its alias or, where that was allowed, by its Device-ID; `undefined` for the alias of another requester as for none. */
    deviceOf: Effect.fnUntraced(function* (
      requester: string,
      asked: { readonly alias: string } | { readonly deviceId: string }
    ) {
      if ("alias" in asked && !/^[0-9a-f]{32}$/.test(asked.alias)) return undefined
      const key = "alias" in asked ? `${keyOf(requester)}/${asked.alias}` : deviceKey(requester, asked.deviceId)
      const record = yield* store.record(names, key, yield* Clock.currentTimeMillis)
      return record === undefined ? undefined : Bytes.utf8Decode(record.value)
    }),
    /** The names that the requester may read; empty without consent. */
    allowed: Effect.fnUntraced(function* (requester: string, owner: Owner) {
      const key = `${keyOf(requester)}/${owner}`
      const record = yield* store.record(consents, key, yield* Clock.currentTimeMillis)
      return record === undefined
        ? []
        : (Bytes.utf8Decode(record.value) ?? "").split("\n").filter((name) => name !== "")
    })
  }
})
