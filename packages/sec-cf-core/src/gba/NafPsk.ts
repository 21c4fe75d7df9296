/**
 * GBA on Ua by PSK-TLS at an application server. A handshake asks for its key at once, so the keys of known bootstrappings lie in a table in
 * memory; who got in is judged again by the association, so that a key which ended or was revoked lets nobody in.
 *
 * @layer service
 * @spec TS 33.222 5.4; TS 24.109 5.3.3
 */
import type { Authenticator, KeyVault, Primitives, Sad, SecurityPolicy, Store, Unavailable } from "@oma/sa-policy"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as PskIdentity from "../tls/PskIdentity.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import { uaOf } from "./NafAuth.ts"
import * as NafId from "./NafId.ts"
import * as NafKeys from "./NafKeys.ts"
import type { UaKeyKind } from "./UaRealm.ts"
import type { Zn, ZnRefused } from "./Zn.ts"

/** Where keys lie for handshakes: `pskTable()` of `@oma/sec-cf-core/tls` is one. */
export interface KeyTable {
  readonly get: (name: string) => Uint8Array | undefined
  readonly set: (name: string, key: Uint8Array) => boolean
  readonly delete: (name: string) => boolean
}

export interface NafPskOptions {
  /** The mode under which policies name it; `psk-tls` unless given. */
  readonly mode?: SecurityPolicy.AuthMode
  readonly enabler: string
  readonly interface: string
  /** The name by which handsets know this server. */
  readonly fqdn: Fqdn
  /** The suites that it negotiates before TLS 1.3, as numbers of the registry. */
  readonly suites: ReadonlyArray<number>
  /** Whether it speaks TLS 1.3; yes unless told otherwise. */
  readonly tls13?: boolean
  /** The kinds of key that it takes; `me` unless given. */
  readonly kinds?: ReadonlyArray<"me" | "uicc">
  readonly table: KeyTable
  readonly gsIds?: ReadonlyArray<number>
  readonly demandUss?: boolean
  readonly lifetimeMillis?: number
  /** The switch for 2G GBA; such a bootstrapping is refused unless it is on. */
  readonly twoG?: boolean
  /** Bootstrappings held ready; 100,000 unless given. The oldest ones go first. */
  readonly maximum?: number
}

/** What is known of a handshake when the key is asked for; the context of `ServerPsk.lookup` has it. */
export interface Handshake {
  readonly serverName: string | undefined
  readonly version: string
  readonly suite?: { readonly code: number }
}

/** The proof that a connection carries: its own identity. */
export interface PskPresented {
  readonly mode: SecurityPolicy.AuthMode
  readonly identity: string
}

export interface NafPsk {
  /** The key for a handshake; `undefined` for an identity that is none, is not known, has ended, or came to another name. */
  readonly lookup: (identity: string, handshake: Handshake) => Uint8Array | undefined
  /** Fetches the keys of a bootstrapping into the table, one for each suite; `Bsf.watch` calls it in time. */
  readonly load: (btid: BTid.BTid) => Effect.Effect<void, ZnRefused | Unavailable>
  /** Forgets a bootstrapping; connections that exist are for their owner to close. */
  readonly drop: (btid: BTid.BTid) => Effect.Effect<void, Unavailable>
  readonly authenticator: Authenticator.Authenticator<unknown, PskPresented, never, never>
}

const prefixes: Readonly<Record<"me" | "uicc", PskIdentity.PskPrefix>> = {
  me: "3GPP-bootstrapping",
  uicc: "3GPP-bootstrapping-uicc"
}
const kindOf = (prefix: PskIdentity.PskPrefix): UaKeyKind =>
  prefix === "3GPP-bootstrapping" ? "me" : prefix === "3GPP-bootstrapping-uicc" ? "uicc" : "digest"

