/**
 * What stands in `Cred/Data`: basic, and the MD5 and SHA-256 digests.
 *
 * @layer codec
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { DmAuthType } from "./DmAuthType.ts"

/** The types whose credentials are a digest over a nonce. */
export type DigestType = "syncml:auth-md5" | "syncml:auth-sha256"

/** Octets of the digest of each type. */
export const digestLength: Record<DigestType, 16 | 32> = { "syncml:auth-md5": 16, "syncml:auth-sha256": 32 }

export const isDigestType = (type: DmAuthType | string): type is DigestType =>
  type === "syncml:auth-md5" || type === "syncml:auth-sha256"

/**
 * How user, secret and nonce go into a digest: `nested` is `H(B64(H(user:secret)):nonce)`, `flat` is
 * `H(user:secret:nonce)`, which SyncML 1.0 alone used.
 */
export type Formula = "nested" | "flat"

/**
 * The formula that `verProto` of a message selects: `flat` for `SyncML/1.0`, `nested` for everything else. DM never uses the
 * flat one.
 *
 * @spec SyncML 1.0, 1.1; DM Security 1.2
 */
export const formulaOf = (verProto: string): Formula => (verProto === "SyncML/1.0" ? "flat" : "nested")

const colon = Bytes.utf8(":")

/**
 * Whether `user` may name an account: not empty and without colon, as the first colon ends the name and another reading of
 * `user:secret` would let two accounts share one digest.
 */
export const isUserName = (user: string): boolean => user.length > 0 && !user.includes(":")

/** A user name that {@link isUserName} refuses. The name is no secret, but it is left out all the same. */
export class UnusableUserName extends Data.TaggedError("UnusableUserName")<{ readonly clause: string }> {}

/** Basic credentials that are not `user:secret`. */
export class MalformedBasic extends Data.TaggedError("MalformedBasic")<{
  readonly reason: "no colon" | "not UTF-8" | "too long"
}> {}

/**
 * The octets `user:secret`; `Cred.make` puts them into base64, once.
 *
 * **Fails** with `UnusableUserName` where the name contains a colon: the receiver would split it elsewhere.
 *
 * @spec DM RepPro, Cred, syncml:auth-basic
 */
export const encodeBasic = (user: string, secret: string): Result.Result<Uint8Array, UnusableUserName> =>
  isUserName(user)
    ? Result.succeed(Bytes.utf8(`${user}:${secret}`))
    : Result.fail(new UnusableUserName({ clause: "the first colon ends the user name of syncml:auth-basic" }))

/**
 * User and secret from the decoded octets of basic credentials, split at the first colon: the secret may contain more.
 *
 * **Gotchas** Base64 applied twice leaves text without a colon and is refused as such.
 */
export const decodeBasic = (
  octets: Uint8Array,
  limit = 1024
): Result.Result<{ readonly user: string; readonly secret: string }, MalformedBasic> => {
  if (octets.length > limit) return Result.fail(new MalformedBasic({ reason: "too long" }))
  const text = Bytes.utf8Decode(octets)
  if (text === undefined) return Result.fail(new MalformedBasic({ reason: "not UTF-8" }))
  const at = text.indexOf(":")
  if (at < 0) return Result.fail(new MalformedBasic({ reason: "no colon" }))
  return Result.succeed({ user: text.slice(0, at), secret: text.slice(at + 1) })
}

/**
 * `B64(H(user:secret))` with its padding: all that a verifier has to keep for one algorithm.
 *
 * **Gotchas** It is worth as much as the password to whoever reads it, and each algorithm has its own.
 *
 * @spec DM Security 1.2
 */
export const storedKey = (hash: Hash, user: string, secret: string): string =>
  Bytes.toBase64(hash(Bytes.utf8(`${user}:${secret}`)))

/**
 * The digest from a {@link storedKey} and the raw octets of the nonce: `H(storedKey ":" nonce)`, 16 octets with MD5, 32 with
 * SHA-256. The empty nonce leaves the colon.
 *
 * **Gotchas** `nonce` is what base64-decoding NextNonce once gives. Hashing the base64 text itself is the commonest mistake.
 *
 * @spec DM Security 1.2; with SHA-256 by analogy, as DM RepPro names the type without printing a value
 */
export const digestFromKey = (hash: Hash, key: string, nonce: Uint8Array): Uint8Array =>
  hash(Bytes.concat(Bytes.utf8(key), colon, nonce))

/**
 * The digest of DM and of SyncML from 1.1 on: `H(B64(H(user ":" secret)) ":" nonce)`.
 *
 * **Gotchas** The prose beside the published example reads like `H(user:secret:nonce)`; its value is that of this formula.
 *
 * @spec DM RepPro, Cred
 */
export const digest = (hash: Hash, user: string, secret: string, nonce: Uint8Array): Uint8Array =>
  digestFromKey(hash, storedKey(hash, user, secret), nonce)

/**
 * The digest of SyncML 1.0: `H(user ":" secret ":" nonce)`. It needs the secret itself; a {@link storedKey} does not help.
 *
 * @spec SyncML 1.0; observed from SyncEvolution 2.0.0
 */
export const flatDigest = (hash: Hash, user: string, secret: string, nonce: Uint8Array): Uint8Array =>
  hash(Bytes.concat(Bytes.utf8(`${user}:${secret}:`), nonce))

/**
 * The digest of the message's protocol version: {@link digest}, or {@link flatDigest} where {@link formulaOf} says so.
 */
export const digestFor = (verProto: string, hash: Hash, user: string, secret: string, nonce: Uint8Array): Uint8Array =>
  (formulaOf(verProto) === "flat" ? flatDigest : digest)(hash, user, secret, nonce)

/**
 * Whether `presented` is the digest under one of `nonces`. All of them are tried always, so that the time shows neither
 * which one matched nor whether one did; a wrong length matches nothing.
 */
export const matchesAny = (
  hash: Hash,
  key: string,
  presented: Uint8Array,
  nonces: ReadonlyArray<Uint8Array>
): boolean => {
  let found = 0
  for (const nonce of nonces) found |= Bytes.equal(digestFromKey(hash, key, nonce), presented) ? 1 : 0
  return found === 1
}

/**
 * Whether two sets of credentials could be mirrored: client and server of one account must differ in name and in secret,
 * otherwise an answer of the one side is taken as an answer of the other.
 *
 * @spec our own rule for DM Security 1.2, mutual authentication
 */
export const reflects = (
  hash: Hash,
  client: { readonly user: string; readonly secret: string },
  server: { readonly user: string; readonly secret: string }
): boolean =>
  client.user === server.user || Bytes.equal(hash(Bytes.utf8(client.secret)), hash(Bytes.utf8(server.secret)))
