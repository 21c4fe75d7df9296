import { assert, describe, it } from "@effect/vitest"
import { Store, Unavailable } from "@oma/sa-policy"
import { HttpExchange } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Usim } from "@oma/sec-cf-core/aka"
import { Fqdn, Ks, NafId } from "@oma/sec-cf-core/gba"
import {
  BsfPush,
  GpiCodec,
  PushInfo,
  PushNaf,
  Zpn,
  ZpnHttpClient,
  ZpnHttpServer,
  ZpnLocal
} from "@oma/sec-cf-core/gba-push"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { hex, toHex } from "../aka/support.ts"
import { client, connection } from "../gba/world.ts"
import { bsfName, f, impi, nafName, network, number, principal, provision, subscriber, world } from "./world.ts"

const ok = Result.getOrThrow
const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)
const naf = (fqdn: string): NafId.NafId => ok(NafId.make(fqdn, NafId.protocols.gpl))
const request: PushInfo.GpiRequest = {
  ueId: number,
  ueIdType: "PUBLIC",
  uiccAppLabel: "",
  nafId: naf(nafName),
  ptId: "p1@naf1.home1.net",
  uiccOrMe: "GBA_ME",
  requestedLifeTime: 3_600_000
}

/** The bootstrapping server with its home network. */
const bsf = Effect.fnUntraced(function* (options: Parameters<typeof network>[0] = {}) {
  const context = yield* Layer.build(network(options))
  yield* Effect.provide(provision, context)
  const service = yield* Effect.provide(BsfPush.BsfPush, context)
  const ask = (change: Partial<PushInfo.GpiRequest> = {}, who = principal) =>
    service.pushInfo(who, { ...request, ...change })
  return {
    context,
    ask,
    refusal: (change: Partial<PushInfo.GpiRequest>, who = principal) =>
      Effect.map(Effect.flip(ask(change, who)), (error) => (error._tag === "ZpnRefused" ? error.reason : error._tag))
  }
})

