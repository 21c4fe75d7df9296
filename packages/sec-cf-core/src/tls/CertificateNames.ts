/**
 * From a validated certificate to names and identities. Names are those of the subject alternative name extension; the
 * common name counts only for who asks for it by name.
 *
 * @spec RFC 5280 4.2.1.6; RFC 9525 (service identity: no common name)
 * @layer codec
 */
import type { Connection, Identity } from "@oma/sa-policy"

/** A name that a certificate proves. */
export interface CertifiedName {
  readonly subject: string
  readonly kind: Identity.IdentityKind
}

/** Which identities a certificate stands for, most specific first; none: nobody is authenticated by it. */
export type CertificateIdentities = (certificate: Connection.PeerCertificate) => ReadonlyArray<CertifiedName>

/** The names of a subject alternative name extension, by type. */
export interface AlternativeNames {
  readonly dnsNames: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly addresses: ReadonlyArray<string>
}

const none: AlternativeNames = { dnsNames: [], uris: [], addresses: [] }

/**
 * The names in the text form that Node gives: `DNS:a.example, URI:sip:b@example.net, IP Address:127.0.0.1`, a value with odd
 * characters in it as a JSON string. A text that breaks this form gives no names at all: a comma within a name must never
 * become a second name.
 */
export const decodeAlternativeNames = (text: string | undefined): AlternativeNames => {
  if (text === undefined) return none
  const dnsNames: Array<string> = []
  const uris: Array<string> = []
  const addresses: Array<string> = []
  let at = 0
  while (at < text.length) {
    const colon = text.indexOf(":", at)
    if (colon < 0) return none
    const type = text.slice(at, colon)
    let value: string
    if (text[colon + 1] === '"') {
      let end = colon + 2
      while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1
      if (end >= text.length) return none
      try {
        const parsed: unknown = JSON.parse(text.slice(colon + 1, end + 1))
        if (typeof parsed !== "string") return none
        value = parsed
      } catch {
        return none
      }
      at = end + 1
    } else {
      const comma = text.indexOf(", ", colon)
      const end = comma < 0 ? text.length : comma
      value = text.slice(colon + 1, end)
      at = end
    }
    if (at < text.length) {
      if (!text.startsWith(", ", at)) return none
      at += 2
    }
    if (type === "DNS") dnsNames.push(value.toLowerCase())
    else if (type === "URI") uris.push(value)
    else if (type === "IP Address") addresses.push(value)
  }
  return { dnsNames, uris, addresses }
}

/** URIs first (`sip:`, `tel:`, `urn:`), then host names. Wildcards and addresses are nobody's identity. */
export const byAlternativeName: CertificateIdentities = (certificate) => [
  ...certificate.uris.map((subject) => ({ subject, kind: "certificate" })),
  ...certificate.dnsNames.filter((name) => !name.includes("*")).map((subject) => ({ subject, kind: "server" }))
]

/** The SHA-256 fingerprint, for a list of known certificates. */
export const byFingerprint: CertificateIdentities = (certificate) => [
  { subject: certificate.fingerprint, kind: "certificate" }
]

/**
 * The common name of the subject, for certificates that carry no other name. Use it only for a certification authority that
 * issues such names under control: RFC 9525 gave them up.
 */
export const byCommonName: CertificateIdentities = (certificate) => {
  const names = certificate.subject.split("\n").flatMap((line) => (line.startsWith("CN=") ? [line.slice(3)] : []))
  return names.length === 1 && names[0] !== "" ? [{ subject: names[0]!, kind: "certificate" }] : []
}
