/**
 * PAP over HTTP, the listening side, on `node:http` and `node:https`: a gateway's address for initiators, or an initiator's
 * for result notifications.
 *
 * Answers go out with 202; only authentication and HTTP itself fail with other codes.
 *
 * @spec PAP 2.0 over HTTP; RFC 7617
 * @layer binding
 */
import * as Crypto from "node:crypto"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { PapBody } from "../PapBody.ts"
import { PapNotifications } from "../PapNotifications.ts"
import { PushProxy } from "../PushProxy.ts"

/** A push initiator that may use the gateway. */
export interface PapAccount {
  readonly user: string
  readonly password: Redacted.Redacted
}

export interface PapHttpServerOptions {
  /** 0 takes a free port. */
  readonly port: number
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** Path of the service; `/wappush`. */
  readonly path?: string
  /** Who may post, by HTTP Basic or by `username` and `password` in the query. None: everybody, as `anonymous`. */
  readonly accounts?: ReadonlyArray<PapAccount>
  /** Serves https with these. */
  readonly tls?: Https.ServerOptions
  /** Octets of a request; 262,144. */
  readonly maxRequest?: number
  /** Milliseconds until a request has come whole; 10,000. */
  readonly timeout?: number
  /** 256. */
  readonly maxConnections?: number
}

/** A server that listens. */
export interface Listening {
  readonly url: string
  readonly port: number
}

/** The address could not be listened on. */
export class CannotListen extends Data.TaggedError("CannotListen")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `cannot listen on ${this.host}:${this.port}`
  }
}

type Handle = (initiator: string, request: PapBody) => Effect.Effect<PapBody>

const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text, "utf8").digest()

/** Gives the user of right credentials. Unknown users and wrong passwords take the same way and time. */
const authenticator = (accounts: ReadonlyArray<PapAccount>) => {
  const known = new Map(accounts.map(({ user, password }) => [user, digest(Redacted.value(password))]))
  const nobody = Crypto.randomBytes(32)
  return (user: string, password: string): string | undefined => {
    const right = Crypto.timingSafeEqual(digest(password), known.get(user) ?? nobody)
    return right && known.has(user) ? user : undefined
  }
}

const credentialsOf = (
  request: Http.IncomingMessage,
  url: URL
): readonly [user: string, password: string] | undefined => {
  const found = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(request.headers.authorization ?? "")
  if (found !== null) {
    const pair = Buffer.from(found[1]!, "base64").toString("utf8")
    const colon = pair.indexOf(":")
    return colon < 0 ? undefined : [pair.slice(0, colon), pair.slice(colon + 1)]
  }
  const user = url.searchParams.get("username")
  const password = url.searchParams.get("password")
  return user === null || password === null ? undefined : [user, password]
}

const readBody = (request: Http.IncomingMessage, limit: number): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Uint8Array> = []
    let length = 0
    request.on("data", (chunk: Uint8Array) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else resolve(undefined)
    })
    request.on("end", () => resolve(new Uint8Array(Buffer.concat(chunks))))
    request.on("error", reject)
  })

/** Serves `handle` until the scope closes. */
export const serve = Effect.fnUntraced(function* (
  options: PapHttpServerOptions,
  handle: Handle
): Effect.fn.Return<Listening, CannotListen, Scope.Scope> {
  const host = options.host ?? "127.0.0.1"
  const path = options.path ?? "/wappush"
  const maxRequest = options.maxRequest ?? 262_144
  const authenticate = options.accounts === undefined ? undefined : authenticator(options.accounts)
  const context = yield* Effect.context()
  const run = Effect.runPromiseWith(context)

  const answer = async (request: Http.IncomingMessage, response: Http.ServerResponse): Promise<void> => {
    const refuse = (status: number, headers: Http.OutgoingHttpHeaders = {}) => {
      response.writeHead(status, {
        ...headers,
        "Content-Length": 0,
        ...(request.complete ? {} : { Connection: "close" })
      })
      response.end()
    }
    const target = request.url ?? "/"
    if (!target.startsWith("/") || !URL.canParse(target, "http://gateway")) return refuse(400)
    const url = new URL(target, "http://gateway")
    if (url.pathname !== path) return refuse(404)
    if (request.method !== "POST") return refuse(405, { Allow: "POST" })
    const presented = credentialsOf(request, url)
    const initiator = authenticate === undefined ? "anonymous" : presented && authenticate(...presented)
    if (initiator === undefined) return refuse(401, { "WWW-Authenticate": 'Basic realm="ppg", charset="UTF-8"' })
    if (Number(request.headers["content-length"] ?? 0) > maxRequest) return refuse(413)
    const body = await readBody(request, maxRequest)
    if (body === undefined) return refuse(413)
    const reply = await run(handle(initiator, { contentType: request.headers["content-type"] ?? "", body }))
    response.writeHead(202, { "Content-Type": reply.contentType, "Content-Length": reply.body.length })
    response.end(reply.body)
  }
  const listener: Http.RequestListener = (request, response) => {
    answer(request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { "Content-Length": 0 }).end()
    })
  }

  const server = yield* Effect.acquireRelease(
    Effect.callback<Http.Server, CannotListen>((resume) => {
      const limits = { requestTimeout: options.timeout ?? 10_000, headersTimeout: options.timeout ?? 10_000 }
      const created: Http.Server =
        options.tls === undefined
          ? Http.createServer(limits, listener)
          : Https.createServer({ ...limits, ...options.tls }, listener)
      created.maxConnections = options.maxConnections ?? 256
      created.once("error", (cause) => resume(Effect.fail(new CannotListen({ host, port: options.port, cause }))))
      created.listen(options.port, host, () => resume(Effect.succeed(created)))
    }),
    (running) =>
      Effect.callback<void>((resume) => {
        running.close(() => resume(Effect.void))
        running.closeAllConnections()
      })
  )
  const address = server.address()
  const port = address === null || typeof address === "string" ? options.port : address.port
  const shown = host.includes(":") ? `[${host}]` : host
  return { port, url: `${options.tls === undefined ? "http" : "https"}://${shown}:${port}${path}` }
})

/** Serves the embedded push proxy. */
export const servePushProxy = (
  options: PapHttpServerOptions
): Effect.Effect<Listening, CannotListen, PushProxy | Scope.Scope> =>
  Effect.flatMap(PushProxy, ({ handle }) => serve(options, handle))

/** Serves the initiator's ear for result notifications, on `/notify` unless another path is given. */
export const serveNotifications = (
  options: PapHttpServerOptions
): Effect.Effect<Listening, CannotListen, PapNotifications | Scope.Scope> =>
  Effect.flatMap(PapNotifications, ({ handle }) =>
    serve({ path: "/notify", ...options }, (_gateway, request) => handle(request))
  )

/** The embedded push proxy on HTTP as a layer that provides nothing. */
export const layerPushProxy = (options: PapHttpServerOptions): Layer.Layer<never, CannotListen, PushProxy> =>
  Layer.effectDiscard(servePushProxy(options))
