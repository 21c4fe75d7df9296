import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { HttpHandler } from "../src/http/index.ts"
import { NodeHttpClient } from "../src/node/index.ts"

const call = (port: number, change: Partial<HttpHandler.HttpCall> = {}): HttpHandler.HttpCall => ({
  method: "POST",
  url: `http://127.0.0.1:${port}/`,
  fields: [],
  body: new Uint8Array(0),
  ...change
})

/** A server that does with each connection what `serve` says; closed with the scope. */
const peer = (serve: (socket: Net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly port: number; readonly close: () => void }>((resolve) => {
          const sockets = new Set<Net.Socket>()
          const server = Net.createServer((socket) => {
            sockets.add(socket)
            socket.on("error", () => undefined)
            serve(socket)
          })
          server.listen(0, "127.0.0.1", () =>
            resolve({
              port: (server.address() as Net.AddressInfo).port,
              close: () => {
                server.close()
                for (const socket of sockets) socket.destroy()
              }
            })
          )
        })
    ),
    ({ close }) => Effect.sync(close)
  )

const failure = (change: Partial<HttpHandler.HttpCall>, port = 1) =>
  Effect.gen(function* () {
    const client = yield* HttpHandler.HttpClient
    const error = yield* Effect.flip(client.call(call(port, change)))
    return error.kind
  })

