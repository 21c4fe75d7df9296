/**
 * The cipher suites that matter here, under OpenSSL's name, the IANA name and the two octets `yyzz` that a Ua security
 * protocol identifier carries, with what each of them gives.
 *
 * The table is the IANA registry's, as `openssl ciphers -V -stdname` prints it. It is wider than any profile: a suite that
 * no profile offers can still be named in a log or a key derivation.
 *
 * @spec TS 33.220 Annex H.3 (identifiers); RFC 4279, 5487, 5489, 8442, 8446 (suites)
 * @layer codec
 */
import type { Level as Levels } from "@oma/sa-policy"

type Level = Levels.Level

/** How the keys of a connection come about. `any` stands for TLS 1.3, where the suite does not say it. */
export type KeyExchange = "PSK" | "DHE-PSK" | "ECDHE-PSK" | "RSA-PSK" | "ECDHE" | "DHE" | "RSA" | "any"

/** `forbidden` is never offered, `old` only by an explicit option. */
export type Standing = "current" | "old" | "forbidden"

export interface CipherSuite {
  readonly openssl: string
  readonly iana: string
  /** The two octets of the registry as a number; 0x00a8 is `00 a8`. */
  readonly code: number
  readonly keyExchange: KeyExchange
  /** What the records have: integrity always, confidentiality unless the cipher is NULL. */
  readonly level: Level
  /** Whether recorded traffic stays closed when the long-term key becomes known; TLS 1.3 is counted as here configured. */
  readonly forwardSecret: boolean
  readonly standing: Standing
}

const integrityOnly: Level = 1
const full: Level = 3

const row = (
  code: number,
  openssl: string,
  iana: string,
  keyExchange: KeyExchange,
  standing: Standing,
  level: Level = full
): CipherSuite => ({
  openssl,
  iana,
  code,
  keyExchange,
  level,
  forwardSecret: keyExchange === "any" || keyExchange.includes("DHE"),
  standing
})

