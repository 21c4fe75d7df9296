import { assert, describe, it } from "@effect/vitest"
import { HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, type Layer } from "effect"
import { TestClock } from "effect/testing"
import { DpeExchange, type DpeMessage, SessionId } from "../src/index.ts"
import { agentOf, endpointsOf, proxyAddress } from "./support.ts"
import { connectionOf, makeWorld, messageOf, post, registration, under } from "./world.ts"

const sha256 = NodePrimitives.hash("sha256")
const external = { "dpe-1": { clientAuthentication: ["external"] } }
const digest = { clientAuthentication: ["digest"] }
const msisdn = ["x-msisdn", "8613802423312"] as const

const poll = (sessionId: string): DpeMessage.DpeMessage => ({ _tag: "PollRequest", messageId: "p", sessionId })
const update = (sessionId: string): DpeMessage.DpeMessage => ({
  _tag: "PropertyUpdateRequest",
  messageId: "u",
  sessionId,
  property: [{ name: "batteryLevel", value: "80" }]
})

const reporterOf = Effect.map(HttpHandler.HttpClient, (http) => http)

/** An exchange on DPE-1 with a user's credentials, for messages that a client would not send. */
const exchangeOf = Effect.fnUntraced(function* (user: string, http: Layer.Layer<HttpHandler.HttpClient>) {
  const options = { endpoints: endpointsOf("dpe-1"), digest: yield* agentOf(user) }
  return yield* Effect.provide(DpeExchange.make("dpe-1", options), http)
})

describe("identity from the network", () => {
  it.effect("[DPE-AUTH-006] [DPE-EXT-002] a header counts from the trusted proxy and from nobody else", () =>
    Effect.gen(function* () {
      const { server } = yield* makeWorld()
      const trusted = yield* post(server, "dpe-1", registration, [msisdn], connectionOf(proxyAddress))
      assert.strictEqual(trusted.status, 200)
      assert.strictEqual(HttpExchange.fieldOf(trusted.fields, "dpe-authenticated-by"), "external")
      const direct = yield* post(server, "dpe-1", registration, [msisdn])
      assert.strictEqual(direct.status, 403)
      assert.strictEqual(messageOf(direct)._tag, "RegistrationResponse")
    }).pipe(Effect.provide(under(external)))
  )

  it.effect("[DPE-EXT-002] a header that stands twice, in another case or with an underscore is refused", () =>
    Effect.gen(function* () {
      const { server } = yield* makeWorld()
      const from = (...fields: ReadonlyArray<readonly [string, string]>) =>
        Effect.map(post(server, "dpe-1", registration, fields, connectionOf(proxyAddress)), ({ status }) => status)
      assert.strictEqual(yield* from(["x-msisdn", "1234567"], ["x-msisdn", "7654321"]), 400)
      assert.strictEqual(yield* from(["x-msisdn", "1234567"], ["X-MSISDN", "7654321"]), 400)
      assert.strictEqual(yield* from(["x-msisdn", "1234567"], ["x_msisdn", "7654321"]), 400)
      assert.strictEqual(yield* from(["x-msisdn", "1234567"]), 200)
    }).pipe(Effect.provide(under(external)))
  )

  it.effect("[DPE-EXT-002] X-Forwarded-For of anybody makes nobody a proxy", () =>
    Effect.gen(function* () {
      const { server } = yield* makeWorld()
      const forged = [msisdn, ["X-Forwarded-For", proxyAddress]] as const
      assert.strictEqual((yield* post(server, "dpe-1", registration, forged)).status, 403)
    }).pipe(Effect.provide(under(external)))
  )
})

