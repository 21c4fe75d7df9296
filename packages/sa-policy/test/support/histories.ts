/**
 * Histories of a store: any transactions, reservations and sweeps on few names, with a clock that also goes back.
 *
 * @layer service
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { saId } from "../../src/SecurityAssociation.ts"
import { accept, type Operation, put, putRecord, revoke, Store } from "../../src/Store.ts"
import * as StoreMemory from "../../src/StoreMemory.ts"
import { anAssociation, moment } from "../../src/testing/associations.ts"

/** One step of a history. Names are few, so that steps meet. */
export type Step = { readonly operations: ReadonlyArray<Operation>; readonly later: number }

const name = fc.constantFrom("a", "b", "c", "d")
const expectation = fc.oneof(fc.constantFrom("any" as const, "absent" as const), fc.integer({ min: 0, max: 4 }))
const wire = fc.constantFrom(Uint8Array.of(1), Uint8Array.of(1, 2))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .tuple(
      name,
      expectation,
      fc.option(wire),
      fc.option(fc.integer({ min: 0, max: 40 })),
      fc.boolean(),
      fc.constantFrom(32, 64)
    )
    .map(([id, expect, wireId, ends, resetCounters, size]) =>
      put(
        anAssociation(id, {
          replay: { _tag: "window", size },
          ...(wireId === null ? {} : { wireId }),
          ...(ends === null ? {} : { hardExpiry: moment + ends })
        }),
        expect,
        { resetCounters }
      )
    ),
  fc.tuple(name, fc.integer({ min: -1, max: 90 })).map(([id, number]) => accept(saId(id), number)),
  name.map((id) => revoke(saId(id), "replaced")),
  fc
    .tuple(name, expectation, fc.option(fc.integer({ min: 0, max: 40 })))
    .map(([key, expect, ends]) =>
      putRecord("c", key, Uint8Array.of(1), expect, ends === null ? undefined : moment + ends)
    ),
  fc
    .tuple(name, expectation)
    .map(([key, expect]): Operation => ({ _tag: "DeleteRecord", collection: "c", key, expect }))
)
/** Any history of few names. */
export const histories: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.record({
    operations: fc.array(operation, { minLength: 1, maxLength: 4 }),
    later: fc.integer({ min: -3, max: 5 })
  }),
  { minLength: 5, maxLength: 40 }
)

const seenBy = (store: Store["Service"], now: number) =>
  Effect.all({
    associations: Effect.forEach(["a", "b", "c", "d"], (id) => Effect.result(store.get(saId(id)))),
    found: Effect.forEach([Uint8Array.of(1), Uint8Array.of(1, 2)], (wireId) =>
      Effect.result(store.find("test", wireId))
    ),
    records: store.records("c", { now }),
    size: store.size
  })

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (inner instanceof Error ? { ...inner } : inner))

/** Holds the empty `store` to what the memory store does with `history`, answer by answer. */
export const sameAsMemory = (store: Store["Service"], history: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const memory = yield* Effect.provide(Store, StoreMemory.layer, { local: true })
    let now = moment
    for (const { operations, later } of history) {
      now += later
      const request = { id: saId("a"), owner: now % 2 === 0 ? "one" : "two", count: 3, leaseMillis: 4, now }
      for (const act of [
        (store: Store["Service"]) => Effect.result(store.transact(operations, now)),
        (store: Store["Service"]) => Effect.result(store.reserve(request)),
        (store: Store["Service"]) =>
          now % 5 === 0
            ? Effect.map(store.sweep(now, 100), ({ associations, removed }) => [associations.toSorted(), removed])
            : Effect.void,
        (store: Store["Service"]) => seenBy(store, now)
      ]) {
        assert.strictEqual(plain(yield* act(store)), plain(yield* act(memory)))
      }
    }
  })
