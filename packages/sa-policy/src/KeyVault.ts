/**
 * Where keys live: sealed in the store, typed by purpose, used by reference.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { toHex, wipe } from "./bytes/Bytes.ts"
import type { Identity } from "./Identity.ts"
import type { KeyPurpose, KeyRef } from "./KeyRef.ts"
import { MasterKeys } from "./MasterKeys.ts"
import { Primitives, type SecretKey } from "./Primitives.ts"
import type { StoreError, Unavailable } from "./SaError.ts"
import * as Sealed from "./SealedKey.ts"
import { SecurityEvents } from "./SecurityEvents.ts"
import { deleteRecord, type Operation, putRecord, Store, type StoredRecord } from "./Store.ts"

/** The collection of the store in which sealed keys lie. */
export const collection = "keys"

/** No such key, or no longer: removed, expired, or a version past its grace. */
export class KeyNotFound extends Data.TaggedError("KeyNotFound")<{ readonly id: string; readonly version: number }> {}

/** The key was made for another purpose than the one it was asked for. */
export class WrongPurpose extends Data.TaggedError("WrongPurpose")<{
  readonly id: string
  readonly asked: KeyPurpose
}> {}

/** The stored form does not open: its master key is gone, or somebody altered or exchanged it. */
export class KeyUnreadable extends Data.TaggedError("KeyUnreadable")<{
  readonly id: string
  readonly why: "unknown master key" | "altered" | "not a key record"
}> {}

/** `principal` may not change this secret. */
export class NotAuthorised extends Data.TaggedError("NotAuthorised")<{
  readonly id: string
  readonly principal: string
}> {}

export type KeyError = KeyNotFound | WrongPurpose | KeyUnreadable | Unavailable

/** A key that is sealed but not stored yet: `operation` goes into the transaction that stores what refers to `ref`. */
export interface PreparedKey {
  readonly ref: KeyRef
  readonly operation: Operation
}

export interface KeyOptions {
  /** The name of the key; 32 random hexadecimal digits unless given. */
  readonly id?: string
  /** Milliseconds since 1970 from which on the key is gone. */
  readonly notAfter?: number
}

/**
 * The vault. Keys enter as octets (which the vault wipes) and are from then on named by `KeyRef`; a reference works for
 * the purpose it was made for and no other.
 *
 * @spec OMA SEC_CF-SEC-001, SEC_CF-SEC-003, SEC_CF-KEM-001
 */
export class KeyVault extends Context.Service<
  KeyVault,
  {
    /** Seals `octets` and wipes them, without storing yet. */
    readonly prepare: (purpose: KeyPurpose, octets: Uint8Array, options?: KeyOptions) => Effect.Effect<PreparedKey>
    /** Seals and stores `octets`, and wipes them. Fails with `Conflict` where a key of that id exists. */
    readonly put: (purpose: KeyPurpose, octets: Uint8Array, options?: KeyOptions) => Effect.Effect<KeyRef, StoreError>
    /** Makes and stores a key of `length` random octets. */
    readonly generate: (purpose: KeyPurpose, length: number, options?: KeyOptions) => Effect.Effect<KeyRef, StoreError>
    /** The newest version of a key, without its octets. */
    readonly newest: (id: string, purpose: KeyPurpose) => Effect.Effect<KeyRef, KeyError>
    /** Runs `work` with the key. What `work` returns must not hold the key. */
    readonly use: <A>(ref: KeyRef, purpose: KeyPurpose, work: (key: SecretKey) => A) => Effect.Effect<A, KeyError>
    /** The same with two keys, for mechanisms that need both in one step. */
    readonly useBoth: <A>(
      one: readonly [ref: KeyRef, purpose: KeyPurpose],
      other: readonly [ref: KeyRef, purpose: KeyPurpose],
      work: (one: SecretKey, other: SecretKey) => A
    ) => Effect.Effect<A, KeyError>
    /** Fails, and tells the operator, where `principal` may not change the key `id`. */
    readonly authorise: (
      principal: Identity,
      action: "replace" | "remove",
      id: string
    ) => Effect.Effect<void, NotAuthorised>
    /**
     * Replaces the secret: a new version is made, the old one works for `graceMillis` more. `principal` must be authorised. `with` joins
     * the transaction, so that what names the new version changes with it.
     *
     * @spec OMA SEC_CF-SEC-003
     */
    readonly replace: (
      id: string,
      purpose: KeyPurpose,
      octets: Uint8Array,
      options: ReplaceOptions
    ) => Effect.Effect<KeyRef, KeyError | StoreError | NotAuthorised>
    /** Removes all versions. Gone already is fine. */
    readonly remove: (
      id: string,
      options: { readonly principal: Identity }
    ) => Effect.Effect<void, StoreError | NotAuthorised>
    /** Removal as part of a larger transaction by code that owns the key, such as the end of an association. */
    readonly removal: (id: string) => Operation
    /** Seals every key under the newest master key; gives how many were sealed anew. May run while keys are used. */
    readonly reseal: Effect.Effect<number, KeyError | StoreError>
  }
