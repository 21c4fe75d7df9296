import { assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "@oma/peers"
import { type Connection, CredentialStore, InterfaceGuard, Level, Spd } from "@oma/sa-policy"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodeHttpClient, NodeHttpServer } from "@oma/sa-policy/node"
import { Authorization, DigestNonces, DigestVerifiers, NodeDigestHash } from "@oma/sec-cf-core/digest"
import {
  Bsf,
  BTid,
  Fqdn,
  GbaDigest,
  GussSource,
  Impi,
  type Ks,
  NafAuth,
  NafHttp,
  NafId,
  UaAgent,
  Ue,
  UeGbaDigest,
  ZnLocal
} from "@oma/sec-cf-core/gba"
import { Effect, Layer, Redacted, Result } from "effect"
import { connectionOf, httpsServer, loopbackNames, openDevelopmentCa, SecureAgent } from "../../src/tls/index.ts"
import { services } from "../aka/stack.ts"
import { toHex } from "../aka/support.ts"
import { client, connection, overTls } from "./world.ts"

const ok = Result.getOrThrow
const realm = "home1.net"
const password = "correct horse"
const impi = ok(Impi.parse("alice@home1.net"))
const mallory = ok(Impi.parse("mallory@home1.net"))
const bsfName = ok(Fqdn.parse("bsf.home1.net"))
const nafName = ok(Fqdn.parse("naf1.home1.net"))
const nafId = ok(NafId.make(nafName, NafId.protocols.httpDigest))
const naf: Bsf.NafPrincipal = { name: "naf1", answersFor: (name) => name === nafName }
const hashes = NodeDigestHash.hashes
const ua = { enabler: "demo", role: "server", interface: "ua" } as const
const policy: Parameters<typeof Spd.layer>[0] = {
  interfaces: [
    {
      ...ua,
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

/** A bootstrapping server whose home network knows Alice's password, and what an application server needs beside it. */
const world = (digest: Partial<NonNullable<Bsf.BsfOptions["gbaDigest"]>> = {}) => {
  const bsf = Layer.unwrap(
    Effect.gen(function* () {
      const accounts = yield* CredentialStore.CredentialStore
      const user = { username: impi, realm, password }
      const made = DigestVerifiers.accountDigest(hashes, ["MD5", "SHA-256"], user)
      yield* Effect.orDie(accounts.add({ enabler: "ims", id: impi, ...made }))
      const credentials = yield* DigestVerifiers.fromAccounts("ims")
      return Bsf.layer({ fqdn: bsfName, gbaDigest: { realm, credentials, ...digest } })
    })
  )
  const ground = Layer.mergeAll(GussSource.layer, Layer.orDie(DigestNonces.layer()), Layer.orDie(Spd.layer(policy)))
  return ZnLocal.layer(naf).pipe(
    Layer.provideMerge(bsf.pipe(Layer.provideMerge(ground.pipe(Layer.provideMerge(services())))))
  )
}

/** A TLS server for `handler` on a free port of this machine, and the certificate to trust. */
const serve = Effect.fnUntraced(function* <R>(handler: HttpHandler.HttpHandler<R>) {
  const now = Date.now()
  const ca = yield* openDevelopmentCa(temporaryFolder(), now)
  const certificate = yield* ca.issue({ label: "server", names: [nafName, ...loopbackNames] }, now)
  const { server } = httpsServer({ certificate })
  const { port } = yield* NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0, server, connectionOf })
  return { url: `https://127.0.0.1:${port}/`, authorities: ca.certificate }
})

const trusting = (authorities: string, version: "TLSv1.2" | "TLSv1.3" = "TLSv1.3") =>
  NodeHttpClient.layer({ tls: { ca: authorities, minVersion: version, maxVersion: version } })

const ueAt = (
  url: string,
  http: Layer.Layer<HttpHandler.HttpClient>,
  options: Partial<UeGbaDigest.UeGbaDigestOptions> = {}
) =>
  UeGbaDigest.layer({ impi, bsf: bsfName, realm, url, password: Redacted.make(password), ...options }).pipe(
    Layer.provide(http),
    Layer.provideMerge(services())
  )

const bootstrap = Effect.gen(function* () {
  const ue = yield* Ue.Ue
  const { btid } = yield* ue.ensure
  return { btid, key: yield* Effect.orDie(ue.withKey(nafId, "me", toHex)) }
})
const refusedOf = (ue: Layer.Layer<Ue.Ue>) =>
  Effect.provide(Effect.flip(Effect.flatMap(Ue.Ue, (one) => one.ensure)), ue)

/** A TLS connection of this process whose extract is known. */
const tls = (id: string, octet: number): Connection.Connection => ({
  ...overTls(0x1301),
  id,
  protection: { protocol: "tls", level: 3, version: "TLSv1.3" },
  exporter: (_, length) => new Uint8Array(length).fill(octet)
})

/** One request on Ub by hand. */
const ask = Effect.fnUntraced(function* (
  parameters: Partial<Authorization.AuthorizationParameters>,
  over = tls("a", 1),
  userAgent = "hand GBA_Digest"
) {
  const bsf = yield* Bsf.Bsf
  const field = ok(
    Authorization.encode({ username: impi, realm, nonce: "", uri: "/", response: "", algorithm: "MD5", ...parameters })
  )
  return yield* bsf.handle({
    method: "GET",
    target: "/",
    fields: [
      ["User-Agent", userAgent],
      ["Authorization", field]
    ],
    body: new Uint8Array(0),
    connection: over
  })
})
const challenges = (answer: HttpExchange.HttpResponse) => HttpExchange.fieldsOf(answer.fields, "www-authenticate")
const nonceOf = (answer: HttpExchange.HttpResponse) => /nonce="([^"]+)"/.exec(challenges(answer)[0]!)![1]!
/** What an observer can compare of two answers: all but the octets that differ each time. */
const shapeOf = (answer: HttpExchange.HttpResponse) => [
  answer.status,
  answer.fields.map(([name, value]) => [name, value.replace(/(nonce|opaque)="[^"]*"/g, "$1")]),
  answer.body.length
]

/** Credentials for a nonce that were made by the letter of Annex B.5, without the code under test. */
const respond = Effect.fnUntraced(function* (nonce: string, octet: number, given = password, qop = "auth-int") {
  const { createHash, createHmac } = yield* Effect.promise(() => import("node:crypto"))
  const md5 = (data: string | Uint8Array) => createHash("md5").update(data).digest()
  const s = Buffer.concat([
    Uint8Array.of(1),
    Buffer.from("GBA_Digest_RESP"),
    Uint8Array.of(0, 15),
    new Uint8Array(48).fill(octet),
    Uint8Array.of(0, 48)
  ])
  const secret = createHmac("sha256", md5(`${impi}:${realm}:${given}`))
    .update(s)
    .digest()
  const ha1 = md5(Buffer.concat([Buffer.from(`${impi}:${realm}:`), secret])).toString("hex")
  const ha2 = md5(qop === "auth" ? "GET:/" : `GET:/:${md5("").toString("hex")}`).toString("hex")
  const quality = { qop, nc: "00000001", cnonce: "c" } as const
  return { nonce, ...quality, response: md5(`${ha1}:${nonce}:00000001:c:${qop}:${ha2}`).toString("hex") }
})

describe("GBA_Digest over TLS sockets", () => {
  for (const [version, algorithm] of [
    ["TLSv1.3", "SHA-256"],
    ["TLSv1.2", "MD5"]
  ] as const) {
    it.live(`gives both sides one Ks_NAF: ${version}, ${algorithm}`, () =>
      Effect.gen(function* () {
        const bsf = yield* Bsf.Bsf
        const { url, authorities } = yield* serve(bsf.handle)
        const seen: Array<string> = []
        const onDerivation: Ks.DerivationObserver = ({ s }) => seen.push(new TextDecoder().decode(s.subarray(1, 11)))
        const ue = ueAt(url, trusting(authorities, version), { algorithms: [algorithm], onDerivation, tls12: true })
        const { btid, key } = yield* Effect.provide(bootstrap, ue)
        const material = yield* bsf.key(naf, { btid, nafId, gbaUAware: true })
        assert.strictEqual(toHex(material.meKeyMaterial), key)
        assert.deepInclude(material, { gbaType: "GBA_DIGEST", impi, uiccKeyMaterial: undefined })
        assert.strictEqual(BTid.bsfOf(btid), bsfName)
        assert.deepStrictEqual(seen, ["gba-digest"])
      }).pipe(Effect.scoped, Effect.provide(world({ tls12: true })))
    )
  }

  it.live("lets the handset in at an application server that takes such keys, and at no other", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const ub = yield* serve(bsf.handle)
      const resource = Effect.fnUntraced(function* (kinds: NafAuth.NafOptions["kinds"]) {
        const authenticator = yield* NafAuth.make({ ...ua, fqdn: nafName, hashes, ...(kinds && { kinds }) })
        const guard = yield* InterfaceGuard.make(ua, [authenticator])
        return yield* serve(
          NafHttp.protect(guard, "gba", (_, identity) =>
            Effect.succeed(HttpExchange.response(200, [], identity._tag === "Authenticated" ? identity.subject : ""))
          )
        )
      })
      const ask = Effect.fnUntraced(function* (
        at: { readonly url: string; readonly authorities: string },
        kinds: UaAgent.UaAgentOptions["kinds"]
      ) {
        const ue = Layer.succeedContext(yield* Layer.build(ueAt(ub.url, trusting(ub.authorities))))
        const secureAgent = new SecureAgent({ serverName: nafName, authorities: at.authorities })
        yield* Effect.addFinalizer(() => Effect.sync(() => secureAgent.destroy()))
        const call = { method: "GET", url: at.url, fields: [["Host", nafName]], body: new Uint8Array(0) } as const
        return yield* Effect.gen(function* () {
          const agent = yield* UaAgent.make(kinds === undefined ? {} : { kinds })
          const { status, body } = yield* agent.request(call)
          return `${status} ${new TextDecoder().decode(body)}`
        }).pipe(Effect.provide([NodeHttpClient.layer({ secureAgent, connectionOf }), ue]))
      })
      assert.strictEqual(yield* ask(yield* resource(["digest"]), ["digest"]), `200 ${impi}`)
      const refused = yield* Effect.flip(ask(yield* resource(undefined), undefined))
      assert.deepInclude(refused, { _tag: "UaFailed", reason: "refused even with a new bootstrapping" })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("refuses a wrong password and a name that nobody has with one answer", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const { url, authorities } = yield* serve(bsf.handle)
      const http = trusting(authorities)
      const wrong = yield* refusedOf(ueAt(url, http, { password: Redacted.make("wrong") }))
      const unknown = yield* refusedOf(ueAt(url, http, { impi: mallory }))
      assert.deepInclude(wrong, { reason: "refused by the server", detail: "status 401" })
      assert.deepInclude(unknown, { reason: wrong.reason, detail: wrong.detail })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("refuses a response that somebody in the middle passes on over a TLS connection of his own", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const real = yield* serve(bsf.handle)
      const onward = yield* Effect.provide(
        HttpHandler.HttpClient,
        Layer.succeedContext(yield* Layer.build(trusting(real.authorities)))
      )
      const statuses: Array<number> = []
      const middle = yield* serve(({ method, fields, body }) =>
        Effect.map(Effect.orDie(onward.call({ method, url: real.url, fields, body })), (answer) => {
          statuses.push(answer.status)
          return HttpExchange.response(
            answer.status,
            answer.fields.filter(([name]) => /^(www|auth)/i.test(name))
          )
        })
      )
      const refused = yield* refusedOf(ueAt(middle.url, trusting(middle.authorities)))
      assert.deepInclude(refused, { reason: "refused by the server", detail: "status 401" })
      assert.deepStrictEqual(statuses, [401, 401])
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("ends where the two sides were given other exporter labels, or other realms", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const { url, authorities } = yield* serve(bsf.handle)
      const http = trusting(authorities)
      const same = yield* Effect.provide(bootstrap, ueAt(url, http, { exporterLabel: "EXPERIMENTAL other" }))
      assert.strictEqual(same.key.length, 64)
      assert.strictEqual((yield* refusedOf(ueAt(url, http))).reason, "refused by the server")
      const elsewhere = yield* refusedOf(ueAt(url, http, { realm: "home2.net" }))
      assert.strictEqual(elsewhere.reason, "the challenge names another server")
    }).pipe(Effect.scoped, Effect.provide(world({ exporterLabel: "EXPERIMENTAL other" })))
  )
})

describe("GBA_Digest on Ub", () => {
  it.effect("is done inside TLS only, by both sides", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const { exporter } = tls("a", 1)
      const open: ReadonlyArray<Connection.Connection> = [
        connection,
        overTls(0x1301),
        { ...connection, exporter: exporter! },
        { ...tls("keyed", 1), protection: { protocol: "psk-tls", level: 3, version: "TLSv1.3" } },
        { ...tls("weak", 1), protection: { protocol: "tls", level: 1, version: "TLSv1.3" } },
        { ...tls("old", 1), protection: { protocol: "tls", level: 3, version: "TLSv1.2" } },
        { ...tls("closed", 1), exporter: () => undefined }
      ]
      for (const over of open) {
        assert.deepStrictEqual(shapeOf(yield* ask({}, over)).slice(0, 1), [403])
        const log: Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]> = []
        const http = client(bsf.handle, log, undefined, () => over)
        const refused = yield* refusedOf(ueAt(`https://${bsfName}/`, http))
        assert.deepInclude(refused, { reason: "refused by the server", detail: "GBA_Digest is done inside TLS only" })
        assert.strictEqual(log.length, 0)
      }
    }).pipe(Effect.provide(world()))
  )

  it.effect("answers an unknown name as a known one, before the response and after it", () =>
    Effect.gen(function* () {
      const known = yield* ask({})
      const unknown = yield* ask({ username: mallory })
      assert.deepStrictEqual(shapeOf(unknown), shapeOf(known))
      assert.match(challenges(known)[0]!, /realm="home1\.net".*algorithm=SHA-256, qop="auth-int"/)
      assert.match(challenges(known)[1]!, /algorithm=MD5, qop="auth-int"/)
      const wrong = yield* ask(yield* respond(nonceOf(known), 1, "wrong"))
      const nobody = yield* ask({ ...(yield* respond(nonceOf(unknown), 1)), username: mallory })
      assert.deepStrictEqual(shapeOf(nobody), shapeOf(wrong))
      assert.strictEqual(wrong.status, 401)
    }).pipe(Effect.provide(world()))
  )

  it.effect("takes a right response once, on its own connection, from its own name", () =>
    Effect.gen(function* () {
      const status = Effect.fnUntraced(function* (over: Connection.Connection, changed = {}) {
        const right = yield* respond(nonceOf(yield* ask({})), 1)
        return (yield* ask({ ...right, ...changed }, over)).status
      })
      assert.strictEqual(yield* status(tls("a", 1)), 200)
      assert.strictEqual(yield* status(tls("b", 2)), 401)
      assert.strictEqual(yield* status(tls("a", 1), { username: mallory }), 401)
      assert.strictEqual(yield* status(tls("a", 1), { realm: "home2.net" }), 401)
      const weaker = yield* respond(nonceOf(yield* ask({})), 1, password, "auth")
      assert.strictEqual((yield* ask(weaker)).status, 401)
      const right = yield* respond(nonceOf(yield* ask({})), 1)
      const both = yield* Effect.all([ask(right), ask(right)], { concurrency: 2 })
      assert.deepStrictEqual(both.map((one) => one.status).sort(), [200, 401])
      assert.strictEqual((yield* ask(right)).status, 401)
      const spoilt = nonceOf(yield* ask({}))
      assert.strictEqual((yield* ask(yield* respond(spoilt, 1, "wrong"))).status, 401)
      assert.strictEqual((yield* ask(yield* respond(spoilt, 1))).status, 401)
    }).pipe(Effect.provide(world()))
  )

  it.effect("lets nobody in whom the source of credentials does not vouch for, whatever the secret", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask(yield* respond(nonceOf(yield* ask({})), 1))).status, 401)
    }).pipe(
      Effect.provide(
        world({
          credentials: () => {
            const ha1 = hashes.MD5(`${impi}:${realm}:${password}`)
            return Effect.succeed({ known: false, subject: "", use: (work) => Effect.sync(() => work(ha1)) })
          }
        })
      )
    )
  )

  it.effect("ends at the handset where the server proves nothing, has another name, or the connection changes", () =>
    Effect.gen(function* () {
      const bsf = yield* Bsf.Bsf
      const url = `https://${bsfName}/`
      const one = () => tls("a", 1)
      const bare = client(
        bsf.handle,
        [],
        (answer) => ({ ...answer, fields: answer.fields.filter(([name]) => name !== "Authentication-Info") }),
        one
      )
      const unproved = yield* refusedOf(ueAt(url, bare))
      assert.strictEqual(unproved.reason, "server not authenticated: rspauth is missing or wrong")
      const elsewhere = yield* refusedOf(ueAt(url, client(bsf.handle, [], undefined, one), { bsf: nafName }))
      assert.strictEqual(elsewhere.reason, "the challenge names another server")
      const log: Array<readonly [HttpHandler.HttpCall, HttpExchange.HttpResponse]> = []
      let calls = 0
      const changing = client(bsf.handle, log, undefined, () => tls(`${++calls}`, 1))
      const changed = yield* refusedOf(ueAt(url, changing))
      assert.deepInclude(changed, { reason: "no answer that is one", detail: "OtherConnection" })
      assert.deepStrictEqual(
        log.map(([, { status }]) => status),
        [401, 401, 401]
      )
    }).pipe(Effect.provide(world()))
  )

  it.effect("has no challenge in common with AKA: an empty password opens nothing", () =>
    Effect.gen(function* () {
      const nonce = nonceOf(yield* ask({}))
      const { createHash } = yield* Effect.promise(() => import("node:crypto"))
      const md5 = (text: string) => createHash("md5").update(text).digest("hex")
      const padded = Buffer.concat([Buffer.from(nonce, "base64"), new Uint8Array(16)]).toString("base64")
      const ha1 = md5(`${impi}:${bsfName}:`)
      const response = md5(`${ha1}:${padded}:00000001:c:auth-int:${md5(`GET:/:${md5("")}`)}`)
      const quality = { qop: "auth-int", nc: "00000001", cnonce: "c", algorithm: "AKAv1-MD5" } as const
      for (const more of [{}, { auts: "AAAAAAAAAAAAAAAAAAA=" }]) {
        const answer = yield* ask({ realm: bsfName, nonce: padded, response, ...quality, ...more }, tls("a", 1), "aka")
        assert.strictEqual(answer.status, 401)
      }
      assert.strictEqual((yield* ask(yield* respond(nonce, 1))).status, 200)
      const aka = Buffer.from(nonceOf(yield* ask({ realm: bsfName }, tls("a", 1), "aka")), "base64").subarray(0, 16)
      assert.strictEqual((yield* ask(yield* respond(aka.toString("base64"), 1))).status, 401)
    }).pipe(Effect.provide(world()))
  )

  it.effect("answers what it cannot read with 400, and nobody's request with 403", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask({ username: "" })).status, 403)
      assert.strictEqual((yield* ask({ username: "no name" })).status, 400)
      for (const nonce of ["x", "A".repeat(24), `${"A".repeat(22)}==`, "A".repeat(4000)]) {
        assert.strictEqual((yield* ask({ ...(yield* respond(nonce, 1)) })).status, 401)
      }
    }).pipe(Effect.provide(world()))
  )

  it("reads nonces of 16 octets only", () => {
    const rand = Uint8Array.from({ length: 16 }, (_, i) => i)
    assert.deepStrictEqual(GbaDigest.decodeNonce(GbaDigest.encodeNonce(rand)), rand)
    for (const length of [0, 15, 17, 18]) {
      assert.isUndefined(GbaDigest.decodeNonce(GbaDigest.encodeNonce(new Uint8Array(length))))
    }
  })
})
