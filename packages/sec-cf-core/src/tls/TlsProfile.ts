/**
 * TLS profiles: which versions and suites an endpoint offers, in which order.
 *
 * SEC_CF 1.0 named TLS 1.0 and 1.1 with `TLS_RSA_WITH_AES_128_CBC_SHA` mandatory. Those are broken or forbidden today
 * (RFC 8996, RFC 9325), so the default here is newer by our own choice, and the old set stands behind `legacy`.
 *
 * @spec OMA SEC_CF TLS profile (from memory of the published architecture); TS 33.222 5.4
 * @layer codec
 */
import type { Level } from "@oma/sa-policy"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { type CipherSuite, isTls13, suiteNamed, usesPsk } from "./CipherSuite.ts"
import { TlsEvent } from "./TlsEvent.ts"

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/** The versions, weakest first. */
export const tlsVersions: ReadonlyArray<TlsVersion> = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

export interface TlsProfile {
  readonly name: string
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** In order of preference; suites with a pre-shared key stand before those with certificates. */
  readonly suites: ReadonlyArray<CipherSuite>
  /** OpenSSL's security level is lowered to 0. */
  readonly lowered: boolean
  /** What the operator must be told when the profile is put to use. */
  readonly warnings: ReadonlyArray<TlsEvent>
}

const suites = (...names: ReadonlyArray<string>): ReadonlyArray<CipherSuite> =>
  names.flatMap((name) => suiteNamed(name) ?? [])

const certificateSuites = suites(
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305"
)

// TLS 1.3 here takes an external key with SHA-256 suites only: OpenSSL ignores the key under another hash
const pskSuites13 = suites("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
const pskSuites12 = suites(
  "ECDHE-PSK-CHACHA20-POLY1305",
  "ECDHE-PSK-AES128-CBC-SHA256",
  "DHE-PSK-AES128-GCM-SHA256",
  "PSK-AES128-GCM-SHA256",
  "PSK-AES128-CBC-SHA256"
)
const oldPskSuites = suites("DHE-PSK-AES128-CBC-SHA", "PSK-AES128-CBC-SHA")
const oldCertificateSuites = suites(
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "DHE-RSA-AES128-SHA",
  "AES128-SHA"
)

/** TLS 1.3 and suites with a key before the others, else in the order given. */
const keyFirst = (all: ReadonlyArray<CipherSuite>): ReadonlyArray<CipherSuite> => {
  const first = (suite: CipherSuite) => isTls13(suite) || usesPsk(suite)
  return [...all.filter(first), ...all.filter((suite) => !first(suite))]
}

/** TLS 1.2 and 1.3 with certificates: ECDHE with AES-GCM or ChaCha20-Poly1305. */
export const modern: TlsProfile = {
  name: "modern",
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
  suites: certificateSuites,
  lowered: false,
  warnings: []
}

/**
 * TLS 1.2 and 1.3 with a pre-shared key and no certificates. Suites with forward secrecy come first. `oldPeers` adds
 * `TLS_DHE_PSK_WITH_AES_128_CBC_SHA` (0090) and `TLS_PSK_WITH_AES_128_CBC_SHA` (008c), which the first releases of
 * TS 33.222 name, at the end.
 *
 * @spec TS 33.222 5.4; RFC 4279, 5487, 5489, 8442; RFC 8446 4.2.11
 */
export const psk = (options?: { readonly oldPeers?: boolean; readonly maxVersion?: "TLSv1.2" }): TlsProfile => ({
  name: options?.oldPeers === true ? "psk with old peers" : "psk",
  minVersion: "TLSv1.2",
  maxVersion: options?.maxVersion ?? "TLSv1.3",
  suites: [...pskSuites13, ...pskSuites12, ...(options?.oldPeers === true ? oldPskSuites : [])],
  lowered: false,
  warnings: []
})

/**
 * One server for both kinds of client: a pre-shared key where the client has one, else certificates. TLS 1.3 keeps to
 * SHA-256 suites, so that a client's key is never passed over for its hash.
 */
export const pskOrCertificate = (options?: { readonly oldPeers?: boolean }): TlsProfile => ({
  ...psk(options),
  name: "psk or certificate",
  suites: [...psk(options).suites, ...certificateSuites.filter((suite) => !isTls13(suite))]
})

/**
 * The suites and versions of SEC_CF 1.0's time: TLS 1.0 and later, RSA key transport and CBC with SHA-1 included. The
 * argument must be given in so many words, and the profile carries a warning that servers and clients pass on as an event.
 *
 * **Gotchas** NULL, RC4 and 3DES, which that time allowed as well, are not in it and cannot be had.
 */
export const legacy = (options: { readonly acceptBrokenProtection: true }): TlsProfile => {
  if (!options.acceptBrokenProtection) return modern // callers without types
  const minVersion = "TLSv1"
  const offered = keyFirst([...pskOrCertificate().suites, ...oldPskSuites, ...oldCertificateSuites])
  return {
    name: "legacy",
    minVersion,
    maxVersion: "TLSv1.3",
    suites: offered,
    lowered: true,
    warnings: [TlsEvent.LegacyProfileEnabled({ minVersion, suites: offered.map((suite) => suite.iana) })]
  }
}

/** The name of a suite that is not known here, or that no profile may offer (NULL, 3DES). */
export class SuiteRefused extends Data.TaggedError("SuiteRefused")<{
  readonly suite: string
  readonly why: "unknown" | "forbidden" | "old"
}> {}

/**
 * `base` with other suites, named by OpenSSL or IANA name in order of preference. Fails with `SuiteRefused` for a suite that
 * is unknown or forbidden, and for an `old` one unless `base` is `legacy` or has old suites already.
 */
export const withSuites = (base: TlsProfile, names: ReadonlyArray<string>): Result.Result<TlsProfile, SuiteRefused> => {
  const chosen: Array<CipherSuite> = []
  const old = base.suites.some((suite) => suite.standing === "old")
  for (const name of names) {
    const suite = suiteNamed(name)
    if (suite === undefined) return Result.fail(new SuiteRefused({ suite: name, why: "unknown" }))
    if (suite.standing === "forbidden" || (suite.standing === "old" && !old)) {
      return Result.fail(new SuiteRefused({ suite: name, why: suite.standing }))
    }
    chosen.push(suite)
  }
  return Result.succeed({ ...base, name: `${base.name}, own suites`, suites: keyFirst(chosen) })
}

/** What every connection under the profile has at least: the meet of its suites. An empty profile connects to nobody. */
export const level = (profile: TlsProfile): Level.Level =>
  profile.suites.reduce<Level.Level>((least, suite) => (least & suite.level) as Level.Level, 3)

/** Whether a pre-shared key can be used under the profile in TLS 1.2 or older. */
export const offersPsk = (profile: TlsProfile): boolean => profile.suites.some(usesPsk)

/** The profile as the `ciphers` string of OpenSSL. */
export const cipherString = (profile: TlsProfile): string =>
  [...profile.suites.map((suite) => suite.openssl), ...(profile.lowered ? ["@SECLEVEL=0"] : [])].join(":")
