/**
 * The nonces of our server: time, epoch and chance under a MAC, so that a server remembers nothing of a nonce before it
 * is used. The layout is our own, as RFC 7616 leaves it to the server.
 *
 * ```
 * octet  0      format, 1
 *        1-2    version of the server key
 *        3-8    milliseconds since 1970
 *        9-12   epoch
 *        13-28  chance
 *        29-44  first 16 octets of HMAC-SHA-256(server key, octets 0-28 || UTF-8 of the scope)
 * ```
 *
 * All numbers most significant octet first; base64 makes it 60 characters without padding. The scope is the protection
 * space that the nonce was issued for: one server's nonce is worth nothing in another space under the same key.
 *
 * @layer codec
 * @spec RFC 7616 3.3 (nonce), 5.4, 5.5
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"

/** What a nonce says. */
export interface ServerNonce {
  /** 0 to 65,535. */
  readonly keyVersion: number
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  /** 0 to 2^32-1. Raised when the memory of used nonces was lost: nonces of another epoch are stale. */
  readonly epoch: number
  /** 16 octets. */
  readonly random: Uint8Array
}

/** HMAC-SHA-256 under the server key. */
export type NonceMac = (data: Uint8Array) => Uint8Array

const signedLength = 29
const length = 45
/** Characters of every nonce of ours. */
export const textLength = 60

const macOf = (signed: Uint8Array, scope: string, mac: NonceMac): Uint8Array =>
  mac(Bytes.concat(signed, Bytes.utf8(scope))).subarray(0, length - signedLength)

/** The text of a nonce. `random` must have 16 octets; numbers are taken modulo their field. */
export const encode = (nonce: ServerNonce, scope: string, mac: NonceMac): string => {
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  out[0] = 1
  view.setUint16(1, nonce.keyVersion & 0xffff)
  view.setUint16(3, Math.floor(nonce.issuedAt / 0x1_0000_0000) & 0xffff)
  view.setUint32(5, nonce.issuedAt % 0x1_0000_0000)
  view.setUint32(9, nonce.epoch)
  out.set(nonce.random.subarray(0, 16), 13)
  out.set(macOf(out.subarray(0, signedLength), scope, mac), signedLength)
  return Bytes.toBase64(out)
}

/** A nonce that has our form; whether it is ours only `verifies` tells. */
export interface UnverifiedNonce extends ServerNonce {
  readonly octets: Uint8Array
}

/** Reads a nonce of our form; `undefined` for every other text. */
export const decode = (text: string): UnverifiedNonce | undefined => {
  if (text.length !== textLength) return undefined
  const decoded = Bytes.fromBase64(text)
  if (Result.isFailure(decoded) || decoded.success.length !== length || decoded.success[0] !== 1) return undefined
  const octets = decoded.success
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  return {
    keyVersion: view.getUint16(1),
    issuedAt: view.getUint16(3) * 0x1_0000_0000 + view.getUint32(5),
    epoch: view.getUint32(9),
    random: octets.subarray(13, signedLength),
    octets
  }
}

/** Whether this server issued the nonce for `scope`; constant time. */
export const verifies = (nonce: UnverifiedNonce, scope: string, mac: NonceMac): boolean =>
  Bytes.equal(nonce.octets.subarray(signedLength), macOf(nonce.octets.subarray(0, signedLength), scope, mac))

/** How a nonce stands in time. `future`: further ahead than clocks of two nodes may differ. */
export type NonceAge = "fresh" | "expired" | "other-epoch" | "future"

/** Judges time and epoch. All in milliseconds; a nonce is expired from `issuedAt + lifetime` on. */
export const age = (
  nonce: ServerNonce,
  at: { readonly now: number; readonly epoch: number; readonly lifetime: number; readonly skew: number }
): NonceAge =>
  nonce.epoch !== at.epoch
    ? "other-epoch"
    : nonce.issuedAt > at.now + at.skew
      ? "future"
      : at.now >= nonce.issuedAt + at.lifetime
        ? "expired"
        : "fresh"
