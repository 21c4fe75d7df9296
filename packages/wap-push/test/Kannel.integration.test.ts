import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import {
  describePeer,
  type FakeMessage,
  fakeMessages,
  fakeSmsc,
  freePort,
  type Kannel,
  kannelPrograms,
  type Peer,
  smppSmsc,
  startFakeSmsc,
  startKannel
} from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import { PapHttpClient } from "../src/http/index.ts"
import { plmnAddress } from "../src/PapAddress.ts"
import * as PapClient from "../src/PapClient.ts"
import type { PapVersion } from "../src/PapCodec.ts"
import { push } from "../src/Push.ts"
import * as PushLedger from "../src/PushLedger.ts"
import * as PushReceiver from "../src/PushReceiver.ts"
import { international, shortCode } from "../src/ShortMessage.ts"
import * as SmsCentre from "../src/SmsCentre.ts"
import { SmppServer } from "../src/smpp/index.ts"
import { UdpBearer } from "../src/udp/index.ts"
import { hex, pushVectors, toHex } from "./support.ts"

const subscriber = "+15551230001"
const client = (
  kannel: Kannel,
  options: { version?: PapVersion; password?: string; credentials?: "Basic" | "Query" } = {}
) => {
  const { user, password } = kannel.account
  const credentials = {
    _tag: options.credentials ?? "Basic",
    user,
    password: Redacted.make(options.password ?? password)
  }
  return PapClient.layer({ url: kannel.url, version: options.version ?? "2.0" }).pipe(
    Layer.provide([PapHttpClient.layer({ credentials }), PushLedger.layerMemory()])
  )
}
const submission = (pushId: string, media: string, content: Uint8Array, applicationId?: number | string) => ({
  pushId,
  to: plmnAddress(subscriber, "ppg.example.com"),
  push: push(media, content, applicationId === undefined ? {} : { applicationId })
})
const body = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff)
const shortMessage = ({ from, to, udh, body: data }: FakeMessage) => ({
  from: shortCode(from),
  to: international(to),
  protocolId: 0,
  dataCoding: 4,
  hasHeader: true,
  userData: new Uint8Array([...udh, ...data])
})

