/**
 * The security association database: the one place where associations of all enablers live, are looked up and end.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import { toHex } from "./bytes/Bytes.ts"
import { Primitives } from "./Primitives.ts"
import {
  type Exhausted,
  SaExpired,
  SaNotFound,
  SaOutOfScope,
  type SaRevoked,
  type StoreError,
  type Unavailable
} from "./SaError.ts"
import type {
  Revocation,
  RevocationReason,
  SaId,
  Scope,
  SecurityAssociation,
  StoredAssociation
} from "./SecurityAssociation.ts"
import { SecurityEvents } from "./SecurityEvents.ts"
import {
  accept as acceptOperation,
  type Expectation,
  type Operation,
  put,
  revoke as revokeOperation,
  Store
} from "./Store.ts"

export type LookupError = SaNotFound | SaExpired | SaRevoked | SaOutOfScope | Unavailable

/** An association in force: `aging` once it is past its soft expiry and should be replaced. */
export interface LiveAssociation extends StoredAssociation {
  readonly aging: boolean
}

/**
 * The SAD.
 *
 * @spec RFC 4301 section 4.4.2
 */
export class Sad extends Context.Service<
  Sad,
  {
    /** Adds an association; fails with `Conflict` where a living one has its id or wire identifier. `with` joins the transaction. */
    readonly add: (
      sa: SecurityAssociation,
      options?: { readonly expect?: Expectation; readonly with?: ReadonlyArray<Operation> }
    ) => Effect.Effect<void, StoreError>
    /** An association that is in force, and counts in `scope` where one is given. */
    readonly get: (id: SaId, scope?: Partial<Scope>) => Effect.Effect<LiveAssociation, LookupError>
    /** The same by the octets with which messages of `mechanism` name it. */
    readonly find: (
      mechanism: string,
      wireId: Uint8Array,
      scope?: Partial<Scope>
    ) => Effect.Effect<LiveAssociation, LookupError>
    /**
     * Accepts an inbound number, once, ever, across all nodes and restarts, together with what its message did (`with`). The
     * message may be delivered when this succeeds.
     */
    readonly accept: (
      id: SaId,
      number: number,
      options?: { readonly with?: ReadonlyArray<Operation> }
    ) => Effect.Effect<void, StoreError>
    /** The next outbound number, given out once. Answers from memory while this node leases the numbers. */
    readonly nextSequence: (
      id: SaId
    ) => Effect.Effect<number, SaNotFound | SaExpired | SaRevoked | Exhausted | Unavailable>
    readonly revoke: (
      id: SaId,
      why: RevocationReason,
      options?: { readonly with?: ReadonlyArray<Operation> }
    ) => Effect.Effect<void, StoreError>
    readonly transact: (operations: ReadonlyArray<Operation>) => Effect.Effect<void, StoreError>
    /** Removes what expired, at most `limit` entries (1,000 unless given); gives how many went. */
    readonly sweep: (limit?: number) => Effect.Effect<number, Unavailable>
    /** Revocations from now on, by whichever node. */
    readonly revocations: Stream.Stream<Revocation, Unavailable>
  }
>()("@oma/sa-policy/Sad") {}

export interface SadOptions {
  /** Outbound numbers made durable ahead of use; 1,024 unless given. */
  readonly horizon?: number
  /** How long one node keeps the right to number alone; 2,000 ms unless given. */
  readonly leaseMillis?: number
  /** How much of the lease is left unused because clocks of nodes differ; 500 ms unless given. */
  readonly skewMillis?: number
  /** Associations whose numbers are leased at a time; 100,000 unless given. */
  readonly leases?: number
}

interface Lease {
  next: number
  last: number
  from: number
  until: number
}

/** Whether an association with `scope` may be used where `asked` says. */
export const covers = (scope: Scope, asked: Partial<Scope>): boolean =>
  (asked.enabler === undefined || asked.enabler === scope.enabler) &&
  (asked.interface === undefined || asked.interface === scope.interface) &&
  (asked.direction === undefined || scope.direction === "both" || asked.direction === scope.direction)

