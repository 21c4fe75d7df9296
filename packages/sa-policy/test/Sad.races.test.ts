import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, References } from "effect"
import { TestClock } from "effect/testing"
import { ReplayWindow, Sad, type SecurityAssociation, SecurityEvents, Store, saId } from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as StoreMemory from "../src/StoreMemory.ts"
import { stack } from "./stack.ts"

const a = saId("a")
const make = (change: Partial<SecurityAssociation> = {}): SecurityAssociation => ({
  id: a,
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

/** A SAD whose store takes a turn for everything. */
const slow = (options?: Sad.SadOptions) => {
  const store = Layer.effect(
    Store.Store,
    Effect.map(Store.Store, (inner) => ({
      ...inner,
      transact: (operations: ReadonlyArray<Store.Operation>, now: number) =>
        Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.yieldNow, inner.transact(operations, now))),
      reserve: (request: Store.ReserveRequest) =>
        Effect.tap(Effect.andThen(Effect.yieldNow, inner.reserve(request)), () => Effect.yieldNow)
    }))
  ).pipe(Layer.provide(StoreMemory.layer))
  return Sad.layer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer))
  )
}

describe("Sad while associations change", () => {
  it.effect("gives no number out twice after counters were reset, whoever does it and how", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make())
      for (let i = 0; i < 5; i++) yield* sad.nextSequence(a)
      yield* sad.transact([Store.put(make(), 1, { resetCounters: true })])
      const numbers: Array<number> = []
      for (let i = 0; i < 40; i++) numbers.push(yield* sad.nextSequence(a))
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: 40 }, (_, i) => i + 1)
      )
    }).pipe(Effect.provide(stack({ sad: { horizon: 16 } })))
  )

  it.effect("numbers nothing after a revocation that was part of a transaction", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make())
      yield* sad.nextSequence(a)
      yield* sad.transact([Store.revoke(a, "compromised")])
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(a)))._tag, "SaRevoked")
      const b = saId("b")
      yield* sad.add(make({ id: b }))
      yield* sad.add(make())
      yield* sad.nextSequence(a)
      yield* sad.accept(b, 1, { with: [Store.revoke(a, "compromised")] })
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(a)))._tag, "SaRevoked")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("numbers nothing from a block that was taken while the revocation was under way", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make())
      const sender = yield* Effect.forkChild(Effect.forever(sad.nextSequence(a)))
      yield* Effect.yieldNow
      yield* sad.revoke(a, "compromised")
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(a)))._tag, "SaRevoked")
      yield* Fiber.interrupt(sender)
    }).pipe(Effect.provide(slow({ horizon: 4 })))
  )

  it.effect("does not use numbers from memory after the clock was set back", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const sad = yield* Sad.Sad
      yield* TestClock.setTime(1_000_000)
      yield* sad.add(make())
      yield* sad.nextSequence(a)
      yield* store.transact([Store.revoke(a, "compromised")], 1_000_000)
      yield* TestClock.setTime(0)
      assert.strictEqual((yield* Effect.flip(sad.nextSequence(a)))._tag, "SaRevoked")
    }).pipe(Effect.provide(stack()))
  )

  it.effect("leaves nobody waiting, at whichever step a sender is interrupted", () =>
    Effect.gen(function* () {
      for (let step = 0; step < 120; step++) {
        yield* Effect.gen(function* () {
          const sad = yield* Sad.Sad
          yield* sad.add(make())
          const sender = yield* Effect.forkChild(
            Effect.provideService(sad.nextSequence(a), References.MaxOpsBeforeYield, 2),
            { startImmediately: true }
          )
          for (let i = 0; i < step; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(sender)
          const next = yield* Effect.forkChild(sad.nextSequence(a))
          for (let i = 0; i < 50; i++) yield* Effect.yieldNow
          assert.isDefined(next.pollUnsafe(), `interrupted after ${step} steps`)
        }).pipe(Effect.provide(slow()))
      }
    })
  )

  it.effect("sweeps in turns, also with a limit of none", () =>
    Effect.gen(function* () {
      const sad = yield* Sad.Sad
      yield* sad.add(make({ hardExpiry: 500 }))
      yield* TestClock.adjust("2 seconds")
      const events = yield* SecurityEvents.SecurityEvents
      assert.strictEqual((yield* events.counts).get("AssociationExpired"), 1)
    }).pipe(Effect.provide(Sad.layerSweeper({ every: "1 second", limit: 0 }).pipe(Layer.provideMerge(stack()))))
  )
})