>()("@oma/sa-policy/KeyVault") {}

export interface ReplaceOptions {
  readonly principal: Identity
  readonly graceMillis?: number
  readonly with?: (ref: KeyRef) => ReadonlyArray<Operation>
}

export interface VaultOptions {
  /** Who may replace or remove secrets. Unless given: authenticated peers of kind `administrator`. */
  readonly authorise?: (principal: Identity, action: "replace" | "remove", id: string) => boolean
  /** Keys (with all their versions) held ready for use; 10,000 unless given. */
  readonly cacheSize?: number
  /** How long, in milliseconds, a key is used before the store is asked whether it still stands; 5,000 unless given. */
  readonly cacheMillis?: number
}

const nameOf = (principal: Identity): string => (principal._tag === "Anonymous" ? "anonymous" : principal.subject)

const administratorsOnly = (principal: Identity): boolean =>
  principal._tag === "Authenticated" && principal.kind === "administrator"

/** A key ready for use. It is disposed of once it was dropped and nobody works with it. */
interface Held {
  readonly key: SecretKey
  readonly purpose: KeyPurpose
  readonly checkedFrom: number
  readonly checkedUntil: number
  users: number
  dropped: boolean
}

const drop = (held: Held): void => {
  held.dropped = true
  if (held.users === 0) held.key.dispose()
}

const release = (held: Held): void => {
  held.users--
  if (held.users === 0 && held.dropped) held.key.dispose()
}

