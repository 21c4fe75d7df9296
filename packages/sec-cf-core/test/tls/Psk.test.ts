import { once } from "node:events"
import * as Fs from "node:fs"
import * as Https from "node:https"
import * as Path from "node:path"
import type * as Tls from "node:tls"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { describePeer, freePort, run, startPeer, temporaryFolder } from "@oma/peers"
import type { Connection } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Redacted, Result } from "effect"
import { uaSecurityProtocol } from "../../src/tls/CipherSuite.ts"
import {
  type ClientOptions,
  connectionOf,
  connectSecure,
  httpsServer,
  type PskContext,
  SecureAgent,
  type ServerOptions,
  secureAgents,
  suiteOfCode,
  type TlsEvent,
  type TlsFailure,
  TlsProfile,
  tlsServer
} from "../../src/tls/index.ts"
import { eventually, listen } from "./Support.ts"

const identity = "3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ==@bsf.ims.mnc001.mcc001.pub.3gppnetwork.org"
const keyHex = "1ecf0a4f8817819d14f6760ceed49020ed8b68c09e7fde52a9bed5320423f828"
const key = Bytes.fromHex(keyHex) ?? assert.fail("no key")
const wrongHex = "2ecf0a4f8817819d14f6760ceed49020ed8b68c09e7fde52a9bed5320423f828"
const hint = "3GPP-bootstrapping"
const name = "naf1.home1.net"

interface Started {
  readonly port: number
  readonly events: Array<TlsEvent>
  readonly connections: Array<Connection.Connection>
  readonly asked: Array<readonly [string, PskContext]>
  readonly keys: Map<string, Uint8Array>
  readonly disconnect: (identity: string) => number
}

const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** A server that says "hello" to whoever gets in, echoes what it hears and closes at a "Q". */
const start = async (over: Partial<ServerOptions> = {}): Promise<Started> => {
  const events: Array<TlsEvent> = []
  const connections: Array<Connection.Connection> = []
  const asked: Array<readonly [string, PskContext]> = []
  const keys = new Map([[identity, key]])
  const made = tlsServer(
    {
      psk: {
        hint,
        lookup: (who, context) => {
          asked.push([who, context])
          return keys.get(who)
        }
      },
      onEvent: (event) => events.push(event),
      ...over
    },
    (socket, connection) => {
      connections.push(connection)
      socket.on("error", () => undefined)
      socket.write("hello\n")
      socket.on("data", (data) => {
        socket.write(data)
        if (String(data) === "Q\n") socket.end()
      })
    }
  )
  stops.push(made.close)
  return { port: await listen(made.server), events, connections, asked, keys, disconnect: made.disconnect }
}

const client = (port: number, over: Partial<ClientOptions> = {}): ClientOptions => ({
  host: "127.0.0.1",
  port,
  serverName: name,
  psk: { credential: () => ({ identity, key: Redacted.make(key) }) },
  timeout: 5000,
  ...over
})
const failureOf = (options: ClientOptions): Effect.Effect<TlsFailure> =>
  Effect.flatMap(Effect.result(Effect.scoped(connectSecure(options))), (result) =>
    Result.isFailure(result) ? Effect.succeed(result.failure) : Effect.die("was let in")
  )
const heard = (socket: Tls.TLSSocket): Effect.Effect<string> =>
  Effect.promise(async () => String((await once(socket, "data"))[0]))

const versions = ["1.2", "1.3"] as const
const ourProfile = (version: "1.2" | "1.3") =>
  version === "1.2" ? TlsProfile.psk({ maxVersion: "TLSv1.2" }) : TlsProfile.psk()

