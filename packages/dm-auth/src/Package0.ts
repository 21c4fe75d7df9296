/**
 * Package 0: the notification by which a server calls a device into a session.
 *
 * @layer codec
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"

export const mediaType = "application/vnd.syncml.notification"

/** The value of the version field that DM 1.2 sends: ten times the version of the notification. */
export const version = 11

/** How the device involves the user: no wish, in the background, tell him, ask him. */
export type UiMode = "none" | "background" | "inform" | "ask"
const uiModes: ReadonlyArray<UiMode> = ["none", "background", "inform", "ask"]

export interface Trigger {
  readonly uiMode: UiMode
  readonly initiator: "client" | "server"
  /** 1 to 65,535; the session that follows has it in upper-case hexadecimal as its SessionID. */
  readonly sessionId: number
  /** 1 to 255 octets as UTF-8. */
  readonly serverId: string
  /** Octets of the vendor behind the server identifier. */
  readonly body: Uint8Array
}

/** A notification as received; nothing in it is proved until {@link verify} says so. */
export interface Package0 {
  readonly digest: Uint8Array
  readonly trigger: Trigger
  /** The received octets that the digest covers. */
  readonly triggerOctets: Uint8Array
}

/** Another version of the notification than {@link version}; `received` is the value of its field. */
export class UnsupportedVersion extends Data.TaggedError("UnsupportedVersion")<{ readonly received: number }> {}

/** The octets are no notification of DM 1.2. */
export class MalformedPackage0 extends Data.TaggedError("MalformedPackage0")<{
  readonly reason: "too short" | "too long" | "reserved bits" | "session id" | "server id"
  readonly offset: number
}> {}

/** The trigger has no form on the wire. */
export class UnencodablePackage0 extends Data.TaggedError("UnencodablePackage0")<{
  readonly field: "sessionId" | "serverId" | "body"
  readonly clause: string
}> {}

export interface Package0Limits {
  /** Octets of the whole message. */
  readonly bytes: number
}

export const defaultPackage0Limits: Package0Limits = { bytes: 4096 }

const digestLength = 16
const headerLength = 8

/** The octets of the trigger, which the digest covers: an eight-octet header, the server identifier, the vendor's body. */
export const encodeTrigger = (
  trigger: Trigger,
  limits: Package0Limits = defaultPackage0Limits
): Result.Result<Uint8Array, UnencodablePackage0> => {
  const refuse = (field: UnencodablePackage0["field"], clause: string) =>
    Result.fail(new UnencodablePackage0({ field, clause }))
  const { sessionId } = trigger
  if (!Number.isInteger(sessionId) || sessionId < 1 || sessionId > 0xffff) return refuse("sessionId", "1 to 65535")
  const serverId = Bytes.utf8(trigger.serverId)
  if (serverId.length < 1 || serverId.length > 255) return refuse("serverId", "1 to 255 octets")
  if (digestLength + headerLength + serverId.length + trigger.body.length > limits.bytes) {
    return refuse("body", `at most ${limits.bytes} octets in all`)
  }
  const flags = ((version & 3) << 6) | (uiModes.indexOf(trigger.uiMode) << 4) | (trigger.initiator === "server" ? 8 : 0)
  const header = Uint8Array.of(version >> 2, flags, 0, 0, 0, sessionId >> 8, sessionId & 0xff, serverId.length)
  return Result.succeed(Bytes.concat(header, serverId, trigger.body))
}

/**
 * The 16 octets at the head of a notification: `MD5(key ":" nonce ":" B64(MD5(trigger)))`. `key` is `CredDigest.storedKey`
 * of the server's identifier and secret, `nonce` the last NextNonce that the client issued.
 *
 * @spec DM Notification 1.2
 */
export const digest = (md5: Hash, key: string, nonce: Uint8Array, trigger: Uint8Array): Uint8Array =>
  md5(Bytes.concat(Bytes.utf8(key), Bytes.utf8(":"), nonce, Bytes.utf8(":"), Bytes.utf8(Bytes.toBase64(md5(trigger)))))

/**
 * The octets of a notification.
 *
 * **Fails** with `UnencodablePackage0` and the field that does not fit.
 */
export const build = (
  md5: Hash,
  key: string,
  nonce: Uint8Array,
  trigger: Trigger,
  limits: Package0Limits = defaultPackage0Limits
): Result.Result<Uint8Array, UnencodablePackage0> =>
  Result.map(encodeTrigger(trigger, limits), (octets) => Bytes.concat(digest(md5, key, nonce, octets), octets))

