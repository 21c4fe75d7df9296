import type { Connection } from "@oma/sa-policy"
import type { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { Effect, type Layer, Result } from "effect"
import { DpeHttp } from "../src/http/index.ts"
import { DpeClient, DpeInterface, DpeMessage, type DpeServer } from "../src/index.ts"
import {
  addUser,
  agentOf,
  type Demands,
  endpointsOf,
  entriesOf,
  handlerOf,
  handsetAddress,
  inProcess,
  type Network,
  type Services,
  secureUris,
  serverOf,
  services
} from "./support.ts"

export const connectionOf = (address: string, secure = false): Connection.Connection => ({
  id: "c",
  transport: "tcp",
  protection: secure ? { protocol: "tls", level: 3 } : { protocol: "none", level: 0 },
  peer: { address }
})

/** One raw request, as a program that is no client of ours would send it. */
export const post = (
  server: DpeServer.DpeServer,
  of: DpeInterface.DpeInterface,
  message: DpeMessage.DpeMessage,
  fields: HttpExchange.HttpFields = [],
  connection = connectionOf(handsetAddress)
) =>
  DpeHttp.handler(server, of, { secureUris })({
    method: "POST",
    target: DpeInterface.defaultPaths[of],
    fields: [["Host", "dpe.example.net"], ["Content-Type", DpeInterface.mediaType], ...fields],
    body: Result.getOrThrow(DpeMessage.encode(message)),
    connection
  })

export const messageOf = ({ body }: HttpExchange.HttpResponse) => Result.getOrThrow(DpeMessage.decode(body))

export const registration: DpeMessage.MessageOf<"RegistrationRequest"> = {
  _tag: "RegistrationRequest",
  messageId: "1",
  deviceId: "phone",
  version: "1.0"
}

export interface World {
  readonly server: DpeServer.DpeServer
  /** What went out of the clients. */
  readonly sent: Array<HttpExchange.HttpRequest>
  readonly network: { current: Network }
  readonly http: Layer.Layer<HttpHandler.HttpClient>
  readonly client: (
    user: string,
    more?: Partial<DpeClient.DpeClientOptions>
  ) => Effect.Effect<DpeClient.DpeClient, never, Services>
}

/** A server under the policies of the context with alice and bob, and a way to make clients on a network that the test shapes. */
export const makeWorld = Effect.fnUntraced(function* (
  options: Partial<DpeServer.DpeServerOptions> = {}
): Effect.fn.Return<World, never, Services> {
  yield* Effect.orDie(addUser("alice"))
  yield* Effect.orDie(addUser("bob"))
  const server = yield* Effect.orDie(serverOf(options))
  const sent: Array<HttpExchange.HttpRequest> = []
  const network: { current: Network } = { current: {} }
  const http = inProcess(handlerOf(server), () => ({ seen: (request) => sent.push(request), ...network.current }))
  const client = Effect.fnUntraced(function* (user: string, more: Partial<DpeClient.DpeClientOptions> = {}) {
    const interfaceOf = Effect.fnUntraced(function* (of: DpeInterface.DpeInterface) {
      return { endpoints: endpointsOf(of), digest: yield* agentOf(user) }
    })
    return yield* DpeClient.make({
      deviceId: "phone",
      dpe1: yield* interfaceOf("dpe-1"),
      dpe2: yield* interfaceOf("dpe-2"),
      ...more
    }).pipe(Effect.provide(http))
  })
  return { server, sent, network, http, client }
})

const anything = ["digest", "certificate", "external", "none"]

/** The services of a server under `server` and of clients that take anything, or what `client` says. */
export const under = (server: Demands, client: Demands = {}) =>
  services([
    ...entriesOf("client", {
      "dpe-1": { clientAuthentication: anything },
      "dpe-2": { clientAuthentication: anything },
      "dpe-3": { clientAuthentication: anything },
      ...client
    }),
    ...entriesOf("server", server)
  ])
