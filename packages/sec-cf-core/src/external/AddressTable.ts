/**
 * The table address -> subscriber as a pure machine: what one accounting message changes, given what is known so far.
 *
 * The authenticator of an accounting message does not stop a replay, and an old Start would give an address back to its former
 * holder. So a message changes the table only if its time is near now, it is not older than what it would change, its session was not
 * stopped, and its NAS was not started anew since.
 *
 * @layer machine
 * @spec RFC 2866 section 4.1 and 5.1; the rules against replay are our own
 */
import type { AccountingRecord } from "./AccountingRecord.ts"
import type { AddressEntry } from "./AddressEntry.ts"

/** What the table knows of the things that a message speaks of. */
export interface Known {
  /** The entry of each address of the message, then of each further address that its session has. */
  readonly entries: ReadonlyArray<AddressEntry | undefined>
  /** When the session of the message ended, where it has. */
  readonly stopped: number | undefined
  /** When each NAS of the message last came up or went down, as far as known. */
  readonly cleared: ReadonlyArray<number | undefined>
}

export interface TableRules {
  /** How far, in milliseconds, the time of a message may lie from now. */
  readonly freshness: number
  /** A message without Event-Timestamp counts: the link to this NAS lets no replay through. */
  readonly linkProtected: boolean
}

export type Refusal =
  | "no time"
  | "too old"
  | "too new"
  | "older than the entry"
  | "session was stopped"
  | "before the NAS came up"
  | "no subscriber"
  | "no address"

/** What the table changes. `Put` and `Remove` name addresses by their place among the known entries. */
export type Change =
  | { readonly _tag: "Put"; readonly at: number; readonly entry: AddressEntry }
  | { readonly _tag: "Remove"; readonly at: number }
  /** Messages of `session` do not count any more. */
  | { readonly _tag: "Stopped"; readonly session: string; readonly time: number }
  /** Entries of this NAS that are not younger than `time` are void. */
  | { readonly _tag: "Cleared"; readonly time: number }

export type Step =
  | { readonly _tag: "Changed"; readonly changes: ReadonlyArray<Change> }
  /** Nothing changes; the message is answered all the same. */
  | { readonly _tag: "Ignored"; readonly refusal: Refusal }

const ignored = (refusal: Refusal): Step => ({ _tag: "Ignored", refusal })

/** The time of the event in milliseconds, or why there is none that counts. */
export const timeOf = (record: AccountingRecord, now: number, rules: TableRules): number | Refusal => {
  if (record.eventTimestamp === undefined) return rules.linkProtected ? now - record.delay * 1000 : "no time"
  return (record.eventTimestamp - record.delay) * 1000
}

/** Whether an entry is void because its NAS came up or went down after it. */
export const isVoid = (entry: AddressEntry, cleared: ReadonlyArray<number | undefined>): boolean =>
  cleared.some((time) => time !== undefined && time >= entry.time)

/** What `record`, received at `now`, does; `session` is the name of its session across all NAS. */
export const step = (known: Known, record: AccountingRecord, session: string, now: number, rules: TableRules): Step => {
  const time = timeOf(record, now, rules)
  if (typeof time !== "number") return ignored(time)
  if (time < now - rules.freshness) return ignored("too old")
  if (time > now + rules.freshness) return ignored("too new")
  if (known.cleared.some((cleared) => cleared !== undefined && time <= cleared))
    return ignored("before the NAS came up")
  switch (record.status) {
    case "Accounting-On":
    case "Accounting-Off":
      return { _tag: "Changed", changes: [{ _tag: "Cleared", time }] }
    case "Stop":
      return stop(known, session, time)
    case "Start":
    case "Interim-Update":
      return hold(known, record, session, time)
  }
}

/** A stop from before the NAS came up was about another session of that name. */
const wasStopped = ({ stopped, cleared }: Known): boolean =>
  stopped !== undefined && !cleared.some((time) => time !== undefined && time >= stopped)

const stop = (known: Known, session: string, time: number): Step => {
  const own = known.entries.flatMap((entry, at) => (entry?.session === session ? [{ entry, at }] : []))
  if (own.some(({ entry }) => entry.time > time)) return ignored("older than the entry")
  if (own.length === 0 && wasStopped(known)) return ignored("session was stopped")
  // also where no entry agrees: a Start that was overtaken by its Stop must not count
  return {
    _tag: "Changed",
    changes: [...own.map(({ at }): Change => ({ _tag: "Remove", at })), { _tag: "Stopped", session, time }]
  }
}

const hold = (known: Known, record: AccountingRecord, session: string, time: number): Step => {
  if (wasStopped(known)) return ignored("session was stopped")
  if (record.addresses.length === 0) return ignored("no address")
  if (record.names.length === 0) return ignored("no subscriber")
  if (known.entries.some((entry) => entry !== undefined && entry.time > time)) return ignored("older than the entry")
  const changes: Array<Change> = []
  for (let at = 0; at < record.addresses.length; at++) {
    const before = known.entries[at]
    changes.push({ _tag: "Put", at, entry: { names: record.names, session, nas: record.nas, time } })
    // who lost the address must not get it back by a message of the same second
    if (before !== undefined && before.session !== session) {
      changes.push({ _tag: "Stopped", session: before.session, time })
    }
  }
  return { _tag: "Changed", changes }
}
