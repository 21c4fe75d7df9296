import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import { PapHttpClient, PapHttpServer } from "../src/http/index.ts"
import { plmnAddress } from "../src/PapAddress.ts"
import { encodePushBody } from "../src/PapBody.ts"
import * as PapClient from "../src/PapClient.ts"
import * as PapNotifications from "../src/PapNotifications.ts"
import { push, toEntity } from "../src/Push.ts"
import * as PushLedger from "../src/PushLedger.ts"
import * as PushProxy from "../src/PushProxy.ts"
import * as PushReceiver from "../src/PushReceiver.ts"
import * as PushSender from "../src/PushSender.ts"
import * as SmsCentre from "../src/SmsCentre.ts"
import { layerSmsBearer } from "../src/SmsLink.ts"
import { ascii, get, hex } from "./support.ts"

const accounts = [{ user: "dcd", password: Redacted.make("secret") }]
const number = "+15551230001"
const operator = PushProxy.layer({ name: "ppg" }).pipe(
  Layer.provide([layerSmsBearer(), PapHttpClient.layer()]),
  Layer.provideMerge(Layer.mergeAll(SmsCentre.layer(), PapNotifications.layer()))
)
const right: PapHttpClient.PapCredentials = { _tag: "Basic", user: "dcd", password: Redacted.make("secret") }
const client = (url: string, options: PapHttpClient.PapHttpClientOptions = {}) =>
  PapClient.layer({ url, maxAttempts: 1 }).pipe(Layer.provide([PapHttpClient.layer(options), PushLedger.layerMemory()]))
const submission = (pushId: string, length: number): PapClient.PushSubmission => ({
  pushId,
  to: plmnAddress(number, "ppg"),
  push: push(
    "application/vnd.oma.dcd",
    Uint8Array.from({ length }, (_, i) => i & 0xff),
    { applicationId: 0x9022 }
  )
})

