/**
 * NAF_Id: the name of an application server together with the protocol spoken on Ua. Each protocol has a key of its own.
 *
 * @layer codec
 * @spec TS 33.220 Annex H; OMNA (Open Mobile Alliance identifiers)
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import * as Fqdn from "./Fqdn.ts"
import { MalformedGba } from "./GbaError.ts"

/** A Ua security protocol identifier: five octets, as ten lower-case hexadecimal digits. */
export type UaProtocol = string & { readonly UaProtocol: unique symbol }

/** The application server and the protocol for which a key is made. */
export interface NafId {
  readonly fqdn: Fqdn.Fqdn
  readonly ua: UaProtocol
}

const named = (digits: string): UaProtocol => digits as UaProtocol

/** The identifiers without parameters. */
export const protocols = {
  /** Nothing agreed: all zero. @spec TS 33.220 H.2 */
  unspecified: named("0000000000"),
  /** Subscriber certificates, TS 33.221. @spec TS 33.220 H.3 */
  subscriberCertificates: named("0100000000"),
  /** MBMS, TS 33.246, and OMA BCAST 1.0. @spec TS 33.220 H.3; OMNA */
  mbms: named("0100000001"),
  /** HTTP Digest without TLS, TS 24.109. @spec TS 33.220 H.3 */
  httpDigest: named("0100000002"),
  /** MBMS over HTTP, TS 26.237. @spec TS 33.220 H.3 */
  mbmsHttp: named("0100000003"),
  /** MBMS over SIP, TS 26.237. @spec TS 33.220 H.3 */
  mbmsSip: named("0100000004"),
  /** Generic Push Layer, TS 33.224. @spec TS 33.220 H.3 */
  gpl: named("0100000005"),
  /** IMS media plane key management, TS 33.328. @spec TS 33.220 H.3 */
  imsKms: named("0100000006"),
  /** TLS 1.3 with an external pre-shared key, TS 33.222 5.4.0.2; the same for every suite. @spec TS 33.220 H.3 */
  tls13Psk: named("0100000007"),
  /** The derivation of a TMPI, with the bootstrapping server in place of a NAF. @spec TS 33.220 H.3 */
  tmpi: named("0100000100"),
  /** OMA SUPL, ULP 2.0. @spec OMNA */
  omaSupl: named("0300000001"),
  /** OMA LOCSIP 1.0. @spec OMNA */
  omaLocsip: named("0300000002"),
  /** SIP Digest of OMA SEC_CF 1.1. @spec OMNA */
  omaSecCfSipDigest: named("0300000003")
} as const

/** Two octets of the TLS registry as four digits; a number outside 0 to 65,535 is taken modulo 2^16. */
const suite = (code: number): string => (code & 0xffff).toString(16).padStart(4, "0")

/**
 * HTTP Digest inside TLS (TS 33.222 5.3) or PSK-TLS before TLS 1.3 (5.4): 01 00 01 yy zz, where yyzz is the suite negotiated
 * on this very connection.
 *
 * @spec TS 33.220 H.3
 */
export const overTls = (cipherSuite: number): UaProtocol => named(`010001${suite(cipherSuite)}`)

/** The browser variant, TS 33.222 Annex D: 01 00 02 yy zz. Known from a public implementation (Android). */
export const inBrowser = (cipherSuite: number): UaProtocol => named(`010002${suite(cipherSuite)}`)

/** The versioned scheme of the Open Mobile Alliance: 03 00 01 yy zz. @spec OMNA */
export const omaOverTls = (cipherSuite: number): UaProtocol => named(`030001${suite(cipherSuite)}`)

const malformed = (what: string, why: string) => Result.fail(new MalformedGba({ what, why, clause: "TS 33.220 H.2" }))

/**
 * `digits` as an identifier: ten hexadecimal digits of either case. The organisation 00 has the all-zero identifier only.
 *
 * **Fails** with `MalformedGba` for anything else.
 */
export const parseProtocol = (digits: string): Result.Result<UaProtocol, MalformedGba> => {
  const lower = digits.toLowerCase()
  if (!/^[0-9a-f]{10}$/.test(lower))
    return malformed("Ua security protocol identifier", "ten hexadecimal digits are needed")
  return lower.startsWith("00") && lower !== protocols.unspecified
    ? malformed("Ua security protocol identifier", "the organisation 00 has the all-zero identifier only")
    : Result.succeed(named(lower))
}

/** The NAF_Id of `fqdn` and `ua`. Fails with `MalformedGba` if `fqdn` is no domain name. */
export const make = (fqdn: string, ua: UaProtocol): Result.Result<NafId, MalformedGba> =>
  Result.map(Fqdn.parse(fqdn), (name) => ({ fqdn: name, ua }))

/** The octets that go into keys: the name in UTF-8 and the five octets of the identifier. @spec TS 33.220 B.3 */
export const encode = ({ fqdn, ua }: NafId): Uint8Array => {
  const out = new Uint8Array(fqdn.length + 5)
  // an Fqdn is US-ASCII
  for (let i = 0; i < fqdn.length; i++) out[i] = fqdn.charCodeAt(i)
  for (let i = 0; i < 5; i++) out[fqdn.length + i] = Number.parseInt(ua.slice(2 * i, 2 * i + 2), 16)
  return out
}

/**
 * The NAF_Id in `octets`, as it stands in the Diameter AVP NAF-Id.
 *
 * **Fails** with `MalformedGba` for fewer than six octets, a name that is none, or an identifier of organisation 00.
 */
export const decode = (octets: Uint8Array): Result.Result<NafId, MalformedGba> => {
  if (octets.length < 6) return malformed("NAF_Id", "a name and five octets are needed")
  if (octets.length > 258) return malformed("NAF_Id", "more than 258 octets")
  const name = Bytes.utf8Decode(octets.subarray(0, -5))
  if (name === undefined) return malformed("NAF_Id", "the name is not UTF-8")
  return Result.flatMap(parseProtocol(Bytes.toHex(octets.subarray(-5))), (ua) => make(name, ua))
}

/** Whether two NAF_Ids name the same server and protocol. */
export const equals = (a: NafId, b: NafId): boolean => a.fqdn === b.fqdn && a.ua === b.ua
