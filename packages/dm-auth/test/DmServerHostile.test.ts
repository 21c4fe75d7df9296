/** What strangers, neighbours and careless policies try on the server. */
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore, Level, type SecurityPolicy, Store } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Cause, Effect, Exit, Layer, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import {
  Cred,
  DmAccounts,
  DmAuthPolicy,
  DmHandler,
  DmPolicy,
  DmServer,
  type SyncMl,
  SyncMlCodec
} from "../src/index.ts"
import { captures, wire } from "./codec.ts"
import { deviceId, openConnection, password, requestOf, send, type Turn, tlsConnection, user } from "./device.ts"
import { lastingStore, serverOn, serverUnder } from "./serverStack.ts"

const xml = "application/vnd.syncml.dm+xml"
const type = "syncml:auth-md5"
const alert = (data: string): SyncMl.Command => ({ _tag: "Alert", cmdId: "1", data })
const say = (sessionId: string, msgId: number, turn: Turn = {}) => send(requestOf(xml, sessionId, msgId, turn))

type Services = DmServer.DmServer | DmAccounts.DmAccounts | CredentialStore.CredentialStore
const run = <A, E>(
  work: Effect.Effect<A, E, Services>,
  options: DmServer.DmServerOptions = {},
  handler?: Layer.Layer<DmHandler.DmHandler>
) =>
  Effect.gen(function* () {
    const store = yield* lastingStore
    const addAccount = Effect.flatMap(DmAccounts.DmAccounts, (accounts) =>
      accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) } })
    )
    return yield* Effect.provide(Effect.andThen(addAccount, work), serverOn(store, options, handler))
  })

const withCheck = (check: Partial<DmAuthPolicy.CheckPolicy>): DmServer.DmServerOptions => ({
  policy: { ...DmAuthPolicy.defaultServerPolicy, check: { ...DmAuthPolicy.defaultCheck, ...check } }
})

describe("a neighbour behind the same address", () => {
  it.effect("does not end the session of another with Alert 1223", () =>
    run(
      Effect.gen(function* () {
        const { token } = yield* say("1", 1, { type })
        assert.strictEqual((yield* say("1", 2, { commands: [alert("1223")] })).code, 407)
        assert.strictEqual((yield* say("1", 2, { token: token!, commands: [] })).code, 200)
      })
    )
  )

  it.effect("does not put his answer in the place of the one that the owner waits for", () =>
    run(
      Effect.gen(function* () {
        const owner = requestOf(xml, "1", 1, { type })
        const first = yield* send(owner)
        yield* say("1", 2, { type, secret: "wrong" })
        assert.deepStrictEqual((yield* send(owner)).reply, first.reply)
        // nor does he shift the numbers of the server's messages
        const next = yield* say("1", 2, { token: first.token!, commands: [] })
        assert.strictEqual(next.message.hdr.msgId, "2")
      })
    )
  )

  it.effect("does not make the owner wait for the answers to his guesses", () =>
    run(
      Effect.gen(function* () {
        yield* Effect.forkChild(say("1", 1, { type, secret: "wrong" }), { startImmediately: true })
        yield* Effect.promise(() => new Promise((done) => setTimeout(done, 50)))
        const owner = Effect.map(say("1", 1, { type }), ({ code }) => code)
        const patience = Effect.promise(() => new Promise<number>((done) => setTimeout(() => done(0), 2000)))
        assert.strictEqual(yield* Effect.raceFirst(owner, patience), 212)
      }),
      { slowDown: { first: 60_000, most: 60_000 } }
    )
  )
})

describe("guesses", () => {
  it.effect("in any number hold no more than a bounded part of the server's messages in work", () =>
    run(
      Effect.gen(function* () {
        let answered = 0
        const guess = (n: number) =>
          Effect.tap(say(`${n}`, 1, { type, secret: "wrong", source: `${n}` }), () =>
            Effect.sync(() => {
              answered += 1
            })
          )
        yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 400 }, (_, n) => guess(n)),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        yield* Effect.promise(() => new Promise((done) => setTimeout(done, 500)))
        assert.strictEqual(answered, 400 - 256)
      }),
      { slowDown: { first: 60_000, most: 60_000 } }
    )
  )
})

