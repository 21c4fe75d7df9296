import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ReplayWindow from "../src/ReplayWindow.ts"

const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)

/** Accepting each number once, written as plainly as possible: everything that was ever accepted, in a set. */
class Model {
  private readonly accepted = new Set<number>()
  private highest: number
  private readonly mode: ReplayWindow.ReplayMode
  private readonly first: number

  constructor(mode: ReplayWindow.ReplayMode, first: number) {
    this.mode = mode
    this.first = first
    this.highest = first - 1
  }

  accept(number: number): boolean {
    if (!Number.isSafeInteger(number) || number < 0) return false
    if (this.mode._tag === "none") return true
    if (number < this.first || this.accepted.has(number)) return false
    if (this.mode._tag === "strict" && number <= this.highest) return false
    if (this.mode._tag === "window" && number <= this.highest - this.mode.size) return false
    if (this.mode.maxJump !== undefined && number - this.highest > this.mode.maxJump) return false
    this.accepted.add(number)
    this.highest = Math.max(this.highest, number)
    return true
  }
}

const modes = fc.oneof(
  fc.constant(ReplayWindow.noReplay),
  fc.record({ _tag: fc.constant("strict" as const), maxJump: fc.integer({ min: 1, max: 500 }) }),
  fc.constant(ReplayWindow.strict),
  fc.integer({ min: 1, max: 200 }).map((size) => ReplayWindow.window(size)),
  fc
    .tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 500 }))
    .map(([s, j]) => ReplayWindow.window(s, j))
)

const top = Number.MAX_SAFE_INTEGER
const firsts = fc.oneof(
  fc.constantFrom(0, 1, 2, 31, 32, 63, 64, 2 ** 32 - 40, top - 300),
  fc.integer({ min: 0, max: 999 })
)

/** Numbers near each other, with loss, repetition, reordering up to twice the window, and wild ones. */
const deliveries = (first: number) =>
  fc.array(
    fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: -40, max: 300 }).map((n) => first + n) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 2000 }).map((n) => first + n) },
      { weight: 1, arbitrary: fc.constantFrom(0, -1, 1.5, Number.NaN, Infinity, top, top + 1, 2 ** 32, -(2 ** 40)) }
    ),
    { maxLength: 120 }
  )

