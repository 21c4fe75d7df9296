/**
 * Which pushes a terminal takes, by the shape of the OMA Push management object: lists of trusted gateways and SMS centres,
 * each entry with an address, and an application and a content type where it is for these only.
 *
 * An address in a push is a claim: the filter keeps noise away, it proves nothing.
 *
 * @spec urn:oma:mo:oma-push:1.1, PushWL; the matching rules are our own choice
 * @layer codec
 */
import { type ApplicationId, isFor } from "./ApplicationId.ts"

/** One entry of a list; `addr` is compared as its `addrType` asks, `E164` without `+` and `FQDN` without case. */
export interface TrustedSource {
  readonly addr: string
  readonly addrType: "E164" | "IPv4" | "IPv6" | "FQDN"
  readonly appId?: ApplicationId
  readonly contentType?: string
}

/** Lists of trusted sources. An absent list trusts every source of its kind, an empty one none. */
export interface PushWhitelist {
  readonly trustedPpg?: ReadonlyArray<TrustedSource>
  readonly trustedSmsc?: ReadonlyArray<TrustedSource>
}

/** Where a push came from, and for whom it is. `ppg` is the originating address. */
export interface PushSource {
  readonly ppg?: string
  readonly smsc?: string
  readonly applicationId?: ApplicationId
  readonly media: string
}

export type FilterVerdict = "accepted" | "gateway not trusted" | "SMS centre not trusted"

const canonical = (address: string): string => address.toLowerCase().replace(/^\+/, "")

const matches = (entry: TrustedSource, address: string | undefined, source: PushSource): boolean =>
  address !== undefined &&
  canonical(entry.addr) === canonical(address) &&
  (entry.appId === undefined || isFor(entry.appId, source.applicationId, source.media)) &&
  (entry.contentType === undefined || entry.contentType.toLowerCase() === source.media)

/** Whether the lists let a push pass. */
export const judgeSource = (whitelist: PushWhitelist, source: PushSource): FilterVerdict => {
  const { trustedPpg, trustedSmsc } = whitelist
  if (trustedPpg !== undefined && !trustedPpg.some((entry) => matches(entry, source.ppg, source))) {
    return "gateway not trusted"
  }
  if (trustedSmsc !== undefined && !trustedSmsc.some((entry) => matches(entry, source.smsc, source))) {
    return "SMS centre not trusted"
  }
  return "accepted"
}
