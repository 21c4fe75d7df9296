/**
 * The layout of a GPL message: `gpl-profile-1`, a profile of this project. The octet layout of TS 33.224 was not available to it, so no
 * interoperability with other implementations is claimed; a codec of the published layout can take the place of this file.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MalformedGpl } from "./GplError.ts"

/** The name under which this layout is registered. */
export const profile = "gpl-profile-1"

/** Downlink is from the NAF to the UE, uplink the other way. */
export type GplDirection = "downlink" | "uplink"

/**
 * 0: no confidentiality, HMAC-SHA-256 truncated to 128 bits. 1: AES-128-CBC and the same HMAC. 2: AES-128-GCM.
 */
export type GplSuite = 0 | 1 | 2

export const suites: ReadonlyArray<GplSuite> = [0, 1, 2]

/** What stands in front of the protected body, all of it under the tag. */
export interface GplHeader {
  readonly direction: GplDirection
  readonly suite: GplSuite
  /** 1 to 2^32 - 1. */
  readonly sequenceNumber: number
  /** How the association is named on the wire: the RAND of the GPI downlink, the P-TID uplink; 1 to 64 octets. */
  readonly saId: Uint8Array
  /** The GBA Push Info that travels with the first message; downlink only. */
  readonly gpi?: Uint8Array
}

/** A parsed message: views of the octets that it was parsed from. */
export interface GplFrame extends GplHeader {
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** Header and body: what the tag covers. */
  readonly covered: Uint8Array
  readonly tag: Uint8Array
}

/** What is protected: content, and its media type where the bearer does not tell it. */
export interface GplPayload {
  /** ASCII, at most 255 characters. */
  readonly mediaType?: string
  readonly content: Uint8Array
}

/** Octets. `message` is the longest message that is looked at unless said otherwise. */
export const limits = { message: 65_536, saId: 64, mediaType: 255, gpi: 1024 } as const

export const tagLength = 16
export const lastSequenceNumber = 0xffff_ffff

const isSuite = (value: number): value is GplSuite => value <= 2

const fail = (at: number, why: string) => Result.fail(new MalformedGpl({ at, why }))

/** The header as octets. Fails with `MalformedGpl` where a value does not fit its field. */
export const encodeHeader = (header: GplHeader): Result.Result<Uint8Array, MalformedGpl> => {
  const { direction, suite, sequenceNumber, saId, gpi } = header
  if (!Number.isInteger(sequenceNumber) || sequenceNumber < 1 || sequenceNumber > lastSequenceNumber) {
    return fail(2, "the sequence number must be 1 to 2^32 - 1")
  }
  if (saId.length < 1 || saId.length > limits.saId) return fail(6, `the SAID must have 1 to ${limits.saId} octets`)
  if (gpi !== undefined) {
    if (direction === "uplink") return fail(0, "a GPI travels downlink only")
    if (gpi.length < 17 || gpi.length > limits.gpi) return fail(7 + saId.length, "the GPI has an impossible length")
    if (!Bytes.equal(saId, gpi.subarray(1, 17))) return fail(7, "the SAID must be the RAND of the GPI")
  }
  const out = new Uint8Array(7 + saId.length + (gpi === undefined ? 0 : 2 + gpi.length))
  out[0] = 0x10 | (direction === "uplink" ? 1 : 0) | (gpi === undefined ? 0 : 2)
  out[1] = suite
  out[2] = sequenceNumber >>> 24
  out[3] = sequenceNumber >>> 16
  out[4] = sequenceNumber >>> 8
  out[5] = sequenceNumber
  out[6] = saId.length
  out.set(saId, 7)
  if (gpi !== undefined) {
    const at = 7 + saId.length
    out[at] = gpi.length >> 8
    out[at + 1] = gpi.length
    out.set(gpi, at + 2)
  }
  return Result.succeed(out)
}

/**
 * The parts of a message; nothing is verified yet. Fails with `MalformedGpl` for another version, reserved bits, a length that does not
 * come out, a suite that does not exist, or more octets than `longest`.
 */
