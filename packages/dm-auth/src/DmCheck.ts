/**
 * The first look at what a peer shows: which credentials count, whether they are worth judging, or what they are refused for.
 * Shared by both machines.
 *
 * @layer machine
 */
import * as Redacted from "effect/Redacted"
import { digestLength, isDigestType } from "./CredDigest.ts"
import type { AnswerReason } from "./DmAuthAnswer.ts"
import { type CheckPolicy, type ConnectionFacts, passing, refusalOf } from "./DmAuthPolicy.ts"
import { type AuthType, type DmAuthType, isDmAuthType } from "./DmAuthType.ts"
import type { SyncmlHmacHeader } from "./SyncmlHmacHeader.ts"

/** `Cred` of a SyncHdr: its type and its octets, decoded once; `undefined` where they do not decode. */
export interface ShownCred {
  readonly type: AuthType
  readonly octets: Redacted.Redacted<Uint8Array> | undefined
}

/** What a message shows of its sender. */
export interface Shown {
  /** `Source/LocName`; absent with some clients, and not needed for digests. */
  readonly locName?: string
  readonly cred?: ShownCred
  /** The header `x-syncml-hmac`, or `malformed` where it does not parse. */
  readonly mac?: SyncmlHmacHeader | "malformed"
}

/** Credentials that are worth judging. */
export type Candidate =
  | { readonly type: Exclude<DmAuthType, "syncml:auth-MAC">; readonly octets: Redacted.Redacted<Uint8Array> }
  | { readonly type: "syncml:auth-MAC"; readonly header: SyncmlHmacHeader }

export type Assessment =
  | { readonly _tag: "Judge"; readonly candidate: Candidate }
  /** `ask` is the type to demand. */
  | { readonly _tag: "Refuse"; readonly reason: AnswerReason; readonly ask: DmAuthType }
  | { readonly _tag: "ByTransport" }
  | { readonly _tag: "TooWeak" }

/** What an assessment depends on beside the message. */
export interface Terms {
  readonly policy: CheckPolicy
  readonly connection: ConnectionFacts
  /** The types for which the peer's account has a verifier; those of policy for an account that does not exist. */
  readonly account: ReadonlyArray<DmAuthType>
  /** The type that the last challenge demanded. */
  readonly demanded?: DmAuthType
}

const readable = (type: DmAuthType, octets: Uint8Array): boolean =>
  isDigestType(type) ? octets.length === digestLength[type] : octets.length > 0

/**
 * What to do about `shown`. After a challenge only the demanded type counts. Without one the MAC counts where it is
 * accepted, else Cred. A refused type is answered with the type that was demanded, else with the strongest that passes; a
 * wrong digest of an accepted type with the same type, as its sender may know no other.
 *
 * @spec DM RepPro, Cred; DM Security 1.2; DM-CRED-003, DM-CRED-006, DM-CRED-007
 */
export const assess = (shown: Shown, terms: Terms): Assessment => {
  const { account, connection, policy } = terms
  const types = passing(policy, connection, false, account)
  // what was demanded before binds nobody once policy, connection or account have no room for it
  const demanded = types.find((type) => type === terms.demanded)
  const ask = demanded ?? types[0]
  const silent = shown.cred === undefined && shown.mac === undefined
  if (policy.transport === "suffices" && connection.peerVerified && (silent || account.length === 0)) {
    return { _tag: "ByTransport" }
  }
  if (ask === undefined) return { _tag: "TooWeak" }
  const refuse = (reason: AnswerReason): Assessment => ({ _tag: "Refuse", reason, ask })
  const useMac = demanded === undefined ? types.includes("syncml:auth-MAC") : demanded === "syncml:auth-MAC"
  if (demanded === "syncml:auth-MAC" && shown.mac === undefined) {
    return refuse(shown.cred === undefined ? "MAC missing" : "not the demanded type")
  }
  if (shown.mac !== undefined && (useMac || shown.cred === undefined)) {
    if (!useMac) return refuse(demanded === undefined ? "type refused" : "not the demanded type")
    if (shown.mac === "malformed") return refuse("unreadable")
    if (shown.locName !== undefined && shown.locName !== shown.mac.username) return refuse("rejected")
    return { _tag: "Judge", candidate: { type: "syncml:auth-MAC", header: shown.mac } }
  }
  const { cred } = shown
  if (cred === undefined) return refuse("missing")
  const { octets, type } = cred
  if (!isDmAuthType(type) || type === "syncml:auth-MAC" || refusalOf(policy, type, connection, false) !== undefined) {
    return refuse("type refused")
  }
  if (demanded !== undefined && type !== demanded) return refuse("not the demanded type")
  if (!account.includes(type)) return refuse("type refused")
  if (octets === undefined || !readable(type, Redacted.value(octets))) {
    return { _tag: "Refuse", reason: "unreadable", ask: type }
  }
  return { _tag: "Judge", candidate: { type, octets } }
}