describe("PSK-TLS, our client and our server", () => {
  for (const version of versions) {
    it.live(`[SEC_CF-AUTH-002] [SEC_CF-CONF-001] TLS ${version}: both know who is there and by what suite`, () =>
      Effect.gen(function* () {
        const server = yield* Effect.promise(() => start())
        const { socket, connection } = yield* connectSecure(client(server.port, { profile: ourProfile(version) }))
        assert.strictEqual(yield* heard(socket), "hello\n")
        const [theirs] = server.connections
        for (const one of [connection, theirs]) {
          assert.strictEqual(one?.protection.protocol, "psk-tls")
          assert.strictEqual(one?.protection.level, 3)
          assert.strictEqual(one?.protection.version, `TLSv${version}`)
          assert.strictEqual(one?.protection.suite?.code, version === "1.2" ? 0xccac : 0x1301)
          assert.strictEqual(one?.peer.pskIdentity, identity)
          assert.isUndefined(one?.peer.certificate)
        }
        assert.strictEqual(theirs?.serverName, name)
        const [who, context] = server.asked[0] ?? assert.fail("not asked")
        assert.strictEqual(who, identity)
        assert.strictEqual(context.serverName, name)
        assert.strictEqual(context.version, `TLSv${version}`)
        assert.strictEqual(context.suite?.code, version === "1.2" ? 0xccac : undefined)
        assert.strictEqual(connectionOf(socket), connection)
        // keys of an ephemeral exchange, in TLS 1.3 as well
        assert.isDefined((socket.getEphemeralKeyInfo() as { readonly type?: string }).type)
      }).pipe(Effect.scoped)
    )

    it.live(`TLS ${version}: a wrong key is refused on both sides and told to the operator`, () =>
      Effect.gen(function* () {
        const server = yield* Effect.promise(() => start())
        const wrong = { credential: () => ({ identity, key: Redacted.make(Uint8Array.from(key, (b) => b ^ 1)) }) }
        const failure = yield* failureOf(client(server.port, { profile: ourProfile(version), psk: wrong }))
        assert.strictEqual(failure.reason, "key refused")
        const event = server.events.find((one) => one._tag === "HandshakeFailed")
        assert.strictEqual(event?._tag === "HandshakeFailed" ? event.identity : "", identity)
        assert.strictEqual(server.connections.length, 0)
        assert.notInclude(JSON.stringify(server.events), keyHex)
      })
    )

    it.live(`TLS ${version}: an unknown identity is refused, then a revoked one, and its connections are closed`, () =>
      Effect.gen(function* () {
        const server = yield* Effect.promise(() => start())
        const profile = ourProfile(version)
        const unknown = { credential: () => ({ identity: "3GPP-bootstrapping;nobody@bsf", key: Redacted.make(key) }) }
        const failure = yield* failureOf(client(server.port, { profile, psk: unknown }))
        assert.strictEqual(failure.reason, version === "1.2" ? "key refused" : "no common protection")
        if (version === "1.2") assert.include(failure.code, "UNKNOWN_PSK_IDENTITY") // alert 115
        const refused = server.events.find((one) => one._tag === "PskRefused")
        assert.strictEqual(refused?._tag === "PskRefused" ? refused.reason : "", "unknown identity")

        const { socket } = yield* connectSecure(client(server.port, { profile }))
        yield* heard(socket)
        server.keys.clear()
        const closed = once(socket, "close")
        assert.strictEqual(server.disconnect(identity.replace(";", ".")), 1) // the other spelling is the same peer
        yield* Effect.promise(() => closed)
        yield* failureOf(client(server.port, { profile }))
        assert.strictEqual(server.connections.length, 1)
      }).pipe(Effect.scoped)
    )

    it.live(`TLS ${version}: a hidden unknown identity is answered as a wrong key is`, () =>
      Effect.gen(function* () {
        const keys = new Map([[identity, key]])
        const server = yield* Effect.promise(() =>
          start({ psk: { hint, lookup: (who) => keys.get(who), unknownIdentity: "hide" } })
        )
        const profile = ourProfile(version)
        const answer = (who: string) =>
          failureOf(
            client(server.port, {
              profile,
              psk: { credential: () => ({ identity: who, key: Redacted.make(new Uint8Array(32)) }) }
            })
          )
        const known = yield* answer(identity)
        const unknown = yield* answer("somebody")
        assert.deepStrictEqual([unknown.reason, unknown.code], [known.reason, known.code])
        assert.strictEqual(unknown.reason, "key refused")
      })
    )
  }

  it.live("refuses a short key, a malformed identity and a failing lookup, each by name", () =>
    Effect.gen(function* () {
      const server = yield* Effect.promise(() =>
        start({
          psk: {
            lookup: (who) => {
              if (who === "throws") throw new Error("store down")
              return who === "short" ? new Uint8Array(15) : key
            },
            maxIdentity: 20
          }
        })
      )
      const reasons: Array<string> = []
      for (const who of ["short", "throws", "x".repeat(21), "line\nbreak"]) {
        const psk = {
          credential: () => ({ identity: who, key: Redacted.make(who === "short" ? new Uint8Array(15) : key) })
        }
        yield* failureOf(client(server.port, { profile: ourProfile("1.2"), psk }))
        const event = server.events.findLast((one) => one._tag === "PskRefused")
        reasons.push(event?._tag === "PskRefused" ? event.reason : "")
      }
      assert.deepStrictEqual(reasons, ["weak key", "lookup failed", "malformed identity", "malformed identity"])
      assert.strictEqual(server.connections.length, 0)
    })
  )

  for (const version of versions) {
    it.live(
      `TLS ${version}: keys that are not bound are found without reading the ClientHello, and guarded alike`,
      () =>
        Effect.gen(function* () {
          const asked: Array<PskContext> = []
          const server = yield* Effect.promise(() =>
            start({
              psk: {
                boundKeys: false,
                lookup: (who, context) => {
                  asked.push(context)
                  return who === identity ? key : undefined
                }
              }
            })
          )
          const profile = ourProfile(version)
          yield* connectSecure(client(server.port, { profile }))
          yield* Effect.promise(() => eventually(() => server.connections.length === 1))
          assert.strictEqual(server.connections[0]?.peer.pskIdentity, identity)
          assert.strictEqual(server.connections[0]?.serverName, name)
          assert.strictEqual(asked[0]?.version, `TLSv${version}`)
          const wrong = { credential: () => ({ identity, key: Redacted.make(new Uint8Array(32)) }) }
          assert.strictEqual((yield* failureOf(client(server.port, { profile, psk: wrong }))).reason, "key refused")
          const unknown = { credential: () => ({ identity: "nobody", key: Redacted.make(key) }) }
          yield* failureOf(client(server.port, { profile, psk: unknown }))
          assert.strictEqual(server.connections.length, 1)
        }).pipe(Effect.scoped)
    )
  }

  it.live("finds keys that are bound to the suite: the client learns it by offering one at a time", () =>
    Effect.gen(function* () {
      // stands for Ks_NAF: another key for every identifier
      const bound = (code: number, by: "psk") => {
        const suite = suiteOfCode(code) ?? assert.fail("no suite")
        return Redacted.make(Bytes.concat(key, uaSecurityProtocol(suite, by)))
      }
      const server = yield* Effect.promise(() =>
        start({
          profile: { ...TlsProfile.psk({ maxVersion: "TLSv1.2" }), suites: TlsProfile.psk().suites.slice(-2) },
          psk: {
            lookup: (_who, { suite }) => (suite === undefined ? undefined : Redacted.value(bound(suite.code, "psk")))
          }
        })
      )
      const { connection } = yield* connectSecure(
        client(server.port, {
          psk: {
            boundToSuite: true,
            credential: (_hint, { suite }) =>
              suite === undefined ? { identity, key: Redacted.make(key) } : { identity, key: bound(suite.code, "psk") }
          }
        })
      )
      assert.strictEqual(connection.protection.suite?.openssl, "PSK-AES128-GCM-SHA256")
    }).pipe(Effect.scoped)
  )

  it.live("asks a client for both versions' keys, and gives up where there is none", () =>
    Effect.gen(function* () {
      const server = yield* Effect.promise(() => start({ profile: ourProfile("1.2") }))
      const seen: Array<string> = []
      yield* connectSecure(
        client(server.port, {
          psk: {
            credential: (offered, { version }) => {
              seen.push(`${version} ${offered}`)
              return { identity, key: Redacted.make(key) }
            }
          }
        })
      )
      assert.deepStrictEqual(seen, ["TLSv1.3 null", "TLSv1.2 3GPP-bootstrapping"])
      const none = yield* failureOf(client(server.port, { psk: { credential: () => undefined } }))
      assert.strictEqual(none.reason, "no key")
    }).pipe(Effect.scoped)
  )
})

