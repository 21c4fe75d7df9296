/**
 * The laws of stores that outlive their connection: two connections to one place, and opening it again.
 *
 * @layer binding
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Revocation } from "../SecurityAssociation.ts"
import { saId } from "../SecurityAssociation.ts"
import { accept, put, putRecord, revoke, Store } from "../Store.ts"
import { anAssociation, anOddAssociation, moment } from "./associations.ts"
import { failureTag, given, listening, octets, racing, settle } from "./laws.ts"

type Service = Store["Service"]

/** Runs them on `place`, which makes a new empty place and gives the layer that opens it. */
export const durableLaws = <E>(
  place: Effect.Effect<Layer.Layer<Store, E>, E, Scope.Scope>,
  pause: Effect.Effect<void>
): void => {
  const opened = <A, E2>(layer: Layer.Layer<Store, E>, body: (store: Service) => Effect.Effect<A, E2>) =>
    Effect.provide(Effect.flatMap(Store, body), Layer.fresh(layer))

  const pair = <A, E2>(body: (one: Service, two: Service) => Effect.Effect<A, E2>) =>
    Effect.scoped(Effect.flatMap(place, (layer) => opened(layer, (one) => opened(layer, (two) => body(one, two)))))

  it.live("accepts a number once, even when sixteen fibers race for it over two connections", () =>
    pair((one, two) =>
      Effect.gen(function* () {
        yield* one.transact([put(anAssociation("race"))], moment)
        for (let number = 1; number <= 20; number++) {
          const race = Array.from({ length: 16 }, (_, i) =>
            (i % 2 === 0 ? one : two).transact([accept(saId("race"), number)], moment)
          )
          assert.strictEqual(yield* racing(race), 1)
        }
      })
    )
  )

  it.live("lets both connections see what either did", () =>
    pair((one, two) =>
      Effect.gen(function* () {
        yield* one.transact([put(anAssociation("seen", { wireId: octets(1) })), putRecord("c", "k", octets(1))], moment)
        assert.strictEqual((yield* two.get(saId("seen")))?.version, 1)
        yield* two.transact([put(anAssociation("seen"), 1), putRecord("c", "k", octets(2), 1)], moment)
        assert.strictEqual((yield* one.get(saId("seen")))?.version, 2)
        assert.isUndefined(yield* one.find("test", octets(1)))
        assert.strictEqual(yield* failureTag(one.transact([put(anAssociation("seen"), 1)], moment)), "Conflict")
        yield* one.transact([revoke(saId("seen"), "replaced")], moment)
        assert.strictEqual(yield* failureTag(two.transact([accept(saId("seen"), 1)], moment)), "SaRevoked")
      })
    )
  )

  it.live("announces a revocation once to the readers of both connections", () =>
    pair((one, two) =>
      Effect.gen(function* () {
        yield* one.transact(
          ["a", "b"].map((id) => put(anAssociation(id))),
          moment
        )
        let far: ReadonlyArray<Revocation> = []
        const near = yield* listening(
          one,
          (nearHeard) =>
            Effect.gen(function* () {
              far = yield* listening(
                two,
                (farHeard) =>
                  Effect.gen(function* () {
                    yield* one.transact([revoke(saId("a"), "compromised")], moment)
                    yield* two.transact([revoke(saId("b"), "replaced"), revoke(saId("a"), "replaced")], moment)
                    for (let i = 0; i < 400 && (farHeard.length < 2 || nearHeard.length < 2); i++) yield* settle
                  }),
                pause
              )
            }),
          pause
        )
        const heard = (revocations: ReadonlyArray<Revocation>) => revocations.map(({ id, why }) => `${id} ${why}`)
        assert.deepStrictEqual(heard(near), ["a compromised", "b replaced"])
        assert.deepStrictEqual(heard(far), ["a compromised", "b replaced"])
      })
    )
  )

  it.live("gives each outbound number once over two connections", () =>
    pair((one, two) =>
      Effect.gen(function* () {
        yield* one.transact([put(anAssociation("out"))], moment)
        const taken: Array<number> = []
        for (let step = 0; step < 200; step++) {
          const [store, owner] = step % 3 === 0 ? ([one, "one"] as const) : ([two, "two"] as const)
          const request = { id: saId("out"), owner, count: 10, leaseMillis: 20, now: moment + step }
          const answer = yield* store.reserve(request)
          if (answer._tag === "Block") for (let n = answer.first; n <= answer.last; n++) taken.push(n)
        }
        assert.deepStrictEqual(
          taken,
          Array.from(taken.keys(), (i) => i + 1)
        )
        assert.isAbove(taken.length, 100)
      })
    )
  )

  it.live("knows after it was opened again what it had accepted, given and revoked", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const layer = yield* place
        const odd = anOddAssociation("odd")
        yield* opened(layer, (store) =>
          Effect.gen(function* () {
            yield* store.transact([put(odd), put(anAssociation("kept")), accept(saId("kept"), 40)], moment)
            yield* store.transact([accept(saId("kept"), 7)], moment)
            yield* given(store, "kept", "a", moment, 1024)
            yield* store.transact(
              [put(anAssociation("gone")), putRecord("c", "k", octets(0, 1, 2), "any", moment + 9)],
              moment
            )
            yield* store.transact([revoke(saId("gone"), "compromised")], moment)
            yield* store.transact([put(anAssociation("over", { hardExpiry: moment + 5 }))], moment)
            yield* failureTag(store.transact([accept(saId("over"), 1)], moment + 5))
          })
        )
        yield* opened(layer, (store) =>
          Effect.gen(function* () {
            assert.deepStrictEqual((yield* store.get(odd.id))?.sa, odd)
            for (const number of [7, 40]) {
              assert.strictEqual(yield* failureTag(store.transact([accept(saId("kept"), number)], moment)), "Replayed")
            }
            yield* store.transact([accept(saId("kept"), 8)], moment)
            assert.strictEqual((yield* given(store, "kept", "a", moment + 1)).first, 1025)
            assert.strictEqual(yield* failureTag(store.get(saId("gone"))), "SaRevoked")
            assert.strictEqual(yield* failureTag(store.transact([accept(saId("over"), 1)], moment)), "SaExpired")
            const expected = { key: "k", value: octets(0, 1, 2), version: 1, notAfter: moment + 9 }
            assert.deepStrictEqual(yield* store.record("c", "k", moment), expected)
            const heard = yield* listening(store, () => Effect.void)
            assert.deepStrictEqual(heard, [])
          })
        )
      })
    )
  )

  it.live("accepts over many openings exactly what a plain set of numbers accepts", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const layer = yield* place
        const seen = new Set<number>()
        let highest = 0
        let seed = 20_261_120
        const random = (below: number) => {
          seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
          return Math.floor((seed / 0x1_0000_0000) * below)
        }
        yield* opened(layer, (store) => store.transact([put(anAssociation("model"))], moment))
        for (let life = 0; life < 10; life++) {
          yield* opened(layer, (store) =>
            Effect.forEach(Array.from({ length: 100 }), () =>
              Effect.gen(function* () {
                const number = Math.max(0, highest - 128 + random(136))
                const fresh = number >= 1 && !seen.has(number) && number > highest - 64
                const tag = yield* failureTag(store.transact([accept(saId("model"), number)], moment + random(7) - 3))
                assert.strictEqual(tag, fresh ? "Success" : "Replayed", `${number} at ${highest}`)
                if (!fresh) return
                seen.add(number)
                highest = Math.max(highest, number)
              })
            )
          )
        }
      })
    )
  )
}