const make = (options: SadOptions) =>
  Effect.gen(function* () {
    const store = yield* Store
    const events = yield* SecurityEvents
    const { random } = yield* Primitives
    const owner = toHex(random(8))
    const horizon = options.horizon ?? 1024
    const leaseMillis = options.leaseMillis ?? 2000
    const usableMillis = leaseMillis - (options.skewMillis ?? 500)
    const maximumLeases = options.leases ?? 100_000
    const leases = new Map<SaId, Lease>()
    const reserving = new Map<SaId, Deferred.Deferred<void>>()

    const live = (
      id: SaId | string,
      stored: StoredAssociation | undefined,
      now: number,
      scope: Partial<Scope> | undefined
    ): Effect.Effect<LiveAssociation, SaNotFound | SaExpired | SaOutOfScope> => {
      if (stored === undefined) return Effect.fail(new SaNotFound({ id }))
      const { hardExpiry, softExpiry } = stored.sa
      if (hardExpiry !== undefined && now >= hardExpiry)
        return Effect.fail(new SaExpired({ id: stored.sa.id, hardExpiry }))
      if (scope !== undefined && !covers(stored.sa.scope, scope)) {
        return Effect.fail(new SaOutOfScope({ id: stored.sa.id, scope: stored.sa.scope }))
      }
      return Effect.succeed({ ...stored, aging: softExpiry !== undefined && now >= softExpiry })
    }

    // numbers that were leased under an association are not for what takes its place
    const endLeases = (operations: ReadonlyArray<Operation>) =>
      Effect.sync(() => {
        for (const operation of operations) {
          if (operation._tag === "Put") leases.delete(operation.sa.id)
          else if (operation._tag === "Revoke") leases.delete(operation.id)
        }
      })

    const transact = (operations: ReadonlyArray<Operation>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => store.transact(operations, now)).pipe(
        Effect.ensuring(endLeases(operations)),
        Effect.tapError((error) =>
          error._tag === "Replayed"
            ? events.emit("ReplayRefused", {
                enabler: "sa-policy",
                association: error.id,
                clause: "RFC 4303 section 3.4.3: each number is accepted once",
                detail: `${error.number}: ${error.refusal}`
              })
            : error._tag === "Unavailable"
              ? events.emit("StoreUnavailable", { enabler: "sa-policy", detail: error.what })
              : Effect.void
        )
      )

    const reserve = Effect.fnUntraced(function* (id: SaId) {
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const given = yield* store.reserve({ id, owner, count: horizon, leaseMillis, now })
        if (given._tag === "Block") {
          if (leases.size >= maximumLeases) leases.delete(leases.keys().next().value!)
          const usableUntil = Math.min(given.until, now + usableMillis)
          leases.set(id, { next: given.first + 1, last: given.last, from: now, until: usableUntil })
          return given.first
        }
        yield* Effect.sleep(Duration.millis(Math.max(1, given.until - now)))
      }
    })

    const fromLease = (id: SaId, now: number): number | undefined => {
      const lease = leases.get(id)
      if (lease === undefined || now < lease.from || now >= lease.until || lease.next > lease.last) return undefined
      return lease.next++
    }

    // one reservation at a time for each association: the others wait for it and take from the block
    const nextSequence = Effect.fnUntraced(function* (id: SaId) {
      for (;;) {
        const number = fromLease(id, yield* Clock.currentTimeMillis)
        if (number !== undefined) return number
        const other = reserving.get(id)
        if (other !== undefined) {
          yield* Deferred.await(other)
          continue
        }
        return yield* Effect.acquireUseRelease(
          Effect.sync(() => {
            const done = Deferred.makeUnsafe<void>()
            reserving.set(id, done)
            return done
          }),
          () => reserve(id),
          (done) => {
            if (reserving.get(id) === done) reserving.delete(id)
            return Deferred.succeed(done, undefined)
          }
        )
      }
    })

    const revoke = Effect.fnUntraced(function* (
      id: SaId,
      why: RevocationReason,
      given?: { readonly with?: ReadonlyArray<Operation> }
    ) {
      yield* transact([revokeOperation(id, why), ...(given?.with ?? [])])
      yield* events.emit("AssociationRevoked", { enabler: "sa-policy", association: id, detail: why })
    })

    return {
      add: Effect.fnUntraced(function* (
        sa: SecurityAssociation,
        given?: { readonly expect?: Expectation; readonly with?: ReadonlyArray<Operation> }
      ) {
        yield* transact([put(sa, given?.expect ?? "absent"), ...(given?.with ?? [])])
        yield* events.emit("AssociationMade", {
          enabler: sa.scope.enabler,
          interface: sa.scope.interface,
          association: sa.id,
          clause: sa.provenance.clause,
          ...(sa.peer._tag === "Authenticated" ? { subject: sa.peer.subject } : {})
        })
      }),
      get: (id: SaId, scope?: Partial<Scope>) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.flatMap(store.get(id), (stored) => live(id, stored, now, scope))
        ),
      find: (mechanism: string, wireId: Uint8Array, scope?: Partial<Scope>) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.flatMap(store.find(mechanism, wireId), (stored) =>
            live(`${mechanism}:${toHex(wireId)}`, stored, now, scope)
          )
        ),
      accept: (id: SaId, number: number, given?: { readonly with?: ReadonlyArray<Operation> }) =>
        transact([acceptOperation(id, number), ...(given?.with ?? [])]),
      nextSequence,
      revoke,
      transact,
      sweep: Effect.fnUntraced(function* (limit = 1000) {
        const { associations, removed } = yield* store.sweep(yield* Clock.currentTimeMillis, limit)
        for (const id of associations) {
          leases.delete(id)
          yield* events.emit("AssociationExpired", { enabler: "sa-policy", association: id })
        }
        return removed
      }),
      revocations: store.revocations
    }
  })

/** The SAD on the store. */
export const layer = (options: SadOptions = {}): Layer.Layer<Sad, never, Store | SecurityEvents | Primitives> =>
  Layer.effect(Sad, make(options))

/**
 * Sweeps in the background every `every` (10 seconds unless given), at most `limit` entries at a time, and goes on at once while
 * there is more. A store that does not answer is tried again at the next turn.
 */
export const layerSweeper = (options: { readonly every?: Duration.Input; readonly limit?: number } = {}) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sad = yield* Sad
      const limit = Math.max(1, options.limit ?? 1000)
      const turn = Effect.repeat(sad.sweep(limit), { while: (gone) => gone === limit }).pipe(
        Effect.catchTag("Unavailable", () => Effect.succeed(0))
      )
      yield* Effect.forkScoped(Effect.repeat(turn, Schedule.spaced(options.every ?? "10 seconds")))
    })
  )
