import { assert, describe, it } from "@effect/vitest"
import { SecurityEvents, type Store } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange } from "@oma/sa-policy/http"
import { Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import { DmAccounts, DmAuthPolicy, type DmAuthType, DmClient, type DmClientError, type DmServer } from "../src/index.ts"
import {
  type AccountOptions,
  addServer,
  clientOn,
  type Handler,
  handlerOf,
  inProcess,
  serverSecret
} from "./clientStack.ts"
import { deviceId, password, user } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

type Type = DmAuthType.DmAuthType
const types: ReadonlyArray<Type> = ["syncml:auth-basic", "syncml:auth-md5", "syncml:auth-sha256", "syncml:auth-MAC"]
const server = "dm.example.net"

const addDevice = (types?: ReadonlyArray<Type>) =>
  Effect.flatMap(DmAccounts.DmAccounts, (accounts) =>
    accounts.add({
      device: deviceId,
      client: { user, secret: Redacted.make(password) },
      server: { user: server, secret: Redacted.make(serverSecret) },
      ...(types === undefined ? {} : { types })
    })
  )

interface World {
  readonly address?: string
  readonly server?: DmServer.DmServerOptions
  readonly client?: DmClient.DmClientOptions
  readonly account?: AccountOptions
  readonly deviceTypes?: ReadonlyArray<Type>
  /** What stands between the two. */
  readonly between?: (handler: Handler) => Handler
  readonly store?: Layer.Layer<Store.Store>
}

/** A device and a server that know each other; sessions of the device in XML, each told as its summaries. */
const inWorld = <A, E>(
  world: World,
  work: (
    session: (options?: Partial<DmClient.SessionOptions>) => Effect.Effect<
      {
        readonly result: Result.Result<DmClient.SessionReport, DmClientError.DmClientError>
        readonly seen: ReadonlyArray<string>
      },
      never,
      DmClient.DmClient
    >
  ) => Effect.Effect<A, E, DmClient.DmClient | SecurityEvents.SecurityEvents>
) =>
  Effect.gen(function* () {
    const { address = "https://dm.example.net/dm", between = (handler: Handler) => handler } = world
    const store = yield* lastingStore
    const context = yield* Layer.build(serverOn(store, world.server))
    const handler = yield* Effect.provideContext(handlerOf(address), context)
    yield* Effect.provideContext(addDevice(world.deviceTypes), context)
    const own = world.store ?? (yield* lastingStore)
    const session = (options: Partial<DmClient.SessionOptions> = {}) =>
      Effect.gen(function* () {
        const client = yield* DmClient.DmClient
        const seen: Array<string> = []
        const observe = ({ again, direction, summary }: DmClient.Observation) =>
          Effect.sync(() => void seen.push(`${direction}${again ? " again" : ""}: ${summary.slice(1).join(", ")}`))
        const result = yield* Effect.result(client.session({ server, observe, ...options }))
        return { result, seen }
      })
    return yield* Effect.andThen(addServer(address, world.account), work(session)).pipe(
      Effect.provide(clientOn(own, inProcess(between(handler)), world.client))
    )
  }).pipe(Effect.scoped)

const failureOf = ({
  result
}: {
  readonly result: Result.Result<DmClient.SessionReport, DmClientError.DmClientError>
}) => (Result.isFailure(result) ? result.failure._tag : "success")
const reportOf = ({
  result
}: {
  readonly result: Result.Result<DmClient.SessionReport, DmClientError.DmClientError>
}) => Result.getOrThrow(result)

const plain = "http://dm.example.net/dm"

const ownOf = (type: Type): DmServer.DmServerOptions => ({
  policy: {
    ...DmAuthPolicy.defaultServerPolicy,
    own: {
      ...DmAuthPolicy.defaultProof,
      types: [type],
      minimum: { ...DmAuthPolicy.defaultProof.minimum, open: "syncml:auth-md5" }
    }
  }
})

const statuses = (seen: ReadonlyArray<string>) =>
  seen.flatMap((line) => (line.startsWith("received") ? (/Status SyncHdr (\d+)/.exec(line)?.[1] ?? []) : []))

/** Changes every answer of the server. */
const rewriting =
  (change: (text: string, n: number) => string) =>
  (handler: Handler): Handler => {
    let n = 0
    return (request) =>
      Effect.map(handler(request), (response) => ({
        ...response,
        body: Bytes.utf8(change(Bytes.utf8Decode(response.body) ?? "", n++))
      }))
  }

describe("DmClient", () => {
  for (const representation of ["xml", "wbxml"] as const) {
    for (const type of types) {
      it.live(`${type} in ${representation} under TLS: two sessions, none needs a challenge`, () =>
        inWorld({ account: { types: [type], serverTypes: [] } }, (session) =>
          Effect.gen(function* () {
            for (const _ of [1, 2]) {
              const { result, seen } = yield* session({ representation })
              assert.strictEqual(reportOf({ result }).type, type)
              assert.deepStrictEqual(statuses(seen), type === "syncml:auth-MAC" ? ["200", "200"] : ["212", "200"])
              assert.include(seen[2], "Results ./DevInfo/DevId, Status Get 200, Results ./DevInfo/Man")
            }
          })
        )
      )
    }
    for (const type of types.slice(1)) {
      it.live(`${type} in ${representation} without TLS, mutual: the server proves itself by the same type`, () =>
        inWorld({ address: plain, account: { types: [type], serverTypes: [type] }, server: ownOf(type) }, (session) =>
          Effect.gen(function* () {
            for (const _ of [1, 2]) {
              const report = reportOf(yield* session({ representation }))
              assert.strictEqual(report.type, type)
              assert.strictEqual(report.identity._tag === "Authenticated" && report.identity.method, type)
              assert.strictEqual(report.identity._tag === "Authenticated" && report.identity.subject, server)
            }
          })
        )
      )
    }
    it.live(`a server that takes MD5 alone, in ${representation}: 401, the demanded type, reported as weaker`, () =>
      inWorld({ deviceTypes: ["syncml:auth-md5"] }, (session) =>
        Effect.gen(function* () {
          const first = yield* session({ representation })
          assert.deepStrictEqual(reportOf(first).downgraded, { from: "syncml:auth-sha256", to: "syncml:auth-md5" })
          assert.deepStrictEqual(statuses(first.seen), ["401", "212", "200"])
          assert.include(first.seen[2], "Alert 1201, Replace")
          const second = yield* session({ representation })
          assert.deepStrictEqual(statuses(second.seen), ["212", "200"])
        })
      )
    )
  }

  it.live("a wrong password: two attempts, then the end, and no command of the server is executed", () =>
    inWorld({ account: { secret: "wrong" } }, (session) =>
      Effect.gen(function* () {
        const { result, seen } = yield* session()
        assert.strictEqual(failureOf({ result }), "WrongCredentials")
        assert.deepStrictEqual(statuses(seen), ["401", "401"])
        assert.notInclude(seen.join(), "Results")
      })
    )
  )

  it.live("a server with the wrong password gets 401, once more, and no Results", () =>
    inWorld({ address: plain, account: { serverSecret: "other" } }, (session) =>
      Effect.gen(function* () {
        const { result, seen } = yield* session()
        assert.strictEqual(failureOf({ result }), "ServerNotAuthenticated")
        assert.isTrue(seen.some((line) => line.startsWith("sent") && line.includes("Status SyncHdr 401")))
        assert.notInclude(seen.join(), "Results")
        assert.isTrue(seen.some((line) => line.startsWith("sent") && line.includes("Status Get 401")))
      })
    )
  )

  it.live("a server without account on the device is not believed on a bare connection", () =>
    inWorld({ address: plain, account: { serverTypes: [] } }, (session) =>
      Effect.gen(function* () {
        assert.strictEqual(failureOf(yield* session()), "ServerNotAuthenticated")
      })
    )
  )

  it.live("a lost 212: the same octets again get the stored answer, and the session goes on", () => {
    let calls = 0
    const lossy =
      (handler: Handler): Handler =>
      (request) =>
        Effect.flatMap(handler(request), (response) =>
          ++calls === 1 ? Effect.succeed(HttpExchange.response(503)) : Effect.succeed(response)
        )
    return inWorld({ between: lossy }, (session) =>
      Effect.gen(function* () {
        const { result, seen } = yield* session()
        assert.strictEqual(reportOf({ result }).type, "syncml:auth-sha256")
        assert.isTrue(seen[1]?.startsWith("sent again"))
        assert.deepStrictEqual(statuses(seen), ["212", "200"])
      })
    )
  })

  it.live("a 212 that never comes: the next session shows a stale nonce, is challenged once, and holds", () => {
    let down = true
    const lossy =
      (handler: Handler): Handler =>
      (request) =>
        Effect.map(handler(request), (response) => (down ? HttpExchange.response(504) : response))
    return inWorld({ between: lossy }, (session) =>
      Effect.gen(function* () {
        const lost = yield* session()
        assert.strictEqual(failureOf(lost), "NoAnswer")
        assert.strictEqual(lost.seen.length, 3)
        down = false
        assert.deepStrictEqual(statuses((yield* session()).seen), ["401", "212", "200"])
        assert.deepStrictEqual(statuses((yield* session()).seen), ["212", "200"])
      })
    )
  })

  it.live("RespURI is followed, query included, for the rest of the session alone", () => {
    const targets: Array<string> = []
    const watching =
      (handler: Handler): Handler =>
      (request) => {
        targets.push(request.target)
        return handler(request)
      }
    return inWorld({ between: watching }, (session) =>
      Effect.gen(function* () {
        reportOf(yield* session())
        reportOf(yield* session())
        assert.strictEqual(targets.length, 4)
        assert.strictEqual(targets[0], "/dm")
        assert.match(targets[1]!, /^\/dm\?s=[0-9a-f]{32}$/)
        assert.strictEqual(targets[2], "/dm")
        assert.notStrictEqual(targets[3], targets[1])
      })
    )
  })

  for (const elsewhere of ["https://other.example.net/dm", "http://dm.example.net/dm", "https://dm.example.net:444/"]) {
    it.live(`a RespURI to ${elsewhere} is refused`, () =>
      inWorld({ between: rewriting((text) => text.replace(/<RespURI>[^<]*/, `<RespURI>${elsewhere}`)) }, (session) =>
        Effect.map(session(), (ended) => assert.strictEqual(failureOf(ended), "ForeignRespUri"))
      )
    )
  }

  it.live("a relative RespURI leads to the same server", () =>
    inWorld({ between: rewriting((text) => text.replace(/<RespURI>[^<]*(\?[^<]*)/, "<RespURI>dm$1")) }, (session) =>
      Effect.map(session(), (ended) => assert.strictEqual(reportOf(ended).received, 2))
    )
  )

  it.live("a challenge for basic on a bare connection is not followed: no password goes out", () =>
    inWorld(
      {
        address: plain,
        account: { types: ["syncml:auth-md5", "syncml:auth-basic"], secret: "wrong" },
        between: rewriting((text) => text.replaceAll("syncml:auth-md5", "syncml:auth-basic"))
      },
      (session) =>
        Effect.gen(function* () {
          const { result, seen } = yield* session()
          assert.strictEqual(failureOf({ result }), "ChallengeBelowMinimum")
          assert.strictEqual(seen.length, 2)
        })
    )
  )

  it.live("a type that the device has no credentials for ends the session at once", () =>
    inWorld({ account: { types: ["syncml:auth-md5"] }, deviceTypes: ["syncml:auth-sha256"] }, (session) =>
      Effect.map(session(), (ended) => assert.strictEqual(failureOf(ended), "UnsupportedChallenge"))
    )
  )

  const answers: ReadonlyArray<
    readonly [string, (response: HttpExchange.HttpResponse) => HttpExchange.HttpResponse, string]
  > = [
    ["HTTP 500", () => HttpExchange.response(500), "TransportRefused"],
    ["HTTP 302 to another place", () => HttpExchange.response(302, [["Location", "http://x/"]]), "TransportRefused"],
    ["a page", () => HttpExchange.response(200, [["Content-Type", "text/html"]], "<html/>"), "UnusableAnswer"],
    ["a type without a body", (response) => ({ ...response, body: new Uint8Array(0) }), "UnusableAnswer"],
    [
      "two MACs",
      (r) => ({ ...r, fields: [...r.fields, ["x-syncml-hmac", "a"], ["x-syncml-hmac", "b"]] }),
      "UnusableAnswer"
    ],
    [
      "another session",
      (r) => ({ ...r, body: Bytes.utf8(Bytes.utf8Decode(r.body)!.replace(/<SessionID>[^<]*/, "<SessionID>other")) }),
      "UnusableAnswer"
    ],
    [
      "an abort",
      (r) => ({
        ...r,
        body: Bytes.utf8(
          Bytes.utf8Decode(r.body)!.replace("<Final", "<Alert><CmdID>99</CmdID><Data>1223</Data></Alert><Final")
        )
      }),
      "Aborted"
    ]
  ]
  for (const [name, change, failure] of answers) {
    it.live(`${name} ends the session: ${failure}`, () =>
      inWorld({ between: (handler) => (request) => Effect.map(handler(request), change) }, (session) =>
        Effect.map(session(), (ended) => assert.strictEqual(failureOf(ended), failure))
      )
    )
  }

  it.live("an unknown server, and two sessions with a known one at a time", () =>
    inWorld({}, (session) =>
      Effect.gen(function* () {
        assert.strictEqual(failureOf(yield* session({ server: "nobody" })), "UnknownServer")
        const both = yield* Effect.all([session(), session()], { concurrency: 2 })
        for (const each of both) assert.deepStrictEqual(statuses(each.seen), ["212", "200"])
      })
    )
  )

  it.live("the SessionID of a notification and Alert 1200", () =>
    inWorld({}, (session) =>
      Effect.gen(function* () {
        const ended = yield* session({ sessionId: "1F", initiator: "server" })
        assert.strictEqual(reportOf(ended).sessionId, "1F")
        assert.include(ended.seen[0], "Alert 1200")
      })
    )
  )

  it.live("events tell how sessions end and no secret", () =>
    inWorld({ account: { secret: "canary" } }, (session) =>
      Effect.gen(function* () {
        const events = yield* SecurityEvents.SecurityEvents
        const told = yield* Effect.forkChild(Stream.runCollect(Stream.take(events.stream, 1)), {
          startImmediately: true
        })
        yield* session()
        const [event] = yield* Fiber.join(told)
        assert.deepInclude(event, {
          _tag: "Refused",
          enabler: "dm-client",
          subject: server,
          detail: "WrongCredentials"
        })
        assert.notInclude(JSON.stringify(event), "canary")
      })
    )
  )
})
