/** The client of a device and the server over real connections, both on SQLite files that outlive them. */
import * as Fs from "node:fs"
import * as Https from "node:https"
import type * as Net from "node:net"
import * as Path from "node:path"
import { assert, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import type { Connection } from "@oma/sa-policy"
import { NodeHttpClient, NodeHttpServer } from "@oma/sa-policy/node"
import { StoreSqlite } from "@oma/sa-policy/sqlite"
import { Context, Effect, Layer, Redacted, Result } from "effect"
import { DmHttp } from "../src/http/index.ts"
import { DmAccounts, DmAuthPolicy, type DmAuthType, DmClient, DmServer } from "../src/index.ts"
import { addServer, clientOn, serverSecret } from "./clientStack.ts"
import { deviceId, password, user } from "./device.ts"
import { serverOn } from "./serverStack.ts"

type Type = DmAuthType.DmAuthType
const types: ReadonlyArray<Type> = ["syncml:auth-basic", "syncml:auth-md5", "syncml:auth-sha256", "syncml:auth-MAC"]
const serverId = "dm.example.net"

const sqlite = (folder: string, name: string) =>
  Layer.orDie(StoreSqlite.layer({ path: Path.join(folder, `${name}.db`), synchronous: "NORMAL" }))

const policy = (own: ReadonlyArray<Type>): DmAuthPolicy.DmServerPolicy => ({
  ...DmAuthPolicy.defaultServerPolicy,
  own: { ...DmAuthPolicy.defaultProof, types: own }
})

const device = {
  device: deviceId,
  client: { user, secret: Redacted.make(password) },
  server: { user: serverId, secret: Redacted.make(serverSecret) }
}

/** A life of the server: what it is asked for while it listens, on the port that it had before. */
const serving = <A, E, R>(
  folder: string,
  tls: Https.ServerOptions | undefined,
  own: ReadonlyArray<Type>,
  port: number,
  work: (port: number) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(serverOn(sqlite(folder, "server"), { policy: policy(own) }))
    const accounts = Context.get(context, DmAccounts.DmAccounts)
    if ((yield* accounts.find([deviceId])) === undefined) yield* accounts.add(device)
    let url = ""
    const options: NodeHttpServer.ListenOptions = {
      host: "127.0.0.1",
      port,
      ...(tls === undefined ? {} : { server: Https.createServer(tls), connectionOf: protectedConnection })
    }
    const listening = yield* NodeHttpServer.listen(
      (request) =>
        Effect.provideService(
          DmHttp.handler({ url })(request),
          DmServer.DmServer,
          Context.get(context, DmServer.DmServer)
        ),
      options
    )
    url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${listening.port}/dm`
    return yield* work(listening.port)
  }).pipe(Effect.scoped)

let connections = 0
const known = new WeakMap<Net.Socket, Connection.Connection>()
const protectedConnection = (socket: Net.Socket): Connection.Connection => {
  const connection = known.get(socket) ?? {
    id: `tls-${++connections}`,
    transport: "tcp" as const,
    protection: { protocol: "tls" as const, level: 3 as const },
    peer: { address: socket.remoteAddress ?? "" }
  }
  known.set(socket, connection)
  return connection
}

const session = (representation: "xml" | "wbxml", seen: Array<string> = []) =>
  Effect.flatMap(DmClient.DmClient, (client) =>
    client.session({
      server: serverId,
      representation,
      observe: ({ direction, summary }) =>
        Effect.sync(() => void seen.push(`${direction}: ${summary.slice(1).join(", ")}`))
    })
  )

/** A life of the device. */
const living = <A, E>(
  folder: string,
  agent: Https.Agent | undefined,
  work: Effect.Effect<A, E, Layer.Success<ReturnType<typeof clientOn>>>
) =>
  Effect.provide(
    work,
    clientOn(sqlite(folder, "device"), NodeHttpClient.layer(agent === undefined ? {} : { secureAgent: agent })),
    { local: true }
  )

for (const representation of ["xml", "wbxml"] as const) {
  for (const type of types.slice(1)) {
    it.live(`${type} in ${representation} over a socket, mutual: nonces outlive restarts of server and device`, () =>
      Effect.gen(function* () {
        const folder = temporaryFolder()
        const first: Array<string> = []
        const port = yield* serving(folder, undefined, [type], 0, (port) =>
          living(
            folder,
            undefined,
            Effect.gen(function* () {
              yield* addServer(`http://127.0.0.1:${port}/dm`, { types: [type], serverTypes: [type] })
              const report = yield* session(representation, first)
              assert.strictEqual(report.type, type)
              assert.strictEqual(report.identity._tag === "Authenticated" && report.identity.method, type)
              return port
            })
          )
        )
        assert.isTrue(first.some((line) => line.includes("Results ./DevInfo/DevId")))
        const second: Array<string> = []
        yield* serving(folder, undefined, [type], port, () =>
          living(folder, undefined, session(representation, second))
        )
        // under MAC the nonce for the server's last message is spent by it, and no message is left to give the next one
        const resynchronised = type === "syncml:auth-MAC" ? ["sent: Status SyncHdr 401 Chal syncml:auth-MAC"] : []
        assert.deepStrictEqual(
          second.flatMap((line) => (/SyncHdr 40/.test(line) ? [line.split(",", 1)[0]] : [])),
          resynchronised
        )
        // the server starts again in the middle of what the device takes for one connection
        yield* living(
          folder,
          undefined,
          Effect.gen(function* () {
            for (const _ of [1, 2]) {
              const report = yield* serving(folder, undefined, [type], port, () => session(representation))
              assert.isAtMost(report.sent, 5)
            }
          })
        )
      })
    )
  }
}

const certificate = async (folder: string) => {
  const at = (name: string) => Path.join(folder, name)
  const made = await run(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=127.0.0.1"
    ].concat(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", at("key.pem"), "-out", at("cert.pem")])
  )
  assert.strictEqual(made.code, 0, made.output)
  return { key: Fs.readFileSync(at("key.pem")), cert: Fs.readFileSync(at("cert.pem")) }
}

describePeer("under TLS", ["openssl"], () => {
  for (const representation of ["xml", "wbxml"] as const) {
    for (const type of types) {
      it.live(`${type} in ${representation}: the certificate proves the server`, () =>
        Effect.gen(function* () {
          const folder = temporaryFolder()
          const tls = yield* Effect.promise(() => certificate(folder))
          const agent = new Https.Agent({ ca: tls.cert, keepAlive: true, maxCachedSessions: 0 })
          const report = yield* serving(folder, tls, ["syncml:auth-sha256"], 0, (port) =>
            living(
              folder,
              agent,
              Effect.andThen(
                addServer(`https://127.0.0.1:${port}/dm`, { types: [type], serverTypes: [] }),
                Effect.andThen(session(representation), session(representation))
              )
            )
          )
          agent.destroy()
          assert.strictEqual(report.type, type)
          assert.strictEqual(report.identity._tag === "Authenticated" && report.identity.method, "tls")
        })
      )
    }
  }

  it.live("a certificate of somebody else: nothing is sent", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const tls = yield* Effect.promise(() => certificate(folder))
      const result = yield* serving(folder, tls, ["syncml:auth-sha256"], 0, (port) =>
        living(
          folder,
          undefined,
          Effect.andThen(addServer(`https://127.0.0.1:${port}/dm`), Effect.result(session("xml")))
        )
      )
      assert.isTrue(Result.isFailure(result) && result.failure._tag === "HttpFailure" && result.failure.kind === "tls")
    })
  )
})
