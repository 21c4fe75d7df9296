import { assert, describe, it } from "@effect/vitest"
import { type Connection, InterfaceGuard, Level, Spd, Store, StoreMemory } from "@oma/sa-policy"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { Sqn, Subscribers } from "@oma/sec-cf-core/aka"
import { DigestNonces, NodeDigestHash } from "@oma/sec-cf-core/digest"
import {
  Bsf,
  BTid,
  Fqdn,
  GussSource,
  NafAuth,
  NafHttp,
  NafId,
  NafKeys,
  NafPsk,
  Nbsp,
  UaAgent,
  type UaRealm,
  Ue,
  Zn,
  ZnHttpServer,
  ZnLocal
} from "@oma/sec-cf-core/gba"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { pskTable } from "../../src/tls/PskTable.ts"
import { services } from "../aka/stack.ts"
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
const fqdn = ok(Fqdn.parse("naf1.home1.net"))
const other = ok(Fqdn.parse("naf2.home1.net"))
const nafId = ok(NafId.make(fqdn, NafId.protocols.httpDigest))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (name) => name === fqdn || name === other }
const where = { enabler: "demo", role: "server", interface: "ua" } as const
const policy = {
  ...where,
  clientAuthentication: [{ mode: "gba", over: Level.none }],
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
} as const

/** A store that answers later, as one over a network does. */
const slow = Layer.effect(
  Store.Store,
  Effect.map(Store.Store, (store) => ({
    ...store,
    record: (...args: Parameters<typeof store.record>) => Effect.andThen(Effect.yieldNow, store.record(...args)),
    transact: (...args: Parameters<typeof store.transact>) => Effect.andThen(Effect.yieldNow, store.transact(...args))
  }))
).pipe(Layer.provide(StoreMemory.layer))

const world = (options: Partial<Bsf.BsfOptions> = {}, ground = services()) =>
  ZnLocal.layer(naf).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.orDie(DigestNonces.layer()),
        Layer.orDie(Spd.layer({ interfaces: [policy], networks: {} }))
      ).pipe(Layer.provideMerge(bsfLayer(options, ground)))
    )
  )

const initial = (username: string): HttpExchange.HttpRequest => ({
  method: "GET",
  target: "/",
  fields: [["Authorization", `Digest username="${username}", realm="${bsfName}", uri="/", nonce="", response=""`]],
  body: new Uint8Array(0),
  connection
})

/** A handset that has bootstrapped: its B-TID, and its key for an application server. */
const bootstrapped = (id: NafId.NafId = nafId) =>
  Effect.gen(function* () {
    const bsf = yield* Bsf.Bsf
    return yield* Effect.gen(function* () {
      const ue = yield* Ue.Ue
      const { btid } = yield* ue.ensure
      const key = (naf: NafId.NafId) => ue.withKey(naf, "me", toHex)
      return { btid, key: yield* key(id) }
    }).pipe(Effect.provide(ueLayer(client(bsf.handle))))
  })

interface Setting {
  readonly naf?: Partial<NafAuth.NafOptions>
  readonly agent?: UaAgent.UaAgentOptions
  readonly tamper?: Tamper
  readonly over?: Connection.Connection
  readonly gbaU?: boolean
  readonly method?: string
}

/** One request of a handset on Ua. */
const request = (setting: Setting = {}) =>
  Effect.gen(function* () {
    const bsf = yield* Bsf.Bsf
    const authenticator = yield* NafAuth.make({
      enabler: "demo",
      interface: "ua",
      fqdn,
      hashes: NodeDigestHash.hashes,
      ...setting.naf
    })
    const guard = yield* InterfaceGuard.make(where, [authenticator])
    const handler = NafHttp.protect(guard, "gba", () => Effect.succeed(HttpExchange.response(200, [], "hello")))
    const over = setting.over
    const ua = client(handler, [], setting.tamper, over === undefined ? undefined : () => over)
    const ub = ueLayer(client(bsf.handle), setting.gbaU === undefined ? {} : { gbaU: setting.gbaU })
    const call: HttpHandler.HttpCall = {
      method: setting.method ?? "GET",
      url: `http://${fqdn}/`,
      fields: [["Host", fqdn]],
      body: new Uint8Array(0)
    }
    return yield* Effect.flatMap(UaAgent.make(setting.agent), (agent) => agent.request(call)).pipe(
      Effect.provide([ub, ua])
    )
  })

