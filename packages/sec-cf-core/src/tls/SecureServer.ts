/**
 * TLS and HTTPS servers that know who is on the other end: by pre-shared key, by certificate, or both.
 *
 * Where keys are bound to name and suite, every connection is stopped at its ClientHello, which is read for both and only
 * then handed to Node. So the key can be found, and whoever says nothing costs next to nothing.
 *
 * @layer binding
 */
import { randomBytes } from "node:crypto"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Connection } from "@oma/sa-policy"
import * as Result from "effect/Result"
import { type ClientHello, decodeClientHello } from "./ClientHello.ts"
import { type Negotiated, negotiatePsk } from "./Negotiation.ts"
import { decodeIdentity, encodeIdentity } from "./PskIdentity.ts"
import { nodeOptions, profileOf, type ServerCertificate, type ServerOptions } from "./ServerOptions.ts"
import { describeSocket, ranOnKey } from "./SocketConnection.ts"
import { type PskRefusal, TlsEvent } from "./TlsEvent.ts"
import { type TlsVersion, tlsVersions } from "./TlsProfile.ts"

export interface SecureServer<S extends Net.Server> {
  /** Call `listen` on it. Of an HTTPS server, take requests with `on("request")` and `connectionOf(request.socket)`. */
  readonly server: S
  /**
   * Closes the connections of a pre-shared key identity and tells how many there were. Call it after the lookup has stopped
   * giving the key: that alone keeps out new ones only.
   */
  readonly disconnect: (identity: string) => number
  /** Uses another certificate from now on; connections that exist stay. */
  readonly setCertificate: (certificate: ServerCertificate) => void
  /** Stops listening and closes every connection. */
  readonly close: () => Promise<void>
}

/** One accepted TCP connection. */
interface Accepted {
  readonly id: string
  readonly address: string
  readonly raw: Net.Socket
  hello: ClientHello | undefined
  negotiated: Negotiated | undefined
  /** The identity of the last key that was given out; proved only if the handshake ran on it. */
  identity: string | undefined
  pending: boolean
}

const ignore = (): void => undefined

/** The identity in both spellings that are met: they are one peer. */
const spellings = (identity: string): ReadonlySet<string> => {
  const parts = decodeIdentity(identity)
  return new Set(parts === undefined ? [identity] : [encodeIdentity(parts), `${parts.prefix}.${parts.bTid}`])
}

