/**
 * The mirror of the gate: a client judges the connection and the server before it speaks, and again when the server has proved more.
 *
 * @layer service
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Connection } from "./Connection.ts"
import { judgeServer } from "./Decision.ts"
import { type Authenticated, anonymous, type Identity } from "./Identity.ts"
import { type Level, nameOf as levelName } from "./Level.ts"
import { SecurityEvents } from "./SecurityEvents.ts"
import type { AuthMode, InterfaceName } from "./SecurityPolicy.ts"
import { Spd } from "./Spd.ts"

/** The server is not authenticated as the client's policy demands: nothing more is sent to it. */
export class ServerRefused extends Data.TaggedError("ServerRefused")<{ readonly clause: string }> {}

/** The connection is less protected than the client's policy demands: connect again with at least `least`. */
export class UpgradeNeeded extends Data.TaggedError("UpgradeNeeded")<{
  readonly least: Level
  readonly clause: string
}> {}

/** What a server proved: by which mode, and as whom. */
export interface ServerProof {
  readonly mode: AuthMode
  readonly identity: Authenticated
}

/**
 * Judges the server of interface `name`. Gives the identity that the policy accepted, or anonymous where the policy uses the service
 * without; the application reads it as the identity of the peer.
 *
 * @spec OMA SEC_CF-AUTH-002
 */
export const judge = Effect.fnUntraced(function* (
  name: InterfaceName,
  connection: Connection,
  proofs: ReadonlyArray<ServerProof>
) {
  const spd = yield* Spd
  const events = yield* SecurityEvents
  const entry = yield* spd.entry(name)
  const level = connection.protection.level
  const decision = judgeServer(
    entry,
    level,
    proofs.map(({ mode }) => mode)
  )
  const where = {
    enabler: name.enabler,
    interface: name.interface,
    peer: connection.peer.address,
    clause: decision.clause
  }
  switch (decision._tag) {
    case "Upgrade":
      yield* events.emit("ServerRefused", {
        ...where,
        detail: `${levelName(level)} is less than ${levelName(decision.least)}`
      })
      return yield* new UpgradeNeeded({ least: decision.least, clause: decision.clause })
    case "Refuse":
      yield* events.emit("ServerRefused", { ...where, detail: proofs.map(({ mode }) => mode).join(", ") || "no proof" })
      return yield* new ServerRefused({ clause: decision.clause })
    case "Proceed": {
      const identity: Identity = proofs.find(({ mode }) => mode === decision.mode)?.identity ?? anonymous
      yield* events.emit("ServerAccepted", {
        ...where,
        detail: decision.mode,
        ...(identity._tag === "Authenticated" ? { subject: identity.subject } : {})
      })
      return identity
    }
  }
})
