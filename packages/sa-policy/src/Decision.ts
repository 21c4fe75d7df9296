/**
 * The decisions of the security policy database: what a message on a connection with these credentials gets, and what two
 * policies agree on. Pure and total; every decision names its clause.
 *
 * @layer machine
 */
import * as Result from "effect/Result"
import * as Level from "./Level.ts"
import { type AcceptedMode, type AuthMode, type Demands, transportModes } from "./SecurityPolicy.ts"

/** The sentences that decide. */
export const clauses = {
  connection:
    "the connection must be at least as protected as the policy of the interface demands (SEC_CF-CONF-001, SEC_CF-INTE-001)",
  modeOver: "the mode of authentication counts only on a connection of the protection that the policy names for it",
  none: "the policy of the interface serves peers that are not authenticated",
  missing: "the policy of the interface demands authentication (SEC_CF-AUTH-001)",
  judge: "credentials of an accepted mode are judged",
  notAccepted: "the credentials are of a mode that the policy of the interface does not accept",
  transport: "the policy of the interface demands authentication by the connection itself",
  server: "the policy of the client demands that the server is authenticated (SEC_CF-AUTH-002)",
  serverNone: "the policy of the client uses the service without authentication of the server"
} as const

export type Clause = (typeof clauses)[keyof typeof clauses]

/**
 * What becomes of a message. `Upgrade` comes before `Challenge`: below the least protection no credential is asked for or judged.
 */
export type Decision =
  | { readonly _tag: "Upgrade"; readonly least: Level.Level; readonly clause: Clause }
  | { readonly _tag: "Challenge"; readonly modes: ReadonlyArray<AuthMode>; readonly clause: Clause }
  | { readonly _tag: "Judge"; readonly mode: AuthMode; readonly clause: Clause }
  | { readonly _tag: "Anonymous"; readonly clause: Clause }
  | { readonly _tag: "Refuse"; readonly clause: Clause }

/**
 * Decides on a message that came over a connection of `level` with credentials of the `presented` modes.
 *
 * @spec RFC 4301 section 4.4.1, applied to enabler interfaces
 */
export const decide = (
  policy: Pick<Demands, "clientAuthentication" | "connection">,
  level: Level.Level,
  presented: ReadonlyArray<AuthMode>
): Decision => {
  if (!Level.satisfies(level, policy.connection)) {
    return { _tag: "Upgrade", least: policy.connection, clause: clauses.connection }
  }
  const accepted = policy.clientAuthentication.filter(({ over }) => Level.satisfies(level, over))
  const preferred = policy.clientAuthentication[0]
  if (accepted.length === 0) {
    return preferred === undefined
      ? { _tag: "Refuse", clause: clauses.missing }
      : { _tag: "Upgrade", least: Level.join(policy.connection, preferred.over), clause: clauses.modeOver }
  }
  const match = accepted.find(({ mode }) => mode !== "none" && presented.includes(mode))
  if (match !== undefined) return { _tag: "Judge", mode: match.mode, clause: clauses.judge }
  if (presented.length === 0 && accepted.some(({ mode }) => mode === "none")) {
    return { _tag: "Anonymous", clause: clauses.none }
  }
  const modes = accepted.map(({ mode }) => mode).filter((mode) => mode !== "none" && !transportModes.has(mode))
  if (modes.length > 0) {
    return { _tag: "Challenge", modes, clause: presented.length === 0 ? clauses.missing : clauses.notAccepted }
  }
  return { _tag: "Refuse", clause: presented.length === 0 ? clauses.transport : clauses.notAccepted }
}

/** What a client does about a server that authenticated itself by the `proved` modes over a connection of `level`. */
export type ServerDecision =
  | { readonly _tag: "Upgrade"; readonly least: Level.Level; readonly clause: Clause }
  | { readonly _tag: "Proceed"; readonly mode: AuthMode; readonly clause: Clause }
  | { readonly _tag: "Refuse"; readonly clause: Clause }

/** The mirror of {@link decide}: whether a client goes on with a server. */
export const judgeServer = (
  policy: Pick<Demands, "serverAuthentication" | "connection">,
  level: Level.Level,
  proved: ReadonlyArray<AuthMode>
): ServerDecision => {
  if (!Level.satisfies(level, policy.connection)) {
    return { _tag: "Upgrade", least: policy.connection, clause: clauses.connection }
  }
  const accepted = policy.serverAuthentication.filter(({ over }) => Level.satisfies(level, over))
  const match = accepted.find(({ mode }) => mode !== "none" && proved.includes(mode))
  if (match !== undefined) return { _tag: "Proceed", mode: match.mode, clause: clauses.server }
  if (accepted.some(({ mode }) => mode === "none")) {
    return { _tag: "Proceed", mode: "none", clause: clauses.serverNone }
  }
  return { _tag: "Refuse", clause: clauses.server }
}

/** Two policies that cannot both be kept: which demand, and what each side says of it. */
export interface PolicyConflict {
  readonly demand: "clientAuthentication" | "serverAuthentication"
  readonly one: ReadonlyArray<AuthMode>
  readonly other: ReadonlyArray<AuthMode>
}

const common = (
  preferred: ReadonlyArray<AcceptedMode>,
  other: ReadonlyArray<AcceptedMode>
): ReadonlyArray<AcceptedMode> =>
  preferred.flatMap(({ mode, over }) => {
    const match = other.find((entry) => entry.mode === mode)
    return match === undefined ? [] : [{ mode, over: Level.join(over, match.over) }]
  })

const modesOf = (accepted: ReadonlyArray<AcceptedMode>): ReadonlyArray<AuthMode> => accepted.map(({ mode }) => mode)

const byMode = (a: AcceptedMode, b: AcceptedMode): number => (a.mode < b.mode ? -1 : a.mode > b.mode ? 1 : 0)

/**
 * What satisfies both demands: the modes that both accept, each over the stronger connection that one of them asks for, and the join
 * of the levels. The lattice operation behind {@link agree}: commutative, associative, idempotent and never weaker than either;
 * modes are sorted by name, as preference is not part of it.
 */
export const join = (a: Demands, b: Demands): Demands => ({
  clientAuthentication: common(a.clientAuthentication, b.clientAuthentication).toSorted(byMode),
  serverAuthentication: common(a.serverAuthentication, b.serverAuthentication).toSorted(byMode),
  connection: Level.join(a.connection, b.connection),
  push: Level.join(a.push, b.push)
})

/**
 * What a client and a server with these policies will do: {@link join} with each side's order of preference for what it judges, so the
 * server's for the client's authentication and the client's for the server's. Fails where no mode is left.
 */
export const agree = (client: Demands, server: Demands): Result.Result<Demands, PolicyConflict> => {
  const clientAuthentication = common(server.clientAuthentication, client.clientAuthentication)
  if (clientAuthentication.length === 0) {
    return Result.fail({
      demand: "clientAuthentication",
      one: modesOf(client.clientAuthentication),
      other: modesOf(server.clientAuthentication)
    })
  }
  const serverAuthentication = common(client.serverAuthentication, server.serverAuthentication)
  if (serverAuthentication.length === 0) {
    return Result.fail({
      demand: "serverAuthentication",
      one: modesOf(client.serverAuthentication),
      other: modesOf(server.serverAuthentication)
    })
  }
  return Result.succeed({ ...join(client, server), clientAuthentication, serverAuthentication })
}
