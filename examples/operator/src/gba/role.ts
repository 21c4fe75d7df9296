/**
 * The bootstrapping server and the application servers of the operator.
 *
 * @layer binding
 */
import { type Identity, InterfaceGuard, Store } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { Subscribers } from "@oma/sec-cf-core/aka"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import {
  Bsf,
  BTid,
  Fqdn,
  GussSource,
  type Ks,
  NafAuth,
  NafHttp,
  NafPsk,
  Nbsp,
  ZnHttpServer,
  ZnLocal
} from "@oma/sec-cf-core/gba"
import {
  connectionOf,
  type DevelopmentCa,
  httpsServer,
  loopbackNames,
  pskTable,
  TlsProfile,
  tellSecurityEvents,
  usesPsk
} from "@oma/sec-cf-core/tls"
import { type TestSubscriber, testBsf } from "@oma/testkit"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Options } from "../Options.ts"
import { portOf } from "../Places.ts"
import type { Role } from "../Role.ts"
import * as Derivations from "./derivations.ts"
import * as Simservs from "./Simservs.ts"
import { stories } from "./stories.ts"
import { demoSubscribers, shortLived, told } from "./subscribers.ts"
import * as Xcap from "./Xcap.ts"

const names = { bsf: testBsf, naf: "naf.example.net", nafPsk: "naf-psk.example.net" } as const
/** The application of the demonstration servers in the settings of subscribers. */
const GS_ID = 1
const fqdn = (name: string): Fqdn.Fqdn => Result.getOrThrow(Fqdn.parse(name))
const lifetimeMillis = 86_400_000

/** Prints derivations of demonstration subscribers, whose keys are known to everybody, and of nobody else. */
const observer = (options: Options): Ks.DerivationObserver | undefined =>
  options.showDerivations
    ? (derivation) => {
        const impi = Derivations.impiOf(derivation)
        if ([...demoSubscribers, shortLived].some((demo) => demo.impi === impi)) {
          process.stdout.write(`${Derivations.print(derivation)}\n`)
        }
      }
    : undefined

const provision = Effect.fnUntraced(function* (demo: TestSubscriber, lifetime?: number) {
  const subscribers = yield* Subscribers.Subscribers
  const settings = yield* GussSource.GussSource
  const { algorithm, impi, impu } = demo
  const octets = (hex: string) => Bytes.fromHex(hex) ?? new Uint8Array(0)
  yield* subscribers
    .add({ impi, algorithm, k: octets(demo.k), opc: octets(demo.opc), amf: octets(demo.amf) })
    // it is there from an earlier start, with the SQN that it has reached
    .pipe(Effect.catchTag("Conflict", () => Effect.void))
  yield* settings.put({
    impi,
    uiccType: "GBA",
    ...(lifetime !== undefined && { lifetime }),
    uss: [{ gsId: GS_ID, gsType: 0, uids: [impu], flags: [] }]
  })
})

const layer = (options: Options) => {
  const onDerivation = observer(options)
  const home = Layer.mergeAll(
    Subscribers.layerSource.pipe(Layer.provideMerge(Subscribers.layer)),
    GussSource.layer,
    DigestNonces.layer()
  )
  const bsf = Bsf.layer({
    fqdn: fqdn(names.bsf),
    lifetimeMillis,
    ...(onDerivation !== undefined && { onDerivation })
  }).pipe(Layer.provideMerge(home))
  const own: ReadonlyArray<string> = [names.naf, names.nafPsk]
  return ZnLocal.layer({ name: "the operator's own servers", answersFor: (name) => own.includes(name) }).pipe(
    Layer.provideMerge(bsf)
  )
}

/** Says who asks and how that was proved. */
const whoAmI = ({ connection, method, target }: HttpExchange.HttpRequest, identity: Identity.Identity) => {
  const { protection, serverName } = connection
  const said = {
    request: `${method} ${target}`,
    you: identity._tag === "Anonymous" ? { anonymous: true } : identity,
    connection: {
      serverName,
      protocol: protection.protocol,
      version: protection.version,
      suite: protection.suite?.iana
    }
  }
  return HttpExchange.response(200, [["Content-Type", "application/json"]], `${JSON.stringify(said, null, 2)}\n`)
}

const documentsBeside =
  (
    documents: Effect.Success<typeof Xcap.make>
  ): ((request: HttpExchange.HttpRequest, identity: Identity.Identity) => Effect.Effect<HttpExchange.HttpResponse>) =>
  (request, identity) =>
    HttpExchange.pathOf(request.target).startsWith(`/${Simservs.AUID}/`)
      ? documents(request, identity)
      : Effect.succeed(whoAmI(request, identity))

const bootstrappings = "operator/bootstrappings"

/**
 * Has the keys of PSK-TLS in memory before a handshake asks for them: of the bootstrappings of earlier starts, and of each new one.
 */
const keepKeysReady = Effect.fnUntraced(function* (psk: NafPsk.NafPsk) {
  const bsf = yield* Bsf.Bsf
  const store = yield* Store.Store
  const load = (btid: BTid.BTid) => Effect.ignore(psk.load(btid))
  const now = yield* Clock.currentTimeMillis
  let after: string | undefined
  do {
    const page = yield* store.records(bootstrappings, { now, limit: 1000, ...(after !== undefined && { after }) })
    for (const { key } of page) {
      const btid = BTid.parse(key)
      if (Result.isSuccess(btid)) yield* load(btid.success)
    }
    after = page.at(-1)?.key
  } while (after !== undefined)
  yield* bsf.watch((btid) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const operation = Store.putRecord(bootstrappings, btid, new Uint8Array(0), "any", now + lifetimeMillis)
      yield* Effect.ignore(store.transact([operation], now))
      yield* load(btid)
    })
  )
})

