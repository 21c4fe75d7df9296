/**
 * Whether the other end of a connection is a proxy whose identity headers count.
 *
 * @layer codec
 */
import type { Connection } from "@oma/sa-policy"
import * as Result from "effect/Result"
import type { IpRangeMalformed } from "./ExternalError.ts"
import * as IpRanges from "./IpRanges.ts"

/** What makes a proxy trusted; each by itself suffices. A proxy that shares a key proves itself request by request (`ProxyMac`). */
export interface TrustedProxies {
  /** Addresses of proxies in CIDR notation. */
  readonly addresses?: ReadonlyArray<string>
  /** SHA-256 over the DER form of a proxy's certificate, lower-case hexadecimal. */
  readonly certificateFingerprints?: ReadonlyArray<string>
  /** DNS names of proxies' certificates, which the transport has validated. */
  readonly certificateNames?: ReadonlyArray<string>
}

export interface ProxyTrust {
  /** By what `connection` comes from a trusted proxy; `undefined` where it does not. */
  readonly judge: (connection: Connection.Connection) => "address" | "certificate" | undefined
  readonly addresses: IpRanges.IpRanges
}

/** Compiles the lists. Fails where a range is none. */
export const make = (trusted: TrustedProxies): Result.Result<ProxyTrust, IpRangeMalformed> => {
  const fingerprints = new Set(trusted.certificateFingerprints?.map((text) => text.toLowerCase().replaceAll(":", "")))
  const names = new Set(trusted.certificateNames?.map((text) => text.toLowerCase()))
  return Result.map(IpRanges.parse(trusted.addresses ?? []), (addresses) => ({
    addresses,
    judge: ({ peer, transport }) => {
      if (transport !== "tcp") return undefined
      const { certificate } = peer
      if (certificate !== undefined) {
        if (fingerprints.has(certificate.fingerprint)) return "certificate"
        if (certificate.dnsNames.some((name) => names.has(name.toLowerCase()))) return "certificate"
      }
      const address = IpRanges.address(peer.address)
      return address !== undefined && IpRanges.contains(addresses, address) ? "address" : undefined
    }
  }))
}
