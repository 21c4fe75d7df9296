/**
 * The client's side of one DM session, as a pure total machine: what it shows, what it follows of the server's challenges,
 * and whether it takes the server for the one it was set up with.
 *
 * As the server's machine it holds no secret and computes no digest. It never shows a weaker type than policy allows, never
 * shows the same credentials more often than policy says, and lets no command through before the server has authenticated.
 *
 * @layer machine
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { type AnswerReason, wireAnswers } from "./DmAuthAnswer.ts"
import {
  Aborted,
  AnswerOutOfSequence,
  type ClientFailure,
  ForeignRespUri,
  NoAnswer,
  NotAccepted,
  OutOfOrder,
  ServerNotAuthenticated,
  StoreUnavailable
} from "./DmAuthError.ts"
import type { ConnectionFacts, DmClientPolicy } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import { assess, type Candidate, type Shown } from "./DmCheck.ts"
import { initial, judge, type PeerStatus, type Presentation, type Proof, present } from "./DmProof.ts"
import type { Challenge } from "./DmServerAuth.ts"

/** A message of the server, as far as authentication is concerned. */
export interface ReceivedAnswer {
  readonly msgId: number
  /** A collision-resistant hash over the received octets. */
  readonly fingerprint: Uint8Array
  readonly connection: ConnectionFacts
  readonly shown: Shown
  /** The server's Status for the SyncHdr of the client's last message; absent where there is none. */
  readonly status?: PeerStatus
  /** Where later messages go, resolved against the address in use. */
  readonly respUri?: { readonly uri: string; readonly sameOrigin: boolean }
  /** Commands other than Status stand in it. */
  readonly hasCommands: boolean
  readonly final: boolean
}

/** What the service knows or draws before it hands an event over. */
export interface Supply {
  /** A fresh random nonce for the server. */
  readonly nextNonce: Uint8Array
  /** The types for which the account has a verifier of the server's credentials. */
  readonly accountTypes: ReadonlyArray<DmAuthType>
  /** The account's client and server credentials could be mirrored (`CredDigest.reflects`). */
  readonly reflects: boolean
}

/** What begins a session. */
export interface Opening {
  readonly target: string
  /** What is known of the connection to `target` before the first octet of the message is sent. */
  readonly connection: ConnectionFacts
  /** The last nonce that the server gave: stored, else of the account, else empty. */
  readonly nonce: Uint8Array
  /** The type to begin with (`DmAccount.firstType`). */
  readonly preferred?: DmAuthType
}

/** What the client's next message says to the server about the server's own credentials. */
export interface ServerStatus {
  readonly reason: AnswerReason
  readonly status: number
  readonly chal?: Challenge
}

/** A message to be sent. */
export interface Outgoing {
  readonly msgId: number
  readonly target: string
  /** The client's credentials for it. */
  readonly own?: Presentation
  /** The Status for the SyncHdr of the server's last message; absent in the first message. */
  readonly server?: ServerStatus
  /**
   * `package 1`: alert and device information. `repeat`: the content of the last message again in full, as it was not
   * accepted. `status`: nothing but statuses; each command of the server gets `server.status` and is not executed. `next`: what
   * the application has to say.
   */
  readonly content: "package 1" | "repeat" | "status" | "next"
}

interface Session {
  readonly target: string
  /** MsgID of the last message sent. */
  readonly msgId: number
  readonly proof: Proof
  /** How the server stands: `mode` as it was told, `type` as it showed. */
  readonly server: {
    readonly accepted: "no" | "session" | "message" | "transport" | "not demanded"
    readonly attempts: number
    readonly demanded?: DmAuthType
    /** The nonce of the client's challenge in this session; it is not stored. */
    readonly challengeNonce?: Uint8Array
  }
  /** A nonce from the server, to be kept once the server has authenticated. */
  readonly unkept?: Uint8Array
  readonly last?: { readonly msgId: number; readonly fingerprint: Uint8Array }
  /** The last message only told the server that its credentials hold: nothing more is told about the answer to it. */
  readonly closing: boolean
}

interface InWork {
  readonly session: Session
  readonly answer: ReceivedAnswer
  readonly supply: Supply
  readonly candidate: Candidate
}

