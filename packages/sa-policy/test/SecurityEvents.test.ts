import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { SecurityEvents } from "../src/index.ts"

describe("SecurityEvents", () => {
  it.effect("tells a text of a peer in one line of bounded length", () =>
    Effect.gen(function* () {
      const events = yield* SecurityEvents.SecurityEvents
      const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(events.stream, 1)), {
        startImmediately: true
      })
      const forged = 'mallory\r\n2026-01-01 Admitted subject=root\u001b[2J\u0085\u2028\u2029\u0000"\t\u202e'
      yield* events.emit("Refused", {
        enabler: "dm",
        interface: "dm-1",
        subject: forged,
        peer: forged,
        detail: "x".repeat(1_000_000),
        clause: "plain: Jörg 中 😀",
        association: `${"y".repeat(511)}😀tail`
      })
      const [event] = Array.from(yield* Fiber.join(heard))
      for (const text of [event?.subject, event?.peer]) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be told
        assert.notMatch(text ?? "", /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/)
        assert.include(text, "mallory\\u000d\\u000a2026-01-01 Admitted")
      }
      assert.isAtMost(event?.detail?.length ?? 0, 1100)
      assert.isTrue(event?.detail?.startsWith("xxx"))
      assert.strictEqual(event?.clause, "plain: Jörg 中 😀")
      assert.notMatch(event?.association ?? "", /\p{Surrogate}/u)
    }).pipe(Effect.provide(SecurityEvents.layer()))
  )

  it.effect("never waits for a reader: the slow one loses the oldest, the counts know all", () =>
    Effect.gen(function* () {
      const events = yield* SecurityEvents.SecurityEvents
      const first = yield* Effect.forkChild(
        Stream.runCollect(
          Stream.take(
            Stream.tap(events.stream, () => Effect.yieldNow),
            8
          )
        ),
        { startImmediately: true }
      )
      for (let i = 0; i < 100; i++) yield* events.emit("Refused", { enabler: "dm", detail: String(i) })
      const told = Array.from(yield* Fiber.join(first)).map(({ detail }) => detail)
      assert.isAtLeast(Number(told.at(-1)), 90)
      assert.strictEqual((yield* events.counts).get("Refused"), 100)
    }).pipe(Effect.provide(SecurityEvents.layer(8)))
  )
})
