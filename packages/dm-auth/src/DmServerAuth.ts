/**
 * The server's side of one DM session, as a pure total machine: it decides what is asked of the client, whether its answer
 * counts, what goes on the wire, and how the server shows itself.
 *
 * The machine holds no secret and computes no digest: it asks for `Verify` and `Commit` and goes on with their outcome. Time
 * and chance come in with the message as `Supply`. Two messages of one session are given to it one after the other.
 *
 * **What keeps a replay out.** `Verify` tries the account's stored nonce and the derived challenge nonces of its count;
 * `Commit` raises the count and replaces the stored nonce in one step, or reports that another message was first. So every
 * nonce authenticates one message, across nodes and restarts. The same octets again get the stored answer and nothing else.
 *
 * **What keeps a session.** With every acceptance the answer gives a RespURI with 128 random bits; a message belongs to the
 * session that came there, or on the same protected connection. Any other message starts anew and leaves the session alone
 * until it has authenticated, as SessionID and device identifier can be guessed.
 *
 * @layer machine
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type AnswerReason, wireAnswers } from "./DmAuthAnswer.ts"
import { OutOfOrder, type ProofFailure } from "./DmAuthError.ts"
import type { AcceptMode, ConnectionFacts, DmServerPolicy } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import { assess, type Candidate, type Shown } from "./DmCheck.ts"
import { initial, judge, type PeerStatus, type Presentation, Proof, present } from "./DmProof.ts"

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
interface Last {
  readonly msgId: number
  readonly fingerprint: Uint8Array
}

interface Unproved {
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

interface Proved {
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

interface InWork {
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

type Step = readonly [State, ReadonlyArray<Action>]

/** A session of which nothing is known yet. */
export const start: State = State.Unproved({ attempts: 0, own: Proof.Silent({ nonce: new Uint8Array(0) }) })

const sameMessage = (last: Last | undefined, message: ReceivedMessage): boolean =>
  last !== undefined && last.msgId === message.msgId && Bytes.equal(last.fingerprint, message.fingerprint)

const bound = (proved: Proved, message: ReceivedMessage): boolean =>
  message.token === undefined
    ? message.connection.integrity && message.connection.id === proved.connectionId
    : Bytes.equal(Bytes.utf8(message.token), Bytes.utf8(proved.token))

const lastOf = (message: ReceivedMessage): Last => ({ msgId: message.msgId, fingerprint: message.fingerprint })

/** The server's own credentials after the client's word on the last ones. */
const withStatus = (
  own: Proof,
  unkept: Uint8Array | undefined,
  message: ReceivedMessage,
  policy: DmServerPolicy
): { readonly own: Proof; readonly unkept?: Uint8Array; readonly actions: ReadonlyArray<Action> } => {
  if (message.status === undefined) return { own, ...(unkept === undefined ? {} : { unkept }), actions: [] }
  const judged = judge(own, message.status, policy.own, message.connection)
  const keep = judged.keep ?? unkept
  const failed = judged.proof._tag === "Failed" && own._tag !== "Failed"
  return {
    own: judged.proof,
    ...(keep === undefined ? {} : { unkept: keep }),
    actions: failed && judged.proof._tag === "Failed" ? [Action.OwnRefused({ error: judged.proof.error })] : []
  }
}

const isAccepted = (own: Proof): boolean => own._tag === "Accepted" && own.type !== undefined

const answerOf = (
  reason: AnswerReason,
  own: Proof,
  message: ReceivedMessage,
  rest: { readonly chal?: Challenge; readonly respUriToken?: string; readonly end: boolean },
  policy: DmServerPolicy
): readonly [Proof, Action] => {
  const wire = wireAnswers[reason]
  const [presented, presentation] = wire.execute ? present(own, true) : [own, undefined]
  const ownAccepted = isAccepted(own)
  const answer: Answer = {
    reason,
    status: wire.status,
    execute: wire.execute,
    credInCommand: message.credInCommand,
    ownAccepted,
    manage: wire.execute && (ownAccepted || !policy.mutual),
    ...(presentation === undefined ? {} : { own: presentation }),
    ...rest
  }
  return [presented, Action.Send({ answer })]
}

const challengeFor = (type: DmAuthType, nonce: Uint8Array): Challenge =>
  type === "syncml:auth-basic" ? { type } : { type, nonce }