describePeer("Kannel with its fake SMS centre", kannelPrograms, () => {
  let kannel: Kannel
  let smsc: Peer
  beforeAll(async () => {
    const port = await freePort()
    kannel = await startKannel(fakeSmsc(port))
    smsc = await startFakeSmsc(kannel, port)
  }, 30_000)
  afterAll(async () => {
    await smsc?.stop()
    await kannel?.[Symbol.asyncDispose]()
  })

  /** What arrives between now and `count` short messages later. */
  const arrivals = (count: number) => {
    const before = fakeMessages(smsc.output()).length
    return Effect.promise(async () => {
      const end = performance.now() + 8000
      for (;;) {
        const found = fakeMessages(smsc.output()).slice(before)
        if (found.length >= count) return found
        if (performance.now() > end)
          throw new Error(`${found.length} of ${count} messages came: ${kannel.output().slice(-2000)}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })
  }
  const receive = (messages: ReadonlyArray<FakeMessage>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const receiver = yield* PushReceiver.make()
        for (const message of messages) yield* receiver.onShortMessage(shortMessage(message))
        return yield* Queue.takeAll(receiver.pushes)
      })
    )

  for (const [index, vector] of pushVectors.entries()) {
    const { contentType, applicationId, contentHex } = vector.input
    it.live(`${vector.name}: what our client submits is what our code receives`, () =>
      Effect.gen(function* () {
        const wait = arrivals(vector.output.sms.length)
        const papClient = yield* PapClient.PapClient
        const media = contentType.split(";")[0]!
        const sent = yield* papClient.push(
          submission(`v${index}@pi.example.com`, media, hex(contentHex), applicationId ?? undefined)
        )
        assert.strictEqual(sent.response.result.code, 1001)
        const messages = yield* wait
        const [received] = yield* receive(messages)
        assert.strictEqual(toHex(received!.push.content), vector.output.dataHex)
        // the gateway numbers its PDUs; all behind the number is as captured
        const text = media === "application/vnd.oma.dcd" && applicationId?.startsWith("x-oma-") === true
        if (!text) {
          const headers = messages
            .map((message) => toHex(message.body))
            .join("")
            .slice(4)
          assert.include(headers, vector.output.dataHex.slice(0, 40))
        }
        assert.strictEqual(received!.from, "2948")
        assert.strictEqual(received!.parts, vector.output.sms.length)
      }).pipe(Effect.provide(client(kannel)))
    )
  }

  it.live("a number as application id survives, and our name for DCD becomes one", () =>
    Effect.gen(function* () {
      const wait = arrivals(1)
      yield* (yield* PapClient.PapClient).push(
        submission("id@pi", "application/vnd.oma.dcd", body(20), "x-wap-vodafone:dcd.ua")
      )
      const [received] = yield* receive(yield* wait)
      assert.strictEqual(received!.push.applicationId, 0x9022)
    }).pipe(Effect.provide(client(kannel)))
  )

  for (const version of ["1.0", "2.0", "2.1"] as const) {
    it.live(`a long message in parts, PAP ${version}, credentials in the query`, () =>
      Effect.gen(function* () {
        const content = body(1200)
        const wait = arrivals(10)
        yield* (yield* PapClient.PapClient).push(submission(`long-${version}@pi`, "application/octet-stream", content))
        const messages = yield* wait
        const shuffled = [...messages.slice(5), messages[2]!, ...messages.slice(0, 5).reverse(), messages[7]!]
        const [received, ...more] = yield* receive(shuffled)
        assert.strictEqual(toHex(received!.push.content), toHex(content))
        assert.strictEqual(received!.parts, 10)
        assert.lengthOf(more, 0)
      }).pipe(Effect.provide(client(kannel, { version, credentials: "Query" })))
    )
  }

  it.live("what this gateway cannot carry it cuts off at ten parts: that is noticed", () =>
    Effect.gen(function* () {
      const wait = arrivals(10)
      yield* (yield* PapClient.PapClient).push(submission("cut@pi", "application/octet-stream", body(1500)))
      const events: Array<PushReceiver.ReceiverEvent> = []
      const receiver = yield* PushReceiver.make({ onEvent: (event) => Effect.sync(() => events.push(event)) })
      for (const message of yield* wait) yield* receiver.onShortMessage(shortMessage(message))
      assert.strictEqual(events.at(-1)!._tag, "Malformed")
      assert.strictEqual(yield* Queue.size(receiver.pushes), 0)
    }).pipe(Effect.scoped, Effect.provide(client(kannel)))
  )

  it.live("the same push id is sent once, though the gateway would take it twice", () =>
    Effect.gen(function* () {
      const papClient = yield* PapClient.PapClient
      const before = fakeMessages(smsc.output()).length
      const wait = arrivals(2)
      const one = submission("once@pi", "text/plain", body(10))
      const first = yield* papClient.push(one)
      const again = yield* Effect.all([papClient.push(one), papClient.push(one)], { concurrency: 2 })
      yield* papClient.push(submission("after@pi", "text/plain", body(11)))
      yield* wait
      assert.strictEqual(first.attempts, 1)
      assert.deepStrictEqual(
        again.map(({ attempts }) => attempts),
        [0, 0]
      )
      assert.strictEqual(fakeMessages(smsc.output()).length - before, 2)
    }).pipe(Effect.provide(client(kannel)))
  )

  describe("refusals", () => {
    const reason = <A>(effect: Effect.Effect<A, { readonly reason: unknown }, PapClient.PapClient>) =>
      Effect.map(Effect.flip(effect), (error) => error.reason)
    const submit = (changed: Partial<PapClient.PushSubmission>) =>
      Effect.flatMap(PapClient.PapClient, (papClient) =>
        papClient.push({ ...submission(`r${Math.random()}@pi`, "text/plain", body(5)), ...changed })
      )
    it.live("a time that is past: 2001, not repeated", () =>
      Effect.gen(function* () {
        const found = yield* reason(submit({ deliverBefore: Date.UTC(2020, 0, 1) }))
        assert.deepInclude(found, { _tag: "Refused" })
        assert.nestedInclude(found, { "result.code": 2001, "result.retry": false })
      }).pipe(Effect.provide(client(kannel)))
    )
    it.live("a user name: 2000", () =>
      Effect.gen(function* () {
        const found = yield* reason(submit({ to: { user: "john", type: "USER", domain: "ppg.example.com" } }))
        assert.nestedInclude(found, { _tag: "Refused", "result.code": 2000 })
      }).pipe(Effect.provide(client(kannel)))
    )
    it.live("a status query, which this gateway does not know: 2000", () =>
      Effect.gen(function* () {
        const found = yield* reason(Effect.flatMap(PapClient.PapClient, (papClient) => papClient.status("x@pi")))
        assert.nestedInclude(found, { _tag: "Refused", "result.code": 2000 })
      }).pipe(Effect.provide(client(kannel)))
    )
    for (const credentials of ["Basic", "Query"] as const) {
      it.live(`a wrong password (${credentials}): unauthorized, not repeated`, () =>
        Effect.gen(function* () {
          const found = yield* reason(submit({}))
          assert.deepInclude(found, { _tag: "Unauthorized", status: 401 })
        }).pipe(Effect.provide(client(kannel, { credentials, password: "wrong" })))
      )
    }
  })

  it.live("over UDP to a terminal of ours", () =>
    Effect.gen(function* () {
      const receiver = yield* PushReceiver.make()
      yield* UdpBearer.listen({ host: kannel.terminal, port: 2948 }, receiver.onDatagram)
      yield* (yield* PapClient.PapClient).push({
        ...submission("udp@pi", "application/vnd.oma.dcd", body(200), 0x9022),
        to: { user: kannel.terminal, type: "IPV4", domain: "ppg.example.com" },
        qualityOfService: {
          network: "gsm",
          networkRequired: true,
          bearer: "csd",
          bearerRequired: true,
          deliveryMethod: "unconfirmed"
        }
      })
      const received = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(8000))
      assert.strictEqual(toHex(received.push.content), toHex(body(200)))
      assert.strictEqual(received.push.applicationId, 0x9022)
    }).pipe(Effect.scoped, Effect.provide(client(kannel)))
  )
})

describePeer("Kannel on our SMPP centre", kannelPrograms.slice(0, 2), () => {
  for (const extra of ["", "\nalt-dcs = true"]) {
    it.live(
      `pushes of one and of several parts reach the terminal${extra === "" ? "" : ", data coding F5"}`,
      () =>
        Effect.gen(function* () {
          const server = yield* SmppServer.serve({
            port: 0,
            accounts: [{ systemId: "esme", password: Redacted.make("pw") }]
          })
          const receiver = yield* PushReceiver.make()
          const codings = new Set<number>()
          yield* (yield* SmsCentre.SmsCentre).attach(subscriber, (message) => {
            codings.add(message.dataCoding)
            return receiver.onShortMessage(message)
          })
          const kannel = yield* Effect.acquireRelease(
            Effect.promise(() => startKannel(smppSmsc(server.port, extra))),
            (running) => Effect.promise(() => running[Symbol.asyncDispose]())
          )
          yield* Effect.gen(function* () {
            const papClient = yield* PapClient.PapClient
            for (const length of [16, 133, 300, 1200]) {
              yield* papClient.push(submission(`smpp-${length}@pi`, "application/vnd.oma.dcd", body(length), 0x9022))
              const received = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(10_000))
              assert.strictEqual(toHex(received.push.content), toHex(body(length)))
              assert.strictEqual(received.push.applicationId, 0x9022)
            }
          }).pipe(Effect.provide(client(kannel)))
          assert.deepStrictEqual(yield* server.bound, ["esme"])
          assert.deepStrictEqual([...codings], [extra === "" ? 0x04 : 0xf5])
        }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer())),
      30_000
    )
  }
})
