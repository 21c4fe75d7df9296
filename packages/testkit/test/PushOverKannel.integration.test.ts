import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import {
  describePeer,
  type FakeMessage,
  fakeMessages,
  fakeSmsc,
  freePort,
  type Kannel,
  kannelPrograms,
  type Peer,
  startFakeSmsc,
  startKannel
} from "@oma/peers"
import { GpiEnvelope, PushNaf } from "@oma/sec-cf-core/gba-push"
import { PushInbox } from "@oma/testkit"
import { PapClient, Push, PushLedger, PushSender, ShortMessage } from "@oma/wap-push"
import { PapHttpClient } from "@oma/wap-push/http"
import { Effect, Layer, Queue, Redacted } from "effect"
import { article, commonRun, handset, naf as nafLayer, nafName, number, scope } from "./support.ts"

const media = "application/vnd.oma.dcdc"
const headers = { applicationId: 0x9022 }
const subscriber = { ueId: `tel:${number}`, ueIdType: "PUBLIC" } as const
const asShortMessage = ({ from, to, udh, body }: FakeMessage): ShortMessage.ShortMessage => ({
  from: ShortMessage.shortCode(from),
  to: ShortMessage.international(to),
  protocolId: 0,
  dataCoding: 4,
  hasHeader: true,
  userData: new Uint8Array([...udh, ...body])
})
const bytesOf = (messages: ReadonlyArray<FakeMessage>) =>
  new Uint8Array(messages.flatMap(({ udh, body }) => [...udh, ...body]))