/** 401 or 407: a challenge that stores and displaces nothing. */
const refuse = (
  work: Omit<InWork, "candidate">,
  reason: AnswerReason,
  ask: DmAuthType,
  policy: DmServerPolicy,
  before: ReadonlyArray<Action> = [],
  challengeNonce = work.supply.challengeNonce
): Step => {
  const { from, kept, message } = work
  const wire = wireAnswers[reason]
  const attempts = from.attempts + (wire.failure ? 1 : 0)
  const breach = from.demanded === "syncml:auth-MAC" && (reason === "MAC missing" || reason === "not the demanded type")
  const end = kept === undefined && wire.failure && (breach || attempts >= policy.check.attempts)
  const chal = wire.chal === "always" ? { chal: challengeFor(ask, challengeNonce) } : {}
  const [own, send] = answerOf(reason, from.own, message, { ...chal, end }, policy)
  const actions = [...before, ...(wire.failure ? [Action.SlowDown({ reason })] : []), send]
  const last = lastOf(message)
  if (kept !== undefined) return [State.Proved(kept), actions]
  if (end) return [State.Ended({ reason, last }), actions]
  return [
    State.Unproved({
      attempts,
      demanded: ask,
      own,
      last,
      ...(from.unkept === undefined ? {} : { unkept: from.unkept }),
      ...(from.token === undefined ? {} : { token: from.token })
    }),
    actions
  ]
}

/** 403 and 503: nothing is said about credentials, and the session stays as it was. */
const setAside = (
  work: Omit<InWork, "candidate">,
  reason: "connection too weak" | "unavailable",
  policy: DmServerPolicy
): Step => {
  const { from, kept, message } = work
  const [, send] = answerOf(reason, from.own, message, { end: false }, policy)
  return [kept === undefined ? State.Unproved(from) : State.Proved(kept), [send]]
}

interface Acceptance {
  readonly reason: AnswerReason
  readonly mode: Proved["mode"]
  readonly token: string
  /** Given with the answer where the session is new. */
  readonly respUriToken?: string
  readonly type?: DmAuthType
  readonly chal?: Challenge
  readonly repeat?: Redacted.Redacted<Uint8Array>
}

const accept = (
  message: ReceivedMessage,
  from: Pick<Unproved, "own" | "unkept">,
  acceptance: Acceptance,
  policy: DmServerPolicy,
  before: ReadonlyArray<Action> = []
): Step => {
  const { chal, reason, respUriToken, ...rest } = acceptance
  const failed = policy.mutual && from.own._tag === "Failed"
  const [own, send] = answerOf(
    reason,
    from.own,
    message,
    {
      ...(chal === undefined ? {} : { chal }),
      ...(respUriToken === undefined ? {} : { respUriToken }),
      end: failed
    },
    policy
  )
  const keep = from.unkept === undefined ? [] : [Action.KeepPeerNonce({ nonce: from.unkept })]
  const actions = [...before, ...keep, send]
  const last = lastOf(message)
  if (failed) return [State.Ended({ reason, last }), actions]
  return [State.Proved({ ...rest, own, connectionId: message.connection.id, last }), actions]
}

/** A message that stands on its own: in no session, or in one where each message shows credentials. */
const examine = (
  message: ReceivedMessage,
  supply: Supply,
  from: Unproved,
  kept: Proved | undefined,
  policy: DmServerPolicy,
  before: ReadonlyArray<Action>
): Step => {
  const work = { message, supply, from, ...(kept === undefined ? {} : { kept }) }
  const assessment = assess(message.shown, {
    policy: policy.check,
    connection: message.connection,
    account: supply.accountTypes,
    ...(from.demanded === undefined ? {} : { demanded: from.demanded })
  })
  switch (assessment._tag) {
    case "TooWeak":
      return setAside(work, "connection too weak", policy)
    case "ByTransport":
      return accept(
        message,
        from,
        { reason: "accepted by transport", mode: "transport", token: supply.token, respUriToken: supply.token },
        policy,
        before
      )
    case "Refuse":
      return refuse(work, assessment.reason, assessment.ask, policy, before)
    case "Judge": {
      const { candidate } = assessment
      if (supply.reflects) return refuse(work, "reflecting account", candidate.type, policy, before)
      return [State.Judging({ ...work, candidate }), [...before, Action.Verify({ candidate })]]
    }
  }
}

const anew = (message: ReceivedMessage, supply: Supply, policy: DmServerPolicy): Unproved => ({
  attempts: 0,
  own:
    supply.ownNonce === undefined
      ? Proof.Silent({ nonce: new Uint8Array(0) })
      : initial(policy.own, message.connection, supply.ownNonce)
})

