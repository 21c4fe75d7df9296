import { assert, describe, it } from "@effect/vitest"
import {
  CredentialStore,
  KeyVault,
  Level,
  MasterKeys,
  Sad,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  type Store
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import {
  DmAccounts,
  DmHandler,
  DmNonces,
  DmPolicy,
  DmServer,
  DmSessions,
  type SyncMl,
  SyncMlCodec
} from "../src/index.ts"
import { deviceId, openConnection, password, requestOf, send, type Turn, tlsConnection, user } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const xml = "application/vnd.syncml.dm+xml"
const type = "syncml:auth-md5"
const otherDevice = "IMEI:493005100592801"

const addAccounts = Effect.gen(function* () {
  const accounts = yield* DmAccounts.DmAccounts
  yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) } })
  yield* accounts.add({ device: otherDevice, client: { user: "other", secret: Redacted.make("something else") } })
})
const say = (sessionId: string, msgId: number, turn: Turn = {}) => send(requestOf(xml, sessionId, msgId, turn))

/** Logs in and gives the token of the session. */
const logIn = Effect.gen(function* () {
  const accepted = yield* say("1", 1, { type })
  assert.strictEqual(accepted.code, 212)
  return accepted.token!
})

/** What a node of its own over `store` makes of it. */
const onNode = <A, E>(store: Layer.Layer<Store.Store>, work: Effect.Effect<A, E, DmServer.DmServer>) =>
  Effect.provide(work, serverOn(store), { local: true })

describe("sessions as associations", () => {
  it.effect("go on at another node and after a restart, each MsgID once", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const token = yield* Effect.provide(Effect.andThen(addAccounts, logIn), serverOn(store), { local: true })
      const goesOn = yield* onNode(store, say("1", 2, { token, commands: [] }))
      assert.deepInclude(goesOn, { code: 200 })
      assert.strictEqual((yield* onNode(store, say("1", 3, { token, commands: [] }))).code, 200)
      for (const msgId of [2, 3]) {
        const again = yield* onNode(store, say("1", msgId, { token }))
        assert.strictEqual(again.code, 407)
        assert.deepStrictEqual(again.others, ["407"])
      }
      assert.strictEqual((yield* onNode(store, say("1", 4, { token: "0".repeat(32) }))).code, 407)
      assert.strictEqual((yield* onNode(store, say("1", 4))).code, 407)
      assert.strictEqual((yield* onNode(store, say("1", 4, { token, commands: [] }))).code, 200)
    })
  )

  it.effect("take one of two messages with one MsgID that race at two nodes", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const token = yield* Effect.provide(Effect.andThen(addAccounts, logIn), serverOn(store), { local: true })
      const race = yield* Effect.all(
        [1, 2, 3, 4].map((n) =>
          onNode(store, say("1", 2, { token, commands: [{ _tag: "Alert", cmdId: `${n}`, data: "1222" }] }))
        ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(race.map(({ code }) => code).toSorted(), [200, 407, 407, 407])
    })
  )

  it.effect("end with their lifetime and with Alert 1223, at every node", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const login = Effect.provide(logIn, serverOn(store), { local: true })
      yield* Effect.provide(addAccounts, serverOn(store), { local: true })
      const first = yield* login
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* onNode(store, say("1", 2, { token: first }))).code, 407)
    })
  )

  it.effect("Alert 1223 ends a session for good", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const token = yield* Effect.provide(Effect.andThen(addAccounts, logIn), serverOn(store), { local: true })
      const aborted = yield* onNode(
        store,
        say("1", 2, { token, commands: [{ _tag: "Alert", cmdId: "1", data: "1223" }] })
      )
      assert.strictEqual(aborted.code, 200)
      assert.strictEqual((yield* onNode(store, say("1", 3, { token }))).code, 407)
    })
  )

  it.effect("belong to the account that authenticated: another device does not go on in them", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const steal = (turn: Turn) => say("1", 2, { locName: null, commands: [], ...turn })
      yield* Effect.gen(function* () {
        yield* addAccounts
        const token = yield* logIn
        assert.strictEqual((yield* steal({ token, device: otherDevice })).code, 407)
        assert.strictEqual((yield* steal({ token, device: "unheard of", locName: "other" })).code, 407)
        // the owner need not name itself again
        assert.strictEqual((yield* steal({ token })).code, 200)
      }).pipe(Effect.provide(serverOn(store)))
    })
  )

  it.effect("NoResp in the header leaves out every Status but that of the header", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        const token = yield* logIn
        const request = requestOf(xml, "1", 2, { token })
        const { message } = Result.getOrThrow(SyncMlCodec.decode(request.mediaType, request.octets))
        const quiet: SyncMl.SyncMl = { ...message, hdr: { ...message.hdr, noResp: true } }
        const said = yield* send({
          ...request,
          octets: Result.getOrThrow(SyncMlCodec.encode(request.mediaType, quiet))
        })
        assert.strictEqual(said.code, 200)
        assert.deepStrictEqual(said.others, [])
      }).pipe(Effect.provide(serverOn(store)))
    })
  )
})

