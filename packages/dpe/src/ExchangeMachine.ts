/**
 * One exchange of a client on one interface: where it is sent, when it is sent again better protected, and when the client stops.
 *
 * @layer machine
 * @spec dpe 5.1, 5.2, 5.4
 */
import { type ConnectionSecurity, satisfies } from "./ConnectionSecurity.ts"

/** What the client goes by. */
export interface Rules {
  /** What it asked for, or has to have by its own policy. */
  readonly least: ConnectionSecurity
  /** Whether there is a clear endpoint, and a protected one. */
  readonly clear: boolean
  readonly secure: boolean
  /** The host of the protected endpoint, with its port: `Location` leads nowhere else. */
  readonly secureHost: string | undefined
}

export type Endpoint = "clear" | "secure"

export type State =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Sent"; readonly to: Endpoint }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Stopped"; readonly why: Stop }

/** Why the client stopped. */
export type Stop =
  /** No endpoint gives what the client's policy or its own request demands. */
  | "no endpoint"
  /** The server, or its certificate, is not what the policy of the client demands. */
  | "server not accepted"
  /** The connection is less protected than was asked for: somebody may have cut the request out. */
  | "downgrade"
  /** `Location` names another host. */
  | "foreign location"
  /** The server wants more than the protected endpoint gives. */
  | "security not reached"
  /** The server did not accept the client. */
  | "authentication error"
  /** The server admitted the client by a mode that the client's policy does not have. */
  | "mode not accepted"
  /** An event that does not belong to the state. */
  | "out of order"

export type Event =
  | { readonly _tag: "Start" }
  /** The client's own policy demands more of the connection. */
  | { readonly _tag: "MoreNeeded" }
  /** The server was not accepted, before anything was sent. */
  | { readonly _tag: "ServerRefused" }
  /**
   * An answer came. `hostOfLocation` is the host of `Location`, where there is one; `modeAccepted` says whether the client's policy
   * accepts the mode by which it was admitted on this connection; true where the answer does not tell.
   */
  | {
      readonly _tag: "Answered"
      readonly code: number
      readonly security: ConnectionSecurity
      readonly modeAccepted: boolean
      readonly hostOfLocation?: string
    }

export type Action =
  | { readonly _tag: "Send"; readonly to: Endpoint }
  | { readonly _tag: "Deliver" }
  | { readonly _tag: "Stop"; readonly why: Stop }

export interface Step {
  readonly state: State
  readonly action: Action
}

export const ready: State = { _tag: "Ready" }

const stop = (why: Stop): Step => ({ state: { _tag: "Stopped", why }, action: { _tag: "Stop", why } })
const send = (to: Endpoint): Step => ({ state: { _tag: "Sent", to }, action: { _tag: "Send", to } })

/** Sends again to the protected endpoint, where the last one was not that; it never goes back. */
const escalate = (rules: Rules, to: Endpoint, otherwise: Stop): Step =>
  to === "clear" && rules.secure ? send("secure") : stop(otherwise)

const start = (rules: Rules): Step => {
  if (rules.clear && satisfies("none", rules.least)) return send("clear")
  return rules.secure ? send("secure") : stop("no endpoint")
}

const answered = (rules: Rules, to: Endpoint, event: Extract<Event, { _tag: "Answered" }>): Step => {
  if (event.code === 426) {
    if (event.hostOfLocation !== undefined && event.hostOfLocation !== rules.secureHost) return stop("foreign location")
    return escalate(rules, to, "security not reached")
  }
  if (!satisfies(event.security, rules.least)) return stop("downgrade")
  if (event.code === 401 || event.code === 403) return escalate(rules, to, "authentication error")
  if (!event.modeAccepted) return escalate(rules, to, "mode not accepted")
  return { state: { _tag: "Done" }, action: { _tag: "Deliver" } }
}

/** The next state and what to do. Every state takes every event; one that does not belong stops the exchange. */
export const step = (rules: Rules, state: State, event: Event): Step => {
  if (state._tag === "Ready") return event._tag === "Start" ? start(rules) : stop("out of order")
  if (state._tag !== "Sent") return stop("out of order")
  switch (event._tag) {
    case "Start":
      return stop("out of order")
    case "MoreNeeded":
      return escalate(rules, state.to, "security not reached")
    case "ServerRefused":
      return escalate(rules, state.to, "server not accepted")
    case "Answered":
      return answered(rules, state.to, event)
  }
}
