import { assert, describe, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { SecurityEvents, Store, StoreMemory, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  Datagrams,
  IpRanges,
  NodeDatagrams,
  RadiusAccounting,
  RadiusAttribute,
  RadiusAuthenticator,
  RadiusPacket,
  RadiusSecret,
  SubscriberAddresses
} from "../../src/external/index.ts"
import {
  accounting,
  accountingClient,
  captured,
  capturedAt,
  hashes,
  hex,
  memoryDatagrams,
  proxyKey,
  radiusSecret,
  type SessionForm,
  services,
  sessionAttributes,
  utf8
} from "./support.ts"

const server = (
  more: Partial<RadiusAccounting.AccountingClient> = {},
  limits: Partial<RadiusAccounting.AccountingLimits> = {}
) =>
  Effect.gen(function* () {
    const secret = yield* radiusSecret("testing123")
    return yield* RadiusAccounting.make({ enabler: "test", clients: [accountingClient(secret, more)], limits })
  })

const from = (octets: Uint8Array, address = "127.0.0.1", port = 5000) => ({ octets, address, port })

const holder = (text: string) =>
  Effect.gen(function* () {
    const addresses = yield* SubscriberAddresses.SubscriberAddresses
    return (yield* addresses.lookup(IpRanges.address(text)!))?.names[0]?.subject
  })

const second = 1_800_000_000
const message = (form: SessionForm, secret?: string, identifier?: number) =>
  accounting(
    sessionAttributes({ session: "a", address: "10.0.0.1", msisdn: "15551230001", at: second, ...form }),
    secret,
    identifier
  )

describe("[DPE-EXT-001] the accounting server", () => {
  it.effect("answers the captured packets as FreeRADIUS does, octet for octet", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(capturedAt)
      const { handle } = yield* server()
      for (const [name, subject] of [
        ["acct-start", "15551230001"],
        ["acct-interim-update", "15551230001"],
        ["acct-stop", undefined]
      ] as const) {
        const { input } = captured.find((vector) => vector.name === `radius/${name}`)!
        const answer = yield* handle(from(hex(input.requestHex)))
        assert.strictEqual(Bytes.toHex(answer!), input.responseHex)
        assert.strictEqual(yield* holder("10.20.30.40"), subject)
      }
    }).pipe(Effect.provide(services()))
  )
  it.effect("drops in silence what no configured client sent with its secret, and tells the operator", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const { handle } = yield* server()
      const start = message({ status: 1 })
      const flipped = start.slice()
      flipped[flipped.length - 1]! ^= 1
      const access = Bytes.concat(Uint8Array.of(1), start.subarray(1))
      const twoTimes = accounting([
        ...sessionAttributes({ status: 1, session: "a", address: "10.0.0.1", msisdn: "15551230001", at: second }),
        RadiusAttribute.integer(55, second)
      ])
      const { types } = RadiusAttribute
      const falseMessage = accounting([
        RadiusAttribute.make(types.messageAuthenticator, new Uint8Array(16)),
        ...sessionAttributes({ status: 1, session: "a", address: "10.0.0.1", msisdn: "1555123", at: second })
      ])
      const twoMessages = accounting([
        RadiusAttribute.make(types.messageAuthenticator, new Uint8Array(16)),
        RadiusAttribute.make(types.messageAuthenticator, new Uint8Array(16))
      ])
      const datagrams = [
        from(start, "198.51.100.1"),
        from(start, "not an address"),
        from(message({ status: 1 }, "wrong")),
        from(flipped),
        from(access),
        from(start.subarray(0, 30)),
        from(new Uint8Array(0)),
        from(twoTimes),
        from(falseMessage),
        from(twoMessages)
      ]
      for (const datagram of datagrams) assert.isUndefined(yield* handle(datagram))
      assert.isUndefined(yield* holder("10.0.0.1"))
      assert.strictEqual((yield* (yield* SecurityEvents.SecurityEvents).counts).get("Refused"), datagrams.length)
      assert.isDefined(yield* handle(from(start)))
    }).pipe(Effect.provide(services()))
  )
  it.effect(
    "what does not change the table is answered all the same, so that the NAS does not repeat it for ever",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(second * 1000)
        const { handle } = yield* server()
        for (const form of [
          { status: 1, at: second - 301 },
          { status: 1, address: "192.168.0.1" },
          { status: 9 },
          { status: 3, msisdn: "unknown" }
        ]) {
          assert.isDefined(yield* handle(from(message(form))))
          assert.isUndefined(yield* holder(form.address ?? "10.0.0.1"))
        }
      }).pipe(Effect.provide(services()))
  )
  it.effect("a retransmission gets the same answer and works once; a replay later changes nothing", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const { handle } = yield* server()
      const start = message({ status: 1 })
      const answer = (yield* handle(from(start)))!
      yield* handle(from(message({ status: 2 }, undefined, 2)))
      assert.strictEqual(Bytes.toHex((yield* handle(from(start)))!), Bytes.toHex(answer))
      assert.isUndefined(yield* holder("10.0.0.1"))
      for (const [wait, port] of [
        [0, 5001],
        [60_000, 5000],
        [600_000, 5000]
      ] as const) {
        yield* TestClock.adjust(wait)
        assert.strictEqual(Bytes.toHex((yield* handle(from(start, "127.0.0.1", port)))!), Bytes.toHex(answer))
        assert.isUndefined(yield* holder("10.0.0.1"))
      }
    }).pipe(Effect.provide(services()))
  )
  it.effect("copies of one packet that come together are worked on once", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const { examine, complete } = yield* server()
      const first = yield* examine(from(message({ status: 1 })))
      assert.isUndefined(yield* examine(from(message({ status: 1 }))))
      assert.isTrue(first !== undefined && !(first instanceof Uint8Array))
      if (first === undefined || first instanceof Uint8Array) return
      const answer = yield* complete(first, "127.0.0.1")
      assert.deepStrictEqual(yield* examine(from(message({ status: 1 }))), answer)
    }).pipe(Effect.provide(services()))
  )
  it.effect("Proxy-State comes back, in order; Status-Server is answered to who knows the secret", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const { handle } = yield* server()
      const states = [RadiusAttribute.text(33, "one"), RadiusAttribute.text(33, "two")]
      const request = message({ status: 1, more: states })
      const answer = (yield* handle(from(request)))!
      const decoded = RadiusPacket.decode(answer)
      if (decoded._tag === "Failure") return assert.fail()
      assert.deepStrictEqual(
        decoded.success.attributes.map(({ value }) => Bytes.utf8Decode(value)),
        ["one", "two"]
      )
      assert.isTrue(RadiusAuthenticator.holdsResponse(hashes.md5, answer, request.subarray(4, 20), utf8("testing123")))
      const status = hex(captured.find(({ name }) => name === "radius/status-server")!.input.requestHex)
      const alive = (yield* handle(from(status)))!
      assert.strictEqual(alive[0], 5)
      assert.isTrue(RadiusAuthenticator.holdsResponse(hashes.md5, alive, status.subarray(4, 20), utf8("testing123")))
      status[30]! ^= 1
      assert.isUndefined(yield* handle(from(status)))
    }).pipe(Effect.provide(services()))
  )
  it.effect("without Event-Timestamp only over a link that is declared protected", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const untimed = accounting(
        sessionAttributes({ status: 1, session: "a", address: "10.0.0.1", msisdn: "15551230001" })
      )
      const open = yield* server()
      assert.isDefined(yield* open.handle(from(untimed)))
      assert.isUndefined(yield* holder("10.0.0.1"))
      const linked = yield* server({ linkProtected: true })
      yield* linked.handle(from(untimed))
      assert.strictEqual(yield* holder("10.0.0.1"), "15551230001")
    }).pipe(Effect.provide(services()))
  )
  it.effect(
    "a store that does not answer: no answer to the NAS either, and the packet counts when it comes again",
    () => {
      let broken = true
      const flaky = Layer.effect(
        Store.Store,
        Effect.map(Store.Store, (store) => ({
          ...store,
          transact: (operations: ReadonlyArray<Store.Operation>, now: number) =>
            broken &&
            operations.some(
              (operation) => operation._tag === "PutRecord" && operation.collection === "external/address"
            )
              ? Effect.fail(new Unavailable({ what: "store", retryable: true, cause: "test" }))
              : store.transact(operations, now)
        }))
      ).pipe(Layer.provide(StoreMemory.layer))
      return Effect.gen(function* () {
        yield* TestClock.setTime(second * 1000)
        const { handle } = yield* server()
        assert.isUndefined(yield* handle(from(message({ status: 1 }))))
        broken = false
        assert.isDefined(yield* handle(from(message({ status: 1 }))))
        assert.strictEqual(yield* holder("10.0.0.1"), "15551230001")
      }).pipe(Effect.provide(services({}, flaky)))
    }
  )
  it.effect("no number is in any event", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const events = yield* SecurityEvents.SecurityEvents
      const { handle } = yield* server()
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(events.stream, 3)))
      yield* Effect.yieldNow
      yield* handle(from(message({ status: 1, at: second - 1000 })))
      yield* handle(from(message({ status: 1 }, "wrong")))
      yield* handle(from(message({ status: 1, address: "192.168.0.1" })))
      const told = yield* Fiber.join(seen)
      assert.lengthOf(told, 3)
      const text = JSON.stringify(told)
      assert.notInclude(text, "15551230001")
      assert.notInclude(text, "testing123")
    }).pipe(Effect.provide(services()))
  )
  it.effect("many sessions through the socket of the injected port; a full lane drops, and the NAS sends again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const secret = yield* radiusSecret("testing123")
      const clients = [accountingClient(secret)]
      const { port } = yield* RadiusAccounting.listen({ enabler: "test", host: "127.0.0.1", clients })
      const datagrams = yield* Datagrams.Datagrams
      const nas = yield* datagrams.bind({ host: "127.0.0.1", port: 0 })
      for (let i = 0; i < 50; i++) {
        const octets = message(
          { status: 1, session: `s${i}`, address: `10.0.1.${i}`, msisdn: `1555123${1000 + i}` },
          undefined,
          i
        )
        yield* nas.send({ octets, address: "127.0.0.1", port })
        assert.strictEqual((yield* nas.take).octets[1], i)
      }
      for (let i = 0; i < 50; i++) assert.strictEqual(yield* holder(`10.0.1.${i}`), `1555123${1000 + i}`)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(services(), memoryDatagrams)))
  )
  it.effect("a secret that is gone: no answer, and the operator hears of it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const secret = { id: "gone", purpose: RadiusSecret.purposes.radius, version: 1 }
      const { handle } = yield* RadiusAccounting.make({ enabler: "test", clients: [accountingClient(secret)] })
      assert.isUndefined(yield* handle(from(message({ status: 1 }))))
      // once by the vault, once with the address of the NAS
      assert.strictEqual((yield* (yield* SecurityEvents.SecurityEvents).counts).get("KeyRefused"), 2)
    }).pipe(Effect.provide(services()))
  )
  it.effect("a key of another purpose is no secret", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const secret = yield* proxyKey(utf8("testing123"))
      const { handle } = yield* RadiusAccounting.make({ enabler: "test", clients: [accountingClient(secret)] })
      assert.isUndefined(yield* handle(from(message({ status: 1 }))))
      assert.isUndefined(yield* holder("10.0.0.1"))
    }).pipe(Effect.provide(services()))
  )
  it.live("a port that is taken is a failure of its own", () =>
    Effect.gen(function* () {
      const datagrams = yield* Datagrams.Datagrams
      const { port } = yield* datagrams.bind({ host: "127.0.0.1", port: 0 })
      const failure = yield* Effect.flip(datagrams.bind({ host: "127.0.0.1", port }))
      assert.deepInclude(failure, { _tag: "BindFailed", host: "127.0.0.1", port })
    }).pipe(Effect.scoped, Effect.provide(NodeDatagrams.layer))
  )
  it.effect("a range that is none is found before anything listens", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(server({ ranges: ["10.0.0.1/8"] }))
      assert.deepInclude(failure, { _tag: "IpRangeMalformed", range: "10.0.0.1/8" })
    }).pipe(Effect.provide(services()))
  )
})

