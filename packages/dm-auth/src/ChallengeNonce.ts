/**
 * Nonces: fresh ones for peers that have authenticated, derived ones for those that have not.
 *
 * A challenge to somebody who proved nothing must neither store nor displace anything, otherwise whoever guesses a device
 * identifier keeps its owner out. The digest does not bring its nonce back and a client may return under another SessionID,
 * so the verifier must be able to make the nonces again: they are a code under a key of the server over what it knows anyway.
 *
 * @layer codec
 */
import { Bytes, type RandomBytes } from "@oma/sa-policy/bytes"

/** HMAC-SHA-256 under the server's own key, which stays where it is: 32 octets over `data`. */
export type ServerMac = (data: Uint8Array) => Uint8Array

/** Who is challenged: the client by the server, or the server by the client. */
export type Direction = "client" | "server"

/** Milliseconds of one slot of {@link slotAt}: ten minutes. */
export const slotLength = 600_000

/** The slot of a time in milliseconds since 1970. */
export const slotAt = (milliseconds: number): number => Math.floor(milliseconds / slotLength)

/** How many challenges of one account and slot differ: MsgID counts modulo this. */
export const msgIdModulus = 8

/** What a derived nonce depends on. */
export interface Basis {
  readonly direction: Direction
  /** How often the account has authenticated; 0 for an account that does not exist. Each success ends all older challenges. */
  readonly count: number
  /** Who is challenged, known or not, as the peer names itself. */
  readonly account: string
}

const uint64 = (value: number): Uint8Array => {
  const out = new Uint8Array(8)
  const view = new DataView(out.buffer)
  view.setUint32(0, Math.floor(value / 0x1_0000_0000) >>> 0)
  view.setUint32(4, value >>> 0)
  return out
}

/** Where MsgID stands in {@link octetsOf}. */
const msgIdAt = 17

/** What a nonce is a code over, with MsgID 0. */
const octetsOf = ({ account, count, direction }: Basis, slot: number): Uint8Array =>
  Bytes.concat(
    Uint8Array.of(direction === "client" ? 1 : 2),
    uint64(count),
    uint64(slot),
    Uint8Array.of(0),
    Bytes.utf8(account)
  )

const nonceOver = (mac: ServerMac, octets: Uint8Array, msgId: number): Uint8Array => {
  octets[msgIdAt] = msgId % msgIdModulus
  return Bytes.utf8(Bytes.toBase64(mac(octets).subarray(0, 18)))
}

/**
 * The nonce of a challenge: the 24 base64 characters of the first 18 octets of HMAC-SHA-256 over the direction (one octet,
 * 1 for the client and 2 for the server), the count and the slot (eight octets each, most significant first), MsgID modulo 8
 * (one octet) and the account as UTF-8. Printable, without NUL, and its own base64 form needs no padding.
 *
 * @spec our own; dm-auth has no rule on how a challenger finds its nonces
 */
export const derive = (mac: ServerMac, basis: Basis, slot: number, msgId: number): Uint8Array =>
  nonceOver(mac, octetsOf(basis, slot), msgId)

/**
 * All 16 nonces that a challenge of this slot or the last one can have carried: first the eight of this slot, by MsgID modulo 8. A
 * verifier tries every one of them always.
 */
export const candidates = (mac: ServerMac, basis: Basis, slot: number): ReadonlyArray<Uint8Array> => {
  const out: Array<Uint8Array> = []
  for (const each of [slot, slot - 1]) {
    const octets = octetsOf(basis, Math.max(each, 0))
    for (let msgId = 0; msgId < msgIdModulus; msgId++) out.push(nonceOver(mac, octets, msgId))
  }
  return out
}

/**
 * A fresh nonce that every known client keeps: 24 printable octets with 144 random bits, without NUL, its length a multiple
 * of three so that its base64 form ends without `=`.
 */
export const printable = (random: RandomBytes): Uint8Array => Bytes.utf8(Bytes.toBase64(random(18)))

/** A fresh nonce of `length` arbitrary octets, for peers that take any. At least 16 are recommended. */
export const raw = (random: RandomBytes, length = 24): Uint8Array => random(length)
