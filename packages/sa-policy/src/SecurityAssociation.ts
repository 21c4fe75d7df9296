/**
 * The security association: what two parties agreed, for one scope, until it ends.
 *
 * @layer codec
 */
import type { Identity } from "./Identity.ts"
import type { KeyRef } from "./KeyRef.ts"
import type { ReplayMode, ReplayState } from "./ReplayWindow.ts"
import * as ReplayWindow from "./ReplayWindow.ts"

/** The name of an association: 1 to 255 characters, chosen by the mechanism that made it, unique in a store. */
export type SaId = string & { readonly SaId: unique symbol }

/**
 * `text` as the name of an association.
 *
 * **Gotchas** Text that a peer chose belongs behind a prefix of the mechanism, so that no peer can name another's association.
 */
export const saId = (text: string): SaId => text as SaId

/** Where an association counts. One that was made for one scope protects nothing in another. */
export interface Scope {
  readonly enabler: string
  readonly interface: string
  readonly direction: "inbound" | "outbound" | "both"
}

/** Who made an association, from what, and under which clause. */
export interface Provenance {
  readonly by: string
  readonly from?: SaId
  readonly clause: string
}

/**
 * One agreement. Counters are not in here: the store keeps them beside it and changes them atomically.
 *
 * Times are milliseconds since 1970. After `softExpiry` it should be replaced, at `hardExpiry` it is over; `undefined` is
 * an association that ends by revocation only.
 */
export interface SecurityAssociation {
  readonly id: SaId
  /** The mechanism that owns it, such as `gpl` or `syncml-nonce`; with `wireId` it is the key of lookups from octets. */
  readonly mechanism: string
  readonly peer: Identity
  readonly scope: Scope
  /** How messages name it, 1 to 64 octets; unique among the associations of its mechanism. */
  readonly wireId?: Uint8Array
  readonly keys: Readonly<Record<string, KeyRef>>
  readonly suite?: string
  readonly replay: ReplayMode
  /** The lowest inbound number that is acceptable; 1 unless said otherwise. */
  readonly firstInbound?: number
  /** The outbound numbers it may use; 1 to 2^32 - 1 unless said otherwise. */
  readonly outbound?: { readonly first: number; readonly last: number }
  readonly createdAt: number
  readonly softExpiry?: number
  readonly hardExpiry?: number
  readonly provenance: Provenance
  /** What the mechanism keeps with it: small texts, never a secret; at most 4,096 characters in all. */
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * An association as a store holds it: `version` counts its replacements from 1, `inbound` is what was accepted, `horizon` the
 * first outbound number that no sender has been given.
 */
export interface StoredAssociation {
  readonly sa: SecurityAssociation
  readonly version: number
  readonly inbound: ReplayState
  readonly horizon: number
}

/** Why an association ended before its time. It decides what happens to what was made from it. */
export type RevocationReason = "replaced" | "compromised" | "deactivated" | "administrative" | "store-recovered"

/** An association that was revoked, announced once to every reader. */
export interface Revocation {
  readonly id: SaId
  readonly mechanism: string
  readonly why: RevocationReason
  readonly at: number
}

/** What {@link SecurityAssociation} allows at most. */
const limits = { id: 255, mechanism: 64, wireId: 64, attributes: 4096, keys: 16 } as const

const loneSurrogate = /\p{Surrogate}/u

/** Whether `text` is Unicode that UTF-8 can carry: a lone surrogate would read back as another name. */
export const isName = (text: string): boolean => !loneSurrogate.test(text)

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isTime = (value: number | undefined): boolean => value === undefined || Number.isSafeInteger(value)

/** The first rule that `sa` breaks, or `undefined`. Stores refuse what breaks one. */
export const fault = (sa: SecurityAssociation): string | undefined => {
  if (sa.id.length < 1 || sa.id.length > limits.id) return `id must have 1 to ${limits.id} characters`
  if (!isName(sa.id) || !isName(sa.mechanism)) return "id and mechanism must not have lone surrogates"
  if (sa.mechanism.length < 1 || sa.mechanism.length > limits.mechanism) {
    return `mechanism must have 1 to ${limits.mechanism} characters`
  }
  if (sa.wireId !== undefined && (sa.wireId.length < 1 || sa.wireId.length > limits.wireId)) {
    return `wireId must have 1 to ${limits.wireId} octets`
  }
  if (Object.keys(sa.keys).length > limits.keys) return `at most ${limits.keys} keys`
  let length = 0
  for (const [name, value] of Object.entries(sa.attributes)) length += name.length + value.length
  if (length > limits.attributes) return `attributes must have at most ${limits.attributes} characters`
  const replay = ReplayWindow.fault(sa.replay)
  if (replay !== undefined) return replay
  if (sa.firstInbound !== undefined && !isWhole(sa.firstInbound)) return "firstInbound must be a whole number from 0"
  if (sa.outbound !== undefined) {
    const { first, last } = sa.outbound
    if (!isWhole(first) || !isWhole(last) || first > last || last === Number.MAX_SAFE_INTEGER) {
      return "outbound must be whole numbers in order, below 2^53 - 1"
    }
  }
  if (!isTime(sa.createdAt) || !isTime(sa.softExpiry) || !isTime(sa.hardExpiry)) {
    return "times must be whole milliseconds"
  }
  if (sa.softExpiry !== undefined && sa.hardExpiry !== undefined && sa.softExpiry > sa.hardExpiry) {
    return "softExpiry lies after hardExpiry"
  }
  return undefined
}