describe("sessions", () => {
  for (const mode of ["message", "repeat"] as const) {
    it.effect(`of mode ${mode} go on at another node with fresh credentials alone, each MsgID once`, () =>
      Effect.gen(function* () {
        const store = yield* lastingStore
        const at = <A, E>(work: Effect.Effect<A, E, Services>) =>
          Effect.provide(work, serverOn(store, withCheck({ mode })), { local: true })
        const first = yield* at(
          Effect.gen(function* () {
            const accounts = yield* DmAccounts.DmAccounts
            yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) } })
            return yield* say("1", 1, { type })
          })
        )
        assert.strictEqual(first.code, 200)
        const { token = "" } = first
        for (const turn of [{ commands: [] }, { type, commands: [] }] as const) {
          assert.include([401, 407], (yield* at(say("1", 2, { ...turn, token }))).code)
        }
        const { nonce } = yield* at(say("1", 3, { type, token, secret: "wrong" }))
        assert.strictEqual((yield* at(say("1", 4, { type, token, nonce: nonce!, commands: [] }))).code, 200)
        assert.strictEqual((yield* at(say("1", 4, { type, token, nonce: nonce!, commands: [] }))).code, 401)
      })
    )
  }

  it.effect("that end because the client does not take the server for itself end at every node", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const policy = { ...DmAuthPolicy.defaultServerPolicy, mutual: true }
      const at = <A, E>(work: Effect.Effect<A, E, Services>) =>
        Effect.provide(work, serverOn(store, { policy }), { local: true })
      const refused: SyncMl.Status = {
        _tag: "Status",
        cmdId: "1",
        msgRef: "1",
        cmdRef: "0",
        cmd: "SyncHdr",
        data: "403"
      }
      const token = yield* at(
        Effect.gen(function* () {
          const accounts = yield* DmAccounts.DmAccounts
          const server = { user: "dm.example.net", secret: Redacted.make("server secret") }
          yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) }, server })
          const said = yield* say("1", 1, { type })
          yield* say("1", 2, { token: said.token!, status: refused, commands: [] })
          return said.token!
        })
      )
      assert.strictEqual((yield* at(say("1", 3, { token, commands: [] }))).code, 407)
    })
  )

  it.live("are not entered by another account that waits for the one that authenticates", () =>
    Effect.gen(function* () {
      const slow = Layer.effect(
        Store.Store,
        Effect.map(Store.Store, (inner) => ({
          ...inner,
          transact: (...args: Parameters<typeof inner.transact>) =>
            Effect.andThen(Effect.sleep("20 millis"), inner.transact(...args))
        }))
      ).pipe(Layer.provide(yield* lastingStore))
      yield* Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) } })
        yield* accounts.add({ device: "victim", client: { user: "victim", secret: Redacted.make("unknown") } })
        const connection = tlsConnection
        const device = "IMEI:nobody"
        const codes = yield* Effect.all(
          [say("1", 1, { type, connection, device }), say("1", 2, { connection, device, locName: "victim" })],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          codes.map(({ code }) => code),
          [212, 407]
        )
      }).pipe(Effect.provide(serverOn(slow)))
    })
  )

  it.effect("end with their account: one that is disabled goes on in none", () =>
    run(
      Effect.gen(function* () {
        const { token } = yield* say("1", 1, { type })
        const store = yield* CredentialStore.CredentialStore
        yield* store.update("dm", deviceId, { enabled: false })
        const said = yield* say("1", 2, { token: token! })
        assert.strictEqual(said.code, 407)
        assert.deepStrictEqual(said.others, ["407"])
      })
    )
  )

  it.effect("do not go on where their type does not pass: 212 over TLS is worth nothing in the clear", () =>
    run(
      Effect.gen(function* () {
        const { token } = yield* say("1", 1, { type: "syncml:auth-basic", connection: tlsConnection })
        const inClear = yield* say("1", 2, { token: token!, connection: openConnection })
        assert.strictEqual(inClear.code, 407)
        const protectedAgain = yield* say("1", 3, { token: token!, connection: tlsConnection, commands: [] })
        assert.strictEqual(protectedAgain.code, 200)
      })
    )
  )

  it.effect("a large answer is not kept for a stranger; the message is answered anew", () =>
    run(
      Effect.gen(function* () {
        const commands = Array.from({ length: 300 }, (_, at) => ({ ...alert("1201"), cmdId: `${at + 1}` }))
        const request = requestOf(xml, "1", 1, { commands })
        assert.strictEqual((yield* send(request)).code, 407)
        assert.strictEqual((yield* send(request)).code, 407)
      })
    )
  )
})

