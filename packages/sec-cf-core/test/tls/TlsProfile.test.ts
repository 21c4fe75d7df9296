import { assert, describe, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import { cipherSuites, suiteNamed, suiteOfCode, uaSecurityProtocol } from "../../src/tls/CipherSuite.ts"
import * as TlsProfile from "../../src/tls/TlsProfile.ts"

const legacy = TlsProfile.legacy({ acceptBrokenProtection: true })
const profiles = [
  TlsProfile.modern,
  TlsProfile.psk(),
  TlsProfile.psk({ oldPeers: true }),
  TlsProfile.pskOrCertificate(),
  legacy
]
const suite = (name: string) => suiteNamed(name) ?? assert.fail(`${name} is not in the table`)

describe("CipherSuite", () => {
  it("has every code and name once, found by each", () => {
    assert.strictEqual(new Set(cipherSuites.map(({ code }) => code)).size, cipherSuites.length)
    for (const one of cipherSuites) {
      assert.strictEqual(suiteNamed(one.openssl), one)
      assert.strictEqual(suiteNamed(one.iana), one)
      assert.strictEqual(suiteOfCode(one.code), one)
    }
    assert.isUndefined(suiteNamed("PSK-RC4-SHA"))
    assert.isUndefined(suiteOfCode(0))
  })
  it("gives the Ua security protocol identifier", () => {
    const id = (name: string, by: "psk" | "certificate") => Bytes.toHex(uaSecurityProtocol(suite(name), by))
    // the identifiers of TS 33.220 Annex H.3; 010001c02f is that of the Ks_NAF vectors
    assert.strictEqual(id("ECDHE-RSA-AES128-GCM-SHA256", "certificate"), "010001c02f")
    assert.strictEqual(id("PSK-AES128-CBC-SHA", "psk"), "010001008c")
    assert.strictEqual(id("TLS_AES_128_GCM_SHA256", "certificate"), "0100011301")
    assert.strictEqual(id("TLS_AES_128_GCM_SHA256", "psk"), "0100000007")
    assert.strictEqual(id("TLS_CHACHA20_POLY1305_SHA256", "psk"), "0100000007")
  })
})

describe("TlsProfile", () => {
  for (const profile of profiles) {
    it(`[SEC_CF-CONF-001] [SEC_CF-INTE-001] ${profile.name}: integrity and confidentiality, whatever suite is agreed`, () => {
      assert.strictEqual(TlsProfile.level(profile), 3)
      assert.isTrue(profile.suites.length > 0)
      for (const { standing } of profile.suites) assert.notStrictEqual(standing, "forbidden")
    })
  }
  it("is TLS 1.2 and 1.3 without old suites unless asked", () => {
    for (const profile of [TlsProfile.modern, TlsProfile.psk(), TlsProfile.pskOrCertificate()]) {
      assert.deepStrictEqual([profile.minVersion, profile.maxVersion, profile.lowered], ["TLSv1.2", "TLSv1.3", false])
      assert.isTrue(profile.suites.every(({ standing }) => standing === "current"))
      assert.deepStrictEqual(profile.warnings, [])
    }
  })
  it("warns of legacy with what it switches on", () => {
    const [warning] = legacy.warnings
    if (warning?._tag !== "LegacyProfileEnabled") assert.fail("no warning")
    assert.strictEqual(warning.minVersion, "TLSv1")
    assert.include(warning.suites, "TLS_RSA_WITH_AES_128_CBC_SHA")
  })
  it("takes other suites that are known and not forbidden", () => {
    const own = TlsProfile.withSuites(TlsProfile.psk(), ["PSK-AES128-CCM", "TLS_PSK_WITH_AES_256_GCM_SHA384"])
    if (Result.isFailure(own)) assert.fail("refused")
    assert.strictEqual(TlsProfile.cipherString(own.success), "PSK-AES128-CCM:PSK-AES256-GCM-SHA384")
    const why = (base: TlsProfile.TlsProfile, name: string) => {
      const result = TlsProfile.withSuites(base, [name])
      return Result.isFailure(result) ? result.failure.why : "accepted"
    }
    assert.strictEqual(why(TlsProfile.psk(), "PSK-NULL-SHA256"), "forbidden")
    assert.strictEqual(why(legacy, "DES-CBC3-SHA"), "forbidden")
    assert.strictEqual(why(TlsProfile.psk(), "PSK-AES128-CBC-SHA"), "old")
    assert.strictEqual(why(TlsProfile.psk({ oldPeers: true }), "PSK-AES128-CBC-SHA"), "accepted")
    assert.strictEqual(why(TlsProfile.modern, "@SECLEVEL=0"), "unknown")
  })
})

describePeer("the suite table against openssl ciphers", ["openssl"], () => {
  it("has OpenSSL's names and codes", async () => {
    const { stdout } = await run("openssl", ["ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])
    const theirs = new Map<string, string>()
    for (const line of stdout.split("\n")) {
      const [, code, iana, openssl] = /^ *(0x..,0x..) - (\S+) +- (\S+)/.exec(line) ?? []
      if (code !== undefined && iana !== undefined && openssl !== undefined) theirs.set(openssl, `${code} ${iana}`)
    }
    let compared = 0
    for (const { openssl, iana, code } of cipherSuites) {
      const line = theirs.get(openssl)
      if (line === undefined && openssl.includes("DES")) continue // not built into every OpenSSL
      const hex = code.toString(16).toUpperCase().padStart(4, "0")
      assert.strictEqual(line, `0x${hex.slice(0, 2)},0x${hex.slice(2)} ${iana}`, openssl)
      compared++
    }
    assert.isTrue(compared > 40)
  })
})
