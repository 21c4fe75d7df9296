/**
 * The front door of Node: an `HttpHandler` behind `node:http` or `node:https`, with limits on everything that a peer can make long, slow or
 * many.
 *
 * @layer binding
 */
import * as Http from "node:http"
import type * as Https from "node:https"
import type * as Net from "node:net"
import type { AddressInfo } from "node:net"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Connection } from "../Connection.ts"
import { type HttpFields, type HttpResponse, refusal } from "../http/HttpExchange.ts"
import type { HttpHandler } from "../http/HttpHandler.ts"

/** The server cannot listen: the port is taken, the address is not of this machine, or it may not be used. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {}

export interface HttpLimits {
  /** Octets of the content; 65,536 unless given. More is answered with 413 and the connection closed, unread. */
  readonly body?: number
  /** Octets of the header section; 16,384 unless given. */
  readonly header?: number
  /** Milliseconds in which a request must have come in whole; 30,000 unless given. */
  readonly requestMillis?: number
  /** Milliseconds in which the peer must have taken an answer; 30,000 unless given. Then its connection is closed. */
  readonly responseMillis?: number
  /** Milliseconds for which an idle connection is kept; 5,000 unless given. */
  readonly idleMillis?: number
  /** Requests in work at a time; 1,024 unless given. More are answered with 503. */
  readonly inWork?: number
  /** Connections at a time; 10,000 unless given. */
  readonly connections?: number
}

export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /**
   * A server that exists already, such as the HTTPS server of a TLS profile; a plain one is made unless given. Who makes one sets its
   * limit of the header section, and how often it looks for requests that are late.
   */
  readonly server?: Http.Server | Https.Server
  /** What is known of a connection; plain TCP unless given. */
  readonly connectionOf?: (socket: Net.Socket) => Connection
  readonly limits?: HttpLimits
  /** Told of defects in the handler and of errors of the listening socket, for the operator's log. */
  readonly onDefect?: (cause: Cause.Cause<never>) => void
}

export interface Listening {
  readonly port: number
  readonly server: Http.Server | Https.Server
}

let connections = 0
const known = new WeakMap<Net.Socket, Connection>()