/** The mechanism of one application server. */
export const make = Effect.fnUntraced(function* (
  options: NafPskOptions
): Effect.fn.Return<NafPsk, never, Store.Store | Sad.Sad | KeyVault.KeyVault | Primitives.Primitives | Zn> {
  const { fqdn, table } = options
  const mode = options.mode ?? "psk-tls"
  const kinds = options.kinds ?? ["me"]
  const maximum = options.maximum ?? 100_000
  const clock = yield* Clock.Clock
  const keys = yield* NafKeys.make(options)
  const protocols = [
    ...options.suites.map(NafId.overTls),
    ...(options.tls13 === false ? [] : [NafId.protocols.tls13Psk])
  ]
  /** When the keys of a bootstrapping end, oldest first. */
  const held = new Map<BTid.BTid, number>()
  const nameOf = (btid: BTid.BTid, ua: NafId.UaProtocol, kind: UaKeyKind) => `${fqdn} ${kind} ${ua} ${btid}`

  const erase = (btid: BTid.BTid): void => {
    held.delete(btid)
    for (const ua of protocols) for (const kind of kinds) table.delete(nameOf(btid, ua, kind))
  }

  const lookup: NafPsk["lookup"] = (identity, { serverName, version, suite }) => {
    const decoded = PskIdentity.decodeIdentity(identity)
    if (decoded === undefined || (serverName !== undefined && serverName !== fqdn)) return undefined
    const btid = BTid.parse(decoded.bTid)
    const ua = version === "TLSv1.3" ? NafId.protocols.tls13Psk : suite && NafId.overTls(suite.code)
    if (Result.isFailure(btid) || ua === undefined) return undefined
    const end = held.get(btid.success)
    if (end === undefined) return undefined
    if (clock.currentTimeMillisUnsafe() >= end) {
      erase(btid.success)
      return undefined
    }
    return table.get(nameOf(btid.success, ua, kindOf(decoded.prefix)))
  }

  const load = Effect.fnUntraced(function* (btid: BTid.BTid) {
    // most live equally long, so the ones that have ended are the first
    const now = clock.currentTimeMillisUnsafe()
    for (const [earlier, end] of held) {
      if (end > now) break
      erase(earlier)
    }
    for (const kind of kinds) {
      for (const ua of protocols) {
        const key = yield* keys.find(btid, { fqdn, ua }, kind)
        if (key === undefined) continue
        yield* key.use((octets) => table.set(nameOf(btid, ua, kind), octets))
        held.set(btid, key.notAfter)
      }
    }
    while (held.size > maximum) erase(held.keys().next().value!)
  })

  const drop = Effect.fnUntraced(function* (btid: BTid.BTid) {
    erase(btid)
    for (const kind of kinds) {
      for (const ua of protocols) {
        const key = yield* Effect.option(keys.find(btid, { fqdn, ua }, kind))
        if (key._tag === "Some" && key.value !== undefined) {
          yield* Effect.catchIf(
            keys.revoke(key.value),
            (error) => error._tag !== "Unavailable",
            () => Effect.void
          )
        }
      }
    }
  })

  const judge: NafPsk["authenticator"]["judge"] = Effect.fnUntraced(function* ({ connection }, presented) {
    const rejected = (detail: string, reason: Authenticator.RejectionReason = "credentials") =>
      ({ _tag: "Rejected", reason, detail, clause: "TS 33.222 5.4" }) as const
    // what the message says is nothing: the connection itself proves
    if (connection.peer.pskIdentity === undefined || connection.peer.pskIdentity !== presented.identity) {
      return rejected("the connection does not run on this key")
    }
    // the key of another server behind this listener was shown, which that server knows too
    if (connection.serverName !== undefined && connection.serverName !== fqdn) {
      return rejected("the connection was made to another name")
    }
    const decoded = PskIdentity.decodeIdentity(presented.identity)
    const btid = decoded === undefined ? undefined : Result.getOrUndefined(BTid.parse(decoded.bTid))
    if (decoded === undefined || btid === undefined) return rejected("no identity of a bootstrapping")
    const found = yield* Effect.result(keys.find(btid, { fqdn, ua: uaOf(connection) }, kindOf(decoded.prefix)))
    if (Result.isFailure(found)) {
      return found.failure._tag === "Unavailable" ? yield* found.failure : rejected(found.failure.reason)
    }
    const key = found.success
    if (key === undefined) return rejected("key expired", "expired")
    if (!NafKeys.allows(key, options.demandUss === true)) return rejected("not authorised", "unauthorised")
    const at = yield* Clock.currentTimeMillis
    const identity = { ...key.peer, method: mode, at, credentialRef: key.sa.id }
    return { _tag: "Accepted", identity, association: key.sa.id } as const
  })

  return {
    lookup,
    load,
    drop,
    // a key is shown by the handshake or not at all: there is nothing to ask for
    authenticator: { mode, challenge: () => Effect.die("PSK-TLS has no challenge"), judge }
  }
})

/** The hint of a server that takes these kinds of key. @spec TS 33.222 5.4 */
export const hint = (kinds: ReadonlyArray<"me" | "uicc"> = ["me"]): string =>
  PskIdentity.encodeHint(kinds.map((kind) => prefixes[kind]))

/** The identity with which a handset presents a bootstrapping. @spec TS 24.109 5.3.3 */
export const identityOf = (kind: "me" | "uicc", bTid: BTid.BTid): string =>
  PskIdentity.encodeIdentity({ prefix: prefixes[kind], bTid })

/** What the connection shows, for an `InterfaceGuard`. */
export const present = (pskIdentity: string | undefined, mode: SecurityPolicy.AuthMode = "psk-tls") =>
  pskIdentity === undefined ? [] : [{ mode, identity: pskIdentity }]
