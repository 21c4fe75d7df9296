import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import { Sqn, Subscribers } from "@oma/sec-cf-core/aka"
import { Bsf, GussSource, NafId } from "@oma/sec-cf-core/gba"
import { Handset, Misbehaving, testSubscribers, Uicc } from "@oma/testkit"
import { Effect, Ref } from "effect"
import { bsfName, handset, nafName, otherName, provision, pskName, servers, text, world } from "./gbaWorld.ts"

const { get } = Handset

const put = (body: string): HttpHandler.HttpCall => ({
  ...get(`http://${nafName}/x`),
  method: "PUT",
  body: Bytes.utf8(body)
})

describe("a handset", () => {
  it.live.each(testSubscribers.map((subscriber) => [subscriber.source, subscriber] as const))(
    "bootstraps once and uses three application servers: %s",
    ([, subscriber]) =>
      Effect.gen(function* () {
        yield* provision
        const { hosts } = yield* servers()
        const log: Array<string> = []
        const phone = yield* handset(hosts, {
          subscriber,
          onExchange: (call, { status }) => log.push(`${new URL(call.url).hostname} ${status}`)
        })
        const who = `${subscriber.impi} by gba `
        assert.strictEqual(text(yield* phone.request(get(`http://${nafName}/`))), who)
        assert.strictEqual(text(yield* phone.request(get(`http://${otherName}/`))), who)
        assert.strictEqual(text(yield* phone.request(get(`http://${nafName}/again`))), who)
        const byKey = `${subscriber.impi} by psk-tls `
        assert.strictEqual(text(yield* phone.requestByPsk(get(`https://${pskName}/`), "TLSv1.2")), byKey)
        assert.strictEqual(text(yield* phone.requestByPsk(get(`https://${pskName}/`), "TLSv1.3")), byKey)
        const count = (line: string) => log.filter((one) => one === line).length
        assert.deepStrictEqual(
          [count(`${bsfName} 401`), count(`${bsfName} 200`), count(`${nafName} 401`), count(`${nafName} 200`)],
          [1, 1, 1, 2]
        )
      }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("resynchronises with a home network that is behind its card", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers()
      const statuses: Array<number> = []
      const phone = yield* handset(hosts, { onExchange: (_, { status }) => statuses.push(status) })
      yield* phone.goAhead(70_000)
      yield* phone.ue.ensure
      assert.deepStrictEqual(statuses, [401, 401, 200])
      const subscribers = yield* Subscribers.Subscribers
      assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, (yield* subscribers.sqn(phone.impi))!), 70_001)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("bootstraps anew when its key of PSK-TLS is refused", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts, psk } = yield* servers()
      const phone = yield* handset(hosts)
      const first = yield* phone.ue.ensure
      yield* psk.drop(first.btid)
      assert.strictEqual((yield* phone.requestByPsk(get(`https://${pskName}/`))).status, 200)
      assert.notStrictEqual((yield* phone.ue.ensure).btid, first.btid)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("bootstraps anew when the bootstrapping server withdrew its keys", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers()
      const bsf = yield* Bsf.Bsf
      const phone = yield* handset(hosts)
      const { btid } = yield* phone.ue.ensure
      yield* bsf.revoke(btid)
      assert.strictEqual((yield* phone.request(get(`http://${nafName}/`))).status, 200)
      assert.notStrictEqual((yield* phone.ue.ensure).btid, btid)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("does GBA_U: card, handset and bootstrapping server have the same two keys", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers()
      const settings = yield* GussSource.GussSource
      const phone = yield* handset(hosts)
      yield* settings.put({ impi: phone.impi, uiccType: "GBA_U", uss: [] })
      const { btid } = yield* phone.ue.ensure
      const nafId = { fqdn: nafName, ua: NafId.protocols.httpDigest }
      const bsf = yield* Bsf.Bsf
      const theirs = yield* bsf.key({ name: "naf", answersFor: () => true }, { btid, nafId, gbaUAware: true })
      const card = yield* Ref.get(phone.card.uicc)
      const completed = yield* Effect.fromResult(Uicc.complete(card, btid, "2030-01-02T03:04:05Z"))
      const [after, ksExt] = yield* Effect.fromResult(Uicc.derive(completed, phone.card.functions, nafId, phone.impi))
      const [, ksInt] = yield* Effect.fromResult(Uicc.useInternal(after, nafId, (key) => new Uint8Array(key)))
      assert.deepStrictEqual(ksExt, theirs.meKeyMaterial)
      assert.deepStrictEqual(ksInt, theirs.uiccKeyMaterial)
      assert.deepStrictEqual(yield* phone.ue.withKey(nafId, "uicc", (key) => new Uint8Array(key)), ksInt)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

describe("a bootstrapping server that misbehaves", () => {
  const macFailure = "network not authenticated: MAC-A is wrong"
  const noProof = "server not authenticated: rspauth is missing or wrong"
  it.live.each([
    ["a wrong AUTN", Misbehaving.wrongAutn, macFailure],
    ["a wrong SQN", Misbehaving.wrongSqn, macFailure],
    ["another RAND", Misbehaving.wrongRand, macFailure],
    ["a wrong rspauth", Misbehaving.wrongRspauth, noProof],
    ["no proof", Misbehaving.withoutProof, noProof],
    ["a B-TID that was changed", Misbehaving.changedBody((body) => body.replace("<btid>", "<btid>A")), noProof],
    ["another name", Misbehaving.otherName("bsf.example.org"), "the challenge names another server"],
    ["a redirection", Misbehaving.redirect("http://127.0.0.1:9/"), "refused by the server"]
  ] as const)("[SEC_CF-AUTH-002] is left: %s", ([, misbehaviour, reason]) =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers({ ub: (handler) => Misbehaving.server(handler, misbehaviour) })
      const phone = yield* handset(hosts)
      assert.deepInclude(yield* Effect.flip(phone.ue.ensure), { _tag: "BootstrapFailed", reason })
      assert.isUndefined(yield* phone.ue.current)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("[SEC_CF-AUTH-004] repeats a vector: the card takes it once", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers({ ub: (handler) => Misbehaving.server(handler, Misbehaving.replayed()) })
      const phone = yield* handset(hosts)
      const { btid } = yield* phone.ue.ensure
      const failed = yield* Effect.flip(phone.ue.renew)
      assert.include(failed.reason, "out of step")
      assert.strictEqual((yield* phone.ue.ensure).btid, btid)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )

  it.live("gives keys that ended", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers()
      const phone = yield* handset(hosts)
      assert.include((yield* Effect.flip(phone.ue.ensure)).reason, "the lifetime is over already")
    }).pipe(Effect.scoped, Effect.provide(world(Misbehaving.expiredLifetime)))
  )
})

describe("an application server that misbehaves", () => {
  const noProof = "server not authenticated: rspauth is missing or wrong"
  it.live.each([
    ["a wrong rspauth", Misbehaving.wrongRspauth, noProof],
    ["the name of another server", Misbehaving.otherName("bank.example.net"), "the realm names another server"],
    [
      "[SEC_CF-INTE-001, SEC_CF-AUTH-003] content that was changed",
      Misbehaving.changedBody(() => "you owe me"),
      noProof
    ]
  ] as const)("is left: %s", ([, misbehaviour, reason]) =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers({ ua: (handler) => Misbehaving.server(handler, misbehaviour) })
      const phone = yield* handset(hosts)
      const failed = yield* Effect.flip(phone.request(get(`http://${nafName}/`)))
      assert.deepInclude(failed, { _tag: "UaFailed", reason })
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

describe("a key that has ended", () => {
  it.live("is answered with a challenge, also right after it was used, and the handset bootstraps anew", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers()
      const settings = yield* GussSource.GussSource
      const sent: Array<HttpHandler.HttpCall> = []
      const phone = yield* handset(hosts, { onExchange: (call) => sent.push(call) })
      yield* settings.put({ impi: phone.impi, uiccType: "GBA", lifetime: 1, uss: [] })
      yield* phone.request(get(`http://${nafName}/`))
      const before = yield* phone.ue.current
      const credentials = sent.at(-1)!
      yield* Effect.sleep(1100)
      assert.strictEqual((yield* phone.network.client.call(credentials)).status, 401)
      assert.strictEqual((yield* phone.request(get(`http://${nafName}/`))).status, 200)
      assert.notStrictEqual((yield* phone.ue.current)?.btid, before?.btid)
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

describe("a redirection", () => {
  it.live("is told to the application and not followed: the next server would get credentials of this one", () =>
    Effect.gen(function* () {
      yield* provision
      const { hosts } = yield* servers({
        ua: (handler) => Misbehaving.server(handler, Misbehaving.redirect(`http://${otherName}/`))
      })
      const asked: Array<string> = []
      const phone = yield* handset(hosts, { onExchange: ({ url }) => asked.push(url) })
      const answer = yield* phone.request(get(`http://${nafName}/`))
      assert.strictEqual(answer.status, 302)
      assert.deepStrictEqual(asked, [`http://${nafName}/`])
    }).pipe(Effect.scoped, Effect.provide(world()))
  )
})

describe("a handset that misbehaves", () => {
  it.live(
    "[SEC_CF-INTE-001, SEC_CF-AUTH-003] is refused by the application server: content and every part of the credentials are covered",
    () =>
      Effect.gen(function* () {
        yield* provision
        let reached = 0
        const { hosts } = yield* servers()
        const sent: Array<HttpHandler.HttpCall> = []
        const phone = yield* handset(hosts, {
          onExchange: (call, { status }) => {
            sent.push(call)
            if (status === 200) reached++
          }
        })
        const answer = yield* phone.request(put("one"))
        assert.strictEqual(text(answer), `${phone.impi} by gba one`)
        const honest = sent.at(-1)!
        const ask = (call: HttpHandler.HttpCall) => Effect.map(phone.network.client.call(call), ({ status }) => status)
        const next = Misbehaving.count("00000007")
        const response = (call: HttpHandler.HttpCall) => HttpExchange.fieldOf(call.fields, "authorization") ?? ""
        assert.include(response(honest), "qop=auth-int")
        for (const [name, change, status] of [
          ["other content", Misbehaving.otherContent("two"), 401],
          ["another response", Misbehaving.wrongResponse, 401],
          ["another count", next, 401],
          ["somebody else", Misbehaving.otherUser(`AAAAAAAAAAAAAAAAAAAAAA==@${bsfName}`), 401],
          ["everything twice", Misbehaving.twice, 400],
          ["another method", (call: HttpHandler.HttpCall) => ({ ...call, method: "DELETE" }), 401],
          ["another target", (call: HttpHandler.HttpCall) => ({ ...call, url: call.url.replace("/x", "/y") }), 400],
          ["the same again", (call: HttpHandler.HttpCall) => call, 401]
        ] as const) {
          assert.strictEqual(yield* ask(change(honest)), status, name)
        }
        assert.strictEqual(reached, 2) // Ub, and the honest request
      }).pipe(Effect.scoped, Effect.provide(world()))
  )
})
