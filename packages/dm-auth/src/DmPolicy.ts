/**
 * What the security policy of an interface means for DM: the entry of the policy file as the rules of the two machines.
 *
 * @layer codec
 */
import { Level, type SecurityPolicy } from "@oma/sa-policy"
import {
  type CheckPolicy,
  type DmClientPolicy,
  type DmServerPolicy,
  defaultClientPolicy,
  defaultServerPolicy,
  type ProofPolicy,
  type TypeRules
} from "./DmAuthPolicy.ts"
import { type DmAuthType, isDmAuthType, normalise } from "./DmAuthType.ts"

/** The interface of a DM server towards devices, and its mirror in the device. */
export const serverInterface: SecurityPolicy.InterfaceName = { enabler: "dm", role: "server", interface: "dm" }
export const clientInterface: SecurityPolicy.InterfaceName = { enabler: "dm", role: "client", interface: "dm" }

/** The types among `accepted` that count on a connection of `level`, in order of preference. */
const typesAt = (accepted: ReadonlyArray<SecurityPolicy.AcceptedMode>, level: Level.Level): ReadonlyArray<DmAuthType> =>
  accepted.flatMap(({ mode, over }) => {
    const type = normalise(mode)
    return isDmAuthType(type) && Level.satisfies(level, over) ? [type] : []
  })

/**
 * Rules under which exactly the types of `accepted` pass on a connection of `level`. Basic where anybody can read it passes only where
 * the policy names it for such a connection in so many words (`over: none`).
 */
const rulesAt = (accepted: ReadonlyArray<SecurityPolicy.AcceptedMode>, level: Level.Level): TypeRules => {
  const types = typesAt(accepted, level)
  return {
    types,
    // what does not count on this connection is not among the types, so nothing is left for the minimum to exclude
    minimum: { open: "syncml:auth-basic", integrity: "syncml:auth-basic", full: "syncml:auth-basic" },
    basicInClear: accepted.some(({ mode, over }) => normalise(mode) === "syncml:auth-basic" && over === Level.none)
  }
}

const accepts = (modes: ReadonlyArray<SecurityPolicy.AcceptedMode>, names: ReadonlyArray<string>, level: Level.Level) =>
  modes.some(({ mode, over }) => names.includes(mode) && Level.satisfies(level, over))

/** Names under which policies speak of a peer that the transport proved. */
export const byTransport: ReadonlyArray<string> = ["tls", "certificate", "psk-tls", "psk"]

const check = (
  accepted: ReadonlyArray<SecurityPolicy.AcceptedMode>,
  policy: SecurityPolicy.InterfacePolicy,
  level: Level.Level,
  base: CheckPolicy
): CheckPolicy => ({
  ...base,
  ...rulesAt(accepted, level),
  attempts: policy.limits["attempts"] ?? base.attempts,
  transport: accepts(accepted, byTransport, level) ? "suffices" : "ignored"
})

const proof = (
  shown: ReadonlyArray<SecurityPolicy.AcceptedMode>,
  policy: SecurityPolicy.InterfacePolicy,
  level: Level.Level,
  base: ProofPolicy
): ProofPolicy => ({
  ...base,
  ...rulesAt(shown, level),
  attempts: policy.limits["attempts"] ?? base.attempts
})

const demanded = (modes: ReadonlyArray<SecurityPolicy.AcceptedMode>, level: Level.Level): boolean =>
  !accepts(modes, ["none"], level)

/**
 * The rules of the server for a connection of `level`: it checks by `clientAuthentication`, shows itself by `serverAuthentication`, and
 * must do so before it manages where `none` is not among the latter. Limit `attempts` counts wrong credentials in a session.
 */
export const serverPolicy = (
  policy: SecurityPolicy.InterfacePolicy,
  level: Level.Level,
  base: DmServerPolicy = defaultServerPolicy
): DmServerPolicy => ({
  check: check(policy.clientAuthentication, policy, level, base.check),
  own: proof(policy.serverAuthentication, policy, level, base.own),
  mutual: demanded(policy.serverAuthentication, level) && !accepts(policy.serverAuthentication, byTransport, level)
})

/** The rules of a device for a connection of `level`: the mirror of {@link serverPolicy}. */
export const clientPolicy = (
  policy: SecurityPolicy.InterfacePolicy,
  level: Level.Level,
  base: DmClientPolicy = defaultClientPolicy
): DmClientPolicy => ({
  ...base,
  check: check(policy.serverAuthentication, policy, level, base.check),
  own: proof(policy.clientAuthentication, policy, level, base.own),
  mutual: demanded(policy.serverAuthentication, level)
})
