/**
 * The computations of HTTP Digest: A1, A2, the response, the server's proof, the hashed user name.
 *
 * Every `ha1` here is H(A1) in lower-case hexadecimal, the form that a server stores instead of a password.
 *
 * @layer codec
 * @spec RFC 7616 3.4.1-3.4.4, 3.5; RFC 2617 3.2.2.1-3.2.2.3
 */
import { Bytes } from "@oma/sa-policy/bytes"
import type { Qop } from "./Challenge.ts"
import type { DigestHash } from "./DigestAlgorithm.ts"

const octetsOf = (part: string | Uint8Array): Uint8Array => (typeof part === "string" ? Bytes.utf8(part) : part)
const colon = Uint8Array.of(58)

/**
 * H(A1) of the algorithms without `-sess`: H(username ":" realm ":" password). Texts go in as UTF-8; octets as they
 * are, which is how the RES of AKA and names in other encodings get in.
 *
 * @spec RFC 7616 3.4.2
 */
export const ha1 = (
  hash: DigestHash,
  username: string | Uint8Array,
  realm: string | Uint8Array,
  password: string | Uint8Array
): string => {
  const a1 = Bytes.concat(octetsOf(username), colon, octetsOf(realm), colon, octetsOf(password))
  const out = hash(a1)
  Bytes.wipe(a1)
  return out
}

/**
 * H(A1) of a `-sess` algorithm out of H(A1) without it, the nonce of the challenge and the first cnonce.
 *
 * **Gotchas** The inner hash goes in as hexadecimal. The sample code of RFC 2617 section 5 takes it raw; its erratum
 * 1649, RFC 7616 and every client that we met take hexadecimal.
 *
 * @spec RFC 7616 3.4.2
 */
export const sessionHa1 = (hash: DigestHash, ha1: string, nonce: string, cnonce: string): string =>
  hash(`${ha1}:${nonce}:${cnonce}`)

/**
 * H(A2): of method and URI, with auth-int of H(body) too. The method of the server's proof is empty.
 *
 * @spec RFC 7616 3.4.3, 3.5
 */
export const ha2 = (hash: DigestHash, method: string, uri: string, body: Uint8Array | undefined): string =>
  body === undefined ? hash(`${method}:${uri}`) : hash(`${method}:${uri}:${hash(body)}`)

/** What is hashed with H(A1) and H(A2) when there is a qop. */
export interface Quality {
  readonly qop: Qop
  /** Eight hexadecimal digits as they stand in the field. */
  readonly nc: string
  readonly cnonce: string
}

/**
 * The response: KD(H(A1), nonce ":" nc ":" cnonce ":" qop ":" H(A2)), or of RFC 2069 without a quality.
 *
 * @spec RFC 7616 3.4.1; RFC 2617 3.2.2.1 for the form without qop
 */
export const response = (
  hash: DigestHash,
  ha1: string,
  nonce: string,
  quality: Quality | undefined,
  ha2: string
): string =>
  quality === undefined
    ? hash(`${ha1}:${nonce}:${ha2}`)
    : hash(`${ha1}:${nonce}:${quality.nc}:${quality.cnonce}:${quality.qop}:${ha2}`)

/**
 * The user name that is sent with `userhash=true`: H(username ":" realm), both as UTF-8.
 *
 * @spec RFC 7616 3.4.4
 */
export const userhash = (hash: DigestHash, username: string, realm: string): string => hash(`${username}:${realm}`)

/** Whether two texts are equal, in time that depends on their lengths only. */
export const equalText = (a: string, b: string): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** A count as the eight lower-case hexadecimal digits of `nc`. Counts are 1 to 2^32-1. */
export const ncText = (count: number): string => count.toString(16).padStart(8, "0")
