/**
 * Whether credentials hold: one comparison for both sides, the server that judges a client and the client that judges a server.
 *
 * @layer machine
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as CredDigest from "./CredDigest.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import type { Candidate } from "./DmCheck.ts"
import * as MessageMac from "./MessageMac.ts"

/** The hashes of the credential types. */
export type HashName = "md5" | "sha256"

/** What a candidate is judged against. */
export interface Judged {
  readonly candidate: Candidate
  /** The received octets of the message, for the MAC. */
  readonly body: Uint8Array
  readonly verProto: string
  readonly nonces: ReadonlyArray<Uint8Array>
}

/** The hash of `type` where the type alone says it; MD5 for the MAC, whose header may say otherwise. */
export const hashNameOf = (type: DmAuthType): HashName => (type === "syncml:auth-sha256" ? "sha256" : "md5")

/** The hash under which a candidate is judged; for basic any does, so `kept` is taken: the one whose stored key there is. */
export const hashNameFor = (candidate: Candidate, kept: HashName): HashName => {
  if (candidate.type === "syncml:auth-MAC") return candidate.header.algorithm === "MD5" ? "md5" : "sha256"
  return candidate.type === "syncml:auth-basic" ? kept : hashNameOf(candidate.type)
}

/**
 * Whether the candidate is that of `user` with the stored `key` (`CredDigest.storedKey`) under one of the nonces. All nonces are tried
 * always; texts and digests are compared in constant time.
 *
 * @spec DM RepPro, Cred; DM Security 1.2, integrity
 */
export const holds = (hash: Hash, key: string, user: string, { body, candidate, nonces }: Judged): boolean => {
  if (candidate.type === "syncml:auth-MAC") {
    const mac = MessageMac.decode(candidate.header.mac, candidate.header.algorithm === "MD5" ? 16 : 32)
    let found = 0
    for (const nonce of nonces) {
      const expected = MessageMac.nested(hash, key, nonce, body)
      found |= Result.isSuccess(mac) && Bytes.equal(expected, mac.success) ? 1 : 0
    }
    return found === 1 && candidate.header.username === user
  }
  const octets = Redacted.value(candidate.octets)
  if (candidate.type !== "syncml:auth-basic") return CredDigest.matchesAny(hash, key, octets, nonces)
  const shown = CredDigest.decodeBasic(octets)
  const stored = Result.isSuccess(shown) ? CredDigest.storedKey(hash, shown.success.user, shown.success.secret) : ""
  return Bytes.equal(Bytes.utf8(stored), Bytes.utf8(key))
}

/** The same for the digest of SyncML 1.0, which needs the secret itself. Basic is not judged by it. */
export const holdsFlat = (hash: Hash, secret: string, user: string, { candidate, nonces }: Judged): boolean => {
  if (candidate.type === "syncml:auth-MAC") return false
  const octets = Redacted.value(candidate.octets)
  let found = 0
  for (const nonce of nonces) found |= Bytes.equal(CredDigest.flatDigest(hash, user, secret, nonce), octets) ? 1 : 0
  return found === 1
}