export const parse = (octets: Uint8Array, longest: number = limits.message): Result.Result<GplFrame, MalformedGpl> => {
  if (octets.length > longest) return fail(longest, `longer than ${longest} octets`)
  if (octets.length < 7) return fail(octets.length, "ends within the header")
  const first = octets[0]!
  if (first >> 4 !== 1) return fail(0, `version ${first >> 4} is not known`)
  if ((first & 0x0c) !== 0) return fail(0, "reserved bits are set")
  const suite = octets[1]!
  if (!isSuite(suite)) return fail(1, `cipher suite ${suite} is not known`)
  const direction: GplDirection = (first & 1) === 1 ? "uplink" : "downlink"
  const sequenceNumber = ((octets[2]! << 24) | (octets[3]! << 16) | (octets[4]! << 8) | octets[5]!) >>> 0
  if (sequenceNumber === 0) return fail(2, "sequence numbers start at 1")
  const length = octets[6]!
  if (length < 1 || length > limits.saId) return fail(6, `the SAID must have 1 to ${limits.saId} octets`)
  let at = 7 + length
  if (octets.length < at) return fail(octets.length, "ends within the SAID")
  const saId = octets.subarray(7, at)
  let gpi: Uint8Array | undefined
  if ((first & 2) !== 0) {
    if (direction === "uplink") return fail(0, "a GPI travels downlink only")
    if (octets.length < at + 2) return fail(octets.length, "ends within the length of the GPI")
    const gpiLength = (octets[at]! << 8) | octets[at + 1]!
    if (gpiLength < 17 || gpiLength > limits.gpi) return fail(at, "the GPI has an impossible length")
    at += 2 + gpiLength
    if (octets.length < at) return fail(octets.length, "ends within the GPI")
    gpi = octets.subarray(at - gpiLength, at)
    if (!Bytes.equal(saId, gpi.subarray(1, 17))) return fail(7, "the SAID is not the RAND of the GPI")
  }
  const bodyEnd = octets.length - tagLength
  if (bodyEnd < at) return fail(octets.length, "ends within the tag")
  const bodyLength = bodyEnd - at
  if (suite === 1 ? bodyLength === 0 || bodyLength % 16 !== 0 : bodyLength === 0) {
    return fail(at, "the body has an impossible length")
  }
  return Result.succeed({
    direction,
    suite,
    sequenceNumber,
    saId,
    ...(gpi === undefined ? {} : { gpi }),
    header: octets.subarray(0, at),
    body: octets.subarray(at, bodyEnd),
    covered: octets.subarray(0, bodyEnd),
    tag: octets.subarray(bodyEnd)
  })
}

/** The octets that are protected. Fails where the media type is not 1 to 255 ASCII characters. */
export const encodePayload = ({ mediaType, content }: GplPayload): Result.Result<Uint8Array, MalformedGpl> => {
  if (mediaType === undefined) return Result.succeed(Bytes.concat(Uint8Array.of(0), content))
  if (!/^[\x20-\x7e]{1,255}$/.test(mediaType)) return fail(1, "a media type has 1 to 255 ASCII characters")
  return Result.succeed(Bytes.concat(Uint8Array.of(1, mediaType.length), Bytes.utf8(mediaType), content))
}

/** The payload of an opened message; its content is a view. */
export const decodePayload = (octets: Uint8Array): Result.Result<GplPayload, MalformedGpl> => {
  const type = octets[0]
  if (type === 0) return Result.succeed({ content: octets.subarray(1) })
  if (type !== 1) return fail(0, "the payload type is not known")
  const end = 2 + (octets[1] ?? 0)
  if (octets.length < 2 || end > octets.length) return fail(1, "ends within the media type")
  let mediaType = ""
  for (let i = 2; i < end; i++) {
    const octet = octets[i]!
    if (octet < 0x20 || octet > 0x7e) return fail(i, "a media type is ASCII")
    mediaType += String.fromCharCode(octet)
  }
  if (mediaType === "") return fail(1, "the media type is empty")
  return Result.succeed({ mediaType, content: octets.subarray(end) })
}
