/**
 * The accounts of the enablers, and which secrets each of them has.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Account, decode, encode, fault } from "./Account.ts"
import { utf8, utf8Decode, wipe } from "./bytes/Bytes.ts"
import type { Identity } from "./Identity.ts"
import type { KeyPurpose, KeyRef } from "./KeyRef.ts"
import { type KeyError, KeyVault, type NotAuthorised } from "./KeyVault.ts"
import { SaNotFound, type StoreError, Unacceptable, type Unavailable } from "./SaError.ts"
import { deleteRecord, type Operation, putRecord, Store } from "./Store.ts"

/** A secret on its way into the vault, which wipes `octets`. */
export interface NewSecret {
  readonly purpose: KeyPurpose
  readonly octets: Uint8Array
}

export interface NewAccount extends Omit<Account, "secrets" | "enabled" | "aliases" | "attributes"> {
  readonly aliases?: ReadonlyArray<string>
  readonly enabled?: boolean
  readonly attributes?: Readonly<Record<string, string>>
  /** Secrets by kind, such as `verifier-md5`. */
  readonly secrets: Readonly<Record<string, NewSecret>>
}

/**
 * Accounts by enabler. An account, its aliases and its sealed secrets are written in one transaction.
 *
 * @spec OMA SEC_CF-SEC-001, SEC_CF-SEC-003
 */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    /** Makes an account. Fails with `Conflict` where its id or one of its aliases is taken. */
    readonly add: (account: NewAccount) => Effect.Effect<Account, StoreError>
    readonly get: (enabler: string, id: string) => Effect.Effect<Account | undefined, Unavailable>
    /** The account whose id or alias is `name`. */
    readonly find: (enabler: string, name: string) => Effect.Effect<Account | undefined, Unavailable>
    /** Accounts in the order of their ids, from the first id greater than `after`. */
    readonly list: (
      enabler: string,
      options?: { readonly after?: string; readonly limit?: number }
    ) => Effect.Effect<ReadonlyArray<Account>, Unavailable>
    /**
     * Replaces one secret, or gives a first one of that kind; the old one works for `graceMillis` more, for who still holds its reference.
     * The secret and the account that names it change in one transaction. `principal` must be authorised by the vault.
     */
    readonly replaceSecret: (
      enabler: string,
      id: string,
      kind: string,
      secret: NewSecret,
      options: { readonly principal: Identity; readonly graceMillis?: number }
    ) => Effect.Effect<Account, KeyError | StoreError | NotAuthorised>
    /** Switches an account on or off, or gives it other attributes. */
    readonly update: (
      enabler: string,
      id: string,
      change: { readonly enabled?: boolean; readonly attributes?: Readonly<Record<string, string>> }
    ) => Effect.Effect<Account, StoreError>
    /** Removes an account with its aliases and secrets. Gone already is fine. */
    readonly remove: (enabler: string, id: string) => Effect.Effect<void, StoreError>
  }
>()("@oma/sa-policy/CredentialStore") {}

const accounts = (enabler: string): string => `accounts/${enabler}`
const names = (enabler: string): string => `account-names/${enabler}`
const keyId = (enabler: string, id: string, kind: string): string => `account/${enabler}/${kind}/${id}`

