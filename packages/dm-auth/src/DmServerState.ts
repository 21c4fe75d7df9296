/**
 * The states, events and actions of the server's machine, as plain values.
 *
 * @layer machine
 */
import * as Data from "effect/Data"
import type * as Redacted from "effect/Redacted"
import type { AnswerReason } from "./DmAuthAnswer.ts"
import type { ProofFailure } from "./DmAuthError.ts"
import type { AcceptMode, ConnectionFacts } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import type { Candidate, Shown } from "./DmCheck.ts"
import { type PeerStatus, type Presentation, Proof } from "./DmProof.ts"

/** A message of a client, as far as authentication is concerned. */
export interface ReceivedMessage {
  readonly msgId: number
  /** A collision-resistant hash over the received octets: equal for a retransmission. */
  readonly fingerprint: Uint8Array
  /** The token of the RespURI on which it came; absent on the configured address. */
  readonly token?: string
  readonly connection: ConnectionFacts
  readonly shown: Shown
  /** A command carries a Cred of its own. In DM it has no effect and the command is refused (DM-CRED-002). */
  readonly credInCommand: boolean
  /** The client's Status for the SyncHdr of the server's last message. */
  readonly status?: PeerStatus
}

/** What the service knows or draws before it hands a message over. */
export interface Supply {
  /** The derived nonce for a challenge to this account now, whether the account exists or not. */
  readonly challengeNonce: Uint8Array
  /** How often the account has authenticated. */
  readonly count: number
  /** A fresh random nonce, handed out only to a client that has authenticated. */
  readonly nextNonce: Uint8Array
  /** 128 fresh random bits as text, for RespURI. */
  readonly token: string
  /** The types for which the account has a verifier; those of policy for an account that does not exist. */
  readonly accountTypes: ReadonlyArray<DmAuthType>
  /** The account's client and server credentials could be mirrored (`CredDigest.reflects`). */
  readonly reflects: boolean
  /** The last nonce that the client gave for the server's credentials; absent where the server has none for it. */
  readonly ownNonce?: Uint8Array
}

/** The last message and what it was: enough to recognise it when it comes again. */
export interface Last {
  readonly msgId: number
  readonly fingerprint: Uint8Array
}

export interface Unproved {
  readonly attempts: number
  /** The type that the last challenge demanded. */
  readonly demanded?: DmAuthType
  readonly own: Proof
  /** A nonce for the server's credentials, to be kept once the client has authenticated. */
  readonly unkept?: Uint8Array
  /** The token of the session, where it was authenticated before. */
  readonly token?: string
  readonly last?: Last
}

export interface Proved {
  /** Absent where the transport proved the client. */
  readonly type?: DmAuthType
  readonly mode: AcceptMode | "transport"
  readonly token: string
  readonly connectionId: string
  /** The same credentials that may come once more, in mode `repeat`. */
  readonly repeat?: Redacted.Redacted<Uint8Array>
  readonly own: Proof
  readonly unkept?: Uint8Array
  readonly last: Last
}

export interface InWork {
  readonly message: ReceivedMessage
  readonly supply: Supply
  readonly candidate: Candidate
  /** Where the message starts from. */
  readonly from: Unproved
  /** The session that stays if it fails. */
  readonly kept?: Proved
}

export type State = Data.TaggedEnum<{
  /** No message came, or every one so far was challenged. */
  Unproved: Unproved
  /** Credentials are being judged. */
  Judging: InWork
  /** They hold; the nonce is being spent. */
  Committing: InWork
  Proved: Proved
  Ended: { readonly reason: AnswerReason | "finished" | "aborted"; readonly last?: Last }
}>
export const State = Data.taggedEnum<State>()

export type Event =
  | { readonly _tag: "Received"; readonly message: ReceivedMessage; readonly supply: Supply }
  /** The outcome of `Verify`. An unknown account is a mismatch, after the same work. */
  | { readonly _tag: "Judged"; readonly outcome: "match" | "mismatch" | "unavailable" }
  /** The outcome of `Commit`. */
  | { readonly _tag: "Committed"; readonly outcome: "kept" | "unavailable" }
  /** `Commit` came too late: another message has raised the count, for which this is the challenge nonce. */
  | { readonly _tag: "Raced"; readonly challengeNonce: Uint8Array }
  /** The session is over: all is said. */
  | { readonly _tag: "Finished" }
  /** The client aborted (Alert 1223), or the session expired. */
  | { readonly _tag: "Aborted" }
export const Event = {
  Received: (message: ReceivedMessage, supply: Supply): Event => ({ _tag: "Received", message, supply }),
  Judged: (outcome: "match" | "mismatch" | "unavailable"): Event => ({ _tag: "Judged", outcome }),
  Committed: (outcome: "kept" | "unavailable"): Event => ({ _tag: "Committed", outcome }),
  Raced: (challengeNonce: Uint8Array): Event => ({ _tag: "Raced", challengeNonce }),
  Finished: (): Event => ({ _tag: "Finished" }),
  Aborted: (): Event => ({ _tag: "Aborted" })
}

/** A challenge to be written: `Chal.make(type, nonce)`; basic has no nonce. */
export interface Challenge {
  readonly type: DmAuthType
  readonly nonce?: Uint8Array
}

/** What the answer to a message says about authentication. */
export interface Answer {
  readonly reason: AnswerReason
  readonly status: number
  readonly chal?: Challenge
  /** Commands are executed; otherwise each gets `status` and nothing else stands in the answer. */
  readonly execute: boolean
  /** Commands with a Cred of their own get `credInCommandStatus`. */
  readonly credInCommand: boolean
  /** The server's own credentials for this answer. */
  readonly own?: Presentation
  /** Whether the client is known to have accepted them. */
  readonly ownAccepted: boolean
  /** The server may send commands of its own: the client is authenticated, and the server too where policy demands it. */
  readonly manage: boolean
  /** The token for RespURI; later messages of the session are taken there, or on the same protected connection. */
  readonly respUriToken?: string
  /** No further message of this session is expected. */
  readonly end: boolean
}

export type Action = Data.TaggedEnum<{
  /** Judge the candidate against the account's verifier: its stored nonce and all derived ones, always all of them. */
  Verify: { readonly candidate: Candidate }
  /** In one step: the count is still `count`, then it grows by one and the stored nonce becomes `nextNonce`. */
  Commit: { readonly count: number; readonly nextNonce: Uint8Array }
  /** Send this, and keep the octets for the same message coming again. */
  Send: { readonly answer: Answer }
  /** Send the octets that are kept for this message. */
  Resend: {}
  /** The nonce for the server's own credentials from now on. */
  KeepPeerNonce: { readonly nonce: Uint8Array }
  /** Later answers to this source and account come slower; the account is not locked. */
  SlowDown: { readonly reason: AnswerReason }
  /** The client did not accept the server's credentials. */
  OwnRefused: { readonly error: ProofFailure }
}>
export const Action = Data.taggedEnum<Action>()

/** A session of which nothing is known yet. */
export const start: State = State.Unproved({ attempts: 0, own: Proof.Silent({ nonce: new Uint8Array(0) }) })
