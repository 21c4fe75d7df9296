/**
 * What the services need from the runtime's cryptography: chance, hashes and keys that are imported once.
 * `@oma/sa-policy/node` gives the implementation on `node:crypto`.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import type { Hash, RandomBytes } from "./bytes/Primitive.ts"

export type HashName = "md5" | "sha1" | "sha256" | "sha512-256" | "sha512"

/**
 * A secret key in the form that the runtime works with fastest. It prints as `<secret key>` everywhere.
 *
 * **Gotchas** All functions are synchronous and leave no copy of the key behind; after `dispose` they throw, as using a
 * disposed key is a defect of the caller.
 */
export interface SecretKey {
  /** How many octets it has. */
  readonly length: number
  readonly hmac: (hash: HashName, data: Uint8Array) => Uint8Array
  /** AES in ECB mode over whole 16-octet blocks, for algorithms that are defined by the bare block function. */
  readonly aesBlocks: (blocks: Uint8Array) => Uint8Array
  /** AES-CBC without padding over whole blocks. */
  readonly aesCbcEncrypt: (iv: Uint8Array, blocks: Uint8Array) => Uint8Array
  readonly aesCbcDecrypt: (iv: Uint8Array, blocks: Uint8Array) => Uint8Array
  /** AES-GCM: ciphertext followed by the 16-octet tag. */
  readonly aesGcmSeal: (iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => Uint8Array
  /** The plaintext, or `undefined` where the tag does not hold. */
  readonly aesGcmOpen: (iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
  /** Lends the octets for the time of the call; the array is overwritten afterwards. */
  readonly lend: <A>(use: (octets: Uint8Array) => A) => A
  readonly dispose: () => void
}

/** Chance, hashes and keys of the runtime. */
export class Primitives extends Context.Service<
  Primitives,
  {
    readonly random: RandomBytes
    readonly hash: (name: HashName) => Hash
    /** Imports a copy of `octets`; the caller wipes its own. */
    readonly importKey: (octets: Uint8Array) => SecretKey
  }
>()("@oma/sa-policy/Primitives") {}
