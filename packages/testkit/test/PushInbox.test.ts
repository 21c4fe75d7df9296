import { assert, describe, it } from "@effect/vitest"
import { freePort } from "@oma/peers"
import { GpiEnvelope, PushNaf } from "@oma/sec-cf-core/gba-push"
import { PushInbox, Uicc } from "@oma/testkit"
import { Push, PushSender, SmsCentre, SmsLink } from "@oma/wap-push"
import { UdpBearer } from "@oma/wap-push/udp"
import { Effect, Layer, Queue, Ref } from "effect"
import { TestClock } from "effect/testing"
import { article, commonRun, handset, impi, naf as nafLayer, nafName, number, scope, withCard } from "./support.ts"

const to = { _tag: "Msisdn", number } as const
const media = "application/vnd.oma.dcdc"
const headers = { applicationId: 0x9022 }
const subscriber = { ueId: `tel:${number}`, ueIdType: "PUBLIC" } as const
const way = PushSender.layerBearer.pipe(Layer.provide(SmsLink.layerSmsBearer()), Layer.provideMerge(SmsCentre.layer()))
const here = Layer.mergeAll(nafLayer(), handset(), way)

/** An inbox at the SMS centre; `deliver` says which short messages reach it, and in which order. */
const inbox = Effect.fnUntraced(function* (options: Partial<PushInbox.PushInboxOptions> = {}) {
  const events: Array<PushInbox.InboxEvent> = []
  const made = yield* PushInbox.make({
    scopeOf: ({ push }) => (push.applicationId === 0x9022 ? scope : undefined),
    onEvent: (event) => Effect.sync(() => void events.push(event)),
    ...options
  })
  return { ...made, events }
})
const settle = Effect.repeat(Effect.yieldNow, { times: 200 })
const dropped = (events: ReadonlyArray<PushInbox.InboxEvent>) =>
  events.flatMap((event) => (event._tag === "GpiDropped" || event._tag === "MessageDropped" ? [event.reason] : []))

