/**
 * The servers that `gba.bench.ts` measures: a bootstrapping server, an application server behind GBA, the same without authentication,
 * and bare `node:http`.
 *
 * @layer binding
 */
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Start } from "@oma/bench"
import { InterfaceGuard, KeyVault, Level, MasterKeys, Sad, SecurityEvents, Spd, StoreMemory } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpServer, NodePrimitives } from "@oma/sa-policy/node"
import { Subscribers } from "@oma/sec-cf-core/aka"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import { Bsf, Fqdn, GussSource, NafAuth, NafHttp, Zn } from "@oma/sec-cf-core/gba"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { testBsf, testSubscribers } from "../src/index.ts"

export const bsf = Result.getOrThrow(Fqdn.parse(testBsf))
export const naf = Result.getOrThrow(Fqdn.parse("naf.example.net"))
export const btid = `AAECAwQFBgcICQoLDA0ODw==@${bsf}`
export const ksNaf = new Uint8Array(32).fill(0x5a)
export const said = "a resource of thirty-two octets.\n"

const where = { enabler: "bench", role: "server", interface: "ua" } as const
const policy = {
  ...where,
  clientAuthentication: [{ mode: "gba", over: Level.none }],
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
}

const services = () => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))))
  const state = Layer.mergeAll(Sad.layer(), Spd.layer({ interfaces: [policy], networks: {} })).pipe(
    Layer.provideMerge(vault)
  )
  const home = Layer.mergeAll(
    Subscribers.layerSource.pipe(Layer.provideMerge(Subscribers.layer)),
    GussSource.layer,
    DigestNonces.layer({ lifetimeMillis: 3_600_000 })
  ).pipe(Layer.provideMerge(state))
  return Bsf.layer({ fqdn: bsf, lifetimeMillis: 60_000 }).pipe(Layer.provideMerge(home))
}

/** Zn with one key that never ends. */
const zn = Layer.succeed(Zn.Zn, {
  retrieve: () =>
    Effect.succeed({
      meKeyMaterial: new Uint8Array(ksNaf),
      uiccKeyMaterial: undefined,
      keyExpiryTime: Number.MAX_SAFE_INTEGER,
      bootstrappingInfoCreationTime: 0,
      ussList: [],
      gbaType: "3G_GBA" as const,
      impi: testSubscribers[0].impi
    })
})

const handler = (kind: unknown) =>
  Effect.gen(function* () {
    const resource = Effect.succeed(HttpExchange.response(200, [["Content-Type", "text/plain"]], said))
    if (kind === "open") return (() => resource) as HttpHandler.HttpHandler
    if (kind === "naf") {
      const authenticator = yield* NafAuth.make({ ...where, fqdn: naf, hashes: NodeDigestHash.hashes, qop: ["auth"] })
      return NafHttp.protect(yield* InterfaceGuard.make(where, [authenticator]), "gba", () => resource)
    }
    const subscribers = yield* Subscribers.Subscribers
    for (const { algorithm, impi, k, opc } of testSubscribers) {
      const octets = (text: string) => Bytes.fromHex(text) ?? new Uint8Array(0)
      yield* subscribers.add({ impi, algorithm, k: octets(k), opc: octets(opc) })
    }
    return (yield* Bsf.Bsf).handle
  })

const bare = async () => {
  const octets = Buffer.from(said)
  const type = { "Content-Type": "text/plain", "Content-Length": octets.length }
  const server = Http.createServer((_request, response) => response.writeHead(200, type).end(octets))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

export const start: Start = async ({ kind }) => {
  if (kind === "bare") return bare()
  const scope = Scope.makeUnsafe()
  const listening = await Effect.runPromise(
    Effect.gen(function* () {
      const context = yield* Layer.build(zn.pipe(Layer.provideMerge(services())))
      const made = yield* handler(kind).pipe(Effect.provide(context))
      return yield* NodeHttpServer.listen(made, { host: "127.0.0.1", port: 0 })
    }).pipe(Effect.provideService(Scope.Scope, scope))
  )
  return { port: listening.port, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
