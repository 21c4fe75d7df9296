/**
 * RADIUS packets: octets to values and back.
 *
 * @layer codec
 * @spec RFC 2865 section 3
 */
import * as Result from "effect/Result"
import { RadiusMalformed } from "./ExternalError.ts"
import type { RadiusAttribute } from "./RadiusAttribute.ts"

/** The codes of packets. */
export const codes = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingRequest: 4,
  accountingResponse: 5,
  accessChallenge: 11,
  statusServer: 12
} as const

export interface RadiusPacket {
  readonly code: number
  /** 0 to 255: pairs a response with its request. */
  readonly identifier: number
  /** 16 octets. */
  readonly authenticator: Uint8Array
  /** In the order on the wire. */
  readonly attributes: ReadonlyArray<RadiusAttribute>
}

export interface RadiusLimits {
  /** Octets of a packet, of which RADIUS itself knows no more; 4,096 unless given. */
  readonly octets: number
  /** Attributes of a packet; 200 unless given. */
  readonly attributes: number
}

export const defaultRadiusLimits: RadiusLimits = { octets: 4096, attributes: 200 }

/** Octets before the first attribute. */
export const headerLength = 20

const malformed = (why: string, offset: number, clause = "RFC 2865 section 3") =>
  Result.fail(new RadiusMalformed({ why, clause, offset }))

/**
 * The packet in `octets`. Octets behind the length that the packet names are padding and are left out; a packet that is
 * shorter than it says, or an attribute that does not fit, fails with `RadiusMalformed`. Values are views of `octets`.
 */
export const decode = (
  octets: Uint8Array,
  limits: RadiusLimits = defaultRadiusLimits
): Result.Result<RadiusPacket, RadiusMalformed> => {
  if (octets.length < headerLength) return malformed("shorter than a header", octets.length)
  const length = (octets[2]! << 8) | octets[3]!
  if (length < headerLength) return malformed("length below 20", 2)
  if (length > limits.octets) return malformed(`length over ${limits.octets}`, 2)
  if (length > octets.length) return malformed("shorter than its length says", octets.length)
  const attributes: Array<RadiusAttribute> = []
  for (let at = headerLength; at < length; ) {
    if (attributes.length === limits.attributes) return malformed(`more than ${limits.attributes} attributes`, at)
    const type = octets[at]!
    const size = at + 1 < length ? octets[at + 1]! : 0
    if (size < 2 || at + size > length) return malformed("attribute does not fit", at, "RFC 2865 section 5")
    if (type === 0) return malformed("attribute type 0 is not assigned", at, "RFC 2865 section 5")
    attributes.push({ type, value: octets.subarray(at + 2, at + size) })
    at += size
  }
  return Result.succeed({ code: octets[0]!, identifier: octets[1]!, authenticator: octets.subarray(4, 20), attributes })
}

const isOctet = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 255

/** The octets of `packet`; fails where a number or length has no place on the wire. */
export const encode = (
  packet: RadiusPacket,
  limits: RadiusLimits = defaultRadiusLimits
): Result.Result<Uint8Array, RadiusMalformed> => {
  const { code, identifier, authenticator, attributes } = packet
  if (!isOctet(code) || !isOctet(identifier)) return malformed("code or identifier is no octet", 0)
  if (authenticator.length !== 16) return malformed("authenticator must have 16 octets", 4)
  if (attributes.length > limits.attributes) return malformed(`more than ${limits.attributes} attributes`, headerLength)
  let length = headerLength
  for (const { type, value } of attributes) {
    if (!isOctet(type) || type === 0) return malformed("attribute type must be 1 to 255", length, "RFC 2865 section 5")
    if (value.length > 253) return malformed("attribute value over 253 octets", length, "RFC 2865 section 5")
    length += value.length + 2
  }
  if (length > limits.octets) return malformed(`length over ${limits.octets}`, 2)
  const octets = new Uint8Array(length)
  octets[0] = code
  octets[1] = identifier
  octets[2] = length >> 8
  octets[3] = length & 255
  octets.set(authenticator, 4)
  let at = headerLength
  for (const { type, value } of attributes) {
    octets[at] = type
    octets[at + 1] = value.length + 2
    octets.set(value, at + 2)
    at += value.length + 2
  }
  return Result.succeed(octets)
}