export type State = Data.TaggedEnum<{
  Idle: {}
  /** A message is out; `sends` counts how often. */
  Waiting: { readonly session: Session; readonly sends: number }
  /** The server's credentials are being judged. */
  Judging: InWork
  /** They hold; the nonce for the next time is being kept. */
  Committing: InWork
  /** Both are satisfied, or the client's credentials are the next thing to go out: the application speaks. */
  Ready: { readonly session: Session; readonly server: ServerStatus }
  Done: {}
  Failed: { readonly error: ClientFailure }
}>
export const State = Data.taggedEnum<State>()

export type Event =
  | { readonly _tag: "Start"; readonly opening: Opening }
  | { readonly _tag: "Answered"; readonly answer: ReceivedAnswer; readonly supply: Supply }
  /** No answer came in time, or the connection broke. */
  | { readonly _tag: "Lost" }
  | { readonly _tag: "Judged"; readonly outcome: "match" | "mismatch" | "unavailable" }
  | { readonly _tag: "Committed"; readonly outcome: "kept" | "unavailable" }
  /** The application has a message for the server. */
  | { readonly _tag: "Next" }
  | { readonly _tag: "Aborted" }
export const Event = {
  Start: (opening: Opening): Event => ({ _tag: "Start", opening }),
  Answered: (answer: ReceivedAnswer, supply: Supply): Event => ({ _tag: "Answered", answer, supply }),
  Lost: (): Event => ({ _tag: "Lost" }),
  Judged: (outcome: "match" | "mismatch" | "unavailable"): Event => ({ _tag: "Judged", outcome }),
  Committed: (outcome: "kept" | "unavailable"): Event => ({ _tag: "Committed", outcome }),
  Next: (): Event => ({ _tag: "Next" }),
  Aborted: (): Event => ({ _tag: "Aborted" })
}

export type Action = Data.TaggedEnum<{
  Send: { readonly outgoing: Outgoing }
  /** Send the same octets again. */
  Resend: {}
  /**
   * Judge the server's credentials against the verifier of the account: under the stored nonce and, where it is given, under
   * that of this session's challenge, always both.
   */
  Verify: { readonly candidate: Candidate; readonly challengeNonce?: Uint8Array }
  /** The nonce for the server's credentials and for Package 0 from now on; the old one is spent. */
  Commit: { readonly nextNonce: Uint8Array }
  /** The nonce for the client's own credentials in later sessions. */
  KeepPeerNonce: { readonly nonce: Uint8Array }
  /** The commands of the server's message may be executed; then the application says `Next`. */
  Deliver: {}
  /** The server demanded a weaker type than was shown first, and policy allows it. */
  Downgraded: { readonly from: DmAuthType; readonly to: DmAuthType }
  /** The session ended well: both sides are authenticated as policy demands. */
  Finish: { readonly type?: DmAuthType }
  /** The session ended without. Nothing of the server's last message is executed. */
  Fail: { readonly error: ClientFailure }
}>
export const Action = Data.taggedEnum<Action>()

type Step = readonly [State, ReadonlyArray<Action>]

export const start: State = State.Idle()

const fail = (error: ClientFailure, before: ReadonlyArray<Action> = []): Step => [
  State.Failed({ error }),
  [...before, Action.Fail({ error })]
]

const statusFor = (reason: AnswerReason, chal?: Challenge): ServerStatus => ({
  reason,
  status: wireAnswers[reason].status,
  ...(chal === undefined ? {} : { chal })
})

const challengeFor = (type: DmAuthType, nonce: Uint8Array): Challenge =>
  type === "syncml:auth-basic" ? { type } : { type, nonce }

const trusted = (session: Session): boolean => session.server.accepted !== "no"

const send = (
  session: Session,
  content: Outgoing["content"],
  server: ServerStatus | undefined,
  before: ReadonlyArray<Action>
): Step => {
  const [proof, own] = present(session.proof, true)
  const msgId = session.msgId + 1
  const outgoing: Outgoing = {
    msgId,
    target: session.target,
    content,
    ...(own === undefined ? {} : { own }),
    ...(server === undefined ? {} : { server })
  }
  const next = { ...session, msgId, proof, closing: content === "status" && trusted(session) }
  return [State.Waiting({ session: next, sends: 1 }), [...before, Action.Send({ outgoing })]]
}

