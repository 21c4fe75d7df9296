/**
 * What an Accounting-Request says of a session, out of its attributes.
 *
 * @layer codec
 * @spec RFC 2866 section 5, RFC 2869 section 5.3, RFC 3162, TS 29.061 section 16.4
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { RadiusMalformed } from "./ExternalError.ts"
import * as IpRanges from "./IpRanges.ts"
import * as Attribute from "./RadiusAttribute.ts"
import { types } from "./RadiusAttribute.ts"
import * as Subscriber from "./Subscriber.ts"

export type AccountingStatus = "Start" | "Stop" | "Interim-Update" | "Accounting-On" | "Accounting-Off"

const statuses: Readonly<Record<number, AccountingStatus>> = {
  1: "Start",
  2: "Stop",
  3: "Interim-Update",
  7: "Accounting-On",
  8: "Accounting-Off"
}

export interface AccountingRecord {
  readonly status: AccountingStatus
  /** The names under which the NAS speaks of itself; empty where it gives none. */
  readonly nas: ReadonlyArray<string>
  /** Hexadecimal; empty for Accounting-On and Accounting-Off. */
  readonly sessionId: string
  /** The address that the session has, and its IPv6 network. */
  readonly addresses: ReadonlyArray<{ readonly address: IpRanges.IpAddress; readonly prefix: number }>
  /** MSISDN first, then IMSI, then user name. */
  readonly names: ReadonlyArray<Subscriber.SubscriberName>
  /** The access point or number that was called. */
  readonly calledStation?: string
  /** Country and network of the subscriber, and of the gateway: five or six digits. */
  readonly imsiMccMnc?: string
  readonly ggsnMccMnc?: string
  /** Seconds since 1970 as the NAS says. */
  readonly eventTimestamp?: number
  /** Seconds for which the NAS has tried to deliver this. */
  readonly delay: number
}

const malformed = (why: string, clause: string) => Result.fail(new RadiusMalformed({ why, clause, offset: 0 }))

/**
 * The record of the attributes of an Accounting-Request; `undefined` for a status that says nothing about an address, such as the
 * tunnel statuses of RFC 2867. Fails where an attribute that decides stands twice or is not in its form.
 */
