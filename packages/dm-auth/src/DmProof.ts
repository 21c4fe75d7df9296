/**
 * One party showing that it is itself, as a pure machine: which credentials the next message carries, and what the peer's
 * Status and Chal change about that. Client and server run the same one, each with its own secret.
 *
 * @layer machine
 */
import * as Data from "effect/Data"
import { notAboutCredentials } from "./DmAuthAnswer.ts"
import {
  BasicInClear,
  ChallengeBelowMinimum,
  ChalMissing,
  MacSessionBroken,
  PeerRefused,
  type ProofFailure,
  TypeChanged,
  UnsupportedChallenge,
  WrongCredentials
} from "./DmAuthError.ts"
import { atLeast, type ConnectionFacts, minimumOn, type ProofPolicy, passing, refusalOf } from "./DmAuthPolicy.ts"
import { type AuthType, type DmAuthType, isDmAuthType } from "./DmAuthType.ts"

/** The credentials that a message is to carry: their type and the raw octets of the nonce (unused by basic). */
export interface Presentation {
  readonly type: DmAuthType
  readonly nonce: Uint8Array
}

/** The Status that the peer gave to the SyncHdr of the last message. */
export interface PeerStatus {
  /** Its Data as a number; 0 for what is no number. */
  readonly code: number
  readonly chal?: PeerChal
}

export interface PeerChal {
  readonly type: AuthType
  /** The raw octets of NextNonce; absent where there is none or it does not decode. */
  readonly nonce?: Uint8Array
}

export type Proof = Data.TaggedEnum<{
  /** Nothing was shown and nobody asked; `offer` may be shown unasked. */
  Silent: { readonly nonce: Uint8Array; readonly offer?: DmAuthType }
  /** The peer asked: the next message shows this. */
  Asked: Presentation & { readonly attempts: number }
  /** The last message showed this. */
  Shown: Presentation & { readonly attempts: number }
  /** The peer is satisfied; in mode `message` every message shows credentials. `type` is absent where none were shown. */
  Accepted: {
    readonly mode: "session" | "message"
    readonly type?: DmAuthType
    readonly nonce: Uint8Array
  }
  Failed: { readonly error: ProofFailure }
}>
export const Proof = Data.taggedEnum<Proof>()

/**
 * Where a session starts: with the nonce that the peer gave last (empty where none is known), ready to show the first type
 * of policy, or `preferred`, that passes on the connection.
 */
export const initial = (
  policy: ProofPolicy,
  connection: ConnectionFacts,
  nonce: Uint8Array,
  preferred?: DmAuthType
): Proof => {
  const types = passing(policy, connection, true)
  const offer = preferred !== undefined && types.includes(preferred) ? preferred : types[0]
  return policy.first && offer !== undefined ? Proof.Silent({ nonce, offer }) : Proof.Silent({ nonce })
}

/** What the next message shows and how the proof stands after it went out. Unasked credentials only where `mayOffer`. */
export const present = (proof: Proof, mayOffer: boolean): readonly [Proof, Presentation | undefined] => {
  switch (proof._tag) {
    case "Silent": {
      if (proof.offer === undefined || !mayOffer) return [proof, undefined]
      const shown = { type: proof.offer, nonce: proof.nonce }
      return [Proof.Shown({ ...shown, attempts: 1 }), shown]
    }
    case "Asked":
    case "Shown": {
      const shown = { type: proof.type, nonce: proof.nonce }
      return [Proof.Shown({ ...shown, attempts: proof.attempts + (proof._tag === "Asked" ? 1 : 0) }), shown]
    }
    case "Accepted":
      return proof.mode === "message" && proof.type !== undefined
        ? [proof, { type: proof.type, nonce: proof.nonce }]
        : [proof, undefined]
    case "Failed":
      return [proof, undefined]
  }
}

/** What a status changed. */
export interface Judgement {
  readonly proof: Proof
  /** A nonce to be kept for later sessions, as soon as the peer that gave it is authenticated. */
  readonly keep?: Uint8Array
  /** 101: the final status is still to come. */
  readonly wait: boolean
  /** The peer demanded a weaker type than was shown, and policy allows it. */
  readonly downgraded?: { readonly from: DmAuthType; readonly to: DmAuthType }
}

const nonceOf = (proof: Proof): Uint8Array => (proof._tag === "Failed" ? new Uint8Array(0) : proof.nonce)
const typeOf = (proof: Proof): DmAuthType | undefined =>
  proof._tag === "Silent" || proof._tag === "Failed" ? undefined : proof.type

