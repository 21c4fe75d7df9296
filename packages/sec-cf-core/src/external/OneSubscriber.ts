/**
 * A guard that judges every credential of a request, not the preferred one alone: two that name different subscribers are an
 * authentication error, and so is one that does not hold where another does.
 *
 * @layer service
 * @spec OMA DPE 5.2: valid authentication that is supplied is accepted; what comes with it may not contradict it
 */
import {
  type Authenticator,
  type Identity,
  type InterfaceGuard,
  Level,
  SecurityEvents,
  type SecurityPolicy
} from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import * as Subscriber from "./Subscriber.ts"

export interface OneSubscriberOptions {
  /** All names of the subscriber behind an identity; subject and aliases unless given. Ask the subscriber database here. */
  readonly namesOf?: (identity: Identity.Authenticated) => ReadonlyArray<Subscriber.SubscriberName>
}

const ownNames = ({ subject, kind, aliases }: Identity.Authenticated): ReadonlyArray<Subscriber.SubscriberName> => [
  { kind, subject },
  ...(aliases ?? [])
]

/**
 * `guard` with that rule. `authenticators` are those that it was made with. Two identities that have no kind of name in common count as
 * different: give `namesOf`, so that they have one.
 */
export const make = Effect.fnUntraced(function* <
  Request,
  Presented extends { readonly mode: SecurityPolicy.AuthMode },
  Challenge,
  Reply
>(
  name: SecurityPolicy.InterfaceName,
  guard: InterfaceGuard.InterfaceGuard<Request, Presented, Challenge, Reply>,
  authenticators: ReadonlyArray<Authenticator.Authenticator<Request, Presented, Challenge, Reply>>,
  options: OneSubscriberOptions = {}
) {
  const events = yield* SecurityEvents.SecurityEvents
  const namesOf = options.namesOf ?? ownNames

  const admit: InterfaceGuard.InterfaceGuard<Request, Presented, Challenge, Reply>["admit"] = Effect.fnUntraced(
    function* (connection, request, presented) {
      const admission = yield* guard.admit(connection, request, presented)
      if (admission._tag !== "Admitted" || admission.identity._tag !== "Authenticated") return admission
      const { identity, policy } = admission
      const { level } = connection.protection
      const refuse = (reason: Authenticator.RejectionReason, clause: string, detail: string) =>
        Effect.as(
          events.emit("Refused", {
            enabler: name.enabler,
            interface: name.interface,
            peer: connection.peer.address,
            clause,
            detail
          }),
          { _tag: "Refused", reason } as const
        )
      for (const credential of presented) {
        if (credential.mode === admission.mode) continue
        const authenticator = authenticators.find(({ mode }) => mode === credential.mode)
        const accepted = policy.clientAuthentication.some(
          ({ mode, over }) => mode === credential.mode && Level.satisfies(level, over)
        )
        if (authenticator === undefined || !accepted) continue
        const verdict = yield* authenticator.judge({ connection, policy, request }, credential)
        if (verdict._tag === "Rejected") return yield* refuse(verdict.reason, verdict.clause, verdict.detail)
        if (Subscriber.compare(namesOf(identity), namesOf(verdict.identity)) !== "same") {
          const clause = "DPE 5.2: two modes with different subscribers are an authentication error"
          return yield* refuse(
            "credentials",
            clause,
            `${admission.mode} and ${credential.mode} do not name one subscriber`
          )
        }
      }
      return admission
    }
  )
  const every: InterfaceGuard.InterfaceGuard<Request, Presented, Challenge, Reply> = { admit }
  return every
})