export const decode = (
  attributes: ReadonlyArray<Attribute.RadiusAttribute>
): Result.Result<AccountingRecord | undefined, RadiusMalformed> => {
  for (const type of onceOnly) {
    if (Attribute.count(attributes, type) > 1)
      return malformed(`attribute ${type} stands twice`, "RFC 2866 section 5.13")
  }
  const value = (type: number) => Attribute.single(attributes, type)
  const code = Attribute.integerOf(value(types.acctStatusType))
  if (code === undefined) return malformed("no Acct-Status-Type", "RFC 2866 section 5.1")
  const status = statuses[code]
  if (status === undefined) return Result.succeed(undefined)

  const addresses: Array<{ address: IpRanges.IpAddress; prefix: number }> = []
  const framed = value(types.framedIpAddress)
  if (framed !== undefined) {
    const address = framed.length === 4 ? IpRanges.addressOf(framed) : undefined
    if (address === undefined) return malformed("Framed-IP-Address is no address", "RFC 2865 section 5.8")
    addresses.push({ address, prefix: 32 })
  }
  const prefix = value(types.framedIpv6Prefix)
  if (prefix !== undefined) {
    const network = ipv6Prefix(prefix)
    if (network === undefined) return malformed("Framed-IPv6-Prefix is no prefix", "RFC 3162 section 2.3")
    addresses.push(network)
  }

  const nas: Array<string> = []
  const identifier = Attribute.textOf(value(types.nasIdentifier))
  if (identifier !== undefined) nas.push(`id:${identifier}`)
  for (const [type, length] of [
    [types.nasIpAddress, 4],
    [types.nasIpv6Address, 16]
  ] as const) {
    const octets = value(type)
    if (octets === undefined) continue
    const address = octets.length === length ? IpRanges.addressOf(octets) : undefined
    if (address === undefined) return malformed("NAS address is no address", "RFC 2865 section 5.4")
    nas.push(`ip:${IpRanges.format(address)}`)
  }

  const ofNas = status === "Accounting-On" || status === "Accounting-Off"
  const session = value(types.acctSessionId)
  if (!ofNas && (session === undefined || session.length === 0)) {
    return malformed("no Acct-Session-Id", "RFC 2866 section 5.5")
  }

  const names: Array<Subscriber.SubscriberName> = []
  const add = (kind: string, subject: string | undefined) => {
    if (subject !== undefined) names.push({ kind, subject })
  }
  add("msisdn", Subscriber.msisdn(Attribute.textOf(value(types.callingStationId)) ?? ""))
  const imsi = Attribute.vendorValueOf(attributes, Attribute.vendor3gpp, Attribute.types3gpp.imsi)
  add("imsi", Subscriber.imsi(Attribute.textOf(imsi) ?? ""))
  add("user", Attribute.textOf(value(types.userName)))

  const delayOctets = value(types.acctDelayTime)
  const delay = delayOctets === undefined ? 0 : Attribute.integerOf(delayOctets)
  const stampOctets = value(types.eventTimestamp)
  const stamp = stampOctets === undefined ? undefined : Attribute.integerOf(stampOctets)
  if (delay === undefined || (stampOctets !== undefined && stamp === undefined)) {
    return malformed("a time of another length than 4 octets", "RFC 2869 section 5.3")
  }
  const called = Attribute.textOf(value(types.calledStationId))
  const networkBy = (type: number): string | undefined => {
    const digits = Attribute.textOf(Attribute.vendorValueOf(attributes, Attribute.vendor3gpp, type))
    return digits !== undefined && /^[0-9]{5,6}$/.test(digits) ? digits : undefined
  }
  const imsiMccMnc = networkBy(Attribute.types3gpp.imsiMccMnc)
  const ggsnMccMnc = networkBy(Attribute.types3gpp.ggsnMccMnc)
  return Result.succeed({
    status,
    nas,
    sessionId: ofNas || session === undefined ? "" : Bytes.toHex(session),
    addresses,
    names,
    ...(called === undefined ? {} : { calledStation: called }),
    ...(imsiMccMnc === undefined ? {} : { imsiMccMnc }),
    ...(ggsnMccMnc === undefined ? {} : { ggsnMccMnc }),
    ...(stamp === undefined ? {} : { eventTimestamp: stamp }),
    delay
  })
}

/** What may stand once: a second one would let two readers of one packet see two subscribers. */
const onceOnly = [
  types.acctStatusType,
  types.acctSessionId,
  types.framedIpAddress,
  types.framedIpv6Prefix,
  types.callingStationId,
  types.userName,
  types.nasIpAddress,
  types.nasIpv6Address,
  types.nasIdentifier,
  types.eventTimestamp,
  types.acctDelayTime
]

/** Reserved octet, prefix length, and as many octets of the prefix as are needed. Bits behind the prefix must be zero. */
const ipv6Prefix = (value: Uint8Array): { address: IpRanges.IpAddress; prefix: number } | undefined => {
  const prefix = value[1]
  if (value.length < 2 || value.length > 18 || prefix === undefined || prefix > 128) return undefined
  if (value.length - 2 < Math.ceil(prefix / 8)) return undefined
  const octets = new Uint8Array(16)
  octets.set(value.subarray(2))
  for (let bit = prefix; bit < 128; bit++) if ((octets[bit >> 3]! & (0x80 >> (bit & 7))) !== 0) return undefined
  const address = IpRanges.addressOf(octets)
  // IPv4 in IPv6 clothes would be compared with addresses of 32 bits
  return address === undefined || address._tag !== "Ipv6Address" ? undefined : { address, prefix }
}