describe("sessions", () => {
  const signedIn = Effect.fnUntraced(function* (user: string) {
    const world = yield* makeWorld()
    const client = yield* world.client(user)
    yield* client.register([])
    const state = yield* client.state
    if (state._tag !== "Registered") return yield* Effect.die(state)
    return { ...world, client, sessionId: state.session.sessionId }
  })

  it.effect(
    "[DPE-AUTH-009] a session under another identity is 403, without proof 401, unknown 410; the session stays",
    () =>
      Effect.gen(function* () {
        const { client, sent, http, server, sessionId } = yield* signedIn("alice")
        assert.strictEqual((yield* post(server, "dpe-1", update(sessionId))).status, 401)
        yield* client.update([{ name: "batteryLevel", value: "70" }])
        const bobs = yield* exchangeOf("bob", http)
        const stolen = yield* Effect.flip(bobs.send(update(sessionId)))
        assert.isTrue(stolen._tag === "DpeRefused" && stolen.why === "authentication error")
        const gone = yield* (yield* exchangeOf("alice", http)).send(update("AAAAAAAAAAAAAAAAAAAAAA"))
        assert.strictEqual(gone.code, 410)
        yield* client.update([{ name: "batteryLevel", value: "60" }])
        assert.isAbove(sent.length, 3)
      }).pipe(Effect.provide(under({ "dpe-1": digest })))
  )

  it.effect("[DPE-AUTH-001] the Session-ID of one interface is none on the other", () =>
    Effect.gen(function* () {
      const { server, sessionId } = yield* signedIn("alice")
      const dpe2 = SessionId.dpe2(sha256, sessionId)
      assert.strictEqual((yield* post(server, "dpe-2", poll(dpe2))).status, 204)
      assert.strictEqual((yield* post(server, "dpe-2", poll(sessionId))).status, 410)
      assert.strictEqual((yield* post(server, "dpe-1", update(dpe2))).status, 410)
    }).pipe(Effect.provide(under({})))
  )

  it.effect("a Session-ID of the attacker's making is not taken over by a registration", () =>
    Effect.gen(function* () {
      const { http, server } = yield* makeWorld()
      const fixed = "AAAAAAAAAAAAAAAAAAAAAA"
      const first = messageOf(yield* post(server, "dpe-1", registration))
      const second = messageOf(yield* post(server, "dpe-1", registration))
      if (first._tag !== "RegistrationResponse" || second._tag !== "RegistrationResponse") return assert.fail()
      assert.notStrictEqual(first.sessionId, second.sessionId)
      assert.strictEqual((yield* post(server, "dpe-1", update(fixed))).status, 410)
      // a session of nobody does not become alice's because she is led to use it: on DPE-1 it stays nobody's
      const taken = yield* Effect.flip((yield* exchangeOf("alice", http)).send(update(second.sessionId ?? "")))
      assert.isTrue(taken._tag === "DpeRefused")
    }).pipe(Effect.provide(under({ "dpe-1": { clientAuthentication: ["digest", "none"] } }, { "dpe-1": digest })))
  )

  it.effect("[DPE-DIG-003] a replayed nonce count is not accepted again", () =>
    Effect.gen(function* () {
      const { sent, server } = yield* signedIn("alice")
      const last = sent.at(-1)!
      const authorization = HttpExchange.fieldsOf(last.fields, "authorization").map(
        (v) => ["Authorization", v] as const
      )
      assert.lengthOf(authorization, 1)
      const again = yield* post(server, "dpe-1", registration, authorization)
      assert.strictEqual(again.status, 401)
      assert.include(HttpExchange.fieldsOf(again.fields, "www-authenticate")[0], "stale=true")
    }).pipe(Effect.provide(under({ "dpe-1": digest })))
  )

  it.effect("[DPE-AUTH-001] credentials of DPE-1 do not count on DPE-2", () =>
    Effect.gen(function* () {
      const { sent, server, sessionId } = yield* signedIn("alice")
      const used = HttpExchange.fieldOf(sent.at(-1)!.fields, "authorization") ?? ""
      const dpe2 = poll(SessionId.dpe2(sha256, sessionId))
      assert.strictEqual((yield* post(server, "dpe-2", dpe2, [["Authorization", used]])).status, 401)
      // the same with the target of DPE-2 written into it: another realm, another nonce space
      const moved = used.replaceAll("/dpe/1", "/dpe/2")
      assert.strictEqual((yield* post(server, "dpe-2", dpe2, [["Authorization", moved]])).status, 401)
    }).pipe(Effect.provide(under({ "dpe-1": digest, "dpe-2": digest })))
  )

  it.effect("a credential that is wrong is an error where none was needed", () =>
    Effect.gen(function* () {
      const { sent, server, sessionId } = yield* signedIn("alice")
      const used = HttpExchange.fieldOf(sent.at(-1)!.fields, "authorization") ?? ""
      const dpe2 = poll(SessionId.dpe2(sha256, sessionId))
      assert.strictEqual((yield* post(server, "dpe-2", dpe2)).status, 204)
      const moved = used.replaceAll("/dpe/1", "/dpe/2")
      assert.strictEqual((yield* post(server, "dpe-2", dpe2, [["Authorization", moved]])).status, 403)
      assert.strictEqual((yield* post(server, "dpe-2", dpe2, [["Authorization", "Bearer x"]])).status, 403)
    }).pipe(Effect.provide(under({ "dpe-1": digest, "dpe-2": { clientAuthentication: ["none"] } })))
  )

  it.effect("the session before a new one ends with the first message of the new one", () =>
    Effect.gen(function* () {
      const { client, http, sessionId } = yield* signedIn("alice")
      const alices = yield* exchangeOf("alice", http)
      yield* client.register([])
      assert.strictEqual((yield* alices.send(update(sessionId))).code, 200)
      yield* client.update([{ name: "batteryLevel", value: "5" }])
      assert.strictEqual((yield* alices.send(update(sessionId))).code, 410)
    }).pipe(Effect.provide(under({ "dpe-1": digest })))
  )

  it.effect("a session ends in time, and sessions of nobody are bounded", () =>
    Effect.gen(function* () {
      const { server } = yield* makeWorld()
      const one = Effect.map(post(server, "dpe-1", registration), ({ status }) => status)
      assert.deepStrictEqual(yield* Effect.all([one, one, one]), [200, 200, 503])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* one, 200)
    }).pipe(Effect.provide(under({ "dpe-1": { clientAuthentication: ["none"], limits: { anonymousPerSource: 2 } } })))
  )
})

