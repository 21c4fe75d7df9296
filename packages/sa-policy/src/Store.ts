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
import type { Revocation, SaId, StoredAssociation } from "./SecurityAssociation.ts"
import type { Operation, Reservation, ReserveRequest, StoredRecord, Swept } from "./StoreOperation.ts"

export * from "./StoreOperation.ts"

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
    /** Records of a collection in the order of the UTF-8 octets of their keys, from the first key greater than `after`; `limit` is at most 1,000. */
    readonly records: (
      collection: string,
      options: { readonly after?: string; readonly prefix?: string; readonly limit?: number; readonly now: number }
    ) => Effect.Effect<ReadonlyArray<StoredRecord>, Unavailable>
    /** Removes at most `limit` associations and records that ended before `now`; gives the names of the associations. */
    readonly sweep: (now: number, limit: number) => Effect.Effect<Swept, Unavailable>
    /** How many associations and records it holds. */
    readonly size: Effect.Effect<{ readonly associations: number; readonly records: number }, Unavailable>
    /** Revocations from now on, each once, whichever node made them. */
    readonly revocations: Stream.Stream<Revocation, Unavailable>
  }
>()("@oma/sa-policy/Store") {}
