/**
 * The gate of an interface: every message of an enabler passes it, with the connection it came over and the credentials it
 * presents.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import type { Authenticator, RejectionReason } from "./Authenticator.ts"
import type { Connection } from "./Connection.ts"
import { clauses } from "./Decision.ts"
import { anonymous, type Identity } from "./Identity.ts"
import { type Level, nameOf as levelName } from "./Level.ts"
import type { Unavailable } from "./SaError.ts"
import type { SaId } from "./SecurityAssociation.ts"
import { SecurityEvents } from "./SecurityEvents.ts"
import type { AuthMode, InterfaceName, InterfacePolicy } from "./SecurityPolicy.ts"
import { type NoPolicy, Spd } from "./Spd.ts"

/** What the gate says. The enabler turns it into its own answer; `reason` is for its table of answers, not for the peer. */
export type Admission<Challenge, Reply> =
  | {
      readonly _tag: "Admitted"
      readonly identity: Identity
      readonly mode: AuthMode
      readonly policy: InterfacePolicy
      readonly association?: SaId
      readonly reply?: Reply
    }
  | {
      readonly _tag: "Challenge"
      readonly challenges: ReadonlyArray<Challenge>
      readonly reason: "missing" | "not-accepted" | RejectionReason
    }
  | { readonly _tag: "Upgrade"; readonly least: Level }
  | { readonly _tag: "Refused"; readonly reason: "policy" | RejectionReason }

export interface InterfaceGuard<Request, Presented extends { readonly mode: AuthMode }, Challenge, Reply> {
  /** Judges one message. Fails only where a store does not answer, or no policy speaks of the interface. */
  readonly admit: (
    connection: Connection,
    request: Request,
    presented: ReadonlyArray<Presented>
  ) => Effect.Effect<Admission<Challenge, Reply>, NoPolicy | Unavailable>
}

const describe = (connection: Connection): string =>
  connection.peer.address === "" ? connection.id : `${connection.peer.address} (${connection.id})`

/**
 * The guard of the interface `name`, with the mechanisms that its enabler can do. A mode that the policy accepts but no mechanism
 * does is left out of challenges.
 */
export const make = Effect.fnUntraced(function* <
  Request,
  Presented extends { readonly mode: AuthMode },
  Challenge,
  Reply
>(name: InterfaceName, authenticators: ReadonlyArray<Authenticator<Request, Presented, Challenge, Reply>>) {
  const spd = yield* Spd
  const events = yield* SecurityEvents
  const byMode = new Map(authenticators.map((authenticator) => [authenticator.mode, authenticator]))

  const admit = Effect.fnUntraced(function* (
    connection: Connection,
    request: Request,
    presented: ReadonlyArray<Presented>
  ) {
    const level = connection.protection.level
    const { entry: policy, decision } = yield* spd.decide(
      name,
      level,
      presented.map(({ mode }) => mode)
    )
    const where = { enabler: name.enabler, interface: name.interface, peer: describe(connection) }
    const context = { connection, policy, request }

    const challengeBy = (
      modes: ReadonlyArray<AuthMode>,
      reason: Extract<Admission<Challenge, Reply>, { _tag: "Challenge" }>["reason"],
      clause: string,
      detail: string
    ) =>
      Effect.gen(function* () {
        const challenges: Array<Challenge> = []
        for (const mode of modes) {
          const authenticator = byMode.get(mode)
          if (authenticator !== undefined) challenges.push(yield* authenticator.challenge(context))
        }
        if (challenges.length === 0)
          return yield* refuse("policy", clause, `${detail}; no mechanism for ${modes.join(", ")}`)
        yield* events.emit("Challenged", { ...where, clause, detail })
        return { _tag: "Challenge", challenges, reason } as const
      })

    const refuse = (reason: "policy" | RejectionReason, clause: string, detail: string) =>
      Effect.as(events.emit("Refused", { ...where, clause, detail }), { _tag: "Refused", reason } as const)

    switch (decision._tag) {
      case "Upgrade": {
        const detail = `${levelName(level)} is less than ${levelName(decision.least)}`
        yield* events.emit("UpgradeDemanded", { ...where, clause: decision.clause, detail })
        return { _tag: "Upgrade", least: decision.least } as const
      }
      case "Refuse":
        return yield* refuse("policy", decision.clause, `presented: ${listOf(presented)}`)
      case "Anonymous":
        yield* events.emit("Admitted", { ...where, clause: decision.clause, detail: "none" })
        return { _tag: "Admitted", identity: anonymous, mode: "none", policy } as const
      case "Challenge": {
        const reason = presented.length === 0 ? "missing" : "not-accepted"
        return yield* challengeBy(decision.modes, reason, decision.clause, `presented: ${listOf(presented)}`)
      }
      case "Judge": {
        const authenticator = byMode.get(decision.mode)
        const credential = presented.find(({ mode }) => mode === decision.mode)
        if (authenticator === undefined || credential === undefined) {
          return yield* refuse("policy", clauses.notAccepted, `no mechanism for ${decision.mode}`)
        }
        const verdict = yield* authenticator.judge(context, credential)
        if (verdict._tag === "Accepted") {
          const { identity, association, reply } = verdict
          yield* events.emit("Admitted", {
            ...where,
            subject: identity.subject,
            clause: decision.clause,
            detail: decision.mode,
            ...(association === undefined ? {} : { association })
          })
          return {
            _tag: "Admitted",
            identity,
            mode: decision.mode,
            policy,
            ...(association === undefined ? {} : { association }),
            ...(reply === undefined ? {} : { reply })
          } as const
        }
        const { reason, clause, detail, challenge } = verdict
        if (challenge === undefined) return yield* refuse(reason, clause, detail)
        yield* events.emit("Refused", { ...where, clause, detail })
        return { _tag: "Challenge", challenges: [challenge], reason } as const
      }
    }
  })
  const guard: InterfaceGuard<Request, Presented, Challenge, Reply> = { admit }
  return guard
})

const listOf = (presented: ReadonlyArray<{ readonly mode: AuthMode }>): string =>
  presented.length === 0 ? "nothing" : presented.map(({ mode }) => mode).join(", ")