describe("the bootstrapping server on Zpn", () => {
  it.effect("gives a key that the card derives too, and a GPI that only the card reads", () =>
    Effect.gen(function* () {
      const { ask } = yield* bsf()
      const info = yield* ask()
      const parsed = ok(GpiCodec.parse(info.gbaPushInfo))
      const [, answer] = Usim.authenticate(Usim.make(f), parsed.rand, parsed.autn)
      assert.strictEqual(answer._tag, "Authenticated")
      if (answer._tag !== "Authenticated") return
      const hmac = NodePrimitives.hmac("sha256")
      const key = Ks.naf(hmac, Ks.fromAka(answer.ck, answer.ik), "me", parsed.rand, impi, request.nafId)
      assert.strictEqual(toHex(info.meKeyMaterial), toHex(ok(key)))
      assert.isUndefined(info.impi)
      assert.strictEqual((yield* ask({ ptId: "p2", privateIdRequest: true })).impi, impi)
    }).pipe(Effect.scoped)
  )

  it.effect("an identical request gets the same octets for a while, any other one a fresh vector", () =>
    Effect.gen(function* () {
      const { ask, context } = yield* bsf()
      const [first, ...race] = yield* Effect.all([ask(), ask(), ask(), ask()], { concurrency: "unbounded" })
      const octetsOf = PushInfo.encodeResponse
      for (const again of [...race, yield* ask()]) assert.strictEqual(octetsOf(again), octetsOf(first))
      const rands = new Set([toHex(first.gbaPushInfo.subarray(1, 17))])
      const others = [
        ask({ ptId: "other" }),
        ask({ requestedLifeTime: 3_601_000 }),
        ask({ privateIdRequest: true }),
        ask({}, { ...principal, name: "another" })
      ]
      for (const other of others) rands.add(toHex((yield* other).gbaPushInfo.subarray(1, 17)))
      assert.strictEqual(rands.size, 5)
      yield* TestClock.adjust(60_000)
      assert.isFalse(rands.has(toHex((yield* ask()).gbaPushInfo.subarray(1, 17))))
      // neither Ks nor a key in the clear lies in the store
      const store = yield* Effect.provide(Store.Store, context)
      const all = yield* store.records("keys", { now: 0 })
      assert.isTrue(all.every(({ key }) => key.startsWith("aka/") || key.startsWith("gba-push/answer/")))
      const octets = all.map(({ value }) => Buffer.from(value).toString("latin1")).join()
      assert.notInclude(octets, toHex(first.meKeyMaterial))
      assert.notInclude(octets, Buffer.from(first.meKeyMaterial).toString("latin1"))
    }).pipe(Effect.scoped)
  )

  it.effect("[SEC_CF-CONF-002] no key for a name that the NAF does not answer for, nor for the server's own", () =>
    Effect.gen(function* () {
      const { refusal } = yield* bsf()
      const anyName = { name: "any", answersFor: () => true }
      assert.strictEqual(yield* refusal({ nafId: naf("other.example") }), "not authorised")
      assert.strictEqual(yield* refusal({ nafId: naf(bsfName) }, anyName), "not authorised")
      const protection = GpiCodec.protectionNafId(bsfName)
      assert.strictEqual(yield* refusal({ nafId: protection }, anyName), "not authorised")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses whom it does not know, what is over, what the card cannot do, and AUTS that does not hold", () =>
    Effect.gen(function* () {
      const { refusal, ask } = yield* bsf({ bsf: { longestMillis: 10_000 } })
      assert.strictEqual(yield* refusal({ ueId: "tel:+1999" }), "identity unknown")
      assert.strictEqual(yield* refusal({ ueId: "sip:broken@x" }), "identity unknown")
      assert.strictEqual(yield* refusal({ ueId: "nobody@home1.net", ueIdType: "PRIVATE" }), "identity unknown")
      assert.strictEqual(yield* refusal({ ueId: "x", ueIdType: "PRIVATE" }), "identity unknown")
      assert.strictEqual(yield* refusal({ requestedLifeTime: 0 }), "malformed")
      assert.strictEqual(yield* refusal({ ptId: "x".repeat(65) }), "malformed")
      assert.strictEqual(yield* refusal({ uiccAppLabel: "x".repeat(256) }), "malformed")
      assert.strictEqual(yield* refusal({ ueId: "tel:+15551230002", uiccOrMe: "GBA_U" }), "not authorised")
      const resynchronise = { auts: new Uint8Array(14), rand: new Uint8Array(16) }
      assert.strictEqual(yield* refusal({ resynchronise }), "malformed")
      assert.strictEqual((yield* ask()).keyExpiryTime, 10_000)
      const u = yield* ask({ uiccOrMe: "GBA_U", gbaUAware: true })
      assert.lengthOf(u.uiccKeyMaterial ?? [], 32)
      assert.isUndefined((yield* ask({ uiccOrMe: "GBA_U" })).uiccKeyMaterial)
    }).pipe(Effect.scoped)
  )
})

describe("Zpn over HTTP", () => {
  const over = (options: Partial<ZpnHttpServer.ZpnServerOptions> = {}, log: Parameters<typeof client>[1] = []) =>
    Layer.unwrap(
      Effect.map(ZpnHttpServer.make({ principalOf: () => Effect.succeed(principal), ...options }), (handler) =>
        ZpnHttpClient.layer({ root: "https://bsf.home1.net" }).pipe(Layer.provide(client(handler, log)))
      )
    )

  it.effect("carries a GPI from the server to the NAF, and from there to the handset", () =>
    Effect.gen(function* () {
      const log: NonNullable<Parameters<typeof client>[1]> = []
      const { naf, ue } = yield* world({ network: { zpn: over({}, log) } })
      const { gpi, ptid } = yield* naf.establish(subscriber)
      const sa = yield* ue.accept(gpi)
      assert.strictEqual(sa.ptid, ptid)
      const [call, answer] = log[0]!
      assert.strictEqual(call.url, "https://bsf.home1.net/nbsp-gba/v1/push-info-retrieval")
      assert.strictEqual(HttpExchange.fieldOf(answer.fields, "cache-control"), "no-store")
    }).pipe(Effect.scoped)
  )

  it.effect("tells refusals by status, and no more", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(network({ zpn: over() }))
      yield* Effect.provide(provision, context)
      const zpn = yield* Effect.provide(Zpn.Zpn, context)
      const reasonOf = (change: Partial<PushInfo.GpiRequest>) =>
        Effect.map(Effect.flip(zpn.pushInfo({ ...request, ...change })), (error) =>
          error._tag === "ZpnRefused" ? error.reason : error._tag
        )
      assert.strictEqual(yield* reasonOf({ ueId: "tel:+1999" }), "identity unknown")
      assert.strictEqual(yield* reasonOf({ nafId: naf("other.example") }), "not authorised")
      assert.strictEqual(yield* reasonOf({ requestedLifeTime: 0 }), "malformed")
      const strange = yield* Layer.build(network({ zpn: over({ principalOf: () => Effect.succeed(undefined) }) }))
      const error = yield* Effect.flip(
        Effect.flatMap(Effect.provide(Zpn.Zpn, strange), (port) => port.pushInfo(request))
      )
      assert.deepInclude(error, { _tag: "ZpnRefused", reason: "not authorised" })
    }).pipe(Effect.scoped)
  )

  it.effect("the handler answers everything else as HTTP does", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(network())
      yield* Effect.provide(provision, context)
      const down = () => Effect.fail(new Unavailable({ what: "tokens", retryable: true, cause: "down" }))
      const handler = yield* Effect.provide(
        ZpnHttpServer.make({ principalOf: () => Effect.succeed(principal) }),
        context
      )
      const failing = yield* Effect.provide(ZpnHttpServer.make({ principalOf: down }), context)
      const post: HttpExchange.HttpRequest = {
        method: "POST",
        target: PushInfo.PATH,
        fields: [["Content-Type", "application/json"]],
        body: new TextEncoder().encode(PushInfo.encodeRequest(request)),
        connection
      }
      const status = (change: Partial<HttpExchange.HttpRequest>, to = handler) =>
        Effect.map(to({ ...post, ...change }), (answer) => answer.status)
      assert.strictEqual(yield* status({}), 200)
      assert.strictEqual(yield* status({ method: "GET" }), 405)
      assert.strictEqual(yield* status({ fields: [] }), 415)
      assert.strictEqual(yield* status({ body: new Uint8Array([0xff]) }), 400)
      assert.strictEqual(yield* status({ body: new TextEncoder().encode("{}") }), 400)
      assert.strictEqual(yield* status({}, failing), 503)
      const open = { ...connection, protection: { ...connection.protection, level: 0 as const } }
      assert.strictEqual(yield* status({ connection: open }), 403)
      const certificate = { subject: "", dnsNames: [], uris: [], addresses: [], fingerprint: "", notAfter: 1 }
      const kept = { ...connection, peer: { ...connection.peer, certificate } }
      assert.strictEqual(yield* status({ connection: kept }), 200)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* status({ connection: kept }), 403)
    }).pipe(Effect.scoped)
  )

  it.effect("a request whose answer was lost is made again, and is the same request", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const answers: Array<string> = []
      const lossy = Layer.effect(
        Zpn.Zpn,
        Effect.map(BsfPush.BsfPush, (service) => ({
          pushInfo: (one: PushInfo.GpiRequest) =>
            Effect.gen(function* () {
              asked.push(PushInfo.encodeRequest(one))
              const info = yield* service.pushInfo(principal, one)
              answers.push(toHex(info.gbaPushInfo))
              if (asked.length < 3) return yield* new Unavailable({ what: "Zpn", retryable: true, cause: "lost" })
              return info
            })
        }))
      )
      const { naf, ue } = yield* world({ network: { zpn: lossy } })
      const [established] = yield* Effect.all([naf.establish(subscriber), TestClock.adjust(10_000)], {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(asked).size, 1)
      assert.strictEqual(new Set(answers).size, 1)
      assert.strictEqual(asked.length, 3)
      yield* ue.accept(established.gpi)
    }).pipe(Effect.scoped)
  )
})

