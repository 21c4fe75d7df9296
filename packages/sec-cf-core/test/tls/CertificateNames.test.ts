import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import {
  byAlternativeName,
  byCommonName,
  byFingerprint,
  decodeAlternativeNames
} from "../../src/tls/CertificateNames.ts"

const none = { dnsNames: [], uris: [], addresses: [] }
const numRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

describe("decodeAlternativeNames", () => {
  it("reads Node's text form", () => {
    assert.deepStrictEqual(
      decodeAlternativeNames("DNS:A.example, URI:sip:b@example.net, IP Address:127.0.0.1, email:c@d, DNS:e"),
      { dnsNames: ["a.example", "e"], uris: ["sip:b@example.net"], addresses: ["127.0.0.1"] }
    )
    assert.deepStrictEqual(decodeAlternativeNames(undefined), none)
  })
  it("never makes two names of one (CVE-2021-44532)", () => {
    // one dNSName "a.example, DNS:victim.example", as Node quotes it
    const text = 'DNS:"a.example, DNS:victim.example"'
    assert.deepStrictEqual(decodeAlternativeNames(text), { ...none, dnsNames: ["a.example, dns:victim.example"] })
    assert.deepStrictEqual(decodeAlternativeNames('DNS:"a\\", DNS:victim.example"').dnsNames.length, 1)
  })
  it("gives nothing for a text that breaks the form", () => {
    for (const text of ["DNS", 'DNS:"a', 'DNS:"a"b, DNS:c', 'DNS:"\\x"', "DNS:a, b"])
      assert.deepStrictEqual(decodeAlternativeNames(text), none, text)
  })
  it("never throws", () => {
    const piece = FastCheck.oneof(
      FastCheck.constantFrom("DNS:", "URI:", ", ", '"', "\\", "IP Address:"),
      FastCheck.string()
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(piece), (parts) => {
        decodeAlternativeNames(parts.join(""))
      }),
      { numRuns }
    )
  }, 300_000)
})

describe("identities", () => {
  const certificate = {
    subject: "O=OMA SDK\nCN=victim.example",
    dnsNames: ["dcd.example", "*.example"],
    uris: ["sip:server@example"],
    addresses: ["127.0.0.1"],
    fingerprint: "00ff",
    notAfter: 0
  }
  it("come from the alternative names: no common name, no wildcard, no address", () => {
    assert.deepStrictEqual(byAlternativeName(certificate), [
      { subject: "sip:server@example", kind: "certificate" },
      { subject: "dcd.example", kind: "server" }
    ])
    assert.deepStrictEqual(byAlternativeName({ ...certificate, dnsNames: [], uris: [] }), [])
  })
  it("come from the common name or the fingerprint where asked", () => {
    assert.deepStrictEqual(byCommonName(certificate), [{ subject: "victim.example", kind: "certificate" }])
    assert.deepStrictEqual(byCommonName({ ...certificate, subject: "CN=a\nCN=b" }), [])
    assert.deepStrictEqual(byFingerprint(certificate), [{ subject: "00ff", kind: "certificate" }])
  })
})