describe("an application server sees settings of its own applications", () => {
  it.effect("[SEC_CF-SEC-002] and of no others, whatever it asks for", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const settings = yield* GussSource.GussSource
      const uss = [7, 8].map((gsId) => ({ gsId, gsType: 0, uids: [`sip:${gsId}@home1.net`], flags: [] }))
      yield* settings.put({ impi, uiccType: "GBA", uss })
      const { btid } = yield* bootstrapped()
      const seen = (principal: Bsf.NafPrincipal) =>
        Effect.map(bsf.key(principal, { btid, nafId, gsIds: [7, 8] }), ({ ussList }) => ussList.map(({ gsId }) => gsId))
      assert.deepStrictEqual(yield* seen(naf), [7, 8])
      assert.deepStrictEqual(yield* seen({ ...naf, gsIds: [8, 9] }), [8])
      assert.deepStrictEqual(yield* seen({ ...naf, gsIds: [] }), [])
    }).pipe(Effect.provide(world()))
  )
})

describe("Zn over HTTP", () => {
  it.effect("[SEC_CF-SEC-002] gives no key over a connection that is older than its client's certificate", () =>
    Effect.gen(function* () {
      yield* provision
      const { btid } = yield* bootstrapped()
      const handler = yield* ZnHttpServer.make({
        principalOf: ({ connection }) => Effect.succeed(ZnHttpServer.principalByCertificate(connection))
      })
      const certificate = {
        subject: "CN=naf1",
        dnsNames: [fqdn],
        uris: [],
        addresses: [],
        fingerprint: "",
        notAfter: 60_000
      }
      const ask = Effect.map(
        handler({
          method: "POST",
          target: Nbsp.PATH,
          fields: [["Content-Type", "application/json"]],
          body: new TextEncoder().encode(Nbsp.encodeRequest({ btid, nafId })),
          connection: { ...overTls(0x1301), peer: { address: "", certificate } }
        }),
        ({ status }) => status
      )
      assert.strictEqual(yield* ask, 200)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* ask, 403)
    }).pipe(Effect.provide(world()))
  )
})

describe("a bootstrapping has one name", () => {
  it.effect("[SEC_CF-KEM-001] no other spelling of a B-TID gives the key that an application server revoked", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const { btid } = yield* bootstrapped()
      const keys = yield* NafKeys.make({ enabler: "demo", interface: "ua" })
      const key = yield* keys.find(btid, nafId, "me")
      yield* keys.revoke(key!)
      assert.isUndefined(yield* keys.find(btid, nafId, "me"))
      for (const text of [btid.replace("==@", "@"), btid.replace("@bsf", "@BSF")]) {
        const spelling = ok(BTid.parse(text))
        assert.notStrictEqual(spelling, btid)
        const found = yield* Effect.flip(keys.find(spelling, nafId, "me"))
        assert.deepInclude(found, { _tag: "ZnRefused", reason: "transaction identifier invalid" })
        assert.strictEqual((yield* Effect.flip(bsf.key(naf, { btid: spelling, nafId })))._tag, "ZnRefused")
      }
    }).pipe(Effect.provide(world()))
  )
})

