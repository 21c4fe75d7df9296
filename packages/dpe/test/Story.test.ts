import { assert, describe, it } from "@effect/vitest"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { DpeExchange, SessionId } from "../src/index.ts"
import { agentOf, endpointsOf } from "./support.ts"
import { makeWorld, messageOf, post, under } from "./world.ts"

const sha256 = NodePrimitives.hash("sha256")

const digest = { clientAuthentication: ["digest"] }
const battery = (value: string) => ({ name: "batteryLevel", value, type: "integer" }) as const

describe("a device, its server and a provider", () => {
  it.effect(
    "[DPE-AUTH-005] [DPE-AUTH-007] [DPE-DIG-001] [DPE-DIG-002] [DPE-AUTH-015] registers by Digest on DPE-1, reports and answers on an open DPE-2",
    () =>
      Effect.gen(function* () {
        const owners: Array<string> = []
        const { client, server, sent } = yield* makeWorld({
          onRegistered: ({ owner }) => Effect.sync(() => void owners.push(owner))
        })
        const phone = yield* client("alice")
        yield* phone.register([battery("80"), { name: "language", value: "de" }])
        const challenged = sent.filter(({ fields }) => !fields.some(([name]) => name === "Authorization"))
        assert.lengthOf(challenged, 1)
        const owner = server.ownerOf("user:alice", "phone")
        assert.deepStrictEqual(owners, [owner])
        yield* phone.update([battery("79")])
        const profile = yield* server.profile(owner)
        assert.deepStrictEqual(
          profile?.properties.map(({ name, value, interface: of, security }) => [name, value, of, security]),
          [["batteryLevel", "79", "dpe-1", "none"]]
        )

        yield* server.subscribe(owner, [
          { ruleId: "r1", propertyName: ["batteryLevel"], trigger: { kind: "threshold", threshold: 20 } }
        ])
        assert.strictEqual(yield* phone.poll(0), "PropertySubscriptionRequest")
        assert.strictEqual(yield* phone.measured([battery("50")]), 0)
        assert.strictEqual(yield* phone.measured([battery("19")]), 1)
        yield* server.requestProperties(owner, ["*"])
        assert.strictEqual(yield* phone.poll(0), "PropertyRequest")
        const after = yield* server.profile(owner)
        assert.deepStrictEqual(
          after?.properties.map(({ value, interface: of }) => [value, of]),
          [["19", "dpe-2"]]
        )
        assert.strictEqual(yield* phone.poll(0), undefined)

        yield* phone.deregister
        assert.strictEqual(yield* server.profile(owner), undefined)
        assert.strictEqual((yield* Effect.flip(phone.update([])))._tag, "NotRegistered")
      }).pipe(Effect.provide(under({ "dpe-1": digest, "dpe-2": { clientAuthentication: ["none"] } })))
  )

  it.effect("a poll waits for what comes, and no longer than it may", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeWorld()
      const phone = yield* client("alice")
      yield* phone.register([battery("80")])
      const waiting = yield* Effect.forkChild(phone.poll(60))
      yield* TestClock.adjust("20 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* server.requestProperties(server.ownerOf("user:alice", "phone"), ["batteryLevel"])
      assert.strictEqual(yield* Fiber.join(waiting), "PropertyRequest")
      const idle = yield* Effect.forkChild(phone.poll(60))
      yield* TestClock.adjust("61 seconds")
      assert.isUndefined(yield* Fiber.join(idle))
    }).pipe(Effect.provide(under({ "dpe-1": digest, "dpe-2": digest })))
  )

  it.effect("a message that was fetched and not answered is given out again; the queue is bounded", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeWorld()
      const phone = yield* client("alice")
      yield* phone.register([battery("80")])
      const owner = server.ownerOf("user:alice", "phone")
      const state = yield* phone.state
      const sessionId = state._tag === "Registered" ? SessionId.dpe2(sha256, state.session.sessionId) : ""
      const fetch = Effect.map(post(server, "dpe-2", { _tag: "PollRequest", messageId: "p", sessionId }), (answer) =>
        answer.status === 200 ? messageOf(answer).messageId : answer.status
      )
      const first = yield* server.requestProperties(owner, ["batteryLevel"])
      assert.strictEqual(yield* fetch, first)
      assert.strictEqual(yield* fetch, 204)
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(yield* fetch, first)
      yield* server.requestProperties(owner, ["batteryLevel"])
      const full = yield* Effect.flip(server.requestProperties(owner, ["batteryLevel"]))
      assert.strictEqual(full._tag, "QueueFull")
      // an answer to what was never asked changes nothing
      const property = [battery("1")] as const
      const status = { code: 200 }
      const unasked = { _tag: "PropertyResponse", messageId: "none", sessionId, property, status } as const
      assert.strictEqual((yield* post(server, "dpe-2", unasked)).status, 404)
      assert.isUndefined(yield* server.requestProperties("00", ["*"]))
    }).pipe(
      Effect.provide(under({ "dpe-1": digest, "dpe-2": { clientAuthentication: ["none"], limits: { queue: 2 } } }))
    )
  )

  it.effect(
    "[DPE-AUTH-013] [DPE-AUTH-014] serves and uses the service without authentication where both policies allow",
    () =>
      Effect.gen(function* () {
        const { client } = yield* makeWorld()
        const phone = yield* client("alice", {
          dpe1: { endpoints: endpointsOf("dpe-1") },
          dpe2: { endpoints: endpointsOf("dpe-2") }
        })
        yield* phone.register([])
        assert.isUndefined(yield* phone.poll(0))
      }).pipe(Effect.provide(under({})))
  )

  it.effect("DPE-3 shows a provider what the subscriber allowed it, and to nobody anything else", () =>
    Effect.gen(function* () {
      const { client, http, server } = yield* makeWorld()
      yield* (yield* client("alice")).register([battery("80"), { name: "location", value: "50.1 8.7" }])
      const owner = server.ownerOf("user:alice", "phone")
      const exchange = yield* DpeExchange.make("dpe-3", {
        endpoints: endpointsOf("dpe-3"),
        digest: yield* agentOf("bob")
      }).pipe(Effect.provide(http))
      const query = (subscriberAlias: string, more: { readonly maxAge?: number } = {}) =>
        Effect.map(
          exchange.send({ _tag: "ProfileQuery", messageId: "q", subscriberAlias, propertyName: ["*"], ...more }),
          ({ code, message }) =>
            message?._tag === "ProfileResponse" && code === 200 ? message.property?.map((p) => p.name) : code
        )
      const alias = yield* server.grant({ requester: "user:bob", owner, propertyNames: ["batteryLevel"] })
      const foreign = yield* server.grant({ requester: "user:carol", owner, propertyNames: ["*"] })
      assert.match(alias, /^[0-9a-f]{32}$/)
      assert.notStrictEqual(alias, foreign)
      assert.deepStrictEqual(yield* query(alias), ["batteryLevel"])
      assert.strictEqual(yield* query(foreign), 404)
      assert.strictEqual(yield* query("0".repeat(32)), 404)
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(yield* query(alias, { maxAge: 5 }))
      yield* server.withdraw("user:bob", owner)
      assert.strictEqual(yield* query(alias), 404)
      const byDevice = exchange.send({ _tag: "ProfileQuery", messageId: "q", deviceId: "phone", propertyName: ["*"] })
      assert.strictEqual((yield* byDevice).code, 404)
      yield* server.grant({ requester: "user:bob", owner, propertyNames: ["*"], deviceId: "phone" })
      const { message } = yield* byDevice
      assert.lengthOf(message?._tag === "ProfileResponse" ? (message.property ?? []) : [], 2)
      assert.isFalse(JSON.stringify(message).includes("alice"))
    }).pipe(Effect.provide(under({ "dpe-1": digest, "dpe-3": digest })))
  )
})
