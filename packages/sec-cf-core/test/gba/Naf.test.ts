import { assert, describe, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { type Connection, InterfaceGuard, Level, Sad, SecurityEvents, Spd, Store } from "@oma/sa-policy"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpServer } from "@oma/sa-policy/node"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import {
  Bsf,
  BTid,
  Fqdn,
  GussSource,
  Ks,
  NafAuth,
  NafHttp,
  NafId,
  Nbsp,
  UaAgent,
  type UaRealm,
  Ue,
  Zn,
  ZnHttpClient,
  ZnHttpServer,
  ZnLocal
} from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { toHex } from "../aka/support.ts"
import {
  bsfLayer,
  bsfName,
  client,
  connection,
  field,
  impi,
  overTls,
  provision,
  type Tamper,
  ueLayer
} from "./world.ts"

const ok = Result.getOrThrow
const nafFqdn = ok(Fqdn.parse("naf1.home1.net"))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (fqdn) => fqdn === nafFqdn }
const name = { enabler: "demo", role: "server", interface: "ua" } as const
const policy: Parameters<typeof Spd.layer>[0] = {
  interfaces: [
    {
      ...name,
      clientAuthentication: [{ mode: "gba", over: Level.none }],
      serverAuthentication: [{ mode: "none", over: Level.none }],
      connection: Level.none,
      push: Level.none,
      lifetimes: {},
      limits: {}
    }
  ],
  networks: {}
}

/** Everything of both servers in one process. */
const world = () =>
  ZnLocal.layer(naf).pipe(
    Layer.provideMerge(
      Layer.mergeAll(Layer.orDie(DigestNonces.layer()), Layer.orDie(Spd.layer(policy))).pipe(
        Layer.provideMerge(bsfLayer())
      )
    )
  )

const nafOptions = { enabler: "demo", interface: "ua", fqdn: nafFqdn, hashes: NodeDigestHash.hashes } as const

/** The handler of a resource that says who asks. */
const nafHandler = Effect.fnUntraced(function* (options: Partial<NafAuth.NafOptions> = {}) {
  const authenticator = yield* NafAuth.make({ ...nafOptions, ...options })
  const guard = yield* InterfaceGuard.make(name, [authenticator])
  return NafHttp.protect(guard, "gba", (request, identity) =>
    Effect.succeed(
      HttpExchange.response(
        200,
        [["X-Seen", request.fields.map(([n]) => n).join(",")]],
        JSON.stringify(identity._tag === "Authenticated" ? [identity.subject, identity.kind, identity.method] : [])
      )
    )
  )
})

type Log = Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]>
interface Setting {
  readonly naf?: Partial<NafAuth.NafOptions>
  readonly agent?: UaAgent.UaAgentOptions
  readonly log?: Log
  readonly tamper?: Tamper
  readonly over?: () => Connection.Connection
  readonly gbaU?: boolean
}

/** Runs `work` with a handset and its agent against an application server. */
const withAgent = <A, E, R>(
  work: (agent: UaAgent.UaAgent, ue: Ue.Ue["Service"]) => Effect.Effect<A, E, R>,
  setting: Setting = {}
) =>
  Effect.gen(function* () {
    const bsf = yield* Bsf.Bsf
    const handler = yield* nafHandler(setting.naf)
    const ub = ueLayer(client(bsf.handle), setting.gbaU === undefined ? {} : { gbaU: setting.gbaU })
    const ua = client(handler, setting.log, setting.tamper, setting.over)
    return yield* Effect.gen(function* () {
      const agent = yield* UaAgent.make(setting.agent)
      return yield* work(agent, yield* Ue.Ue)
    }).pipe(Effect.provide([ub, ua]))
  })

const call = (path = "/simservs.xml", more: Partial<HttpHandler.HttpCall> = {}): HttpHandler.HttpCall => ({
  method: "GET",
  url: `http://${nafFqdn}${path}`,
  fields: [["Host", nafFqdn]],
  body: new Uint8Array(0),
  ...more
})
const statuses = (log: Log) => log.map(([, answer]) => answer.status)
const text = (answer: HttpExchange.HttpResponse) => new TextDecoder().decode(answer.body)