describe("an application server takes keys of the kind that was agreed", () => {
  const found = (gbaType: Nbsp.GbaType, kind: UaRealm.UaKeyKind, options: { readonly twoG?: boolean } = {}) =>
    Effect.gen(function* () {
      const keys = yield* NafKeys.make({ enabler: "demo", interface: "ua", ...options })
      const btid = BTid.make(new Uint8Array(16), bsfName)
      return yield* Effect.result(keys.find(btid, nafId, kind))
    }).pipe(
      Effect.provide(
        Layer.succeed(Zn.Zn, {
          retrieve: () =>
            Effect.succeed({
              meKeyMaterial: new Uint8Array(32).fill(1),
              keyExpiryTime: 1_000_000,
              ussList: [],
              gbaType
            })
        })
      )
    )

  it.effect("[SEC_CF-AUTH-001] a key of a password is none of a card, and a key of a card none of a password", () =>
    Effect.gen(function* () {
      assert.isDefined(ok(yield* found("3G_GBA", "me")))
      assert.isDefined(ok(yield* found("GBA_DIGEST", "digest")))
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect.each([
    ["GBA_DIGEST", "me"],
    ["3G_GBA", "digest"]
  ] as const)("%s for the kind %s is no key", ([gbaType, kind]) =>
    Effect.gen(function* () {
      assert.isUndefined(ok(yield* found(gbaType, kind)))
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("2G GBA is refused unless the switch is on, whatever the bootstrapping server has switched on", () =>
    Effect.gen(function* () {
      const refused = yield* found("2G_GBA", "me")
      assert.isTrue(Result.isFailure(refused))
      assert.deepInclude(Result.isFailure(refused) ? refused.failure : {}, { reason: "not authorised" })
      assert.isDefined(ok(yield* found("2G_GBA", "me", { twoG: true })))
    }).pipe(Effect.provide(bsfLayer()))
  )

  it.effect("the subscriber's settings say whether the key of the UICC or that of the terminal serves", () =>
    Effect.gen(function* () {
      yield* provision
      const settings = yield* GussSource.GussSource
      const ask = (keyChoice: "ME_BASED_KEY" | "UICC_BASED_KEY" | "ME_UICC_BASED_KEYS", kind: "me" | "uicc") =>
        Effect.gen(function* () {
          const uss = [{ gsId: 7, gsType: 0, uids: [], flags: [], keyChoice }]
          yield* settings.put({ impi, uiccType: "GBA_U", uss })
          return yield* Effect.match(
            request({ gbaU: true, naf: { gsIds: [7], kinds: ["uicc", "me"] }, agent: { kinds: [kind] } }),
            { onSuccess: ({ status }) => status, onFailure: (error) => "reason" in error && error.reason }
          )
        })
      assert.strictEqual(yield* ask("UICC_BASED_KEY", "me"), "not authorised")
      assert.strictEqual(yield* ask("ME_BASED_KEY", "uicc"), "not authorised")
      assert.strictEqual(yield* ask("UICC_BASED_KEY", "uicc"), 200)
      assert.strictEqual(yield* ask("ME_BASED_KEY", "me"), 200)
      assert.strictEqual(yield* ask("ME_UICC_BASED_KEYS", "me"), 200)
    }).pipe(Effect.provide(world()))
  )
})

describe("two application servers behind one listener", () => {
  const GCM = 0x00a8
  const both = Effect.gen(function* () {
    yield* provision
    const table = pskTable()
    const make = (name: Fqdn.Fqdn) =>
      NafPsk.make({ enabler: "demo", interface: name, fqdn: name, suites: [GCM], table })
    const [first, second] = [yield* make(fqdn), yield* make(other)]
    const made = yield* bootstrapped({ fqdn, ua: NafId.overTls(GCM) })
    yield* first.load(made.btid)
    yield* second.load(made.btid)
    return { first, second, ...made, identity: NafPsk.identityOf("me", made.btid) }
  })

  it.effect("share a table of keys, and each has its own", () =>
    Effect.gen(function* () {
      const { btid, first, second, identity, key } = yield* both
      const handshake = { serverName: undefined, version: "TLSv1.2", suite: { code: GCM } }
      assert.strictEqual(toHex(first.lookup(identity, handshake)!), key)
      assert.notStrictEqual(toHex(second.lookup(identity, handshake)!), key)
      yield* second.drop(btid)
      assert.isUndefined(second.lookup(identity, handshake))
      assert.strictEqual(toHex(first.lookup(identity, handshake)!), key)
    }).pipe(Effect.provide(world()))
  )

  it.effect("[SEC_CF-KEM-001] a key that has ended leaves the table, whether anybody asks for it or not", () =>
    Effect.gen(function* () {
      yield* provision
      const table = pskTable()
      const options = { enabler: "demo", interface: "psk", fqdn, suites: [GCM], tls13: false, table }
      const psk = yield* NafPsk.make(options)
      yield* psk.load((yield* bootstrapped()).btid)
      assert.strictEqual(table.size(), 1)
      yield* TestClock.adjust("25 hours")
      yield* psk.load((yield* bootstrapped()).btid)
      assert.strictEqual(table.size(), 1)
    }).pipe(Effect.provide(world()))
  )

  it.effect("[SEC_CF-AUTH-001] a handshake for one lets nobody in at the other", () =>
    Effect.gen(function* () {
      const { first, second, identity } = yield* both
      const judge = (psk: NafPsk.NafPsk, serverName: string | undefined) =>
        psk.authenticator.judge(
          {
            connection: {
              ...overTls(GCM),
              protection: { ...overTls(GCM).protection, protocol: "psk-tls" },
              peer: { address: "127.0.0.1", pskIdentity: identity },
              ...(serverName !== undefined && { serverName })
            },
            request: undefined,
            policy
          },
          { mode: "psk-tls", identity }
        )
      assert.strictEqual((yield* judge(first, fqdn))._tag, "Accepted")
      assert.strictEqual((yield* judge(second, other))._tag, "Accepted")
      assert.strictEqual((yield* judge(second, fqdn))._tag, "Rejected")
      assert.strictEqual((yield* judge(first, other))._tag, "Rejected")
    }).pipe(Effect.provide(world()))
  )
})

describe("settings that give a bootstrapping no time", () => {
  it.effect("make it end at once, and are no failure of the store", () =>
    Effect.gen(function* () {
      yield* provision
      const settings = yield* GussSource.GussSource
      yield* settings.put({ impi, uiccType: "GBA", uss: [], lifetime: 0 })
      const failed = yield* Effect.flip(bootstrapped())
      assert.strictEqual("reason" in failed && failed.reason, "the lifetime is over already")
    }).pipe(Effect.provide(world()))
  )
})

describe("a flood on Ub", () => {
  it.effect("is answered with 503 once so many challenges are open, before a vector is used, and ends with them", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const subscribers = yield* Subscribers.Subscribers
      const ask = (username: string) => Effect.map(bsf.handle(initial(username)), ({ status }) => status)
      assert.deepStrictEqual([yield* ask(impi), yield* ask("nobody@home1.net"), yield* ask(impi)], [401, 401, 401])
      const before = yield* subscribers.sqn(impi)
      const refused = yield* bsf.handle(initial(impi))
      assert.deepStrictEqual([refused.status, field(refused, "retry-after")], [503, "5"])
      assert.strictEqual(yield* ask("nobody@home1.net"), 503)
      assert.strictEqual(yield* subscribers.sqn(impi), before)
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(yield* ask(impi), 401)
    }).pipe(Effect.provide(world({ maximumChallenges: 3 })))
  )

  it.effect("an answered challenge makes room", () =>
    Effect.gen(function* () {
      yield* provision
      for (let i = 0; i < 5; i++) yield* bootstrapped()
    }).pipe(Effect.provide(world({ maximumChallenges: 1 })))
  )

  it.effect("in the name of one subscriber shuts nobody out, and every challenge has a number of its own", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const subscribers = yield* Subscribers.Subscribers
      const answers = yield* Effect.all(
        Array.from({ length: 300 }, () => bsf.handle(initial(impi))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [401])
      assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, (yield* subscribers.sqn(impi))!), 300)
    }).pipe(Effect.provide(world({}, services(slow))))
  )

  it.effect("an unknown subscriber's AUTS costs what a wrong one of a known subscriber costs", () =>
    Effect.gen(function* () {
      yield* provision
      const subscribers = yield* Subscribers.Subscribers
      const nobody = "nobody@nobody.invalid"
      const resynchronise = { rand: new Uint8Array(16), auts: new Uint8Array(14) }
      const before = (yield* subscribers.sqn(nobody))!
      const failed = yield* Effect.flip(subscribers.vector({ impi: "x@home1.net", resynchronise }))
      assert.strictEqual(failed._tag, "UnknownSubscriber")
      assert.isAbove((yield* subscribers.sqn(nobody))!, before)
    }).pipe(Effect.provide(world()))
  )
})

describe("the handset's proof of the server", () => {
  const silent: Tamper = (answer) => ({
    ...answer,
    fields: answer.fields.filter(([name]) => name.toLowerCase() !== "authentication-info")
  })

  it.effect("[SEC_CF-AUTH-002] without TLS an answer that proves nothing is dropped", () =>
    Effect.gen(function* () {
      yield* provision
      const failed = yield* Effect.flip(request({ tamper: silent }))
      assert.deepInclude(failed, { reason: "server not authenticated: rspauth is missing or wrong" })
      assert.strictEqual((yield* request({ tamper: silent, over: overTls(0xc02f) })).status, 200)
    }).pipe(Effect.provide(world()))
  )

  it.effect("[SEC_CF-AUTH-002] a TLS server under another name than the realm's gets no credentials", () =>
    Effect.gen(function* () {
      yield* provision
      const over = overTls(0xc02f)
      const failed = yield* Effect.flip(request({ over: { ...over, serverName: "evil.example" } }))
      assert.deepInclude(failed, { reason: "the realm names another server" })
      assert.strictEqual((yield* request({ over: { ...over, serverName: fqdn } })).status, 200)
    }).pipe(Effect.provide(world()))
  )

  it.effect("a nonce of one server goes to no other at the same address", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const log: Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]> = []
      const serve = Effect.fnUntraced(function* (name: Fqdn.Fqdn) {
        const hashes = NodeDigestHash.hashes
        const authenticator = yield* NafAuth.make({ enabler: "demo", interface: "ua", fqdn: name, hashes })
        const guard = yield* InterfaceGuard.make(where, [authenticator])
        return NafHttp.protect(guard, "gba", () => Effect.succeed(HttpExchange.response(200, [], name)))
      })
      const servers = new Map<string, HttpHandler.HttpHandler>([
        [fqdn, yield* serve(fqdn)],
        [other, yield* serve(other)]
      ])
      const front: HttpHandler.HttpHandler = (request) =>
        servers.get(HttpExchange.fieldOf(request.fields, "host") ?? "")!(request)
      yield* Effect.gen(function* () {
        const agent = yield* UaAgent.make()
        for (const host of [fqdn, other, fqdn, other]) {
          const fields = [["Host", host]] as const
          const answer = yield* agent.request({
            method: "GET",
            url: "http://127.0.0.1/",
            fields,
            body: new Uint8Array(0)
          })
          assert.strictEqual(new TextDecoder().decode(answer.body), host)
        }
      }).pipe(Effect.provide([ueLayer(client(bsf.handle)), client(front, log)]))
      assert.deepStrictEqual(
        log.map(([, { status }]) => status),
        [401, 200, 401, 200, 200, 200]
      )
    }).pipe(Effect.provide(world()))
  )

  it.effect("holds for HEAD, whose answer has no body on the wire", () =>
    Effect.gen(function* () {
      yield* provision
      const tamper: Tamper = (answer) => ({ ...answer, body: new Uint8Array(0) })
      assert.strictEqual((yield* request({ method: "HEAD", tamper })).status, 200)
    }).pipe(Effect.provide(world()))
  )
})

describe("the handset", () => {
  it.effect("bootstraps once for requests that come at the same time", () =>
    Effect.gen(function* () {
      yield* provision
      const bsf = yield* Bsf.Bsf
      const log: Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]> = []
      const made = yield* Effect.gen(function* () {
        const ue = yield* Ue.Ue
        return yield* Effect.all([ue.ensure, ue.ensure, ue.ensure], { concurrency: "unbounded" })
      }).pipe(Effect.provide(ueLayer(client((request) => Effect.andThen(Effect.yieldNow, bsf.handle(request)), log))))
      assert.strictEqual(new Set(made.map(({ btid }) => btid)).size, 1)
      assert.strictEqual(log.length, 2)
    }).pipe(Effect.provide(world()))
  )
})