const received = (state: State, message: ReceivedMessage, supply: Supply, policy: DmServerPolicy): Step | undefined => {
  if (state._tag === "Judging" || state._tag === "Committing") return undefined
  if (sameMessage(state.last, message)) return [state, [Action.Resend()]]
  if (state._tag === "Ended") return undefined
  if (state._tag === "Unproved") {
    const started = state.last === undefined ? { ...state, ...anew(message, supply, policy) } : state
    const { actions, ...told } = withStatus(started.own, started.unkept, message, policy)
    return examine(message, supply, { ...started, ...told }, undefined, policy, actions)
  }
  if (!bound(state, message) || message.msgId <= state.last.msgId) {
    return examine(message, supply, anew(message, supply, policy), state, policy, [])
  }
  const { actions, ...told } = withStatus(state.own, state.unkept, message, policy)
  const goOn = (reason: AnswerReason) =>
    accept(
      message,
      told,
      {
        reason,
        mode: state.mode,
        token: state.token,
        ...(state.type === undefined ? {} : { type: state.type }),
        ...(state.mode === "repeat" && state.repeat !== undefined ? { repeat: state.repeat } : {})
      },
      policy,
      actions
    )
  if (state.mode === "session") return goOn("in session")
  if (state.mode === "transport" && message.connection.peerVerified) return goOn("accepted by transport")
  const octets = message.shown.cred?.octets
  if (
    state.mode === "repeat" &&
    state.repeat !== undefined &&
    octets !== undefined &&
    message.shown.cred?.type === state.type &&
    message.msgId === state.last.msgId + 1 &&
    Bytes.equal(Redacted.value(octets), Redacted.value(state.repeat))
  ) {
    return goOn("accepted, same credentials again")
  }
  const { token, type } = state
  const from = { attempts: 0, token, last: state.last, ...told, ...(type === undefined ? {} : { demanded: type }) }
  return examine(message, supply, from, undefined, policy, actions)
}

const committed = (work: InWork, policy: DmServerPolicy): Step => {
  const { candidate, from, message, supply } = work
  const { type } = candidate
  const mode = type === "syncml:auth-MAC" ? "message" : policy.check.mode
  const reason =
    mode === "session"
      ? "accepted for the session"
      : mode === "message"
        ? "accepted for the message"
        : "accepted, same credentials again"
  const withNonce = type !== "syncml:auth-basic" && wireAnswers[reason].chal === "with nonce"
  return accept(
    message,
    from,
    {
      reason,
      mode,
      type,
      token: from.token ?? supply.token,
      ...(from.token === undefined ? { respUriToken: supply.token } : {}),
      ...(withNonce ? { chal: challengeFor(type, supply.nextNonce) } : {}),
      ...(mode === "repeat" && candidate.type !== "syncml:auth-MAC" ? { repeat: candidate.octets } : {})
    },
    policy
  )
}

/**
 * The next state and what is to be done, in this order; `OutOfOrder` where the event does not belong into the state. Every
 * state answers every event; nothing is thrown.
 *
 * @spec DM Security 1.2; DM RepPro, Chal and Cred; DM-CHAL-005 to 008, DM-CRED-002 to 007
 */
export const step = (state: State, event: Event, policy: DmServerPolicy): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () =>
    Result.fail(new OutOfOrder({ machine: "DmServerAuth", state: state._tag, event: event._tag }))
  switch (event._tag) {
    case "Received": {
      const next = received(state, event.message, event.supply, policy)
      return next === undefined ? outOfOrder() : Result.succeed(next)
    }
    case "Judged": {
      if (state._tag !== "Judging") return outOfOrder()
      const { _tag, ...work } = state
      if (event.outcome === "unavailable") return Result.succeed(setAside(work, "unavailable", policy))
      if (event.outcome === "mismatch") return Result.succeed(refuse(work, "rejected", work.candidate.type, policy))
      const { count, nextNonce } = work.supply
      return Result.succeed([State.Committing(work), [Action.Commit({ count, nextNonce })]])
    }
    case "Committed": {
      if (state._tag !== "Committing") return outOfOrder()
      const { _tag, ...work } = state
      return Result.succeed(event.outcome === "kept" ? committed(work, policy) : setAside(work, "unavailable", policy))
    }
    case "Raced": {
      if (state._tag !== "Committing") return outOfOrder()
      const { _tag, ...work } = state
      return Result.succeed(refuse(work, "raced", work.candidate.type, policy, [], event.challengeNonce))
    }
    case "Finished":
    case "Aborted": {
      if (state._tag === "Ended" || state._tag === "Judging" || state._tag === "Committing") return outOfOrder()
      const reason = event._tag === "Finished" ? "finished" : "aborted"
      return Result.succeed([State.Ended({ reason, ...(state.last === undefined ? {} : { last: state.last }) }), []])
    }
  }
}
