/**
 * The registration of a client with one server: a pure machine.
 *
 * @layer machine
 */

/** What a client keeps of its session. */
export interface ClientSession {
  readonly sessionId: string
  /** Milliseconds since 1970; `undefined` where the server told no end. */
  readonly endsAt?: number
}

export type State =
  | { readonly _tag: "Unregistered" }
  /** `standing` is the session that a renewal will replace. */
  | { readonly _tag: "Registering"; readonly standing?: ClientSession }
  | { readonly _tag: "Registered"; readonly session: ClientSession }
  | { readonly _tag: "Deregistering" }

export type Event =
  | { readonly _tag: "Register" }
  | { readonly _tag: "Accepted"; readonly session: ClientSession }
  /** The server refused, or could not be reached. */
  | { readonly _tag: "Failed" }
  /** 410 to a message of the session. */
  | { readonly _tag: "Lost" }
  | { readonly _tag: "Deregister" }
  | { readonly _tag: "Deregistered" }

export type Action = "send registration" | "send deregistration" | "use session" | "forget session" | "none"

export interface Step {
  readonly state: State
  readonly action: Action
  /** Whether the event belongs to the state; one that does not changes nothing. */
  readonly inOrder: boolean
}

export const unregistered: State = { _tag: "Unregistered" }

const done = (state: State, action: Action): Step => ({ state, action, inOrder: true })
const outOfOrder = (state: State): Step => ({ state, action: "none", inOrder: false })

const registered = (session: ClientSession): State => ({ _tag: "Registered", session })

/** The next state and what to do. Every state answers every event. */
export const step = (state: State, event: Event): Step => {
  switch (state._tag) {
    case "Unregistered":
      return event._tag === "Register" ? done({ _tag: "Registering" }, "send registration") : outOfOrder(state)
    case "Registering":
      switch (event._tag) {
        case "Accepted":
          return done(registered(event.session), "use session")
        case "Failed":
          // a renewal that failed leaves the session that stands
          return state.standing === undefined ? done(unregistered, "none") : done(registered(state.standing), "none")
        case "Lost":
          return done({ _tag: "Registering" }, "forget session")
        default:
          return outOfOrder(state)
      }
    case "Registered":
      switch (event._tag) {
        case "Register":
          return done({ _tag: "Registering", standing: state.session }, "send registration")
        case "Lost":
          return done(unregistered, "forget session")
        case "Deregister":
          return done({ _tag: "Deregistering" }, "send deregistration")
        default:
          return outOfOrder(state)
      }
    case "Deregistering":
      return event._tag === "Deregistered" || event._tag === "Failed" || event._tag === "Lost"
        ? done(unregistered, "forget session")
        : outOfOrder(state)
  }
}

/** When a client should register anew: at four fifths of its session; `undefined` where the session has no end. */
export const renewAt = (session: ClientSession, registeredAt: number): number | undefined =>
  session.endsAt === undefined ? undefined : registeredAt + Math.floor((session.endsAt - registeredAt) * 0.8)
