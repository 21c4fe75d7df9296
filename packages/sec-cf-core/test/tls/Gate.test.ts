import * as Net from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "@oma/peers"
import { ClientGuard, InterfaceGuard, SecurityEvents, type SecurityPolicy, Spd } from "@oma/sa-policy"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpClient, NodeHttpServer } from "@oma/sa-policy/node"
import { Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import {
  certificateAuthenticator,
  connectionOf,
  connectSecure,
  httpsServer,
  loopbackNames,
  openDevelopmentCa,
  presentedBy,
  pskAuthenticator,
  SecureAgent,
  type ServerOptions,
  serverProofs,
  TlsProfile,
  tellSecurityEvents,
  tlsServer
} from "../../src/tls/index.ts"
import { eventually, listen } from "./Support.ts"

const identity = "3GPP-bootstrapping;btid@bsf"
const key = new Uint8Array(32).fill(7)
const now = Date.now()

const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

const entry = (role: SecurityPolicy.Role, modes: ReadonlyArray<string>): SecurityPolicy.InterfacePolicy => ({
  enabler: "test",
  role,
  interface: "t-1",
  clientAuthentication: modes.map((mode) => ({ mode, over: 3 })),
  serverAuthentication: modes.map((mode) => ({ mode, over: 3 })),
  connection: 3,
  push: 0,
  lifetimes: {},
  limits: {}
})
const gate = (modes: ReadonlyArray<string>) =>
  Spd.layer({ interfaces: [entry("server", modes), entry("client", modes)], networks: {} }).pipe(
    Layer.provideMerge(SecurityEvents.layer())
  )

/** An HTTPS server behind the gate that answers who it admitted, and one call of an HTTP client that judges the server. */
const exchange = Effect.fnUntraced(function* (options: ServerOptions, agent: SecureAgent, ends = now + 60_000) {
  const guard = yield* InterfaceGuard.make({ enabler: "test", role: "server", interface: "t-1" }, [
    pskAuthenticator<string>((who) =>
      Effect.succeed(who === identity ? { subject: "btid@bsf", kind: "b-tid", notAfter: ends } : undefined)
    ),
    certificateAuthenticator<string>()
  ])
  const handler: HttpHandler.HttpHandler = ({ connection, target }) =>
    Effect.map(Effect.orDie(guard.admit(connection, target, presentedBy(connection))), (admission) => {
      if (admission._tag === "Refused") return HttpExchange.response(403, [], admission.reason)
      if (admission._tag !== "Admitted" || admission.identity._tag !== "Authenticated") {
        return HttpExchange.response(401, [], admission._tag)
      }
      return HttpExchange.response(
        200,
        [],
        `${admission.mode} ${admission.identity.subject} ${admission.identity.kind}`
      )
    })
  const { server } = httpsServer(options)
  const { port } = yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0, server, connectionOf })
  yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
  const services = yield* Effect.context<Spd.Spd | SecurityEvents.SecurityEvents>()
  const call = Effect.gen(function* () {
    const client = yield* HttpHandler.HttpClient
    let server = ""
    const answer = yield* client.call(
      { method: "GET", url: `https://127.0.0.1:${port}/`, fields: [], body: new Uint8Array(0) },
      (connection) =>
        Effect.provideContext(
          Effect.map(
            ClientGuard.judge(
              { enabler: "test", role: "client", interface: "t-1" },
              connection,
              serverProofs(connection, now)
            ),
            (proved) => {
              server = proved._tag === "Authenticated" ? `${proved.method} ${proved.subject}` : "nobody"
            }
          ),
          services
        )
    )
    return [server, `${answer.status} ${new TextDecoder().decode(answer.body)}`] as const
  })
  return yield* Effect.provide(call, NodeHttpClient.layer({ secureAgent: agent, connectionOf }))
})

const keyed = (who = identity) => ({
  serverName: "naf.example.net",
  psk: { credential: () => ({ identity: who, key: Redacted.make(key) }) }
})