/** The application server behind PSK-TLS. */
const startPsk = Effect.fnUntraced(function* (options: Options, resource: ReturnType<typeof documentsBeside>) {
  const where = { enabler: "gba", interface: "ua-psk" } as const
  const profile = TlsProfile.psk()
  const psk = yield* NafPsk.make({
    ...where,
    fqdn: fqdn(names.nafPsk),
    suites: profile.suites.filter(usesPsk).map(({ code }) => code),
    table: pskTable(),
    gsIds: [GS_ID]
  })
  yield* keepKeysReady(psk)
  const guard = yield* InterfaceGuard.make({ ...where, role: "server" }, [psk.authenticator])
  const secure = httpsServer({
    profile,
    psk: { hint: NafPsk.hint(), lookup: psk.lookup },
    onEvent: yield* tellSecurityEvents(where)
  })
  yield* Effect.addFinalizer(() => Effect.promise(() => secure.close()))
  const handler: HttpHandler.HttpHandler = (request) =>
    guard.admit(request.connection, undefined, NafPsk.present(request.connection.peer.pskIdentity)).pipe(
      Effect.flatMap((admission) =>
        admission._tag === "Admitted"
          ? resource(request, admission.identity)
          : Effect.succeed(HttpExchange.refusal(403, "Forbidden", [["Connection", "close"]]))
      ),
      Effect.catchTag(["NoPolicy", "Unavailable"], () =>
        Effect.succeed(HttpExchange.refusal(503, "Service Unavailable", [["Retry-After", "5"]]))
      )
    )
  return yield* NodeHttpServer.listen(handler, {
    host: options.host,
    port: portOf(options.port, "nafPsk"),
    server: secure.server,
    connectionOf
  })
})

/** The application server by HTTP Digest inside TLS. */
const startNaf = Effect.fnUntraced(function* (
  options: Options,
  ca: DevelopmentCa,
  resource: ReturnType<typeof documentsBeside>
) {
  const where = { enabler: "gba", interface: "ua" } as const
  const authenticator = yield* NafAuth.make({
    ...where,
    fqdn: fqdn(names.naf),
    hashes: NodeDigestHash.hashes,
    algorithms: ["SHA-256", "MD5"],
    gsIds: [GS_ID]
  })
  const guard = yield* InterfaceGuard.make({ ...where, role: "server" }, [authenticator])
  const now = yield* Clock.currentTimeMillis
  const certificate = yield* ca.issue({ label: "naf", names: [names.naf, ...loopbackNames] }, now)
  const secure = httpsServer({ certificate, onEvent: yield* tellSecurityEvents(where) })
  yield* Effect.addFinalizer(() => Effect.promise(() => secure.close()))
  return yield* NodeHttpServer.listen(NafHttp.protect(guard, "gba", resource), {
    host: options.host,
    port: portOf(options.port, "naf"),
    server: secure.server,
    connectionOf
  })
})

/** Zn for application servers elsewhere: their certificate says for which names they may ask. */
const startZn = Effect.fnUntraced(function* (options: Options, ca: DevelopmentCa) {
  const now = yield* Clock.currentTimeMillis
  const secure = httpsServer({
    certificate: yield* ca.issue({ label: "zn", names: [names.bsf, ...loopbackNames] }, now),
    clients: { authorities: ca.certificate },
    onEvent: yield* tellSecurityEvents({ enabler: "gba", interface: "Zn" })
  })
  yield* Effect.addFinalizer(() => Effect.promise(() => secure.close()))
  const zn = yield* ZnHttpServer.make({
    principalOf: ({ connection }) => Effect.succeed(ZnHttpServer.principalByCertificate(connection))
  })
  return yield* NodeHttpServer.listen(HttpHandler.route({ [Nbsp.PATH]: zn }), {
    host: options.host,
    port: portOf(options.port, "zn"),
    server: secure.server,
    connectionOf
  })
})

/** Starts all four servers. */
export const start = Effect.fnUntraced(function* (options: Options, ca: DevelopmentCa) {
  const services = yield* Layer.build(layer(options))
  return yield* Effect.gen(function* () {
    yield* Effect.forEach(demoSubscribers, (demo) => provision(demo))
    yield* provision(shortLived, 1)
    const bsf = yield* Bsf.Bsf
    const resource = documentsBeside(yield* Xcap.make)
    const ub = yield* NodeHttpServer.listen(bsf.handle, { host: options.host, port: portOf(options.port, "ub") })
    const naf = yield* startNaf(options, ca, resource)
    const nafPsk = yield* startPsk(options, resource)
    const zn = yield* startZn(options, ca)
    const at = ({ port }: NodeHttpServer.Listening) => `${options.host}:${port}`
    const subscribers = yield* Subscribers.Subscribers
    const role: Role = {
      title: "Generic Bootstrapping Architecture",
      endpoints: {
        ub: `http://${at(ub)}/`,
        naf: `https://${at(naf)}/`,
        nafPsk: `https://${at(nafPsk)}/`,
        zn: `https://${at(zn)}${Nbsp.PATH}`
      },
      names: { ...names, ub: names.bsf, zn: names.bsf },
      accounts: [],
      subscribers: demoSubscribers.map(told),
      stories: stories({
        ca,
        names,
        hosts: { [names.bsf]: at(ub), [names.naf]: at(naf), [names.nafPsk]: at(nafPsk) },
        zn: at(zn),
        sqn: (impi) => Effect.orDie(subscribers.sqn(impi))
      })
    }
    return role
  }).pipe(Effect.provide(services))
})
