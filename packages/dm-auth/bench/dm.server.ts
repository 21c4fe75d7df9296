/**
 * The servers that `server.bench.ts` measures: the DM server behind the front door of Node, and bare `node:http` that reads the same body
 * and answers a fixed one.
 *
 * @layer binding
 */
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Start } from "@oma/bench"
import { CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { NodeHttpServer, NodePrimitives } from "@oma/sa-policy/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { DmHttp } from "../src/http/index.ts"
import { DmAccounts, DmHandler, DmNonces, DmServer, DmSessions } from "../src/index.ts"

export const devices = 16
export const deviceOf = (number: number): string => `IMEI:4930051005928${10 + number}`
export const userOf = (number: number): string => `user${number}`
export const secret = "OhBehave"

/** Octets of the fixed answer: those of the server's 212 with four Gets, in XML. */
const fixed = Buffer.alloc(1700, "a")

const bare = async () => {
  const server = Http.createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      Buffer.concat(parts)
      response.writeHead(200, { "Content-Type": "application/vnd.syncml.dm+xml", "Content-Length": fixed.length })
      response.end(fixed)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const services = () => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))))
  const stores = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  const parts = Layer.mergeAll(DmAccounts.layer, DmNonces.layer, DmSessions.layer, DmHandler.layerResponder)
  return DmServer.layer().pipe(Layer.provideMerge(parts.pipe(Layer.provideMerge(stores))))
}

export const start: Start = async ({ kind }) => {
  if (kind === "bare") return bare()
  const runtime = ManagedRuntime.make(services())
  const scope = Scope.makeUnsafe()
  const { port } = await runtime.runPromise(
    Effect.gen(function* () {
      const accounts = yield* DmAccounts.DmAccounts
      for (let number = 0; number < devices; number++) {
        yield* accounts.add({
          device: deviceOf(number),
          client: { user: userOf(number), secret: Redacted.make(secret) },
          server: { user: "dm.example.net", secret: Redacted.make(`server ${number}`) }
        })
      }
      const handler = DmHttp.handler({ url: "http://dm.example.net/dm" })
      return yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0 })
    }).pipe(Effect.provideService(Scope.Scope, scope))
  )
  return {
    port,
    stop: async () => {
      await runtime.runPromise(Scope.close(scope, Exit.void))
      await runtime.dispose()
    }
  }
}
