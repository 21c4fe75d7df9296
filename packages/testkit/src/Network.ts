/**
 * The network of a handset: names of servers and where they listen, certificates that count, and what somebody in the middle does to
 * the messages.
 *
 * @layer binding
 */
import type { Connection } from "@oma/sa-policy"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpClient } from "@oma/sa-policy/node"
import { connectionOf, SecureAgent, type SecureAgentOptions } from "@oma/sec-cf-core/tls"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

/** Changes what passes by. It sees both ways, inside TLS too, so it stands at an end of the connection rather than on the wire. */
export interface Meddler {
  readonly request?: (call: HttpHandler.HttpCall) => HttpHandler.HttpCall
  readonly answer?: (answer: HttpExchange.HttpResponse, call: HttpHandler.HttpCall) => HttpExchange.HttpResponse
}

export interface NetworkOptions {
  /** Addresses by name, such as `{ "naf.example.net": "127.0.0.1:8402" }`. A name that is not here is looked up by the system. */
  readonly hosts?: Readonly<Record<string, string>>
  /** The authorities whose server certificates count, in PEM form. */
  readonly authorities?: string
  /** This client's certificate. */
  readonly certificate?: NonNullable<SecureAgentOptions["certificate"]>
  readonly meddler?: Meddler
  /** Is told every exchange, as the handset saw it. */
  readonly onExchange?: (call: HttpHandler.HttpCall, answer: HttpExchange.HttpAnswer) => void
}

/** A way to servers by their names, with the TLS of each connection in the answers. */
export interface Network {
  readonly client: HttpHandler.HttpClient["Service"]
  /** The same with these options for TLS, such as a pre-shared key; its connections close with the scope. */
  readonly over: (tls: SecureAgentOptions) => Effect.Effect<HttpHandler.HttpClient["Service"], never, Scope.Scope>
  /** Where a server is: host and port. */
  readonly addressOf: (name: string) => { readonly host: string; readonly port: number | undefined }
}

const clientOn = (agent: SecureAgent, scope: Scope.Scope) =>
  Layer.buildWithScope(NodeHttpClient.layer({ secureAgent: agent, connectionOf }), scope).pipe(
    Effect.map((context) => Context.get(context, HttpHandler.HttpClient))
  )

/** A network; kept connections are closed with the scope. */
export const make = Effect.fnUntraced(function* (options: NetworkOptions = {}) {
  const scope = yield* Effect.scope
  const { authorities, certificate, hosts = {}, meddler = {}, onExchange } = options
  const clients = new Map<string, HttpHandler.HttpClient["Service"]>()

  const addressOf: Network["addressOf"] = (name) => {
    const known = hosts[name.toLowerCase()]
    if (known === undefined) return { host: name, port: undefined }
    const colon = known.lastIndexOf(":")
    return { host: known.slice(0, colon), port: Number(known.slice(colon + 1)) }
  }

  const opened = Effect.fnUntraced(function* (agent: SecureAgent, at: Scope.Scope) {
    yield* Scope.addFinalizer(
      at,
      Effect.sync(() => agent.destroy())
    )
    return yield* clientOn(agent, at)
  })

  const clientFor = Effect.fnUntraced(function* (name: string) {
    const kept = clients.get(name)
    if (kept !== undefined) return kept
    const agent = new SecureAgent({
      serverName: name,
      ...(authorities !== undefined && { authorities }),
      ...(certificate !== undefined && { certificate })
    })
    const client = yield* opened(agent, scope)
    clients.set(name, client)
    return client
  })

  const through = (
    pick: (name: string) => Effect.Effect<HttpHandler.HttpClient["Service"]>
  ): HttpHandler.HttpClient["Service"] => ({
    call: <E = never>(
      call: HttpHandler.HttpCall,
      judge?: (connection: Connection.Connection) => Effect.Effect<void, E>
    ) =>
      Effect.gen(function* () {
        if (!URL.canParse(call.url)) {
          return yield* new HttpHandler.HttpFailure({ url: call.url, kind: "connect", detail: "not a URL" })
        }
        const url = new URL(call.url)
        const client = yield* pick(url.hostname)
        const { host, port } = addressOf(url.hostname)
        const named = call.fields.some(([name]) => name.toLowerCase() === "host")
        const fields = named ? call.fields : [["Host", url.host] as const, ...call.fields]
        url.hostname = host
        if (port !== undefined) url.port = String(port)
        const sent = { ...call, fields }
        const asked = meddler.request?.(sent) ?? sent
        const answer = yield* client.call({ ...asked, url: url.href }, judge)
        const seen = meddler.answer === undefined ? answer : { ...answer, ...meddler.answer(answer, asked) }
        onExchange?.(asked, seen)
        return seen
      })
  })

  const network: Network = {
    client: through(clientFor),
    over: Effect.fnUntraced(function* (tls) {
      const client = yield* opened(new SecureAgent(tls), yield* Effect.scope)
      return through(() => Effect.succeed(client))
    }),
    addressOf
  }
  return network
})