const endpoint = (socket: Net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`

const versionOf = (socket: Tls.TLSSocket): TlsVersion =>
  tlsVersions.find((version) => version === socket.getProtocol()) ?? "TLSv1.2"

// Node types it as a string: it is null before it is known and false where there is none
const nameOf = (socket: Tls.TLSSocket & { readonly servername?: string | false | null }): string | undefined =>
  typeof socket.servername === "string" ? socket.servername.toLowerCase() : undefined

const mark = Symbol("accepted")
type Marked = Net.Socket & { [mark]?: Accepted }

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in an identity
const unprintable = /[\u0000-\u001f\u007f]/

const build = <S extends Tls.Server>(
  options: ServerOptions,
  make: (node: Tls.TlsOptions & Https.ServerOptions) => S,
  onSecure: (socket: Tls.TLSSocket, connection: Connection.Connection) => void
): SecureServer<S> => {
  const { psk, limits } = options
  const bound = psk !== undefined && psk.boundKeys !== false
  const profile = profileOf(options)
  const tell = options.onEvent ?? ignore
  const maxUnauthenticated = limits?.maxUnauthenticated ?? 256
  const maxPerAddress = limits?.maxUnauthenticatedPerAddress ?? 64
  const handshakeTimeout = limits?.handshakeTimeout ?? 10_000
  const hello = { maxLength: limits?.maxHello ?? 16_384 }
  const run = randomBytes(6).toString("hex")
  const accepted = new Map<string, Accepted>()
  const perAddress = new Map<string, number>()
  const byIdentity = new Map<string, Set<Tls.TLSSocket>>()
  let pending = 0
  let count = 0

  const settle = (state: Accepted): void => {
    if (!state.pending) return
    state.pending = false
    pending--
    const left = (perAddress.get(state.address) ?? 1) - 1
    if (left === 0) perAddress.delete(state.address)
    else perAddress.set(state.address, left)
  }

  // Node keeps the accepted socket under its TLS socket without saying so in its documentation; the peer's address and port
  // lead to it as well, but asking the system for them costs a twentieth of a handshake
  const stateOf = (socket: Tls.TLSSocket): Accepted | undefined => {
    const raw: unknown = "_parent" in socket ? socket._parent : undefined
    const marked = raw instanceof Net.Socket ? (raw as Marked)[mark] : undefined
    return marked ?? accepted.get(endpoint(socket))
  }

  const refuseHello = (state: Accepted, reason: string): void => {
    if (state.raw.destroyed) return
    state.raw.destroy()
    tell(TlsEvent.HelloRefused({ address: state.address, reason }))
  }

  const findKey = (socket: Tls.TLSSocket, state: Accepted | undefined, identity: string): Uint8Array | PskRefusal => {
    if (psk === undefined || state === undefined) return "suite not determined"
    if (identity === "" || identity.length > (psk.maxIdentity ?? 256) || unprintable.test(identity)) {
      return "malformed identity"
    }
    const { hello, negotiated } = state
    if (bound && (hello === undefined || negotiated === undefined)) return "suite not determined"
    let key: Uint8Array | undefined
    try {
      key = psk.lookup(identity, {
        ...(negotiated ?? { version: versionOf(socket) }),
        serverName: hello === undefined ? nameOf(socket) : hello.serverName,
        address: state.address
      })
    } catch {
      return "lookup failed"
    }
    if (key === undefined) return "unknown identity"
    return key.length < (psk.minimumKey ?? 16) ? "weak key" : key
  }

  const pskCallback = (socket: Tls.TLSSocket, identity: string): Uint8Array | null => {
    const state = stateOf(socket)
    // TLS 1.3 asks for one identity after the other until one is found; an earlier one counts no more
    if (state !== undefined) state.identity = undefined
    const key = findKey(socket, state, identity)
    if (typeof key === "string") {
      const address = state?.address ?? ""
      tell(TlsEvent.PskRefused({ address, identity: identity.slice(0, 256), reason: key }))
      return psk?.unknownIdentity === "hide" ? randomBytes(32) : null
    }
    if (state !== undefined) state.identity = identity
    return key
  }

  const server = make({ ...nodeOptions(options), ...(psk === undefined ? {} : { pskCallback }) })
  server.maxConnections = limits?.maxConnections ?? 10_000

  const inner = server.listeners("connection")
  server.removeAllListeners("connection")
  server.on("connection", (raw: Marked) => {
    const address = raw.remoteAddress
    const refuse = (reason: TlsEvent & { readonly _tag: "ConnectionRefused" }) => {
      raw.destroy()
      tell(reason)
    }
    if (address === undefined || raw.remotePort === undefined) {
      return refuse(TlsEvent.ConnectionRefused({ address: "", reason: "no address" }))
    }
    const mine = perAddress.get(address) ?? 0
    if (pending >= maxUnauthenticated) {
      return refuse(TlsEvent.ConnectionRefused({ address, reason: "too many unauthenticated" }))
    }
    if (mine >= maxPerAddress) {
      return refuse(TlsEvent.ConnectionRefused({ address, reason: "too many unauthenticated from this address" }))
    }
    const key = endpoint(raw)
    // one that comes twice, to two addresses of this machine, could pass for its twin
    if (accepted.has(key)) return refuse(TlsEvent.ConnectionRefused({ address, reason: "endpoint in use" }))
    const state: Accepted = {
      id: `${run}-${++count}`,
      address,
      raw,
      hello: undefined,
      negotiated: undefined,
      identity: undefined,
      pending: true
    }
    accepted.set(key, state)
    raw[mark] = state
    pending++
    perAddress.set(address, mine + 1)
    const timer = bound ? setTimeout(refuseHello, handshakeTimeout, state, "no ClientHello in time") : undefined
    raw.on("error", ignore) // "close" follows
    raw.once("close", () => {
      clearTimeout(timer)
      settle(state)
      accepted.delete(key)
    })
    if (!bound) {
      for (const listener of inner) listener.call(server, raw)
      return
    }
    raw.once("end", () => {
      if (state.hello === undefined) refuseHello(state, "closed before its ClientHello")
    })
    let stream: Uint8Array | undefined
    const onReadable = () => {
      const chunk: Uint8Array | null = raw.read()
      if (chunk !== null) {
        stream = stream === undefined ? chunk : Buffer.concat([stream, chunk])
        const decoded = decodeClientHello(stream, hello)
        if (Result.isFailure(decoded)) {
          return refuseHello(state, `${decoded.failure.reason} (${decoded.failure.clause})`)
        }
        if (decoded.success !== undefined) {
          clearTimeout(timer) // Node's own begins
          state.hello = decoded.success
          state.negotiated = negotiatePsk(profile, decoded.success)
          raw.unshift(stream)
          for (const listener of inner) listener.call(server, raw)
          return
        }
      }
      raw.once("readable", onReadable)
    }
    raw.once("readable", onReadable)
  })

  server.on("tlsClientError", (error: Error & { readonly code?: string }, socket: Tls.TLSSocket) => {
    const state = stateOf(socket)
    const address = state?.address ?? socket.remoteAddress ?? ""
    if (state !== undefined) settle(state)
    socket.destroy() // Node leaves that to the listener; the alert is out already
    tell(
      TlsEvent.HandshakeFailed({
        address,
        reason: "reason" in error && typeof error.reason === "string" ? error.reason : error.message.slice(0, 200),
        code: error.code ?? "",
        ...(state?.identity === undefined ? {} : { identity: state.identity })
      })
    )
  })

  // before the listener of HTTP, so that no request is read on a connection that does not hold
  server.prependListener("secureConnection", (socket: Tls.TLSSocket) => {
    const state = stateOf(socket)
    const refuse = (reason: string) => {
      socket.destroy()
      const identity = state?.identity === undefined ? {} : { identity: state.identity }
      tell(TlsEvent.NotAuthenticated({ address: state?.address ?? "", reason, ...identity }))
    }
    if (state === undefined) return refuse("connection not known")
    settle(state)
    const onKey = psk !== undefined && ranOnKey(socket)
    const identity = onKey ? state.identity : undefined
    if (onKey && identity === undefined) return refuse("no identity with the key")
    if (psk !== undefined && !onKey && options.certificate === undefined) return refuse("no pre-shared key")
    const { negotiated } = state
    const cipher = socket.getCipher().name
    if (
      onKey &&
      bound &&
      (negotiated?.version !== socket.getProtocol() || (negotiated?.suite?.openssl ?? cipher) !== cipher)
    ) {
      return refuse("another suite than the key was chosen for")
    }
    const connection = describeSocket(socket, {
      id: state.id,
      identity,
      serverName: state.hello === undefined ? nameOf(socket) : state.hello.serverName,
      address: state.address,
      port: state.raw.remotePort
    })
    if (connection === undefined) return refuse("suite not known")
    if (identity !== undefined) {
      const sockets = byIdentity.get(identity) ?? new Set()
      byIdentity.set(identity, sockets.add(socket))
      socket.once("close", () => {
        sockets.delete(socket)
        if (sockets.size === 0) byIdentity.delete(identity)
      })
    }
    onSecure(socket, connection)
  })

  for (const warning of profile.warnings) tell(warning)

  return {
    server,
    disconnect: (identity) => {
      const sockets = [...spellings(identity)].flatMap((spelling) => [...(byIdentity.get(spelling) ?? [])])
      for (const socket of sockets) socket.destroy()
      tell(TlsEvent.IdentityDisconnected({ identity, connections: sockets.length }))
      return sockets.length
    },
    setCertificate: (certificate) => {
      server.setSecureContext(nodeOptions({ ...options, certificate }))
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const { raw } of accepted.values()) raw.destroy()
      })
  }
}

/** A TLS server; `onConnection` is given each connection whose handshake holds. */
export const tlsServer = (
  options: ServerOptions,
  onConnection: (socket: Tls.TLSSocket, connection: Connection.Connection) => void
): SecureServer<Tls.Server> => build(options, (node) => Tls.createServer(node), onConnection)

/** An HTTPS server. */
export const httpsServer = (options: ServerOptions): SecureServer<Https.Server> =>
  build(
    options,
    (node) => {
      const server = Https.createServer(node)
      server.maxHeadersCount = options.limits?.maxHeadersCount ?? 100
      return server
    },
    () => undefined
  )
