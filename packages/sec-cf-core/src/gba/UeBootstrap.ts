/**
 * The handset's side of the bootstrapping procedure on Ub as a machine: what came goes in, what to do comes out.
 *
 * @layer machine
 * @spec TS 33.220 4.5.2; TS 24.109 4; RFC 3310
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { AkaAnswer } from "../aka/Usim.ts"
import type { BootstrappingInfo } from "./BootstrappingInfo.ts"
import type { BTid } from "./BTid.ts"
import type { Impi, Tmpi } from "./Impi.ts"
import type { UbChallenge } from "./UbMessage.ts"

/** What one bootstrapping carries along. */
interface Run {
  readonly impi: Impi
  /** The name under which it asks: the TMPI first where there is one. */
  readonly identity: Impi | Tmpi
  /** Challenges received so far. */
  readonly challenges: number
  /** AUTS sent so far. */
  readonly resynchronisations: number
}

/** Why a bootstrapping failed. */
export type UeFailure =
  | "network not authenticated: MAC-A is wrong"
  | "out of step with the network after resynchronisation"
  | "too many challenges"
  | "refused by the server"
  | "server not authenticated: rspauth is missing or wrong"
  | "the lifetime is over already"
  | "the challenge names another server"
  | "no card"
  | "no answer that is one"

export type State = Data.TaggedEnum<{
  Idle: object
  AwaitingChallenge: { readonly run: Run }
  AwaitingCard: { readonly run: Run; readonly challenge: UbChallenge }
  AwaitingResult: {
    readonly run: Run
    readonly challenge: UbChallenge
    readonly ck: Uint8Array
    readonly ik: Uint8Array
  }
  Bootstrapped: { readonly impi: Impi; readonly btid: BTid; readonly notAfter: number }
  Failed: { readonly impi: Impi; readonly reason: UeFailure }
}>
export const State = Data.taggedEnum<State>()

export type Event = Data.TaggedEnum<{
  /** Begin, or begin again: after an end, and for renewal. */
  Start: { readonly impi: Impi; readonly tmpi?: Tmpi | undefined }
  /** A 401 with a challenge that could be read. `realmMatches`: its realm is the name of the server that was asked. */
  Challenged: { readonly challenge: UbChallenge; readonly realmMatches: boolean }
  CardAnswered: { readonly answer: AkaAnswer }
  CardLost: object
  /** A 200 with a document. `proved`: rspauth was there and right. `now`: milliseconds since 1970. */
  Accepted: { readonly info: BootstrappingInfo; readonly proved: boolean; readonly now: number }
  /** An answer that refuses: 4xx other than a challenge, or 5xx. */
  Refused: { readonly status: number }
  /** No answer, or one that cannot be read. */
  Broken: object
  /** The lifetime of Ks is over. */
  Expired: object
}>
export const Event = Data.taggedEnum<Event>()

export type Action = Data.TaggedEnum<{
  /** The first request: the identity, an empty nonce and an empty response. */
  SendInitial: { readonly identity: Impi | Tmpi }
  AskCard: { readonly challenge: UbChallenge }
  SendResponse: {
    readonly identity: Impi | Tmpi
    readonly challenge: UbChallenge
    readonly res: Uint8Array
    readonly ck: Uint8Array
    readonly ik: Uint8Array
  }
  /** The response to the challenge with an empty password and `auts`. */
  SendAuts: { readonly identity: Impi | Tmpi; readonly challenge: UbChallenge; readonly auts: Uint8Array }
  /** Keep the bootstrapping; it replaces every earlier one of this card. */
  Keep: {
    readonly impi: Impi
    readonly btid: BTid
    readonly rand: Uint8Array
    readonly ck: Uint8Array
    readonly ik: Uint8Array
    readonly notAfter: number
  }
  /** Delete the TMPI: the server does not know it. */
  ForgetTmpi: { readonly impi: Impi }
  /** Delete Ks and all that was derived. */
  Forget: { readonly impi: Impi }
}>
export const Action = Data.taggedEnum<Action>()

/** The event does not belong into this state; the state stays. A success that comes too early is one of these. */
export class OutOfOrder extends Data.TaggedError("OutOfOrder")<{ readonly state: string; readonly event: string }> {}

/** How often a server may ask again. */
export interface UeLimits {
  /** Challenges in one bootstrapping; 4. */
  readonly challenges: number
  /** AUTS in one bootstrapping; 1. A second one cannot help: the network was told SQN_MS. */
  readonly resynchronisations: number
}
export const defaultLimits: UeLimits = { challenges: 4, resynchronisations: 1 }

