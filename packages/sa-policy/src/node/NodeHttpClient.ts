/**
 * `HttpClient` on `node:http` and `node:https`: the caller judges the connection before the first octet of the request goes out.
 *
 * @layer binding
 */
import * as Http from "node:http"
import * as Https from "node:https"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { Connection } from "../Connection.ts"
import type { HttpAnswer, HttpFields } from "../http/HttpExchange.ts"
import { type HttpCall, HttpClient, HttpFailure } from "../http/HttpHandler.ts"

export interface HttpClientOptions {
  /** What `https:` servers must prove, and what is shown to them; the authorities of Node unless given. */
  readonly tls?: Tls.ConnectionOptions
  /**
   * Makes the connections to `https:` servers instead, such as the agent of a TLS profile. One that resumes sessions gives connections
   * without certificate: Node does not know it then.
   */
  readonly secureAgent?: Https.Agent
  /** What is known of a connection. Unless given: plain TCP, or TLS with a server certificate that Node validated. */
  readonly connectionOf?: (socket: Net.Socket) => Connection
  /** Milliseconds for the whole exchange; 30,000 unless given. */
  readonly timeoutMillis?: number
  /** Octets of an answer's content; 1,048,576 unless given. */
  readonly maxBody?: number
}

let connections = 0
const known = new WeakMap<Net.Socket, Connection>()

// Node writes a comma within a name as \u002c, so that no name can hold another one
const list = (names: string | undefined, kind: string): ReadonlyArray<string> =>
  (names ?? "").split(", ").flatMap((name) => (name.startsWith(kind) ? [name.slice(kind.length)] : []))

const describe = (socket: Net.Socket): Connection => {
  const peer = {
    address: (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    ...(socket.remotePort === undefined ? {} : { port: socket.remotePort })
  }
  const id = `tcp-${++connections}`
  if (!(socket instanceof Tls.TLSSocket)) {
    return { id, transport: "tcp", protection: { protocol: "none", level: 0 }, peer }
  }
  const certificate = socket.authorized ? socket.getPeerCertificate() : undefined
  return {
    id,
    transport: "tcp",
    protection: { protocol: "tls", level: 3, version: socket.getProtocol() ?? "" },
    exporter: (label, length) =>
      socket.destroyed ? undefined : socket.exportKeyingMaterial(length, label, Buffer.alloc(0)),
    peer:
      certificate === undefined || certificate.subject === undefined
        ? peer
        : {
            ...peer,
            certificate: {
              subject: Object.values(certificate.subject).flat().join(","),
              dnsNames: list(certificate.subjectaltname, "DNS:"),
              uris: list(certificate.subjectaltname, "URI:"),
              addresses: list(certificate.subjectaltname, "IP Address:"),
              fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
              notAfter: Date.parse(certificate.valid_to)
            }
          }
  }
}

const connectionOfSocket = (socket: Net.Socket): Connection => {
  const connection = known.get(socket) ?? describe(socket)
  known.set(socket, connection)
  return connection
}

const kindOf = (error: NodeJS.ErrnoException): HttpFailure["kind"] =>
  error.code === "ECONNREFUSED" || error.code === "ENOTFOUND" || error.code === "EHOSTUNREACH"
    ? "connect"
    : /CERT|TLS|SSL|ALTNAME|SELF_SIGNED|UNABLE_TO_/.test(error.code ?? "")
      ? "tls"
      : "broken"

// a socket of the agent knows by itself whether its handshake is still under way; the types of Node do not tell
const handshaking = (socket: Tls.TLSSocket): boolean =>
  socket.connecting || ("secureConnecting" in socket && socket.secureConnecting === true)

/** Calls back once `socket` is connected and, where it is a TLS socket, its handshake is done. */
const whenReady = (socket: Net.Socket, ready: () => void): void => {
  if (socket instanceof Tls.TLSSocket) {
    if (handshaking(socket)) socket.once("secureConnect", ready)
    else ready()
  } else if (socket.connecting) socket.once("connect", ready)
  else ready()
}

/** Fields that say how long a request is: the client alone does. */
const framing: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"])

/** The fields by their names without case, as `setHeader` takes them. */
const headersOf = (fields: HttpFields, length: number): ReadonlyMap<string, readonly [string, Array<string>]> => {
  const headers = new Map<string, readonly [string, Array<string>]>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    if (framing.has(key)) continue
    const known = headers.get(key)
    if (known === undefined) headers.set(key, [name, [value]])
    else known[1].push(value)
  }
  return headers.set("content-length", ["Content-Length", [String(length)]])
}

