/**
 * The laws of stores behind a server: it goes and comes back, clients die, nodes race with clocks that differ.
 *
 * @layer binding
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { Unavailable } from "../../src/SaError.ts"
import { saId } from "../../src/SecurityAssociation.ts"
import { accept, epochRecord, put, putRecord, Store } from "../../src/Store.ts"
import { anAssociation, anOddAssociation, moment } from "../../src/testing/associations.ts"
import { failureTag, racing } from "../../src/testing/laws.ts"
import { histories, sameAsMemory } from "./histories.ts"
import { survivesKills } from "./killing.ts"

type Service = Store["Service"]

/** A server and its stores by name. */
export interface StoreServer {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  /** As a crash does. */
  readonly kill: () => Promise<void>
  /** For another process. */
  readonly place: (name: string) => string
  readonly layer: (name: string) => Layer.Layer<Store, Unavailable>
  /** What an operator does whose store may be older than it was. */
  readonly recover: (name: string) => Effect.Effect<void, Unavailable>
}

/** The `retryable` of the `Unavailable` with which `effect` must fail. */
export const unavailable = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, Unavailable)
    return error instanceof Unavailable ? error.retryable : undefined
  })

export const opened = <A, E, E2>(layer: Layer.Layer<Store, E>, body: (store: Service) => Effect.Effect<A, E2>) =>
  Effect.provide(Effect.flatMap(Store, body), Layer.fresh(layer), { local: true })

/** Why the association `id` is gone. */
export const reasonOf = (store: Service, id: string) =>
  Effect.map(Effect.flip(store.get(saId(id))), (error) => (error._tag === "SaRevoked" ? error.why : error._tag))

export const epochOf = (store: Service) =>
  Effect.map(store.record(epochRecord.collection, epochRecord.key, moment), (record) => record?.version ?? 0)

const runs = Math.ceil(Number(process.env["FUZZ_RUNS"] ?? 2000) / 80)

