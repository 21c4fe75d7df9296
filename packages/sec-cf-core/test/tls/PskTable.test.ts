import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { pskTable } from "../../src/tls/index.ts"

const key = (n: number) => new Uint8Array(32).fill(n)

describe("PskTable", () => {
  it("gives back what was put in, by value, and forgets what was deleted", () => {
    const table = pskTable(1)
    const mine = key(1)
    assert.isTrue(table.set("a", mine))
    mine.fill(9)
    const copy = table.get("a")
    assert.deepStrictEqual(copy, key(1))
    copy?.fill(9)
    assert.deepStrictEqual(table.get("a"), key(1))
    assert.isTrue(table.set("a", key(2)))
    assert.deepStrictEqual(table.get("a"), key(2))
    assert.strictEqual(table.size(), 1)
    assert.isTrue(table.delete("a"))
    assert.isFalse(table.delete("a"))
    assert.isUndefined(table.get("a"))
    assert.isFalse(table.set("b", new Uint8Array(31)))
    assert.strictEqual(table.size(), 0)
  })
  it("does what a Map does, over any row of changes and growth", () => {
    const change = FastCheck.tuple(FastCheck.constantFrom("set", "delete"), FastCheck.nat(60), FastCheck.nat(255))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(change, { maxLength: 300 }), (changes) => {
        const table = pskTable(1)
        const model = new Map<string, Uint8Array>()
        for (const [what, n, value] of changes) {
          const identity = `3GPP-bootstrapping;${n}`
          if (what === "set") {
            table.set(identity, key(value))
            model.set(identity, key(value))
          } else assert.strictEqual(table.delete(identity), model.delete(identity))
        }
        assert.strictEqual(table.size(), model.size)
        for (let n = 0; n <= 60; n++) {
          assert.deepStrictEqual(table.get(`3GPP-bootstrapping;${n}`), model.get(`3GPP-bootstrapping;${n}`))
        }
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 300) }
    )
  }, 600_000)
})