export type Step = readonly [State, ReadonlyArray<Action>]

const go = (state: State, ...actions: ReadonlyArray<Action>): Result.Result<Step, OutOfOrder> =>
  Result.succeed([state, actions])

const fail = (impi: Impi, reason: UeFailure) => go(State.Failed({ impi, reason }))

const start = (event: Extract<Event, { _tag: "Start" }>) => {
  const identity = event.tmpi ?? event.impi
  const run: Run = { impi: event.impi, identity, challenges: 0, resynchronisations: 0 }
  return go(State.AwaitingChallenge({ run }), Action.SendInitial({ identity }))
}

const challenged = (run: Run, event: Extract<Event, { _tag: "Challenged" }>, limits: UeLimits) => {
  if (!event.realmMatches) return fail(run.impi, "the challenge names another server")
  if (run.challenges >= limits.challenges) return fail(run.impi, "too many challenges")
  const { challenge } = event
  return go(
    State.AwaitingCard({ run: { ...run, challenges: run.challenges + 1 }, challenge }),
    Action.AskCard({ challenge })
  )
}

const cardAnswered = (
  { run, challenge }: Extract<State, { _tag: "AwaitingCard" }>,
  answer: AkaAnswer,
  limits: UeLimits
) => {
  const { impi, identity } = run
  switch (answer._tag) {
    case "MacFailure":
      return fail(impi, "network not authenticated: MAC-A is wrong")
    case "SynchronisationFailure": {
      if (run.resynchronisations >= limits.resynchronisations) {
        return fail(impi, "out of step with the network after resynchronisation")
      }
      const again = { ...run, resynchronisations: run.resynchronisations + 1 }
      return go(State.AwaitingChallenge({ run: again }), Action.SendAuts({ identity, challenge, auts: answer.auts }))
    }
    case "Authenticated": {
      const { res, ck, ik } = answer
      return go(
        State.AwaitingResult({ run, challenge, ck, ik }),
        Action.SendResponse({ identity, challenge, res, ck, ik })
      )
    }
  }
}

const accepted = (
  { run, challenge, ck, ik }: Extract<State, { _tag: "AwaitingResult" }>,
  { info, proved, now }: Extract<Event, { _tag: "Accepted" }>
) => {
  const { impi } = run
  if (!proved) return fail(impi, "server not authenticated: rspauth is missing or wrong")
  // With the server's clock in the document a wrong clock of the handset does no harm.
  const notAfter = now + (info.lifetime - (info.currentTime ?? now))
  if (notAfter <= now) return fail(impi, "the lifetime is over already")
  const { btid } = info
  return go(
    State.Bootstrapped({ impi, btid, notAfter }),
    Action.Keep({ impi, btid, rand: challenge.rand, ck, ik, notAfter })
  )
}

const refused = (run: Run) => {
  if (run.identity === run.impi) return fail(run.impi, "refused by the server")
  // The server does not know the TMPI (any more): once again with the IMPI.
  const again: Run = { ...run, identity: run.impi }
  return go(
    State.AwaitingChallenge({ run: again }),
    Action.ForgetTmpi({ impi: run.impi }),
    Action.SendInitial({ identity: run.impi })
  )
}

/**
 * The next state and the work that it asks for. Fails with `OutOfOrder` for an event that does not belong into the state.
 * Never throws, never waits.
 */
export const step = (state: State, event: Event, limits: UeLimits = defaultLimits): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () => Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
  switch (state._tag) {
    case "Idle":
    case "Failed":
      return event._tag === "Start" ? start(event) : outOfOrder()
    case "Bootstrapped":
      if (event._tag === "Start") return start(event)
      if (event._tag === "Expired") return go(State.Idle(), Action.Forget({ impi: state.impi }))
      return outOfOrder()
    case "AwaitingChallenge":
      if (event._tag === "Challenged") return challenged(state.run, event, limits)
      if (event._tag === "Refused") return refused(state.run)
      if (event._tag === "Broken") return fail(state.run.impi, "no answer that is one")
      return outOfOrder()
    case "AwaitingCard":
      if (event._tag === "CardAnswered") return cardAnswered(state, event.answer, limits)
      if (event._tag === "CardLost") return fail(state.run.impi, "no card")
      return outOfOrder()
    case "AwaitingResult":
      if (event._tag === "Accepted") return accepted(state, event)
      if (event._tag === "Challenged") return challenged(state.run, event, limits)
      if (event._tag === "Refused") return fail(state.run.impi, "refused by the server")
      if (event._tag === "Broken") return fail(state.run.impi, "no answer that is one")
      return outOfOrder()
  }
}
