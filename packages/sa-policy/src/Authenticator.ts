/**
 * The port of a mechanism of authentication: it makes a challenge and judges an answer. Each lives in the package that owns
 * the mechanism; the guard knows this interface only.
 *
 * @layer service
 */
import type * as Effect from "effect/Effect"
import type { Connection } from "./Connection.ts"
import type { Authenticated } from "./Identity.ts"
import type { Unavailable } from "./SaError.ts"
import type { SaId } from "./SecurityAssociation.ts"
import type { AuthMode, InterfacePolicy } from "./SecurityPolicy.ts"

/** A message at the gate: `request` is what the enabler's mechanisms need to know of it, such as method and target. */
export interface AuthContext<Request> {
  readonly connection: Connection
  readonly policy: InterfacePolicy
  readonly request: Request
}

/** Why a judged credential was not accepted. The peer learns none of it but a new challenge, or `stale` where the mechanism says it. */
export type RejectionReason =
  | "credentials"
  | "stale"
  | "replayed"
  | "malformed"
  | "unauthorised"
  | "expired"
  | "too-many"

/**
 * The judgement of a presented credential. `reply` is what the mechanism adds to the answer (a new nonce, the proof of the
 * server); `challenge` is a new challenge where the failure calls for one.
 */
export type Verdict<Challenge, Reply> =
  | { readonly _tag: "Accepted"; readonly identity: Authenticated; readonly association?: SaId; readonly reply?: Reply }
  | {
      readonly _tag: "Rejected"
      readonly reason: RejectionReason
      /** For the operator, with the clause; never sent. */
      readonly detail: string
      readonly clause: string
      readonly challenge?: Challenge
    }

export interface Authenticator<Request, Presented extends { readonly mode: AuthMode }, Challenge, Reply> {
  readonly mode: AuthMode
  /** A fresh challenge. It must cost nothing that an unauthenticated flood could use up. */
  readonly challenge: (context: AuthContext<Request>) => Effect.Effect<Challenge, Unavailable>
  /** Judges what was presented; the same work and the same answer for an unknown peer and a wrong secret. */
  readonly judge: (
    context: AuthContext<Request>,
    presented: Presented
  ) => Effect.Effect<Verdict<Challenge, Reply>, Unavailable>
}
