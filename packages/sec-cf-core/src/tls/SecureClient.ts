/**
 * TLS clients that know the server before they speak: by pre-shared key or by certificate, never by neither.
 *
 * @layer binding
 */
import { constants } from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Connection } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { isTls13, usesPsk } from "./CipherSuite.ts"
import type { Negotiated } from "./Negotiation.ts"
import type { ServerCertificate } from "./ServerOptions.ts"
import { describeSocket, ranOnKey } from "./SocketConnection.ts"
import { TlsEvent } from "./TlsEvent.ts"
import { failureOf, type TlsFailure } from "./TlsFailure.ts"
import * as TlsProfile from "./TlsProfile.ts"

/** The identity to present and its key. */
export interface PskCredential {
  readonly identity: string
  readonly key: Redacted.Redacted<Uint8Array>
}

export interface ClientPsk {
  /**
   * Gives identity and key for a server with this hint (`null` in TLS 1.3, and where TLS 1.2 sent none), or `undefined` to give
   * up. A client that offers both versions is asked for TLS 1.3 first, and again if the server takes TLS 1.2.
   */
  readonly credential: (hint: string | null, negotiated: Negotiated) => PskCredential | undefined
  /**
   * The key depends on the suite, as every Ks_NAF does in TLS 1.2. Then each attempt offers one suite of TLS 1.2, in the profile's
   * order, until the server takes one, and `negotiated.suite` says which. Otherwise all are offered at once and it is not known.
   */
  readonly boundToSuite?: boolean
}

export interface ClientOptions {
  readonly host: string
  readonly port: number
  /** The name for `server_name`, and that the certificate must carry; `host` unless said otherwise. */
  readonly serverName?: string
  /** `psk()` with a key, `modern` without. */
  readonly profile?: TlsProfile.TlsProfile
  /** Authenticates both ends by a key. The server's certificate, if it shows one, then counts for nothing. */
  readonly psk?: ClientPsk
  /** Whose server certificates count, in PEM form; the public ones that Node knows unless given. */
  readonly authorities?: string
  /** This client's certificate. */
  readonly certificate?: ServerCertificate
  readonly alpn?: ReadonlyArray<string>
  /** Milliseconds until the handshake must be done; 10,000. */
  readonly timeout?: number
  readonly onEvent?: (event: TlsEvent) => void
}

/** A connection whose server is authenticated. */
export interface SecureSocket {
  readonly socket: Tls.TLSSocket
  readonly connection: Connection.Connection
}

const fault = (code: string, message: string): Error => Object.assign(new Error(message), { code })

/**
 * Judges the certificate of a server: the name must stand in the subject alternative name. Node alone would fall back to the
 * common name.
 *
 * @spec RFC 9525 6
 */
export const checkServerName = (name: string, certificate: Tls.PeerCertificate): Error | undefined =>
  certificate.subjectaltname === undefined
    ? fault("OMA_SERVER_NO_NAME", "the certificate has no subject alternative name")
    : Tls.checkServerIdentity(name, certificate)

// with a key there is no certificate to judge; a server that shows one does not know the key
const checkNoCertificate = (_name: string, certificate: Tls.PeerCertificate): Error | undefined =>
  "raw" in certificate
    ? fault("OMA_SERVER_WITHOUT_KEY", "the server showed a certificate in place of the pre-shared key")
    : undefined

let made = 0

