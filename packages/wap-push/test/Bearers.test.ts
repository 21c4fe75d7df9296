import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { byAddress, type Delivery, inProcess, pushDatagram, type WdpAddress, WdpBearer } from "../src/Bearer.ts"
import { contentType } from "../src/ContentType.ts"
import { push } from "../src/Push.ts"
import { judgeSource } from "../src/PushFilter.ts"
import { encodePushPdu } from "../src/PushPdu.ts"
import * as PushReceiver from "../src/PushReceiver.ts"
import * as PushSender from "../src/PushSender.ts"
import { segment } from "../src/Segmentation.ts"
import { international, type ShortMessage, shortCode } from "../src/ShortMessage.ts"
import * as SmsCentre from "../src/SmsCentre.ts"
import { makeSmsBearer, SmsLink, type SmsSubmission } from "../src/SmsLink.ts"
import { SmppClient, SmppServer } from "../src/smpp/index.ts"
import { UdpBearer } from "../src/udp/index.ts"
import { bearerSuite } from "./BearerSuite.ts"
import { ascii, get, hex, toHex } from "./support.ts"

const number = "+15551230001"
const msisdn: WdpAddress = { _tag: "Msisdn", number }
const ip: WdpAddress = { _tag: "Ip", address: "127.0.0.1" }
const account = { systemId: "esme", password: Redacted.make("pw") }

bearerSuite(
  "in process",
  Effect.gen(function* () {
    const { bearer, received } = yield* inProcess()
    const receiver = yield* PushReceiver.make()
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.flatMap(Queue.take(received), (datagram) => receiver.onDatagram({ from: "memory", ...datagram }))
      )
    )
    return { bearer: byAddress({ msisdn: bearer }), terminal: msisdn, receiver, unsupported: ip, longest: 10_000 }
  })
)
bearerSuite(
  "short messages in process",
  Effect.gen(function* () {
    const centre = yield* SmsCentre.make()
    const receiver = yield* PushReceiver.make()
    yield* centre.attach(number, receiver.onShortMessage)
    return { bearer: makeSmsBearer(centre), terminal: msisdn, receiver, unsupported: ip, longest: 30_000 }
  })
)
const smpp = Effect.gen(function* () {
  const centre = yield* SmsCentre.make()
  const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
    Effect.provideService(SmsCentre.SmsCentre, centre)
  )
  const client = yield* SmppClient.make({ host: "127.0.0.1", port: server.port, ...account })
  return { centre, server, client }
})
bearerSuite(
  "SMPP",
  Effect.gen(function* () {
    const { centre, client } = yield* smpp
    const receiver = yield* PushReceiver.make()
    yield* centre.attach(number, receiver.onShortMessage)
    return {
      bearer: makeSmsBearer(client, { referenceWidth: 16 }),
      terminal: msisdn,
      receiver,
      unsupported: ip,
      longest: 5000
    }
  })
)
bearerSuite(
  "UDP",
  Effect.gen(function* () {
    const receiver = yield* PushReceiver.make()
    const { port } = yield* UdpBearer.listen({ port: 0 }, receiver.onDatagram)
    const bearer = yield* UdpBearer.make({ portOf: () => port })
    return { bearer, terminal: ip, receiver, unsupported: msisdn, longest: 1300 }
  })
)

const submission = (userData: Uint8Array, changed: Partial<SmsSubmission> = {}): SmsSubmission => ({
  from: shortCode("2948"),
  to: international(number),
  protocolId: 0,
  dataCoding: 4,
  hasHeader: false,
  userData,
  receipt: true,
  ...changed
})

