/**
 * Puts the parts of long messages together, as a pure machine: time is passed in, every message has an answer, and what it
 * holds is bounded for each sender and in all.
 *
 * A set is known by originating address, reference, number of parts and ports. Parts may come in any order and more than
 * once. A set that is not complete after the timeout, counted from its first part, is dropped. The state is changed in
 * place, so that a part costs the same however many sets are open: it belongs to one owner.
 *
 * @spec TS 23.040 9.2.3.24.1; limits and timeout are our own choice
 * @layer machine
 */
import * as Result from "effect/Result"
import type { Malformed } from "./Malformed.ts"
import { concat, same } from "./Octets.ts"
import type { ShortMessage, SmsAddress } from "./ShortMessage.ts"
import { type Concatenation, decodeUdh, type Ports } from "./Udh.ts"

/** A whole message. `data` is the user data without headers. */
export interface Datagram {
  readonly from: SmsAddress
  readonly to: SmsAddress
  /** Absent where the messages carried none. */
  readonly ports?: Ports
  readonly dataCoding: number
  readonly data: Uint8Array
  /** How many short messages it came in. */
  readonly parts: number
}

export interface ReassemblyLimits {
  /** Milliseconds from the first part of a set until it is dropped; 60,000. Completed sets are remembered as long. */
  readonly timeout: number
  /** Parts of one set; 255. */
  readonly maxParts: number
  /** Open sets in all; 1,024. */
  readonly maxSets: number
  /** Open sets of one sender; 16. */
  readonly maxSetsPerSender: number
  /** Octets kept for one sender; 65,536. */
  readonly maxOctetsPerSender: number
  /** Octets kept in all; 4,194,304. */
  readonly maxOctets: number
  /** Completed sets remembered, so that late duplicates do not open them again; 1,024. */
  readonly maxRemembered: number
}

export const defaultReassemblyLimits: ReassemblyLimits = {
  timeout: 60_000,
  maxParts: 255,
  maxSets: 1024,
  maxSetsPerSender: 16,
  maxOctetsPerSender: 65_536,
  maxOctets: 4_194_304,
  maxRemembered: 1024
}

/** Why a part was not kept. */
export type RefusedBecause = "too many parts" | "too many sets" | "sender's share used up" | "memory used up"

/** What became of a short message. */
export type Outcome =
  | { readonly _tag: "Complete"; readonly datagram: Datagram }
  | { readonly _tag: "Waiting"; readonly have: number; readonly total: number }
  /** This part was there already, or its set is complete. */
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Refused"; readonly because: RefusedBecause }
  | { readonly _tag: "Malformed"; readonly failure: Malformed }

/** A set that was dropped before it was complete. */
export interface Incomplete {
  readonly from: SmsAddress
  readonly have: number
  readonly total: number
  /** Numbers of the parts that never came. */
  readonly missing: ReadonlyArray<number>
}

interface OpenSet {
  readonly sender: string
  readonly from: SmsAddress
  readonly total: number
  readonly since: number
  readonly parts: Map<number, Uint8Array>
  octets: number
}

interface Share {
  sets: number
  octets: number
}

interface Remembered {
  readonly at: number
  readonly marks: ReadonlyArray<number>
}

/** The state of the machine. Made by `make`, changed by `accept` and `expire` only. */
export interface Reassembly {
  readonly limits: ReassemblyLimits
  /** Open sets, the oldest first. */
  readonly open: Map<string, OpenSet>
  readonly shares: Map<string, Share>
  /** Completed sets, the oldest first. */
  readonly done: Map<string, Remembered>
  octets: number
}

/** A machine that holds nothing yet. */
export const make = (limits: Partial<ReassemblyLimits> = {}): Reassembly => ({
  limits: { ...defaultReassemblyLimits, ...limits },
  open: new Map(),
  shares: new Map(),
  done: new Map(),
  octets: 0
})

const addressKey = (address: SmsAddress): string => `${address.ton}/${address.npi}/${address.number}`

const setKey = (sender: string, to: SmsAddress, c: Concatenation, ports: Ports | undefined): string =>
  `${sender}|${addressKey(to)}|${c.width}:${c.reference}|${c.total}|${
    ports === undefined ? "" : `${ports.width}:${ports.destination}:${ports.source}`
  }`

/** FNV-1a: tells a repeated part of a completed set from a part of a new set that reuses the reference. */
const mark = (octets: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const value of octets) hash = Math.imul(hash ^ value, 0x01000193)
  return hash >>> 0
}

const close = (state: Reassembly, key: string, set: OpenSet): void => {
  state.open.delete(key)
  state.octets -= set.octets
  const share = state.shares.get(set.sender)!
  share.sets--
  share.octets -= set.octets
  if (share.sets === 0) state.shares.delete(set.sender)
}

