import * as Https from "node:https"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import { HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpClient, NodeHttpServer } from "@oma/sa-policy/node"
import type { DigestAlgorithm } from "@oma/sec-cf-core/digest"
import {
  byAlternativeName,
  connectionOf,
  type DevelopmentCa,
  httpsServer,
  openDevelopmentCa,
  SecureAgent
} from "@oma/sec-cf-core/tls"
import { Effect, Result, type Scope } from "effect"
import { beforeAll, describe } from "vitest"
import { DpeHttp } from "../src/http/index.ts"
import { DpeClient, DpeInterface, DpeMessage } from "../src/index.ts"
import { addUser, type Demands, mechanismsOf, password, realmOf, type Services, serverOf } from "./support.ts"
import { registration, under } from "./world.ts"

const folder = temporaryFolder()
const now = Date.now()
let ca: DevelopmentCa
let foreign: DevelopmentCa
const imei = "urn:imei:490154203237518"

beforeAll(async () => {
  ca = await Effect.runPromise(openDevelopmentCa(folder, now))
  foreign = await Effect.runPromise(openDevelopmentCa(Path.join(folder, "foreign"), now))
  await Effect.runPromise(ca.issue({ label: "device", names: [imei], use: "client" }, now))
})

/** A server on two ports of loopback, in clear and over TLS, until the scope closes. */
const start = Effect.fnUntraced(function* (
  options: {
    readonly algorithms?: ReadonlyArray<DigestAlgorithm.DigestAlgorithm>
    readonly ca?: DevelopmentCa
    readonly name?: string
  } = {}
) {
  yield* addUser("alice")
  const more = { names: byAlternativeName, ...(options.algorithms ? { algorithms: options.algorithms } : {}) }
  const server = yield* serverOf({
    gates: {
      "dpe-1": { mechanisms: yield* mechanismsOf("dpe-1", more) },
      "dpe-2": { mechanisms: yield* mechanismsOf("dpe-2", more) },
      "dpe-3": { mechanisms: yield* mechanismsOf("dpe-3", more) }
    }
  })
  const name = options.name ?? "localhost"
  const label = `server-${name.replaceAll(".", "-")}`
  const certificate = yield* (options.ca ?? ca).issue({ label, names: [name] }, now)
  const tls = httpsServer({ certificate, clients: { authorities: ca.certificate, optional: true } })
  const secure = yield* NodeHttpServer.listen(HttpHandler.route(DpeHttp.routes(server)), {
    host: "127.0.0.1",
    port: 0,
    server: tls.server,
    connectionOf
  })
  const secureUris = Object.fromEntries(
    DpeInterface.interfaces.map((of) => [of, `https://localhost:${secure.port}${DpeInterface.defaultPaths[of]}`])
  )
  const clear = yield* NodeHttpServer.listen(HttpHandler.route(DpeHttp.routes(server, { secureUris })), {
    host: "127.0.0.1",
    port: 0
  })
  return { server, clear: clear.port, secure: secure.port }
})

const body = new TextDecoder().decode(Result.getOrThrow(DpeMessage.encode(registration)))