describe("Ua by HTTP Digest", () => {
  it.effect("[SEC_CF-AUTH-001] bootstraps on demand, is let in, and goes on without a challenge", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      yield* withAgent(
        (agent) =>
          Effect.gen(function* () {
            const first = yield* agent.request(call())
            assert.strictEqual(first.status, 200)
            assert.strictEqual(text(first), JSON.stringify([impi, "impi", "gba"]))
            assert.notInclude(field(first, "x-seen")!.toLowerCase(), "authorization")
            const second = yield* agent.request(call("/other", { method: "PUT", body: new Uint8Array([1, 2, 3]) }))
            assert.strictEqual(second.status, 200)
          }),
        { log, agent: { limits: { challenges: 4, demandProof: true } } }
      )
      assert.deepStrictEqual(statuses(log), [401, 200, 200])
      assert.include(field(log[0]![1], "www-authenticate")!, 'realm="3GPP-bootstrapping@naf1.home1.net"')
      assert.match(field(log[1]![1], "authentication-info")!, /rspauth="[0-9a-f]{32}"/)
    }).pipe(Effect.provide(world()))
  )

  it.effect("uses another key for another suite, and asks Zn once for each", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      let code = 0xc02f
      yield* withAgent(
        (agent) =>
          Effect.gen(function* () {
            yield* agent.request(call())
            yield* agent.request(call())
            code = 0x1301
            const third = yield* agent.request(call())
            assert.strictEqual(third.status, 200)
          }),
        { log, over: () => overTls(code) }
      )
      assert.deepStrictEqual(statuses(log), [401, 200, 200, 401, 200])
      const events = yield* (yield* SecurityEvents.SecurityEvents).counts
      assert.strictEqual(events.get("Admitted")! >= 3, true)
      const store = yield* Store.Store
      assert.strictEqual((yield* store.records("gba/naf-uss", { now: 0 })).length, 2)
    }).pipe(Effect.provide(world()))
  )

  it.effect("bootstraps anew once when its key has ended, and no more than once in a request", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      const bsf = yield* Bsf.Bsf
      yield* withAgent(
        (agent, ue) =>
          Effect.gen(function* () {
            yield* agent.request(call())
            const before = (yield* ue.current)!.btid
            yield* TestClock.adjust("61 seconds")
            const again = yield* agent.request(call())
            assert.strictEqual(again.status, 200)
            const after = (yield* ue.current)!.btid
            assert.notStrictEqual(after, before)
            yield* bsf.revoke(after)
            yield* TestClock.adjust("61 seconds")
            yield* agent.request(call())
          }),
        { log, naf: { lifetimeMillis: 60_000 } }
      )
      assert.isTrue(statuses(log).every((status) => status === 200 || status === 401))
    }).pipe(Effect.provide(world()))
  )

  it.effect("gives up when a new key is refused as well", () =>
    Effect.gen(function* () {
      yield* provision
      const log: Log = []
      const failed = yield* Effect.flip(
        withAgent((agent) => agent.request(call()), { log, naf: { uaOf: () => NafId.protocols.gpl } })
      )
      assert.deepInclude(failed, { _tag: "UaFailed", reason: "refused even with a new bootstrapping" })
      assert.deepStrictEqual(statuses(log), [401, 401])
    }).pipe(Effect.provide(world()))
  )

  it.effect("does Ks_int_NAF for a card of GBA_U, and the other kind for one without", () =>
    Effect.gen(function* () {
      yield* provision
      const settings = yield* GussSource.GussSource
      yield* settings.put({ impi, uiccType: "GBA_U", uss: [] })
      const kinds: ReadonlyArray<UaRealm.UaKeyKind> = ["uicc", "me"]
      const log: Log = []
      yield* withAgent((agent) => agent.request(call()), { log, gbaU: true, naf: { kinds }, agent: { kinds } })
      assert.include(JSON.stringify(log[1]![0].fields), 'realm=\\"3GPP-bootstrapping-uicc@naf1.home1.net\\"')
      const other: Log = []
      yield* withAgent((agent) => agent.request(call()), { log: other, gbaU: true, naf: { kinds } })
      assert.include(JSON.stringify(other[1]![0].fields), 'realm=\\"3GPP-bootstrapping@naf1.home1.net\\"')
    }).pipe(Effect.provide(world()))
  )

  it.effect("refuses with 403 whom the settings do not allow, and tells nothing to who knows no GBA", () =>
    Effect.gen(function* () {
      yield* provision
      const settings = yield* GussSource.GussSource
      const uss = (flags: ReadonlyArray<number>) => [{ gsId: 7, gsType: 11, uids: ["sip:alice@home1.net"], flags }]
      yield* settings.put({ impi, uiccType: "GBA", uss: uss([0]) })
      const failed = yield* Effect.flip(withAgent((agent) => agent.request(call()), { naf: { gsIds: [7] } }))
      assert.deepInclude(failed, { _tag: "UaFailed", reason: "not authorised" })
      const unset = yield* Effect.flip(withAgent((agent) => agent.request(call()), { naf: { demandUss: true } }))
      assert.deepInclude(unset, { _tag: "UaFailed", reason: "not authorised" })
      yield* settings.put({ impi, uiccType: "GBA", uss: uss([1]) })
      const allowed = yield* withAgent((agent) => agent.request(call()), { naf: { gsIds: [7], demandUss: true } })
      assert.strictEqual(allowed.status, 200)
      const handler = yield* nafHandler()
      const plain = yield* handler({
        method: "GET",
        target: "/",
        fields: [["User-Agent", "curl/8"]],
        body: new Uint8Array(0),
        connection
      })
      assert.deepStrictEqual([plain.status, field(plain, "www-authenticate")], [403, undefined])
    }).pipe(Effect.provide(world()))
  )

  it.effect.each([
    [
      "a realm of another server",
      (text: string) => text.replace("@naf1.home1.net", "@evil.example"),
      "the realm names another server"
    ],
    [
      "a kind of key that it has not",
      (text: string) => text.replace("bootstrapping@", "bootstrapping-uicc@"),
      "no kind of key that this handset has"
    ],
    [
      "an rspauth with another digit",
      (text: string) => text.replace(/rspauth="(.)/, (_, a) => `rspauth="${a === "0" ? "1" : "0"}`),
      "server not authenticated: rspauth is missing or wrong"
    ]
  ] as const)("the handset closes at %s", ([, change, reason]) =>
    Effect.gen(function* () {
      yield* provision
      const tamper: Tamper = (answer) => ({
        ...answer,
        fields: answer.fields.map(([n, value]) => [n, change(value)] as const)
      })
      const failed = yield* Effect.flip(withAgent((agent) => agent.request(call()), { tamper }))
      assert.deepInclude(failed, { _tag: "UaFailed", reason })
    }).pipe(Effect.provide(world()))
  )

  it.effect(
    "[SEC_CF-AUTH-004] answers an unknown B-TID, a wrong response and a repeated count with a challenge of one shape",
    () =>
      Effect.gen(function* () {
        yield* provision
        const log: Log = []
        const handler = yield* nafHandler()
        yield* withAgent((agent) => agent.request(call()), { log })
        const fields = log[1]![0].fields
        const change = (from: RegExp | string, to: string) => fields.map(([n, v]) => [n, v.replace(from, to)] as const)
        const ask = (fields: HttpExchange.HttpFields) =>
          handler({ method: "GET", target: "/simservs.xml", fields, body: new Uint8Array(0), connection })
        const shape = (answer: HttpExchange.HttpResponse) =>
          JSON.stringify([answer.status, answer.fields, text(answer)]).replace(/nonce=\\"[^"]*\\"/, "nonce")
        const other = fields.some(([, value]) => value.includes('response="00')) ? "ff" : "00"
        const wrong = yield* ask(change(/response="../, `response="${other}`))
        assert.strictEqual(wrong.status, 401)
        const unknown = yield* ask(change(/username="[^@]*@/, 'username="AAAAAAAAAAAAAAAAAAAAAA==@'))
        assert.strictEqual(shape(unknown), shape(wrong))
        const foreign = yield* ask(change(bsfName, "bsf.other.net"))
        assert.strictEqual(shape(foreign), shape(wrong))
        const none = yield* ask(change(/username="[^"]*"/, 'username="alice"'))
        assert.strictEqual(shape(none), shape(wrong))
        const realm = yield* ask(change("3GPP-bootstrapping@naf1", "3GPP-bootstrapping@naf2"))
        assert.strictEqual(shape(realm), shape(wrong))
        const repeated = yield* ask(fields)
        assert.strictEqual(repeated.status, 401)
        assert.include(field(repeated, "www-authenticate")!, "stale=true")
        const broken = yield* ask([["Authorization", "Digest x"]])
        assert.strictEqual(broken.status, 400)
      }).pipe(Effect.provide(world()))
  )

  it.effect("[SEC_CF-KEM-001] keeps the key in the vault and the association until the key ends", () =>
    Effect.gen(function* () {
      yield* provision
      const sad = yield* Sad.Sad
      const store = yield* Store.Store
      yield* withAgent((agent, ue) =>
        Effect.gen(function* () {
          yield* agent.request(call())
          const [record] = yield* store.records("gba/naf-uss", { now: 0 })
          const { sa } = yield* sad.get(record!.key as Parameters<typeof sad.get>[0])
          assert.deepInclude(sa, { mechanism: "gba-naf", hardExpiry: 86_400_000 })
          assert.strictEqual(sa.keys["ksNaf"]!.purpose, "gba/ks-naf")
          const key = yield* ue.withKey({ fqdn: nafFqdn, ua: NafId.protocols.httpDigest }, "me", toHex)
          for (const { value } of yield* store.records("keys", { now: 0 })) assert.notInclude(toHex(value), key)
        })
      )
    }).pipe(Effect.provide(world()))
  )
})

describe("Nbsp_GBA", () => {
  const rootOf = (bsf: Fqdn.Fqdn) => (bsf === bsfName ? "https://bsf.example" : undefined)
  const nafId = ok(NafId.make(nafFqdn, NafId.protocols.httpDigest))

  it.effect(
    "[SEC_CF-SEC-002] gives what Zn inside the process gives, over a connection that keeps secrets and no other",
    () =>
      Effect.gen(function* () {
        yield* provision
        const settings = yield* GussSource.GussSource
        yield* settings.put({
          impi,
          uiccType: "GBA_U",
          uss: [{ gsId: 1, gsType: 2, uids: ["sip:a@b"], flags: [1, 2], nafGroup: "A", keyChoice: "ME_BASED_KEY" }]
        })
        const bsf = yield* Bsf.Bsf
        const principal = { ...naf, nafGroup: "A" }
        const handler = yield* ZnHttpServer.make({ principalOf: () => Effect.succeed(principal) })
        const { btid } = yield* Effect.flatMap(Ue.Ue, (ue) => ue.ensure).pipe(
          Effect.provide(ueLayer(client(bsf.handle), { gbaU: true }))
        )
        const request = { btid, nafId, gbaUAware: true, gsIds: [1] }
        const over = (c: Connection.Connection, options: Partial<ZnHttpClient.ZnClientOptions> = {}) =>
          Effect.provide(
            Effect.flatMap(Zn.Zn, (zn) => zn.retrieve(request)),
            ZnHttpClient.layer({ rootOf, ...options }).pipe(Layer.provide(client(handler, [], undefined, () => c)))
          )
        const inside = yield* bsf.key(principal, request)
        assert.deepStrictEqual(yield* over(overTls(0x1301)), inside)
        assert.strictEqual((yield* Effect.flip(over(connectionInTheClear)))._tag, "Unavailable")
        const refused = yield* Effect.flip(over(connectionInTheClear, { least: Level.none }))
        assert.deepInclude(refused, { _tag: "ZnRefused", reason: "not authorised" })
        const foreign = yield* Effect.flip(over(overTls(0x1301), { rootOf: () => undefined }))
        assert.deepInclude(foreign, { _tag: "ZnRefused", reason: "transaction identifier invalid" })
        yield* bsf.revoke(btid)
        const gone = yield* Effect.flip(over(overTls(0x1301)))
        assert.deepInclude(gone, { _tag: "ZnRefused", reason: "transaction identifier invalid" })
      }).pipe(Effect.provide(world()))
  )

  it.effect.each([
    ["GET", { method: "GET" }, 405],
    ["another type", { fields: [["Content-Type", "text/plain"]] }, 415],
    ["no JSON", { body: new TextEncoder().encode("{") }, 400],
    ["not UTF-8", { body: new Uint8Array([0xff]) }, 400],
    ["deep JSON", { body: new TextEncoder().encode("[".repeat(60_000)) }, 400],
    ["an unknown B-TID", {}, 404],
    [
      "another name",
      {
        body: new TextEncoder().encode(
          JSON.stringify({ btId: `x@${bsfName}`, nafId: { nafFqdn: "other.net", uaSecProtId: "0100000002" } })
        )
      },
      403
    ]
  ] as ReadonlyArray<readonly [string, Partial<HttpExchange.HttpRequest>, number]>)(
    "answers %s",
    ([, change, status]) =>
      Effect.gen(function* () {
        const handler = yield* ZnHttpServer.make({ principalOf: () => Effect.succeed(naf) })
        const answer = yield* handler({
          method: "POST",
          target: Nbsp.PATH,
          fields: [["Content-Type", "application/json"]],
          body: new TextEncoder().encode(Nbsp.encodeRequest({ btid: BTid.make(new Uint8Array(16), bsfName), nafId })),
          connection: overTls(0x1301),
          ...change
        })
        assert.strictEqual(answer.status, status)
      }).pipe(Effect.provide(world()))
  )

  it("knows an application server by the names in its certificate", () => {
    const certificate = {
      subject: "CN=naf1",
      dnsNames: ["NAF1.home1.net"],
      uris: [],
      addresses: [],
      fingerprint: "",
      notAfter: 0
    }
    const principal = ZnHttpServer.principalByCertificate({ ...connection, peer: { address: "", certificate } })
    assert.isTrue(principal?.answersFor(nafFqdn))
    assert.isFalse(principal?.answersFor(bsfName))
    assert.isUndefined(ZnHttpServer.principalByCertificate(connection))
  })
})

const connectionInTheClear: Connection.Connection = {
  ...connection,
  transport: "tcp",
  protection: { protocol: "none", level: 0 }
}

describePeer("curl on Ua", ["curl"], () => {
  it.live("is let in with the B-TID and base64 of Ks_NAF, and refused with another password", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const nafId: NafId.NafId = { fqdn: nafFqdn, ua: NafId.protocols.httpDigest }
      const [btid, password] = yield* Effect.gen(function* () {
        const ue = yield* Ue.Ue
        const { btid } = yield* ue.ensure
        return [btid, yield* ue.withKey(nafId, "me", Ks.password)] as const
      }).pipe(Effect.provide(ueLayer(client(bsf.handle))))
      const handler = yield* nafHandler({ qop: ["auth"], algorithms: ["SHA-256", "MD5"] })
      const { port } = yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0 })
      const curl = (secret: string) =>
        Effect.promise(() =>
          run("curl", [
            "-sS",
            "-i",
            "--digest",
            "-u",
            `${btid}:${secret}`,
            "-A",
            "curl 3gpp-gba",
            `http://127.0.0.1:${port}/simservs.xml`
          ])
        )
      const good = yield* curl(password)
      assert.include(good.stdout, "HTTP/1.1 200 OK")
      assert.include(good.stdout, impi)
      assert.include(good.stdout, "rspauth=")
      const bad = yield* curl("wrong")
      assert.notInclude(bad.stdout, "200 OK")
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
