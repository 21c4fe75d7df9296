/**
 * The servers that `digest.bench.ts` measures: one behind our gate by Digest, and bare `node:http`.
 *
 * @layer binding
 */
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Start } from "@oma/bench"
import {
  Connection,
  CredentialStore,
  InterfaceGuard,
  KeyVault,
  Level,
  MasterKeys,
  Sad,
  SecurityEvents,
  Spd,
  StoreMemory
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import {
  DigestAuthenticator,
  DigestNonces,
  DigestVerifiers,
  NodeDigestHash,
  NodeDigestRequest
} from "../src/digest/index.ts"

export const realm = "3GPP-bootstrapping@naf1.home1.net"
export const user = { username: "alice", realm, password: "wonderland" }
export const said = "a resource of thirty-two octets.\n"

const name = { enabler: "bench", role: "server", interface: "ua" } as const
const policy = {
  ...name,
  clientAuthentication: [{ mode: "digest", over: Level.none }],
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
}

const services = () => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))))
  const state = Layer.mergeAll(CredentialStore.layer, Sad.layer(), Spd.layer({ interfaces: [policy], networks: {} }))
  return DigestNonces.layer({ lifetimeMillis: 3_600_000 }).pipe(
    Layer.provideMerge(state.pipe(Layer.provideMerge(vault)))
  )
}

/** The guard over a memory store with one account, and the services that it runs in. */
const openGate = async () => {
  const runtime = ManagedRuntime.make(services())
  const guard = await runtime.runPromise(
    Effect.gen(function* () {
      const credentials = yield* CredentialStore.CredentialStore
      const digest = DigestVerifiers.accountDigest(NodeDigestHash.hashes, ["MD5", "SHA-256"], user)
      yield* credentials.add({ enabler: "bench", id: user.username, ...digest })
      const verifiers = yield* DigestVerifiers.fromAccounts("bench")
      const hashes = NodeDigestHash.hashes
      const authenticator = yield* DigestAuthenticator.make({ ...name, realm, verifiers, hashes, algorithms: ["MD5"] })
      return yield* InterfaceGuard.make(name, [authenticator])
    })
  )
  return { guard, runtime }
}

const octets = Buffer.from(said)
const nothing = new Uint8Array(0)
const type = { "Content-Type": "text/plain", "Content-Length": octets.length }

const listen = async (handler: Http.RequestListener, end: () => Promise<void>) => {
  const server = Http.createServer(handler).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await end()
    }
  }
}

export const start: Start = async ({ kind }) => {
  if (kind === "bare") {
    return listen(
      (_request, response) => response.writeHead(200, type).end(octets),
      async () => undefined
    )
  }
  const { guard, runtime } = await openGate()
  const context = await runtime.context()
  const connection = Connection.inProcess("http")
  const fork = Effect.runForkWith(context)
  const serve = (request: Http.IncomingMessage, response: Http.ServerResponse) =>
    Effect.flatMap(
      guard.admit(connection, NodeDigestRequest.facts(request), NodeDigestRequest.credentials(request)),
      (admission) => {
        if (admission._tag === "Challenge") {
          const fields = admission.challenges.flatMap((challenge) => challenge.fields)
          response.writeHead(401, { "WWW-Authenticate": fields, "Content-Length": 0 }).end()
          return Effect.void
        }
        if (admission._tag !== "Admitted" || admission.reply === undefined) {
          response.writeHead(400, { "Content-Length": 0 }).end()
          return Effect.void
        }
        return Effect.map(admission.reply.authenticationInfo(nothing), (info) => {
          response.writeHead(200, { ...type, "Authentication-Info": info }).end(octets)
        })
      }
    )
  return listen(
    (request, response) => fork(serve(request, response)),
    () => runtime.dispose()
  )
}
