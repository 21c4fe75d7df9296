/**
 * Cryptographic primitives as functions. Pure files take them as arguments; `@oma/sa-policy/node` gives those of Node, and
 * another runtime brings its own.
 *
 * @layer codec
 */

/** A hash over octets: MD5 gives 16, SHA-1 20, SHA-256 32 octets. */
export type Hash = (data: Uint8Array) => Uint8Array

/** HMAC (RFC 2104) over `data` under `key`; as long as the hash that it is named after. */
export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array

/** `length` unpredictable octets. */
export type RandomBytes = (length: number) => Uint8Array
