/**
 * `syncml:auth-MAC`: the code over a whole message that travels in the header `x-syncml-hmac`.
 *
 * @layer codec
 */
import { Bytes, type Hash, type Hmac } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/** The value of `mac=` is no code of the algorithm. */
export class MalformedMac extends Data.TaggedError("MalformedMac")<{ readonly reason: "base64" | "length" }> {}

const colon = Bytes.utf8(":")

/**
 * `H(key ":" nonce ":" B64(H(body)))`: 16 octets with MD5, 32 with SHA-256. `key` is `CredDigest.storedKey`, `nonce` the raw
 * octets of the last NextNonce, `body` the exact octets of the HTTP entity before transfer coding.
 *
 * **Gotchas** In spite of its name and of the reference to RFC 2104 this is nested hashing; see {@link rfc2104}.
 *
 * @spec DM Security 1.2, integrity; with SHA-256 by our own analogy
 */
export const nested = (hash: Hash, key: string, nonce: Uint8Array, body: Uint8Array): Uint8Array =>
  hash(Bytes.concat(Bytes.utf8(key), colon, nonce, colon, Bytes.utf8(Bytes.toBase64(hash(body)))))

/**
 * `HMAC(key, nonce ":" B64(H(body)))`: what a server for one family of devices sends instead of {@link nested}. Use it only
 * for such peers.
 *
 * @spec RFC 2104; seen in the source of an open update server, not tried against a device
 */
export const rfc2104 = (hash: Hash, hmac: Hmac, key: string, nonce: Uint8Array, body: Uint8Array): Uint8Array =>
  hmac(Bytes.utf8(key), Bytes.concat(nonce, colon, Bytes.utf8(Bytes.toBase64(hash(body)))))

/**
 * The `length` octets (16 for MD5, 32 for SHA-256) behind the text of `mac=`. The published example is base64 over
 * hexadecimal text, against its own formula: that form is read too, and never sent.
 */
export const decode = (text: string, length: 16 | 32): Result.Result<Uint8Array, MalformedMac> => {
  const decoded = Bytes.fromBase64(text)
  if (Result.isFailure(decoded)) return Result.fail(new MalformedMac({ reason: "base64" }))
  if (decoded.success.length === length) return Result.succeed(decoded.success)
  if (decoded.success.length === 2 * length) {
    const hex = Bytes.fromHex(Bytes.utf8Decode(decoded.success) ?? "")
    if (hex !== undefined && hex.length === length) return Result.succeed(hex)
  }
  return Result.fail(new MalformedMac({ reason: "length" }))
}

/** The text of `mac=`: padded base64 of the raw octets. */
export const encode = (mac: Uint8Array): string => Bytes.toBase64(mac)
