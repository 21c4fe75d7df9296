/**
 * What a device knows of its connection to a server: what the address promises before there is one, and whether the connection that
 * stands keeps it.
 *
 * @layer service
 */
import { ClientGuard, type Connection, Decision, Level, SecurityEvents, type SecurityPolicy, Spd } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import type { ConnectionFacts } from "./DmAuthPolicy.ts"
import { isDmAuthType, normalise } from "./DmAuthType.ts"
import { type ConnectionRefused, ConnectionTooWeak } from "./DmClientError.ts"
import { clientInterface } from "./DmPolicy.ts"

/** What a session holds against its connections. */
export interface Place {
  readonly entry: SecurityPolicy.InterfacePolicy | undefined
  /** The protection with which the session began: none of its messages goes out with less. */
  readonly floor: Level.Level
  readonly events: SecurityEvents.SecurityEvents["Service"]
  readonly spd: Spd.Spd["Service"] | undefined
}

/** Scheme, host and port of an absolute URI. */
export const originOf = (uri: string): string => new URL(uri).origin

const isSecure = (address: string): boolean => address.toLowerCase().startsWith("https:")

/**
 * What `address` promises: `https:` protection and a server that the certificate proves, `http:` nothing. Credentials are chosen by it, as
 * a message is written before its connection stands; {@link judgeConnection} sees to it that the connection keeps the promise.
 */
export const assumedOf = (address: string): { readonly level: Level.Level; readonly facts: ConnectionFacts } => {
  const secure = isSecure(address)
  return {
    level: secure ? Level.full : Level.none,
    facts: { id: "", integrity: secure, confidentiality: secure, peerVerified: secure }
  }
}

const proved = ({ peer, protection }: Connection.Connection): boolean =>
  peer.certificate !== undefined || peer.pskIdentity !== undefined || protection.protocol === "in-process"

/** A connection in the terms of the machine. */
export const factsOf = (connection: Connection.Connection): ConnectionFacts => {
  const { level } = connection.protection
  return {
    id: connection.id,
    integrity: Level.satisfies(level, Level.integrity),
    confidentiality: Level.satisfies(level, Level.confidentiality),
    peerVerified: proved(connection)
  }
}

/** What the transport proves of the server at `address`, in the modes of policies. */
export const transportProofs = (
  { peer }: Connection.Connection,
  at: number,
  address: string
): ReadonlyArray<ClientGuard.ServerProof> => {
  const modes = [
    ...(peer.certificate === undefined ? [] : ["tls", "certificate"]),
    ...(peer.pskIdentity === undefined ? [] : ["psk-tls", "psk"])
  ]
  const subject = new URL(address).hostname
  return modes.map((mode) => ({
    mode,
    identity: { _tag: "Authenticated", subject, kind: "server", method: mode, at }
  }))
}

/**
 * Whether a message for `url` may go out on `connection`: it is as protected as the address promises and as the session began, and the
 * policy of the device can still be met on it, by the transport or by credentials that the server has yet to show.
 *
 * @spec OMA SEC_CF-AUTH-002; DM Security 1.2
 */
export const judgeConnection = (
  { entry, events, floor, spd }: Place,
  url: string,
  connection: Connection.Connection
): Effect.Effect<void, ConnectionRefused> =>
  Effect.suspend((): Effect.Effect<void, ConnectionRefused> => {
    const { level } = connection.protection
    const promised = assumedOf(url)
    const weaker = !Level.satisfies(level, Level.join(promised.level, floor))
    if (weaker || (promised.facts.peerVerified && !proved(connection))) {
      const clause = weaker
        ? `${Level.nameOf(level)} is less than the address or the session has`
        : "https: proves the server"
      return Effect.fail(new ConnectionTooWeak({ url, clause }))
    }
    if (entry === undefined || spd === undefined) return Effect.void
    const proofs = transportProofs(connection, 0, url)
    const toCome = entry.serverAuthentication.map(({ mode }) => mode).filter((mode) => isDmAuthType(normalise(mode)))
    const decision = Decision.judgeServer(entry, level, [...proofs.map(({ mode }) => mode), ...toCome])
    if (decision._tag === "Proceed") return Effect.void
    return ClientGuard.judge(clientInterface, connection, proofs).pipe(
      Effect.asVoid,
      Effect.provideService(Spd.Spd, spd),
      Effect.provideService(SecurityEvents.SecurityEvents, events),
      Effect.catchTag("NoPolicy", () => Effect.void)
    )
  })
