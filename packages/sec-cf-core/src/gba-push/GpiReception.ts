/**
 * What a handset does with a GPI, as a pure machine: every check in its order, and what is left to do after each.
 *
 * Whatever fails, Ks is deleted and nobody is answered; the one message that may go out is AUTS, over a return channel.
 *
 * @layer machine
 * @spec TS 33.223 (the order of the steps is stated from memory)
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { Fqdn } from "../gba/Fqdn.ts"
import type { NafId } from "../gba/NafId.ts"
import * as GpiCodec from "./GpiCodec.ts"

/** Why a GPI was dropped. */
export type GpiRefusal =
  | "malformed"
  /** Its RAND made an association before. */
  | "replayed"
  /** No application of the card has its label, or none does GBA_U. */
  | "no application"
  /** MAC-A is wrong: it is not from this subscriber's home network, or is another subscriber's. */
  | "network not authenticated"
  /** The home network is out of step with the card. */
  | "out of step"
  /** Its MAC is wrong: it was altered, or made for another subscriber or server. */
  | "integrity"
  /** Its lifetime is over, or longer than this handset takes. */
  | "lifetime"
  /** Policy takes no push from this NAF. */
  | "NAF"
  /** Its P-TID or key is in use, or its RAND came twice at a time. */
  | "conflict"
  /** The card does not answer. */
  | "no card"

export type State = Data.TaggedEnum<{
  Idle: object
  CheckingRand: { readonly gpi: GpiCodec.SealedGpi }
  AwaitingCard: { readonly gpi: GpiCodec.SealedGpi }
  AwaitingProtection: { readonly gpi: GpiCodec.SealedGpi }
  AwaitingPolicy: { readonly gpi: GpiCodec.SealedGpi; readonly secret: GpiCodec.GpiSecret }
  AwaitingNafKey: { readonly gpi: GpiCodec.SealedGpi; readonly secret: GpiCodec.GpiSecret }
  Installing: { readonly gpi: GpiCodec.SealedGpi; readonly secret: GpiCodec.GpiSecret }
  Established: { readonly gpi: GpiCodec.SealedGpi; readonly secret: GpiCodec.GpiSecret }
  Dropped: { readonly reason: GpiRefusal }
}>
export const State = Data.taggedEnum<State>()

export type Event = Data.TaggedEnum<{
  Received: { readonly octets: Uint8Array }
  /** Whether an association of the RAND is there, or was. */
  RandLookedUp: { readonly known: boolean }
  CardAuthenticated: object
  CardOutOfStep: { readonly auts: Uint8Array }
  CardRejected: object
  CardHasNoApplication: object
  CardLost: object
  /** The keys under which the GPI is protected. `now` is milliseconds since 1970; `bsf` the handset's own bootstrapping server. */
  ProtectionDerived: { readonly keys: GpiCodec.GpiKeys; readonly now: number; readonly bsf: Fqdn }
  PolicyAnswered: { readonly accepted: boolean }
  NafKeyDerived: object
  Installed: object
  Conflicted: object
}>
export const Event = Data.taggedEnum<Event>()

export type Action = Data.TaggedEnum<{
  LookUpRand: { readonly rand: Uint8Array }
  AskCard: { readonly gpi: GpiCodec.SealedGpi }
  /** RAND and AUTS, to the NAF; without a return channel nothing. */
  SendAuts: { readonly rand: Uint8Array; readonly auts: Uint8Array }
  DeriveProtection: { readonly rand: Uint8Array }
  AskPolicy: { readonly nafId: NafId }
  DeriveNafKey: { readonly nafId: NafId }
  DeleteKs: object
  Install: { readonly gpi: GpiCodec.SealedGpi; readonly secret: GpiCodec.GpiSecret }
  Count: { readonly reason: GpiRefusal; readonly detail: string }
}>
export const Action = Data.taggedEnum<Action>()

/** The event does not belong into this state; the state stays. */
export class OutOfOrder extends Data.TaggedError("OutOfOrder")<{ readonly state: string; readonly event: string }> {}

/** What a handset takes at most. */
export interface ReceptionLimits {
  /** Milliseconds for which a key may hold; 366 days. */
  readonly lifetimeMillis: number
}
export const defaultLimits: ReceptionLimits = { lifetimeMillis: 31_622_400_000 }

export type Step = readonly [State, ReadonlyArray<Action>]

const go = (state: State, ...actions: ReadonlyArray<Action>): Result.Result<Step, OutOfOrder> =>
  Result.succeed([state, actions])

const drop = (reason: GpiRefusal, detail: string, ...before: ReadonlyArray<Action>) =>
  go(State.Dropped({ reason }), ...before, Action.Count({ reason, detail }))

