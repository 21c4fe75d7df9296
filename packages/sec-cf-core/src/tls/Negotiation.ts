/**
 * What a server with a profile will negotiate with a client: its own order decides, as OpenSSL does under
 * `honorCipherOrder`. The answer is a forecast; the server compares it with what came about and closes on a difference.
 *
 * @layer codec
 */
import { type CipherSuite, isTls13, usesPsk } from "./CipherSuite.ts"
import type { ClientHello } from "./ClientHello.ts"
import { type TlsProfile, type TlsVersion, tlsVersions } from "./TlsProfile.ts"

export interface Negotiated {
  readonly version: TlsVersion
  /** The suite with a pre-shared key that will be used. TLS 1.3: `undefined`, keys do not depend on it there. */
  readonly suite?: CipherSuite
}

// secp256r1, secp384r1, secp521r1, x25519, x448: what OpenSSL's default list has for TLS 1.2
const curves = new Set([23, 24, 25, 29, 30])

const versionCode = (version: TlsVersion): number => 0x0301 + tlsVersions.indexOf(version)

const chooseVersion = (profile: TlsProfile, hello: ClientHello): TlsVersion | undefined => {
  const least = versionCode(profile.minVersion)
  const most = versionCode(profile.maxVersion)
  let best = -1
  if (hello.versions === undefined) best = Math.min(hello.legacyVersion, 0x0303, most)
  else for (const code of hello.versions) if (code <= most && code >= 0x0301 && code > best) best = code
  return best < least ? undefined : tlsVersions[best - 0x0301]
}

/** Version and suite for a client that has a pre-shared key, or `undefined` where there is no common ground. */
export const negotiatePsk = (profile: TlsProfile, hello: ClientHello): Negotiated | undefined => {
  const version = chooseVersion(profile, hello)
  if (version === undefined) return undefined
  const offered = new Set(hello.suites)
  if (version === "TLSv1.3") {
    return profile.suites.some((suite) => isTls13(suite) && offered.has(suite.code)) ? { version } : undefined
  }
  const curve = hello.groups === undefined || hello.groups.some((group) => curves.has(group))
  // GCM, CCM, ChaCha20 and the SHA-256 MACs need TLS 1.2
  const usable = (suite: CipherSuite) => version === "TLSv1.2" || suite.openssl.endsWith("-SHA")
  const suite = profile.suites.find(
    (candidate) =>
      usesPsk(candidate) &&
      offered.has(candidate.code) &&
      usable(candidate) &&
      (candidate.keyExchange !== "ECDHE-PSK" || curve)
  )
  return suite === undefined ? undefined : { version, suite }
}
