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
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type AnswerReason, wireAnswers } from "./DmAuthAnswer.ts"
import { OutOfOrder } from "./DmAuthError.ts"
import { type ConnectionFacts, type DmServerPolicy, passing } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import { assess } from "./DmCheck.ts"
import { initial, judge, Proof, present } from "./DmProof.ts"
import {
  Action,
  type Answer,
  type Challenge,
  type Event,
  type InWork,
  type Last,
  type Proved,
  type ReceivedMessage,
  State,
  type Supply,
  type Unproved
} from "./DmServerState.ts"

export * from "./DmServerState.ts"

type Step = readonly [State, ReadonlyArray<Action>]

/** Whether the message with this fingerprint is the last one of `state`. */
export const remembers = (state: State, fingerprint: Uint8Array): boolean =>
  "last" in state && state.last !== undefined && Bytes.equal(state.last.fingerprint, fingerprint)

/** Where a message came, and which one it is. */
export type Placed = Pick<ReceivedMessage, "msgId" | "fingerprint" | "token"> & {
  readonly connection: Pick<ConnectionFacts, "id" | "integrity">
}

const sameMessage = (last: Last | undefined, message: Placed): boolean =>
  last !== undefined && last.msgId === message.msgId && Bytes.equal(last.fingerprint, message.fingerprint)

const sameToken = (a: string, b: string): boolean => Bytes.equal(Bytes.utf8(a), Bytes.utf8(b))

const bound = (proved: Proved, message: Placed): boolean =>
  message.token === undefined
    ? message.connection.integrity && message.connection.id === proved.connectionId
    : sameToken(message.token, proved.token)

/**
 * The token of the session that `message` would go on in; `undefined` where it stands on its own or comes again. Whoever keeps
 * sessions takes the MsgID before the message is judged.
 */
export const goesOnIn = (state: State, message: Placed): string | undefined =>
  state._tag === "Proved" &&
  !sameMessage(state.last, message) &&
  bound(state, message) &&
  message.msgId > state.last.msgId
    ? state.token
    : undefined

/**
 * Whether `message` is one of the session in `state`: it goes on in it, comes again, or answers a challenge at its address. Whoever keeps
 * sessions gives every other message a session of its own.
 */
export const belongs = (state: State, message: Placed): boolean => {
  if (state._tag === "Judging" || state._tag === "Committing") return false
  if (sameMessage(state.last, message) || goesOnIn(state, message) !== undefined) return true
  return (
    state._tag === "Unproved" &&
    (state.token === undefined || (message.token !== undefined && sameToken(state.token, message.token)))
  )
}

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

/** Whether the way in which a session was authenticated is good for this message too: its connection may be another one. */
const stillAccepted = (
  { type }: Proved,
  { connection }: ReceivedMessage,
  supply: Supply,
  { check }: DmServerPolicy
): boolean =>
  type === undefined
    ? check.transport === "suffices" && connection.peerVerified
    : passing(check, connection, false, supply.accountTypes).includes(type)

const received = (state: State, message: ReceivedMessage, supply: Supply, policy: DmServerPolicy): Step | undefined => {
  if (state._tag === "Judging" || state._tag === "Committing") return undefined
  if (sameMessage(state.last, message)) return [state, [Action.Resend()]]
  if (state._tag === "Ended") return undefined
  if (state._tag === "Unproved") {
    const started = state.last === undefined ? { ...state, ...anew(message, supply, policy) } : state
    const { actions, ...told } = withStatus(started.own, started.unkept, message, policy)
    return examine(message, supply, { ...started, ...told }, undefined, policy, actions)
  }
  const standsAlone = !bound(state, message) || message.msgId <= state.last.msgId
  if (standsAlone || (state.mode !== "message" && !stillAccepted(state, message, supply, policy))) {
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
  if (state.mode === "transport") return goOn("accepted by transport")
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
