/**
 * The server's side of the bootstrapping procedure on Ub as a machine. Its states are small enough to lie in a store between two
 * requests, so that any node can take the next one; the vector itself is with the keys, under its RAND.
 *
 * @layer machine
 * @spec TS 33.220 4.5.2; TS 24.109 4; RFC 3310
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { Impi } from "./Impi.ts"
import { OutOfOrder } from "./UeBootstrap.ts"

/** Why the home network gave no vector. */
export type VectorFault =
  /** Nobody of that name, or no right to GBA. */
  | "unknown"
  /** MAC-S of the AUTS is wrong. */
  | "auts rejected"
  /** The home network does not answer. */
  | "unavailable"

/** Why the server refuses; what the handset learns of it is the status alone. */
export type BsfRefusal = "no identity" | "unknown TMPI" | "malformed" | "home network unavailable"

export type State = Data.TaggedEnum<{
  /** Nothing is known of this handset, or what was known is spent. */
  Idle: object
  /** A vector is on its way from the home network. */
  AwaitingVector: { readonly impi: Impi }
  /** A challenge with `rand` is out, to be answered until `notAfter` (milliseconds since 1970). */
  Challenged: { readonly impi: Impi; readonly rand: Uint8Array; readonly notAfter: number }
  /** A challenge went out that nobody can answer, for a subscriber that there is not. */
  Decoyed: object
  /** Ks is kept until `notAfter`. */
  Bootstrapped: { readonly impi: Impi; readonly rand: Uint8Array; readonly notAfter: number }
  Refused: { readonly why: BsfRefusal }
}>
export const State = Data.taggedEnum<State>()

export type Event = Data.TaggedEnum<{
  /** A request that names a subscriber and answers no challenge that is still open. */
  Requested: { readonly impi: Impi }
  /** The same without a name, with a TMPI that is not kept, or one that cannot be read. */
  Unusable: { readonly why: "no identity" | "unknown TMPI" | "malformed" }
  /** The home network's vector was put away under `rand`. */
  VectorFetched: { readonly rand: Uint8Array; readonly notAfter: number }
  VectorFailed: { readonly why: VectorFault }
  /** A response to the open challenge. `right`: it was made with RES, and this node was the first to take it. */
  Responded: { readonly right: boolean; readonly notAfter: number }
  /** AUTS for the open challenge. `right`: the response goes with an empty password, and this node was the first to take it. */
  Resynchronise: { readonly right: boolean; readonly auts: Uint8Array }
  /** The time of the challenge, or of Ks, is over. */
  Expired: object
}>
export const Event = Data.taggedEnum<Event>()

export type Action = Data.TaggedEnum<{
  FetchVector: { readonly impi: Impi }
  /** Fetch a vector after the home network took over SQN_MS. */
  FetchAfterAuts: { readonly impi: Impi; readonly rand: Uint8Array; readonly auts: Uint8Array }
  /** 401 with the vector's RAND and AUTN. */
  SendChallenge: { readonly rand: Uint8Array }
  /** 401 that looks the same with random octets: the name of a subscriber cannot be guessed by asking. */
  SendDecoy: { readonly impi: Impi }
  /** 200 with B-TID and lifetime; keep Ks first. */
  KeepKs: { readonly impi: Impi; readonly rand: Uint8Array; readonly notAfter: number }
  SendAccepted: { readonly rand: Uint8Array; readonly notAfter: number }
  /** Delete the vector: a RES serves one authentication, right or wrong. */
  Spend: { readonly rand: Uint8Array }
  Refuse: { readonly status: 400 | 403 | 503; readonly why: BsfRefusal }
  /** Delete Ks. */
  Forget: { readonly rand: Uint8Array }
}>
export const Action = Data.taggedEnum<Action>()

/** What the handset is told in each case: one table, so that it can be read whole. @spec TS 24.109 4.4; RFC 9110 15.5 */
export const refusalStatus: Readonly<Record<BsfRefusal, 400 | 403 | 503>> = {
  "no identity": 403,
  "unknown TMPI": 403,
  malformed: 400,
  "home network unavailable": 503
}

export type Step = readonly [State, ReadonlyArray<Action>]

const go = (state: State, ...actions: ReadonlyArray<Action>): Result.Result<Step, OutOfOrder> =>
  Result.succeed([state, actions])

const refuse = (why: BsfRefusal, ...before: ReadonlyArray<Action>) =>
  go(State.Refused({ why }), ...before, Action.Refuse({ status: refusalStatus[why], why }))

const fetch = (impi: Impi, ...before: ReadonlyArray<Action>) =>
  go(State.AwaitingVector({ impi }), ...before, Action.FetchVector({ impi }))

const vectorFailed = (impi: Impi, why: VectorFault) => {
  switch (why) {
    case "unknown":
      return go(State.Decoyed(), Action.SendDecoy({ impi }))
    case "auts rejected":
      // The challenge that follows is an ordinary one; who made up the AUTS learns nothing.
      return fetch(impi)
    case "unavailable":
      return refuse("home network unavailable")
  }
}

const challenged = (state: Extract<State, { _tag: "Challenged" }>, event: Event): ReturnType<typeof step> => {
  const { impi, rand } = state
  const spend = Action.Spend({ rand })
  switch (event._tag) {
    case "Responded":
      return event.right
        ? go(
            State.Bootstrapped({ impi, rand, notAfter: event.notAfter }),
            spend,
            Action.KeepKs({ impi, rand, notAfter: event.notAfter }),
            Action.SendAccepted({ rand, notAfter: event.notAfter })
          )
        : fetch(impi, spend)
    case "Resynchronise":
      return event.right
        ? go(State.AwaitingVector({ impi }), spend, Action.FetchAfterAuts({ impi, rand, auts: event.auts }))
        : fetch(impi, spend)
    case "Requested":
      return fetch(event.impi)
    case "Unusable":
      return refuse(event.why)
    case "Expired":
      return go(State.Idle(), spend)
    default:
      return Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
  }
}

/**
 * The next state and the work that it asks for. Fails with `OutOfOrder` for an event that does not belong into the state.
 * Never throws, never waits.
 */
export const step = (state: State, event: Event): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () => Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
  switch (state._tag) {
    case "Idle":
    case "Decoyed":
    case "Refused":
      if (event._tag === "Requested") return fetch(event.impi)
      if (event._tag === "Unusable") return refuse(event.why)
      return outOfOrder()
    case "AwaitingVector":
      if (event._tag === "VectorFetched") {
        const { rand, notAfter } = event
        return go(State.Challenged({ impi: state.impi, rand, notAfter }), Action.SendChallenge({ rand }))
      }
      if (event._tag === "VectorFailed") return vectorFailed(state.impi, event.why)
      return outOfOrder()
    case "Challenged":
      return challenged(state, event)
    case "Bootstrapped":
      // A new bootstrapping of the subscriber leaves the old one alone until it has succeeded.
      if (event._tag === "Requested") return fetch(event.impi)
      if (event._tag === "Unusable") return refuse(event.why)
      if (event._tag === "Expired") return go(State.Idle(), Action.Forget({ rand: state.rand }))
      return outOfOrder()
  }
}