describe("the gate over TLS", () => {
  it.live(
    "[SEC_CF-AUTH-001] [SEC_CF-AUTH-002] [SEC_CF-AUTH-002b] a pre-shared key: each side is handed the other's identity",
    () =>
      Effect.gen(function* () {
        const answer = yield* exchange({ psk: { lookup: () => key } }, new SecureAgent(keyed()))
        assert.deepStrictEqual(answer, ["psk naf.example.net", "200 psk btid@bsf b-tid"])
      }).pipe(Effect.scoped, Effect.provide(gate(["psk"])))
  )

  it.live("refuses a connection that outlived its key, and an identity that is withdrawn", () =>
    Effect.gen(function* () {
      const ended = yield* exchange({ psk: { lookup: () => key } }, new SecureAgent(keyed()), now - 1)
      assert.strictEqual(ended[1], "403 expired")
      const withdrawn = yield* exchange({ psk: { lookup: () => key } }, new SecureAgent(keyed("somebody")))
      assert.strictEqual(withdrawn[1], "403 expired")
    }).pipe(Effect.scoped, Effect.provide(gate(["psk"])))
  )

  it.live("[SEC_CF-AUTH-001] [SEC_CF-AUTH-002] certificates: each side is handed the other's identity", () =>
    Effect.gen(function* () {
      const ca = yield* openDevelopmentCa(temporaryFolder(), now)
      const certificate = yield* ca.issue({ label: "server", names: ["dcd.example.net", ...loopbackNames] }, now)
      const mine = yield* ca.issue({ label: "device", names: ["urn:imei:1", "d.example"], use: "client" }, now)
      const answer = yield* exchange(
        { certificate, clients: { authorities: ca.certificate } },
        new SecureAgent({ serverName: "dcd.example.net", authorities: ca.certificate, certificate: mine })
      )
      assert.deepStrictEqual(answer, ["certificate dcd.example.net", "200 certificate urn:imei:1 certificate"])
      const without = yield* exchange(
        { certificate },
        new SecureAgent({ serverName: "dcd.example.net", authorities: ca.certificate })
      )
      assert.deepStrictEqual(without, ["certificate dcd.example.net", "403 policy"])
    }).pipe(Effect.scoped, Effect.provide(gate(["certificate"])))
  )

  it.live("a client whose policy wants the key does not speak to a server with a certificate", () =>
    Effect.gen(function* () {
      const ca = yield* openDevelopmentCa(temporaryFolder(), now)
      const certificate = yield* ca.issue({ label: "server", names: ["dcd.example.net"] }, now)
      const agent = new SecureAgent({ serverName: "dcd.example.net", authorities: ca.certificate })
      const refused = yield* Effect.flip(exchange({ certificate }, agent))
      assert.strictEqual(refused._tag, "ServerRefused")
    }).pipe(Effect.scoped, Effect.provide(gate(["psk"])))
  )

  it.live("tells the one stream of security events", () =>
    Effect.gen(function* () {
      const events = yield* SecurityEvents.SecurityEvents
      const onEvent = yield* tellSecurityEvents({ enabler: "test", interface: "t-1" })
      const first = yield* Effect.forkChild(Stream.runHead(events.stream))
      yield* Effect.sleep("20 millis")
      const made = tlsServer({ psk: { lookup: () => undefined }, onEvent }, () => undefined)
      stops.push(made.close)
      const port = yield* Effect.promise(() => listen(made.server))
      const failed = yield* Effect.result(Effect.scoped(connectSecure({ host: "127.0.0.1", port, ...keyed() })))
      assert.isTrue(Result.isFailure(failed))
      const event = yield* Fiber.join(first)
      assert.deepInclude(event._tag === "Some" ? event.value : {}, {
        _tag: "KeyRefused",
        enabler: "test",
        interface: "t-1",
        peer: "127.0.0.1",
        subject: identity,
        detail: "unknown identity"
      })
    }).pipe(Effect.scoped, Effect.provide(gate(["psk"])))
  )
})

describe("changes on the way", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.live(
      `[SEC_CF-INTE-001] [SEC_CF-CONF-001] ${version}: one flipped bit ends the connection, nothing is readable on the way`,
      () =>
        Effect.gen(function* () {
          const received: Array<string> = []
          const made = tlsServer({ psk: { lookup: () => key } }, (socket) => {
            socket.on("error", () => undefined)
            socket.on("data", (data) => received.push(String(data)))
          })
          stops.push(made.close)
          const port = yield* Effect.promise(() => listen(made.server))
          const seen: Array<Buffer> = []
          let flip = false
          const relay = Net.createServer((from) => {
            const to = Net.connect(port, "127.0.0.1")
            from.on("data", (data: Buffer) => {
              seen.push(data)
              const changed = Buffer.from(data)
              if (flip) changed[changed.length - 1]! ^= 1
              to.write(changed)
            })
            to.pipe(from)
            for (const one of [from, to]) one.on("error", () => one.destroy())
            from.on("close", () => to.destroy())
          })
          stops.push(async () => relay.close())
          const through = yield* Effect.promise(() => listen(relay))
          const profile = { ...TlsProfile.psk(), maxVersion: version }
          const { socket } = yield* connectSecure({ host: "127.0.0.1", port: through, profile, ...keyed() })
          socket.write("untouched words")
          yield* Effect.promise(() => eventually(() => received.join("") === "untouched words"))
          flip = true
          const closed = new Promise((resolve) => socket.once("close", resolve))
          socket.write("touched words")
          yield* Effect.promise(() => closed)
          assert.deepStrictEqual(received, ["untouched words"])
          assert.notInclude(Buffer.concat(seen).toString("latin1"), "words")
        }).pipe(Effect.scoped)
    )
  }
})