/** What follows once it is known how the server stands. */
const goOn = (
  session: Session,
  answer: ReceivedAnswer,
  server: ServerStatus,
  policy: DmClientPolicy,
  before: ReadonlyArray<Action>
): Step => {
  const isTrusted = trusted(session)
  const { unkept, ...rest } = session
  const keep = isTrusted && unkept !== undefined
  const actions = keep ? [...before, Action.KeepPeerNonce({ nonce: unkept })] : before
  const current: Session = keep ? rest : session
  const { proof } = current
  const over = answer.final && !answer.hasCommands
  if (!isTrusted) {
    const { attempts } = current.server
    const exhausted = attempts >= policy.check.attempts
    const silent = over && server.reason === "missing" && proof._tag !== "Asked"
    if (exhausted || silent) {
      const clause = "DM Security 1.2: both sides are authenticated, each by transport or by credentials"
      const told = silent ? actions : [...actions, ...send(current, "status", server, [])[1]]
      return fail(new ServerNotAuthenticated({ attempts, clause }), told)
    }
    return send(current, proof._tag === "Asked" ? "repeat" : "status", server, actions)
  }
  if (proof._tag === "Asked") return send(current, "repeat", server, actions)
  if (!over) return [State.Ready({ session: current, server }), [...actions, Action.Deliver()]]
  if (server.chal !== undefined && !current.closing) return send(current, "status", server, actions)
  if (proof._tag !== "Accepted") return fail(new NotAccepted({ status: answer.status?.code ?? 0 }), actions)
  return [State.Done(), [...actions, Action.Finish(proof.type === undefined ? {} : { type: proof.type })]]
}

const refuse = (
  work: Omit<InWork, "candidate">,
  reason: AnswerReason,
  ask: DmAuthType,
  policy: DmClientPolicy,
  before: ReadonlyArray<Action> = []
): Step => {
  const { answer, session, supply } = work
  const counts = wireAnswers[reason].failure || session.server.demanded !== undefined
  const server = {
    accepted: "no",
    attempts: session.server.attempts + (counts ? 1 : 0),
    demanded: ask,
    challengeNonce: supply.nextNonce
  } as const
  return goOn({ ...session, server }, answer, statusFor(reason, challengeFor(ask, supply.nextNonce)), policy, before)
}

/** How the server stands after its message. */
const examine = (
  session: Session,
  answer: ReceivedAnswer,
  supply: Supply,
  policy: DmClientPolicy,
  before: ReadonlyArray<Action>
): Step => {
  const { server } = session
  const pass = (accepted: Session["server"]["accepted"], reason: AnswerReason): Step =>
    goOn({ ...session, server: { ...server, accepted, attempts: 0 } }, answer, statusFor(reason), policy, before)
  if (server.accepted === "session") return pass("session", "in session")
  const assessment = assess(answer.shown, {
    policy: policy.check,
    connection: answer.connection,
    account: supply.accountTypes,
    ...(server.demanded === undefined ? {} : { demanded: server.demanded })
  })
  const reset: Session = { ...session, server: { ...server, accepted: "no" } }
  switch (assessment._tag) {
    case "ByTransport":
      return pass("transport", "accepted by transport")
    case "TooWeak":
      return policy.mutual
        ? fail(
            new ServerNotAuthenticated({
              attempts: server.attempts,
              clause: wireAnswers["connection too weak"].clause
            }),
            before
          )
        : pass("not demanded", "not demanded")
    case "Refuse":
      if (!policy.mutual && assessment.reason === "missing") return pass("not demanded", "not demanded")
      return refuse({ session: reset, answer, supply }, assessment.reason, assessment.ask, policy, before)
    case "Judge": {
      const { candidate } = assessment
      const work = { session: reset, answer, supply }
      if (supply.reflects) return refuse(work, "reflecting account", candidate.type, policy, before)
      const { challengeNonce } = server
      return [
        State.Judging({ ...work, candidate }),
        [...before, Action.Verify({ candidate, ...(challengeNonce === undefined ? {} : { challengeNonce }) })]
      ]
    }
  }
}