describe("messages of push-info-retrieval", () => {
  const full: PushInfo.GpiRequest = {
    ...request,
    uiccAppLabel: "usim",
    privateIdRequest: true,
    gbaUAware: true,
    gsIds: [9, 4_294_967_295],
    resynchronise: { auts: new Uint8Array(14).fill(1), rand: new Uint8Array(16).fill(2) },
    securityFeaturesRequest: ["GPL_U"]
  }
  const response: PushInfo.GpiResponse = {
    meKeyMaterial: new Uint8Array(32).fill(1),
    uiccKeyMaterial: undefined,
    keyExpiryTime: 1_893_456_000_000,
    bootstrappingInfoCreationTime: undefined,
    ussList: [],
    gbaType: "3G_GBA",
    impi: undefined,
    gbaPushInfo: hex("10ff")
  }

  it("have the members of the OpenAPI file", () => {
    assert.deepStrictEqual(JSON.parse(PushInfo.encodeRequest(full)), {
      ueId: number,
      ueIdType: "PUBLIC",
      uiccAppLabel: "usim",
      nafId: { nafFqdn: "naf1.home1.net", uaSecProtId: "0100000005" },
      ptId: "p1@naf1.home1.net",
      uiccOrMe: "GBA_ME",
      requestedLifeTime: "1970-01-01T01:00:00Z",
      privateIdRequest: true,
      gbaUAware: true,
      gsIds: [9, 4_294_967_295],
      auts: "01".repeat(14),
      rand: "02".repeat(16),
      securityFeaturesRequest: ["GPL_U"]
    })
    assert.deepStrictEqual(JSON.parse(PushInfo.encodeResponse(response)), {
      gbaPushInfo: "10ff",
      meKeyMaterial: "01".repeat(32),
      keyExpiryTime: "2030-01-01T00:00:00Z",
      gbaType: "3G_GBA"
    })
  })

  it("read what they write", () => {
    for (const one of [request, full])
      assert.deepStrictEqual(ok(PushInfo.decodeRequest(PushInfo.encodeRequest(one))), one)
    assert.deepStrictEqual(ok(PushInfo.decodeResponse(PushInfo.encodeResponse(response))), response)
  })

  const changed = (json: string, change: Readonly<Record<string, unknown>>) =>
    JSON.stringify({ ...JSON.parse(json), ...change })
  it.each<Readonly<Record<string, unknown>>>([
    { ueId: "" },
    { ueId: "x".repeat(256) },
    { ueId: 1 },
    { ueIdType: "OTHER" },
    { uiccAppLabel: undefined },
    { uiccAppLabel: "ü".repeat(128) },
    { nafId: "x" },
    { nafId: {} },
    { nafId: { nafFqdn: "a:1", uaSecProtId: "0100000005" } },
    { ptId: "" },
    { ptId: "ü".repeat(33) },
    { uiccOrMe: "GBA" },
    { requestedLifeTime: 5 },
    { requestedLifeTime: "2030-01-01T00:00:00" },
    { privateIdRequest: "yes" },
    { gbaUAware: 1 },
    { gsIds: [] },
    { gsIds: [-1] },
    { gsIds: Array.from({ length: 300 }, () => 1) },
    { rand: undefined },
    { auts: "00" },
    { securityFeaturesRequest: [] }
  ])("a request is refused with %j", (change) => {
    assert.isTrue(Result.isFailure(PushInfo.decodeRequest(changed(PushInfo.encodeRequest(full), change))))
  })
  it.each<Readonly<Record<string, unknown>>>([
    { gbaPushInfo: undefined },
    { gbaPushInfo: "" },
    { gbaPushInfo: "1" },
    { gbaPushInfo: "00".repeat(1025) },
    { keyExpiryTime: undefined },
    { meKeyMaterial: "00" }
  ])("a response is refused with %j", (change) => {
    assert.isTrue(Result.isFailure(PushInfo.decodeResponse(changed(PushInfo.encodeResponse(response), change))))
  })

  it("[fuzz] every prefix is refused; any text and any members have an answer", () => {
    const [a, b] = [PushInfo.encodeRequest(full), PushInfo.encodeResponse(response)]
    for (let length = 0; length < a.length; length++) {
      assert.isTrue(Result.isFailure(PushInfo.decodeRequest(a.slice(0, length))))
    }
    for (let length = 0; length < b.length; length++) {
      assert.isTrue(Result.isFailure(PushInfo.decodeResponse(b.slice(0, length))))
    }
    assert.isTrue(Result.isFailure(PushInfo.decodeRequest(" ".repeat(70_000))))
    const names = [...Object.keys(JSON.parse(a)), ...Object.keys(JSON.parse(b))]
    const members = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(members, fc.string(), (value, text) => {
        for (const json of [JSON.stringify(value), text, changed(a, value), changed(b, value)]) {
          const [one, other] = [PushInfo.decodeRequest(json), PushInfo.decodeResponse(json)]
          if (Result.isFailure(one)) assert.strictEqual(one.failure._tag, "MalformedGba")
          if (Result.isFailure(other)) assert.strictEqual(other.failure._tag, "MalformedGba")
        }
      }),
      { numRuns: runs }
    )
  })
})

it("a P-TID fits a SAID whatever the name of the NAF is", async () => {
  const long = ok(Fqdn.parse(`${"a".repeat(60)}.${"b".repeat(60)}.example`))
  const program = Effect.gen(function* () {
    yield* provision
    const service = yield* PushNaf.PushNaf
    return yield* service.establish(subscriber)
  }).pipe(Effect.provide(network({ naf: { fqdn: long }, zpn: ZpnLocal.layer({ name: "n", answersFor: () => true }) })))
  assert.strictEqual((await Effect.runPromise(program)).ptid.length, 64)
})
