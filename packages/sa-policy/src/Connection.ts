/**
 * What a binding knows of the connection on which a message arrived. A policy judges this value; it never looks at a socket.
 *
 * @layer codec
 */
import type { Level } from "./Level.ts"

export type Transport = "tcp" | "udp" | "sms" | "in-process"

/** A negotiated cipher suite under its three names. `code` is the two octets of the TLS registry, as a number. */
export interface CipherSuite {
  readonly openssl: string
  readonly iana: string
  readonly code: number
}

/**
 * The protection of a connection: `protocol` says by what, `level` what it gives. `ipsec` stands for a link that the
 * operator's policy declares protected; nothing on the connection itself shows it.
 */
export interface Protection {
  readonly protocol: "none" | "tls" | "psk-tls" | "dtls" | "gpl" | "ipsec" | "in-process"
  readonly level: Level
  readonly version?: string
  readonly suite?: CipherSuite
}

/** A certificate that the transport validated: its names are proved, the rest describes it. */
export interface PeerCertificate {
  readonly subject: string
  readonly dnsNames: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly addresses: ReadonlyArray<string>
  /** SHA-256 over the DER form, lower-case hexadecimal. */
  readonly fingerprint: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** The other end, as far as the transport proves it. A certificate that failed validation is not here. */
export interface Peer {
  /** The address without port; empty where the transport has none. */
  readonly address: string
  readonly port?: number
  readonly certificate?: PeerCertificate
  readonly pskIdentity?: string
}

export interface Connection {
  /** Distinguishes connections of one server during its run; two messages with equal ids came on one connection. */
  readonly id: string
  readonly transport: Transport
  readonly protection: Protection
  readonly peer: Peer
  /** The name that the peer asked for (SNI or Host), lower case. */
  readonly serverName?: string
  /** The operator's label of the network that the peer's address belongs to, such as `operator` or `internet`. */
  readonly network?: string
  /**
   * TLS connections only: octets that both ends of this very connection can make and nobody else, with an empty context; `undefined` once it
   * is closed. They are a secret, and no part of what is written down or logged of a connection.
   *
   * @spec RFC 5705; RFC 8446 7.5
   */
  readonly exporter?: (label: string, length: number) => Uint8Array | undefined
}

/** A call between two parts of one process: nobody is in between. */
export const inProcess = (id: string): Connection => ({
  id,
  transport: "in-process",
  protection: { protocol: "in-process", level: 3 },
  peer: { address: "" }
})
