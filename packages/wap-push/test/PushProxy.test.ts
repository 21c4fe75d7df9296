import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import {
  BearerError,
  type Delivery,
  inProcess,
  WdpBearer,
  type WdpBearerShape,
  type WdpDatagram
} from "../src/Bearer.ts"
import { decodePapBody, encodeControl, encodePushBody, type PapBody } from "../src/PapBody.ts"
import type { PapMessage, PushMessage } from "../src/PapMessage.ts"
import * as PapNotifications from "../src/PapNotifications.ts"
import { PapTransport } from "../src/PapTransport.ts"
import { push, toEntity } from "../src/Push.ts"
import { pushEvents, pushStates, step } from "../src/PushLifecycle.ts"
import { decodePushPdu } from "../src/PushPdu.ts"
import * as PushProxy from "../src/PushProxy.ts"
import { ascii, bitFlips, get, toHex } from "./support.ts"

const address = "WAPPUSH=+15551230001/TYPE=PLMN@ppg.example.com"
const other = "WAPPUSH=+15551230002/TYPE=PLMN@ppg.example.com"
const message = (pushId: string, changed: Partial<PushMessage> = {}): PushMessage => ({
  _tag: "PushMessage",
  pushId,
  addresses: [address],
  ...changed
})
const dcd = push("application/vnd.oma.dcd", ascii("content"), { applicationId: 0x9022 })

interface World {
  readonly ask: (request: PapMessage, initiator?: string) => Effect.Effect<PapMessage>
  readonly push: (changed: PushMessage, initiator?: string, content?: typeof dcd) => Effect.Effect<number>
  readonly state: (pushId: string) => Effect.Effect<ReadonlyArray<string>>
  readonly raw: (body: PapBody) => Effect.Effect<PapMessage>
  readonly notified: ReadonlyArray<PapMessage>
}

/** Runs `test` on a proxy over `bearer`, with the results that it posts. */
const world = <E>(
  bearer: WdpBearerShape,
  test: (world: World) => Effect.Effect<void, E>,
  options?: PushProxy.PushProxyOptions
) => {
  const notified: Array<PapMessage> = []
  const transport = Layer.succeed(PapTransport, {
    post: (_url: string, body: PapBody) =>
      Effect.sync(() => {
        notified.push(get(decodePapBody(body)).document.message)
        return { status: 202, contentType: "", body: ascii("") }
      })
  })
  return Effect.gen(function* () {
    const { handle } = yield* PushProxy.PushProxy
    const read = (body: PapBody) => get(decodePapBody(body)).document.message
    const ask: World["ask"] = (request, initiator = "pi") =>
      Effect.map(handle(initiator, get(encodeControl(request))), read)
    yield* test({
      ask,
      notified,
      raw: (body) => Effect.map(handle("pi", body), read),
      push: (changed, initiator = "pi", content = dcd) =>
        Effect.map(handle(initiator, get(encodePushBody(changed, toEntity(content)))), (body) => {
          const answer = read(body)
          return answer._tag === "PushResponse"
            ? answer.result.code
            : answer._tag === "BadMessageResponse"
              ? answer.code
              : 0
        }),
      state: (pushId) =>
        Effect.map(ask({ _tag: "StatusQueryMessage", pushId, addresses: [] }), (answer) =>
          answer._tag === "StatusQueryResponse" ? answer.results.map(({ messageState }) => messageState) : []
        )
    })
  }).pipe(
    Effect.provide(
      PushProxy.layer({ name: "ppg", address: "/wappush", ...options }).pipe(
        Layer.provide([transport, Layer.succeed(WdpBearer, bearer)])
      )
    )
  )
}

/** A bearer that fares as told. */
const bearer = (
  send: (datagram: WdpDatagram) => Effect.Effect<Delivery | undefined, BearerError>,
  reports = true
): WdpBearerShape => ({
  reports,
  send: (datagram) =>
    Effect.map(send(datagram), (delivery) =>
      delivery === undefined ? { ids: ["1"] } : { ids: ["1"], delivery: Effect.succeed(delivery) }
    )
})
const silent: WdpBearerShape = { reports: true, send: () => Effect.succeed({ ids: ["1"], delivery: Effect.never }) }
const failing = (retryable: boolean) => new BearerError({ reason: "unavailable", detail: "down", retryable })

