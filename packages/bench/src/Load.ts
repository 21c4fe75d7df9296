/**
 * A keep-alive HTTP client that keeps a number of connections busy, and the sampler that sets what it got done against the
 * processor time of the server.
 *
 * @layer binding
 */
import * as Http from "node:http"
import * as Https from "node:https"
import type { Sampler } from "./Comparison.ts"
import type { Server } from "./Server.ts"

export interface Request {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

export interface Response {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
}

/** One connection: requests go out one after the other on the same socket. */
export interface Connection {
  /** 0, 1, 2 ...: tells the connections of one load apart. */
  readonly number: number
  readonly request: (request: Request) => Promise<Response>
  readonly close: () => void
}

export interface LoadOptions {
  /** Connections that are busy at the same time. */
  readonly connections?: number
  /** Milliseconds that one sample takes. */
  readonly millis?: number
  /** Speaks TLS with these settings. */
  readonly tls?: Https.AgentOptions
  /**
   * One exchange on one connection; returns the requests that it made. It throws on an answer that it
   * did not expect: a server that refuses everything would be fast.
   */
  readonly exchange: (connection: Connection) => Promise<number>
}

/** A connection to a loopback `port`. */
export const connect = (port: number, number: number, tls?: Https.AgentOptions): Connection => {
  const options = { keepAlive: true, maxSockets: 1 }
  const agent = tls === undefined ? new Http.Agent(options) : new Https.Agent({ ...tls, ...options })
  const send = tls === undefined ? Http.request : Https.request
  return {
    number,
    request: ({ method = "GET", path, headers, body }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }
        const request = send(
          { host: "127.0.0.1", port, method, path, agent, headers: { ...length, ...headers } },
          (response) => {
            const chunks: Array<Buffer> = []
            response.on("data", (chunk: Buffer) => chunks.push(chunk))
            response.on("end", () =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
            )
            response.on("error", reject)
          }
        )
        request.on("error", reject)
        request.end(body)
      }),
    close: () => agent.destroy()
  }
}

/** Requests a second of the server's processor time. The connections stay open from sample to sample. */
export const load = (server: Server, options: LoadOptions): Sampler => {
  const connections = Array.from({ length: options.connections ?? 16 }, (_, i) => connect(server.port, i, options.tls))
  return async () => {
    const before = await server.cpu()
    const until = process.hrtime.bigint() + BigInt(Math.round((options.millis ?? 400) * 1e6))
    let requests = 0
    await Promise.all(
      connections.map(async (connection) => {
        while (process.hrtime.bigint() < until) {
          // awaited first: `requests += await ...` would read the sum before the wait and lose what others added meanwhile
          const made = await options.exchange(connection)
          requests += made
        }
      })
    )
    const spent = (await server.cpu()) - before
    return requests / (Math.max(spent, 1) / 1e6)
  }
}