describe("HTTPS over PSK-TLS", () => {
  const get = (agent: Https.Agent, port: number, path = "/") =>
    new Promise<readonly [string, Connection.Connection]>((resolve, reject) => {
      Https.get({ host: "127.0.0.1", port, path, agent, headers: { host: name } }, (response) => {
        const { socket } = response // the pool takes it back at the end of the answer
        let text = ""
        response.on("data", (data) => {
          text += data
        })
        response.on("end", () => resolve([text, connectionOf(socket)]))
      }).on("error", reject)
    })

  const startHttps = async (keys: Map<string, Uint8Array>) => {
    let handshakes = 0
    const made = httpsServer({
      psk: {
        hint,
        lookup: (who) => {
          handshakes++
          return keys.get(who)
        }
      }
    })
    made.server.on("request", (request, response) => {
      response.end(connectionOf(request.socket)?.peer.pskIdentity ?? "nobody")
    })
    stops.push(made.close)
    return { port: await listen(made.server), handshakes: () => handshakes, disconnect: made.disconnect }
  }
  const agentOf = (who: string, secret: Uint8Array) => ({
    serverName: name,
    psk: { credential: () => ({ identity: who, key: Redacted.make(secret) }) }
  })

  it("[SEC_CF-AUTH-002b] one agent for each association: connections are kept, never lent", async () => {
    const other = new Uint8Array(32).fill(9)
    const server = await startHttps(
      new Map([
        ["one", key],
        ["two", other]
      ])
    )
    const agents = secureAgents((sa) => agentOf(sa, sa === "one" ? key : other), 2)
    stops.push(async () => agents.endAll())
    for (const who of ["one", "two", "one", "two", "one"]) {
      const [text, connection] = await get(agents.of(who), server.port)
      assert.strictEqual(text, who)
      assert.strictEqual(connection?.peer.pskIdentity, who)
    }
    assert.strictEqual(server.handshakes(), 2)
    agents.end("one")
    await get(agents.of("one"), server.port)
    assert.strictEqual(server.handshakes(), 3)
    agents.of("three") // pushes out "two", used least lately
    await get(agents.of("two"), server.port)
    assert.strictEqual(server.handshakes(), 4)
  })

  it("fails a request with the reason when the key is refused", async () => {
    const server = await startHttps(new Map())
    const agent = new SecureAgent({ ...agentOf("one", key), profile: ourProfile("1.2") })
    stops.push(async () => agent.destroy())
    const error: unknown = await get(agent, server.port).catch((reason: unknown) => reason)
    assert.strictEqual((error as TlsFailure).reason, "key refused")
  })

  it("sends nothing more on a kept connection once the key is withdrawn", async () => {
    const keys = new Map([["one", key]])
    const server = await startHttps(keys)
    const agent = new SecureAgent({ ...agentOf("one", key), profile: ourProfile("1.2") })
    stops.push(async () => agent.destroy())
    await get(agent, server.port)
    keys.clear()
    server.disconnect("one")
    await new Promise((resolve) => setTimeout(resolve, 50))
    const error: unknown = await get(agent, server.port).catch((reason: unknown) => reason)
    assert.strictEqual((error as TlsFailure).reason, "key refused")
  })
})

