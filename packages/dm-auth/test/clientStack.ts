/** A device with its own store and vault, and ways to servers: in process or over sockets. */
import { Connection, CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents, type Store } from "@oma/sa-policy"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer, Redacted } from "effect"
import { DmHttp } from "../src/http/index.ts"
import { DeviceTree, DmAccount, type DmAuthType, DmClient, type DmServer, DmServers } from "../src/index.ts"
import { deviceId, password, user } from "./device.ts"

const masterKey = Redacted.make(new Uint8Array(32).fill(7))

export const description: DeviceTree.DeviceDescription = {
  devId: deviceId,
  manufacturer: "Example",
  model: "One",
  software: "2.3"
}

/** A device on `store` that reaches servers by `http`. */
export const clientOn = <E>(
  store: Layer.Layer<Store.Store>,
  http: Layer.Layer<HttpHandler.HttpClient, E>,
  options: DmClient.DmClientOptions = {},
  tree: DeviceTree.TreeOptions = {}
): Layer.Layer<
  | DmClient.DmClient
  | DmServers.DmServers
  | DeviceTree.DeviceTree
  | HttpHandler.HttpClient
  | SecurityEvents.SecurityEvents
> => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerOf({ id: "test", key: masterKey }).pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const stores = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  const parts = Layer.mergeAll(DmServers.layer, DeviceTree.layerMemory(description, tree), http).pipe(
    Layer.provideMerge(stores)
  )
  return DmClient.layer({ retryMillis: 0, ...options }).pipe(Layer.provideMerge(parts), Layer.orDie)
}

export type Handler = (request: HttpExchange.HttpRequest) => Effect.Effect<HttpExchange.HttpResponse>

/** A way to `handler` without sockets: one connection that nobody is in between of for `https:` addresses, a bare one for others. */
export const inProcess = (handler: Handler): Layer.Layer<HttpHandler.HttpClient> => {
  return Layer.succeed(HttpHandler.HttpClient, {
    call: <E = never>(
      call: HttpHandler.HttpCall,
      judge?: (connection: Connection.Connection) => Effect.Effect<void, E>
    ) =>
      Effect.gen(function* () {
        const secure = call.url.startsWith("https:")
        const connection: Connection.Connection = secure
          ? Connection.inProcess("protected")
          : {
              id: "bare",
              transport: "tcp",
              protection: { protocol: "none", level: 0 },
              peer: { address: "127.0.0.1" }
            }
        if (judge !== undefined) yield* judge(connection)
        const { method, url, fields, body } = call
        const response = yield* handler({
          method,
          target: new URL(url).pathname + new URL(url).search,
          fields,
          body,
          connection
        })
        return { ...response, connection }
      })
  })
}

/** The handler of the server that is in the context now. */
export const handlerOf = (url: string) =>
  Effect.map(
    Effect.context<DmServer.DmServer>(),
    (context): Handler =>
      (request) =>
        Effect.provideContext(DmHttp.handler({ url })(request), context)
  )

export const serverSecret = "server secret"

export interface AccountOptions {
  readonly types?: ReadonlyArray<DmAuthType.DmAuthType>
  readonly serverTypes?: ReadonlyArray<DmAuthType.DmAuthType>
  readonly secret?: string
  readonly serverSecret?: string
  readonly preferred?: DmAuthType.DmAuthType
  readonly serverId?: string
}

const every: ReadonlyArray<DmAuthType.DmAuthType> = ["syncml:auth-sha256", "syncml:auth-md5", "syncml:auth-MAC"]

/** Makes the server's account on the device: that of `DmServer` in the tests, unless told otherwise. */
export const addServer = (address: string, options: AccountOptions = {}) =>
  Effect.gen(function* () {
    const servers = yield* DmServers.DmServers
    const { preferred, secret = password, serverId = "dm.example.net", serverTypes = every, types = every } = options
    const auth: ReadonlyArray<DmAccount.AppAuth> = [
      ...types.map(
        (type): DmAccount.AppAuth => ({
          level: "CLCRED",
          type: DmAccount.aAuthType(type),
          name: user,
          secret: Redacted.make(secret)
        })
      ),
      ...serverTypes.map(
        (type): DmAccount.AppAuth => ({
          level: "SRVCRED",
          type: DmAccount.aAuthType(type),
          secret: Redacted.make(options.serverSecret ?? serverSecret)
        })
      )
    ]
    yield* servers.add({ serverId, address, device: deviceId, auth, ...(preferred === undefined ? {} : { preferred }) })
  })