const challenged = (proof: Proof, status: PeerStatus, policy: ProofPolicy, connection: ConnectionFacts): Judgement => {
  const fail = (error: ProofFailure): Judgement => ({ proof: Proof.Failed({ error }), wait: false })
  const { chal } = status
  if (chal === undefined) return fail(new ChalMissing({ status: status.code }))
  const from = typeOf(proof)
  if (proof._tag === "Accepted" && from !== undefined && chal.type !== from) {
    return fail(new TypeChanged({ from, to: chal.type }))
  }
  const { type } = chal
  if (!isDmAuthType(type)) return fail(new UnsupportedChallenge({ type }))
  switch (refusalOf(policy, type, connection, true)) {
    case "unsupported":
      return fail(new UnsupportedChallenge({ type }))
    case "below minimum":
      return fail(new ChallengeBelowMinimum({ type, minimum: minimumOn(policy.minimum, connection) }))
    case "basic in clear":
      return fail(new BasicInClear({ clause: "DM Security 1.2: basic under a verified TLS connection only" }))
    case undefined: {
      const attempts = proof._tag === "Shown" || proof._tag === "Asked" ? proof.attempts : 0
      if (attempts >= policy.attempts) return fail(new WrongCredentials({ attempts }))
      return {
        proof: Proof.Asked({ type, nonce: chal.nonce ?? nonceOf(proof), attempts }),
        wait: false,
        ...(chal.nonce === undefined ? {} : { keep: chal.nonce }),
        ...(from !== undefined && !atLeast(type, from) ? { downgraded: { from, to: type } } : {})
      }
    }
  }
}

const accepted = (proof: Exclude<Proof, { _tag: "Failed" }>, status: PeerStatus): Judgement => {
  const fail = (error: ProofFailure): Judgement => ({ proof: Proof.Failed({ error }), wait: false })
  const next = status.chal?.nonce
  const keep = next === undefined ? {} : { keep: next }
  const type = proof._tag === "Asked" ? undefined : typeOf(proof)
  if (type === undefined || (proof._tag === "Accepted" && proof.mode === "session")) {
    const nonce = next ?? proof.nonce
    return {
      proof: Proof.Accepted({ mode: "session", nonce, ...(type === undefined ? {} : { type }) }),
      wait: false,
      ...keep
    }
  }
  if (type === "syncml:auth-MAC") {
    if (status.code !== 200) return fail(new MacSessionBroken({ clause: "DM Security 1.2: 200 under MAC, not 212" }))
    if (status.chal?.type !== type || next === undefined) {
      return fail(new MacSessionBroken({ clause: "DM Security 1.2: every 200 under MAC carries Chal with NextNonce" }))
    }
  }
  if (status.code === 212) {
    return { proof: Proof.Accepted({ mode: "session", type, nonce: next ?? proof.nonce }), wait: false, ...keep }
  }
  if (status.chal !== undefined && status.chal.type !== type) {
    return fail(new TypeChanged({ from: type, to: status.chal.type }))
  }
  return { proof: Proof.Accepted({ mode: "message", type, nonce: next ?? proof.nonce }), wait: false, ...keep }
}

/**
 * How the proof stands after the peer's `status` of the last message.
 *
 * 212: nothing more in this session, the nonce is for the next one. 200: again in the next message, with the nonce of Chal,
 * else unchanged. 401, 407: once more with Chal, where policy lets the demanded type pass and attempts are left. 101: wait.
 * 403 and its kin: credentials do not help. Everything else, 0 included: not authenticated, show them again if attempts are
 * left.
 *
 * @spec DM RepPro, Chal; DM Security 1.2; Status 0 as sent by libdmclient
 */
export const judge = (
  proof: Proof,
  status: PeerStatus,
  policy: ProofPolicy,
  connection: ConnectionFacts
): Judgement => {
  if (proof._tag === "Failed") return { proof, wait: false }
  if (status.code === 101) return { proof, wait: true }
  if (status.code === 200 || status.code === 212) return accepted(proof, status)
  if (status.code === 401 || status.code === 407) return challenged(proof, status, policy, connection)
  if (notAboutCredentials.has(status.code)) {
    return { proof: Proof.Failed({ error: new PeerRefused({ status: status.code }) }), wait: false }
  }
  const type = typeOf(proof)
  if (proof._tag === "Silent" || proof._tag === "Asked" || type === undefined) return { proof, wait: false }
  const attempts = proof._tag === "Shown" ? proof.attempts : 0
  return attempts >= policy.attempts
    ? { proof: Proof.Failed({ error: new WrongCredentials({ attempts }) }), wait: false }
    : { proof: Proof.Asked({ type, nonce: proof.nonce, attempts }), wait: false }
}