/** openssl s_client with our key; says a line and leaves when it has come back. */
const sClient = (port: number, ...args: ReadonlyArray<string>) =>
  run(
    "openssl",
    [
      "s_client",
      "-connect",
      `127.0.0.1:${port}`,
      "-servername",
      name,
      "-psk",
      keyHex,
      "-psk_identity",
      identity,
      "-ign_eof",
      ...args
    ],
    { input: "Q\n", timeout: 1500 }
  )

describePeer("PSK-TLS, openssl s_client against our server", ["openssl"], () => {
  const suites: ReadonlyArray<readonly [string, number]> = [
    ["ECDHE-PSK-CHACHA20-POLY1305", 0xccac],
    ["ECDHE-PSK-AES128-CBC-SHA256", 0xc037],
    ["DHE-PSK-AES128-GCM-SHA256", 0x00aa],
    ["DHE-PSK-AES128-CBC-SHA", 0x0090],
    ["PSK-AES128-GCM-SHA256", 0x00a8],
    ["PSK-AES128-CBC-SHA256", 0x00ae],
    ["PSK-AES128-CBC-SHA", 0x008c]
  ]
  for (const [suite, code] of suites) {
    it(`[SEC_CF-CONF-001] [SEC_CF-INTE-001] TLS 1.2 with ${suite}`, async () => {
      const server = await start({ profile: TlsProfile.psk({ oldPeers: true }) })
      const { output } = await sClient(server.port, "-tls1_2", "-cipher", suite)
      assert.match(output, new RegExp(`Cipher is ${suite}`))
      assert.match(output, /PSK identity hint: 3GPP-bootstrapping/)
      assert.match(output, /^hello$/m)
      assert.strictEqual(server.connections[0]?.protection.suite?.code, code)
      assert.strictEqual(server.connections[0]?.peer.pskIdentity, identity)
      assert.strictEqual(server.asked[0]?.[1].suite?.code, code)
    })
  }

  it("picks one of several suites that the forecast named", async () => {
    const server = await start({ profile: TlsProfile.psk({ oldPeers: true }) })
    await sClient(
      server.port,
      "-tls1_2",
      "-cipher",
      "PSK-AES128-CBC-SHA:PSK-AES128-GCM-SHA256:DHE-PSK-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305",
      "-curves",
      "P-256"
    )
    await sClient(server.port, "-tls1_2", "-cipher", "PSK-AES128-CBC-SHA:PSK-AES128-GCM-SHA256")
    assert.deepStrictEqual(
      server.connections.map((one) => one.protection.suite?.code),
      [0xccac, 0x00a8]
    )
  })

  it("TLS 1.3, with the name that the key depends on", async () => {
    const server = await start()
    const { output } = await sClient(server.port, "-tls1_3")
    assert.match(output, /Reused, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256/)
    assert.match(output, /^hello$/m)
    assert.strictEqual(server.asked[0]?.[1].serverName, name)
    assert.strictEqual(server.connections[0]?.peer.pskIdentity, identity)
  })

  it("TLS 1.1 only under legacy, which is announced", async () => {
    const args = ["-tls1_1", "-cipher", "PSK-AES128-CBC-SHA:@SECLEVEL=0"]
    const modern = await start()
    assert.notMatch((await sClient(modern.port, ...args)).output, /^hello$/m)
    assert.strictEqual(modern.connections.length, 0)
    const legacy = await start({ profile: TlsProfile.legacy({ acceptBrokenProtection: true }) })
    assert.strictEqual(legacy.events[0]?._tag, "LegacyProfileEnabled")
    assert.match((await sClient(legacy.port, ...args)).output, /^hello$/m)
    assert.strictEqual(legacy.connections[0]?.protection.version, "TLSv1.1")
  })

  it("takes the '.' form and the ';' form of an identity as they come", async () => {
    const server = await start()
    const dotted = identity.replace(";", ".")
    server.keys.set(dotted, key)
    await sClient(server.port, "-tls1_2", "-psk_identity", dotted)
    assert.strictEqual(server.connections[0]?.peer.pskIdentity, dotted)
  })

  for (const version of versions) {
    const flag = version === "1.2" ? "-tls1_2" : "-tls1_3"
    it(`TLS ${version}: wrong key and unknown identity end in an alert`, async () => {
      const server = await start()
      const wrong = await sClient(server.port, flag, "-psk", wrongHex)
      assert.match(wrong.output, version === "1.2" ? /alert bad record mac/ : /alert decrypt error/)
      const unknown = await sClient(server.port, flag, "-psk_identity", "3GPP-bootstrapping;nobody")
      assert.match(unknown.output, version === "1.2" ? /alert number 115/ : /alert handshake failure/)
      assert.strictEqual(server.connections.length, 0)
    })

    it(`TLS ${version}: a saved session does not outlive its key`, async () => {
      const server = await start()
      const session = Path.join(temporaryFolder(), "session.pem")
      const first = await sClient(server.port, flag, "-sess_out", session)
      assert.match(first.output, /^hello$/m)
      assert.isTrue(Fs.existsSync(session))
      const again = await sClient(server.port, flag, "-sess_in", session)
      assert.match(again.output, /^hello$/m)
      assert.isTrue(server.asked.length >= 2, "the key is asked for again")
      assert.strictEqual(server.connections[1]?.peer.pskIdentity, identity)
      server.keys.clear()
      const after = await sClient(server.port, flag, "-sess_in", session)
      assert.notMatch(after.output, /^hello$/m)
      // the session alone, without the key
      const alone = await run(
        "openssl",
        ["s_client", "-connect", `127.0.0.1:${server.port}`, flag, "-sess_in", session, "-ign_eof"],
        { input: "Q\n", timeout: 1500 }
      )
      assert.notMatch(alone.output, /^hello$/m)
      assert.strictEqual(server.connections.length, 2)
    })
  }

  it("TLS 1.2: a client's renegotiation is refused", async () => {
    const server = await start()
    const ran = await run(
      "openssl",
      ["s_client", "-connect", `127.0.0.1:${server.port}`, "-psk", keyHex, "-psk_identity", identity, "-tls1_2"],
      { input: "R\n", keepInputOpen: true, timeout: 1500 }
    )
    assert.match(ran.output, /no renegotiation/)
    assert.strictEqual(server.asked.length, 1)
  })
})

