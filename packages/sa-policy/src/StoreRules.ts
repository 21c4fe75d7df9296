/**
 * What every store decides in the same way: limits, expectations, counters of a replacement, numbers for senders. Free of
 * time and IO, so that memory, SQLite, PostgreSQL and Redis differ only in how they keep their rows.
 *
 * @layer machine
 */
import * as ReplayWindow from "./ReplayWindow.ts"
import { Unacceptable } from "./SaError.ts"
import { fault, isName, type SecurityAssociation } from "./SecurityAssociation.ts"
import { type Expectation, type Operation, type Reservation, recordLimits } from "./StoreOperation.ts"

/** How long, in milliseconds, a store answers `SaRevoked` for an association that was revoked. */
export const revocationMemory = 86_400_000

/** What one transaction, lease and sweep may ask for at most; larger wishes for numbers, time or rows are cut to these. */
export const storeLimits = { operations: 1000, numbers: 65_536, leaseMillis: 3_600_000, sweep: 10_000 } as const

/** The numbers that `sa` may send under. */
export const outboundOf = (sa: SecurityAssociation): { readonly first: number; readonly last: number } =>
  sa.outbound ?? { first: 1, last: 0xffffffff }

/** Whether `sa` is over at `now`, which is so when `now` is no number. */
export const isOver = (sa: { readonly hardExpiry?: number | undefined }, now: number): boolean =>
  sa.hardExpiry !== undefined && !(now < sa.hardExpiry)

/** Whether a thing of version `version` (0: none stands there) meets `expect`. */
export const meets = (expect: Expectation, version: number): boolean =>
  expect === "any" || (expect === "absent" ? version === 0 : version !== 0 && expect === version)

const octetsUpTo = (text: string, most: number) =>
  text.length <= most && text.length >= 1 && isName(text) ? undefined : `must have 1 to ${most} characters of Unicode`

/** Why no store takes `operation`, or `undefined`. */
export const unacceptable = (operation: Operation): Unacceptable | undefined => {
  switch (operation._tag) {
    case "Put": {
      const why = fault(operation.sa)
      return why === undefined ? undefined : new Unacceptable({ key: operation.sa.id, why })
    }
    case "PutRecord": {
      const { key, collection, value, notAfter } = operation
      const name = octetsUpTo(collection, recordLimits.collection)
      if (name !== undefined) return new Unacceptable({ key: collection, why: `collection ${name}` })
      const entry = octetsUpTo(key, recordLimits.key)
      if (entry !== undefined) return new Unacceptable({ key, why: `key ${entry}` })
      if (value.length > recordLimits.value) {
        return new Unacceptable({ key, why: `value must have at most ${recordLimits.value} octets` })
      }
      return notAfter === undefined || Number.isSafeInteger(notAfter)
        ? undefined
        : new Unacceptable({ key, why: "notAfter must be whole milliseconds" })
    }
    default:
      return undefined
  }
}

/** The counters of an association that nobody has used. */
export const freshCounters = (sa: SecurityAssociation) => ({
  inbound: ReplayWindow.initial(sa.replay, sa.firstInbound),
  horizon: outboundOf(sa).first
})

/** The counters of `sa` when it replaces `before`, whose counters these were. */
export const keptCounters = (
  before: SecurityAssociation,
  counters: { readonly inbound: ReplayWindow.ReplayState; readonly horizon: number },
  sa: SecurityAssociation
) => ({
  inbound: ReplayWindow.adopt(before.replay, counters.inbound, sa.replay, sa.firstInbound),
  horizon: Math.max(counters.horizon, outboundOf(sa).first)
})

/**
 * Who sends under an association: `owner` was given numbers last and may use them from memory until `until`, `length`
 * milliseconds after it got them. Until `contended` numbers are given one at a time.
 */
export interface Lease {
  readonly owner: string
  readonly until: number
  readonly length: number
  readonly contended: number
}

export const noLease: Lease = { owner: "", until: 0, length: 0, contended: 0 }

/** The answer to a sender, and what the store must keep before it gives it. `Exhausted` when no number is left. */
export type Numbers =
  | { readonly _tag: "Exhausted" }
  | { readonly _tag: "Given"; readonly answer: Reservation; readonly horizon: number; readonly lease: Lease }

const whole = (value: number, most: number): number => (value >= 0 ? Math.min(most, Math.floor(value)) : 0)

/**
 * Numbers for `request.owner` from `horizon` to `last`.
 *
 * One owner at a time takes blocks. Another one that asks is told to wait until the lease is over; from then on, and for as
 * long as two owners keep asking within the lease time, each answer is a single number for the message in hand (its `until` is
 * `now`), and nobody holds a lease. A clock that was set back cannot make a lease longer than it was given.
 */
export const numbers = (
  request: { readonly owner: string; readonly count: number; readonly leaseMillis: number; readonly now: number },
  horizon: number,
  last: number,
  lease: Lease
): Numbers => {
  if (horizon > last) return { _tag: "Exhausted" }
  const { owner, now } = request
  const length = whole(request.leaseMillis, storeLimits.leaseMillis)
  const until = Math.min(lease.until, now + lease.length)
  const contended = Math.min(lease.contended, until + storeLimits.leaseMillis)
  if (now < until && lease.owner !== owner) {
    return {
      _tag: "Given",
      answer: { _tag: "Wait", until },
      horizon,
      lease: { owner: lease.owner, until, length: lease.length, contended: Math.max(contended, until + length) }
    }
  }
  if (now < contended) {
    const held = now < until
    return {
      _tag: "Given",
      answer: { _tag: "Block", first: horizon, last: horizon, until: held ? until : now },
      horizon: horizon + 1,
      lease: {
        owner,
        until: held ? until : now,
        length: held ? lease.length : 0,
        contended: owner === lease.owner ? contended : now + length
      }
    }
  }
  const end = Math.min(last, horizon + Math.max(1, whole(request.count, storeLimits.numbers)) - 1)
  return {
    _tag: "Given",
    answer: { _tag: "Block", first: horizon, last: end, until: now + length },
    horizon: end + 1,
    lease: { owner, until: now + length, length, contended: 0 }
  }
}
