/** The client under the policy database of the device: what it demands of connections and servers before it speaks. */
import { assert, describe, it } from "@effect/vitest"
import { SecurityEvents, type SecurityPolicy, Spd } from "@oma/sa-policy"
import { Effect, Layer, Redacted, Result } from "effect"
import { DmAccounts, DmClient, DmPolicy } from "../src/index.ts"
import { addServer, clientOn, handlerOf, inProcess, serverSecret } from "./clientStack.ts"
import { deviceId, password, user } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const serverId = "dm.example.net"

const entry = (change: Partial<SecurityPolicy.InterfacePolicy>): SecurityPolicy.SecurityPolicy => ({
  networks: {},
  interfaces: [
    {
      ...DmPolicy.clientInterface,
      clientAuthentication: [{ mode: "syncml:auth-md5", over: 0 }],
      serverAuthentication: [{ mode: "syncml:auth-sha256", over: 0 }],
      connection: 0,
      push: 0,
      lifetimes: {},
      limits: {},
      ...change
    }
  ]
})

/** How a session under `policy` ends, and how many requests went out. */
const ends = (policy: SecurityPolicy.SecurityPolicy, address: string) =>
  Effect.gen(function* () {
    const server = yield* Layer.build(serverOn(yield* lastingStore))
    const handler = yield* Effect.provideContext(handlerOf(address), server)
    yield* Effect.provideContext(
      Effect.flatMap(DmAccounts.DmAccounts, (accounts) =>
        accounts.add({
          device: deviceId,
          client: { user, secret: Redacted.make(password) },
          server: { user: serverId, secret: Redacted.make(serverSecret) }
        })
      ),
      server
    )
    let requests = 0
    const http = inProcess((request) => {
      requests += 1
      return handler(request)
    })
    const spd = Spd.layer(policy).pipe(Layer.provide(SecurityEvents.layer()))
    const result = yield* Effect.gen(function* () {
      yield* addServer(address)
      const client = yield* DmClient.DmClient
      return yield* Effect.result(client.session({ server: serverId }))
    }).pipe(Effect.provide(clientOn(yield* lastingStore, http).pipe(Layer.provideMerge(Layer.orDie(spd)))))
    const outcome = Result.isFailure(result)
      ? result.failure._tag
      : result.success.identity._tag === "Authenticated"
        ? `${result.success.type} and ${result.success.identity.method}`
        : `${result.success.type}`
    return { outcome, requests }
  }).pipe(Effect.scoped)

const bare = "http://dm.example.net/dm"
const secure = "https://dm.example.net/dm"

describe("DmClient under a policy", () => {
  it.live("types of both sides are those of the entry", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ends(entry({}), bare), {
        outcome: "syncml:auth-md5 and syncml:auth-sha256",
        requests: 2
      })
    })
  )

  it.live("a bare connection where protection is demanded: nothing is sent", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ends(entry({ connection: 3 }), bare), { outcome: "UpgradeNeeded", requests: 0 })
      assert.strictEqual((yield* ends(entry({ connection: 3 }), secure)).requests, 2)
    })
  )

  it.live("a server that could prove itself by its certificate alone, and has none: nothing is sent", () =>
    Effect.gen(function* () {
      const policy = entry({ serverAuthentication: [{ mode: "tls", over: 3 }] })
      assert.deepStrictEqual(yield* ends(policy, bare), { outcome: "ServerRefused", requests: 0 })
    })
  )

  it.live("a server that shows SHA-256 first is challenged for the MD5 of the entry", () =>
    Effect.gen(function* () {
      const policy = entry({ serverAuthentication: [{ mode: "syncml:auth-md5", over: 0 }] })
      assert.strictEqual((yield* ends(policy, bare)).outcome, "syncml:auth-md5 and syncml:auth-md5")
    })
  )

  it.live("servers without authentication where the policy says so", () =>
    Effect.gen(function* () {
      const policy = entry({ serverAuthentication: [{ mode: "none", over: 0 }] })
      assert.strictEqual((yield* ends(policy, bare)).outcome, "syncml:auth-md5")
    })
  )
})
