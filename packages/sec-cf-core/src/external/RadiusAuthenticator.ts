/**
 * What a shared secret proves in RADIUS: authenticators of requests and responses, the Message-Authenticator, hidden passwords,
 * CHAP. MD5 and HMAC-MD5 come in as functions; the secret as octets that the caller wipes.
 *
 * All functions that take a packet as octets expect one that `RadiusPacket.decode` accepts, cut to its length.
 *
 * @layer codec
 * @spec RFC 2865 sections 3 and 5.2, RFC 2866 section 3, RFC 1994, RFC 3579 section 3.2
 */
import { Bytes, type Hash, type Hmac } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { RadiusMalformed } from "./ExternalError.ts"
import { types } from "./RadiusAttribute.ts"
import { headerLength } from "./RadiusPacket.ts"

/** MD5 and HMAC-MD5 of the runtime. */
export interface RadiusHashes {
  readonly md5: Hash
  readonly hmacMd5: Hmac
}

const zero = new Uint8Array(16)

/** A copy of `packet` with `authenticator` in the place of its own. */
export const withAuthenticator = (packet: Uint8Array, authenticator: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(packet) // slice of a Buffer would be no copy
  copy.set(authenticator, 4)
  return copy
}

const digest = (md5: Hash, packet: Uint8Array, authenticator: Uint8Array, secret: Uint8Array): Uint8Array => {
  const input = new Uint8Array(packet.length + secret.length)
  input.set(packet)
  input.set(authenticator, 4)
  input.set(secret, packet.length)
  const out = md5(input)
  Bytes.wipe(input)
  return out
}

/** The Request Authenticator of an Accounting-Request: MD5 over the packet with zeros in its place, and the secret. */
export const accountingRequest = (md5: Hash, packet: Uint8Array, secret: Uint8Array): Uint8Array =>
  digest(md5, packet, zero, secret)

/** The Response Authenticator: MD5 over the response with the authenticator of the request in its place, and the secret. */
export const response = (
  md5: Hash,
  packet: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: Uint8Array
): Uint8Array => digest(md5, packet, requestAuthenticator, secret)

/** Whether an Accounting-Request carries the authenticator of `secret`. */
export const holdsAccountingRequest = (md5: Hash, packet: Uint8Array, secret: Uint8Array): boolean =>
  Bytes.equal(accountingRequest(md5, packet, secret), packet.subarray(4, 20))

/** Whether a response answers the request with `requestAuthenticator` and was made with `secret`. */
export const holdsResponse = (
  md5: Hash,
  packet: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: Uint8Array
): boolean => Bytes.equal(response(md5, packet, requestAuthenticator, secret), packet.subarray(4, 20))

/** Where the value of the one Message-Authenticator begins; -1 where there is none, or it is no 16 octets, or stands twice. */
export const messageAuthenticatorAt = (packet: Uint8Array): number => {
  let found = -1
  for (let at = headerLength; at + 1 < packet.length; at += packet[at + 1]!) {
    const size = packet[at + 1]!
    if (size < 2) return -1
    if (packet[at] !== types.messageAuthenticator) continue
    if (found >= 0 || size !== 18 || at + size > packet.length) return -1
    found = at + 2
  }
  return found
}

/**
 * HMAC-MD5 over `packet` with `authenticator` in the place of its own and zeros in the place of the Message-Authenticator at `at`.
 *
 * The authenticator is the packet's own for Access-Request and Status-Server, that of the request for a response, and
 * zeros for an Accounting-Request.
 */
export const messageAuthenticator = (
  hmacMd5: Hmac,
  packet: Uint8Array,
  at: number,
  authenticator: Uint8Array,
  secret: Uint8Array
): Uint8Array => {
  const input = withAuthenticator(packet, authenticator)
  input.fill(0, at, at + 16)
  return hmacMd5(secret, input)
}

/** Whether the Message-Authenticator holds; `absent` where the packet has none that can be checked. */
export const judgeMessageAuthenticator = (
  hmacMd5: Hmac,
  packet: Uint8Array,
  authenticator: Uint8Array,
  secret: Uint8Array
): "holds" | "wrong" | "absent" => {
  const at = messageAuthenticatorAt(packet)
  if (at < 0) return "absent"
  const expected = messageAuthenticator(hmacMd5, packet, at, authenticator, secret)
  return Bytes.equal(expected, packet.subarray(at, at + 16)) ? "holds" : "wrong"
}

/** The Message-Authenticator of an Accounting-Request is computed over zeros: its Request Authenticator covers it in turn. */
export const noAuthenticator: Uint8Array = zero

/** The most octets of a password that RADIUS can hide. */
export const passwordLimit = 128

/**
 * `password` hidden by `secret` and the Request Authenticator: a multiple of 16 octets. Fails over 128 octets, and for a zero
 * octet, which the other side would take for padding.
 */
export const hidePassword = (
  md5: Hash,
  password: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: Uint8Array
): Result.Result<Uint8Array, RadiusMalformed> => {
  if (password.length > passwordLimit || password.includes(0)) {
    const why = password.length > passwordLimit ? `password over ${passwordLimit} octets` : "password with a zero octet"
    return Result.fail(new RadiusMalformed({ why, clause: "RFC 2865 section 5.2", offset: 0 }))
  }
  const out = new Uint8Array(Math.max(16, Math.ceil(password.length / 16) * 16))
  out.set(password)
  mask(md5, out, out, requestAuthenticator, secret)
  return Result.succeed(out)
}

/** The password behind a hidden one, without its padding; `undefined` for a length that is none. With a wrong secret it is noise. */
export const revealPassword = (
  md5: Hash,
  hidden: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: Uint8Array
): Uint8Array | undefined => {
  if (hidden.length === 0 || hidden.length % 16 !== 0 || hidden.length > passwordLimit) return undefined
  const out = new Uint8Array(hidden)
  mask(md5, out, hidden, requestAuthenticator, secret)
  let end = out.length
  while (end > 0 && out[end - 1] === 0) end--
  return out.subarray(0, end)
}

/** Exclusive or of `octets` with MD5(secret || block before), where the blocks before are those of `hidden`. */
const mask = (md5: Hash, octets: Uint8Array, hidden: Uint8Array, first: Uint8Array, secret: Uint8Array): void => {
  const input = new Uint8Array(secret.length + 16)
  input.set(secret)
  for (let at = 0; at < octets.length; at += 16) {
    input.set(at === 0 ? first : hidden.subarray(at - 16, at), secret.length)
    const pad = md5(input)
    for (let i = 0; i < 16; i++) octets[at + i]! ^= pad[i]!
  }
  Bytes.wipe(input)
}

/** The value of CHAP-Password: the identifier, then MD5(identifier || password || challenge). */
export const chapPassword = (
  md5: Hash,
  identifier: number,
  password: Uint8Array,
  challenge: Uint8Array
): Uint8Array => {
  const input = Bytes.concat(Uint8Array.of(identifier), password, challenge)
  const out = Bytes.concat(Uint8Array.of(identifier), md5(input))
  Bytes.wipe(input)
  return out
}
