/**
 * Entries of the security policy for the three interfaces, on either side. DPE-1 and DPE-2 have one each, so that they can differ in
 * everything.
 *
 * @layer codec
 * @spec dpe 5
 */
import { Level, type SecurityPolicy } from "@oma/sa-policy"
import { type DpeInterface, nameOf } from "./DpeInterface.ts"

/** The modes of this enabler. `certificate`, `external` and `address` are proved by the connection and the network. */
export const modes = {
  none: "none",
  external: "external",
  digest: "digest",
  certificate: "certificate",
  gba: "gba",
  address: "address"
} as const

/** Lifetimes, in milliseconds, where a policy names none. */
export const defaultLifetimes = {
  /** Of a session of an authenticated client. */
  session: 86_400_000,
  /** Of a session of a client that nobody authenticated. */
  anonymousSession: 3_600_000,
  /** How long the session before a new one of the same device still counts. */
  replacedSession: 300_000,
  /** How long a message waits for the client to fetch it. */
  waiting: 3_600_000,
  /** After which a message that was fetched and not answered is given out again. */
  redelivery: 30_000
} as const

/** Counts, and milliseconds of waiting, where a policy names none. */
export const defaultLimits = {
  /** Messages that wait for one client. */
  queue: 32,
  /** Polls that wait at a time, of all clients. */
  polls: 10_000,
  /** How long a poll may wait, in milliseconds; never more than 60,000. */
  pollMillis: 60_000,
  /** Sessions of clients that nobody authenticated, of one address and in all, as this process made them. */
  anonymousPerSource: 16,
  anonymous: 10_000
} as const

export interface InterfaceDemands {
  /** `[{ mode: "digest", over: "none" }]`; the word `over` may be left out for no protection. */
  readonly clientAuthentication: ReadonlyArray<string | { readonly mode: string; readonly over: Level.LevelName }>
  /**
   * What the client demands, or the server supplies; `none` unless given. A server supplies and demands nothing of itself, so `none` is
   * always among its modes.
   */
  readonly serverAuthentication?: ReadonlyArray<string | { readonly mode: string; readonly over: Level.LevelName }>
  /** The least protection of the connection; `none` unless given. */
  readonly connection?: Level.LevelName
  readonly lifetimes?: Partial<Record<keyof typeof defaultLifetimes, number>>
  readonly limits?: Partial<Record<keyof typeof defaultLimits, number>>
}

const accepted = (entry: string | { readonly mode: string; readonly over: Level.LevelName }) =>
  typeof entry === "string" ? { mode: entry, over: Level.none } : { mode: entry.mode, over: Level.fromName(entry.over) }

/** The policy of one side of one interface. Pushes are under the policy of the connection. */
export const entry = (
  role: SecurityPolicy.Role,
  of: DpeInterface,
  demands: InterfaceDemands
): SecurityPolicy.InterfacePolicy => {
  const connection = Level.fromName(demands.connection ?? "none")
  const own = (demands.serverAuthentication ?? [modes.none]).map(accepted)
  const supplied =
    role === "client" || own.some(({ mode }) => mode === modes.none) ? own : [...own, accepted(modes.none)]
  return {
    ...nameOf(role, of),
    clientAuthentication: demands.clientAuthentication.map(accepted),
    serverAuthentication: supplied,
    connection,
    push: connection,
    lifetimes: { ...defaultLifetimes, ...demands.lifetimes },
    limits: { ...defaultLimits, ...demands.limits }
  }
}

/** A lifetime of an entry, or what holds where it names none. */
export const lifetime = (
  policy: Pick<SecurityPolicy.InterfacePolicy, "lifetimes">,
  name: keyof typeof defaultLifetimes
): number => policy.lifetimes[name] ?? defaultLifetimes[name]

/** A limit of an entry, or what holds where it names none. */
export const limit = (
  policy: Pick<SecurityPolicy.InterfacePolicy, "limits">,
  name: keyof typeof defaultLimits
): number => policy.limits[name] ?? defaultLimits[name]
