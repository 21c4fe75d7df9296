/**
 * The RADIUS attributes that external authentication reads or writes, and the forms of their values.
 *
 * @layer codec
 * @spec RFC 2865 section 5, RFC 2866 section 5, RFC 2869 section 5, RFC 3162 section 2, TS 29.061 section 16.4.7
 */
import { Bytes } from "@oma/sa-policy/bytes"

/** The numbers of attribute types. */
export const types = {
  userName: 1,
  userPassword: 2,
  chapPassword: 3,
  nasIpAddress: 4,
  framedIpAddress: 8,
  replyMessage: 18,
  state: 24,
  vendorSpecific: 26,
  calledStationId: 30,
  callingStationId: 31,
  nasIdentifier: 32,
  proxyState: 33,
  acctStatusType: 40,
  acctDelayTime: 41,
  acctSessionId: 44,
  eventTimestamp: 55,
  chapChallenge: 60,
  messageAuthenticator: 80,
  nasIpv6Address: 95,
  framedIpv6Prefix: 97
} as const

/** The vendor number of 3GPP. */
export const vendor3gpp = 10415

/** The sub-attributes of 3GPP. */
export const types3gpp = { imsi: 1, imsiMccMnc: 8, ggsnMccMnc: 9 } as const

export interface RadiusAttribute {
  /** 1 to 255. */
  readonly type: number
  /** At most 253 octets. */
  readonly value: Uint8Array
}

export const make = (type: number, value: Uint8Array): RadiusAttribute => ({ type, value })

/** An attribute whose value is the UTF-8 form of `text`. */
export const text = (type: number, value: string): RadiusAttribute => ({ type, value: Bytes.utf8(value) })

/** An attribute whose value is an unsigned number of four octets. */
export const integer = (type: number, value: number): RadiusAttribute => ({
  type,
  value: Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
})

/** A vendor-specific attribute with one sub-attribute. */
export const vendor = (vendor: number, type: number, value: Uint8Array): RadiusAttribute => ({
  type: types.vendorSpecific,
  value: Bytes.concat(integer(0, vendor).value, Uint8Array.of(type, value.length + 2), value)
})

/** The value of the attribute `type` where it stands exactly once. */
export const single = (attributes: ReadonlyArray<RadiusAttribute>, type: number): Uint8Array | undefined => {
  let found: Uint8Array | undefined
  for (const attribute of attributes) {
    if (attribute.type !== type) continue
    if (found !== undefined) return undefined
    found = attribute.value
  }
  return found
}

/** How often `type` stands. */
export const count = (attributes: ReadonlyArray<RadiusAttribute>, type: number): number => {
  let found = 0
  for (const attribute of attributes) if (attribute.type === type) found++
  return found
}

const printable = /^[^\p{Cc}\p{Cs}\p{Co}\p{Cn}]+$/u

/** The text of a value: UTF-8 without control characters; `undefined` for anything else, an empty value included. */
export const textOf = (value: Uint8Array | undefined): string | undefined => {
  const text = value === undefined ? undefined : Bytes.utf8Decode(value)
  return text !== undefined && printable.test(text) ? text : undefined
}

/** The number of a value of four octets. */
export const integerOf = (value: Uint8Array | undefined): number | undefined =>
  value === undefined || value.length !== 4
    ? undefined
    : value[0]! * 0x1000000 + ((value[1]! << 16) | (value[2]! << 8) | value[3]!)

/**
 * The value of the sub-attribute `type` of `vendor` where it stands exactly once. Vendor-specific attributes of another vendor, and
 * those whose inner lengths do not fit, are passed over: their layout is the vendor's own affair (RFC 2865 section 5.26).
 */
export const vendorValueOf = (
  attributes: ReadonlyArray<RadiusAttribute>,
  vendor: number,
  type: number
): Uint8Array | undefined => {
  let found: Uint8Array | undefined
  for (const attribute of attributes) {
    const { value } = attribute
    if (attribute.type !== types.vendorSpecific || integerOf(value.subarray(0, 4)) !== vendor) continue
    for (let at = 4; at + 2 <= value.length; ) {
      const length = value[at + 1]!
      if (length < 2 || at + length > value.length) break
      if (value[at] === type) {
        if (found !== undefined) return undefined
        found = value.subarray(at + 2, at + length)
      }
      at += length
    }
  }
  return found
}
