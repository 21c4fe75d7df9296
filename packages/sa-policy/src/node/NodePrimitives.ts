/**
 * `Primitives` on `node:crypto`, with kept `KeyObject`s: handing Node the octets of a key for each call costs seven times more.
 *
 * @layer binding
 */
import * as NodeCrypto from "node:crypto"
import * as Layer from "effect/Layer"
import { wipe } from "../bytes/Bytes.ts"
import type { Hash, Hmac } from "../bytes/Primitive.ts"
import { type HashName, Primitives, type SecretKey } from "../Primitives.ts"

const nodeName: Record<HashName, string> = {
  md5: "md5",
  sha1: "sha1",
  sha256: "sha256",
  "sha512-256": "sha512-256",
  sha512: "sha512"
}

const view = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

const makeHash =
  (name: HashName): Hash =>
  (data) =>
    view(NodeCrypto.hash(nodeName[name], data, "buffer"))

const hashes: Record<HashName, Hash> = {
  md5: makeHash("md5"),
  sha1: makeHash("sha1"),
  sha256: makeHash("sha256"),
  "sha512-256": makeHash("sha512-256"),
  sha512: makeHash("sha512")
}

/** The one-shot hash of Node for `name`. */
export const hash = (name: HashName): Hash => hashes[name]

/** HMAC over key octets. For keys that are used more than once take a `SecretKey`. */
export const hmac =
  (name: HashName): Hmac =>
  (key, data) =>
    view(NodeCrypto.createHmac(nodeName[name], key).update(data).digest())

/** `length` octets of the system's generator. */
export const random = (length: number): Uint8Array => view(NodeCrypto.randomBytes(length))

const tagLength = 16

class NodeSecretKey implements SecretKey {
  readonly length: number
  #key: NodeCrypto.KeyObject | undefined

  constructor(octets: Uint8Array) {
    this.#key = NodeCrypto.createSecretKey(octets)
    this.length = octets.length
  }

  get #object(): NodeCrypto.KeyObject {
    if (this.#key === undefined) throw new Error("a disposed key was used")
    return this.#key
  }

  #aes(mode: "ecb" | "cbc" | "gcm"): string {
    return `aes-${this.length * 8}-${mode}`
  }

  hmac = (name: HashName, data: Uint8Array): Uint8Array =>
    view(NodeCrypto.createHmac(nodeName[name], this.#object).update(data).digest())

  aesBlocks = (blocks: Uint8Array): Uint8Array => {
    const cipher = NodeCrypto.createCipheriv(this.#aes("ecb"), this.#object, null)
    cipher.setAutoPadding(false)
    return view(cipher.update(blocks))
  }

  aesCbcEncrypt = (iv: Uint8Array, blocks: Uint8Array): Uint8Array => {
    const cipher = NodeCrypto.createCipheriv(this.#aes("cbc"), this.#object, iv)
    cipher.setAutoPadding(false)
    return view(cipher.update(blocks))
  }

  aesCbcDecrypt = (iv: Uint8Array, blocks: Uint8Array): Uint8Array => {
    const decipher = NodeCrypto.createDecipheriv(this.#aes("cbc"), this.#object, iv)
    decipher.setAutoPadding(false)
    return view(decipher.update(blocks))
  }

  aesGcmSeal = (iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array => {
    const cipher = NodeCrypto.createCipheriv(this.#aes("gcm") as "aes-256-gcm", this.#object, iv)
    cipher.setAAD(aad)
    const body = cipher.update(plaintext)
    cipher.final()
    return view(Buffer.concat([body, cipher.getAuthTag()]))
  }

  aesGcmOpen = (iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined => {
    if (sealed.length < tagLength) return undefined
    const at = sealed.length - tagLength
    const decipher = NodeCrypto.createDecipheriv(this.#aes("gcm") as "aes-256-gcm", this.#object, iv, {
      authTagLength: tagLength
    })
    decipher.setAAD(aad)
    decipher.setAuthTag(sealed.subarray(at))
    const plaintext = view(decipher.update(sealed.subarray(0, at)))
    try {
      decipher.final()
      return plaintext
    } catch {
      wipe(plaintext)
      return undefined
    }
  }

  lend = <A>(use: (octets: Uint8Array) => A): A => {
    const octets = this.#object.export()
    try {
      return use(octets)
    } finally {
      octets.fill(0)
    }
  }

  dispose = (): void => {
    this.#key = undefined
  }

  toString(): string {
    return "<secret key>"
  }

  toJSON(): string {
    return "<secret key>"
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "<secret key>"
  }
}

/** A key from `octets`, which the caller wipes. */
export const importKey = (octets: Uint8Array): SecretKey => new NodeSecretKey(octets)

/** `Primitives` of Node. */
export const layer: Layer.Layer<Primitives> = Layer.succeed(Primitives, { random, hash, importKey })
