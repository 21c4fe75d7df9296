import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { describePeer, freePort, run, startPeer, temporaryFolder } from "@oma/peers"
import type { Connection } from "@oma/sa-policy"
import { Effect, Result } from "effect"
import {
  byAlternativeName,
  type ClientOptions,
  connectionOf,
  connectSecure,
  type DevelopmentCa,
  httpsServer,
  loopbackNames,
  openDevelopmentCa,
  type ServerCertificate,
  type ServerOptions,
  type TlsEvent,
  TlsProfile,
  tlsServer
} from "../../src/tls/index.ts"
import { eventually, listen } from "./Support.ts"

const folder = temporaryFolder()
const now = Date.now()
const name = "dcd.example.net"
let ca: DevelopmentCa
let foreign: DevelopmentCa
let server: ServerCertificate
let device: ServerCertificate
let stranger: ServerCertificate

const file = (label: string, where = folder) => Path.join(where, `${label}.private.pem`)

beforeAll(async () => {
  const elsewhere = Path.join(folder, "foreign")
  ca = await Effect.runPromise(openDevelopmentCa(folder, now))
  foreign = await Effect.runPromise(openDevelopmentCa(elsewhere, now))
  const issue = (by: DevelopmentCa, label: string, names: ReadonlyArray<string>, use: "server" | "client") =>
    Effect.runPromise(by.issue({ label, names, use }, now))
  server = await issue(ca, "server", [name, ...loopbackNames], "server")
  device = await issue(ca, "device", ["urn:imei:490154203237518", "device.example.net"], "client")
  stranger = await issue(foreign, "stranger", ["device.example.net"], "client")
})

const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

const startHttps = async (over: Partial<ServerOptions> = {}) => {
  const events: Array<TlsEvent> = []
  const connections: Array<Connection.Connection | undefined> = []
  const made = httpsServer({ certificate: server, onEvent: (event) => events.push(event), ...over })
  made.server.on("request", (request, response) => {
    const connection = connectionOf(request.socket)
    connections.push(connection)
    const { certificate } = connection?.peer ?? {}
    response.end(certificate === undefined ? "nobody" : (byAlternativeName(certificate)[0]?.subject ?? "nameless"))
  })
  stops.push(made.close)
  return { port: await listen(made.server), events, connections, made }
}

describePeer("certificates, curl against our server", ["curl"], () => {
  const curl = (port: number, ...args: ReadonlyArray<string>) =>
    run("curl", ["-sS", "-m", "3", "--connect-to", `${name}:443:127.0.0.1:${port}`, ...args, `https://${name}/`])

  for (const version of ["1.2", "1.3"] as const) {
    it(`[SEC_CF-AUTH-002] [SEC_CF-CONF-001] TLS ${version}: the server is verified by the development CA, and by no other`, async () => {
      const { port, connections } = await startHttps()
      const flags = ["--tls-max", version, "--cacert"]
      const good = await curl(port, ...flags, ca.file)
      assert.deepStrictEqual([good.code, good.stdout], [0, "nobody"], good.output)
      assert.strictEqual((await curl(port, ...flags, foreign.file)).code, 60)
      const protection = connections[0]?.protection
      assert.deepStrictEqual(
        [protection?.protocol, protection?.level, protection?.version],
        ["tls", 3, `TLSv${version}`]
      )
      assert.strictEqual(connections[0]?.serverName, name)
      assert.isUndefined(connections[0]?.peer.certificate)
      assert.strictEqual(connections.length, 1)
    })

    it(`[SEC_CF-AUTH-001] TLS ${version}: a client certificate is demanded, and its names are handed over`, async () => {
      const { port, connections, events } = await startHttps({ clients: { authorities: ca.certificate } })
      const flags = ["--tls-max", version, "--cacert", ca.file]
      const shown = await curl(port, ...flags, "--cert", file("device"))
      assert.deepStrictEqual([shown.code, shown.stdout], [0, "urn:imei:490154203237518"], shown.output)
      const certificate = connections[0]?.peer.certificate
      assert.deepStrictEqual(certificate?.dnsNames, ["device.example.net"])
      assert.match(certificate?.fingerprint ?? "", /^[0-9a-f]{64}$/)
      assert.isTrue((certificate?.notAfter ?? 0) > now)

      assert.notStrictEqual((await curl(port, ...flags)).code, 0)
      const other = await curl(port, ...flags, "--cert", file("stranger", Path.join(folder, "foreign")))
      assert.notStrictEqual(other.code, 0)
      // a certificate of this authority that is for servers
      assert.notStrictEqual((await curl(port, ...flags, "--cert", file("server"))).code, 0)
      assert.strictEqual(connections.length, 1)
      await eventually(() => events.filter((event) => event._tag === "HandshakeFailed").length >= 3)
    })
  }

  it("lets clients without certificate in where it is optional, unauthenticated, and nobody with a bad one", async () => {
    const { port, connections } = await startHttps({ clients: { authorities: ca.certificate, optional: true } })
    assert.strictEqual((await curl(port, "--cacert", ca.file)).stdout, "nobody")
    const bad = ["--cacert", ca.file, "--cert", file("stranger", Path.join(folder, "foreign"))]
    assert.strictEqual((await curl(port, ...bad)).stdout, "nobody")
    assert.isTrue(connections.every((one) => one?.peer.certificate === undefined))
  })

  it("uses a renewed certificate at once", async () => {
    const { port, made } = await startHttps()
    const renewed = await Effect.runPromise(foreign.issue({ label: "renewed", names: [name] }, now))
    assert.strictEqual((await curl(port, "--cacert", foreign.file)).code, 60)
    made.setCertificate(renewed)
    assert.strictEqual((await curl(port, "--cacert", foreign.file)).code, 0)
  })

  it("bounds the headers of a request", async () => {
    const header = ["--cacert", ca.file, "-H", `x: ${"a".repeat(3000)}`]
    const wide = await startHttps()
    assert.strictEqual((await curl(wide.port, ...header)).stdout, "nobody")
    const narrow = await startHttps({ limits: { maxHeaderSize: 2000 } })
    // 431, or a reset where curl was still sending
    assert.notStrictEqual((await curl(narrow.port, ...header)).stdout, "nobody")
    assert.strictEqual(narrow.connections.length, 0)
  })
})

