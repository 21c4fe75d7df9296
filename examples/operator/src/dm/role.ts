/**
 * The DM server of the operator, over HTTP and HTTPS.
 *
 * @layer binding
 */
import { DmAccounts, DmAuthType, DmHandler, DmNonces, DmServer, DmSessions } from "@oma/dm-auth"
import { DmHttp } from "@oma/dm-auth/http"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { connectionOf, type DevelopmentCa, httpsServer, loopbackNames } from "@oma/sec-cf-core/tls"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Options } from "../Options.ts"
import { portOf } from "../Places.ts"
import type { DemoAccount, Role } from "../Role.ts"
import { demoAccounts } from "./accounts.ts"
import { stories } from "./stories.ts"

const path = "/dm"
const name = "mgmt.example.net"

const provision = Effect.fnUntraced(function* (demo: DemoAccount) {
  const accounts = yield* DmAccounts.DmAccounts
  const { device = demo.user, secret, serverId, serverSecret, user } = demo
  yield* accounts
    .add({
      device,
      client: { user, secret: Redacted.make(secret) },
      types: demo.modes.filter(DmAuthType.isDmAuthType),
      syncml10: true,
      ...(serverId === undefined || serverSecret === undefined
        ? {}
        : { server: { user: serverId, secret: Redacted.make(serverSecret) } })
    })
    // it is there from an earlier start
    .pipe(Effect.catchTag("Conflict", () => Effect.void))
})

const layer = DmServer.layerSpd().pipe(
  Layer.provide(Layer.mergeAll(DmNonces.layer, DmSessions.layer)),
  Layer.provide(DmHandler.layerResponder),
  Layer.provideMerge(DmAccounts.layer)
)

/** Starts both servers. */
export const start = Effect.fnUntraced(function* (options: Options, ca: DevelopmentCa) {
  const services = yield* Layer.build(layer)
  yield* Effect.provide(Effect.forEach(demoAccounts, provision), services)
  const certificate = yield* ca.issue({ label: "dm", names: [name, ...loopbackNames] }, yield* Clock.currentTimeMillis)
  const secure = httpsServer({ certificate })
  yield* Effect.addFinalizer(() => Effect.promise(() => secure.close()))
  const listen = (place: "dm" | "dmTls", scheme: "http" | "https", options2: Partial<NodeHttpServer.ListenOptions>) =>
    Effect.gen(function* () {
      // the address goes into RespURI, and with port 0 it is known only once the server listens
      let url = ""
      const { port } = yield* NodeHttpServer.listen((request) => DmHttp.handler({ url })(request), {
        host: options.host,
        port: portOf(options.port, place),
        ...options2
      })
      url = `${scheme}://${options.host}:${port}${path}`
      return url
    }).pipe(Effect.provide(services))
  const dm = yield* listen("dm", "http", {})
  const dmTls = yield* listen("dmTls", "https", { server: secure.server, connectionOf })
  const role: Role = {
    title: "Device Management, XML and WBXML",
    endpoints: { dm, dmTls },
    names: { dm: name },
    accounts: demoAccounts,
    subscribers: [],
    stories: stories(demoAccounts, { dm, dmTls, ca: ca.certificate })
  }
  return role
})