const plainConnection = (socket: Net.Socket): Connection => {
  let connection = known.get(socket)
  if (connection === undefined) {
    connection = {
      id: `tcp-${++connections}`,
      transport: "tcp",
      protection: { protocol: "none", level: 0 },
      peer: {
        address: (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
        ...(socket.remotePort === undefined ? {} : { port: socket.remotePort })
      }
    }
    known.set(socket, connection)
  }
  return connection
}

const fieldsOf = (raw: ReadonlyArray<string>): HttpFields => {
  const fields: Array<readonly [string, string]> = []
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([raw[i]!, raw[i + 1]!])
  return fields
}

const busy = refusal(503, "Service Unavailable", [["Retry-After", "1"]])
const tooLarge = refusal(413, "Content Too Large")
const broken = refusal(500, "Internal Server Error")

/** How long a response is, is said here and nowhere else. */
const framing: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"])

/**
 * Sends a response. Throws, with nothing sent, where it has a status that ends no request or a field that HTTP cannot carry, such as one
 * with a line break.
 */
const send = (outgoing: Http.ServerResponse, { status, fields, body }: HttpResponse, close = false): void => {
  if (!Number.isInteger(status) || status < 200 || status > 999) throw new RangeError(`no final status: ${status}`)
  const raw: Array<string> = []
  for (const [name, value] of fields) if (!framing.has(name.toLowerCase())) raw.push(name, value)
  if (status !== 204 && status !== 304) raw.push("Content-Length", String(body.length))
  if (close) raw.push("Connection", "close")
  outgoing.writeHead(status, raw)
  outgoing.end(body)
}

const noBody = new Uint8Array(0)

const announcesMore = (incoming: Http.IncomingMessage, limit: number): boolean =>
  Number(incoming.headers["content-length"] ?? 0) > limit

/** Gives the content, or `undefined` once it is longer than `limit`; never, when the peer breaks off. */
const read = (incoming: Http.IncomingMessage, limit: number, done: (body: Uint8Array | undefined) => void): void => {
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers
  if (length === undefined && coding === undefined) return done(noBody)
  if (announcesMore(incoming, limit)) return done(undefined)
  const parts: Array<Buffer> = []
  let received = 0
  let over = false
  incoming.on("data", (part: Buffer) => {
    if (over) return
    received += part.length
    if (received > limit) {
      over = true
      incoming.pause()
      return done(undefined)
    }
    parts.push(part)
  })
  incoming.on("end", () => {
    if (!over) done(parts.length === 1 ? parts[0]! : Buffer.concat(parts, received))
  })
}

/**
 * Listens, and answers each request by `handler`, one fiber a request, until the scope closes; then it takes no more, finishes what is in
 * work, and closes. The fiber of a peer that goes away before its answer is interrupted, and counts as work until it has ended.
 */
export const listen = Effect.fnUntraced(function* <R>(handler: HttpHandler<R>, options: ListenOptions) {
  const context = yield* Effect.context<R>()
  const { limits = {}, connectionOf = plainConnection } = options
  const bodyLimit = limits.body ?? 65_536
  const inWorkLimit = limits.inWork ?? 1024
  const requestMillis = limits.requestMillis ?? 30_000
  const responseMillis = limits.responseMillis ?? 30_000
  const server =
    options.server ??
    Http.createServer({
      maxHeaderSize: limits.header ?? 16_384,
      insecureHTTPParser: false,
      connectionsCheckingInterval: Math.max(50, Math.min(5_000, requestMillis / 4))
    })
  server.requestTimeout = requestMillis
  server.headersTimeout = Math.min(requestMillis, 10_000)
  server.keepAliveTimeout = limits.idleMillis ?? 5_000
  server.maxConnections = limits.connections ?? 10_000
  const run = Effect.runForkWith(context)
  let inWork = 0

  const answer = (outgoing: Http.ServerResponse, response: HttpResponse, close?: boolean): void => {
    if (outgoing.destroyed) return
    const { socket } = outgoing.req
    const late = setTimeout(() => socket.destroy(), responseMillis)
    outgoing.once("close", () => clearTimeout(late))
    try {
      send(outgoing, response, close)
    } catch (defect) {
      options.onDefect?.(Cause.die(defect))
      send(outgoing, broken)
    }
  }

  const onRequest = (incoming: Http.IncomingMessage, outgoing: Http.ServerResponse): void => {
    if (inWork >= inWorkLimit) return answer(outgoing, busy)
    inWork++
    let holders = 1
    const release = () => {
      if (--holders === 0) inWork--
    }
    outgoing.once("close", release)
    read(incoming, bodyLimit, (body) => {
      if (body === undefined) return answer(outgoing, tooLarge, true)
      holders++
      const fiber = run(
        Effect.suspend(() =>
          handler({
            method: incoming.method ?? "",
            target: incoming.url ?? "",
            fields: fieldsOf(incoming.rawHeaders),
            body,
            connection: connectionOf(incoming.socket)
          })
        )
      )
      outgoing.once("close", () => fiber.interruptUnsafe())
      fiber.addObserver((exit) => {
        release()
        if (Exit.isSuccess(exit)) return answer(outgoing, exit.value)
        if (!Cause.hasInterruptsOnly(exit.cause)) options.onDefect?.(exit.cause)
        answer(outgoing, broken)
      })
    })
  }
  server.on("request", onRequest)
  server.on("checkContinue", (incoming: Http.IncomingMessage, outgoing: Http.ServerResponse) => {
    if (!announcesMore(incoming, bodyLimit)) outgoing.writeContinue()
    onRequest(incoming, outgoing)
  })

  yield* Effect.callback<void, ListenFailed>((resume) => {
    const failed = (cause: unknown) =>
      resume(Effect.fail(new ListenFailed({ host: options.host, port: options.port, cause })))
    server.once("error", failed)
    server.listen({ host: options.host, port: options.port }, () => {
      server.off("error", failed)
      server.on("error", (error) => options.onDefect?.(Cause.die(error)))
      resume(Effect.void)
    })
  })
  yield* Scope.addFinalizer(
    yield* Effect.scope,
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeIdleConnections()
      const late = setTimeout(() => server.closeAllConnections(), 2_000)
      late.unref()
    })
  )
  const { port } = server.address() as AddressInfo
  const listening: Listening = { port, server }
  return listening
})