describe("certificates, our client", () => {
  const client = (port: number, over: Partial<ClientOptions> = {}): ClientOptions => ({
    host: "127.0.0.1",
    port,
    serverName: name,
    authorities: ca.certificate,
    ...over
  })
  const reason = (options: ClientOptions) =>
    Effect.map(Effect.result(Effect.scoped(connectSecure(options))), (result) =>
      Result.isFailure(result) ? result.failure.reason : "connected"
    )

  it.live("[SEC_CF-AUTH-002] takes a server with the right name and authority, and no other", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.promise(() => startHttps())
      const { connection } = yield* Effect.scoped(connectSecure(client(port)))
      assert.include(connection.peer.certificate?.dnsNames ?? [], name)
      assert.strictEqual(yield* reason(client(port, { serverName: "127.0.0.1" })), "connected")
      assert.strictEqual(yield* reason(client(port, { serverName: "mc.example.net" })), "server not authenticated")
      assert.strictEqual(yield* reason(client(port, { authorities: foreign.certificate })), "server not authenticated")
      assert.strictEqual(yield* reason({ host: "127.0.0.1", port, serverName: name }), "server not authenticated")
    })
  )

  it.live("is refused without the certificate that the server wants", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.promise(() => startHttps({ clients: { authorities: ca.certificate } }))
      const profile: TlsProfile.TlsProfile = { ...TlsProfile.modern, maxVersion: "TLSv1.2" }
      assert.strictEqual(yield* reason(client(port, { profile, certificate: device })), "connected")
      assert.strictEqual(yield* reason(client(port, { profile, certificate: stranger })), "closed")
    })
  )

  it.live("tells an address where nobody answers, a server that says nothing and one that speaks no TLS", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(() => freePort())
      assert.strictEqual(yield* reason(client(port)), "unreachable")
      const { createServer } = yield* Effect.promise(() => import("node:net"))
      const silent = createServer()
      const mute = yield* Effect.promise(() => listen(silent))
      assert.strictEqual(yield* reason(client(mute, { timeout: 50 })), "timeout")
      silent.close()
      const plain = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const speaking = yield* Effect.promise(() => listen(plain))
      assert.strictEqual(yield* reason(client(speaking)), "no common protection")
      plain.close()
    })
  )
})

