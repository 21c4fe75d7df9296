import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpExchange, HttpHandler } from "../src/http/index.ts"
import { NodeHttpClient, NodeHttpServer } from "../src/node/index.ts"

const echo: HttpHandler.HttpHandler = (request) =>
  Effect.succeed(
    HttpExchange.response(
      200,
      [
        ["Content-Type", "text/plain"],
        ["X-Target", request.target],
        ["X-Peer", request.connection.peer.address]
      ],
      request.body
    )
  )
const url = (port: number, path = "/") => `http://127.0.0.1:${port}${path}`
const post = (port: number, body: Uint8Array | string, path?: string): HttpHandler.HttpCall => ({
  method: "POST",
  url: url(port, path),
  fields: [["Content-Type", "text/plain"]],
  body: typeof body === "string" ? new TextEncoder().encode(body) : body
})
const text = (response: HttpExchange.HttpResponse) => new TextDecoder().decode(response.body)
const listen = (handler: HttpHandler.HttpHandler, limits: NodeHttpServer.HttpLimits = {}) =>
  NodeHttpServer.listen(handler, { host: "127.0.0.1", port: 0, limits })

/** Sends octets as they are and gives what came back until the server closed. */
const raw = (port: number, octets: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let got = ""
    const socket = Net.connect(port, "127.0.0.1", () => socket.write(octets))
    socket.on("data", (part) => {
      got += part.toString("latin1")
    })
    socket.on("close", () => resolve(got))
    socket.on("error", reject)
    setTimeout(() => socket.end(), 300)
  })