/** Every suite that is known here. */
export const cipherSuites: ReadonlyArray<CipherSuite> = [
  row(0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", "any", "current"),
  row(0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", "any", "current"),
  row(0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "any", "current"),

  row(0xccac, "ECDHE-PSK-CHACHA20-POLY1305", "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-PSK", "current"),
  row(0xc037, "ECDHE-PSK-AES128-CBC-SHA256", "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", "ECDHE-PSK", "current"),
  row(0xc038, "ECDHE-PSK-AES256-CBC-SHA384", "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", "ECDHE-PSK", "current"),
  row(0xc035, "ECDHE-PSK-AES128-CBC-SHA", "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", "ECDHE-PSK", "old"),
  row(0xc036, "ECDHE-PSK-AES256-CBC-SHA", "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", "ECDHE-PSK", "old"),
  row(0x00aa, "DHE-PSK-AES128-GCM-SHA256", "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", "DHE-PSK", "current"),
  row(0x00ab, "DHE-PSK-AES256-GCM-SHA384", "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", "DHE-PSK", "current"),
  row(0xccad, "DHE-PSK-CHACHA20-POLY1305", "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "DHE-PSK", "current"),
  row(0x00b2, "DHE-PSK-AES128-CBC-SHA256", "TLS_DHE_PSK_WITH_AES_128_CBC_SHA256", "DHE-PSK", "old"),
  row(0x0090, "DHE-PSK-AES128-CBC-SHA", "TLS_DHE_PSK_WITH_AES_128_CBC_SHA", "DHE-PSK", "old"),
  row(0x0091, "DHE-PSK-AES256-CBC-SHA", "TLS_DHE_PSK_WITH_AES_256_CBC_SHA", "DHE-PSK", "old"),
  row(0x00a8, "PSK-AES128-GCM-SHA256", "TLS_PSK_WITH_AES_128_GCM_SHA256", "PSK", "current"),
  row(0x00a9, "PSK-AES256-GCM-SHA384", "TLS_PSK_WITH_AES_256_GCM_SHA384", "PSK", "current"),
  row(0xccab, "PSK-CHACHA20-POLY1305", "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", "PSK", "current"),
  row(0xc0a4, "PSK-AES128-CCM", "TLS_PSK_WITH_AES_128_CCM", "PSK", "current"),
  row(0x00ae, "PSK-AES128-CBC-SHA256", "TLS_PSK_WITH_AES_128_CBC_SHA256", "PSK", "current"),
  row(0x00af, "PSK-AES256-CBC-SHA384", "TLS_PSK_WITH_AES_256_CBC_SHA384", "PSK", "current"),
  row(0x008c, "PSK-AES128-CBC-SHA", "TLS_PSK_WITH_AES_128_CBC_SHA", "PSK", "old"),
  row(0x008d, "PSK-AES256-CBC-SHA", "TLS_PSK_WITH_AES_256_CBC_SHA", "PSK", "old"),
  row(0x00ac, "RSA-PSK-AES128-GCM-SHA256", "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", "RSA-PSK", "old"),
  row(0x00ad, "RSA-PSK-AES256-GCM-SHA384", "TLS_RSA_PSK_WITH_AES_256_GCM_SHA384", "RSA-PSK", "old"),
  row(0x0094, "RSA-PSK-AES128-CBC-SHA", "TLS_RSA_PSK_WITH_AES_128_CBC_SHA", "RSA-PSK", "old"),
  row(0x0095, "RSA-PSK-AES256-CBC-SHA", "TLS_RSA_PSK_WITH_AES_256_CBC_SHA", "RSA-PSK", "old"),

  row(0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE", "current"),
  row(0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE", "current"),
  row(0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE", "current"),
  row(0xc030, "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE", "current"),
  row(0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE", "current"),
  row(0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE", "current"),
  row(0xc009, "ECDHE-ECDSA-AES128-SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE", "old"),
  row(0xc013, "ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE", "old"),
  row(0x009e, "DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE", "old"),
  row(0x0033, "DHE-RSA-AES128-SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE", "old"),
  row(0x009c, "AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "old"),
  row(0x002f, "AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "old"),
  row(0x0035, "AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "old"),

  row(0x002c, "PSK-NULL-SHA", "TLS_PSK_WITH_NULL_SHA", "PSK", "forbidden", integrityOnly),
  row(0x00b0, "PSK-NULL-SHA256", "TLS_PSK_WITH_NULL_SHA256", "PSK", "forbidden", integrityOnly),
  row(0x003b, "NULL-SHA256", "TLS_RSA_WITH_NULL_SHA256", "RSA", "forbidden", integrityOnly),
  row(0x008b, "PSK-3DES-EDE-CBC-SHA", "TLS_PSK_WITH_3DES_EDE_CBC_SHA", "PSK", "forbidden"),
  row(0x000a, "DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "RSA", "forbidden")
]

const byName = new Map<string, CipherSuite>()
const byCode = new Map<number, CipherSuite>()
for (const suite of cipherSuites) {
  byName.set(suite.openssl, suite)
  byName.set(suite.iana, suite)
  byCode.set(suite.code, suite)
}

/** The suite of OpenSSL's or IANA's `name`, spelled exactly, or `undefined`. */
export const suiteNamed = (name: string): CipherSuite | undefined => byName.get(name)

/** The suite of the registry's `code`, or `undefined`. */
export const suiteOfCode = (code: number): CipherSuite | undefined => byCode.get(code)

/** Whether the suite of TLS 1.2 and older authenticates both ends by a pre-shared key. */
export const usesPsk = (suite: CipherSuite): boolean => suite.keyExchange.endsWith("PSK")

/** Whether the suite belongs to TLS 1.3. */
export const isTls13 = (suite: CipherSuite): boolean => suite.keyExchange === "any"

/**
 * The five octets of the Ua security protocol identifier for a connection that TLS protects: `01 00 01 yy zz` with the
 * negotiated suite, for HTTP Digest within TLS and for PSK-TLS alike; `01 00 00 00 07`, whatever the suite, where TLS 1.3
 * runs on the shared key.
 *
 * **Gotchas** The identifier is part of NAF_Id, so another suite is another Ks_NAF: derive after the suite is known.
 *
 * @spec TS 33.220 Annex H.3; TS 33.222 5.3, 5.4, 5.4.0.2
 */
export const uaSecurityProtocol = (suite: CipherSuite, by: "certificate" | "psk"): Uint8Array =>
  by === "psk" && isTls13(suite)
    ? Uint8Array.of(1, 0, 0, 0, 7)
    : Uint8Array.of(1, 0, 1, suite.code >> 8, suite.code & 0xff)
