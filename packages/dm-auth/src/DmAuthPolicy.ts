/**
 * What a party accepts from its peer and what it is ready to show, as plain values, and the one function that judges a
 * credential type against them.
 *
 * @layer codec
 */
import { type AuthType, type DmAuthType, dmAuthTypes, isDmAuthType } from "./DmAuthType.ts"

/** What is known of the connection on which a message came or will go. */
export interface ConnectionFacts {
  /** Messages with equal ids came on one connection. */
  readonly id: string
  readonly integrity: boolean
  readonly confidentiality: boolean
  /**
   * The transport proved that the peer is who it says: the client's certificate belongs to the account, or the server's
   * certificate to the configured address.
   */
  readonly peerVerified: boolean
}

/** The least type for each kind of connection; `open` has no integrity. */
export interface Minimum {
  readonly open: DmAuthType
  readonly integrity: DmAuthType
  /** Integrity and confidentiality: TLS. */
  readonly full: DmAuthType
}

/** Rules on types, for what is accepted and for what is shown alike. */
export interface TypeRules {
  /** The types in question, the preferred one first. */
  readonly types: ReadonlyArray<DmAuthType>
  readonly minimum: Minimum
  /** Lets basic pass where anybody can read it, or show it to a server that the transport did not prove. Off by default. */
  readonly basicInClear: boolean
}

/**
 * How an accepted peer goes on: `session` answers 212 and asks for nothing more in the session; `message` answers 200 with a
 * new nonce for every message; `repeat` answers 200 without Chal, after which the same credentials come again.
 *
 * **Gotchas** `repeat` makes the sending of the same digest legal; it counts in that session for the next MsgID only. MAC is
 * always `message`.
 */
export type AcceptMode = "session" | "message" | "repeat"

/** How the peer is checked. */
export interface CheckPolicy extends TypeRules {
  readonly mode: AcceptMode
  /** How often credentials may be wrong before the session ends. */
  readonly attempts: number
  /** Whether a peer that the transport proved needs no credentials. */
  readonly transport: "suffices" | "ignored"
}

/** How this party shows its own credentials. */
export interface ProofPolicy extends TypeRules {
  /** How often it shows credentials of one account in a session without success. */
  readonly attempts: number
  /** Whether it shows them unasked, in the first message that may carry them. */
  readonly first: boolean
}

/** The server's side: how it checks clients, how it shows itself, and whether it must. */
export interface DmServerPolicy {
  readonly check: CheckPolicy
  readonly own: ProofPolicy
  /** Commands of the session go out only after the client accepted the server's credentials. */
  readonly mutual: boolean
}

/** The client's side. */
export interface DmClientPolicy {
  readonly check: CheckPolicy
  readonly own: ProofPolicy
  /** Whether commands are executed only for an authenticated server, be it by transport or by credentials. */
  readonly mutual: boolean
  /** Whether a RespURI may lead to another origin; never where a password would be shown there. */
  readonly foreignRespUri: boolean
  /** How often a message is sent again when no answer comes. */
  readonly resends: number
}

const rank = (type: DmAuthType): number => dmAuthTypes.indexOf(type)

/** Whether `type` is at least as strong as `least`: MAC, SHA-256, MD5, basic. */
export const atLeast = (type: DmAuthType, least: DmAuthType): boolean => rank(type) >= rank(least)

/** The least type that `minimum` demands on `connection`. */
export const minimumOn = (minimum: Minimum, connection: ConnectionFacts): DmAuthType =>
  connection.integrity ? (connection.confidentiality ? minimum.full : minimum.integrity) : minimum.open

/** Why a type does not pass. */
export type TypeRefusal = "unsupported" | "below minimum" | "basic in clear"

/**
 * Why `type` does not pass under `rules` on `connection`; `undefined` where it does. `shows` is true for the party that
 * shows: it gives a password only to a peer that the transport proved.
 *
 * @spec DM Security 1.2: basic over a protected transport only; strength by our own order
 */
export const refusalOf = (
  rules: TypeRules,
  type: AuthType,
  connection: ConnectionFacts,
  shows: boolean
): TypeRefusal | undefined => {
  if (!isDmAuthType(type) || !rules.types.includes(type)) return "unsupported"
  if (!atLeast(type, minimumOn(rules.minimum, connection))) return "below minimum"
  const hidden = connection.confidentiality && connection.integrity && (connection.peerVerified || !shows)
  return type === "syncml:auth-basic" && !rules.basicInClear && !hidden ? "basic in clear" : undefined
}

/** The types of `rules` that pass on `connection` and are in `among`, in the order of preference. */
export const passing = (
  rules: TypeRules,
  connection: ConnectionFacts,
  shows: boolean,
  among: ReadonlyArray<DmAuthType> = rules.types
): ReadonlyArray<DmAuthType> =>
  rules.types.filter((type) => among.includes(type) && refusalOf(rules, type, connection, shows) === undefined)

const strongestFirst: ReadonlyArray<DmAuthType> = [
  "syncml:auth-sha256",
  "syncml:auth-md5",
  "syncml:auth-MAC",
  "syncml:auth-basic"
]

const lenientMinimum: Minimum = { open: "syncml:auth-md5", integrity: "syncml:auth-md5", full: "syncml:auth-basic" }

/** On a connection without integrity MAC alone covers the message. */
export const strictMinimum: Minimum = {
  open: "syncml:auth-MAC",
  integrity: "syncml:auth-sha256",
  full: "syncml:auth-md5"
}

/** SHA-256, then MD5, MAC, and basic under TLS; 212; two attempts; a proof by the transport suffices. */
export const defaultCheck: CheckPolicy = {
  types: strongestFirst,
  minimum: lenientMinimum,
  basicInClear: false,
  mode: "session",
  attempts: 2,
  transport: "suffices"
}

/** The same types, two attempts, shown in the first message. */
export const defaultProof: ProofPolicy = {
  types: strongestFirst,
  minimum: lenientMinimum,
  basicInClear: false,
  attempts: 2,
  first: true
}

export const defaultServerPolicy: DmServerPolicy = { check: defaultCheck, own: defaultProof, mutual: false }

export const defaultClientPolicy: DmClientPolicy = {
  check: defaultCheck,
  own: defaultProof,
  mutual: true,
  foreignRespUri: false,
  resends: 2
}
