import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ReplayWindow, Sad, type SecurityAssociation, SecurityEvents, saId } from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import { stack } from "./stack.ts"

const make = (id: string, change: Partial<SecurityAssociation> = {}): SecurityAssociation => ({
  id: saId(id),
  mechanism: "test",
  peer: { _tag: "Anonymous" },
  scope: { enabler: "test", interface: "t-1", direction: "both" },
  keys: {},
  replay: ReplayWindow.window(64),
  createdAt: 0,
  provenance: { by: "test", clause: "none" },
  attributes: {},
  ...change
})

describe("Sad", () => {
  it.effect("is in force until the very millisecond of its hard expiry and aging from its soft one", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make("a", { softExpiry: 500, hardExpiry: 1000 }))
      assert.isFalse((yield* sad.get(saId("a"))).aging)
      yield* TestClock.adjust(999)
      assert.isTrue((yield* sad.get(saId("a"))).aging)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Effect.flip(sad.get(saId("a"))))._tag, "SaExpired")
      assert.strictEqual((yield* Effect.flip(sad.accept(saId("a"), 1)))._tag, "SaExpired")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("counts in its scope only", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      const wireId = Uint8Array.of(1, 2, 3)
      yield* sad.add(make("a", { wireId, scope: { enabler: "dcd", interface: "dcd-3", direction: "inbound" } }))
      const scopes = [{ enabler: "dpe" }, { interface: "dcd-1" }, { direction: "outbound" as const }]
      for (const scope of scopes) {
        assert.strictEqual((yield* Effect.flip(sad.get(saId("a"), scope)))._tag, "SaOutOfScope")
        assert.strictEqual((yield* Effect.flip(sad.find("test", wireId, scope)))._tag, "SaOutOfScope")
      }
      assert.strictEqual((yield* sad.find("test", wireId, { enabler: "dcd", direction: "inbound" })).sa.id, "a")
      assert.strictEqual((yield* Effect.flip(sad.find("other", wireId)))._tag, "SaNotFound")
    }).pipe(Effect.provide(stack()))
  )

  it.effect(
    "[SEC_CF-AUTH-004] accepts a number once, even when sixteen fibers race for it, and tells of the others",
    () =>
      Effect.gen(function* () {
        const sad = yield* Sad.Sad
        const events = yield* SecurityEvents.SecurityEvents
        yield* sad.add(make("a"))
        const outcomes = yield* Effect.all(
          Array.from({ length: 16 }, () => Effect.exit(sad.accept(saId("a"), 7))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(outcomes.filter((exit) => exit._tag === "Success").length, 1)
        assert.strictEqual((yield* events.counts).get("ReplayRefused"), 15)
      }).pipe(Effect.provide(stack()))
  )

  it.effect("gives out each outbound number once, in order, to racing fibers", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make("a"))
      const numbers = yield* Effect.all(
        Array.from({ length: 50 }, () => sad.nextSequence(saId("a"))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        numbers.toSorted((a, b) => a - b),
        Array.from({ length: 50 }, (_, i) => i + 1)
      )
    }).pipe(Effect.provide(stack({ sad: { horizon: 8 } })))
  )

  it.effect("lets two nodes number one association without ever going back", () => {
    const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
    return Effect.gen(function* () {
      const context = yield* Layer.build(ground)
      const node = Effect.map(
        Layer.build(Sad.layer({ horizon: 16 }).pipe(Layer.provide(Layer.succeedContext(context)))),
        (c) => c
      )
      const one = yield* Effect.provide(Sad.Sad, yield* node)
      const two = yield* Effect.provide(Sad.Sad, yield* node)
      yield* one.add(make("a"))
      const numbers: Array<number> = []
      const turn = (sad: Sad.Sad["Service"]) =>
        Effect.map(sad.nextSequence(saId("a")), (n) => {
          numbers.push(n)
        })
      yield* turn(one)
      yield* turn(one)
      const waiting = yield* Effect.forkChild(turn(two))
      yield* TestClock.adjust(3000)
      yield* Fiber.join(waiting)
      const late = yield* Effect.forkChild(turn(one))
      yield* TestClock.adjust(3000)
      yield* Fiber.join(late)
      assert.strictEqual(new Set(numbers).size, 4)
      assert.deepStrictEqual(
        numbers,
        numbers.toSorted((a, b) => a - b)
      )
    }).pipe(Effect.scoped)
  })

  it.effect("ends numbering where the association says", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make("a", { outbound: { first: 5, last: 6 } }))
      assert.strictEqual(yield* sad.nextSequence(saId("a")), 5)
      assert.strictEqual(yield* sad.nextSequence(saId("a")), 6)
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(saId("a"))))._tag, "Exhausted")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("gives no number past the hard expiry, also from memory", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make("a", { hardExpiry: 100 }))
      yield* sad.nextSequence(saId("a"))
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(saId("a"))))._tag, "SaExpired")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("is gone for all after revocation", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make("a"))
      yield* sad.nextSequence(saId("a"))
      yield* sad.revoke(saId("a"), "compromised")
      const tags = [
        yield* Effect.flip(sad.get(saId("a"))),
        yield* Effect.flip(sad.accept(saId("a"), 1)),
        yield* Effect.flip(sad.nextSequence(saId("a")))
      ].map((error) => error._tag)
      assert.deepStrictEqual(tags, ["SaRevoked", "SaRevoked", "SaRevoked"])
    }).pipe(Effect.provide(stack()))
  )

  it.effect("sweeps what expired, a bounded number at a time, in the background", () => {
    const layer = Sad.layerSweeper({ every: "1 second", limit: 10 }).pipe(Layer.provideMerge(stack()))
    return Effect.gen(function* () {
      const sad = yield* Sad.Sad
      const events = yield* SecurityEvents.SecurityEvents
      for (let i = 0; i < 25; i++) yield* sad.add(make(`a${i}`, { hardExpiry: 1500 }))
      yield* sad.add(make("stays"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* events.counts).get("AssociationExpired") ?? 0, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* events.counts).get("AssociationExpired"), 25)
      assert.strictEqual((yield* sad.get(saId("stays"))).sa.id, "stays")
    }).pipe(Effect.provide(layer))
  })
})
