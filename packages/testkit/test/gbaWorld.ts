import { InterfaceGuard, KeyVault, Level, MasterKeys, Sad, SecurityEvents, Spd, StoreMemory } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpServer, NodePrimitives } from "@oma/sa-policy/node"
import { Subscribers } from "@oma/sec-cf-core/aka"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import { Bsf, Fqdn, GussSource, NafAuth, NafHttp, NafPsk, type Zn, ZnLocal } from "@oma/sec-cf-core/gba"
import { connectionOf, httpsServer, pskTable, TlsProfile, usesPsk } from "@oma/sec-cf-core/tls"
import { Handset, type TestSubscriber, testBsf, testSubscribers } from "@oma/testkit"
import { Effect, Layer, Result } from "effect"

const ok = Result.getOrThrow
export const bsfName = ok(Fqdn.parse(testBsf))
export const nafName = ok(Fqdn.parse("naf.example.net"))
export const otherName = ok(Fqdn.parse("xcap.example.net"))
export const pskName = ok(Fqdn.parse("psk.example.net"))
const names = [nafName, otherName, pskName]

const entry = (name: string, mode: string): Parameters<typeof Spd.layer>[0]["interfaces"][number] => ({
  enabler: "test",
  role: "server",
  interface: name,
  clientAuthentication: [{ mode, over: Level.none }],
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
})
const policy: Parameters<typeof Spd.layer>[0] = {
  interfaces: [entry("ua", "gba"), entry("ua2", "gba"), entry("psk", "psk-tls")],
  networks: {}
}

export type World =
  | Bsf.BsfNeeds
  | Bsf.Bsf
  | DigestNonces.DigestNonces
  | MasterKeys.MasterKeys
  | Spd.Spd
  | Subscribers.Subscribers
  | Zn.Zn

/** Everything that a bootstrapping server and three application servers stand on. */
export const world = (options: Partial<Bsf.BsfOptions> = {}): Layer.Layer<World> => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(
    Layer.provideMerge(Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground)))
  )
  const state = Layer.mergeAll(Sad.layer(), Layer.orDie(Spd.layer(policy))).pipe(Layer.provideMerge(vault))
  const home = Layer.mergeAll(
    Subscribers.layerSource.pipe(Layer.provideMerge(Subscribers.layer)),
    GussSource.layer,
    Layer.orDie(DigestNonces.layer())
  ).pipe(Layer.provideMerge(state))
  const bsf = Bsf.layer({ fqdn: bsfName, ...options }).pipe(Layer.provideMerge(home))
  return ZnLocal.layer({ name: "naf", answersFor: (fqdn) => names.includes(fqdn) }).pipe(Layer.provideMerge(bsf))
}

export const provision = Effect.gen(function* () {
  const subscribers = yield* Subscribers.Subscribers
  for (const { algorithm, impi, k, opc } of testSubscribers) {
    yield* subscribers.add({ impi, algorithm, k: Bytes.fromHex(k)!, opc: Bytes.fromHex(opc)! })
  }
})

/** What the servers' answers become on their way out. */
export interface Servers {
  readonly ub?: (handler: HttpHandler.HttpHandler) => HttpHandler.HttpHandler
  readonly ua?: (handler: HttpHandler.HttpHandler) => HttpHandler.HttpHandler
}

const loopback = { host: "127.0.0.1", port: 0 }
const who: NafHttp.Resource<never> = (request, identity) =>
  Effect.succeed(
    HttpExchange.response(
      200,
      [],
      `${identity._tag === "Authenticated" ? `${identity.subject} by ${identity.method}` : "nobody"} ${new TextDecoder().decode(request.body)}`
    )
  )

/** Starts the servers on free ports and gives the addresses by name. */
export const servers = Effect.fnUntraced(function* (change: Servers = {}) {
  const bsf = yield* Bsf.Bsf
  const same = (handler: HttpHandler.HttpHandler) => handler
  const ub = yield* NodeHttpServer.listen((change.ub ?? same)(bsf.handle), loopback)
  const naf = Effect.fnUntraced(function* (fqdn: Fqdn.Fqdn, name: string) {
    const where = { enabler: "test", interface: name } as const
    const authenticator = yield* NafAuth.make({ ...where, fqdn, hashes: NodeDigestHash.hashes, kinds: ["me"] })
    const guard = yield* InterfaceGuard.make({ ...where, role: "server" }, [authenticator])
    const handler = NafHttp.protect(guard, "gba", who)
    return yield* NodeHttpServer.listen((change.ua ?? same)(handler), loopback)
  })
  const first = yield* naf(nafName, "ua")
  const second = yield* naf(otherName, "ua2")

  const where = { enabler: "test", interface: "psk" } as const
  const profile = TlsProfile.psk()
  const psk = yield* NafPsk.make({
    ...where,
    fqdn: pskName,
    suites: profile.suites.filter(usesPsk).map(({ code }) => code),
    table: pskTable()
  })
  yield* bsf.watch((btid) => Effect.ignore(psk.load(btid)))
  const guard = yield* InterfaceGuard.make({ ...where, role: "server" }, [psk.authenticator])
  const secure = httpsServer({ profile, psk: { hint: NafPsk.hint(), lookup: psk.lookup } })
  yield* Effect.addFinalizer(() => Effect.promise(() => secure.close()))
  const keyed = yield* NodeHttpServer.listen(
    (request) =>
      guard.admit(request.connection, undefined, NafPsk.present(request.connection.peer.pskIdentity)).pipe(
        Effect.flatMap((admission) =>
          admission._tag === "Admitted"
            ? who(request, admission.identity)
            : Effect.succeed(HttpExchange.refusal(403, "Forbidden"))
        ),
        Effect.catchTag(["NoPolicy", "Unavailable"], () => Effect.succeed(HttpExchange.refusal(503, "")))
      ),
    { ...loopback, server: secure.server, connectionOf }
  )
  return {
    psk,
    hosts: {
      [bsfName]: `127.0.0.1:${ub.port}`,
      [nafName]: `127.0.0.1:${first.port}`,
      [otherName]: `127.0.0.1:${second.port}`,
      [pskName]: `127.0.0.1:${keyed.port}`
    }
  }
})

/** A handset of `subscriber` (the first one unless given) in the network of these servers. */
export const handset = (
  hosts: Readonly<Record<string, string>>,
  options: Partial<Handset.HandsetOptions> & { readonly subscriber?: TestSubscriber } = {}
) => Handset.make({ subscriber: testSubscribers[0], bsf: testBsf, hosts, ...options })

export const text = ({ body }: HttpExchange.HttpResponse): string => new TextDecoder().decode(body)
