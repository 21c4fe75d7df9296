/**
 * The hashes of HTTP Digest by Node's one-shot `crypto.hash`.
 *
 * @layer binding
 */
import { hash } from "node:crypto"
import type { DigestHash, DigestHashes } from "./DigestAlgorithm.ts"

const oneShot =
  (name: string): DigestHash =>
  (data) =>
    hash(name, data, "hex")

/** MD5, SHA-256 and SHA-512/256 of `node:crypto`. */
export const hashes: DigestHashes = {
  MD5: oneShot("md5"),
  "SHA-256": oneShot("sha256"),
  "SHA-512-256": oneShot("sha512-256")
}
