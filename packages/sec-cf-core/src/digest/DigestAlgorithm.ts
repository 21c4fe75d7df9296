/**
 * The algorithms of HTTP Digest: their names on the wire, what they hash with and how strong they are.
 *
 * @layer codec
 * @spec RFC 7616 3.3 (algorithm), 6.1 (registry); RFC 3310 3.1; RFC 4169 2
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"

/** The three hash functions that stand behind all algorithms. */
export type HashName = "MD5" | "SHA-256" | "SHA-512-256"

/** H of RFC 7616 3.4: lower-case hexadecimal of the hash of the octets, or of the UTF-8 octets of a text. */
export type DigestHash = (data: string | Uint8Array) => string

/** One `DigestHash` for each hash function. `NodeDigestHash.hashes` gives those of Node. */
export type DigestHashes = Readonly<Record<HashName, DigestHash>>

/** A `DigestHash` out of a hash over octets, for runtimes without a one-shot hash over text. */
export const digestHash =
  (hash: Hash): DigestHash =>
  (data) =>
    Bytes.toHex(hash(typeof data === "string" ? Bytes.utf8(data) : data))

/** An algorithm by its registered spelling. */
export type DigestAlgorithm =
  | "MD5"
  | "MD5-sess"
  | "SHA-256"
  | "SHA-256-sess"
  | "SHA-512-256"
  | "SHA-512-256-sess"
  | "AKAv1-MD5"
  | "AKAv2-MD5"

/** What an algorithm is made of. */
export interface AlgorithmTraits {
  readonly hash: HashName
  /** Whether A1 is bound to the first nonce and cnonce (`-sess`). */
  readonly session: boolean
  /** 0 for passwords, 1 or 2 for the AKA version that makes the password. */
  readonly aka: 0 | 1 | 2
  /** Hexadecimal digits of the response. */
  readonly digits: 32 | 64
  /** Higher is preferred. Our own order: hash first, then AKA version, then `-sess`. */
  readonly strength: number
}

const traits = (hash: HashName, session: boolean, aka: 0 | 1 | 2): AlgorithmTraits => ({
  hash,
  session,
  aka,
  digits: hash === "MD5" ? 32 : 64,
  strength: (hash === "MD5" ? 0 : hash === "SHA-256" ? 10 : 20) + aka * 2 + (session ? 1 : 0)
})

/** Every algorithm and its traits. */
export const algorithms: Readonly<Record<DigestAlgorithm, AlgorithmTraits>> = {
  MD5: traits("MD5", false, 0),
  "MD5-sess": traits("MD5", true, 0),
  "SHA-256": traits("SHA-256", false, 0),
  "SHA-256-sess": traits("SHA-256", true, 0),
  "SHA-512-256": traits("SHA-512-256", false, 0),
  "SHA-512-256-sess": traits("SHA-512-256", true, 0),
  "AKAv1-MD5": traits("MD5", false, 1),
  "AKAv2-MD5": traits("MD5", false, 2)
}

const byName = new Map<string, DigestAlgorithm>()
for (const name of Object.keys(algorithms) as Array<DigestAlgorithm>) {
  byName.set(name, name)
  byName.set(name.toLowerCase(), name)
}

/** The algorithm of that name in any case; no name is MD5; `undefined` for one that we do not know. */
export const algorithmNamed = (name: string | undefined): DigestAlgorithm | undefined =>
  name === undefined ? "MD5" : (byName.get(name) ?? byName.get(name.toLowerCase()))

/** `names` without repetitions, strongest first. */
export const strongestFirst = (names: Iterable<DigestAlgorithm>): ReadonlyArray<DigestAlgorithm> =>
  [...new Set(names)].sort((a, b) => algorithms[b].strength - algorithms[a].strength)