describe("PushInbox", () => {
  it.effect("[SEC_CF-SEC-004] [DCD-X-005] takes a GPI, then messages under it, over short messages", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const sender = yield* PushSender.PushSender
      const { messages, events, onShortMessage } = yield* inbox()
      yield* (yield* SmsCentre.SmsCentre).attach(number, onShortMessage)
      const { gpi, downlink } = yield* naf.establish(subscriber)
      const envelope = GpiEnvelope.encode({ sessionId: 7, gpi })
      yield* sender.send("1@naf", to, Push.push(GpiEnvelope.mediaType, envelope, headers))
      for (const length of [20, 900]) {
        const sealed = yield* naf.seal(downlink, { content: article(length) })
        yield* sender.send(`${length}@naf`, to, Push.push(media, sealed, headers))
        const { opened, received } = yield* Queue.take(messages)
        assert.deepStrictEqual(opened.payload.content.slice(), article(length))
        assert.deepInclude(opened.sa.peer, { subject: nafName, kind: "server" })
        assert.strictEqual(received.push.applicationId, 0x9022)
      }
      const made = events.find(({ _tag }) => _tag === "Established")
      assert.strictEqual(made?._tag === "Established" ? made.sessionId : undefined, 7)
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.effect("takes combined delivery, and drops in silence what is replayed, altered, unprotected or not for it", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const sender = yield* PushSender.PushSender
      const { messages, unprotected, events, onShortMessage } = yield* inbox()
      yield* (yield* SmsCentre.SmsCentre).attach(number, onShortMessage)
      const send = (content: Uint8Array, type = media, of: { readonly applicationId?: number } = headers) =>
        Effect.andThen(sender.send(`${Math.random()}@naf`, to, Push.push(type, content, of)), settle)
      const { downlink, gpi } = yield* naf.establish({ ueId: impi, ueIdType: "PRIVATE" })
      const message = yield* naf.seal(downlink, { content: article(50) }, { combined: true })
      yield* send(message)
      assert.strictEqual((yield* Queue.take(messages)).opened.payload.content.length, 50)
      yield* send(message)
      yield* send(GpiEnvelope.encode({ sessionId: 1, gpi }), GpiEnvelope.mediaType)
      yield* send(gpi, GpiEnvelope.mediaType)
      const altered = (yield* naf.seal(downlink, { content: article(50) })).slice()
      altered[40]! ^= 1
      yield* send(altered)
      yield* send(article(50))
      yield* send(article(50), "text/plain", {})
      assert.deepStrictEqual(dropped(events), ["sequence-number", "replayed", "malformed", "tag", "malformed"])
      assert.strictEqual(yield* Queue.size(messages), 0)
      assert.strictEqual(yield* Queue.size(unprotected), 1)
      yield* send(yield* naf.seal(downlink, { content: article(51) }))
      assert.strictEqual((yield* Queue.take(messages)).opened.payload.content.length, 51)
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.effect(
    "[SEC_CF-SEC-004] GBA_U: Ks stays in the card and is gone afterwards, its record holds the key for the UICC",
    () =>
      Effect.gen(function* () {
        const { card, layer } = yield* withCard
        yield* Effect.gen(function* () {
          const { messages, onShortMessage, events } = yield* inbox()
          yield* (yield* SmsCentre.SmsCentre).attach(number, onShortMessage)
          const naf = yield* PushNaf.PushNaf
          const sender = yield* PushSender.PushSender
          const send = (content: Uint8Array) =>
            Effect.andThen(sender.send(`${Math.random()}@naf`, to, Push.push(media, content, headers)), settle)
          for (const uiccOrMe of ["GBA_U", "GBA_ME", "GBA_U"] as const) {
            const { downlink } = yield* naf.establish(subscriber, { uiccOrMe })
            yield* send(yield* naf.seal(downlink, { content: article(70) }, { combined: true }))
            assert.deepStrictEqual((yield* Queue.take(messages)).opened.payload.content.slice(), article(70))
          }
          const uicc = yield* Ref.get(card.uicc)
          assert.isUndefined(uicc.bootstrapping)
          assert.include(
            uicc.records.map(({ nafId }) => nafId.fqdn),
            nafName
          )
          const { downlink } = yield* naf.establish(subscriber, { uiccOrMe: "GBA_U", uiccAppLabel: "another" })
          yield* send(yield* naf.seal(downlink, { content: article(70) }, { combined: true }))
          yield* Ref.update(card.uicc, (before) => Uicc.ahead(before, 5000))
          const late = yield* naf.establish(subscriber, { uiccOrMe: "GBA_U" })
          yield* send(yield* naf.seal(late.downlink, { content: article(70) }, { combined: true }))
          const forged = (yield* naf.establish(subscriber, { uiccOrMe: "GBA_U" })).gpi.slice()
          forged[32]! ^= 1
          yield* Effect.andThen(
            sender.send(
              "f@naf",
              to,
              Push.push(GpiEnvelope.mediaType, GpiEnvelope.encode({ sessionId: 1, gpi: forged }))
            ),
            settle
          )
          assert.deepStrictEqual(dropped(events), ["gpi", "gpi", "network not authenticated"])
        }).pipe(Effect.provide(layer))
      }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(nafLayer(), way)))
  )

  it.effect("a message is of use in its own application only", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const sender = yield* PushSender.PushSender
      const { events, onShortMessage } = yield* inbox({ scopeOf: () => ({ enabler: "dpe" }) })
      yield* (yield* SmsCentre.SmsCentre).attach(number, onShortMessage)
      const { downlink } = yield* naf.establish(subscriber)
      const sealed = yield* naf.seal(downlink, { content: article(50) }, { combined: true })
      yield* Effect.andThen(sender.send("x@naf", to, Push.push(media, sealed, { applicationId: 0x14 })), settle)
      assert.deepStrictEqual(dropped(events), ["scope"])
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.effect("says what is lost when nobody takes what waits", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const sender = yield* PushSender.PushSender
      const { messages, events, onShortMessage } = yield* inbox({ capacity: 1 })
      yield* (yield* SmsCentre.SmsCentre).attach(number, onShortMessage)
      const { downlink } = yield* naf.establish(subscriber)
      for (const length of [10, 11, 12]) {
        const sealed = yield* naf.seal(downlink, { content: article(length) }, { combined: true })
        yield* Effect.andThen(sender.send(`${length}@naf`, to, Push.push(media, sealed, headers)), settle)
      }
      assert.strictEqual(yield* Queue.size(messages), 1)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Overflow").length, 2)
      yield* TestClock.adjust(1)
    }).pipe(Effect.scoped, Effect.provide(here))
  )

  it.live("over UDP", () =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const { messages, onDatagram } = yield* inbox({ receiver: { ports: [2948] } })
      const port = yield* Effect.promise(() => freePort())
      const seen: Array<Uint8Array> = []
      yield* UdpBearer.listen({ host: "127.0.0.1", port }, (datagram) => {
        seen.push(datagram.data)
        return onDatagram({ ...datagram, destinationPort: 2948 })
      })
      const { downlink } = yield* naf.establish(subscriber)
      const sealed = yield* naf.seal(downlink, { content: article(400) }, { combined: true })
      const bearer = UdpBearer.layer({ portOf: () => port })
      yield* Effect.flatMap(PushSender.PushSender, (sender) =>
        sender.send("u@naf", { _tag: "Ip", address: "127.0.0.1" }, Push.push(media, sealed, headers))
      ).pipe(Effect.provide(PushSender.layerBearer.pipe(Layer.provide(bearer))))
      const { opened } = yield* Queue.take(messages).pipe(Effect.timeout(5000))
      assert.deepStrictEqual(opened.payload.content.slice(), article(400))
      assert.isUndefined(commonRun(article(400), seen[0]!))
    }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(nafLayer(), handset())))
  )
})
