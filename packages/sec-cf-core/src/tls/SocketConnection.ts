/**
 * From a TLS socket to the plain `Connection` value that a policy judges.
 *
 * @layer binding
 */
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import type { Connection } from "@oma/sa-policy"
import { decodeAlternativeNames } from "./CertificateNames.ts"
import { suiteNamed, usesPsk } from "./CipherSuite.ts"

// a property, because a WeakMap with an entry for each connection costs the collector more than the handshake's own objects do
const known = Symbol("connection")
type Described = Net.Socket & { [known]?: Connection.Connection }
let strangers = 0

/**
 * The connection that `socket` belongs to, with the pre-shared key identity or the validated certificate of the peer. For HTTP:
 * `connectionOf(request.socket)`. A socket that no server or client of this folder made counts as unprotected.
 */
export const connectionOf = (socket: Described): Connection.Connection => {
  const described = socket[known]
  if (described !== undefined) return described
  const connection: Connection.Connection = {
    id: `unprotected-${++strangers}`,
    transport: "tcp",
    protection: { protocol: "none", level: 0 },
    peer: { address: socket.remoteAddress ?? "" }
  }
  socket[known] = connection
  return connection
}

const certificateOf = (socket: Tls.TLSSocket): Connection.PeerCertificate | undefined => {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  return {
    subject: certificate.subject,
    ...decodeAlternativeNames(certificate.subjectAltName),
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    notAfter: Date.parse(certificate.validTo)
  }
}

/**
 * Whether the handshake ran on the pre-shared key.
 *
 * **Gotchas** That a key was found does not say so: OpenSSL passes a TLS 1.3 key over when its hash does not fit the suite and
 * goes on with the certificate, for anybody who knows the identity. TLS 1.3 counts a key as a resumption, and real
 * resumption is switched off wherever keys are used, so "reused" is the mark.
 */
export const ranOnKey = (socket: Tls.TLSSocket): boolean => {
  if (socket.getProtocol() === "TLSv1.3") return socket.isSessionReused()
  const suite = suiteNamed(socket.getCipher().name)
  return suite !== undefined && usesPsk(suite)
}

/**
 * Makes the value after the handshake and remembers it for `connectionOf`. `identity` is the pre-shared key identity that
 * was proved; a certificate is taken only where Node validated it. `undefined` where the suite is not known here.
 */
export const describeSocket = (
  socket: Tls.TLSSocket & Described,
  about: {
    readonly id: string
    readonly identity: string | undefined
    readonly serverName: string | undefined
    /** The peer's address and port. */
    readonly address: string
    readonly port: number | undefined
  }
): Connection.Connection | undefined => {
  const suite = suiteNamed(socket.getCipher().name)
  if (suite === undefined) return undefined
  const certificate = about.identity === undefined && socket.authorized ? certificateOf(socket) : undefined
  const connection: Connection.Connection = {
    id: about.id,
    transport: "tcp",
    protection: {
      protocol: about.identity === undefined ? "tls" : "psk-tls",
      level: suite.level,
      version: socket.getProtocol() ?? "",
      suite: { openssl: suite.openssl, iana: suite.iana, code: suite.code }
    },
    peer: {
      address: about.address,
      ...(about.port === undefined ? {} : { port: about.port }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(about.identity === undefined ? {} : { pskIdentity: about.identity })
    },
    ...(about.serverName === undefined ? {} : { serverName: about.serverName }),
    exporter: (label, length) =>
      socket.destroyed ? undefined : socket.exportKeyingMaterial(length, label, Buffer.alloc(0))
  }
  socket[known] = connection
  return connection
}