describePeer("a protected push through Kannel", kannelPrograms, () => {
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

  /** Our PAP client towards the gateway. */
  const sender = Layer.unwrap(
    Effect.sync(() => {
      const { user, password } = kannel.account
      const http = PapHttpClient.layer({ credentials: { _tag: "Basic", user, password: Redacted.make(password) } })
      const client = PapClient.layer({ url: kannel.url, version: "2.0" }).pipe(
        Layer.provide([http, PushLedger.layerMemory()])
      )
      return PushSender.layerPap("ppg.example.com").pipe(Layer.provide(client))
    })
  )
  const here = Layer.mergeAll(nafLayer(), handset(), sender)

  let pushes = 0
  /** Submits a push, and gives the short messages that came to the SMS centre for it. */
  const submit = (type: string, content: Uint8Array, parts: number) =>
    Effect.gen(function* () {
      const before = fakeMessages(smsc.output()).length
      const way = yield* PushSender.PushSender
      yield* way.send(`${++pushes}@naf.example.net`, { _tag: "Msisdn", number }, Push.push(type, content, headers))
      return yield* Effect.promise(async () => {
        const end = performance.now() + 8000
        for (;;) {
          const found = fakeMessages(smsc.output()).slice(before)
          if (found.length >= parts) return found
          if (performance.now() > end) throw new Error(`${found.length} of ${parts}: ${kannel.output().slice(-2000)}`)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      })
    })

  const inbox = Effect.gen(function* () {
    const events: Array<PushInbox.InboxEvent> = []
    const made = yield* PushInbox.make({
      scopeOf: () => scope,
      receiver: { reassembly: { timeout: 500 } },
      onEvent: (event) => Effect.sync(() => void events.push(event))
    })
    const deliver = (messages: ReadonlyArray<FakeMessage>) =>
      Effect.forEach(messages, (message) => made.onShortMessage(asShortMessage(message)), { discard: true })
    return { ...made, events, deliver, next: Queue.take(made.messages).pipe(Effect.timeout(5000)) }
  })

  it.live(
    "[SEC_CF-SEC-004] [SEC_CF-CONF-002] [SEC_CF-CONF-003] [DCD-X-005] [DCD-X-006] GPI and message are ciphertext to gateway and SMS centre, and open in the handset",
    () =>
      Effect.gen(function* () {
        const naf = yield* PushNaf.PushNaf
        const { deliver, next, events } = yield* inbox
        const { gpi, downlink, ptid } = yield* naf.establish(subscriber)
        const gpiMessages = yield* submit(GpiEnvelope.mediaType, GpiEnvelope.encode({ sessionId: 1, gpi }), 2)
        const secrets = new TextEncoder().encode(`${ptid} ${nafName}`)
        assert.isUndefined(commonRun(secrets, bytesOf(gpiMessages)))
        yield* deliver(gpiMessages)
        const content = article(60)
        const sealed = yield* naf.seal(downlink, { mediaType: "application/vnd.oma.dcd", content })
        const messages = yield* submit(media, sealed, 2)
        assert.isUndefined(commonRun(content, bytesOf(messages)))
        assert.notInclude(kannel.output(), "the price of item")
        yield* deliver(messages)
        const { opened, received } = yield* next
        assert.deepStrictEqual(opened.payload.content.slice(), content)
        assert.strictEqual(opened.payload.mediaType, "application/vnd.oma.dcd")
        assert.deepInclude(opened.sa.peer, { subject: nafName, kind: "server", method: "gba-push" })
        assert.strictEqual(received.push.applicationId, 0x9022)
        assert.isTrue(events.some(({ _tag }) => _tag === "Established"))
        // the same short messages again: put together again after a while, and dropped
        yield* Effect.sleep(600)
        yield* deliver(messages)
        yield* Effect.sleep(20)
        assert.deepInclude(events, { _tag: "MessageDropped", reason: "sequence-number" })
      }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.live("[DCD-X-006] a long combined delivery comes in parts, out of order and duplicated, and is opened once", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const { deliver, next, messages, events } = yield* inbox
      const { downlink } = yield* naf.establish(subscriber)
      const content = article(900)
      const parts = yield* submit(media, yield* naf.seal(downlink, { content }, { combined: true }), 9)
      assert.isUndefined(commonRun(content, bytesOf(parts)))
      yield* deliver([...parts.slice(4), parts[1]!, ...parts.slice(0, 4).reverse(), parts[6]!, ...parts])
      const { opened, received } = yield* next
      assert.deepStrictEqual(opened.payload.content.slice(), content)
      assert.strictEqual(received.parts, parts.length)
      yield* Effect.sleep(20)
      assert.strictEqual(yield* Queue.size(messages), 0)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Opened").length, 1)
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.live("with one part missing nothing is opened; the next message is", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const { deliver, next, events } = yield* inbox
      const { downlink } = yield* naf.establish(subscriber)
      const parts = yield* submit(media, yield* naf.seal(downlink, { content: article(700) }, { combined: true }), 7)
      yield* deliver(parts.filter((_, index) => index !== 3))
      yield* Effect.sleep(1200)
      const missing = events.flatMap((event) =>
        event._tag === "Bearer" && event.event._tag === "Incomplete" ? event.event.missing : []
      )
      assert.deepStrictEqual(missing, [4])
      const again = yield* submit(media, yield* naf.seal(downlink, { content: article(80) }, { combined: true }), 2)
      yield* deliver(again)
      const { opened } = yield* next
      assert.strictEqual(opened.sequenceNumber, 2)
      assert.deepStrictEqual(opened.payload.content.slice(), article(80))
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.live("[DCD-X-005] altered on the way it is dropped, and the genuine one still opens", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const { deliver, next, events } = yield* inbox
      const { gpi, downlink } = yield* naf.establish(subscriber)
      yield* deliver(yield* submit(GpiEnvelope.mediaType, GpiEnvelope.encode({ sessionId: 2, gpi }), 2))
      const parts = yield* submit(media, yield* naf.seal(downlink, { content: article(300) }), 3)
      const altered = parts.map((part, index) => {
        if (index !== 1) return part
        const body = part.body.slice()
        body[5]! ^= 0x20
        return { ...part, body }
      })
      yield* deliver(altered)
      yield* Effect.sleep(700)
      assert.deepInclude(events, { _tag: "MessageDropped", reason: "tag" })
      yield* deliver(parts)
      assert.deepStrictEqual((yield* next).opened.payload.content.slice(), article(300))
    }).pipe(Effect.scoped, Effect.provide(here))
  )
})