const live = it.live
describe("the front door of Node and its client", () => {
  live("carries method, target, fields and octets both ways", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(echo)
      const client = yield* HttpHandler.HttpClient
      const body = Uint8Array.from({ length: 1000 }, (_, i) => i & 255)
      const answer = yield* client.call(post(port, body, "/a%2fb?q=1"))
      assert.strictEqual(answer.status, 200)
      assert.deepStrictEqual(new Uint8Array(answer.body), body)
      assert.strictEqual(HttpExchange.fieldOf(answer.fields, "x-target"), "/a%2fb?q=1")
      assert.strictEqual(HttpExchange.fieldOf(answer.fields, "x-peer"), "127.0.0.1")
      assert.strictEqual(answer.connection.protection.protocol, "none")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))
  )

  live("names another host where the caller does, and sends a field as often as it stands", () =>
    Effect.gen(function* () {
      const { port } = yield* listen((request) =>
        Effect.succeed(
          HttpExchange.response(
            200,
            [],
            JSON.stringify(["host", "x-one"].map((name) => HttpExchange.fieldsOf(request.fields, name)))
          )
        )
      )
      const client = yield* HttpHandler.HttpClient
      const fields = [
        ["Host", "naf.example.net"],
        ["X-One", "1"],
        ["X-One", "2"],
        ["X-One", "3"]
      ] as const
      const answer = yield* client.call({ ...post(port, ""), fields })
      assert.deepStrictEqual(JSON.parse(text(answer)), [["naf.example.net"], ["1", "2", "3"]])
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))
  )

  live("refuses a content over the limit, announced or chunked, and goes on serving", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(echo, { body: 100 })
      const client = yield* HttpHandler.HttpClient
      assert.strictEqual((yield* client.call(post(port, new Uint8Array(101)))).status, 413)
      const chunk = `c8\r\n${"x".repeat(200)}\r\n0\r\n\r\n`
      const chunked = yield* Effect.promise(() =>
        raw(port, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
      )
      assert.match(chunked, /^HTTP\/1.1 413/)
      assert.strictEqual((yield* client.call(post(port, new Uint8Array(100)))).status, 200)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))
  )

  live("answers 400 to requests that two readers could read in two ways", () =>
    Effect.gen(function* () {
      let served = 0
      const { port } = yield* listen((request) => {
        served++
        return echo(request)
      })
      const requests = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nAuthorization : x\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET /\u0000 HTTP/1.1\r\nHost: a\r\n\r\n"
      ]
      for (const request of requests) {
        assert.match(yield* Effect.promise(() => raw(port, request)), /^HTTP\/1.1 400/, request)
      }
      assert.strictEqual(served, 0)
    }).pipe(Effect.scoped)
  )

  live("answers 431 to a header section over the limit", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(echo, { header: 2048 })
      const answer = yield* Effect.promise(() =>
        raw(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(4096)}\r\n\r\n`)
      )
      assert.match(answer, /^HTTP\/1.1 431/)
    }).pipe(Effect.scoped)
  )

  live("turns a defect into 500 without a word of it, and too much work into 503", () =>
    Effect.gen(function* () {
      const defects: Array<unknown> = []
      const client = yield* HttpHandler.HttpClient
      const { port } = yield* NodeHttpServer.listen(() => Effect.die(new Error("canary")), {
        host: "127.0.0.1",
        port: 0,
        onDefect: (cause) => defects.push(cause)
      })
      const answer = yield* client.call(post(port, ""))
      assert.strictEqual(answer.status, 500)
      assert.notInclude(text(answer), "canary")
      assert.strictEqual(defects.length, 1)
      const slow = yield* listen((request) => Effect.delay(echo(request), "200 millis"), { inWork: 1 })
      const statuses = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.map(client.call(post(slow.port, "")), ({ status }) => status),
        { concurrency: 3 }
      )
      assert.deepStrictEqual(statuses.toSorted(), [200, 503, 503])
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))
  )

  live("judges the connection before the first octet of the request goes out", () =>
    Effect.gen(function* () {
      let received = 0
      const server = Net.createServer((socket) => socket.on("data", (part) => (received += part.length)))
      yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
      const { port } = server.address() as Net.AddressInfo
      const client = yield* HttpHandler.HttpClient
      const error = yield* Effect.flip(client.call(post(port, "secret"), () => Effect.fail("no" as const)))
      assert.strictEqual(error, "no")
      yield* Effect.sleep("50 millis")
      assert.strictEqual(received, 0)
      server.close()
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))
  )

  live("names what went wrong: nobody there, broken off, too late, too much, not a URL, port taken", () =>
    Effect.gen(function* () {
      const client = yield* HttpHandler.HttpClient
      const kind = (call: HttpHandler.HttpCall) => Effect.map(Effect.flip(client.call(call)), (error) => error.kind)
      const gone = yield* Effect.scoped(listen(echo))
      assert.strictEqual(yield* kind(post(gone.port, "")), "connect")
      assert.strictEqual(yield* kind({ ...post(1, ""), url: "nonsense" }), "connect")
      const breaking = Net.createServer((socket) => void socket.on("data", () => socket.destroy()))
      yield* Effect.promise(() => new Promise<void>((resolve) => breaking.listen(0, "127.0.0.1", resolve)))
      assert.strictEqual(yield* kind(post((breaking.address() as Net.AddressInfo).port, "x")), "broken")
      breaking.close()
      const never = yield* listen(() => Effect.never)
      assert.strictEqual(yield* kind(post(never.port, "")), "timeout")
      const large = yield* listen(() => Effect.succeed(HttpExchange.response(200, [], new Uint8Array(5000))))
      assert.strictEqual(yield* kind(post(large.port, "")), "too-large")
      const taken = yield* Effect.flip(NodeHttpServer.listen(echo, { host: "127.0.0.1", port: large.port }))
      assert.strictEqual(taken._tag, "ListenFailed")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 300, maxBody: 1000 })))
  )
})

describe("HttpExchange", () => {
  it("gives a field that stands once, all that stand, and the path of every form of target", () => {
    const fields = [
      ["A", "1"],
      ["a", "2"],
      ["B", "3"]
    ] as const
    assert.isUndefined(HttpExchange.fieldOf(fields, "a"))
    assert.deepStrictEqual(HttpExchange.fieldsOf(fields, "a"), ["1", "2"])
    assert.strictEqual(HttpExchange.fieldOf(fields, "b"), "3")
    assert.strictEqual(HttpExchange.mediaType([["content-TYPE", " Text/XML ; charset=utf-8"]]), "text/xml")
    const paths = { "/a?b": "/a", "http://h/a#b": "/a", "http://h": "/", "*": "*", "/": "/", "h:443": "h:443" }
    for (const [target, path] of Object.entries(paths)) assert.strictEqual(HttpExchange.pathOf(target), path)
  })
  it.effect("routes by the longest prefix that ends at a segment", () =>
    Effect.gen(function* () {
      const to =
        (name: string): HttpHandler.HttpHandler =>
        () =>
          Effect.succeed(HttpExchange.response(200, [], name))
      const handler = HttpHandler.route({ "/dm": to("dm"), "/dm/deep": to("deep"), "/x/": to("x") })
      const ask = (target: string) =>
        Effect.map(
          handler({
            method: "GET",
            target,
            fields: [],
            body: new Uint8Array(0),
            connection: {
              id: "",
              transport: "in-process",
              protection: { protocol: "none", level: 0 },
              peer: { address: "" }
            }
          }),
          (r) => (r.status === 200 ? text(r) : r.status)
        )
      assert.deepStrictEqual(yield* Effect.forEach(["/dm", "/dm/s?1", "/dm/deep/er", "/dmx", "/x/y", "/"], ask), [
        "dm",
        "dm",
        "deep",
        404,
        "x",
        404
      ])
    }).pipe(Effect.provide(Layer.empty))
  )
})
