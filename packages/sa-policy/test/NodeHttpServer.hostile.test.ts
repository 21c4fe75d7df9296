import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { HttpExchange, type HttpHandler } from "../src/http/index.ts"
import { NodeHttpServer } from "../src/node/index.ts"

const ok: HttpHandler.HttpHandler = () => Effect.succeed(HttpExchange.response(200, [], "fine"))
const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/** Sends octets and gives what came back within `millis`, and whether the server closed in that time. */
const exchange = (port: number, octets: string, millis = 300) =>
  Effect.promise(
    () =>
      new Promise<{ readonly got: string; readonly closed: boolean }>((resolve) => {
        let got = ""
        const socket = Net.connect(port, "127.0.0.1", () => socket.write(octets))
        socket.on("data", (part) => {
          got += part.toString("latin1")
        })
        const late = setTimeout(() => {
          resolve({ got, closed: false })
          socket.destroy()
        }, millis)
        socket.on("close", () => {
          clearTimeout(late)
          resolve({ got, closed: true })
        })
        socket.on("error", () => undefined)
      })
  )

const connect = (port: number, octets: string) =>
  Effect.promise(
    () =>
      new Promise<Net.Socket>((resolve) => {
        const socket = Net.connect(port, "127.0.0.1", () => {
          socket.write(octets)
          resolve(socket)
        })
        socket.on("error", () => undefined)
      })
  )

const open = (
  handler: HttpHandler.HttpHandler,
  options: Partial<NodeHttpServer.ListenOptions> = {}
): ReturnType<typeof NodeHttpServer.listen<never>> =>
  NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0, ...options })

