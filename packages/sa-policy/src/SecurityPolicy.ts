/**
 * What each interface of each enabler demands, as data.
 *
 * @layer codec
 */
import type { Level } from "./Level.ts"

/**
 * A way to authenticate, such as `digest` or `syncml:auth-md5`. `none` is the way of a peer that does not: a policy that lists it
 * accepts anonymous peers.
 */
export type AuthMode = string

/** Modes that the connection itself proves: they cannot be asked for by a challenge in a message. */
export const transportModes: ReadonlySet<AuthMode> = new Set([
  "tls",
  "psk-tls",
  "external",
  "address",
  "certificate",
  "psk"
])

/** One accepted mode. `over` is the least protection of the connection on which it counts. */
export interface AcceptedMode {
  readonly mode: AuthMode
  readonly over: Level
}

export type Role = "client" | "server"

/** The name of one interface of one party. */
export interface InterfaceName {
  readonly enabler: string
  readonly role: Role
  readonly interface: string
}

/** What two parties must agree on. */
export interface Demands {
  /** How the client may authenticate, in order of preference. */
  readonly clientAuthentication: ReadonlyArray<AcceptedMode>
  /** How the server may authenticate, in order of preference. */
  readonly serverAuthentication: ReadonlyArray<AcceptedMode>
  /** The least protection of the connection. */
  readonly connection: Level
  /** The least protection of what is pushed. */
  readonly push: Level
}

/**
 * The policy of one party for one interface. Lifetimes are milliseconds; limits are counts or octets. Their names belong to the
 * enabler, which says what holds where one is missing.
 */
export interface InterfacePolicy extends InterfaceName, Demands {
  readonly lifetimes: Readonly<Record<string, number>>
  readonly limits: Readonly<Record<string, number>>
}

/** All policies of a party. `networks` labels address ranges (CIDR), so that a policy can speak of the operator's network. */
export interface SecurityPolicy {
  readonly interfaces: ReadonlyArray<InterfacePolicy>
  readonly networks: Readonly<Record<string, ReadonlyArray<string>>>
}

/** `enabler/role/interface`, the key of one entry. */
export const nameOf = (name: InterfaceName): string => `${name.enabler}/${name.role}/${name.interface}`

/** Why a policy cannot be used: the entry, and the rule that it breaks. */
export interface PolicyFault {
  readonly index: number
  readonly field: string
  readonly why: string
}

/** The rules that a schema cannot say: one entry for an interface, at least one mode on each side, no mode twice. */
export const faults = (policy: SecurityPolicy): ReadonlyArray<PolicyFault> => {
  const found: Array<PolicyFault> = []
  const seen = new Set<string>()
  for (const [index, entry] of policy.interfaces.entries()) {
    const name = nameOf(entry)
    if (seen.has(name)) found.push({ index, field: "interface", why: `${name} stands twice` })
    seen.add(name)
    for (const field of ["clientAuthentication", "serverAuthentication"] as const) {
      const modes = entry[field].map(({ mode }) => mode)
      if (modes.length === 0) found.push({ index, field, why: "at least one mode is needed; none is a mode" })
      const twice = modes.find((mode, i) => modes.indexOf(mode) !== i)
      if (twice !== undefined) found.push({ index, field, why: `${twice} stands twice` })
    }
  }
  return found
}