describe("connection security", () => {
  it.effect("[DPE-CONN-003] [DPE-CONN-006] who asks for TLS gets it, and the session is served on no less", () =>
    Effect.gen(function* () {
      const { client, sent, server } = yield* makeWorld()
      const plain = yield* post(server, "dpe-1", { ...registration, connectionSecurity: "tls" })
      assert.strictEqual(plain.status, 426)
      assert.strictEqual(HttpExchange.fieldOf(plain.fields, "location"), "https://dpe.example.net/dpe/1")
      assert.strictEqual(HttpExchange.fieldOf(plain.fields, "upgrade"), "TLS/1.2, HTTP/1.1")
      const careful = yield* client("alice", { asked: "tls" })
      yield* careful.register([])
      assert.strictEqual(sent.at(-1)!.connection.protection.level, 3)
      const state = yield* careful.state
      const sessionId = state._tag === "Registered" ? state.session.sessionId : ""
      assert.strictEqual((yield* post(server, "dpe-1", update(sessionId))).status, 426)
      assert.strictEqual((yield* post(server, "dpe-2", poll(SessionId.dpe2(sha256, sessionId)))).status, 426)
      assert.strictEqual(yield* careful.poll(0), undefined)
    }).pipe(Effect.provide(under({})))
  )

  it.effect("[DPE-CONN-002] a policy of TLS is not undercut, and is discovered by the 426", () =>
    Effect.gen(function* () {
      const { client, sent, server } = yield* makeWorld()
      assert.strictEqual((yield* post(server, "dpe-1", registration)).status, 426)
      yield* (yield* client("alice")).register([])
      assert.deepStrictEqual(
        sent.map(({ connection }) => connection.protection.level),
        [0, 3]
      )
    }).pipe(Effect.provide(under({ "dpe-1": { clientAuthentication: ["none"], connection: "full" } })))
  )

  it.effect("a Location to another host is not followed", () =>
    Effect.gen(function* () {
      const { client, network, sent } = yield* makeWorld()
      network.current = {
        tamper: (answer) => ({
          ...answer,
          fields: answer.fields.map(([name, value]) =>
            name === "Location" ? [name, value.replace("dpe.example.net", "dpe.example.org")] : [name, value]
          )
        })
      }
      const failed = yield* Effect.flip((yield* client("alice")).register([]))
      assert.isTrue(failed._tag === "DpeRefused" && failed.why === "foreign location")
      assert.lengthOf(sent, 1)
    }).pipe(Effect.provide(under({ "dpe-1": { clientAuthentication: ["none"], connection: "full" } })))
  )

  it.effect("[DPE-AUTH-012] a server that is not accepted hears of it, and of nothing else; once a minute", () =>
    Effect.gen(function* () {
      const { client, http, sent, server } = yield* makeWorld()
      const reporter = yield* Effect.provide(reporterOf, http)
      const options = { endpoints: endpointsOf("dpe-1"), reporter }
      const one = yield* client("alice", { dpe1: options })
      const failed = yield* Effect.flip(one.register([]))
      assert.isTrue(failed._tag === "DpeRefused" && failed.why === "server not accepted")
      yield* Effect.flip(one.register([]))
      assert.deepStrictEqual([...(yield* server.authenticationErrors)], [["DPE-1: authentication error", 1]])
      assert.lengthOf(sent, 1)
      assert.deepStrictEqual(
        sent[0]!.fields.map(([name]) => name),
        ["Host", "Content-Type"]
      )
      yield* TestClock.adjust("1 minute")
      yield* Effect.flip(one.register([]))
      assert.deepStrictEqual([...(yield* server.authenticationErrors)], [["DPE-1: authentication error", 2]])
    }).pipe(
      Effect.provide(under({}, { "dpe-1": { clientAuthentication: ["none"], serverAuthentication: ["certificate"] } }))
    )
  )
})