describe("life of a push", () => {
  for (const state of pushStates) {
    for (const event of pushEvents) {
      it(`${state}, ${event}`, () => {
        const next = step(state, event)
        assert.strictEqual(next._tag, state === "pending" ? "Success" : "Failure")
        if (next._tag === "Success") assert.notStrictEqual(next.success, "pending")
        else assert.deepInclude(next.failure, { state, event })
      })
    }
  }
})

describe("embedded push proxy", () => {
  it.effect("what it takes goes to the push port as a WSP PDU", () =>
    Effect.gen(function* () {
      const { bearer: memory, received } = yield* inProcess()
      yield* world(memory, ({ push: submit, state }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* submit(message("a")), 1001)
          const datagram = yield* Queue.take(received)
          assert.deepInclude(datagram, { destinationPort: 2948, sourcePort: 9200 })
          assert.deepStrictEqual(datagram.to, { _tag: "Msisdn", number: "+15551230001" })
          assert.strictEqual(toHex(datagram.data), `000605d3af029022${toHex(ascii("content"))}`)
          assert.deepStrictEqual(yield* state("a"), ["delivered"])
        })
      )
    })
  )
  it.effect("compiles SI, refuses one that is none", () =>
    Effect.gen(function* () {
      const { bearer: memory, received } = yield* inProcess()
      yield* world(memory, ({ push: submit }) =>
        Effect.gen(function* () {
          const si = push("text/vnd.wap.si", ascii('<si><indication href="http://a/">x</indication></si>'))
          assert.strictEqual(yield* submit(message("a"), "pi", si), 1001)
          const pdu = get(decodePushPdu((yield* Queue.take(received)).data))
          assert.strictEqual(pdu.contentType.media, "application/vnd.wap.sic")
          assert.strictEqual(yield* submit(message("b"), "pi", push("text/vnd.wap.si", ascii("<no/>"))), 3006)
        })
      )
    })
  )
  it.effect("every refusal has its code", () =>
    world(
      bearer(() => Effect.succeed(undefined), false),
      ({ push: submit }) =>
        Effect.gen(function* () {
          yield* TestClock.setTime(1_000_000)
          assert.strictEqual(yield* submit(message("a")), 1001)
          assert.strictEqual(yield* submit(message("a")), 2007)
          assert.strictEqual(yield* submit(message("a"), "another"), 1001)
          for (const [code, changed] of [
            [2001, { deliverBeforeTimestamp: 1_000_000 }],
            [2000, { deliverBeforeTimestamp: 1_002_000, deliverAfterTimestamp: 1_003_000 }],
            [2002, { addresses: ["+1555"] }],
            [2003, { addresses: ["WAPPUSH=john/TYPE=USER@ppg"] }],
            [2004, { replacePushId: "unknown" }],
            [3005, { addresses: Array.from({ length: 17 }, () => address) }],
            [3007, { qualityOfService: { deliveryMethod: "confirmed" } }],
            [3009, { qualityOfService: { network: "cdma", networkRequired: true } }],
            [3010, { qualityOfService: { bearer: "ussd", bearerRequired: true } }]
          ] as const) {
            assert.strictEqual(yield* submit(message(`r${code}`, changed)), code)
          }
        })
    )
  )
  it.effect("is full at some time, and forgets after a day", () =>
    world(
      bearer(() => Effect.succeed("delivered")),
      ({ push: submit }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* submit(message("a")), 1001)
          assert.strictEqual(yield* submit(message("b")), 4001)
          yield* TestClock.adjust("1 day")
          assert.strictEqual(yield* submit(message("b")), 1001)
        }),
      { maxPushes: 1 }
    )
  )
  it.effect("what the bearer reports becomes the state and is notified", () =>
    Effect.gen(function* () {
      for (const [delivery, state, code] of [
        ["delivered", "delivered", 1000],
        ["expired", "expired", 4000],
        ["undeliverable", "undeliverable", 4000],
        ["rejected", "undeliverable", 4000],
        ["unknown", "timeout", 4001]
      ] as const) {
        yield* world(
          bearer(() => Effect.succeed(delivery)),
          ({ push: submit, state: query, notified }) =>
            Effect.gen(function* () {
              yield* submit(
                message("a", {
                  ppgNotifyRequestedTo: "http://127.0.0.1:1/notify",
                  qualityOfService: { deliveryMethod: "confirmed" }
                })
              )
              yield* TestClock.adjust(0)
              assert.deepStrictEqual(yield* query("a"), [state])
              assert.lengthOf(notified, 1)
              assert.deepInclude(notified[0], {
                _tag: "ResultNotificationMessage",
                messageState: state,
                code,
                address,
                pushId: "a"
              })
            })
        )
      }
    })
  )
  it.effect("posts no result to an address that is not allowed", () =>
    world(
      bearer(() => Effect.succeed("delivered")),
      ({ push: submit, notified }) =>
        Effect.gen(function* () {
          for (const target of ["http://192.0.2.1/", "file:///etc/passwd", "nonsense"]) {
            yield* submit(message(target, { ppgNotifyRequestedTo: target }))
          }
          yield* TestClock.adjust("1 minute")
          assert.lengthOf(notified, 0)
        })
    )
  )
  it.effect("a bearer that is down is tried again where that may help", () =>
    Effect.gen(function* () {
      for (const [retryable, attempts] of [
        [true, 3],
        [false, 1]
      ] as const) {
        let count = 0
        yield* world(
          bearer(() =>
            Effect.suspend(() => {
              count++
              return Effect.fail(failing(retryable))
            })
          ),
          ({ push: submit, state }) =>
            Effect.gen(function* () {
              yield* submit(message("a"))
              yield* TestClock.adjust("1 minute")
              assert.deepStrictEqual(yield* state("a"), ["undeliverable"])
            })
        )
        assert.strictEqual(count, attempts)
      }
    })
  )
  it.effect("waits for its time, can be cancelled until then and not after", () =>
    Effect.gen(function* () {
      const { bearer: memory, received } = yield* inProcess()
      yield* world(memory, ({ push: submit, state, ask }) =>
        Effect.gen(function* () {
          const cancel = (pushId: string) =>
            Effect.map(ask({ _tag: "CancelMessage", pushId, addresses: [] }), (answer) =>
              answer._tag === "CancelResponse" ? answer.results.map(({ code }) => code) : []
            )
          const after = { deliverAfterTimestamp: 60_000 }
          yield* submit(message("a", after))
          yield* submit(message("b", after))
          assert.deepStrictEqual(yield* state("a"), ["pending"])
          assert.deepStrictEqual(yield* cancel("a"), [1000])
          assert.deepStrictEqual(yield* cancel("a"), [2008])
          yield* TestClock.adjust(60_000)
          assert.strictEqual(yield* Queue.size(received), 1)
          assert.deepStrictEqual(yield* state("a"), ["cancelled"])
          assert.deepStrictEqual(yield* state("b"), ["delivered"])
          assert.deepStrictEqual(yield* cancel("b"), [2008])
          assert.deepStrictEqual(yield* cancel("unknown"), [2004])
          assert.deepStrictEqual(yield* state("unknown"), ["unknown"])
        })
      )
    })
  )
  it.effect("nobody calls back what the bearer has; it expires at its time", () =>
    world(silent, ({ push: submit, state, ask }) =>
      Effect.gen(function* () {
        yield* submit(message("a", { deliverBeforeTimestamp: 60_000 }))
        yield* TestClock.adjust(0)
        const answer = yield* ask({ _tag: "CancelMessage", pushId: "a", addresses: [] })
        assert.isTrue(answer._tag === "CancelResponse" && answer.results[0]!.code === 2008)
        yield* TestClock.adjust(59_999)
        assert.deepStrictEqual(yield* state("a"), ["pending"])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* state("a"), ["expired"])
      })
    )
  )
  it.effect("replaces what is pending, for all or for those alone", () =>
    Effect.gen(function* () {
      for (const [method, served] of [
        ["all", 2],
        ["pending-only", 1]
      ] as const) {
        const { bearer: memory, received } = yield* inProcess()
        yield* world(memory, ({ push: submit, ask }) =>
          Effect.gen(function* () {
            yield* submit(message("a", { addresses: [address, other], deliverAfterTimestamp: 60_000 }))
            yield* ask({ _tag: "CancelMessage", pushId: "a", addresses: [other] })
            yield* submit(message("b", { addresses: [address, other], replacePushId: "a", replaceMethod: method }))
            yield* TestClock.adjust(120_000)
            assert.strictEqual(yield* Queue.size(received), served)
          })
        )
      }
    })
  )
  it.effect("capabilities are not known; responses are not for a gateway; nonsense is named", () =>
    world(silent, ({ ask, raw }) =>
      Effect.gen(function* () {
        const ccq = yield* ask({ _tag: "CcqMessage", queryId: "q", address })
        assert.deepInclude(ccq, { _tag: "CcqResponse", queryId: "q", code: 3008 })
        const confused = yield* ask({ _tag: "CancelResponse", pushId: "a", results: [{ code: 1000, addresses: [] }] })
        assert.deepInclude(confused, { _tag: "BadMessageResponse", code: 2000 })
        const bad = yield* raw({ contentType: "application/xml", body: ascii("<pap>\u0001\xff<&") })
        assert.deepInclude(bad, { _tag: "BadMessageResponse", code: 2000, badMessageFragment: "<pap>  <&" })
      })
    )
  )
  it.effect("takes one of two that come at once, and serves an address once", () =>
    Effect.gen(function* () {
      const { bearer: memory, received } = yield* inProcess()
      yield* world(
        memory,
        ({ push: submit }) =>
          Effect.gen(function* () {
            const user = "WAPPUSH=john/TYPE=USER@ppg"
            const one = submit(message("a", { addresses: [user, user] }))
            const both = yield* Effect.forkChild(Effect.all([one, one], { concurrency: 2 }))
            yield* TestClock.adjust(1000)
            assert.deepStrictEqual((yield* Fiber.join(both)).sort(), [1001, 2007])
            assert.strictEqual(yield* Queue.size(received), 1)
          }),
        { resolveUser: () => Effect.as(Effect.sleep(100), Option.some({ _tag: "Ip", address: "127.0.0.1" })) }
      )
    })
  )
  it.effect("answers every single-bit change of a request with PAP", () =>
    world(silent, ({ raw }) =>
      Effect.gen(function* () {
        const request = get(encodePushBody(message("a"), toEntity(dcd)))
        for (const body of bitFlips(request.body)) {
          const answer = yield* raw({ ...request, body })
          assert.include(["PushResponse", "BadMessageResponse"], answer._tag)
        }
      })
    )
  )
  it.effect("user names by agreement", () =>
    Effect.gen(function* () {
      const { bearer: memory, received } = yield* inProcess()
      yield* world(
        memory,
        ({ push: submit }) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* submit(message("a", { addresses: ["WAPPUSH=john/TYPE=USER@ppg"] })), 1001)
            assert.deepStrictEqual((yield* Queue.take(received)).to, { _tag: "Ip", address: "127.0.0.1" })
          }),
        {
          resolveUser: ({ user }) =>
            Effect.succeed(user === "john" ? Option.some({ _tag: "Ip", address: "127.0.0.1" }) : Option.none())
        }
      )
    })
  )
})

describe("result notifications", () => {
  it.effect("are answered, and nothing else is taken for one", () =>
    Effect.gen(function* () {
      const { handle } = yield* PapNotifications.PapNotifications
      const read = (body: PapBody) => Effect.map(handle(body), (answer) => get(decodePapBody(answer)).document.message)
      const notification = get(
        encodeControl({
          _tag: "ResultNotificationMessage",
          pushId: "a",
          messageState: "delivered",
          code: 1000,
          address
        })
      )
      assert.deepStrictEqual(yield* read(notification), {
        _tag: "ResultNotificationResponse",
        pushId: "a",
        code: 1000,
        address
      })
      for (const bad of [
        get(encodeControl({ _tag: "CancelMessage", pushId: "a", addresses: [] })),
        { contentType: "", body: ascii("") }
      ]) {
        assert.deepInclude(yield* read(bad), { _tag: "BadMessageResponse", code: 2000 })
      }
    }).pipe(Effect.provide(PapNotifications.layer()))
  )
})
