/**
 * The port that every store implements: memory, SQLite, PostgreSQL, Redis. One transaction changes associations and records
 * together, so that a number is accepted in the very commit that keeps what its message did.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Exhausted, SaExpired, SaNotFound, SaRevoked, StoreError, Unavailable } from "./SaError.ts"
import type { Revocation, RevocationReason, SaId, SecurityAssociation, StoredAssociation } from "./SecurityAssociation.ts"

/**
 * What must hold for a write: nothing stands there, exactly this version stands there, or whatever.
 *
 * For an association `absent` holds where none stands or the one that stands has ended; a number is exact.
 */
export type Expectation = "absent" | "any" | number

/** One change. Operations of a transaction see the effects of those before them. */
export type Operation =
  /** Makes or replaces an association. Replacing keeps its counters unless `resetCounters`. */
  | {
      readonly _tag: "Put"
      readonly sa: SecurityAssociation
      readonly expect: Expectation
      readonly resetCounters?: boolean
    }
  /** Accepts an inbound number: once, ever, across all nodes. */
  | { readonly _tag: "Accept"; readonly id: SaId; readonly number: number }
  /** Ends an association. One that is gone already is left gone without failure and without a second announcement. */
  | { readonly _tag: "Revoke"; readonly id: SaId; readonly why: RevocationReason }
  | {
      readonly _tag: "PutRecord"
      readonly collection: string
      readonly key: string
      readonly value: Uint8Array
      readonly expect: Expectation
      readonly notAfter?: number
    }
  | { readonly _tag: "DeleteRecord"; readonly collection: string; readonly key: string; readonly expect: Expectation }

export const put = (
  sa: SecurityAssociation,
  expect: Expectation = "any",
  options?: { readonly resetCounters?: boolean }
): Operation => ({ _tag: "Put", sa, expect, ...options })
export const accept = (id: SaId, number: number): Operation => ({ _tag: "Accept", id, number })
export const revoke = (id: SaId, why: RevocationReason): Operation => ({ _tag: "Revoke", id, why })
export const putRecord = (
  collection: string,
  key: string,
  value: Uint8Array,
  expect: Expectation = "any",
  notAfter?: number
): Operation => ({ _tag: "PutRecord", collection, key, value, expect, ...(notAfter === undefined ? {} : { notAfter }) })
export const deleteRecord = (collection: string, key: string, expect: Expectation = "any"): Operation => ({
  _tag: "DeleteRecord",
  collection,
  key,
  expect
})

/** Octets under a name: `version` counts the writes from 1. Expired records are read as absent. */
export interface StoredRecord {
  readonly key: string
  readonly value: Uint8Array
  readonly version: number
  readonly notAfter?: number
}

/** What a record allows at most. */
export const recordLimits = { collection: 64, key: 512, value: 1024 * 1024, page: 1000 } as const

/** A sender's claim to numbers: `owner` is the connection or process that will use them from memory. */
export interface ReserveRequest {
  readonly id: SaId
  readonly owner: string
  /** How many numbers to reserve if nobody else holds a lease. */
  readonly count: number
  /** How long, in milliseconds, the owner may use them from memory. */
  readonly leaseMillis: number
  readonly now: number
}

/**
 * `Block`: the numbers `first` to `last` are the caller's, durably, and may be used until `until`. `Wait`: another owner's lease
 * runs until `until`; asking again then gives numbers, one at a time while both ask, because two blocks side by side would make
 * a strict receiver drop the lower one.
 */
export type Reservation =
  | { readonly _tag: "Block"; readonly first: number; readonly last: number; readonly until: number }
  | { readonly _tag: "Wait"; readonly until: number }

/**
 * The store. Laws: `@oma/sa-policy/testing`.
 *
 * `now` is milliseconds since 1970, from the caller's `Clock`, so that expiry is the same for every store.
 */
export class Store extends Context.Service<
  Store,
  {
    /** The association, expired or not, or `undefined`. Fails with `SaRevoked` for one that was revoked within the last day. */
    readonly get: (id: SaId) => Effect.Effect<StoredAssociation | undefined, SaRevoked | Unavailable>
    /** The same by the octets with which messages of `mechanism` name it. */
    readonly find: (
      mechanism: string,
      wireId: Uint8Array
    ) => Effect.Effect<StoredAssociation | undefined, SaRevoked | Unavailable>
    /**
     * All of `operations` or none, durable when it succeeds. Fails with the error of the first operation that cannot be done.
     * Stores gather the transactions of one turn into one commit.
     */
    readonly transact: (operations: ReadonlyArray<Operation>, now: number) => Effect.Effect<void, StoreError>
    /** Takes numbers for a sender; the horizon behind them is durable before this answers. */
    readonly reserve: (
      request: ReserveRequest
    ) => Effect.Effect<Reservation, SaNotFound | SaExpired | SaRevoked | Exhausted | Unavailable>
    readonly record: (
      collection: string,
      key: string,
      now: number
    ) => Effect.Effect<StoredRecord | undefined, Unavailable>
    /** Records of a collection in the order of their keys, from the first key greater than `after`. */
    readonly records: (
      collection: string,
      options: { readonly after?: string; readonly prefix?: string; readonly limit?: number; readonly now: number }
    ) => Effect.Effect<ReadonlyArray<StoredRecord>, Unavailable>
    /** Removes at most `limit` associations and records that ended before `now`; gives the names of the associations. */
    readonly sweep: (now: number, limit: number) => Effect.Effect<ReadonlyArray<SaId>, Unavailable>
    /** How many associations and records it holds. */
    readonly size: Effect.Effect<{ readonly associations: number; readonly records: number }, Unavailable>
    /** Revocations from now on, each once, whichever node made them. */
    readonly revocations: Stream.Stream<Revocation, Unavailable>
  }
>()("@oma/sa-policy/Store") {}