const answered = (
  state: Extract<State, { _tag: "Waiting" }>,
  answer: ReceivedAnswer,
  supply: Supply,
  policy: DmClientPolicy
): Step => {
  const { last, ...before } = state.session
  if (last !== undefined) {
    if (last.msgId === answer.msgId && Bytes.equal(last.fingerprint, answer.fingerprint)) return [state, []]
    if (answer.msgId <= last.msgId) {
      return fail(new AnswerOutOfSequence({ last: last.msgId, received: answer.msgId }))
    }
  }
  const judged = judge(before.proof, answer.status ?? { code: 0 }, policy.own, answer.connection)
  const downgraded = judged.downgraded === undefined ? [] : [Action.Downgraded(judged.downgraded)]
  if (judged.proof._tag === "Failed") return fail(judged.proof.error, downgraded)
  const session: Session = {
    ...before,
    proof: judged.proof,
    last: { msgId: answer.msgId, fingerprint: answer.fingerprint },
    ...(judged.keep === undefined ? {} : { unkept: judged.keep })
  }
  if (judged.wait) return [State.Waiting({ session, sends: state.sends }), []]
  const { respUri } = answer
  if (respUri === undefined) return examine(session, answer, supply, policy, downgraded)
  const { proof } = session
  const showsPassword = (proof._tag === "Asked" || proof._tag === "Accepted") && proof.type === "syncml:auth-basic"
  if (!respUri.sameOrigin && (!policy.foreignRespUri || showsPassword)) {
    return fail(new ForeignRespUri({ clause: "DM RepPro, RespURI; another origin by our own rule" }), downgraded)
  }
  return examine({ ...session, target: respUri.uri }, answer, supply, policy, downgraded)
}

const committed = (work: InWork, policy: DmClientPolicy): Step => {
  const { answer, candidate, session, supply } = work
  const { type } = candidate
  const perMessage = type === "syncml:auth-MAC" || policy.check.mode !== "session"
  const reason = perMessage ? "accepted for the message" : "accepted for the session"
  const chal = type === "syncml:auth-basic" ? undefined : challengeFor(type, supply.nextNonce)
  const server = { accepted: perMessage ? "message" : "session", attempts: 0, demanded: type } as const
  return goOn({ ...session, server }, answer, statusFor(reason, chal), policy, [])
}

/**
 * The next state and what is to be done, in this order; `OutOfOrder` where the event does not belong into the state. Every
 * state answers every event; nothing is thrown.
 *
 * @spec DM Security 1.2; DM RepPro, Chal and Cred; DM-CHAL-006, DM-CHAL-007, DM-CRED-007
 */
export const step = (state: State, event: Event, policy: DmClientPolicy): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () =>
    Result.fail(new OutOfOrder({ machine: "DmClientAuth", state: state._tag, event: event._tag }))
  switch (event._tag) {
    case "Start": {
      if (state._tag !== "Idle") return outOfOrder()
      const { connection, nonce, preferred, target } = event.opening
      const proof = initial(policy.own, connection, nonce, preferred)
      const server = { accepted: "no", attempts: 0 } as const
      return Result.succeed(send({ target, msgId: 0, proof, server, closing: false }, "package 1", undefined, []))
    }
    case "Answered":
      return state._tag === "Waiting"
        ? Result.succeed(answered(state, event.answer, event.supply, policy))
        : outOfOrder()
    case "Lost": {
      if (state._tag !== "Waiting") return outOfOrder()
      const { sends, session } = state
      return Result.succeed(
        sends > policy.resends
          ? fail(new NoAnswer({ sent: sends }))
          : [State.Waiting({ session, sends: sends + 1 }), [Action.Resend()]]
      )
    }
    case "Judged": {
      if (state._tag !== "Judging") return outOfOrder()
      const { _tag, ...work } = state
      if (event.outcome === "unavailable") {
        return Result.succeed(fail(new StoreUnavailable({ clause: "the server's credentials could not be judged" })))
      }
      if (event.outcome === "mismatch") return Result.succeed(refuse(work, "rejected", work.candidate.type, policy))
      return Result.succeed([State.Committing(work), [Action.Commit({ nextNonce: work.supply.nextNonce })]])
    }
    case "Committed": {
      if (state._tag !== "Committing") return outOfOrder()
      const { _tag, ...work } = state
      return Result.succeed(
        event.outcome === "kept"
          ? committed(work, policy)
          : fail(new StoreUnavailable({ clause: "the nonce for the server could not be kept" }))
      )
    }
    case "Next":
      return state._tag === "Ready" ? Result.succeed(send(state.session, "next", state.server, [])) : outOfOrder()
    case "Aborted":
      return state._tag === "Done" || state._tag === "Failed" ? outOfOrder() : Result.succeed(fail(new Aborted()))
  }
}
