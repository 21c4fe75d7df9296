/**
 * Authenticated sessions as associations: named on the wire by the token of the RespURI, bound to the account, each MsgID taken once. Any
 * node goes on with a session, also after a restart.
 *
 * @layer service
 */
import { Sad, type SaId, type SecurityAssociation, type StoreError, saId, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { enabler } from "./DmAccounts.ts"
import type { AcceptMode } from "./DmAuthPolicy.ts"
import { type DmAuthType, dmAuthTypes } from "./DmAuthType.ts"

/** What is kept of a session. `type` is absent where the transport proved the client. */
export interface KeptSession {
  /** 32 hexadecimal digits. */
  readonly token: string
  readonly account: string
  readonly device: string
  readonly sessionId: string
  readonly type?: DmAuthType
  readonly mode: AcceptMode | "transport"
}

/** A session that was found again: `msgId` is the last MsgID that it took. */
export interface FoundSession extends KeptSession {
  readonly msgId: number
}

/** The sessions. */
export class DmSessions extends Context.Service<
  DmSessions,
  {
    /** Keeps a session that began with the message `msgId`, for `lifetimeMillis`. */
    readonly begin: (session: KeptSession, msgId: number, lifetimeMillis: number) => Effect.Effect<void, Unavailable>
    /** The session of a token that is in force. */
    readonly find: (token: string) => Effect.Effect<FoundSession | undefined, Unavailable>
    /** Takes the message `msgId` into the session: once, and never one before the last. `false` where the session is over. */
    readonly take: (token: string, msgId: number) => Effect.Effect<boolean, Unavailable>
    /** Ends a session. Gone already is fine. */
    readonly end: (token: string) => Effect.Effect<void, Unavailable>
  }
>()("@oma/dm-auth/DmSessions") {}

const mechanism = "syncml-session"
/** A device counts its messages from 1; a jump further than this is none of its own. */
const maxJump = 1024

const idOf = (token: string): SaId => saId(`dm/session/${token}`)

const modes: ReadonlyArray<KeptSession["mode"]> = ["session", "message", "repeat", "transport"]

const make = Effect.gen(function* () {
  const sad = yield* Sad.Sad

  /** Every failure but that of the store says that the session cannot be used. */
  const unless = <A>(
    work: Effect.Effect<A, StoreError | Sad.LookupError>,
    otherwise: A
  ): Effect.Effect<A, Unavailable> =>
    Effect.catch(work, (error) => (error._tag === "Unavailable" ? Effect.fail(error) : Effect.succeed(otherwise)))

  return {
    begin: Effect.fnUntraced(function* (session: KeptSession, msgId: number, lifetimeMillis: number) {
      const { account, device, mode, sessionId, token, type } = session
      const createdAt = yield* Clock.currentTimeMillis
      const wireId = Bytes.fromHex(token) ?? Bytes.utf8(token)
      const sa: SecurityAssociation = {
        id: idOf(token),
        mechanism,
        peer: { _tag: "Authenticated", subject: account, kind: "device", method: type ?? "certificate", at: createdAt },
        scope: { enabler, interface: "dm", direction: "inbound" },
        wireId,
        keys: {},
        replay: { _tag: "strict", maxJump },
        firstInbound: msgId + 1,
        createdAt,
        hardExpiry: createdAt + lifetimeMillis,
        provenance: { by: "@oma/dm-auth", clause: "DM Security 1.2: status 212 authenticates the session" },
        attributes: { token, device, sessionId, mode, ...(type === undefined ? {} : { type }) }
      }
      yield* unless(Effect.asVoid(sad.add(sa, { expect: "any" })), undefined)
    }),
    find: Effect.fnUntraced(function* (token: string) {
      const wireId = Bytes.fromHex(token)
      if (wireId === undefined || wireId.length === 0 || wireId.length > 64) return undefined
      const found = yield* unless<Sad.LiveAssociation | undefined>(
        sad.find(mechanism, wireId, { enabler, direction: "inbound" }),
        undefined
      )
      if (found === undefined || found.sa.peer._tag !== "Authenticated") return undefined
      const { attributes, peer } = found.sa
      const mode = modes.find((name) => name === attributes["mode"])
      const type = dmAuthTypes.find((name) => name === attributes["type"])
      if (mode === undefined) return undefined
      const session: FoundSession = {
        token,
        account: peer.subject,
        device: attributes["device"] ?? "",
        sessionId: attributes["sessionId"] ?? "",
        mode,
        msgId: found.inbound.highest,
        ...(type === undefined ? {} : { type })
      }
      return session
    }),
    take: (token: string, msgId: number) => unless(Effect.as(sad.accept(idOf(token), msgId), true), false),
    end: (token: string) => unless(sad.revoke(idOf(token), "deactivated"), undefined)
  }
})

/** Sessions on the SAD. */
export const layer = Layer.effect(DmSessions, make)
