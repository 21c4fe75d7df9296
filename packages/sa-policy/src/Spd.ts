/**
 * The security policy database: the policy in force, and its replacement while servers run.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Decision, decide } from "./Decision.ts"
import { compile, type DecisionTable } from "./DecisionTable.ts"
import type { Level } from "./Level.ts"
import { SecurityEvents } from "./SecurityEvents.ts"
import {
  type AuthMode,
  faults,
  type InterfaceName,
  type InterfacePolicy,
  nameOf,
  type PolicyFault,
  type SecurityPolicy
} from "./SecurityPolicy.ts"

/** The policy breaks its own rules; nothing of it was taken. */
export class PolicyUnusable extends Data.TaggedError("PolicyUnusable")<{
  readonly faults: ReadonlyArray<PolicyFault>
}> {}

/** No entry speaks of the interface. What no policy allows is not served. */
export class NoPolicy extends Data.TaggedError("NoPolicy")<{ readonly name: string }> {}

/**
 * The SPD.
 *
 * @spec RFC 4301 section 4.4.1
 */
export class Spd extends Context.Service<
  Spd,
  {
    readonly policy: Effect.Effect<SecurityPolicy>
    /** The entry of one interface. */
    readonly entry: (name: InterfaceName) => Effect.Effect<InterfacePolicy, NoPolicy>
    /** The decision on a message, by the compiled table where it carries one credential or none. */
    readonly decide: (
      name: InterfaceName,
      level: Level,
      presented: ReadonlyArray<AuthMode>
    ) => Effect.Effect<{ readonly entry: InterfacePolicy; readonly decision: Decision }, NoPolicy>
    /** Puts another policy in force for all messages from now on; associations that exist go on. */
    readonly replace: (policy: SecurityPolicy) => Effect.Effect<void, PolicyUnusable>
  }
>()("@oma/sa-policy/Spd") {}

interface InForce {
  readonly policy: SecurityPolicy
  readonly table: DecisionTable
}

const prepare = (policy: SecurityPolicy): Effect.Effect<InForce, PolicyUnusable> => {
  const found = faults(policy)
  return found.length > 0
    ? Effect.fail(new PolicyUnusable({ faults: found }))
    : Effect.sync(() => ({ policy, table: compile(policy) }))
}

/** An SPD that starts with `policy`. */
export const layer = (policy: SecurityPolicy): Layer.Layer<Spd, PolicyUnusable, SecurityEvents> =>
  Layer.effect(
    Spd,
    Effect.gen(function* () {
      const events = yield* SecurityEvents
      let inForce = yield* prepare(policy)
      const entry = (name: InterfaceName): Effect.Effect<InterfacePolicy, NoPolicy> => {
        const found = inForce.policy.interfaces[inForce.table.interfaceIndex(name)]
        return found === undefined ? Effect.fail(new NoPolicy({ name: nameOf(name) })) : Effect.succeed(found)
      }
      return {
        policy: Effect.sync(() => inForce.policy),
        entry,
        decide: (name: InterfaceName, level: Level, presented: ReadonlyArray<AuthMode>) =>
          Effect.suspend(() => {
            const { table, policy } = inForce
            const index = table.interfaceIndex(name)
            const found = policy.interfaces[index]
            if (found === undefined) return Effect.fail(new NoPolicy({ name: nameOf(name) }))
            const decision =
              presented.length < 2
                ? table.lookup(index, table.modeIndex(presented[0]), level)
                : decide(found, level, presented)
            return Effect.succeed({ entry: found, decision })
          }),
        replace: (next: SecurityPolicy) =>
          prepare(next).pipe(
            Effect.tapError((error) =>
              events.emit("PolicyRefused", {
                enabler: "sa-policy",
                detail: error.faults.map(({ index, field, why }) => `interfaces[${index}].${field}: ${why}`).join("; ")
              })
            ),
            Effect.andThen((prepared) => {
              inForce = prepared
              return events.emit("PolicyLoaded", {
                enabler: "sa-policy",
                detail: `${next.interfaces.length} interfaces`
              })
            })
          )
      }
    })
  )
