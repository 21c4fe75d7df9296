/**
 * The laws of `Store`, published so that every store, also one of your own, is held to the same ones.
 *
 * @layer binding
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ReplayWindow from "../ReplayWindow.ts"
import type { Revocation } from "../SecurityAssociation.ts"
import { saId } from "../SecurityAssociation.ts"
import { accept, deleteRecord, put, putRecord, recordLimits, revoke, Store } from "../Store.ts"
import { anAssociation, anOddAssociation, moment } from "./associations.ts"
import { durableLaws } from "./durableLaws.ts"
import { failureTag, given, listening, octets, racing, settle, settleFor } from "./laws.ts"

type Service = Store["Service"]

/** What a store can do beyond the port. */
export interface StoreSuiteOptions<E> {
  /**
   * Makes a new empty place, such as a file or a database, and gives the layer that opens it: each building is one more
   * connection. With it the laws of two connections and of opening again are run.
   */
  readonly place?: Effect.Effect<Layer.Layer<Store, E>, E, Scope.Scope>
  /** How long, in milliseconds, a reader of revocations may take to begin and to hear one; 5, more for a store behind a network. */
  readonly settleMillis?: number
}

/**
 * Runs the laws on `layer`, of which each building must give an empty store.
 *
 * ```ts
 * suite("memory", StoreMemory.layer)
 * ```
 */