describe("the front door against hostile peers and faulty handlers", () => {
  it.live("answers 500 where a response cannot be written, splits none, and goes on serving", () =>
    Effect.gen(function* () {
      const defects: Array<unknown> = []
      const bad: ReadonlyArray<HttpExchange.HttpResponse> = [
        HttpExchange.response(200, [["X-Echo", "a\r\nSet-Cookie: stolen=1"]]),
        HttpExchange.response(200, [["X-Echo\r\nSet-Cookie", "stolen=1"]]),
        HttpExchange.response(200, [["X-Echo", "stolen \u4e2d"]]),
        HttpExchange.response(99),
        HttpExchange.response(101),
        HttpExchange.response(1000)
      ]
      for (const response of bad) {
        const { port } = yield* open(() => Effect.succeed(response), { onDefect: (cause) => defects.push(cause) })
        for (let round = 0; round < 2; round++) {
          const { got } = yield* exchange(port, get, 100)
          assert.match(got, /^HTTP\/1.1 500 /, JSON.stringify(response.fields))
          assert.notInclude(got, "stolen")
        }
      }
      assert.strictEqual(defects.length, 2 * bad.length)
    }).pipe(Effect.scoped)
  )

  it.live("frames every response itself: no length where there is no content, one length where there is", () =>
    Effect.gen(function* () {
      const fields = [
        ["Content-Length", "3"],
        ["transfer-encoding", "chunked"]
      ] as const
      for (const status of [204, 304]) {
        const { port } = yield* open(() => Effect.succeed(HttpExchange.response(status, fields, "hello")))
        const { got } = yield* exchange(port, get + get, 100)
        assert.strictEqual(got.match(/HTTP\/1\.1/g)?.length, 2)
        assert.notMatch(got, /content-length|transfer-encoding|hello/i)
      }
      const { port } = yield* open(() => Effect.succeed(HttpExchange.response(200, fields, "hello")))
      const { got } = yield* exchange(port, get, 100)
      assert.deepStrictEqual(got.match(/content-length: \d+/gi), ["Content-Length: 5"])
      assert.notMatch(got, /transfer-encoding/i)
      const head = yield* exchange(port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 100)
      assert.match(head.got, /Content-Length: 5\r\n/)
      assert.isTrue(head.got.endsWith("\r\n\r\n"))
    }).pipe(Effect.scoped)
  )

  it.live("interrupts the handler of a peer that went away, and counts it as work until it is done", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const waiting = yield* open(() =>
        Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
        )
      )
      const socket = yield* connect(waiting.port, get)
      yield* Deferred.await(begun)
      socket.destroy()
      yield* Deferred.await(ended).pipe(Effect.timeout("1 second"))

      const finish = yield* Deferred.make<void>()
      let running = 0
      const stubborn = yield* open(
        () =>
          Effect.uninterruptible(
            Effect.suspend(() => {
              running++
              return Effect.as(Deferred.await(finish), HttpExchange.response(200))
            })
          ),
        { limits: { inWork: 2 } }
      )
      for (let i = 0; i < 4; i++) {
        const peer = yield* connect(stubborn.port, get)
        yield* Effect.sleep("20 millis")
        peer.destroy()
        yield* Effect.sleep("20 millis")
      }
      assert.strictEqual(running, 2)
      assert.match((yield* exchange(stubborn.port, get, 100)).got, /^HTTP\/1.1 503/)
      yield* Deferred.succeed(finish, undefined)
      yield* Effect.sleep("20 millis")
      assert.match((yield* exchange(stubborn.port, get, 100)).got, /^HTTP\/1.1 200/)
    }).pipe(Effect.scoped)
  )

  it.live("takes its work back from peers that do not take their answers", () =>
    Effect.gen(function* () {
      const large = HttpExchange.response(200, [], new Uint8Array(8_000_000))
      const { port } = yield* open(() => Effect.succeed(large), { limits: { inWork: 4, responseMillis: 200 } })
      const socket = yield* connect(port, get.repeat(4))
      socket.pause()
      yield* Effect.sleep("100 millis")
      assert.match((yield* exchange(port, get, 50)).got, /^HTTP\/1.1 503/)
      yield* Effect.sleep("300 millis")
      assert.match((yield* exchange(port, get, 100)).got, /^HTTP\/1.1 200/)
      socket.destroy()
    }).pipe(Effect.scoped)
  )

  it.live("ends requests that do not come in whole in time", () =>
    Effect.gen(function* () {
      const { port } = yield* open(ok, { limits: { requestMillis: 200 } })
      const half = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"
      assert.isTrue((yield* exchange(port, half, 1000)).closed)
      assert.isTrue((yield* exchange(port, "GET / HTTP/1.1\r\nHo", 1000)).closed)
    }).pipe(Effect.scoped)
  )

  it.live("survives a connection that cannot be described and an error of the listening socket", () =>
    Effect.gen(function* () {
      const defects: Array<unknown> = []
      const { port, server } = yield* open(ok, {
        connectionOf: () => {
          throw new Error("no such socket")
        },
        onDefect: (cause) => defects.push(cause)
      })
      assert.match((yield* exchange(port, get, 100)).got, /^HTTP\/1.1 500/)
      server.emit("error", new Error("accept EMFILE"))
      assert.match((yield* exchange(port, get, 100)).got, /^HTTP\/1.1 500/)
      assert.strictEqual(defects.length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("serves no upgrade, no tunnel and no unknown expectation, and asks for nothing that it will refuse", () =>
    Effect.gen(function* () {
      let served = 0
      const { port } = yield* open(
        (request) => {
          served++
          return ok(request)
        },
        { limits: { body: 100 } }
      )
      const upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      assert.match((yield* exchange(port, upgrade, 100)).got, /^HTTP\/1.1 200/)
      assert.isTrue((yield* exchange(port, "CONNECT b:1 HTTP/1.1\r\nHost: b\r\n\r\n", 300)).closed)
      const strange = "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx"
      assert.match((yield* exchange(port, strange, 100)).got, /^HTTP\/1.1 417/)
      assert.strictEqual(served, 1)
      const long = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n"
      assert.match((yield* exchange(port, long, 100)).got, /^HTTP\/1.1 413/)
      const short = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
      assert.match((yield* exchange(port, short, 100)).got, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/)
      assert.strictEqual(served, 2)
    }).pipe(Effect.scoped)
  )
})
