/**
 * The life of a session on the server, and which messages belong to it: a pure machine.
 *
 * The Session-ID alone proves nothing: each message is judged with who sent it and over what.
 *
 * @layer machine
 * @spec dpe 3, 5.4; dcd 2 as far as dpe 3 refers to it
 */
import { type ConnectionSecurity, satisfies, stronger } from "./ConnectionSecurity.ts"
import type { DpeInterface } from "./DpeInterface.ts"

/** Who sent a message, by the gate of its interface: a subscriber, or nobody in particular. */
export type Who = string | undefined

export interface Session {
  /** The subscriber who registered; `undefined` where nobody was authenticated. */
  readonly registrant: Who
  /** The subscriber who proved himself first on DPE-2, where the registration was that of nobody in particular. */
  readonly reporter: Who
  /** What the client asked for; it holds on every interface. */
  readonly asked: ConnectionSecurity
  /** The security of the connection over which the Session-ID went out. */
  readonly issuedOver: ConnectionSecurity
  /** Milliseconds since 1970. */
  readonly endsAt: number
}

export type State =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Live"; readonly session: Session }
  | { readonly _tag: "Ended" }

export type Event =
  | { readonly _tag: "Registered"; readonly session: Session }
  | {
      readonly _tag: "Arrived"
      readonly interface: DpeInterface
      readonly who: Who
      readonly security: ConnectionSecurity
    }
  /** The device registered anew: this session counts until `until` at most. */
  | { readonly _tag: "Replaced"; readonly until: number }
  | { readonly _tag: "Deregistered" }

export type Verdict =
  /** The message belongs to the session. */
  | { readonly _tag: "Proceed" }
  /** Nothing proves that the sender is the session's subscriber: 401, the session stays. */
  | { readonly _tag: "Unproved" }
  /** The sender is another subscriber: 403, the session stays. */
  | { readonly _tag: "Other" }
  /** 426. */
  | { readonly _tag: "Upgrade"; readonly least: ConnectionSecurity }
  /** 410. */
  | { readonly _tag: "Gone" }
  /** A session exists already; nothing changed. */
  | { readonly _tag: "Taken" }

export interface Step {
  readonly state: State
  readonly verdict: Verdict
}

export const absent: State = { _tag: "Absent" }
export const ended: State = { _tag: "Ended" }

/** The least security of a message of the session on an interface. A Session-ID that went out protected never comes back in clear. */
export const leastOf = (session: Session, of: DpeInterface): ConnectionSecurity =>
  of === "dpe-1" && satisfies(session.issuedOver, "tls") ? stronger(session.asked, "tls") : session.asked

const proceed: Verdict = { _tag: "Proceed" }

const arrived = (session: Session, event: Extract<Event, { _tag: "Arrived" }>): Step => {
  const state: State = { _tag: "Live", session }
  const least = leastOf(session, event.interface)
  if (!satisfies(event.security, least)) return { state, verdict: { _tag: "Upgrade", least } }
  const { registrant, reporter } = session
  const expected = event.interface === "dpe-1" ? registrant : (registrant ?? reporter)
  if (event.interface === "dpe-1" || event.interface === "dpe-3") {
    if (event.who === expected) return { state, verdict: proceed }
    return { state, verdict: event.who === undefined ? { _tag: "Unproved" } : { _tag: "Other" } }
  }
  // DPE-2 has a policy of its own: where it admits nobody in particular, the name of DPE-2 is enough until somebody proved himself on it
  if (event.who === undefined) {
    return reporter === undefined ? { state, verdict: proceed } : { state, verdict: { _tag: "Unproved" } }
  }
  if (expected !== undefined && event.who !== expected) return { state, verdict: { _tag: "Other" } }
  return { state: { _tag: "Live", session: { ...session, reporter: event.who } }, verdict: proceed }
}

/** The next state, and what becomes of the message at `now`. Every state takes every event. */
export const step = (state: State, event: Event, now: number): Step => {
  if (state._tag === "Live" && now >= state.session.endsAt) return step(ended, event, now)
  switch (state._tag) {
    case "Absent":
    case "Ended":
      return event._tag === "Registered"
        ? { state: { _tag: "Live", session: event.session }, verdict: proceed }
        : { state, verdict: { _tag: "Gone" } }
    case "Live":
      switch (event._tag) {
        case "Registered":
          return { state, verdict: { _tag: "Taken" } }
        case "Deregistered":
          return { state: ended, verdict: proceed }
        case "Replaced": {
          const endsAt = Math.min(state.session.endsAt, event.until)
          const session = { ...state.session, endsAt }
          return { state: now >= endsAt ? ended : { _tag: "Live", session }, verdict: proceed }
        }
        case "Arrived":
          return arrived(state.session, event)
      }
  }
}
