/**
 * Sealing and opening a GPL message: pure, over primitives that hold the keys.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { input } from "../gba/Kdf.ts"
import { GplRefused, MalformedGpl } from "./GplError.ts"
import { encodeHeader, type GplDirection, type GplFrame, type GplHeader, tagLength } from "./GplMessage.ts"

/** What one direction of an association needs: HMAC-SHA-256 under Kint, AES-128 under Kenc. */
export interface GplKeys {
  readonly mac: (data: Uint8Array) => Uint8Array
  readonly cbcEncrypt: (iv: Uint8Array, blocks: Uint8Array) => Uint8Array
  readonly cbcDecrypt: (iv: Uint8Array, blocks: Uint8Array) => Uint8Array
  /** Ciphertext and tag. */
  readonly gcmSeal: (nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => Uint8Array
  readonly gcmOpen: (nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array) => Uint8Array | undefined
}

const label = { downlink: "gpl-dl", uplink: "gpl-ul" } as const

/** The function code of GPL keys: our own choice out of the private range, as the published one is not known. */
export const FC = 0xff02

const keyInput = (direction: GplDirection, kind: "enc" | "int"): Uint8Array =>
  Result.getOrElse(input(FC, [Bytes.utf8(label[direction]), Bytes.utf8(kind)]), () => new Uint8Array(0))

/**
 * The inputs S of the two keys of a direction, for HMAC-SHA-256 under the key of the association: the first 16 octets of the
 * one are Kenc, the 32 of the other Kint.
 */
export const keyInputs = (direction: GplDirection): { readonly enc: Uint8Array; readonly int: Uint8Array } => ({
  enc: keyInput(direction, "enc"),
  int: keyInput(direction, "int")
})

const ivLabel = Bytes.utf8("iv")

const numberOctets = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)

const ivOf = (mac: GplKeys["mac"], sequenceNumber: number): Uint8Array =>
  mac(Bytes.concat(ivLabel, numberOctets(sequenceNumber))).subarray(0, 16)

const nonceOf = (sequenceNumber: number): Uint8Array => Bytes.concat(new Uint8Array(8), numberOctets(sequenceNumber))

const tagOf = (mac: GplKeys["mac"], covered: Uint8Array): Uint8Array => mac(covered).subarray(0, tagLength)

const pad = (plaintext: Uint8Array): Uint8Array => {
  const count = 16 - (plaintext.length % 16)
  return Bytes.concat(plaintext, new Uint8Array(count).fill(count))
}

const unpad = (blocks: Uint8Array): Uint8Array | undefined => {
  const count = blocks[blocks.length - 1] ?? 0
  if (count < 1 || count > 16 || count > blocks.length) return undefined
  for (let i = blocks.length - count; i < blocks.length; i++) if (blocks[i] !== count) return undefined
  return blocks.subarray(0, blocks.length - count)
}

/** The whole message: header, protected body, tag. Fails as the header does. */
export const seal = (
  keys: Pick<GplKeys, "mac" | "cbcEncrypt" | "gcmSeal">,
  header: GplHeader,
  plaintext: Uint8Array
): Result.Result<Uint8Array, MalformedGpl> => {
  if (plaintext.length === 0) return Result.fail(new MalformedGpl({ at: 0, why: "nothing to protect" }))
  return Result.map(encodeHeader(header), (octets) => {
    if (header.suite === 2) {
      return Bytes.concat(octets, keys.gcmSeal(nonceOf(header.sequenceNumber), octets, plaintext))
    }
    const body = header.suite === 0 ? plaintext : keys.cbcEncrypt(ivOf(keys.mac, header.sequenceNumber), pad(plaintext))
    const covered = octets.length + body.length
    const message = new Uint8Array(covered + tagLength)
    message.set(octets)
    message.set(body, octets.length)
    message.set(tagOf(keys.mac, message.subarray(0, covered)), covered)
    return message
  })
}

/**
 * What verification leaves for opening. For suite 2 the tag and the plaintext come together, for suite 1 it is the IV; neither may be used
 * before the sequence number was accepted.
 */
export interface Verified {
  readonly plaintext?: Uint8Array
  readonly iv?: Uint8Array
}

/** Whether the tag of `frame` holds, in constant time. Suites 0 and 1 need the key of `mac` for it, suite 2 that of `gcmOpen`. */
export const verify = (
  keys: Partial<Pick<GplKeys, "mac" | "gcmOpen">>,
  frame: GplFrame
): Result.Result<Verified, GplRefused> => {
  const { mac, gcmOpen } = keys
  if (frame.suite === 2) {
    const plaintext = gcmOpen?.(nonceOf(frame.sequenceNumber), frame.header, Bytes.concat(frame.body, frame.tag))
    return plaintext === undefined
      ? Result.fail(new GplRefused({ reason: "tag", detail: "the tag of AES-GCM does not hold" }))
      : Result.succeed({ plaintext })
  }
  if (mac === undefined || !Bytes.equal(tagOf(mac, frame.covered), frame.tag)) {
    return Result.fail(new GplRefused({ reason: "tag", detail: "the HMAC does not hold" }))
  }
  return Result.succeed(frame.suite === 1 ? { iv: ivOf(mac, frame.sequenceNumber) } : { plaintext: frame.body })
}

/** The plaintext of a frame that was verified. */
export const open = (
  keys: Pick<GplKeys, "cbcDecrypt">,
  frame: GplFrame,
  { plaintext, iv }: Verified
): Result.Result<Uint8Array, GplRefused> => {
  if (plaintext !== undefined) return Result.succeed(plaintext)
  const opened = iv === undefined ? undefined : unpad(keys.cbcDecrypt(iv, frame.body))
  return opened === undefined
    ? Result.fail(
        new GplRefused({ reason: "padding", detail: "the padding under a valid tag is none: the sender is at fault" })
      )
    : Result.succeed(opened)
}