/** curl as the client: the status, the answer, and what went by in between. */
const curl = (url: string, ...args: ReadonlyArray<string>) =>
  Effect.map(
    Effect.promise(() =>
      run("curl", [
        "-sSi",
        "-m",
        "5",
        "-X",
        "POST",
        "-H",
        `Content-Type: ${DpeInterface.mediaType}`,
        "--data-binary",
        body,
        ...args,
        url
      ])
    ),
    ({ stdout, code }) => {
      const parts = stdout.split(/\r\n\r\n/)
      const heads = parts.filter((part) => /^HTTP\//.test(part))
      const head = heads.at(-1) ?? ""
      return {
        code,
        status: Number(/^HTTP\/1.1 ([0-9]+)/.exec(head)?.[1]),
        head,
        text: parts.at(-1) ?? "",
        answers: heads.length
      }
    }
  )

/** Runs a test under the policies of a server, on real sockets and in real time. */
const live = <A, E>(
  name: string,
  demands: Demands,
  test: Effect.Effect<A, E, Services | Scope.Scope>,
  client: Demands = {}
) => it.live(name, () => Effect.scoped(test).pipe(Effect.provide(under(demands, client))), 20_000)

const digestAs = (user: string, secret = password) => ["--digest", "-u", `${user}:${secret}`]
const dpe1 = (port: number) => `http://127.0.0.1:${port}/dpe/1`
const certificate = () => Path.join(folder, "device.private.pem")

describePeer("curl as a DPE client", ["curl"], () => {
  for (const algorithm of ["MD5", "SHA-256"] as const) {
    live(
      `[DPE-AUTH-007] [DPE-DIG-001] [DPE-DIG-003] registers by Digest with ${algorithm}`,
      { "dpe-1": { clientAuthentication: ["digest"] } },
      Effect.gen(function* () {
        const { clear } = yield* start({ algorithms: [algorithm] })
        const { answers, head, status, text } = yield* curl(dpe1(clear), ...digestAs("alice"))
        assert.deepStrictEqual([status, answers], [200, 2], head)
        const message = Result.getOrThrow(DpeMessage.decode(new TextEncoder().encode(text)))
        assert.isTrue(message._tag === "RegistrationResponse" && message.sessionId?.length === 22)
        assert.match(head, /^DPE-Authenticated-By: digest$/im)
        assert.match(head, /^Authentication-Info: .*rspauth=/im)
      })
    )
  }

  live(
    "[DPE-AUTH-009] a wrong password and an unknown user hear the same authentication error",
    { "dpe-1": { clientAuthentication: ["digest"] } },
    Effect.gen(function* () {
      const { clear } = yield* start()
      const wrong = yield* curl(dpe1(clear), ...digestAs("alice", "x"))
      const unknown = yield* curl(dpe1(clear), ...digestAs("nobody"))
      assert.deepStrictEqual([wrong.status, unknown.status], [401, 401])
      assert.include(wrong.text, "<Description>authentication error</Description>")
      assert.include(wrong.head, `realm="${realmOf("dpe-1")}"`)
      const bare = (text: string) => text.replace(/nonce="[^"]*"/g, "")
      assert.strictEqual(bare(wrong.text), bare(unknown.text))
    })
  )

  live(
    "[DPE-AUTH-008] registers by a client certificate, and not without one",
    { "dpe-1": { clientAuthentication: [{ mode: "certificate", over: "full" }], connection: "full" } },
    Effect.gen(function* () {
      const { secure } = yield* start()
      const url = `https://localhost:${secure}/dpe/1`
      const shown = yield* curl(url, "--cacert", ca.file, "--cert", certificate())
      assert.strictEqual(shown.status, 200, shown.head)
      assert.match(shown.head, /^DPE-Authenticated-By: certificate$/im)
      const without = yield* curl(url, "--cacert", ca.file)
      assert.strictEqual(without.status, 403)
      assert.include(without.text, "authentication error")
    })
  )

  live(
    "[DPE-CONN-006] is told where the protected endpoint is",
    { "dpe-1": { clientAuthentication: ["none"], connection: "full" } },
    Effect.gen(function* () {
      const { clear, secure } = yield* start()
      const { head, status } = yield* curl(dpe1(clear))
      assert.strictEqual(status, 426)
      assert.include(head, `Location: https://localhost:${secure}/dpe/1`)
      assert.include(head, "Upgrade: TLS/1.2, HTTP/1.1")
      const there = yield* curl(`https://localhost:${secure}/dpe/1`, "--cacert", ca.file)
      assert.strictEqual(there.status, 200)
    })
  )

  live(
    "[DPE-EXT-002] an identity header counts from the address of the proxy, and from no other",
    { "dpe-1": { clientAuthentication: ["external"] } },
    Effect.gen(function* () {
      const { clear } = yield* start()
      const header = ["-H", "X-Msisdn: 8613802423312", "-H", "X-Forwarded-For: 127.0.0.2"]
      assert.strictEqual((yield* curl(dpe1(clear), ...header)).status, 403)
      assert.strictEqual((yield* curl(dpe1(clear), ...header, "--interface", "127.0.0.2")).status, 200)
    })
  )

  live(
    "refuses other methods, other types and documents that are none",
    {},
    Effect.gen(function* () {
      const { clear } = yield* start()
      assert.strictEqual((yield* curl(dpe1(clear), "-X", "PUT")).status, 405)
      assert.strictEqual((yield* curl(dpe1(clear), "-H", "Content-Type: text/xml")).status, 415)
      assert.strictEqual((yield* curl(dpe1(clear), "--data-binary", "&<!DOCTYPE a>")).status, 400)
    })
  )
})

describe("our client over sockets", () => {
  const clientOf = (secure: number, own: () => Https.Agent) =>
    Effect.gen(function* () {
      const agent = own()
      // a connection without validation, for the report alone: nothing else goes over it
      const blind = new Https.Agent({ rejectUnauthorized: false, keepAlive: false })
      yield* Effect.addFinalizer(() => Effect.sync(() => [agent, blind].map((one) => one.destroy())))
      const reporter = yield* Effect.provide(HttpHandler.HttpClient, NodeHttpClient.layer({ secureAgent: blind }))
      const endpoints = (of: DpeInterface.DpeInterface) => ({
        endpoints: { secure: `https://localhost:${secure}${DpeInterface.defaultPaths[of]}` },
        reporter
      })
      return yield* DpeClient.make({ deviceId: "phone", dpe1: endpoints("dpe-1"), dpe2: endpoints("dpe-2") }).pipe(
        Effect.provide(
          NodeHttpClient.layer(
            agent instanceof SecureAgent ? { secureAgent: agent, connectionOf } : { secureAgent: agent }
          )
        )
      )
    })
  const demanded = {
    clientAuthentication: ["none"],
    serverAuthentication: [{ mode: "certificate", over: "full" }]
  } as const
  const demands = { "dpe-1": demanded, "dpe-2": demanded }

  live(
    "[DPE-AUTH-003] [DPE-AUTH-010] [DPE-CONN-004] accepts the server's certificate over TLS",
    {},
    Effect.gen(function* () {
      const { secure, server } = yield* start()
      const client = yield* clientOf(secure, () => new SecureAgent({ authorities: ca.certificate }))
      yield* client.register([])
      assert.isUndefined(yield* client.poll(0))
      assert.strictEqual((yield* server.authenticationErrors).size, 0)
    }),
    demands
  )

  for (const [what, options, reason] of [
    ["of an unknown authority", () => ({ ca: foreign }), "not validated"],
    ["for another name", () => ({ name: "other.example.net" }), "name mismatch"]
  ] as const) {
    live(
      `[DPE-AUTH-012] [DPE-TLS-001] a certificate ${what} is refused, and the server is told`,
      {},
      Effect.gen(function* () {
        const { secure, server } = yield* start(options())
        const client = yield* clientOf(secure, () => new Https.Agent({ ca: ca.certificate }))
        const failure = yield* Effect.flip(client.register([]))
        assert.isTrue(failure._tag === "HttpFailure" && failure.kind === "tls", JSON.stringify(failure))
        assert.deepStrictEqual([...(yield* server.authenticationErrors)], [[`DPE-1: ${reason}`, 1]])
      }),
      demands
    )
  }
})