describe("what a stranger learns of accounts", () => {
  const strange = (locUri: string, locName: string | null, msgId = 1) =>
    Effect.map(say("1", msgId, { device: locUri, locName, source: locUri }), ({ nonce }) => Bytes.toHex(nonce!))

  it.effect("nonces tell neither a known device nor a known user from an unknown one", () =>
    run(
      Effect.gen(function* () {
        yield* say("9", 1, { type })
        const compare = Effect.fnUntraced(function* (device: string, name: string) {
          const alone = yield* strange(device, null)
          const named = yield* strange(device, name)
          const nobody = yield* strange(device, "nobody")
          const elsewhere = yield* strange("IMEI:elsewhere", name)
          return [alone === named, alone === nobody, named === nobody, named === elsewhere]
        })
        const unknown = yield* compare("IMEI:0", "somebody")
        assert.deepStrictEqual(yield* compare(deviceId, "somebody"), unknown)
        assert.deepStrictEqual(yield* compare("IMEI:0", user), unknown)
        assert.deepStrictEqual(yield* compare(deviceId, user), unknown)
      })
    )
  )

  it.effect("a client that names itself only together with its credentials is let in at the first challenge", () =>
    run(
      Effect.gen(function* () {
        const { nonce } = yield* say("1", 1, { locName: null })
        assert.strictEqual((yield* say("1", 2, { type: "syncml:auth-sha256", nonce: nonce! })).code, 212)
      })
    )
  )
})

describe("commands", () => {
  it.effect("[DM-CRED-002] with a Cred of their own never reach the handler, and CmdIDs stay unique", () => {
    const seen: Array<string> = []
    const handler = Layer.succeed(DmHandler.DmHandler, {
      handle: ({ firstCmdId, message }: DmHandler.Exchange) =>
        Effect.sync(() => {
          const statuses = new Map(message.body.commands.map(({ cmdId }) => [cmdId, 200]))
          seen.push(...statuses.keys())
          const get: SyncMl.Command = {
            _tag: "Get",
            cmdId: `${firstCmdId + statuses.size}`,
            items: [{ target: { locUri: "./DevInfo" } }]
          }
          return { statuses, commands: [get] }
        })
    })
    const cred = Cred.make(type, new Uint8Array(16))
    const item = { target: { locUri: "./x" } }
    const commands: ReadonlyArray<SyncMl.Command> = [
      { ...alert("1201"), cmdId: "1" },
      { _tag: "Replace", cmdId: "2", items: [item], cred },
      { _tag: "Sequence", cmdId: "3", commands: [{ _tag: "Delete", cmdId: "4", items: [item], cred }] },
      { ...alert("1223"), cmdId: "5", cred } as SyncMl.Command
    ]
    return run(
      Effect.gen(function* () {
        const said = yield* say("1", 1, { type, commands })
        assert.deepStrictEqual(said.others, ["200", "400", "400", "400"])
        assert.deepStrictEqual(seen, ["1"])
        const ids = said.message.body.commands.map(({ cmdId }) => cmdId)
        assert.strictEqual(new Set(ids).size, ids.length, ids.join(" "))
        // an Alert 1223 that was refused ended nothing
        assert.strictEqual((yield* say("1", 2, { token: said.token!, commands: [] })).code, 200)
      }),
      {},
      handler
    )
  })
})