/** Runs them on the server that `server` gives once it is started. */
export const serverLaws = (server: () => StoreServer): void => {
  let made = 0
  const fresh = () => `law${++made}`

  it.live(
    "is unavailable while its server is away, comes back with it, and keeps what it acknowledged under load",
    () =>
      opened(server().layer(fresh()), (store) =>
        Effect.gen(function* () {
          const id = saId("loaded")
          yield* store.transact([put(anAssociation(id, { replay: { _tag: "window", size: 4096 } }))], moment)
          const accepted = new Set<number>()
          const failures: Array<{ readonly tag: string; readonly retryable: boolean | undefined }> = []
          let next = 1
          let ended = false
          const load = Effect.whileLoop({
            while: () => !ended,
            body: () => {
              const number = next++
              const effect = putRecord("effects", String(number), Uint8Array.of(1), "absent")
              return Effect.andThen(
                Effect.matchEffect(store.transact([accept(id, number), effect], moment), {
                  onSuccess: () => Effect.sync(() => accepted.add(number)),
                  onFailure: (error) => {
                    const retryable = error._tag === "Unavailable" ? error.retryable : undefined
                    failures.push({ tag: error._tag, retryable })
                    return Effect.sleep(20)
                  }
                }),
                Effect.sleep(2)
              )
            },
            step: () => undefined
          })
          let backAfter = Number.POSITIVE_INFINITY
          const faults = Effect.gen(function* () {
            for (const way of ["kill", "stop"] as const) {
              yield* Effect.sleep(150)
              yield* Effect.promise(() => server()[way]())
              assert.isTrue(yield* unavailable(store.get(id)))
              assert.isTrue(yield* unavailable(store.transact([accept(id, 1)], moment)))
              assert.isTrue(yield* unavailable(store.record("c", "k", moment)))
              assert.isTrue(yield* unavailable(store.size))
              yield* Effect.promise(() => server().start())
              const since = performance.now()
              while ((yield* failureTag(store.get(id))) !== "Success") yield* Effect.sleep(5)
              backAfter = performance.now() - since
              assert.isBelow(backAfter, 1000)
            }
            yield* Effect.sleep(100)
            ended = true
          })
          yield* Effect.all([load, load, load, faults], { concurrency: "unbounded", discard: true })
          assert.deepStrictEqual(
            failures.filter(({ tag, retryable }) => tag !== "Unavailable" || retryable !== true),
            []
          )
          assert.isAbove(failures.length, 0)
          assert.isAbove(accepted.size, 20)
          for (const number of accepted) {
            assert.strictEqual(yield* failureTag(store.transact([accept(id, number)], moment)), "Replayed")
            assert.isDefined(yield* store.record("effects", String(number), moment), `the effect of ${number} was lost`)
          }
          for (let number = 1; number < next; number++) {
            if (accepted.has(number) || (yield* store.record("effects", String(number), moment)) === undefined) continue
            // its answer was lost with the server, and it was done: whole
            assert.strictEqual(yield* failureTag(store.transact([accept(id, number)], moment)), "Replayed")
          }
        })
      ),
    30_000
  )

  it.live(
    "forgets nothing that it acknowledged when its clients are killed",
    () => {
      const name = fresh()
      return survivesKills(server().place(name), server().layer(name), 2)
    },
    60_000
  )

  it.live(
    "accepts a number once, ends an association once and leases numbers once between clocks five seconds apart",
    () =>
      Effect.gen(function* () {
        const layer = server().layer(fresh())
        yield* opened(layer, (early) =>
          opened(layer, (late) =>
            Effect.gen(function* () {
              const id = saId("skewed")
              const skew = 5000
              yield* early.transact(
                [put(anAssociation(id)), put(anAssociation("ends", { hardExpiry: moment + 1000 }))],
                moment
              )
              for (let number = 1; number <= 20; number++) {
                const race = [early, late, early, late].map((store, i) =>
                  store.transact([accept(id, number)], i % 2 === 0 ? moment : moment + skew)
                )
                assert.strictEqual(yield* racing(race), 1)
              }
              yield* early.transact([accept(saId("ends"), 1)], moment)
              assert.strictEqual(
                yield* failureTag(late.transact([accept(saId("ends"), 2)], moment + skew)),
                "SaExpired"
              )
              assert.strictEqual(yield* failureTag(early.transact([accept(saId("ends"), 2)], moment)), "SaExpired")
              const taken: Array<number> = []
              for (let step = 0; step < 60; step++) {
                const [store, owner, now] =
                  step % 2 === 0 ? ([early, "early", moment] as const) : ([late, "late", moment + skew] as const)
                const answer = yield* store.reserve({ id, owner, count: 8, leaseMillis: 300, now: now + step * 20 })
                if (answer._tag === "Block") for (let n = answer.first; n <= answer.last; n++) taken.push(n)
              }
              assert.strictEqual(new Set(taken).size, taken.length)
              assert.deepStrictEqual(
                taken,
                taken.toSorted((a, b) => a - b)
              )
              assert.isAbove(taken.length, 20)
            })
          )
        )
      })
  )

  it.live(
    "does with any history what the memory store does",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(histories, (history) =>
            Effect.runPromise(opened(server().layer(fresh()), (store) => sameAsMemory(store, history)))
          ),
          { numRuns: runs }
        )
      ),
    600_000
  )

  it.live("is started anew by hand: associations revoked, epoch raised, records kept", () =>
    Effect.gen(function* () {
      const name = fresh()
      const odd = anOddAssociation("odd")
      yield* opened(server().layer(name), (store) =>
        Effect.gen(function* () {
          yield* store.transact([put(odd), put(anAssociation("b")), putRecord("c", "k", Uint8Array.of(7))], moment)
          assert.strictEqual(yield* epochOf(store), 0)
          yield* server().recover(name)
          assert.strictEqual(yield* reasonOf(store, odd.id), "store-recovered")
          assert.strictEqual(yield* failureTag(store.transact([accept(saId("b"), 1)], moment)), "SaRevoked")
          assert.strictEqual(yield* failureTag(store.find(odd.mechanism, odd.wireId!)), "SaRevoked")
          assert.deepStrictEqual((yield* store.record("c", "k", moment))?.value, Uint8Array.of(7))
          assert.strictEqual(yield* epochOf(store), 1)
          yield* store.transact([put(anAssociation("b"), "absent"), put(odd, "absent")], moment)
          assert.strictEqual((yield* store.find(odd.mechanism, odd.wireId!))?.version, 2)
          yield* server().recover(name)
          assert.strictEqual(yield* epochOf(store), 2)
        })
      )
      yield* opened(server().layer(name), (store) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* epochOf(store), 2)
          assert.deepStrictEqual(yield* store.size, { associations: 0, records: 2 })
        })
      )
    })
  )
}
