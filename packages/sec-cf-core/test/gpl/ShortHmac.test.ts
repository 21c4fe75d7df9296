import { NodePrimitives } from "@oma/sa-policy/node"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as ShortHmac from "../../src/gpl/ShortHmac.ts"

const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)

describe("ShortHmac", () => {
  it("[fuzz] is HMAC-SHA-256 of node:crypto, for any key, any length, in any order of use", () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 100 })
    const data = fc.uint8Array({ maxLength: 2 * ShortHmac.longest, size: "max" })
    fc.assert(
      fc.property(key, key, data, data, (k1, k2, one, two) => {
        const [a, b] = [NodePrimitives.importKey(k1), NodePrimitives.importKey(k2)]
        const expected = NodePrimitives.hmac("sha256")
        assert.deepStrictEqual(Buffer.from(ShortHmac.mac(a, one)), Buffer.from(expected(k1, one)))
        assert.deepStrictEqual(Buffer.from(ShortHmac.mac(b, two)), Buffer.from(expected(k2, two)))
        assert.deepStrictEqual(Buffer.from(ShortHmac.mac(a, two)), Buffer.from(expected(k1, two)))
      }),
      { numRuns: runs }
    )
  })

  it("gives octets of its own, and asks no key that was disposed", () => {
    const key = NodePrimitives.importKey(new Uint8Array(32).fill(1))
    const first = ShortHmac.mac(key, Uint8Array.of(1))
    const copy = first.slice()
    ShortHmac.mac(key, Uint8Array.of(2))
    assert.deepStrictEqual(first, copy)
    const gone = NodePrimitives.importKey(new Uint8Array(32).fill(2))
    gone.dispose()
    assert.throws(() => ShortHmac.mac(gone, Uint8Array.of(1)))
  })
})