/** Drops a GPI after AKA has made a Ks. */
const dropKs = (reason: GpiRefusal, detail: string) => drop(reason, detail, Action.DeleteKs())

const received = (octets: Uint8Array) => {
  const parsed = GpiCodec.parse(octets)
  if (Result.isFailure(parsed)) return drop("malformed", `octet ${parsed.failure.at}: ${parsed.failure.why}`)
  const gpi = parsed.success
  return go(State.CheckingRand({ gpi }), Action.LookUpRand({ rand: gpi.rand }))
}

const cardAnswered = (gpi: GpiCodec.SealedGpi, event: Event): Result.Result<Step, OutOfOrder> | undefined => {
  switch (event._tag) {
    case "CardAuthenticated":
      return go(State.AwaitingProtection({ gpi }), Action.DeriveProtection({ rand: gpi.rand }))
    case "CardOutOfStep":
      return drop("out of step", "SQN is not acceptable", Action.SendAuts({ rand: gpi.rand, auts: event.auts }))
    case "CardRejected":
      return drop("network not authenticated", "MAC-A is wrong")
    case "CardHasNoApplication":
      return drop("no application", gpi.gbaU ? "for GBA_U" : "for GBA_ME")
    default:
      return undefined
  }
}

const unprotect = (
  gpi: GpiCodec.SealedGpi,
  { keys, now, bsf }: Extract<Event, { _tag: "ProtectionDerived" }>,
  limits: ReceptionLimits
) => {
  const opened = GpiCodec.open(keys, gpi)
  if (Result.isFailure(opened)) {
    return opened.failure._tag === "GpiRejected"
      ? dropKs("integrity", opened.failure.clause)
      : dropKs("malformed", opened.failure.why)
  }
  const secret = opened.success
  const notAfter = secret.lifetime * 1000
  if (notAfter <= now) return dropKs("lifetime", `over since ${notAfter}`)
  if (notAfter - now > limits.lifetimeMillis) return dropKs("lifetime", `until ${notAfter} is too long`)
  // a key for this name would be the base of the protection of the GPI, which no bootstrapping server gives away
  if (secret.nafId.fqdn === bsf) return dropKs("NAF", "the name of the bootstrapping server itself")
  return go(State.AwaitingPolicy({ gpi, secret }), Action.AskPolicy({ nafId: secret.nafId }))
}

/**
 * The next state and the work that it asks for. Fails with `OutOfOrder` for an event that does not belong into the state.
 * Never throws, never waits.
 */
export const step = (
  state: State,
  event: Event,
  limits: ReceptionLimits = defaultLimits
): Result.Result<Step, OutOfOrder> => {
  const outOfOrder = () => Result.fail(new OutOfOrder({ state: state._tag, event: event._tag }))
  switch (state._tag) {
    case "Idle":
      return event._tag === "Received" ? received(event.octets) : outOfOrder()
    case "CheckingRand":
      if (event._tag !== "RandLookedUp") return outOfOrder()
      if (event.known) return drop("replayed", "its RAND made an association before")
      return go(State.AwaitingCard({ gpi: state.gpi }), Action.AskCard({ gpi: state.gpi }))
    case "AwaitingCard":
      if (event._tag === "CardLost") return drop("no card", "it does not answer")
      return cardAnswered(state.gpi, event) ?? outOfOrder()
    case "AwaitingProtection":
      if (event._tag === "CardLost") return dropKs("no card", "it gives no key")
      return event._tag === "ProtectionDerived" ? unprotect(state.gpi, event, limits) : outOfOrder()
    case "AwaitingPolicy": {
      if (event._tag !== "PolicyAnswered") return outOfOrder()
      const { gpi, secret } = state
      if (!event.accepted) return dropKs("NAF", `${secret.nafId.fqdn} ${secret.nafId.ua}`)
      return go(State.AwaitingNafKey({ gpi, secret }), Action.DeriveNafKey({ nafId: secret.nafId }))
    }
    case "AwaitingNafKey": {
      if (event._tag === "CardLost") return dropKs("no card", "it gives no key")
      if (event._tag !== "NafKeyDerived") return outOfOrder()
      const { gpi, secret } = state
      return go(State.Installing({ gpi, secret }), Action.DeleteKs(), Action.Install({ gpi, secret }))
    }
    case "Installing":
      if (event._tag === "Installed") return go(State.Established({ gpi: state.gpi, secret: state.secret }))
      if (event._tag === "Conflicted") return drop("conflict", "RAND, P-TID or key is in use")
      return outOfOrder()
    case "Established":
    case "Dropped":
      return outOfOrder()
  }
}