describePeer("certificates, our client against openssl s_server", ["openssl"], () => {
  it.live("does not take a common name for a name", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(() => freePort())
      yield* Effect.promise(async () => {
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
            "-keyout",
            "cn.key",
            "-out",
            "cn.pem",
            "-days",
            "2",
            "-subj",
            `/CN=${name}`
          ],
          { cwd: folder }
        )
        assert.strictEqual(made.code, 0)
        const args = ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", "cn.pem", "-key", "cn.key", "-www"]
        const peer = await startPeer({ program: "openssl", args, cwd: folder, ready: /ACCEPT/ })
        stops.push(peer.stop)
      })
      const authorities = Fs.readFileSync(Path.join(folder, "cn.pem"), "utf8")
      const failed = yield* Effect.result(
        Effect.scoped(connectSecure({ host: "127.0.0.1", port, serverName: name, authorities }))
      )
      if (Result.isSuccess(failed)) assert.fail("connected")
      assert.strictEqual(failed.failure.code, "OMA_SERVER_NO_NAME")
      // openssl itself would have taken it
      const theirs = yield* Effect.promise(() =>
        run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", "cn.pem", "-verify_hostname", name], {
          cwd: folder
        })
      )
      assert.match(theirs.output, /Verification: OK/)
    })
  )

  it.live("is told by an alert that its certificate is refused", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(() => freePort())
      yield* Effect.promise(async () => {
        const own = ["-cert", file("server"), "-key", file("server")]
        const args = ["s_server", "-accept", `127.0.0.1:${port}`, ...own, "-CAfile", ca.file]
        const demand = ["-Verify", "1", "-verify_return_error", "-tls1_2", "-www"]
        const peer = await startPeer({ program: "openssl", args: [...args, ...demand], ready: /ACCEPT/ })
        stops.push(peer.stop)
      })
      const options = { host: "127.0.0.1", port, serverName: name, authorities: ca.certificate }
      const attempt = (certificate?: ServerCertificate) =>
        Effect.map(
          Effect.result(
            Effect.scoped(connectSecure({ ...options, ...(certificate === undefined ? {} : { certificate }) }))
          ),
          (result) => (Result.isFailure(result) ? result.failure.reason : "connected")
        )
      assert.strictEqual(yield* attempt(device), "connected")
      assert.strictEqual(yield* attempt(stranger), "client refused")
      assert.strictEqual(yield* attempt(), "no common protection") // OpenSSL says handshake_failure where there is none at all
    })
  )
})

describePeer("key or certificate, openssl s_client against our server", ["openssl"], () => {
  const key = new Uint8Array(32).fill(7)
  const right = Buffer.from(key).toString("hex")
  const wrong = Buffer.alloc(32, 8).toString("hex")

  const start = async (over: Partial<ServerOptions> = {}) => {
    const connections: Array<Connection.Connection> = []
    const asked: Array<string> = []
    const lookup = (who: string) => {
      asked.push(who)
      return who === "device" ? key : undefined
    }
    const made = tlsServer({ psk: { lookup, hint: "h" }, certificate: server, ...over }, (socket, connection) => {
      connections.push(connection)
      socket.on("error", () => undefined)
      socket.end("hello\n")
    })
    stops.push(made.close)
    return { port: await listen(made.server), connections, asked }
  }
  const sClient = (port: number, ...args: ReadonlyArray<string>) =>
    run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof", ...args], { timeout: 2000 })

  for (const flag of ["-tls1_2", "-tls1_3"]) {
    it(`${flag}: serves both kinds of client`, async () => {
      const { port, connections } = await start()
      const keyed = await sClient(port, flag, "-psk", right, "-psk_identity", "device")
      const plain = await sClient(
        port,
        flag,
        "-CAfile",
        ca.file,
        "-verify_return_error",
        "-verify_hostname",
        "localhost"
      )
      assert.match(keyed.output, /^hello$/m)
      assert.match(plain.output, /^hello$/m)
      assert.deepStrictEqual(
        connections.map(({ protection, peer }) => [protection.protocol, peer.pskIdentity]),
        [
          ["psk-tls", "device"],
          ["tls", undefined]
        ]
      )
    })
  }

  it("never takes an identity for proved because a key was found: a suite of another hash passes the key over", async () => {
    const { port, connections, asked } = await start({
      profile: { ...TlsProfile.pskOrCertificate(), suites: [...TlsProfile.psk().suites, ...TlsProfile.modern.suites] }
    })
    const args = ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384", "-psk", wrong, "-psk_identity", "device"]
    assert.match((await sClient(port, ...args)).output, /^hello$/m)
    assert.deepStrictEqual(asked, ["device"])
    assert.strictEqual(connections[0]?.protection.protocol, "tls")
    assert.isUndefined(connections[0]?.peer.pskIdentity)
  })

  it("offers TLS 1.3 suites with SHA-256 only where keys are taken", async () => {
    const { port, connections } = await start()
    const args = ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384", "-psk", right, "-psk_identity", "device"]
    assert.match((await sClient(port, ...args)).output, /alert handshake failure/)
    assert.strictEqual(connections.length, 0)
  })

  it("an unknown identity in TLS 1.3 is an unauthenticated connection at most", async () => {
    const { port, connections } = await start()
    await sClient(port, "-tls1_3", "-psk", wrong, "-psk_identity", "nobody")
    assert.isTrue(connections.every(({ peer }) => peer.pskIdentity === undefined))
  })
})