describe("packages of the server", () => {
  it.effect("take as many messages as the device's MaxMsgSize asks for; Final stands in the last alone", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        const small = (request: DmServer.DmRequest): DmServer.DmRequest => {
          const { message } = Result.getOrThrow(SyncMlCodec.decode(request.mediaType, request.octets))
          const limited: SyncMl.SyncMl = { ...message, hdr: { ...message.hdr, meta: { maxMsgSize: 900 } } }
          return { ...request, octets: Result.getOrThrow(SyncMlCodec.encode(request.mediaType, limited)) }
        }
        const first = yield* send(small(requestOf(xml, "1", 1, { type })))
        assert.strictEqual(first.code, 212)
        assert.isAtMost(first.reply.octets.length, 900)
        assert.isUndefined(first.message.body.final)
        let { gets } = first
        let last = first
        for (let msgId = 2; last.message.body.final !== true; msgId++) {
          assert.isBelow(msgId, 10)
          const more: SyncMl.Command = { _tag: "Alert", cmdId: "1", data: "1222" }
          last = yield* send(small(requestOf(xml, "1", msgId, { token: first.token!, commands: [more] })))
          assert.strictEqual(last.code, 200)
          assert.isAtMost(last.reply.octets.length, 900)
          gets += last.gets
        }
        assert.strictEqual(gets, DmHandler.inventory.length)
      }).pipe(Effect.provide(serverOn(store)))
    })
  )

  it.effect("are counted as the device counts its own, also when it comes back on another connection", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        const on = (id: string) => ({ connection: { ...tlsConnection, id } })
        const asked = yield* say("7", 1, on("a"))
        const accepted = yield* say("7", 2, { ...on("b"), type, nonce: asked.nonce! })
        assert.deepStrictEqual(
          [asked, accepted].map(({ code, message }) => [code, message.hdr.msgId]),
          [
            [407, "1"],
            [212, "2"]
          ]
        )
      }).pipe(Effect.provide(serverOn(store)))
    })
  )
})

