/**
 * HTTP Digest AKA: RAND and AUTN in the nonce, RES (or a value made of it) as the password, AUTS for resynchronisation.
 * The response itself is that of `DigestComputation` with MD5.
 *
 * @layer codec
 * @spec RFC 3310 3.2-3.4; RFC 4169 2
 */
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { DigestMalformed } from "./DigestError.ts"

/** What a nonce of AKA carries. */
export interface AkaNonce {
  /** 16 octets. */
  readonly rand: Uint8Array
  /** 16 octets. */
  readonly autn: Uint8Array
  /** Whatever the server put behind; empty in most cases. */
  readonly serverData: Uint8Array
}

const malformed = (why: string, clause: string) => Result.fail(new DigestMalformed({ why, clause, offset: 0 }))

/** base64(RAND || AUTN || server data). Fails where RAND or AUTN is not 16 octets long. */
export const encodeNonce = (
  rand: Uint8Array,
  autn: Uint8Array,
  serverData: Uint8Array = new Uint8Array(0)
): Result.Result<string, DigestMalformed> =>
  rand.length === 16 && autn.length === 16
    ? Result.succeed(Bytes.toBase64(Bytes.concat(rand, autn, serverData)))
    : malformed("RAND and AUTN have 16 octets each", "RFC 3310 3.2")

/** The parts of an AKA nonce. Fails where it is not base64 of 32 octets or more. */
export const decodeNonce = (nonce: string): Result.Result<AkaNonce, DigestMalformed> => {
  const octets = Bytes.fromBase64(nonce)
  if (Result.isFailure(octets)) return malformed("the nonce is not base64", "RFC 3310 3.2")
  const all = octets.success
  if (all.length < 32) return malformed("the nonce is shorter than RAND and AUTN", "RFC 3310 3.2")
  return Result.succeed({ rand: all.slice(0, 16), autn: all.slice(16, 32), serverData: all.slice(32) })
}

/** The password of AKAv2-MD5: base64 of HMAC-MD5(RES || IK || CK, "http-digest-akav2-password"), 24 characters. */
export const akaV2Password = (hmacMd5: Hmac, res: Uint8Array, ik: Uint8Array, ck: Uint8Array): Uint8Array => {
  const key = Bytes.concat(res, ik, ck)
  const out = Bytes.utf8(Bytes.toBase64(hmacMd5(key, Bytes.utf8("http-digest-akav2-password"))))
  Bytes.wipe(key)
  return out
}

/**
 * The session keys after AKAv2: CK' and IK', 16 octets each. Which label goes with which key is known from public
 * implementations only.
 */
export const akaV2SessionKeys = (
  hmacMd5: Hmac,
  ck: Uint8Array,
  ik: Uint8Array
): { readonly ck: Uint8Array; readonly ik: Uint8Array } => ({
  ck: hmacMd5(ck, Bytes.utf8("http-digest-akav2-cipherkey")),
  ik: hmacMd5(ik, Bytes.utf8("http-digest-akav2-integritykey"))
})

/** The password of AKAv1-MD5 is RES itself; with `auts` it is empty, in both versions. */
export const resynchronisationPassword: Uint8Array = new Uint8Array(0)

/** The `auts` directive: base64 of the 14 octets of AUTS. */
export const encodeAuts = (auts: Uint8Array): Result.Result<string, DigestMalformed> =>
  auts.length === 14 ? Result.succeed(Bytes.toBase64(auts)) : malformed("AUTS has 14 octets", "RFC 3310 3.4")

/** The 14 octets of an `auts` directive. */
export const decodeAuts = (auts: string): Result.Result<Uint8Array, DigestMalformed> => {
  const octets = Bytes.fromBase64(auts)
  return Result.isSuccess(octets) && octets.success.length === 14
    ? Result.succeed(octets.success)
    : malformed("auts is not base64 of 14 octets", "RFC 3310 3.4")
}
