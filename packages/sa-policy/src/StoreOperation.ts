/**
 * What callers ask of a store, and what they get: the values of the port in `Store.ts`.
 *
 * @layer codec
 */
import type { RevocationReason, SaId, SecurityAssociation } from "./SecurityAssociation.ts"

/**
 * What must hold for a write: nothing stands there, exactly this version stands there, or whatever.
 *
 * For an association `absent` holds where none stands or the one that stands has ended; a number is exact. An association that
 * was revoked within the last day is made anew by `absent` only: with `any` or a number the write fails with `SaRevoked`, so that
 * nobody who had not heard of it brings it back.
 */
export type Expectation = "absent" | "any" | number

/** One change. Operations of a transaction see the effects of those before them. */
export type Operation =
  /**
   * Makes or replaces an association. Replacing keeps its counters unless `resetCounters`; one that `absent` makes starts
   * with new ones. A `wireId` that names another living association of the mechanism is a `Conflict`.
   */
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

/** Octets under a name: `version` counts the writes from 1 until it is deleted. Expired records are read as absent. */
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
  /** How many numbers to reserve if nobody else holds a lease; at most 65,536. */
  readonly count: number
  /** How long, in milliseconds, the owner may use them from memory; at most one hour. */
  readonly leaseMillis: number
  readonly now: number
}

/**
 * `Block`: the numbers `first` to `last` are the caller's, durably, and may be used until `until`, which never lies after the hard expiry; a single
 * number with `until` equal to `now` is for the message in hand. `Wait`: another owner's lease
 * runs until `until`; asking again then gives numbers, one at a time while both ask, because two blocks side by side would make
 * a strict receiver drop the lower one.
 */
export type Reservation =
  | { readonly _tag: "Block"; readonly first: number; readonly last: number; readonly until: number }
  | { readonly _tag: "Wait"; readonly until: number }

/**
 * The record whose `version` is the epoch of a store: 0 where there is none. Whatever a process keeps in memory only, such as the
 * uses of HTTP Digest nonces, carries the epoch; who loses that memory writes the record anew, and a store that is
 * recovered from a backup does. Things of an older epoch are stale.
 */
export const epochRecord = { collection: "store", key: "epoch" } as const

/** What a sweep removed: the names of the associations, and how many entries in all, records and old revocations among them. */
export interface Swept {
  readonly associations: ReadonlyArray<SaId>
  readonly removed: number
}