describe("rules from the policy database", () => {
  const entry = (change: Partial<SecurityPolicy.InterfacePolicy> = {}): SecurityPolicy.InterfacePolicy => ({
    ...DmPolicy.serverInterface,
    clientAuthentication: [
      { mode: "syncml:auth-md5", over: Level.none },
      { mode: "syncml:auth-basic", over: Level.full }
    ],
    serverAuthentication: [{ mode: "none", over: Level.none }],
    connection: Level.none,
    push: Level.none,
    lifetimes: { session: 60_000 },
    limits: { attempts: 2 },
    ...change
  })
  const under = (store: Layer.Layer<Store.Store>, ...interfaces: ReadonlyArray<SecurityPolicy.InterfacePolicy>) => {
    const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
    const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))))
    const state = Layer.mergeAll(CredentialStore.layer, Sad.layer(), Spd.layer({ interfaces, networks: {} })).pipe(
      Layer.provideMerge(vault)
    )
    const parts = Layer.mergeAll(DmAccounts.layer, DmNonces.layer, DmSessions.layer, DmHandler.layerResponder).pipe(
      Layer.provideMerge(state)
    )
    return DmServer.layerSpd({ slowDown: { first: 0, most: 0 } }).pipe(Layer.provideMerge(parts), Layer.orDie)
  }
  const reason = (turn: Turn) =>
    Effect.map(
      Effect.flip(Effect.flatMap(DmServer.DmServer, ({ receive }) => receive(requestOf(xml, "1", 1, turn)))),
      (error) => error.reason
    )

  it.effect("accepts the types of the entry, each on the connection that it names, and no other", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        const asked = yield* say("1", 1)
        assert.strictEqual(asked.chal?.type, type)
        assert.strictEqual((yield* say("2", 1, { type: "syncml:auth-sha256" })).code, 401)
        assert.strictEqual((yield* say("3", 1, { type: "syncml:auth-basic" })).code, 401)
        assert.strictEqual((yield* say("4", 1, { type: "syncml:auth-basic", connection: tlsConnection })).code, 212)
        const again = yield* say("5", 1)
        assert.strictEqual((yield* say("5", 2, { type, nonce: again.nonce! })).code, 212)
      }).pipe(Effect.provide(under(store, entry())))
    })
  )

  it.effect("answers nothing in SyncML below the connection of the entry, and where no entry is", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        assert.strictEqual(yield* reason({ connection: openConnection }), "connection too weak")
        assert.strictEqual((yield* say("1", 1, { connection: tlsConnection })).code, 407)
      }).pipe(Effect.provide(under(store, entry({ connection: Level.full }))))
      assert.strictEqual(yield* Effect.provide(reason({}), under(store)), "no policy")
    })
  )

  it.effect("follows a policy that is replaced between two messages", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        yield* addAccounts
        const spd = yield* Spd.Spd
        assert.strictEqual((yield* say("1", 1)).chal?.type, type)
        const strict = entry({ clientAuthentication: [{ mode: "syncml:auth-MAC", over: Level.none }] })
        yield* spd.replace({ interfaces: [strict], networks: {} })
        assert.strictEqual((yield* say("2", 1)).chal?.type, "syncml:auth-MAC")
      }).pipe(Effect.provide(under(store, entry())))
    })
  )

  it.effect("holds an account to the types that it may use", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        yield* accounts.add({
          device: deviceId,
          client: { user, secret: Redacted.make(password) },
          types: ["syncml:auth-basic"]
        })
        assert.strictEqual((yield* say("1", 1, { connection: tlsConnection })).chal?.type, "syncml:auth-basic")
        assert.strictEqual((yield* say("2", 1, { connection: tlsConnection, type })).code, 401)
        assert.strictEqual((yield* say("3", 1, { connection: tlsConnection, type: "syncml:auth-basic" })).code, 212)
      }).pipe(Effect.provide(under(store, entry())))
    })
  )

  it("is the mirror on the side of the device", () => {
    const policy = entry({
      role: "client",
      serverAuthentication: [
        { mode: "syncml:auth-md5", over: Level.none },
        { mode: "certificate", over: Level.full }
      ]
    })
    const open = DmPolicy.clientPolicy(policy, Level.none)
    assert.deepStrictEqual(open.own.types, ["syncml:auth-md5"])
    assert.deepInclude(open, { mutual: true })
    assert.strictEqual(open.check.transport, "ignored")
    const secure = DmPolicy.clientPolicy(policy, Level.full)
    assert.deepStrictEqual(secure.own.types, ["syncml:auth-md5", "syncml:auth-basic"])
    assert.strictEqual(secure.check.transport, "suffices")
    assert.isFalse(DmPolicy.serverPolicy(entry(), Level.none).mutual)
    assert.isTrue(
      DmPolicy.serverPolicy(entry({ serverAuthentication: [{ mode: "syncml:auth-md5", over: 0 }] }), Level.none).mutual
    )
  })
})