describe("PAP over HTTP", () => {
  it.live("from the initiator through the proxy and the SMS centre to the terminal, and the result back", () =>
    Effect.gen(function* () {
      const ear = yield* PapHttpServer.serveNotifications({ port: 0 })
      const proxy = yield* PapHttpServer.servePushProxy({ port: 0, accounts })
      const receiver = yield* PushReceiver.make()
      yield* (yield* SmsCentre.SmsCentre).attach(number, receiver.onShortMessage)
      const notifications = yield* (yield* PapNotifications.PapNotifications).notifications
      yield* Effect.gen(function* () {
        const papClient = yield* PapClient.PapClient
        const accepted = yield* papClient.push({
          ...submission("a@pi", 500),
          notifyTo: ear.url,
          qualityOfService: { deliveryMethod: "confirmed" }
        })
        assert.strictEqual(accepted.response.result.code, 1001)
        assert.strictEqual(accepted.response.senderName, "ppg")
        const received = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(5000))
        assert.deepStrictEqual(received.push.content, submission("", 500).push.content)
        assert.strictEqual(received.parts, 4)
        const notification = yield* PubSub.take(notifications).pipe(Effect.timeout(5000))
        assert.deepInclude(notification, { pushId: "a@pi", messageState: "delivered", code: 1000 })
        const status = yield* papClient.status("a@pi")
        assert.strictEqual(status.results[0]!.messageState, "delivered")
      }).pipe(Effect.provide(client(proxy.url, { credentials: right })))
    }).pipe(Effect.scoped, Effect.provide(operator))
  )
  it.live("the sender port goes through a gateway as it goes over a bearer", () =>
    Effect.gen(function* () {
      const proxy = yield* PapHttpServer.servePushProxy({ port: 0, accounts })
      const receiver = yield* PushReceiver.make()
      yield* (yield* SmsCentre.SmsCentre).attach(number, receiver.onShortMessage)
      yield* Effect.gen(function* () {
        const sender = yield* PushSender.PushSender
        yield* sender.send("a@pi", { _tag: "Msisdn", number }, submission("", 20).push)
        const received = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(5000))
        assert.strictEqual(received.push.applicationId, 0x9022)
      }).pipe(Effect.provide(PushSender.layerPap("ppg").pipe(Layer.provide(client(proxy.url, { credentials: right })))))
    }).pipe(Effect.scoped, Effect.provide(operator))
  )
  it.live("credentials: Basic, query, challenge; none, wrong and unknown are refused alike", () =>
    Effect.gen(function* () {
      const { url } = yield* PapHttpServer.servePushProxy({ port: 0, accounts })
      const outcome = (options: PapHttpClient.PapHttpClientOptions) =>
        Effect.exit(
          Effect.flatMap(PapClient.PapClient, (papClient) => papClient.push(submission(`${Math.random()}@pi`, 1)))
        ).pipe(
          Effect.map((exit) =>
            exit._tag === "Success"
              ? "taken"
              : String(exit.cause.reasons.map((reason) => reason._tag === "Fail" && reason.error.reason._tag))
          ),
          Effect.provide(client(url, options))
        )
      const password = Redacted.make("secret")
      assert.strictEqual(yield* outcome({ credentials: right }), "taken")
      assert.strictEqual(yield* outcome({ credentials: { _tag: "Query", user: "dcd", password } }), "taken")
      const challenge: PapHttpClient.PapCredentials = {
        _tag: "Challenge",
        answer: (challenges, { method, uri }) => {
          assert.strictEqual(`${method} ${uri}`, "POST /wappush")
          return challenges[0]?.startsWith("Basic realm=") === true ? `Basic ${btoa("dcd:secret")}` : undefined
        }
      }
      assert.strictEqual(yield* outcome({ credentials: challenge }), "taken")
      assert.strictEqual(yield* outcome({}), "Unauthorized")
      assert.strictEqual(yield* outcome({ credentials: { ...right, password: Redacted.make("no") } }), "Unauthorized")
      assert.strictEqual(yield* outcome({ credentials: { ...right, user: "nobody" } }), "Unauthorized")
      assert.strictEqual(
        yield* outcome({ credentials: { _tag: "Challenge", answer: () => undefined } }),
        "Unauthorized"
      )
    }).pipe(Effect.scoped, Effect.provide(operator))
  )
  it.live("the client sends no field that would leak into a push", () =>
    Effect.gen(function* () {
      let seen = ""
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const made = Net.createServer((socket) => {
            socket.on("error", () => undefined)
            socket.on("data", (data) => {
              seen += data.toString("latin1")
              socket.end("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            })
          })
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => made.close())
      )
      const address = server.address()
      if (address === null || typeof address === "string") return assert.fail("no port")
      yield* Effect.exit(
        Effect.flatMap(PapClient.PapClient, (papClient) => papClient.push(submission("a", 1))).pipe(
          Effect.provide(client(`http://127.0.0.1:${address.port}/`, { credentials: right }))
        )
      )
      const names = seen
        .split("\r\n\r\n")[0]!
        .split("\r\n")
        .slice(1)
        .map((line) => line.split(":")[0]!.toLowerCase())
      assert.deepStrictEqual(names.sort(), ["authorization", "connection", "content-length", "content-type", "host"])
    }).pipe(Effect.scoped)
  )
  it.live("answers of any size or none do not hold the client", () =>
    Effect.gen(function* () {
      const reply = (text: string) =>
        Effect.acquireRelease(
          Effect.callback<number>((resume) => {
            const made = Net.createServer((socket) => {
              socket.on("error", () => undefined)
              socket.on("data", () => socket.write(text))
            })
            made.listen(0, "127.0.0.1", () => {
              const address = made.address()
              if (address !== null && typeof address === "object") resume(Effect.succeed(address.port))
            })
            made.unref()
          }),
          () => Effect.void
        )
      for (const text of [
        "",
        "HTTP/1.1 202 OK\r\nContent-Length: 5\r\n\r\nab",
        `HTTP/1.1 202 OK\r\n\r\n${"x".repeat(300_000)}`,
        "nonsense\r\n\r\n"
      ]) {
        const port = yield* reply(text)
        const error = yield* Effect.flatMap(PapClient.PapClient, (papClient) =>
          papClient.push(submission("a", 1))
        ).pipe(Effect.flip, Effect.provide(client(`http://127.0.0.1:${port}/`, { timeout: 200 })))
        assert.strictEqual(error.reason._tag, "GatewayUnavailable", text.slice(0, 40))
      }
    }).pipe(Effect.scoped)
  )
  it.live("HTTP that is none, too long, for another path or by another method", () =>
    Effect.gen(function* () {
      const { port } = yield* PapHttpServer.servePushProxy({ port: 0, accounts, maxRequest: 2000, timeout: 500 })
      const auth = `Authorization: Basic ${btoa("dcd:secret")}\r\n`
      const body = get(
        encodePushBody(
          { _tag: "PushMessage", pushId: "a", addresses: ["WAPPUSH=+1/TYPE=PLMN@a"] },
          toEntity(push("text/plain", ascii("x")))
        )
      )
      const head = (line: string, fields = "") => `${line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}`
      const length = `Content-Length: ${body.body.length}\r\n`
      const type = `Content-Type: ${body.contentType}\r\n`
      const status = (text: string, content = hex("")) =>
        Effect.promise(
          () =>
            new Promise<string>((resolve) => {
              let got = ""
              const socket = Net.connect(port, "127.0.0.1", () => {
                socket.write(text, "latin1")
                socket.write(content)
              })
              socket.on("error", () => undefined)
              socket.on("data", (data) => {
                got += data.toString("latin1")
              })
              socket.on("close", () => resolve(got.split(" ")[1] ?? ""))
              setTimeout(() => socket.destroy(), 3000).unref()
            })
        )
      const post = head("POST /wappush")
      assert.strictEqual(yield* status(`${post}${auth}${type}${length}\r\n`, body.body), "202")
      assert.strictEqual(yield* status(`${post}${type}${length}\r\n`, body.body), "401")
      assert.strictEqual(
        yield* status(`${head("POST /wappush?username=dcd&password=secret")}${type}${length}\r\n`, body.body),
        "202"
      )
      assert.strictEqual(yield* status(`${head("POST /wappush?username=dcd")}${type}${length}\r\n`, body.body), "401")
      assert.strictEqual(yield* status(`${post}${auth}Content-Length: 3000\r\n\r\n`), "413")
      assert.strictEqual(
        yield* status(`${post}${auth}Transfer-Encoding: chunked\r\n\r\nbb8\r\n${"x".repeat(3000)}\r\n0\r\n\r\n`),
        "413"
      )
      assert.strictEqual(yield* status(`${head("GET /wappush")}${auth}\r\n`), "405")
      assert.strictEqual(yield* status(`${head("POST /other")}${auth}Content-Length: 0\r\n\r\n`), "404")
      assert.strictEqual(yield* status(`${head("POST http://[/wappush")}${auth}Content-Length: 0\r\n\r\n`), "400")
      assert.strictEqual(yield* status(`${post}${auth}${length}${length}Content-Length: 1\r\n\r\n`, body.body), "400")
      assert.strictEqual(yield* status(`${post}${auth}Transfer-Encoding: chunked\r\n${length}\r\n`, body.body), "400")
      assert.strictEqual(
        yield* status(`${post}${auth}Content-Length: 0\r\n\r\n`),
        "202",
        "a bad message is answered by PAP"
      )
    }).pipe(Effect.scoped, Effect.provide(operator))
  )
  it.live("a port that is taken is an error, not a crash", () =>
    Effect.gen(function* () {
      const { port } = yield* PapHttpServer.servePushProxy({ port: 0 })
      const error = yield* Effect.flip(PapHttpServer.servePushProxy({ port }))
      assert.strictEqual(error._tag, "CannotListen")
    }).pipe(Effect.scoped, Effect.provide(operator))
  )
  it("passwords do not show in what is printed", () => {
    assert.notInclude(JSON.stringify(accounts) + String(accounts[0]!.password), "secret")
  })
})
