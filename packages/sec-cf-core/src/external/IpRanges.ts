/**
 * Addresses as they are compared, and lists of ranges in CIDR notation.
 *
 * IPv4 inside IPv6 (`::ffff:192.0.2.1`, as dual-stack sockets report it) counts as the IPv4 address; zones, octal and
 * shortened forms are no addresses.
 *
 * @layer codec
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { IpRangeMalformed } from "./ExternalError.ts"

export type IpAddress = NetAddress.IpAddress

/** The longest text of an address: IPv6 with IPv4 in its last part. */
const textLimit = 45

const plain = (address: NetAddress.IpAddress): IpAddress =>
  NetAddress.isIpv6Address(address)
    ? Option.getOrElse(NetAddress.fromIpv4Mapped(address), (): IpAddress => address)
    : address

/** The address that `text` names, or `undefined`. */
export const address = (text: string): IpAddress | undefined => {
  if (text.length > textLimit) return undefined
  const parsed = NetAddress.ipFromString(text)
  return Result.isSuccess(parsed) ? plain(parsed.success) : undefined
}

/** The address of 4 or 16 octets. */
export const addressOf = (octets: Uint8Array): IpAddress | undefined =>
  octets.length === 4
    ? NetAddress.ipv4FromBytesUnsafe(octets)
    : octets.length === 16
      ? plain(NetAddress.ipv6FromBytesUnsafe(octets))
      : undefined

/** The one text form of `address`. */
export const format = (address: IpAddress): string => NetAddress.formatIp(address)

/** The text form of the network of `prefix` bits that `address` lies in, such as `2001:db8:0:1::/64`. */
export const networkOf = (address: IpAddress, prefix: number): string | undefined => {
  const octets = Uint8Array.from(
    NetAddress.isIpv4Address(address) ? NetAddress.ipv4ToOctets(address) : NetAddress.ipv6ToOctets(address)
  )
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > octets.length * 8) return undefined
  for (let bit = prefix; bit < octets.length * 8; bit++) octets[bit >> 3]! &= ~(0x80 >> (bit & 7))
  const network = octets.length === 4 ? NetAddress.ipv4FromBytesUnsafe(octets) : NetAddress.ipv6FromBytesUnsafe(octets)
  return `${NetAddress.formatIp(network)}/${prefix}`
}

export interface IpRanges {
  readonly networks: ReadonlyArray<IpNetwork.IpNetwork>
}

/**
 * The ranges of a list such as `["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]`; an address alone is a range of one. Fails where a host bit
 * is set: `10.0.0.1/8` may have meant either.
 */
export const parse = (list: ReadonlyArray<string>): Result.Result<IpRanges, IpRangeMalformed> => {
  const networks: Array<IpNetwork.IpNetwork> = []
  for (const range of list) {
    const single = address(range)
    const network =
      single === undefined
        ? IpNetwork.fromString(range)
        : Result.succeed(IpNetwork.fromAddressUnsafe(single, hostBits(single)))
    if (Result.isFailure(network)) return Result.fail(new IpRangeMalformed({ range }))
    networks.push(network.success)
  }
  return Result.succeed({ networks })
}

const hostBits = (address: IpAddress): number => (NetAddress.isIpv4Address(address) ? 32 : 128)

/** Whether `address` lies in one of the ranges. */
export const contains = ({ networks }: IpRanges, address: IpAddress): boolean =>
  networks.some((network) => IpNetwork.contains(network, address))