const make = Effect.gen(function* () {
  const store = yield* Store
  const vault = yield* KeyVault

  const stored = Effect.fnUntraced(function* (enabler: string, id: string) {
    const record = yield* store.record(accounts(enabler), id, yield* Clock.currentTimeMillis)
    const account = record === undefined ? undefined : decode(enabler, id, record.value)
    return record === undefined || account === undefined ? undefined : { account, version: record.version }
  })

  const existing = Effect.fnUntraced(function* (enabler: string, id: string) {
    const found = yield* stored(enabler, id)
    return found === undefined ? yield* new SaNotFound({ id: `${accounts(enabler)}/${id}` }) : found
  })

  const sound = (account: Account) => {
    const why = fault(account)
    return why === undefined
      ? Effect.void
      : Effect.fail(new Unacceptable({ key: `${accounts(account.enabler)}/${account.id}`, why }))
  }

  const writing = (account: Account, version: number): Operation =>
    putRecord(accounts(account.enabler), account.id, encode(account), version)

  const replaceSecret = Effect.fnUntraced(function* (
    enabler: string,
    id: string,
    kind: string,
    { purpose, octets }: NewSecret,
    options: { readonly principal: Identity; readonly graceMillis?: number }
  ) {
    const { account, version } = yield* existing(enabler, id)
    const naming = (ref: KeyRef): Account => ({ ...account, secrets: { ...account.secrets, [kind]: ref } })
    const old = Object.hasOwn(account.secrets, kind) ? account.secrets[kind] : undefined
    if (old !== undefined) {
      const joined = { ...options, with: (ref: KeyRef) => [writing(naming(ref), version)] }
      return naming(yield* vault.replace(old.id, purpose, octets, joined))
    }
    const name = keyId(enabler, id, kind)
    yield* vault.authorise(options.principal, "replace", name)
    const { ref, operation } = yield* vault.prepare(purpose, octets, { id: name })
    yield* sound(naming(ref))
    yield* store.transact([operation, writing(naming(ref), version)], yield* Clock.currentTimeMillis)
    return naming(ref)
  })

  return {
    add: Effect.fnUntraced(function* (given: NewAccount) {
      const { enabler, id, aliases = [], enabled = true, attributes = {} } = given
      const secrets: Array<readonly [kind: string, ref: KeyRef]> = []
      const operations: Array<Operation> = []
      for (const [kind, { purpose, octets }] of Object.entries(given.secrets)) {
        const { ref, operation } = yield* vault.prepare(purpose, octets, { id: keyId(enabler, id, kind) })
        secrets.push([kind, ref])
        operations.push(operation)
      }
      const account: Account = { enabler, id, aliases, enabled, secrets: Object.fromEntries(secrets), attributes }
      yield* sound(account)
      for (const name of new Set([id, ...aliases])) operations.push(putRecord(names(enabler), name, utf8(id), "absent"))
      operations.push(putRecord(accounts(enabler), id, encode(account), "absent"))
      yield* store.transact(operations, yield* Clock.currentTimeMillis)
      return account
    }),
    get: (enabler: string, id: string) => Effect.map(stored(enabler, id), (found) => found?.account),
    find: Effect.fnUntraced(function* (enabler: string, name: string) {
      if (name.length < 1 || name.length > 255) return undefined
      const record = yield* store.record(names(enabler), name, yield* Clock.currentTimeMillis)
      const id = record === undefined ? undefined : utf8Decode(record.value)
      return id === undefined ? undefined : (yield* stored(enabler, id))?.account
    }),
    list: Effect.fnUntraced(function* (
      enabler: string,
      options: { readonly after?: string; readonly limit?: number } = {}
    ) {
      const records = yield* store.records(accounts(enabler), { ...options, now: yield* Clock.currentTimeMillis })
      return records.flatMap((record) => decode(enabler, record.key, record.value) ?? [])
    }),
    replaceSecret: (
      enabler: string,
      id: string,
      kind: string,
      secret: NewSecret,
      options: { readonly principal: Identity; readonly graceMillis?: number }
    ) =>
      Effect.ensuring(
        replaceSecret(enabler, id, kind, secret, options),
        Effect.sync(() => wipe(secret.octets))
      ),
    update: Effect.fnUntraced(function* (
      enabler: string,
      id: string,
      { enabled, attributes }: { readonly enabled?: boolean; readonly attributes?: Readonly<Record<string, string>> }
    ) {
      const { account, version } = yield* existing(enabler, id)
      const changed: Account = {
        ...account,
        enabled: enabled ?? account.enabled,
        attributes: attributes ?? account.attributes
      }
      yield* sound(changed)
      yield* store.transact([writing(changed, version)], yield* Clock.currentTimeMillis)
      return changed
    }),
    remove: Effect.fnUntraced(function* (enabler: string, id: string) {
      const found = yield* stored(enabler, id)
      if (found === undefined) return
      const { account, version } = found
      yield* store.transact(
        [
          deleteRecord(accounts(enabler), id, version),
          ...[...new Set([id, ...account.aliases])].map((name) => deleteRecord(names(enabler), name)),
          ...Object.values(account.secrets).map((ref) => vault.removal(ref.id))
        ],
        yield* Clock.currentTimeMillis
      )
    })
  }
})

/** The accounts on the store and the vault. */
export const layer: Layer.Layer<CredentialStore, never, Store | KeyVault> = Layer.effect(CredentialStore, make)