describePeer("radclient feeds our accounting server", ["radclient"], () => {
  const radclient = (port: number, input: string, secret = "testing123", command = "acct") =>
    Effect.promise(() =>
      run("radclient", ["-x", "-r", "1", "-t", "1", `127.0.0.1:${port}`, command, secret], { input: `${input}\n` })
    )
  const listening = (more: Partial<RadiusAccounting.AccountingClient> = {}) =>
    Effect.gen(function* () {
      const secret = yield* radiusSecret("testing123")
      const clients = [accountingClient(secret, more)]
      return yield* RadiusAccounting.listen({ enabler: "test", host: "127.0.0.1", port: 0, clients })
    })
  const live = Layer.merge(services(), NodeDatagrams.layer)
  const session = (status: string, more = "") =>
    `Acct-Status-Type=${status},Acct-Session-Id="0A01",Calling-Station-Id="15551230001",Framed-IP-Address=10.20.30.40,NAS-Identifier="ggsn1",3GPP-IMSI="001010123456789",Event-Timestamp=${Math.floor(Date.now() / 1000)}${more}`
  const answered = (text: string) => assert.include(text, "Received Accounting-Response")

  it.live(
    "[DPE-EXT-001] Start, Interim, Stop, Accounting-On",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listening()
        answered((yield* radclient(port, session("Start"))).output)
        assert.strictEqual(yield* holder("10.20.30.40"), "15551230001")
        answered((yield* radclient(port, session("Interim-Update", ",Message-Authenticator=0x00"))).output)
        assert.strictEqual(yield* holder("10.20.30.40"), "15551230001")
        answered((yield* radclient(port, session("Stop"))).output)
        assert.isUndefined(yield* holder("10.20.30.40"))
        const stamp = `Event-Timestamp=${Math.floor(Date.now() / 1000)}`
        answered((yield* radclient(port, `Acct-Status-Type=Accounting-On,NAS-Identifier="ggsn1",${stamp}`)).output)
      }).pipe(Effect.scoped, Effect.provide(live)),
    20_000
  )
  it.live(
    "[DPE-EXT-001] a wrong secret is dropped in silence; Status-Server is answered",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listening()
        const wrong = yield* radclient(port, session("Start"), "wrong")
        assert.include(wrong.output, "No reply from server")
        assert.isUndefined(yield* holder("10.20.30.40"))
        const status = yield* radclient(port, "Message-Authenticator=0x00", "testing123", "status")
        assert.include(status.output, "Received Accounting-Response")
      }).pipe(Effect.scoped, Effect.provide(live)),
    20_000
  )
  it.live(
    "[DPE-EXT-001] a packet of radclient that is recorded and replayed after Stop changes nothing",
    () =>
      Effect.gen(function* () {
        const { port } = yield* listening()
        const datagrams = yield* Datagrams.Datagrams
        const recorder = yield* datagrams.bind({ host: "127.0.0.1", port: 0 })
        const sent = yield* Effect.forkChild(radclient(recorder.port, session("Start")))
        const recorded = yield* recorder.take
        yield* Fiber.join(sent)
        const attacker = yield* datagrams.bind({ host: "127.0.0.1", port: 0 })
        const replay = Effect.gen(function* () {
          yield* attacker.send({ octets: recorded.octets, address: "127.0.0.1", port })
          assert.strictEqual((yield* attacker.take).octets[0], 5)
        })
        yield* replay
        assert.strictEqual(yield* holder("10.20.30.40"), "15551230001")
        answered((yield* radclient(port, session("Stop"))).output)
        const second = yield* datagrams.bind({ host: "127.0.0.1", port: 0 })
        yield* second.send({ octets: recorded.octets, address: "127.0.0.1", port })
        assert.strictEqual((yield* second.take).octets[0], 5)
        yield* replay
        assert.isUndefined(yield* holder("10.20.30.40"))
      }).pipe(Effect.scoped, Effect.provide(live)),
    20_000
  )
})