const attempt = (
  options: ClientOptions,
  profile: TlsProfile.TlsProfile,
  done: (result: SecureSocket | TlsFailure) => void
): Tls.TLSSocket => {
  const { psk, certificate } = options
  const serverName = options.serverName ?? options.host
  let identity: string | undefined
  let settled = false
  const suites12 = profile.suites.filter(usesPsk)
  const pskCallback = (hint: string | null): Tls.PSKCallbackNegotation | null => {
    const version = socket.getProtocol() === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2"
    const suite = version === "TLSv1.2" && suites12.length === 1 ? suites12[0] : undefined
    const credential = psk?.credential(hint, { version, ...(suite === undefined ? {} : { suite }) })
    identity = credential?.identity
    return credential === undefined ? null : { identity: credential.identity, psk: Redacted.value(credential.key) }
  }
  const socket = Tls.connect({
    host: options.host,
    port: options.port,
    ...(Net.isIP(serverName) === 0 ? { servername: serverName } : {}),
    minVersion: profile.minVersion,
    maxVersion: profile.maxVersion,
    ciphers: TlsProfile.cipherString(profile),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
    rejectUnauthorized: true,
    ...(psk === undefined
      ? {
          checkServerIdentity: (_host: string, peer: Tls.PeerCertificate) => checkServerName(serverName, peer),
          ...(options.authorities === undefined ? {} : { ca: options.authorities })
        }
      : { ca: [], pskCallback, checkServerIdentity: checkNoCertificate }),
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: Redacted.value(certificate.key) }),
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] })
  })
  const finish = (result: SecureSocket | TlsFailure) => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    done(result)
  }
  const fail = (code: string, detail: string) => {
    finish(failureOf(code, detail, psk !== undefined))
    socket.destroy()
  }
  const timer = setTimeout(() => fail("ETIMEDOUT", "no handshake in time"), options.timeout ?? 10_000)
  let reached = false
  socket.once("connect", () => {
    reached = true
  })
  const broken = (code: string) => (reached && /^(ECONNRESET|EPIPE)$/.test(code) ? `OMA_CLOSED ${code}` : code)
  socket.on("error", (error: Error & { readonly code?: string }) =>
    fail(broken(error.code ?? ""), error.message.slice(0, 300))
  )
  socket.once("close", () => fail(broken("ECONNRESET"), "closed within the handshake"))
  socket.once("secureConnect", () => {
    if (psk !== undefined && (!ranOnKey(socket) || identity === undefined)) {
      return fail("OMA_SERVER_WITHOUT_KEY", "the handshake did not run on the pre-shared key")
    }
    if (psk === undefined && !socket.authorized) return fail("OMA_SERVER", "the server is not authenticated")
    const connection = describeSocket(socket, {
      id: `client-${++made}`,
      identity,
      serverName,
      address: socket.remoteAddress ?? "",
      port: socket.remotePort
    })
    if (connection === undefined) return fail("ERR_SSL_NO_CIPHER_MATCH", "the suite is not known")
    finish({ socket, connection })
  })
  return socket
}

/**
 * Starts a connection; `done` is called once, with the socket after a handshake that holds or with the failure. The function
 * that it returns gives up.
 */
export const openSecure = (options: ClientOptions, done: (result: SecureSocket | TlsFailure) => void): (() => void) => {
  const profile = options.profile ?? (options.psk === undefined ? TlsProfile.modern : TlsProfile.psk())
  for (const warning of profile.warnings) options.onEvent?.(warning)
  const suites13 = profile.suites.filter(isTls13)
  const keyed = profile.suites.filter(usesPsk)
  const rounds: ReadonlyArray<TlsProfile.TlsProfile> =
    options.psk === undefined
      ? [profile]
      : options.psk.boundToSuite === true && keyed.length > 1
        ? keyed.map((suite) => ({ ...profile, suites: [...suites13, suite] }))
        : [{ ...profile, suites: [...suites13, ...keyed] }]
  let socket: Tls.TLSSocket | undefined
  let stopped = false
  const next = (round: number): void => {
    socket = attempt(options, rounds[round]!, (result) => {
      if (stopped) return
      if ("socket" in result) return done(result)
      if (result.reason === "no common protection" && round + 1 < rounds.length) return next(round + 1)
      options.onEvent?.(
        TlsEvent.HandshakeFailed({
          address: options.host,
          reason: `${result.reason}: ${result.detail}`,
          code: result.code
        })
      )
      done(result)
    })
  }
  next(0)
  return () => {
    stopped = true
    socket?.destroy()
  }
}

/** Connects; the connection is closed with the scope. Fails with `TlsFailure`. */
export const connectSecure = (options: ClientOptions): Effect.Effect<SecureSocket, TlsFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<SecureSocket, TlsFailure>((resume) => {
      const giveUp = openSecure(options, (result) =>
        resume("socket" in result ? Effect.succeed(result) : Effect.fail(result))
      )
      return Effect.sync(giveUp)
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )
