import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Unencodable } from "../src/Malformed.ts"
import { plmnAddress } from "../src/PapAddress.ts"
import { decodePapBody, encodeControl, type PapBody } from "../src/PapBody.ts"
import * as PapClient from "../src/PapClient.ts"
import {
  GatewayUnavailable,
  NotSendable,
  PapError,
  PushIdInUse,
  Refused,
  Unauthorized,
  UnexpectedAnswer
} from "../src/PapError.ts"
import type { PapMessage } from "../src/PapMessage.ts"
import { type PapAnswer, PapTransport, TransportError } from "../src/PapTransport.ts"
import { push } from "../src/Push.ts"
import * as PushLedger from "../src/PushLedger.ts"
import { judge, resultCodes } from "../src/ResultCode.ts"
import { ascii, get } from "./support.ts"

type Answer = PapAnswer | TransportError
const answered = (message: PapMessage, status = 202): PapAnswer => ({
  status,
  ...get(encodeControl(message, { version: "1.0" }))
})
const response = (code: number, pushId = "a@pi") =>
  answered({ _tag: "PushResponse", pushId, progressNotes: [], result: { code } })
const lost = new TransportError({ detail: "connection reset" })
const http = (status: number): PapAnswer => ({ status, contentType: "", body: ascii("") })

/** A gateway that answers as told, the last answer for ever, and what it was asked. */
const gateway = (...answers: ReadonlyArray<Answer>) => {
  const asked: Array<PapBody> = []
  const transport = Layer.succeed(PapTransport, {
    post: (_url: string, body: PapBody) =>
      Effect.suspend(() => {
        const answer = answers[Math.min(asked.length, answers.length - 1)]!
        asked.push(body)
        return answer instanceof TransportError ? Effect.fail(answer) : Effect.succeed(answer)
      })
  })
  return { asked, transport }
}

const submission: PapClient.PushSubmission = {
  pushId: "a@pi",
  to: plmnAddress("+1555", "ppg"),
  push: push("application/vnd.oma.dcd", ascii("content"))
}
const withClient = <A, E>(transport: Layer.Layer<PapTransport>, effect: Effect.Effect<A, E, PapClient.PapClient>) =>
  effect.pipe(
    Effect.provide(PapClient.layer({ url: "http://ppg/" }).pipe(Layer.provide([transport, PushLedger.layerMemory()])))
  )
const submit = (changed: Partial<PapClient.PushSubmission> = {}) =>
  Effect.flatMap(PapClient.PapClient, (client) => client.push({ ...submission, ...changed }))
const reasonOf = (error: PapError) => error.reason

describe("PAP client", () => {
  it.effect("the response codes decide whether a push is sent again", () =>
    Effect.gen(function* () {
      for (const [code, , retry] of resultCodes) {
        const { asked, transport } = gateway(response(code))
        const fiber = yield* Effect.forkChild(Effect.exit(withClient(transport, submit())))
        yield* TestClock.adjust("1 hour")
        const exit = yield* Fiber.join(fiber)
        assert.strictEqual(exit._tag, code < 2000 ? "Success" : "Failure", String(code))
        assert.lengthOf(asked, retry ? 5 : 1, String(code))
      }
    })
  )
  it.effect("waits 1, 2, 4 and 8 seconds, and sends the same octets again", () =>
    Effect.gen(function* () {
      const { asked, transport } = gateway(response(4001), lost, http(503), response(3000), response(1001))
      const fiber = yield* Effect.forkChild(withClient(transport, submit()))
      for (const [wait, requests] of [
        [0, 1],
        [999, 1],
        [1, 2],
        [1999, 2],
        [1, 3],
        [4000, 4],
        [7999, 4],
        [1, 5]
      ] as const) {
        yield* TestClock.adjust(wait)
        assert.lengthOf(asked, requests, `after ${wait} more`)
      }
      const accepted = yield* Fiber.join(fiber)
      assert.strictEqual(accepted.attempts, 5)
      for (const body of asked) assert.deepStrictEqual(body, asked[0])
    })
  )
  it.effect("nothing is tried after its time", () =>
    Effect.gen(function* () {
      const { asked, transport } = gateway(response(4001))
      const fiber = yield* Effect.forkChild(Effect.flip(withClient(transport, submit({ deliverBefore: 2500 }))))
      yield* TestClock.adjust("1 hour")
      assert.nestedInclude(reasonOf(yield* Fiber.join(fiber)), { _tag: "Refused", "result.code": 4001 })
      assert.lengthOf(asked, 2)
    })
  )
  it.effect("a duplicate push id after a lost answer means that the first request got through", () =>
    Effect.gen(function* () {
      const { transport } = gateway(lost, response(2007))
      const fiber = yield* Effect.forkChild(withClient(transport, submit()))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 2)
      const atOnce = gateway(response(2007))
      assert.strictEqual(reasonOf(yield* Effect.flip(withClient(atOnce.transport, submit())))._tag, "Refused")
    })
  )
  it.effect("one push id, one push: at once, later, and not for another content", () =>
    Effect.gen(function* () {
      const { asked, transport } = gateway(response(1001))
      yield* withClient(
        transport,
        Effect.gen(function* () {
          const both = yield* Effect.all([submit(), submit()], { concurrency: 2 })
          assert.deepStrictEqual(
            both.map(({ attempts }) => attempts),
            [1, 0]
          )
          assert.strictEqual((yield* submit()).attempts, 0)
          const other = yield* Effect.flip(submit({ push: push("text/plain", ascii("other")) }))
          assert.strictEqual(reasonOf(other)._tag, "PushIdInUse")
          yield* TestClock.adjust("1 day")
          assert.strictEqual((yield* submit()).attempts, 1)
        })
      )
      assert.lengthOf(asked, 2)
    })
  )
  it.effect("a refused push is forgotten: it may be sent again, changed or not", () =>
    Effect.gen(function* () {
      const { asked, transport } = gateway(response(2001), response(1001))
      yield* withClient(
        transport,
        Effect.gen(function* () {
          yield* Effect.flip(submit())
          assert.strictEqual((yield* submit({ push: push("text/plain", ascii("other")) })).attempts, 1)
        })
      )
      assert.lengthOf(asked, 2)
    })
  )
  it.effect("an interrupted submission leaves its id to the next", () =>
    Effect.gen(function* () {
      const hold = yield* Deferred.make<void>()
      let count = 0
      const transport = Layer.succeed(PapTransport, {
        post: () =>
          Effect.suspend(() => (++count === 1 ? Deferred.await(hold) : Effect.void)).pipe(Effect.as(response(1001)))
      })
      yield* withClient(
        transport,
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(submit())
          yield* TestClock.adjust(0)
          const second = yield* Effect.forkChild(submit())
          yield* TestClock.adjust(0)
          yield* Fiber.interrupt(first)
          assert.strictEqual((yield* Fiber.join(second)).attempts, 1)
        })
      )
    })
  )
  it.effect("answers that are not for the request, or no PAP", () =>
    Effect.gen(function* () {
      for (const [answer, tag] of [
        [response(1001, "b@pi"), "UnexpectedAnswer"],
        [answered({ _tag: "StatusQueryMessage", pushId: "a@pi", addresses: [] }), "UnexpectedAnswer"],
        [{ status: 200, contentType: "text/html", body: ascii("<html/>") }, "UnexpectedAnswer"],
        [{ status: 202, contentType: "application/xml", body: ascii("<pap>") }, "UnexpectedAnswer"],
        [http(404), "UnexpectedAnswer"],
        [http(401), "Unauthorized"],
        [http(403), "Unauthorized"],
        [answered({ _tag: "BadMessageResponse", code: 2000, badMessageFragment: "" }), "Refused"]
      ] as const) {
        const { asked, transport } = gateway(answer)
        assert.strictEqual(reasonOf(yield* Effect.flip(withClient(transport, submit())))._tag, tag)
        assert.lengthOf(asked, 1)
      }
    })
  )
  it.effect("a gateway that stays silent: every attempt is counted", () =>
    Effect.gen(function* () {
      const { transport } = gateway(lost)
      const fiber = yield* Effect.forkChild(Effect.flip(withClient(transport, submit())))
      yield* TestClock.adjust("1 hour")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(reasonOf(error), { _tag: "GatewayUnavailable", attempts: 5 })
      assert.include(error.message, "after 5 attempts")
    })
  )
  it.effect("cancel, status query and capability query", () =>
    Effect.gen(function* () {
      const to = plmnAddress("+1555", "ppg")
      const address = "WAPPUSH=+1555/TYPE=PLMN@ppg"
      const cancelled = answered({
        _tag: "CancelResponse",
        pushId: "a@pi",
        results: [{ code: 1000, addresses: [address] }]
      })
      const status = answered({
        _tag: "StatusQueryResponse",
        pushId: "a@pi",
        results: [{ messageState: "delivered", code: 1000, addresses: [address] }]
      })
      const ccq = answered({ _tag: "CcqResponse", queryId: "q", code: 1000, address })
      const { asked, transport } = gateway(cancelled, status, ccq)
      yield* withClient(
        transport,
        Effect.gen(function* () {
          const client = yield* PapClient.PapClient
          assert.strictEqual((yield* client.cancel("a@pi", [to])).results[0]!.code, 1000)
          assert.strictEqual((yield* client.status("a@pi")).results[0]!.messageState, "delivered")
          assert.strictEqual((yield* client.capabilities("q", to, "7")).code, 1000)
          assert.strictEqual(reasonOf(yield* Effect.flip(client.capabilities("other", to)))._tag, "UnexpectedAnswer")
        })
      )
      const sent = asked.map((body) => get(decodePapBody(body)).document.message)
      assert.deepStrictEqual(sent.slice(0, 3), [
        { _tag: "CancelMessage", pushId: "a@pi", addresses: [address] },
        { _tag: "StatusQueryMessage", pushId: "a@pi", addresses: [] },
        { _tag: "CcqMessage", queryId: "q", appId: "7", address }
      ])
    })
  )
  it.effect("what PAP cannot carry is refused before anything is sent", () =>
    Effect.gen(function* () {
      const { asked, transport } = gateway(response(1001))
      for (const bad of [{ to: plmnAddress("john", "ppg") }, { pushId: "a\0b" }]) {
        assert.strictEqual(reasonOf(yield* Effect.flip(withClient(transport, submit(bad))))._tag, "NotSendable")
      }
      assert.lengthOf(asked, 0)
    })
  )
  it("says what happened in words, with the code, and without the content", () => {
    const result = judge(2001)!
    for (const [reason, words] of [
      [new Refused({ result }), "refused with 2001 forbidden"],
      [new Refused({ result, desc: "no" }), "refused with 2001 forbidden: no"],
      [new Unauthorized({ status: 401 }), "HTTP 401"],
      [new GatewayUnavailable({ attempts: 3, detail: "reset" }), "after 3 attempts: reset"],
      [new UnexpectedAnswer({ status: 200, detail: "no PAP document" }), "HTTP 200: no PAP document"],
      [new PushIdInUse({ pushId: "a" }), "used for another push"],
      [
        new NotSendable({ failure: new Unencodable({ what: "address", detail: "none", clause: "PPG" }) }),
        "address: none (PPG)"
      ]
    ] as const) {
      assert.include(new PapError({ reason }).message, words)
    }
  })
  it.effect("the ledger keeps no more than it may", () =>
    Effect.gen(function* () {
      const ledger = yield* PushLedger.PushLedger
      for (let i = 0; i < 5; i++) {
        yield* ledger.record({
          pushId: String(i),
          fingerprint: "",
          response: { _tag: "PushResponse", pushId: String(i), progressNotes: [], result: { code: 1001 } }
        })
      }
      const found = yield* Effect.forEach([0, 1, 2, 3, 4], (i) => ledger.find(String(i)))
      assert.deepStrictEqual(
        found.map(({ _tag }) => _tag),
        ["None", "None", "None", "Some", "Some"]
      )
    }).pipe(Effect.provide(PushLedger.layerMemory({ maxEntries: 2 })))
  )
})