const make = (options: HttpClientOptions) =>
  Effect.gen(function* () {
    const plainAgent = new Http.Agent({ keepAlive: true })
    // every handshake shows the certificate, so that the server can be judged on every connection
    const secureAgent =
      options.secureAgent ?? new Https.Agent({ ...options.tls, keepAlive: true, maxCachedSessions: 0 })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        plainAgent.destroy()
        if (options.secureAgent === undefined) secureAgent.destroy()
      })
    )
    const connectionOf = options.connectionOf ?? connectionOfSocket
    const maxBody = options.maxBody ?? 1_048_576
    const timeoutMillis = options.timeoutMillis ?? 30_000

    /** The request, of which nothing was sent yet. Throws for a method or field that HTTP cannot carry. */
    const prepare = (url: URL, { method, fields, body }: HttpCall): Http.ClientRequest => {
      const secure = url.protocol === "https:"
      const request = (secure ? Https : Http).request(url, { method, agent: secure ? secureAgent : plainAgent })
      try {
        for (const [name, values] of headersOf(fields, body.length).values()) {
          request.setHeader(name, values.length === 1 ? values[0]! : values)
        }
      } catch (error) {
        request.on("error", () => undefined).destroy()
        throw error
      }
      return request
    }

    const exchange = <E>(
      call: HttpCall,
      url: URL,
      judge: ((connection: Connection) => Effect.Effect<void, E>) | undefined,
      run: <A, B>(effect: Effect.Effect<A, B>) => Fiber.Fiber<A, B>
    ): Effect.Effect<HttpAnswer, HttpFailure | E> =>
      Effect.callback<HttpAnswer, HttpFailure | E>((resume) => {
        let judging: Fiber.Fiber<void, E> | undefined
        let request: Http.ClientRequest | undefined
        const stop = () => {
          clearTimeout(late)
          judging?.interruptUnsafe()
          request?.destroy()
        }
        const fail = (kind: HttpFailure["kind"], detail: string) => {
          resume(Effect.fail(new HttpFailure({ url: url.href, kind, detail })))
          stop()
        }
        const late = setTimeout(() => fail("timeout", "no answer in time"), timeoutMillis)
        try {
          request = prepare(url, call)
        } catch (error) {
          fail("connect", error instanceof Error ? error.message : String(error))
          return
        }
        const asked = request
        let answered = false
        asked.on("error", (error) => fail(kindOf(error), error.message))
        asked.on("close", () => {
          if (!answered) fail("broken", "closed without an answer")
        })
        asked.on("socket", (socket) =>
          whenReady(socket, () => {
            if (judge === undefined) return void asked.end(call.body)
            judging = run(Effect.suspend(() => judge(connectionOf(socket))))
            judging.addObserver((exit) => {
              if (Exit.isSuccess(exit)) return void asked.end(call.body)
              resume(Effect.failCause(exit.cause))
              stop()
            })
          })
        )
        asked.on("response", (incoming) => {
          answered = true
          const connection = connectionOf(incoming.socket)
          const parts: Array<Buffer> = []
          let length = 0
          incoming.on("data", (part: Buffer) => {
            length += part.length
            if (length > maxBody) fail("too-large", `more than ${maxBody} octets`)
            else parts.push(part)
          })
          incoming.on("error", (error) => fail("broken", error.message))
          incoming.on("end", () => {
            const answerFields: Array<readonly [string, string]> = []
            for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
              answerFields.push([incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!])
            }
            clearTimeout(late)
            const answer = {
              status: incoming.statusCode ?? 0,
              fields: answerFields,
              body: Buffer.concat(parts, length),
              connection
            }
            // a turn later the connection is free again, so that the next call takes it
            setImmediate(() => resume(Effect.succeed(answer)))
          })
        })
        return Effect.sync(stop)
      })

    const call = <E = never>(
      asked: HttpCall,
      judge?: (connection: Connection) => Effect.Effect<void, E>
    ): Effect.Effect<HttpAnswer, HttpFailure | E> =>
      Effect.contextWith((context: Context.Context<never>) => {
        const refuse = (detail: string) => Effect.fail(new HttpFailure({ url: asked.url, kind: "connect", detail }))
        if (!URL.canParse(asked.url)) return refuse("not a URL")
        const url = new URL(asked.url)
        if (url.username !== "" || url.password !== "") {
          return Effect.fail(new HttpFailure({ url: url.origin, kind: "connect", detail: "the URL carries a secret" }))
        }
        if (url.protocol !== "http:" && url.protocol !== "https:") return refuse("neither http: nor https:")
        return exchange(asked, url, judge, Effect.runForkWith(context))
      })
    return { call }
  })

/** The client; kept connections are closed with the scope. */
export const layer = (options: HttpClientOptions = {}): Layer.Layer<HttpClient> =>
  Layer.effect(HttpClient, make(options))