describe("ReplayWindow", () => {
  it("accepts exactly what a plain set of accepted numbers accepts", () => {
    fc.assert(
      fc.property(
        modes,
        firsts.chain((first) => fc.tuple(fc.constant(first), deliveries(first))),
        (mode, [first, numbers]) => {
          const model = new Model(mode, first)
          let state = ReplayWindow.initial(mode, first)
          for (const number of numbers) {
            const before = { highest: state.highest, seen: [...state.seen] }
            const refusal = ReplayWindow.refusal(mode, state, number)
            const result = ReplayWindow.accept(mode, state, number)
            assert.deepStrictEqual({ highest: state.highest, seen: [...state.seen] }, before, "the state was changed")
            assert.strictEqual(result._tag === "Success", model.accept(number), `${number}`)
            assert.strictEqual(result._tag === "Failure" ? result.failure : undefined, refusal)
            if (result._tag === "Success") state = result.success
          }
        }
      ),
      { numRuns: Math.ceil(runs / 4) }
    )
  })

  it("lets no number below the first one in, zero included", () => {
    for (const first of [1, 2, 10, 64, 65, 1000]) {
      for (const mode of [ReplayWindow.window(64), ReplayWindow.strict]) {
        const state = ReplayWindow.initial(mode, first)
        for (let n = 0; n < first; n++) assert.isDefined(ReplayWindow.refusal(mode, state, n), `${n} below ${first}`)
        assert.isUndefined(ReplayWindow.refusal(mode, state, first))
      }
    }
    assert.isUndefined(ReplayWindow.refusal(ReplayWindow.window(), ReplayWindow.initial(ReplayWindow.window(), 0), 0))
  })

  it("names the reason of a refusal", () => {
    const mode = ReplayWindow.window(64, 100)
    let state = ReplayWindow.initial(mode)
    for (const n of [1, 80]) {
      const next = ReplayWindow.accept(mode, state, n)
      assert.strictEqual(next._tag, "Success")
      if (next._tag === "Success") state = next.success
    }
    assert.strictEqual(ReplayWindow.refusal(mode, state, 80), "replayed")
    assert.strictEqual(ReplayWindow.refusal(mode, state, 16), "below-window")
    assert.isUndefined(ReplayWindow.refusal(mode, state, 17))
    assert.isUndefined(ReplayWindow.refusal(mode, state, 180))
    assert.strictEqual(ReplayWindow.refusal(mode, state, 181), "beyond-jump")
    assert.strictEqual(ReplayWindow.refusal(mode, state, 1.5), "out-of-range")
    assert.strictEqual(ReplayWindow.refusal(mode, state, 2 ** 53), "out-of-range")
  })

  it("takes the last number there is and then none above it", () => {
    const mode = ReplayWindow.window(32)
    let state = ReplayWindow.initial(mode, top - 40)
    for (const n of [top - 33, top - 31, top - 1, top]) {
      const next = ReplayWindow.accept(mode, state, n)
      assert.strictEqual(next._tag, "Success", `${n}`)
      if (next._tag === "Success") state = next.success
    }
    assert.strictEqual(state.highest, top)
    assert.strictEqual(ReplayWindow.refusal(mode, state, top), "replayed")
    assert.strictEqual(ReplayWindow.refusal(mode, state, top - 31), "replayed")
    assert.isUndefined(ReplayWindow.refusal(mode, state, top - 30))
    assert.strictEqual(ReplayWindow.refusal(mode, state, top - 32), "below-window")
    assert.strictEqual(ReplayWindow.refusal(mode, state, top + 1), "out-of-range")
  })

  it("rounds sizes up and keeps them within bounds", () => {
    assert.deepStrictEqual(
      [-5, 0, 1, 32, 33, 64, 4095, 4096, 9999].map((size) => {
        const mode = ReplayWindow.window(size)
        return mode._tag === "window" ? mode.size : 0
      }),
      [32, 32, 32, 32, 64, 64, 4096, 4096, 4096]
    )
  })

  it("finds the fault of a mode that was not made by its functions", () => {
    assert.isUndefined(ReplayWindow.fault(ReplayWindow.window()))
    assert.isUndefined(ReplayWindow.fault(ReplayWindow.strict))
    assert.isUndefined(ReplayWindow.fault(ReplayWindow.noReplay))
    for (const size of [0, 7, 31, 33, -32, 32.5, Number.NaN, 4128]) {
      assert.isDefined(ReplayWindow.fault({ _tag: "window", size }), `${size}`)
    }
    for (const maxJump of [0, -1, 1.5, Number.NaN, Infinity]) {
      assert.isDefined(ReplayWindow.fault({ _tag: "strict", maxJump }), `${maxJump}`)
      assert.isDefined(ReplayWindow.fault({ _tag: "window", size: 32, maxJump }), `${maxJump}`)
    }
  })

  it("refuses after a change of mode everything that was accepted before it", () => {
    fc.assert(
      fc.property(
        modes,
        modes,
        fc.integer({ min: 0, max: 300 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 60 }),
        (from, to, first, numbers) => {
          let state = ReplayWindow.initial(from)
          const accepted = new Set<number>()
          const refusedBefore: Array<number> = []
          for (const number of numbers) {
            const next = ReplayWindow.accept(from, state, number)
            if (next._tag === "Success") {
              accepted.add(number)
              state = next.success
            }
          }
          for (let n = 0; n <= state.highest; n++) {
            if (ReplayWindow.refusal(from, state, n) !== undefined) refusedBefore.push(n)
          }
          const adopted = ReplayWindow.adopt(from, state, to, first)
          if (to._tag === "none" || from._tag === "none") return
          for (const n of [...accepted, ...refusedBefore])
            assert.isDefined(ReplayWindow.refusal(to, adopted, n), `${n}`)
          for (let n = 0; n < first; n++) assert.isDefined(ReplayWindow.refusal(to, adopted, n), `${n} below ${first}`)
          if (from._tag === "window" && to._tag === "window") {
            for (
              let n = Math.max(first, adopted.highest - to.size + 1, state.highest - from.size + 1);
              n <= state.highest;
              n++
            ) {
              const open = ReplayWindow.refusal(from, state, n) === undefined
              assert.strictEqual(
                ReplayWindow.refusal(to, adopted, n) === undefined,
                open,
                `${n} was ${open ? "open" : "shut"}`
              )
            }
          }
        }
      ),
      { numRuns: Math.ceil(runs / 4) }
    )
  })
})