/** Drops every set whose time is over at `now` (milliseconds) and says which. */
export const expire = (state: Reassembly, now: number): ReadonlyArray<Incomplete> => {
  const dropped: Array<Incomplete> = []
  for (const [key, set] of state.open) {
    if (now - set.since < state.limits.timeout) break
    close(state, key, set)
    const missing: Array<number> = []
    for (let part = 1; part <= set.total; part++) if (!set.parts.has(part)) missing.push(part)
    dropped.push({ from: set.from, have: set.parts.size, total: set.total, missing })
  }
  for (const [key, { at }] of state.done) {
    if (now - at < state.limits.timeout) break
    state.done.delete(key)
  }
  return dropped
}

/** When the next set runs out, in milliseconds on the clock of `accept`, or `undefined` where none is open. */
export const nextExpiry = (state: Reassembly): number | undefined => {
  for (const set of state.open.values()) return set.since + state.limits.timeout
  return undefined
}

const openSet = (
  state: Reassembly,
  key: string,
  sender: string,
  message: ShortMessage,
  total: number,
  now: number
): OpenSet | RefusedBecause => {
  const { limits } = state
  if (state.open.size >= limits.maxSets) return "too many sets"
  const share = state.shares.get(sender) ?? { sets: 0, octets: 0 }
  if (share.sets >= limits.maxSetsPerSender) return "sender's share used up"
  share.sets++
  state.shares.set(sender, share)
  const set: OpenSet = { sender, from: message.from, total, since: now, parts: new Map(), octets: 0 }
  state.open.set(key, set)
  return set
}

const keep = (state: Reassembly, set: OpenSet, part: number, data: Uint8Array): RefusedBecause | undefined => {
  const share = state.shares.get(set.sender)!
  if (share.octets + data.length > state.limits.maxOctetsPerSender) return "sender's share used up"
  if (state.octets + data.length > state.limits.maxOctets) return "memory used up"
  set.parts.set(part, data.slice()) // a view would keep the whole receive buffer alive
  set.octets += data.length
  share.octets += data.length
  state.octets += data.length
  return undefined
}

const complete = (state: Reassembly, key: string, set: OpenSet, now: number): Uint8Array => {
  const parts = Array.from({ length: set.total }, (_, i) => set.parts.get(i + 1)!)
  close(state, key, set)
  state.done.delete(key)
  state.done.set(key, { at: now, marks: parts.map(mark) })
  if (state.done.size > state.limits.maxRemembered) {
    for (const oldest of state.done.keys()) {
      state.done.delete(oldest)
      break
    }
  }
  return concat(parts)
}

/**
 * Takes one short message at the time `now` (milliseconds on any clock that does not go back) and says what became of it.
 * A part whose octets differ from those kept under its number begins the set anew: references come round again.
 */
export const accept = (state: Reassembly, message: ShortMessage, now: number): Outcome => {
  const { from, to, dataCoding } = message
  if (!message.hasHeader) {
    return { _tag: "Complete", datagram: { from, to, dataCoding, data: message.userData, parts: 1 } }
  }
  const decoded = decodeUdh(message.userData)
  if (Result.isFailure(decoded)) return { _tag: "Malformed", failure: decoded.failure }
  const [{ ports, concatenation }, data] = decoded.success
  const whole = (octets: Uint8Array, parts: number): Outcome => ({
    _tag: "Complete",
    datagram: { from, to, dataCoding, data: octets, parts, ...(ports !== undefined ? { ports } : {}) }
  })
  if (concatenation === undefined || concatenation.total === 1) return whole(data, 1)
  const { total, part } = concatenation
  if (total > state.limits.maxParts) return { _tag: "Refused", because: "too many parts" }

  const sender = addressKey(from)
  const key = setKey(sender, to, concatenation, ports)
  let set = state.open.get(key)
  if (set !== undefined && now - set.since >= state.limits.timeout) {
    close(state, key, set)
    set = undefined
  }
  if (set === undefined) {
    const done = state.done.get(key)
    if (done !== undefined && now - done.at < state.limits.timeout && done.marks[part - 1] === mark(data)) {
      return { _tag: "Duplicate" }
    }
  } else {
    const kept = set.parts.get(part)
    if (kept !== undefined && same(kept, data)) return { _tag: "Duplicate" }
    if (kept !== undefined) {
      close(state, key, set)
      set = undefined
    }
  }
  const opened = set ?? openSet(state, key, sender, message, total, now)
  if (typeof opened === "string") return { _tag: "Refused", because: opened }
  const refused = keep(state, opened, part, data)
  if (refused !== undefined) {
    if (opened.parts.size === 0) close(state, key, opened)
    return { _tag: "Refused", because: refused }
  }
  if (opened.parts.size < total) return { _tag: "Waiting", have: opened.parts.size, total }
  return whole(complete(state, key, opened, now), total)
}