describe("the client against hostile servers and faulty callers", () => {
  it.live("bounds the whole exchange, however a server spins it out", () =>
    Effect.gen(function* () {
      const drip = (octets: string) => (socket: Net.Socket) => {
        socket.write("HTTP/1.1 200 OK\r\n")
        const turn = setInterval(() => socket.write(octets), 50)
        socket.on("close", () => clearInterval(turn))
      }
      for (const octets of ["X: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]) {
        const { port } = yield* peer(drip(octets))
        const kind = yield* failure({}, port).pipe(Effect.timeout("2 seconds"))
        assert.include(["timeout", "broken"], kind)
      }
      const body = yield* peer((socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        const turn = setInterval(() => socket.write("x"), 50)
        socket.on("close", () => clearInterval(turn))
      })
      assert.strictEqual(yield* failure({}, body.port).pipe(Effect.timeout("2 seconds")), "timeout")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 300 })))
  )

  it.live("fails with a value for what cannot be sent, and sends no octet of it", () =>
    Effect.gen(function* () {
      let received = ""
      const { port } = yield* peer((socket) => {
        socket.on("data", (part) => {
          received += part.toString("latin1")
        })
      })
      const url = `http://127.0.0.1:${port}/`
      const bad: ReadonlyArray<Partial<HttpHandler.HttpCall>> = [
        { url: "ftp://127.0.0.1/" },
        { url: "file:///etc/passwd" },
        { url, fields: [["X", "a\r\nEvil: 1"]] },
        { url, fields: [["X\r\nEvil", "1"]] },
        { url, fields: [["X", "\u4e2d"]] },
        { url, fields: [["", "1"]] },
        { url, method: "GET / HTTP/1.1\r\nEvil: 1\r\n\r\nGET" },
        { url: `http://bob:canary@127.0.0.1:${port}/` }
      ]
      for (const change of bad) assert.strictEqual(yield* failure(change), "connect", JSON.stringify(change))
      assert.strictEqual(received, "")
      const client = yield* HttpHandler.HttpClient
      const error = yield* Effect.flip(client.call(call(port, { url: "http://bob:canary@127.0.0.1:1/" })))
      assert.notInclude(JSON.stringify(error) + String(error.message) + error.url, "canary")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 300 })))
  )

  it.live("sends fields of any name once each, and one length", () =>
    Effect.gen(function* () {
      let received = ""
      const { port } = yield* peer((socket) => {
        socket.on("data", (part) => {
          received += part.toString("latin1")
          socket.end("HTTP/1.1 204 No Content\r\n\r\n")
        })
      })
      const client = yield* HttpHandler.HttpClient
      const fields = [
        ["__proto__", "1"],
        ["constructor", "2"],
        ["x-a", "3"],
        ["X-A", "4"],
        ["content-length", "99"],
        ["Transfer-Encoding", "chunked"]
      ] as const
      yield* client.call(call(port, { fields, body: new TextEncoder().encode("abc") }))
      for (const line of ["__proto__: 1", "constructor: 2", "x-a: 3", "x-a: 4"]) assert.include(received, `${line}\r\n`)
      assert.deepStrictEqual(received.match(/content-length: \d+/gi), ["Content-Length: 3"])
      assert.notMatch(received, /transfer-encoding/i)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 500 })))
  )

  it.live("fails for answers that are none: a switch of protocols, nonsense, a cut content, two lengths", () =>
    Effect.gen(function* () {
      const answers = [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      ]
      for (const answer of answers) {
        const { port } = yield* peer((socket) => void socket.on("data", () => socket.end(answer)))
        assert.strictEqual(yield* failure({}, port), "broken", answer)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 1000 })))
  )

  it.live("takes no name from a certificate that hides several in one", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "names-"))),
        (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true }))
      )
      const made = (names: string) => {
        const config = `[req]\ndistinguished_name=d\nx509_extensions=e\nprompt=no\n[d]\nCN=a\n[e]\nsubjectAltName=@n\n[n]\n${names}\n`
        Fs.writeFileSync(Path.join(folder, "c"), config)
        const files = ["-keyout", Path.join(folder, "key"), "-out", Path.join(folder, "cert")]
        const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        execFileSync("openssl", ["req", "-x509", "-config", Path.join(folder, "c"), ...kind, ...files], {
          stdio: "ignore"
        })
        return { key: Fs.readFileSync(Path.join(folder, "key")), cert: Fs.readFileSync(Path.join(folder, "cert")) }
      }
      const names = (pair: { readonly key: Buffer; readonly cert: Buffer }) =>
        Effect.gen(function* () {
          const server = Https.createServer(pair, (_, response) => response.end())
          yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
          const { port } = server.address() as Net.AddressInfo
          const agent = yield* Effect.acquireRelease(
            Effect.sync(() => new Https.Agent({ ca: pair.cert })),
            (held) =>
              Effect.sync(() => {
                held.destroy()
                server.close()
              })
          )
          const client = yield* HttpHandler.HttpClient.pipe(
            Effect.provide(NodeHttpClient.layer({ secureAgent: agent, timeoutMillis: 1000 }))
          )
          const answer = yield* client.call(call(port, { url: `https://127.0.0.1:${port}/` }))
          return answer.connection.peer.certificate?.dnsNames
        })
      assert.deepStrictEqual(yield* names(made("IP.1=127.0.0.1\nDNS.1=honest.example")), ["honest.example"])
      const hidden = made("IP.1=127.0.0.1\nURI.1=http://a/\\, DNS:evil.example\\, DNS:b")
      assert.deepStrictEqual(yield* names(hidden), [])
    }).pipe(Effect.scoped)
  )

  it.live("follows no redirect", () =>
    Effect.gen(function* () {
      let count = 0
      const { port } = yield* peer((socket) => {
        socket.on("data", () => {
          count++
          socket.end(`HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:${port}/x\r\nContent-Length: 0\r\n\r\n`)
        })
      })
      const client = yield* HttpHandler.HttpClient
      assert.strictEqual((yield* client.call(call(port))).status, 307)
      assert.strictEqual(count, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 500 })))
  )

  it.live("takes the judge along when the call is interrupted or too late", () =>
    Effect.gen(function* () {
      const { port } = yield* peer(() => undefined)
      const client = yield* HttpHandler.HttpClient
      for (const how of ["interrupted", "late"] as const) {
        const begun = yield* Deferred.make<void>()
        const ended = yield* Deferred.make<void>()
        const judge = () =>
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
          )
        const fiber = yield* Effect.forkChild(client.call(call(port), judge))
        yield* Deferred.await(begun)
        if (how === "interrupted") yield* Fiber.interrupt(fiber)
        else yield* Fiber.await(fiber)
        yield* Deferred.await(ended).pipe(Effect.timeout("1 second"))
      }
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer({ timeoutMillis: 300 })))
  )
})