/**
 * The parts of a notification.
 *
 * **Fails** with `UnsupportedVersion` for every version field but {@link version} (DM 1.3 may lengthen the digest, so nothing
 * behind the field is looked at then), with `MalformedPackage0` where the octets are cut off or break a rule.
 *
 * @spec DM Notification 1.2
 */
export const parse = (
  octets: Uint8Array,
  limits: Package0Limits = defaultPackage0Limits
): Result.Result<Package0, UnsupportedVersion | MalformedPackage0> => {
  const refuse = (reason: MalformedPackage0["reason"], offset: number) =>
    Result.fail(new MalformedPackage0({ reason, offset }))
  if (octets.length > limits.bytes) return refuse("too long", limits.bytes)
  if (octets.length < digestLength + headerLength) return refuse("too short", octets.length)
  const at = digestLength
  const flags = octets[at + 1]!
  const received = (octets[at]! << 2) | (flags >> 6)
  if (received !== version) return Result.fail(new UnsupportedVersion({ received }))
  if ((flags & 7) !== 0 || octets[at + 2] !== 0 || octets[at + 3] !== 0 || octets[at + 4] !== 0) {
    return refuse("reserved bits", at + 1)
  }
  const sessionId = (octets[at + 5]! << 8) | octets[at + 6]!
  if (sessionId === 0) return refuse("session id", at + 5)
  const idLength = octets[at + 7]!
  const bodyAt = at + headerLength + idLength
  if (idLength === 0) return refuse("server id", at + 7)
  if (bodyAt > octets.length) return refuse("too short", octets.length)
  const serverId = Bytes.utf8Decode(octets.subarray(at + headerLength, bodyAt))
  if (serverId === undefined) return refuse("server id", at + headerLength)
  return Result.succeed({
    digest: octets.slice(0, digestLength),
    triggerOctets: octets.slice(at),
    trigger: {
      uiMode: uiModes[(flags >> 4) & 3]!,
      initiator: (flags & 8) === 0 ? "client" : "server",
      sessionId,
      serverId,
      body: octets.slice(bodyAt)
    }
  })
}

/**
 * The nonces that stand for "none known" when the two sides have lost each other: four zero octets, then the ten characters
 * that one client uses. The texts write `0x00000000` and do not say which is meant.
 *
 * **Gotchas** A notification under one of them can be replayed for ever: the client accepts it only where its policy says
 * so, for at most one session an hour with the configured address, until a mutually authenticated session has given a new
 * nonce; the server changes its secret afterwards.
 */
export const defaultNonces: ReadonlyArray<Uint8Array> = [new Uint8Array(4), Bytes.utf8("0x00000000")]

/** Which nonce a notification was made with. */
export type NonceUsed = "current" | "default"

/**
 * Under which nonce the digest of `received` holds, if under any. Every candidate is tried always and compared in constant
 * time. The default nonces count only with `allowDefault`.
 *
 * A digest is accepted once for each nonce: that is for the caller to keep.
 */
export const verify = (
  md5: Hash,
  received: Package0,
  key: string,
  nonce: Uint8Array,
  allowDefault = false
): NonceUsed | undefined => {
  const current = Bytes.equal(digest(md5, key, nonce, received.triggerOctets), received.digest)
  let byDefault = false
  for (const candidate of defaultNonces) {
    byDefault = Bytes.equal(digest(md5, key, candidate, received.triggerOctets), received.digest) || byDefault
  }
  return current ? "current" : byDefault && allowDefault ? "default" : undefined
}

/** The SessionID of the session that answers a notification: upper-case hexadecimal without leading zeros. */
export const sessionIdText = (sessionId: number): string => sessionId.toString(16).toUpperCase()

/** `sessionId` with its two octets exchanged, as one client on little-endian machines sends it. */
export const swapSessionId = (sessionId: number): number => ((sessionId & 0xff) << 8) | (sessionId >> 8)

/**
 * Whether the SessionID `text` of a session answers the notification with `sessionId`, as it is or with its octets
 * exchanged.
 *
 * @spec DM Notification 1.2; the exchange as in libdmclient
 */
export const matchSessionId = (sessionId: number, text: string): "same" | "swapped" | undefined => {
  if (text.length < 1 || text.length > 4 || !/^[0-9A-Fa-f]+$/.test(text)) return undefined
  const received = Number.parseInt(text, 16)
  return received === sessionId ? "same" : received === swapSessionId(sessionId) ? "swapped" : undefined
}