describePeer("PSK-TLS, gnutls-cli against our server", ["gnutls-cli"], () => {
  const gnutls = (port: number, priority: string, who = identity, secret = keyHex) =>
    run(
      "gnutls-cli",
      [
        "-p",
        String(port),
        "127.0.0.1",
        `--sni-hostname=${name}`,
        "--insecure",
        `--pskusername=${who}`,
        `--pskkey=${secret}`,
        "--priority",
        priority
      ],
      { input: "over\n", timeout: 3000 }
    )
  const tls12 = "NONE:+VERS-TLS1.2:+PSK:+AES-128-CBC:+AES-128-GCM:+SHA1:+AEAD:+COMP-NULL:+SIGN-ALL"
  const tls13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK:+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM"

  it("[SEC_CF-AUTH-002] TLS 1.2", async () => {
    const server = await start()
    const { output } = await gnutls(server.port, tls12)
    assert.match(output, /\(TLS1\.2.*\(PSK\).*\(AES-128-GCM\)/)
    assert.match(output, /PSK hint '3GPP-bootstrapping'/)
    assert.match(output, /^hello$/m)
    assert.strictEqual(server.connections[0]?.protection.suite?.code, 0x00a8)
    assert.strictEqual(server.connections[0]?.peer.pskIdentity, identity)
  })
  it("[SEC_CF-AUTH-002] TLS 1.3", async () => {
    const server = await start()
    const { output } = await gnutls(server.port, tls13)
    assert.match(output, /^hello$/m)
    assert.strictEqual(server.connections[0]?.protection.version, "TLSv1.3")
    assert.strictEqual(server.connections[0]?.peer.pskIdentity, identity)
    assert.strictEqual(server.asked[0]?.[1].serverName, name)
  })
  it("wrong key and unknown identity are refused", async () => {
    const server = await start()
    for (const priority of [tls12, tls13]) {
      assert.notMatch((await gnutls(server.port, priority, identity, wrongHex)).output, /^hello$/m)
      assert.notMatch((await gnutls(server.port, priority, "3GPP-bootstrapping;nobody")).output, /^hello$/m)
    }
    assert.strictEqual(server.connections.length, 0)
  })
})

describePeer("PSK-TLS, our client against gnutls-serv", ["gnutls-serv"], () => {
  const gnutlsServ = async (priority: string) => {
    const folder = temporaryFolder()
    const port = await freePort()
    Fs.writeFileSync(Path.join(folder, "psk"), `${identity}:${keyHex}\n`)
    const peer = await startPeer({
      program: "gnutls-serv",
      args: ["--echo", "-p", String(port), "--pskpasswd", "psk", "--pskhint", hint, "--priority", priority],
      cwd: folder,
      ready: port
    })
    stops.push(peer.stop)
    return port
  }
  const tls12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK:+DHE-PSK:+ECDHE-PSK"
  const tls13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK:+DHE-PSK:+ECDHE-PSK"

  for (const [version, priority] of [
    ["1.2", tls12],
    ["1.3", tls13]
  ] as const) {
    it.live(`[SEC_CF-AUTH-002] TLS ${version}: the server that has the key, and only that`, () =>
      Effect.gen(function* () {
        const port = yield* Effect.promise(() => gnutlsServ(priority))
        const { socket, connection } = yield* connectSecure(client(port))
        assert.strictEqual(connection.protection.protocol, "psk-tls")
        assert.strictEqual(connection.protection.version, `TLSv${version}`)
        socket.write("there and back\n")
        assert.strictEqual(yield* heard(socket), "there and back\n")
        const wrong = { credential: () => ({ identity, key: Redacted.make(new Uint8Array(32).fill(1)) }) }
        yield* failureOf(client(port, { psk: wrong }))
        const unknown = { credential: () => ({ identity: "nobody", key: Redacted.make(key) }) }
        yield* failureOf(client(port, { psk: unknown }))
      }).pipe(Effect.scoped)
    )
  }
})

describePeer("PSK-TLS, our client against openssl s_server", ["openssl"], () => {
  const sServer = async (...args: ReadonlyArray<string>) => {
    const port = await freePort()
    const peer = await startPeer({
      program: "openssl",
      args: ["s_server", "-accept", `127.0.0.1:${port}`, "-rev", ...args],
      ready: /ACCEPT/
    })
    stops.push(peer.stop)
    return { port, peer }
  }
  const withKey = ["-nocert", "-psk", keyHex, "-psk_identity", identity, "-psk_hint", hint]

  for (const version of versions) {
    it.live(`[SEC_CF-AUTH-002] TLS ${version}`, () =>
      Effect.gen(function* () {
        const { port } = yield* Effect.promise(() => sServer(...withKey, version === "1.2" ? "-tls1_2" : "-tls1_3"))
        // s_server serves one connection at a time
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { socket, connection } = yield* connectSecure(client(port))
            assert.strictEqual(connection.protection.version, `TLSv${version}`)
            socket.write("abc\n")
            assert.strictEqual(yield* heard(socket), "cba\n")
          })
        )
        const wrong = { credential: () => ({ identity, key: Redacted.make(new Uint8Array(32).fill(1)) }) }
        assert.strictEqual((yield* failureOf(client(port, { psk: wrong }))).reason, "key refused")
      })
    )
  }

  it.live("[SEC_CF-AUTH-002] a server with any certificate in place of the key is not spoken to", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const made = yield* Effect.promise(() =>
        run(
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
            "k.pem",
            "-out",
            "c.pem",
            "-days",
            "2",
            "-subj",
            `/CN=${name}`,
            "-addext",
            `subjectAltName=DNS:${name}`
          ],
          { cwd: folder }
        )
      )
      assert.strictEqual(made.code, 0)
      const certificate = ["-cert", Path.join(folder, "c.pem"), "-key", Path.join(folder, "k.pem")]
      const { port, peer } = yield* Effect.promise(() => sServer(...certificate))
      const authorities = Fs.readFileSync(Path.join(folder, "c.pem"), "utf8")
      const failure = yield* failureOf(client(port, { authorities }))
      assert.strictEqual(failure.reason, "server not authenticated")
      assert.notInclude(peer.output(), "there and back")
      // a server that has both and passes the key over for its hash
      const both = yield* Effect.promise(() =>
        sServer(...certificate, "-psk", keyHex, "-psk_identity", identity, "-ciphersuites", "TLS_AES_256_GCM_SHA384")
      )
      const profile = { ...TlsProfile.psk(), suites: TlsProfile.modern.suites }
      assert.strictEqual(
        (yield* failureOf(client(both.port, { profile, authorities }))).reason,
        "server not authenticated"
      )
    })
  )
})