describe("policy", () => {
  const entry = (change: Partial<SecurityPolicy.InterfacePolicy>): SecurityPolicy.InterfacePolicy => ({
    ...DmPolicy.serverInterface,
    clientAuthentication: [{ mode: type, over: Level.none }],
    serverAuthentication: [{ mode: "none", over: Level.none }],
    connection: Level.none,
    push: Level.none,
    lifetimes: {},
    limits: {},
    ...change
  })

  it("no authentication of the server where `none` is for a protected connection, and this one is open", () => {
    const policy = entry({
      serverAuthentication: [
        { mode: "none", over: Level.full },
        { mode: type, over: Level.none }
      ]
    })
    assert.isTrue(DmPolicy.clientPolicy(policy, Level.none).mutual)
    assert.isFalse(DmPolicy.clientPolicy(policy, Level.full).mutual)
    assert.isTrue(DmPolicy.serverPolicy(policy, Level.none).mutual)
  })

  it("a password in the clear only where policy says `over: none`", () => {
    const policy = entry({ clientAuthentication: [{ mode: "syncml:auth-basic", over: Level.integrity }] })
    const { check, own } = { ...DmPolicy.clientPolicy(policy, Level.integrity), ...DmPolicy.serverPolicy(policy, 1) }
    const readable = { id: "c", integrity: true, confidentiality: false, peerVerified: true }
    assert.isEmpty(DmAuthPolicy.passing(check, readable, false))
    assert.isEmpty(DmAuthPolicy.passing(own, readable, true))
    const inClear = entry({ clientAuthentication: [{ mode: "syncml:auth-basic", over: Level.none }] })
    assert.lengthOf(DmAuthPolicy.passing(DmPolicy.serverPolicy(inClear, Level.none).check, readable, false), 1)
  })

  it.effect("a session lasts as long as it says, also where it is idle for longer than it stays in memory", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const rules = entry({ lifetimes: { session: 3_600_000 } })
      yield* Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) } })
        const { token } = yield* say("1", 1, { type })
        yield* TestClock.adjust("30 minutes")
        assert.strictEqual((yield* say("1", 2, { token: token!, commands: [] })).code, 200)
        yield* TestClock.adjust("31 minutes")
        assert.strictEqual((yield* say("1", 3, { token: token!, commands: [] })).code, 407)
      }).pipe(Effect.provide(serverUnder(store, { interfaces: [rules], networks: {} })))
    })
  )

  it.effect("clients by certificate alone: who shows one is judged by it, who shows none is refused", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const certificate = "ab".repeat(32)
      const rules = entry({ clientAuthentication: [{ mode: "certificate", over: Level.full }] })
      yield* Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        yield* accounts.add({ device: deviceId, client: { user, secret: Redacted.make(password) }, certificate })
        const request = requestOf(xml, "1", 1, { connection: tlsConnection })
        const { receive } = yield* DmServer.DmServer
        assert.strictEqual((yield* Effect.flip(receive(request))).reason, "connection too weak")
        assert.strictEqual((yield* send({ ...request, certificate })).code, 200)
        const connection = { ...tlsConnection, id: "t2" }
        const others = yield* send({ ...request, connection, certificate: "cd".repeat(32) })
        assert.strictEqual(others.code, 403)
        assert.deepStrictEqual(others.others, ["403"])
      }).pipe(Effect.provide(serverUnder(store, { interfaces: [rules], networks: {} })))
    })
  )

  it.effect("a type that policy does not leave on a connection refuses, whatever came before", () =>
    run(
      Effect.gen(function* () {
        for (const turn of [{}, { type }, { type: "syncml:auth-MAC" }] as const) {
          const said = yield* say("1", 1, turn)
          assert.strictEqual(said.code, 403)
          assert.isUndefined(said.chal)
        }
      }),
      withCheck({ types: [] })
    )
  )
})

describe("whatever comes", () => {
  const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)
  const seeds = captures.flatMap(({ input }) =>
    input.messages.map((captured) => {
      const { isXml, octets } = wire(captured)
      return { media: `application/vnd.syncml+${isXml ? "xml" : "wbxml"}`, octets }
    })
  )

  it("is answered or refused, never a defect", async () => {
    const exit = await Effect.runPromiseExit(
      Effect.gen(function* () {
        const store = yield* lastingStore
        const context = yield* Layer.build(serverOn(store))
        const server = yield* Effect.provide(DmServer.DmServer, context)
        const mutation = fc.record({
          seed: fc.nat(seeds.length - 1),
          edits: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 4 })
        })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(mutation, async ({ edits, seed }) => {
              const { media, octets: original } = seeds[seed]!
              const octets = original.slice()
              for (const [at, octet] of edits) octets[Math.floor(at * (octets.length - 1))] = octet
              const request = { ...requestOf(xml, "1", 1, {}), octets, mediaType: SyncMlCodec.mediaType(media)! }
              const result = await Effect.runPromiseExit(server.receive(request))
              if (Exit.isSuccess(result)) {
                assert.isTrue(Result.isSuccess(SyncMlCodec.decode(request.mediaType, result.value.octets)))
              } else {
                assert.isTrue(Option.isSome(Cause.findErrorOption(result.cause)), Cause.pretty(result.cause))
              }
            }),
            { numRuns: runs }
          )
        )
      }).pipe(Effect.scoped)
    )
    if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  })
})
