/**
 * What a TLS server is made from, and the same as options of Node.
 *
 * @layer binding
 */
import { constants } from "node:crypto"
import type * as Https from "node:https"
import type * as Tls from "node:tls"
import * as Redacted from "effect/Redacted"
import type { Negotiated } from "./Negotiation.ts"
import type { TlsEvent } from "./TlsEvent.ts"
import * as TlsProfile from "./TlsProfile.ts"

/**
 * What is known when a key is asked for. A Ks_NAF depends on the server's name, and in TLS 1.2 on the suite: both are here unless the
 * server was told that its keys are not bound.
 */
export interface PskContext extends Negotiated {
  /** The name of `server_name`, lower case; `undefined` where the client sent none. */
  readonly serverName: string | undefined
  readonly address: string
}

/**
 * Finds the key of an identity, 16 octets or more, or `undefined` where there is none (any more). Called within the
 * handshake, so it answers at once: what is slow has to be in memory before. It is asked on every handshake.
 */
export type PskLookup = (identity: string, context: PskContext) => Uint8Array | undefined

export interface ServerPsk {
  readonly lookup: PskLookup
  /** The hint for TLS 1.2, such as `3GPP-bootstrapping`. */
  readonly hint?: string
  /**
   * How an unknown identity is answered. `alert`, the default, says so: unknown_psk_identity (115) in TLS 1.2,
   * handshake_failure in TLS 1.3; a handset bootstraps again on it. `hide` goes on under a random key, so that the answer is that
   * to a wrong key: for identities that could be guessed.
   *
   * @spec RFC 4279 2; TS 33.222 5.4
   */
  readonly unknownIdentity?: "alert" | "hide"
  /**
   * Keys depend on the server's name or on the suite, as every Ks_NAF does; `true`. Node's callback tells neither in time, so each
   * ClientHello is read first, which costs about a tenth of a handshake. `false` saves that for keys that are the peer's alone.
   */
  readonly boundKeys?: boolean
  /** Octets of the shortest key; 16. */
  readonly minimumKey?: number
  /** Characters of the longest identity; 256. */
  readonly maxIdentity?: number
}

export interface ServerCertificate {
  /** The chain in PEM form, own certificate first. */
  readonly certificate: string
  /** The private key in PEM form. */
  readonly key: Redacted.Redacted<string>
}

export interface ServerClients {
  /** The authorities whose certificates clients may show, in PEM form. Nobody else's count, public ones neither. */
  readonly authorities: string
  /** Revocation lists in PEM form. */
  readonly revocationLists?: string
  /** Clients without certificate are let in as well, unauthenticated; `false`. */
  readonly optional?: boolean
}

/** Every limit with its default. Times are milliseconds. */
export interface ServerLimits {
  /** From the connection to the end of the handshake; 10,000. */
  readonly handshakeTimeout?: number
  /** Connections whose handshake is not done; 256. */
  readonly maxUnauthenticated?: number
  /** Of one address; 64. */
  readonly maxUnauthenticatedPerAddress?: number
  /** Connections in all; 10,000. */
  readonly maxConnections?: number
  /** Octets of the ClientHello, where it is read for bound keys; 16,384. */
  readonly maxHello?: number
  /** HTTP: octets of all headers of a request; 16,384. */
  readonly maxHeaderSize?: number
  /** HTTP: number of headers; 100. */
  readonly maxHeadersCount?: number
  /** HTTP: until all headers are there; 10,000. */
  readonly headersTimeout?: number
  /** HTTP: until the whole request is there; 30,000. */
  readonly requestTimeout?: number
  /** HTTP: an idle connection; 60,000. */
  readonly keepAliveTimeout?: number
}

export interface ServerOptions {
  /** By what the server has: `psk()`, `modern` or `pskOrCertificate()`. */
  readonly profile?: TlsProfile.TlsProfile
  readonly psk?: ServerPsk
  readonly certificate?: ServerCertificate
  /** Clients have to show certificates. */
  readonly clients?: ServerClients
  readonly alpn?: ReadonlyArray<string>
  readonly limits?: ServerLimits
  /** Is told every refusal; must not throw. */
  readonly onEvent?: (event: TlsEvent) => void
}

/** The profile that the options name, or that fits what they hold. */
export const profileOf = (options: ServerOptions): TlsProfile.TlsProfile =>
  options.profile ??
  (options.psk === undefined
    ? TlsProfile.modern
    : options.certificate === undefined
      ? TlsProfile.psk()
      : TlsProfile.pskOrCertificate())

/**
 * The options as Node takes them, without the callback for keys.
 *
 * Where clients are authenticated there is no resumption: a resumed handshake would not ask for the key again, and a
 * revoked one would live on. Node keeps no server-side session cache unless asked; tickets are switched off here.
 */
export const nodeOptions = (options: ServerOptions): Tls.TlsOptions & Https.ServerOptions => {
  const profile = profileOf(options)
  const { certificate, clients, psk, limits, alpn } = options
  const authenticates = psk !== undefined || clients !== undefined
  return {
    minVersion: profile.minVersion,
    maxVersion: profile.maxVersion,
    ciphers: TlsProfile.cipherString(profile),
    honorCipherOrder: true,
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_NO_COMPRESSION |
      (authenticates ? constants.SSL_OP_NO_TICKET : 0),
    handshakeTimeout: limits?.handshakeTimeout ?? 10_000,
    ...(profile.suites.some((suite) => suite.keyExchange.startsWith("DHE")) ? { dhparam: "auto" } : {}),
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: Redacted.value(certificate.key) }),
    ...(clients === undefined
      ? {}
      : {
          requestCert: true,
          rejectUnauthorized: clients.optional !== true,
          ca: clients.authorities,
          ...(clients.revocationLists === undefined ? {} : { crl: clients.revocationLists })
        }),
    ...(psk?.hint === undefined ? {} : { pskIdentityHint: psk.hint }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    maxHeaderSize: limits?.maxHeaderSize ?? 16_384,
    headersTimeout: limits?.headersTimeout ?? 10_000,
    requestTimeout: limits?.requestTimeout ?? 30_000,
    keepAliveTimeout: limits?.keepAliveTimeout ?? 60_000
  }
}