describe("SMS centre", () => {
  it.effect("keeps what cannot be delivered yet, delivers in order, and tells", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const ids = yield* Effect.forEach([1, 2, 3], (i) => centre.submit(submission(Uint8Array.of(i))))
      assert.strictEqual(yield* centre.waiting, 3)
      const got: Array<number> = []
      let refuse = 1
      yield* centre.attach(number, ({ userData }) =>
        Effect.suspend(() => {
          if (refuse-- > 0) return Effect.fail("busy")
          got.push(userData[0]!)
          return Effect.void
        })
      )
      yield* TestClock.adjust(4999)
      assert.deepStrictEqual(got, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(got, [1, 2, 3])
      assert.deepStrictEqual(yield* Effect.forEach(ids, ({ delivery }) => delivery!), [
        "delivered",
        "delivered",
        "delivered"
      ])
      assert.strictEqual(yield* centre.waiting, 0)
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
  it.effect("what nobody takes in time has expired, and is not delivered later", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const { delivery } = yield* centre.submit(submission(Uint8Array.of(1), { validity: 10_000 }))
      const fiber = yield* Effect.forkChild(delivery!)
      yield* TestClock.adjust(11_000)
      assert.strictEqual(yield* Fiber.join(fiber), "expired")
      let got = 0
      yield* centre.attach(number, () => Effect.sync(() => got++))
      yield* TestClock.adjust(1000)
      assert.strictEqual(got, 0)
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
  it.effect("not even by a terminal that comes just after its time", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const { delivery } = yield* centre.submit(submission(Uint8Array.of(1), { validity: 500 }))
      yield* TestClock.adjust(500)
      let got = 0
      yield* centre.attach(number, () => Effect.sync(() => got++))
      assert.strictEqual(yield* delivery!, "expired")
      assert.strictEqual(got, 0)
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
  it.effect("is bounded for each subscriber and in all, and refuses what is no short message", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const to = (digits: string) => submission(Uint8Array.of(1), { to: international(digits) })
      yield* centre.submit(to("1"))
      yield* centre.submit(to("1"))
      assert.deepInclude(yield* Effect.flip(centre.submit(to("1"))), { reason: "busy", retryable: true })
      yield* centre.submit(to("2"))
      assert.deepInclude(yield* Effect.flip(centre.submit(to("3"))), { reason: "busy", retryable: true })
      for (const bad of [submission(new Uint8Array(141)), to("john")]) {
        assert.deepInclude(yield* Effect.flip(centre.submit(bad)), { reason: "refused", retryable: false })
      }
    }).pipe(Effect.provide(SmsCentre.layer({ maxWaiting: 3, maxWaitingPerSubscriber: 2 })))
  )
  it.effect("a terminal that went away gets nothing; the next one does", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const got: Array<string> = []
      yield* Effect.scoped(centre.attach(number, () => Effect.sync(() => got.push("first"))))
      yield* centre.submit(submission(Uint8Array.of(1)))
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(got, [])
      yield* centre.attach(number, () => Effect.sync(() => got.push("second")))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(got, ["second"])
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
  it.effect("shows what happens", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.SmsCentre
      const traffic = yield* centre.traffic
      yield* centre.attach(number, () => Effect.void)
      yield* centre.submit(submission(Uint8Array.of(1)))
      const seen = [yield* PubSub.take(traffic), yield* PubSub.take(traffic)]
      assert.deepStrictEqual(
        seen.map(({ event }) => event),
        ["submitted", "delivered"]
      )
    }).pipe(Effect.scoped, Effect.provide(SmsCentre.layer()))
  )
})

describe("short message bearer", () => {
  it.effect("references count up and come round; the worst part decides", () =>
    Effect.gen(function* () {
      const sent: Array<SmsSubmission> = []
      const fates: ReadonlyArray<Delivery> = ["delivered", "expired", "delivered"]
      const bearer = makeSmsBearer({
        submit: (one) =>
          Effect.sync(() => ({ id: String(sent.push(one)), delivery: Effect.succeed(fates[(sent.length - 1) % 3]!) }))
      })
      for (let i = 0; i < 257; i++) {
        const { delivery } = yield* bearer.send({ ...pushDatagram(msisdn, new Uint8Array(300)), validity: 1000 })
        assert.strictEqual(yield* delivery!, "expired")
      }
      assert.strictEqual(sent[0]!.userData[9], 0)
      assert.strictEqual(sent[3 * 255]!.userData[9], 255)
      assert.strictEqual(sent[3 * 256]!.userData[9], 0)
      assert.strictEqual(sent[0]!.validity, 1000)
      const tooLong = yield* Effect.flip(bearer.send(pushDatagram(msisdn, new Uint8Array(128 * 255 + 1))))
      assert.deepInclude(tooLong, { reason: "too long", retryable: false })
    })
  )
})

describe("push receiver", () => {
  const pdu = (length: number, headers: Parameters<typeof encodePushPdu>[0]["headers"] = []) =>
    get(
      encodePushPdu({
        tid: 1,
        confirmed: false,
        contentType: contentType("text/plain"),
        headers,
        data: new Uint8Array(length)
      })
    )
  const messages = (octets: Uint8Array, destination = 2948): ReadonlyArray<ShortMessage> =>
    get(segment(octets, { ports: { destination, source: 9200, width: 16 }, reference: 1 })).map((userData) => ({
      ...submission(userData),
      hasHeader: true
    }))
  const run = (options: PushReceiver.PushReceiverOptions, given: ReadonlyArray<ShortMessage>, after = 0) =>
    Effect.gen(function* () {
      const events: Array<PushReceiver.ReceiverEvent> = []
      const receiver = yield* PushReceiver.make({
        ...options,
        onEvent: (event) => Effect.sync(() => events.push(event))
      })
      for (const message of given) yield* receiver.onShortMessage(message, "+491710760000")
      yield* TestClock.adjust(after)
      return { events: events.map(({ _tag }) => _tag), last: events.at(-1), size: yield* Queue.size(receiver.pushes) }
    }).pipe(Effect.scoped)

  it.effect("says what it did with everything", () =>
    Effect.gen(function* () {
      const three = messages(pdu(300))
      assert.deepInclude(yield* run({}, three), { events: ["Part", "Part", "Received"], size: 1 })
      assert.deepInclude(yield* run({}, [three[2]!, three[2]!, three[0]!, three[1]!, three[1]!]), {
        events: ["Part", "Part", "Part", "Received", "Part"],
        size: 1
      })
      assert.deepInclude(yield* run({}, messages(pdu(1), 9999)), { events: ["OtherPort"], size: 0 })
      assert.deepInclude(yield* run({}, messages(hex("0109"))), { events: ["Malformed"], size: 0 })
      assert.deepInclude(yield* run({ capacity: 1 }, [...messages(pdu(1)), ...messages(pdu(2))]), {
        events: ["Received", "Overflow"],
        size: 1
      })
    })
  )
  it.effect("one part missing: nothing is delivered, and after the timeout it says which", () =>
    Effect.gen(function* () {
      const [first, , third] = messages(pdu(300))
      const { events, last, size } = yield* run({}, [first!, third!], 60_000)
      assert.deepStrictEqual(events, ["Part", "Part", "Incomplete"])
      assert.deepInclude(last, { missing: [2] })
      assert.strictEqual(size, 0)
    })
  )
  it.effect("takes from trusted sources only where it is told to", () =>
    Effect.gen(function* () {
      const one = messages(pdu(1))
      const trusted = (addr: string) => ({ trustedPpg: [{ addr, addrType: "E164" as const }] })
      assert.deepInclude(yield* run({ whitelist: trusted("2948") }, one), { events: ["Received"] })
      const { last } = yield* run({ whitelist: trusted("1234") }, one)
      assert.deepInclude(last, { _tag: "Filtered", because: "gateway not trusted" })
      const smsc = { trustedSmsc: [{ addr: "491710760000", addrType: "E164" as const }] }
      assert.deepInclude(yield* run({ whitelist: smsc }, one), { events: ["Received"] })
    })
  )
  it("lists: absent trusts all, empty none, an entry may be for one application or type", () => {
    const source = { ppg: "+2948", media: "application/vnd.oma.dcd", applicationId: 0x9022 }
    const entry = { addr: "2948", addrType: "E164" } as const
    const judged = (changed: object) => judgeSource({ trustedPpg: [{ ...entry, ...changed }] }, source)
    assert.strictEqual(judgeSource({}, source), "accepted")
    assert.strictEqual(judgeSource({ trustedPpg: [] }, source), "gateway not trusted")
    assert.strictEqual(judgeSource({ trustedSmsc: [entry] }, source), "SMS centre not trusted")
    assert.strictEqual(judged({}), "accepted")
    assert.strictEqual(judged({ appId: 0x9022, contentType: "Application/vnd.oma.dcd" }), "accepted")
    assert.strictEqual(judged({ appId: 7 }), "gateway not trusted")
    assert.strictEqual(judged({ contentType: "text/plain" }), "gateway not trusted")
  })
})

describe("UDP bearer", () => {
  it.live("refuses what is too long, says when the address is taken, reaches IPv6", () =>
    Effect.gen(function* () {
      const bearer = yield* UdpBearer.make({ maxOctets: 10 })
      const tooLong = yield* Effect.flip(bearer.send(pushDatagram(ip, new Uint8Array(11))))
      assert.deepInclude(tooLong, { reason: "too long", retryable: false })
      const receiver = yield* PushReceiver.make()
      const { port } = yield* UdpBearer.listen({ port: 0 }, receiver.onDatagram)
      const taken = yield* Effect.flip(UdpBearer.listen({ port }, receiver.onDatagram))
      assert.deepInclude(taken, { _tag: "CannotBind", port })
      const wrong = yield* Effect.flip(bearer.send(pushDatagram({ _tag: "Ip", address: "::1" }, new Uint8Array(1))))
      assert.strictEqual(wrong.reason, "unavailable")
    }).pipe(Effect.scoped)
  )
})

describe("in-process bearer", () => {
  it.effect("is busy when nobody takes what it holds", () =>
    Effect.gen(function* () {
      const { bearer } = yield* inProcess(1)
      yield* bearer.send(pushDatagram(msisdn, new Uint8Array(1)))
      const error = yield* Effect.flip(bearer.send(pushDatagram(msisdn, new Uint8Array(1))))
      assert.deepInclude(error, { reason: "busy", retryable: true })
      assert.strictEqual(error.message, "busy: queue full")
    })
  )
})

describe("push sender", () => {
  it.effect("over a bearer: compiles, numbers and sends", () =>
    Effect.gen(function* () {
      const { bearer, received } = yield* inProcess()
      yield* Effect.gen(function* () {
        const sender = yield* PushSender.PushSender
        for (const _ of [0, 1]) yield* sender.send("a", msisdn, push("application/vnd.oma.dcd", ascii("x")))
        const bad = yield* Effect.flip(sender.send("a", msisdn, push("text/vnd.wap.si", ascii("x"))))
        assert.strictEqual(bad._tag, "BearerError")
      }).pipe(Effect.provide(PushSender.layerBearer.pipe(Layer.provide(Layer.succeed(WdpBearer, bearer)))))
      const sent = yield* Queue.takeAll(received)
      assert.deepStrictEqual(
        sent.map(({ data }) => toHex(data)),
        ["000601d378", "010601d378"]
      )
    })
  )
})

describe("SMPP", () => {
  it.live("receipts come back under the name of their message", () =>
    Effect.gen(function* () {
      const { centre, client } = yield* smpp
      yield* centre.attach(number, () => Effect.void)
      const { delivery } = yield* client.submit(
        submission(hex("0605040b8423f0aa"), { hasHeader: true, validity: 60_000 })
      )
      assert.strictEqual(yield* delivery!.pipe(Effect.timeout(5000)), "delivered")
      const expiring = yield* client.submit(submission(Uint8Array.of(1), { to: international("1"), validity: 1000 }))
      assert.strictEqual(yield* expiring.delivery!.pipe(Effect.timeout(5000)), "expired")
      const without = yield* client.submit(submission(Uint8Array.of(1), { receipt: false }))
      assert.isUndefined(without.delivery)
    }).pipe(Effect.scoped)
  )
  it.live("every user data arrives as it was sent, whatever its coding", () =>
    Effect.gen(function* () {
      const { centre, client } = yield* smpp
      const got: Array<ShortMessage> = []
      yield* centre.attach(number, (message) => Effect.sync(() => got.push(message)))
      const sent = [
        submission(hex("0605040b8423f0000601d378"), { hasHeader: true }),
        submission(hex("0605040b8423f0000601d378"), { hasHeader: true, dataCoding: 0xf5 }),
        submission(Uint8Array.from({ length: 140 }, (_, i) => 255 - i)),
        submission(hex("00480069"), { dataCoding: 8 }),
        submission(hex("00")),
        submission(hex("0b05040b8423f000032a0201ff00"), {
          hasHeader: true,
          protocolId: 0x40,
          from: { number: "Bank", ton: 5, npi: 0 }
        })
      ]
      for (const one of sent) {
        const { delivery } = yield* client.submit(one)
        assert.strictEqual(yield* delivery!.pipe(Effect.timeout(5000)), "delivered")
      }
      assert.deepStrictEqual(
        got,
        sent.map(({ receipt: _receipt, ...message }) => message)
      )
    }).pipe(Effect.scoped)
  )
  it.live("messages from terminals reach the entity", () =>
    Effect.gen(function* () {
      const { server, client } = yield* smpp
      const { receipt: _receipt, ...message } = submission(hex("0605040b8423f0aa"), { hasHeader: true })
      assert.isFalse(yield* server.deliver("nobody", message))
      while (!(yield* client.bound)) yield* Effect.sleep(10)
      assert.isTrue(yield* server.deliver("esme", message))
      assert.deepStrictEqual(yield* Queue.take(client.incoming).pipe(Effect.timeout(5000)), message)
    }).pipe(Effect.scoped)
  )
  it.live("a wrong password and an unknown name are refused alike; nothing can be submitted", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.make()
      const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
        Effect.provideService(SmsCentre.SmsCentre, centre)
      )
      for (const wrong of [{ password: Redacted.make("no") }, { systemId: "other" }]) {
        const client = yield* SmppClient.make({
          host: "127.0.0.1",
          port: server.port,
          ...account,
          ...wrong,
          timeout: 300
        })
        const error = yield* Effect.flip(client.submit(submission(Uint8Array.of(1))))
        assert.deepInclude(error, { reason: "unavailable", retryable: true })
      }
      assert.deepStrictEqual(yield* server.bound, [])
    }).pipe(Effect.scoped)
  )
  it.live("a full centre is busy, what it cannot take is refused", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.make({ maxWaiting: 1 })
      const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
        Effect.provideService(SmsCentre.SmsCentre, centre)
      )
      const client = yield* SmppClient.make({ host: "127.0.0.1", port: server.port, ...account })
      yield* client.submit(submission(Uint8Array.of(1)))
      assert.deepInclude(yield* Effect.flip(client.submit(submission(Uint8Array.of(1)))), {
        reason: "busy",
        retryable: true
      })
      const bad = submission(Uint8Array.of(1), { to: { number: "john", ton: 5, npi: 0 } })
      assert.deepInclude(yield* Effect.flip(client.submit(bad)), { reason: "refused", retryable: false })
    }).pipe(Effect.scoped)
  )
  it.live("waits for a centre that is away, binds when it comes, and submits", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.make()
      const provide = Effect.provideService(SmsCentre.SmsCentre, centre)
      const scoped = yield* Effect.scoped(
        Effect.map(SmppServer.serve({ port: 0, accounts: [account] }).pipe(provide), ({ port }) => port)
      )
      const client = yield* SmppClient.make({ host: "127.0.0.1", port: scoped, ...account, reconnectDelay: 20 })
      yield* Effect.sleep(50)
      assert.isFalse(yield* client.bound)
      const sending = yield* Effect.forkChild(client.submit(submission(Uint8Array.of(1))))
      yield* SmppServer.serve({ port: scoped, accounts: [account] }).pipe(provide)
      const { delivery } = yield* Fiber.join(sending)
      yield* centre.attach(number, () => Effect.void)
      assert.strictEqual(yield* delivery!.pipe(Effect.timeout(5000)), "delivered")
    }).pipe(Effect.scoped)
  )
  it.live("no more receipts are awaited than may be: the oldest becomes unknown", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.make()
      const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
        Effect.provideService(SmsCentre.SmsCentre, centre)
      )
      const client = yield* SmppClient.make({ host: "127.0.0.1", port: server.port, ...account, maxAwaited: 1 })
      const first = yield* client.submit(submission(Uint8Array.of(1)))
      const second = yield* client.submit(submission(Uint8Array.of(2)))
      assert.strictEqual(yield* first.delivery!.pipe(Effect.timeout(5000)), "unknown")
      yield* centre.attach(number, () => Effect.void)
      assert.strictEqual(yield* second.delivery!.pipe(Effect.timeout(5000)), "delivered")
    }).pipe(Effect.scoped)
  )
  it.live("messages that nobody takes are refused for the time being", () =>
    Effect.gen(function* () {
      const centre = yield* SmsCentre.make()
      const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
        Effect.provideService(SmsCentre.SmsCentre, centre)
      )
      const client = yield* SmppClient.make({ host: "127.0.0.1", port: server.port, ...account, capacity: 1 })
      while (!(yield* client.bound)) yield* Effect.sleep(10)
      const { receipt: _receipt, ...message } = submission(Uint8Array.of(1))
      for (const _ of [1, 2, 3]) yield* server.deliver("esme", message)
      yield* Effect.sleep(100)
      assert.strictEqual(yield* Queue.size(client.incoming), 1)
    }).pipe(Effect.scoped)
  )
  it.live("the link is a layer", () =>
    Effect.gen(function* () {
      const { submit } = yield* SmsLink
      assert.isString((yield* submit(submission(Uint8Array.of(1)))).id)
    }).pipe(Effect.provide(SmsCentre.layer()))
  )
})