const make = (options: VaultOptions) =>
  Effect.gen(function* () {
    const store = yield* Store
    const primitives = yield* Primitives
    const masters = yield* MasterKeys
    const events = yield* SecurityEvents
    const authorise = options.authorise ?? administratorsOnly
    const cacheSize = options.cacheSize ?? 10_000
    const cacheMillis = options.cacheMillis ?? 5_000
    const cache = new Map<string, Map<number, Held>>()
    // keys that were changed or are about to be, and until when they are not held: what was read before a change must not outlive it
    const changing = new Map<string, number | undefined>()
    const context = { enabler: "sa-policy" }

    const forget = (id: string): void => {
      cache.get(id)?.forEach(drop)
      cache.delete(id)
    }
    const changed = (id: string): void => {
      forget(id)
      changing.delete(id)
      if (changing.size >= cacheSize) changing.delete(changing.keys().next().value!)
      changing.set(id, undefined)
    }
    /** Whether what was read of `id` at `now` may be held. */
    const settled = (id: string, now: number): boolean => {
      if (!changing.has(id)) return true
      const until = changing.get(id)
      if (until === undefined) changing.set(id, now + cacheMillis)
      else if (now >= until) return changing.delete(id)
      return false
    }
    const hold = (ref: KeyRef, held: Held): void => {
      let versions = cache.get(ref.id)
      if (versions === undefined) {
        if (cache.size >= cacheSize) forget(cache.keys().next().value!)
        versions = new Map()
        cache.set(ref.id, versions)
      }
      const before = versions.get(ref.version)
      if (before !== undefined) drop(before)
      versions.set(ref.version, held)
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => [...cache.keys()].forEach(forget)))

    const seal = (id: string, purpose: KeyPurpose, version: number, octets: Uint8Array): Sealed.SealedVersion => {
      const master = masters.current()
      const nonce = primitives.random(12)
      return {
        version,
        masterKeyId: master.id,
        nonce,
        sealed: master.key.aesGcmSeal(nonce, Sealed.associatedData(id, purpose, version), octets)
      }
    }

    const open = (
      id: string,
      purpose: KeyPurpose,
      sealed: Sealed.SealedVersion
    ): Effect.Effect<Uint8Array, KeyUnreadable> => {
      const master = masters.byId(sealed.masterKeyId)
      if (master === undefined) return Effect.fail(new KeyUnreadable({ id, why: "unknown master key" }))
      const octets = master.aesGcmOpen(sealed.nonce, Sealed.associatedData(id, purpose, sealed.version), sealed.sealed)
      return octets === undefined ? Effect.fail(new KeyUnreadable({ id, why: "altered" })) : Effect.succeed(octets)
    }

    const refuse = <E extends KeyNotFound | WrongPurpose | KeyUnreadable | NotAuthorised>(error: E, id: string) =>
      Effect.andThen(
        events.emit("KeyRefused", { ...context, association: id, detail: error._tag, clause: "SEC_CF-SEC-001" }),
        Effect.fail(error)
      )

    const read = Effect.fnUntraced(function* (id: string, version: number) {
      const now = yield* Clock.currentTimeMillis
      const record = yield* store.record(collection, id, now)
      if (record === undefined) {
        forget(id)
        return yield* refuse(new KeyNotFound({ id, version }), id)
      }
      const key = Sealed.decode(record.value)
      if (key === undefined) return yield* refuse(new KeyUnreadable({ id, why: "not a key record" }), id)
      return { record, key, now }
    })

    const prepare = (purpose: KeyPurpose, octets: Uint8Array, given: KeyOptions = {}) =>
      Effect.sync((): PreparedKey => {
        const id = given.id ?? toHex(primitives.random(16))
        const sealed = seal(id, purpose, 1, octets)
        wipe(octets)
        const value = Sealed.encode({ purpose, versions: [sealed] })
        return {
          ref: { id, purpose, version: 1 },
          operation: putRecord(collection, id, value, "absent", given.notAfter)
        }
      })

    const put = Effect.fnUntraced(function* (purpose: KeyPurpose, octets: Uint8Array, given?: KeyOptions) {
      const { ref, operation } = yield* prepare(purpose, octets, given)
      yield* store.transact([operation], yield* Clock.currentTimeMillis)
      yield* events.emit("KeyStored", { ...context, association: ref.id, detail: purpose })
      return ref
    })

    /** Runs `work` in the very step in which the key is at hand: nobody disposes of it in between. */
    const withHeld = Effect.fnUntraced(function* <A>(ref: KeyRef, purpose: KeyPurpose, work: (held: Held) => A) {
      const now = yield* Clock.currentTimeMillis
      const cached = cache.get(ref.id)?.get(ref.version)
      if (cached !== undefined && now >= cached.checkedFrom && now < cached.checkedUntil) {
        if (cached.purpose !== purpose) return yield* refuse(new WrongPurpose({ id: ref.id, asked: purpose }), ref.id)
        return work(cached)
      }
      const { record, key, now: checkedFrom } = yield* read(ref.id, ref.version)
      if (key.purpose !== purpose) return yield* refuse(new WrongPurpose({ id: ref.id, asked: purpose }), ref.id)
      const sealed = key.versions.find((v) => v.version === ref.version)
      if (sealed === undefined || (sealed.until !== undefined && sealed.until <= checkedFrom)) {
        forget(ref.id)
        return yield* refuse(new KeyNotFound({ id: ref.id, version: ref.version }), ref.id)
      }
      const octets = yield* open(ref.id, key.purpose, sealed)
      const held: Held = {
        key: primitives.importKey(octets),
        purpose: key.purpose,
        checkedFrom,
        checkedUntil: Math.min(
          checkedFrom + cacheMillis,
          sealed.until ?? Number.POSITIVE_INFINITY,
          record.notAfter ?? Number.POSITIVE_INFINITY
        ),
        users: 1,
        dropped: false
      }
      wipe(octets)
      if (settled(ref.id, checkedFrom)) hold(ref, held)
      else held.dropped = true
      try {
        return work(held)
      } finally {
        release(held)
      }
    })

    const use = <A>(ref: KeyRef, purpose: KeyPurpose, work: (key: SecretKey) => A) =>
      withHeld(ref, purpose, ({ key }) => work(key))

    const useBoth = <A>(
      one: readonly [ref: KeyRef, purpose: KeyPurpose],
      other: readonly [ref: KeyRef, purpose: KeyPurpose],
      work: (one: SecretKey, other: SecretKey) => A
    ) =>
      Effect.suspend(() => {
        const pinned: Array<Held> = []
        const pin = (held: Held): SecretKey => {
          held.users++
          pinned.push(held)
          return held.key
        }
        return Effect.ensuring(
          Effect.flatMap(withHeld(...one, pin), (first) =>
            Effect.map(withHeld(...other, pin), (second) => work(first, second))
          ),
          Effect.sync(() => pinned.forEach(release))
        )
      })

    const permit = (principal: Identity, action: "replace" | "remove", id: string) =>
      Effect.suspend(() =>
        authorise(principal, action, id)
          ? Effect.void
          : refuse(new NotAuthorised({ id, principal: nameOf(principal) }), id)
      )

    const newest = Effect.fnUntraced(function* (id: string, purpose: KeyPurpose) {
      const { key } = yield* read(id, 0)
      if (key.purpose !== purpose) return yield* refuse(new WrongPurpose({ id, asked: purpose }), id)
      return { id, purpose, version: key.versions[0]!.version }
    })

    const replaced = Effect.fnUntraced(function* (
      id: string,
      purpose: KeyPurpose,
      octets: Uint8Array,
      given: ReplaceOptions
    ) {
      yield* permit(given.principal, "replace", id)
      const { record, key, now } = yield* read(id, 0)
      if (key.purpose !== purpose) return yield* refuse(new WrongPurpose({ id, asked: purpose }), id)
      const version = key.versions[0]!.version + 1
      const ref: KeyRef = { id, purpose, version }
      const until = Math.min(now + (given.graceMillis ?? 0), Number.MAX_SAFE_INTEGER)
      const kept = key.versions.map((old) => ({ ...old, until: old.until ?? until })).filter((old) => old.until > now)
      const value = Sealed.encode({ purpose, versions: [seal(id, purpose, version, octets), ...kept] })
      yield* Effect.ensuring(
        store.transact(
          [putRecord(collection, id, value, record.version, record.notAfter), ...(given.with?.(ref) ?? [])],
          now
        ),
        Effect.sync(() => changed(id))
      )
      yield* events.emit("KeyReplaced", {
        ...context,
        association: id,
        subject: nameOf(given.principal),
        detail: purpose
      })
      return ref
    })

    const replace = (id: string, purpose: KeyPurpose, octets: Uint8Array, given: ReplaceOptions) =>
      Effect.ensuring(
        replaced(id, purpose, octets, given),
        Effect.sync(() => wipe(octets))
      )

    const remove = Effect.fnUntraced(function* (id: string, given: { readonly principal: Identity }) {
      yield* permit(given.principal, "remove", id)
      yield* Effect.ensuring(
        store.transact([deleteRecord(collection, id)], yield* Clock.currentTimeMillis),
        Effect.sync(() => changed(id))
      )
      yield* events.emit("KeyRemoved", { ...context, association: id, subject: nameOf(given.principal) })
    })

    const resealRecord = Effect.fnUntraced(function* (record: StoredRecord, now: number) {
      const key = Sealed.decode(record.value)
      if (key === undefined) return yield* new KeyUnreadable({ id: record.key, why: "not a key record" })
      const newestId = masters.current().id
      if (key.versions.every((v) => v.masterKeyId === newestId)) return 0
      const versions: Array<Sealed.SealedVersion> = []
      for (const old of key.versions) {
        const octets = yield* open(record.key, key.purpose, old)
        const fresh = seal(record.key, key.purpose, old.version, octets)
        wipe(octets)
        versions.push(old.until === undefined ? fresh : { ...fresh, until: old.until })
      }
      const value = Sealed.encode({ purpose: key.purpose, versions })
      return yield* store
        .transact([putRecord(collection, record.key, value, record.version, record.notAfter)], now)
        .pipe(
          Effect.as(1),
          // somebody replaced or removed it meanwhile: what they wrote is sealed under the newest key, or gone
          Effect.catchTag("Conflict", () => Effect.succeed(0))
        )
    })

    const reseal = Effect.gen(function* () {
      let after: string | undefined
      let resealed = 0
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const page = yield* store.records(collection, { now, limit: 200, ...(after === undefined ? {} : { after }) })
        for (const record of page) resealed += yield* resealRecord(record, now)
        if (page.length < 200) return resealed
        after = page[page.length - 1]!.key
      }
    })

    return {
      prepare,
      put,
      generate: (purpose: KeyPurpose, length: number, given?: KeyOptions) =>
        Effect.suspend(() => put(purpose, primitives.random(length), given)),
      newest,
      use,
      useBoth,
      authorise: permit,
      replace,
      remove,
      removal: (id: string) => {
        changed(id)
        return deleteRecord(collection, id)
      },
      reseal
    }
  })

/** The vault on the store. */
export const layer = (
  options: VaultOptions = {}
): Layer.Layer<KeyVault, never, Store | Primitives | MasterKeys | SecurityEvents> =>
  Layer.effect(KeyVault, make(options))