export const suite = <E>(name: string, layer: Layer.Layer<Store, E>, options: StoreSuiteOptions<E> = {}): void => {
  const law = <E2>(title: string, body: (store: Service) => Effect.Effect<unknown, E2>) =>
    it.effect(title, () => Effect.provide(Effect.flatMap(Store, body), Layer.fresh(layer)))

  const pause = settleFor(options.settleMillis ?? 5)

  describe(`Store (${name})`, () => {
    law("reads back every field of an association, odd characters and octets included", (store) =>
      Effect.gen(function* () {
        const odd = anOddAssociation("odd")
        const plain = anAssociation("plain")
        yield* store.transact([put(odd), put(plain)], moment)
        assert.deepStrictEqual(yield* store.get(odd.id), {
          sa: odd,
          version: 1,
          inbound: ReplayWindow.initial(odd.replay, odd.firstInbound),
          horizon: 0
        })
        assert.deepStrictEqual((yield* store.get(plain.id))?.sa, plain)
        assert.deepStrictEqual((yield* store.find(odd.mechanism, odd.wireId!))?.sa, odd)
        assert.isUndefined(yield* store.get(saId("odd")))
        assert.deepStrictEqual(yield* store.size, { associations: 2, records: 0 })
      })
    )

    law("keeps what it was given when the caller changes his octets afterwards", (store) =>
      Effect.gen(function* () {
        const wireId = octets(1, 2, 3)
        const value = octets(4, 5, 6)
        yield* store.transact([put(anAssociation("mine", { wireId })), putRecord("c", "k", value)], moment)
        wireId.fill(9)
        value.fill(9)
        assert.deepStrictEqual((yield* store.find("test", octets(1, 2, 3)))?.sa.wireId, octets(1, 2, 3))
        const record = yield* store.record("c", "k", moment)
        assert.deepStrictEqual(record?.value, octets(4, 5, 6))
        record?.value.fill(7)
        assert.deepStrictEqual((yield* store.record("c", "k", moment))?.value, octets(4, 5, 6))
      })
    )

    law("accepts a number once, even when sixteen fibers race for it", (store) =>
      Effect.gen(function* () {
        const { id } = anAssociation("race")
        yield* store.transact([put(anAssociation("race"))], moment)
        for (let number = 1; number <= 20; number++) {
          const race = Array.from({ length: 16 }, () => store.transact([accept(id, number)], moment))
          assert.strictEqual(yield* racing(race), 1)
        }
      })
    )

    law("accepts distinct numbers of the window in any order, and nothing below it", (store) =>
      Effect.gen(function* () {
        const { id } = anAssociation("window")
        yield* store.transact([put(anAssociation("window"))], moment)
        for (const number of [70, 8, 7, 69, 100, 38, 37]) yield* store.transact([accept(id, number)], moment)
        for (const [number, refusal] of [
          [100, "replayed"],
          [38, "replayed"],
          [36, "below-window"],
          [1, "below-window"],
          [-1, "out-of-range"],
          [1.5, "out-of-range"]
        ] as const) {
          const error = yield* Effect.flip(store.transact([accept(id, number)], moment))
          assert.strictEqual(error._tag, "Replayed")
          if (error._tag === "Replayed") assert.deepStrictEqual([error.number, error.refusal], [number, refusal])
        }
        assert.strictEqual((yield* store.get(id))?.inbound.highest, 100)
      })
    )

    law("accepts greater numbers only in strict mode, jumps up to their bound, and everything in mode none", (store) =>
      Effect.gen(function* () {
        const at = (id: string, number: number) => failureTag(store.transact([accept(saId(id), number)], moment))
        yield* store.transact(
          [
            put(anAssociation("strict", { replay: { _tag: "strict", maxJump: 10 } })),
            put(anAssociation("none", { replay: ReplayWindow.noReplay })),
            put(anAssociation("first", { firstInbound: 100 }))
          ],
          moment
        )
        assert.strictEqual(yield* at("strict", 0), "Replayed")
        assert.strictEqual(yield* at("strict", 11), "Replayed")
        assert.strictEqual(yield* at("strict", 3), "Success")
        assert.strictEqual(yield* at("strict", 3), "Replayed")
        assert.strictEqual(yield* at("strict", 2), "Replayed")
        assert.strictEqual(yield* at("strict", 13), "Success")
        assert.strictEqual(yield* at("none", 5), "Success")
        assert.strictEqual(yield* at("none", 5), "Success")
        for (const number of [0, 1, 50, 99]) assert.strictEqual(yield* at("first", number), "Replayed")
        assert.strictEqual(yield* at("first", 100), "Success")
      })
    )

    law("lets an association end at its hard expiry, not a millisecond before, and for good", (store) =>
      Effect.gen(function* () {
        const end = moment + 1000
        const { id } = anAssociation("ends")
        yield* store.transact([put(anAssociation("ends", { softExpiry: moment, hardExpiry: end }))], moment)
        yield* store.transact([accept(id, 1)], end - 1)
        const error = yield* Effect.flip(store.transact([accept(id, 2)], end))
        assert.strictEqual(error._tag === "SaExpired" ? error.hardExpiry : undefined, end)
        assert.strictEqual(yield* failureTag(store.transact([accept(id, 2)], moment)), "SaExpired")
        const request = { id, owner: "a", count: 1, leaseMillis: 0, now: moment }
        assert.strictEqual(yield* failureTag(store.reserve(request)), "SaExpired")
        assert.strictEqual((yield* store.get(id))?.inbound.highest, 1)
        yield* store.transact([put(anAssociation("ends", { hardExpiry: end + 9 }), 1)], end)
        yield* store.transact([accept(id, 2)], end)
      })
    )

    law("marks an association as over when a sender finds it so", (store) =>
      Effect.gen(function* () {
        const { id } = anAssociation("ends")
        yield* store.transact([put(anAssociation("ends", { hardExpiry: moment + 5 }))], moment)
        const request = { id, owner: "a", count: 1, leaseMillis: 0 }
        assert.strictEqual(yield* failureTag(store.reserve({ ...request, now: moment + 5 })), "SaExpired")
        assert.strictEqual(yield* failureTag(store.transact([accept(id, 1)], moment)), "SaExpired")
      })
    )

    law("lets a revoked association be gone for every reader", (store) =>
      Effect.gen(function* () {
        const sa = anAssociation("gone", { wireId: octets(7) })
        const { id } = sa
        yield* store.transact([put(sa)], moment)
        yield* store.transact([put(sa)], moment)
        yield* store.transact([revoke(id, "compromised")], moment)
        const error = yield* Effect.flip(store.get(id))
        assert.strictEqual(error._tag === "SaRevoked" ? error.why : undefined, "compromised")
        assert.strictEqual(yield* failureTag(store.find("test", octets(7))), "SaRevoked")
        assert.strictEqual(yield* failureTag(store.transact([accept(id, 1)], moment)), "SaRevoked")
        assert.strictEqual(
          yield* failureTag(store.reserve({ id, owner: "a", count: 1, leaseMillis: 0, now: moment })),
          "SaRevoked"
        )
        assert.strictEqual(yield* failureTag(store.transact([put(sa)], moment)), "SaRevoked")
        assert.strictEqual(yield* failureTag(store.transact([put(sa, 2)], moment)), "SaRevoked")
        assert.deepStrictEqual(yield* store.size, { associations: 0, records: 0 })
      })
    )

    law("makes a revoked association anew with counters and versions that nobody holds", (store) =>
      Effect.gen(function* () {
        const { id } = anAssociation("again")
        yield* store.transact([put(anAssociation("again")), accept(id, 5)], moment)
        yield* store.transact([revoke(id, "replaced")], moment)
        yield* store.transact([put(anAssociation("again"), "absent")], moment)
        yield* store.transact([accept(id, 5)], moment)
        assert.strictEqual((yield* store.get(id))?.version, 2)
        yield* store.transact([revoke(id, "replaced"), put(anAssociation("again"), "absent")], moment)
        assert.strictEqual((yield* store.get(id))?.version, 3)
        assert.strictEqual((yield* store.get(id))?.inbound.highest, 0)
        yield* store.transact([revoke(id, "deactivated")], moment)
        const error = yield* Effect.flip(store.get(id))
        assert.strictEqual(error._tag === "SaRevoked" ? error.why : undefined, "deactivated")
      })
    )

    law("announces each revocation once to each reader, and none that was taken back", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("before"))], moment)
        yield* store.transact([revoke(saId("before"), "replaced")], moment)
        yield* store.transact(
          ["a", "b", "c"].map((id) => put(anAssociation(id))),
          moment
        )
        let second: ReadonlyArray<Revocation> = []
        const first = yield* listening(
          store,
          () =>
            Effect.gen(function* () {
              second = yield* listening(
                store,
                () =>
                  Effect.gen(function* () {
                    yield* store.transact([revoke(saId("a"), "administrative")], moment + 1)
                    yield* store.transact(
                      [revoke(saId("a"), "compromised"), revoke(saId("nobody"), "replaced")],
                      moment + 2
                    )
                    yield* failureTag(
                      store.transact([revoke(saId("b"), "replaced"), accept(saId("none"), 1)], moment + 2)
                    )
                    yield* store.transact([revoke(saId("c"), "deactivated")], moment + 3)
                  }),
                pause
              )
            }),
          pause
        )
        const expected: ReadonlyArray<Revocation> = [
          { id: saId("a"), mechanism: "test", why: "administrative", at: moment + 1 },
          { id: saId("c"), mechanism: "test", why: "deactivated", at: moment + 3 }
        ]
        assert.deepStrictEqual(first, expected)
        assert.deepStrictEqual(second, expected)
      })
    )

    law("does all of a transaction or none, records included", (store) =>
      Effect.gen(function* () {
        const id = saId("whole")
        yield* store.transact(
          [put(anAssociation("whole", { wireId: octets(1) })), putRecord("c", "old", octets(1))],
          moment
        )
        const failures = [
          [accept(id, 3), accept(id, 3)],
          [accept(id, 3), putRecord("c", "new", octets(1)), putRecord("c", "old", octets(2), "absent")],
          [deleteRecord("c", "old"), putRecord("c", "new", octets(1)), accept(saId("none"), 1)],
          [revoke(id, "replaced"), accept(id, 3)],
          [put(anAssociation("other", { wireId: octets(2) })), put(anAssociation("third", { wireId: octets(1) }))],
          [put(anAssociation("whole", { wireId: octets(3) })), accept(saId("none"), 1)],
          [revoke(id, "replaced"), put(anAssociation("taker", { wireId: octets(1) })), accept(saId("none"), 1)]
        ]
        for (const operations of failures) {
          assert.notStrictEqual(yield* failureTag(store.transact(operations, moment)), "Success")
          const whole = yield* store.get(id)
          assert.deepStrictEqual([whole?.version, whole?.inbound.highest], [1, 0])
          assert.deepStrictEqual((yield* store.find("test", octets(1)))?.sa.id, id)
          assert.isUndefined(yield* store.find("test", octets(2)))
          assert.isUndefined(yield* store.find("test", octets(3)))
          assert.deepStrictEqual((yield* store.record("c", "old", moment))?.value, octets(1))
          assert.isUndefined(yield* store.record("c", "new", moment))
          assert.deepStrictEqual(yield* store.size, { associations: 1, records: 1 })
        }
        yield* store.transact(
          [accept(id, 3), putRecord("c", "new", octets(5), "absent"), putRecord("c", "new", octets(6), 1)],
          moment
        )
        assert.strictEqual((yield* store.get(id))?.inbound.highest, 3)
        assert.strictEqual((yield* store.record("c", "new", moment))?.version, 2)
      })
    )

    law("spares the neighbours of a transaction that fails", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("n"))], moment)
        const exits = yield* Effect.all(
          Array.from({ length: 64 }, (_, i) =>
            Effect.exit(
              store.transact(
                i % 3 === 0
                  ? [putRecord("c", `${i}`, octets(i)), accept(saId("none"), 1)]
                  : [putRecord("c", `${i}`, octets(i)), accept(saId("n"), i)],
                moment
              )
            )
          ),
          { concurrency: "unbounded" }
        )
        for (const [i, exit] of exits.entries()) {
          assert.strictEqual(Exit.isSuccess(exit), i % 3 !== 0, `${i}`)
          assert.strictEqual((yield* store.record("c", `${i}`, moment)) !== undefined, i % 3 !== 0, `${i}`)
        }
      })
    )

    law("holds writes of associations to what they expect", (store) =>
      Effect.gen(function* () {
        const sa = anAssociation("cas", { hardExpiry: moment + 10 })
        const at = (operation: ReturnType<typeof put>, now = moment) => failureTag(store.transact([operation], now))
        assert.strictEqual(yield* at(put(sa, 1)), "Conflict")
        assert.strictEqual(yield* at(put(sa, 0)), "Conflict")
        assert.strictEqual(yield* at(put(sa, "absent")), "Success")
        assert.strictEqual(yield* at(put(sa, "absent")), "Conflict")
        assert.strictEqual(yield* at(put(sa, 2)), "Conflict")
        assert.strictEqual(yield* at(put(sa, 1)), "Success")
        assert.strictEqual(yield* at(put(sa, 1)), "Conflict")
        assert.strictEqual(yield* at(put(sa, "any")), "Success")
        assert.strictEqual((yield* store.get(sa.id))?.version, 3)
        yield* store.transact([accept(sa.id, 9)], moment)
        assert.strictEqual(yield* at(put(anAssociation("cas"), "absent"), moment + 10), "Success")
        const made = yield* store.get(sa.id)
        assert.deepStrictEqual([made?.version, made?.inbound.highest], [4, 0])
      })
    )

    law("holds writes of records to what they expect", (store) =>
      Effect.gen(function* () {
        const at = (operation: ReturnType<typeof putRecord>, now = moment) =>
          failureTag(store.transact([operation], now))
        const version = Effect.map(store.record("c", "k", moment), (record) => record?.version)
        assert.strictEqual(yield* at(putRecord("c", "k", octets(1), 1)), "Conflict")
        assert.strictEqual(yield* at(deleteRecord("c", "k", 1)), "Conflict")
        assert.strictEqual(yield* at(deleteRecord("c", "k", "absent")), "Success")
        assert.strictEqual(yield* at(deleteRecord("c", "k")), "Success")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(1), "absent")), "Success")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(2), "absent")), "Conflict")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(2), 1)), "Success")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(3), 1)), "Conflict")
        assert.strictEqual(yield* at(putRecord("d", "k", octets(3), "absent")), "Success")
        assert.strictEqual(yield* version, 2)
        assert.strictEqual(yield* at(deleteRecord("c", "k", 1)), "Conflict")
        assert.strictEqual(yield* at(deleteRecord("c", "k", 2)), "Success")
        assert.isUndefined(yield* version)
        assert.strictEqual(yield* at(putRecord("c", "k", octets(4), "any", moment + 5)), "Success")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(4), "absent"), moment + 4), "Conflict")
        assert.strictEqual(yield* at(putRecord("c", "k", octets(4), "absent"), moment + 5), "Success")
        assert.strictEqual(yield* version, 2)
      })
    )

    law("lets one of sixteen racing writers win", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("w")), putRecord("c", "k", octets(0))], moment)
        for (let version = 1; version <= 5; version++) {
          const associations = Array.from({ length: 16 }, () =>
            store.transact([put(anAssociation("w"), version)], moment)
          )
          assert.strictEqual(yield* racing(associations), 1)
          const records = Array.from({ length: 16 }, (_, i) =>
            store.transact([putRecord("c", "k", octets(i), version)], moment)
          )
          assert.strictEqual(yield* racing(records), 1)
        }
      })
    )

    law("keeps the counters of an association that is replaced, unless told to reset them", (store) =>
      Effect.gen(function* () {
        const { id } = anAssociation("r")
        const at = (number: number) => failureTag(store.transact([accept(id, number)], moment))
        yield* store.transact([put(anAssociation("r")), accept(id, 50), accept(id, 40)], moment)
        yield* given(store, "r", "a", moment)
        yield* store.transact([put(anAssociation("r", { suite: "other" }))], moment)
        assert.strictEqual(yield* at(40), "Replayed")
        assert.strictEqual((yield* store.get(id))?.horizon, 9)
        yield* store.transact([put(anAssociation("r", { replay: ReplayWindow.window(512) }))], moment)
        assert.strictEqual(yield* at(40), "Replayed")
        assert.strictEqual(yield* at(41), "Success")
        yield* store.transact([put(anAssociation("r", { replay: ReplayWindow.strict }))], moment)
        assert.strictEqual(yield* at(42), "Replayed")
        yield* store.transact([put(anAssociation("r"))], moment)
        assert.strictEqual(yield* at(43), "Replayed")
        yield* store.transact([put(anAssociation("r"), "any", { resetCounters: true })], moment)
        assert.strictEqual(yield* at(43), "Success")
        assert.strictEqual((yield* store.get(id))?.horizon, 1)
      })
    )

    law("gives each outbound number once, growing, however many owners ask", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("out"))], moment)
        const ask = (owner: string, now: number) =>
          store.reserve({ id: saId("out"), owner, count: 100, leaseMillis: 1000, now })
        const block = (first: number, last: number, until: number) => ({ _tag: "Block", first, last, until }) as const
        assert.deepStrictEqual(yield* ask("a", moment), block(1, 100, moment + 1000))
        assert.deepStrictEqual(yield* ask("a", moment + 500), block(101, 200, moment + 1500))
        const wait = { _tag: "Wait", until: moment + 1500 } as const
        assert.deepStrictEqual(yield* ask("b", moment + 600), wait)
        const held = yield* ask("a", moment + 700)
        assert.deepStrictEqual(held, block(201, 201, moment + 1500))
        assert.deepStrictEqual(yield* ask("b", moment + 1499), wait)
        let next = 202
        for (let now = moment + 1500; now < moment + 1510; now++) {
          assert.deepStrictEqual(yield* ask(now % 2 === 0 ? "a" : "b", now), block(next, next, now))
          next++
        }
        assert.deepStrictEqual(yield* ask("b", moment + 2508), block(next, next, moment + 2508))
        assert.deepStrictEqual(yield* ask("b", moment + 9000), block(next + 1, next + 100, moment + 10_000))
        assert.strictEqual((yield* store.get(saId("out")))?.horizon, next + 101)
      })
    )

    law("lets a clock that is set back make no lease longer", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("out"))], moment)
        const decade = 315_360_000_000
        yield* given(store, "out", "a", moment + decade)
        const answer = yield* store.reserve({ id: saId("out"), owner: "b", count: 1, leaseMillis: 1000, now: moment })
        assert.deepStrictEqual(answer, { _tag: "Wait", until: moment + 1000 })
        assert.strictEqual((yield* given(store, "out", "b", moment + 1000)).first, 9)
      })
    )

    law("says when the outbound numbers are used up, and gives none twice", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("few", { outbound: { first: 10, last: 14 } }))], moment)
        const first = yield* given(store, "few", "a", moment, 3)
        assert.deepStrictEqual([first.first, first.last], [10, 12])
        const rest = yield* given(store, "few", "a", moment, 3)
        assert.deepStrictEqual([rest.first, rest.last], [13, 14])
        const request = { id: saId("few"), owner: "a", count: 1, leaseMillis: 0, now: moment }
        const error = yield* Effect.flip(store.reserve(request))
        assert.strictEqual(error._tag === "Exhausted" ? error.last : undefined, 14)
        assert.strictEqual(yield* failureTag(store.reserve({ ...request, id: saId("none") })), "SaNotFound")
        yield* store.transact([put(anAssociation("few", { outbound: { first: 1, last: 20 } }))], moment)
        assert.strictEqual((yield* given(store, "few", "a", moment)).first, 15)
      })
    )

    law("sweeps what has ended, at most as much as asked", (store) =>
      Effect.gen(function* () {
        const end = moment + 100
        for (let i = 0; i < 10; i++) {
          yield* store.transact(
            [put(anAssociation(`s${i}`, { hardExpiry: end + i })), putRecord("c", `${i}`, octets(i), "any", end)],
            moment
          )
        }
        yield* store.transact([put(anAssociation("stays")), putRecord("c", "stays", octets(1))], moment)
        assert.deepStrictEqual(yield* store.sweep(end - 1, 100), { associations: [], removed: 0 })
        assert.deepStrictEqual(yield* store.sweep(end + 4, 3), {
          associations: ["s0", "s1", "s2"].map(saId),
          removed: 3
        })
        assert.deepStrictEqual(yield* store.size, { associations: 8, records: 11 })
        assert.deepStrictEqual(yield* store.sweep(end + 4, 6), { associations: ["s3", "s4"].map(saId), removed: 6 })
        assert.deepStrictEqual(yield* store.size, { associations: 6, records: 7 })
        assert.strictEqual((yield* store.sweep(end + 50, 1000)).removed, 11)
        assert.deepStrictEqual(yield* store.size, { associations: 1, records: 1 })
        assert.strictEqual(yield* failureTag(store.transact([accept(saId("s0"), 1)], moment)), "SaNotFound")
      })
    )

    law("forgets a revocation after a day", (store) =>
      Effect.gen(function* () {
        const day = 86_400_000
        yield* store.transact([put(anAssociation("old", { wireId: octets(1) }))], moment)
        yield* store.transact([revoke(saId("old"), "replaced")], moment)
        yield* store.sweep(moment + day - 1, 10)
        assert.strictEqual(yield* failureTag(store.get(saId("old"))), "SaRevoked")
        assert.strictEqual(yield* failureTag(store.find("test", octets(1))), "SaRevoked")
        assert.deepStrictEqual(yield* store.sweep(moment + day, 10), { associations: [], removed: 1 })
        assert.isUndefined(yield* store.get(saId("old")))
        assert.isUndefined(yield* store.find("test", octets(1)))
      })
    )

    law("lists records in the order of their keys, by prefix and by page, without those that ended", (store) =>
      Effect.gen(function* () {
        const keys = [
          "",
          "a",
          "a\u0000",
          "a/1",
          "a/10",
          "a/2",
          "a\ud7ff",
          "a\ue000",
          "a\uffff",
          "a\u{10000}",
          "b",
          "%",
          "_"
        ]
        const sorted = [
          "%",
          "_",
          "a",
          "a\u0000",
          "a/1",
          "a/10",
          "a/2",
          "a\ud7ff",
          "a\ue000",
          "a\uffff",
          "a\u{10000}",
          "b"
        ]
        for (const key of keys.toReversed()) {
          if (key !== "") yield* store.transact([putRecord("list", key, octets(1), "any", moment + 10)], moment)
        }
        yield* store.transact(
          [putRecord("list", "a/0", octets(1), "any", moment), putRecord("tsil", "z", octets(1))],
          0
        )
        const list = (options: { readonly after?: string; readonly prefix?: string; readonly limit?: number }) =>
          Effect.map(store.records("list", { ...options, now: moment }), (records) => records.map(({ key }) => key))
        assert.deepStrictEqual(yield* list({}), sorted)
        assert.deepStrictEqual(yield* list({ prefix: "a/" }), ["a/1", "a/10", "a/2"])
        assert.deepStrictEqual(yield* list({ prefix: "a/", after: "a/1" }), ["a/10", "a/2"])
        assert.deepStrictEqual(yield* list({ prefix: "a/", after: "a/1", limit: 1 }), ["a/10"])
        assert.deepStrictEqual(yield* list({ prefix: "a/", after: "b" }), [])
        assert.deepStrictEqual(yield* list({ prefix: "a/", after: "A" }), ["a/1", "a/10", "a/2"])
        assert.deepStrictEqual(yield* list({ prefix: "a\ud7ff" }), ["a\ud7ff"])
        assert.deepStrictEqual(yield* list({ prefix: "%" }), ["%"])
        assert.deepStrictEqual(yield* list({ prefix: "\u{10ffff}" }), [])
        assert.deepStrictEqual(yield* list({ limit: 0 }), [])
        const paged: Array<string> = []
        for (let after: string | undefined; ; after = paged.at(-1)) {
          const page = yield* list({ limit: 5, ...(after === undefined ? {} : { after }) })
          if (page.length === 0) break
          paged.push(...page)
        }
        assert.deepStrictEqual(paged, sorted)
        assert.deepStrictEqual(yield* store.records("list", { now: moment + 10 }), [])
        assert.isUndefined(yield* store.record("list", "a", moment + 10))
      })
    )

    law("gives the octets of a mechanism to one living association", (store) =>
      Effect.gen(function* () {
        const wireId = octets(0, 255)
        const at = (...operations: ReadonlyArray<ReturnType<typeof put>>) =>
          failureTag(store.transact(operations, moment))
        const holder = Effect.map(store.find("test", wireId), (found) => found?.sa.id)
        assert.strictEqual(yield* at(put(anAssociation("one", { wireId }))), "Success")
        assert.strictEqual(yield* at(put(anAssociation("two", { wireId }))), "Conflict")
        assert.strictEqual(yield* at(put(anAssociation("two", { wireId, mechanism: "other" }))), "Success")
        assert.strictEqual(yield* at(put(anAssociation("one", { wireId }))), "Success")
        assert.strictEqual(yield* at(put(anAssociation("three"))), "Success")
        assert.strictEqual(yield* at(put(anAssociation("three", { wireId }))), "Conflict")
        assert.strictEqual(yield* holder, "one")
        assert.strictEqual(
          yield* at(put(anAssociation("one", { wireId: octets(1) })), put(anAssociation("three", { wireId }))),
          "Success"
        )
        assert.strictEqual(yield* holder, "three")
        assert.strictEqual(
          yield* at(
            put(anAssociation("three")),
            put(anAssociation("one", { wireId })),
            put(anAssociation("three", { wireId: octets(1) }))
          ),
          "Success"
        )
        assert.strictEqual(yield* holder, "one")
        assert.strictEqual((yield* store.find("test", octets(1)))?.sa.id, "three")
        assert.strictEqual(
          yield* at(revoke(saId("one"), "replaced"), put(anAssociation("four", { wireId }))),
          "Success"
        )
        assert.strictEqual(yield* holder, "four")
        yield* store.transact([revoke(saId("four"), "replaced")], moment)
        assert.strictEqual(yield* failureTag(store.find("test", wireId)), "SaRevoked")
      })
    )

    law("takes the octets from an association that is over", (store) =>
      Effect.gen(function* () {
        const wireId = octets(5)
        const old = anAssociation("old", { wireId, hardExpiry: moment + 1 })
        yield* store.transact([put(old)], moment)
        yield* store.transact([put(anAssociation("new", { wireId }))], moment + 1)
        assert.strictEqual((yield* store.find("test", wireId))?.sa.id, "new")
        assert.deepStrictEqual((yield* store.get(old.id))?.sa, old)
        assert.strictEqual(
          yield* failureTag(store.transact([put(anAssociation("old", { wireId }))], moment + 1)),
          "Conflict"
        )
        assert.deepStrictEqual((yield* store.sweep(moment + 1, 10)).associations, [old.id])
        assert.strictEqual((yield* store.find("test", wireId))?.sa.id, "new")
      })
    )

    law("refuses what breaks a limit, and keeps nothing of it", (store) =>
      Effect.gen(function* () {
        const long = "x".repeat(513)
        const bad = [
          put(anAssociation("")),
          put(anAssociation("x".repeat(256))),
          put(anAssociation("\ud800")),
          put(anAssociation("m", { mechanism: "" })),
          put(anAssociation("w", { wireId: octets() })),
          put(anAssociation("w", { wireId: new Uint8Array(65) })),
          put(anAssociation("a", { attributes: { a: "x".repeat(4096) } })),
          put(anAssociation("s", { softExpiry: 2, hardExpiry: 1 })),
          put(anAssociation("t", { hardExpiry: Number.NaN })),
          put(anAssociation("o", { outbound: { first: 5, last: 4 } })),
          put(anAssociation("r", { replay: { _tag: "window", size: 7 } })),
          put(anAssociation("f", { firstInbound: -1 })),
          putRecord("", "k", octets(1)),
          putRecord("x".repeat(65), "k", octets(1)),
          putRecord("c", "", octets(1)),
          putRecord("c", long, octets(1)),
          putRecord("c", "\udc00", octets(1)),
          putRecord("c", "k", new Uint8Array(recordLimits.value + 1)),
          putRecord("c", "k", octets(1), "any", 0.5)
        ]
        for (const operation of bad) {
          const tag = yield* failureTag(store.transact([putRecord("c", "other", octets(1)), operation], moment))
          assert.strictEqual(tag, "Unacceptable", JSON.stringify(operation).slice(0, 200))
        }
        const many = Array.from({ length: 1001 }, (_, i) => putRecord("c", `${i}`, octets(1)))
        assert.strictEqual(yield* failureTag(store.transact(many, moment)), "Unacceptable")
        assert.strictEqual(
          yield* failureTag(store.transact([putRecord("c", "k", octets(1))], Number.NaN)),
          "Unacceptable"
        )
        assert.deepStrictEqual(yield* store.size, { associations: 0, records: 0 })
        const most = new Uint8Array(recordLimits.value).fill(1)
        yield* store.transact([putRecord("x".repeat(64), "y".repeat(512), most)], moment)
        assert.deepStrictEqual((yield* store.record("x".repeat(64), "y".repeat(512), moment))?.value, most)
      })
    )

    law("leaves old or new when a transaction is interrupted", (store) =>
      Effect.gen(function* () {
        yield* store.transact([put(anAssociation("i")), putRecord("c", "k", octets(0))], moment)
        for (let n = 1; n <= 50; n++) {
          const both = store.transact([accept(saId("i"), n), putRecord("c", "k", octets(n))], moment)
          const fiber = yield* Effect.forkChild(both)
          if (n % 3 > 0) yield* Effect.yieldNow
          if (n % 3 > 1) yield* settle
          yield* Fiber.interrupt(fiber)
          const highest = (yield* store.get(saId("i")))?.inbound.highest
          const value = (yield* store.record("c", "k", moment))?.value[0]
          assert.strictEqual(highest, value, `after ${n}`)
        }
        yield* store.transact([accept(saId("i"), 51)], moment)
      })
    )

    if (options.place !== undefined) durableLaws(options.place, pause)
  })
}
