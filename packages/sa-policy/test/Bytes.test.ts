import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { Bytes } from "../src/bytes/index.ts"

const octets = fc.uint8Array({ maxLength: 200 })
const decoded = (text: string) => {
  const result = Bytes.fromBase64(text)
  return Result.isSuccess(result) ? Bytes.toHex(result.success) : result.failure
}

describe("Bytes", () => {
  it("gives base64 and hexadecimal that Node reads, and reads what Node gives", () => {
    fc.assert(
      fc.property(octets, (o) => {
        assert.strictEqual(Bytes.toBase64(o), Buffer.from(o).toString("base64"))
        assert.strictEqual(Bytes.toHex(o), Buffer.from(o).toString("hex"))
        assert.strictEqual(decoded(Bytes.toBase64(o)), Bytes.toHex(o))
        assert.deepStrictEqual(Bytes.fromHex(Bytes.toHex(o).toUpperCase()), o)
      })
    )
  })
  it("reads base64 with white space and without padding, and nothing else that is not base64", () => {
    assert.strictEqual(decoded(" Tm9\r\n1Y2U \t"), "4e6f756365")
    assert.strictEqual(decoded("Tm9uY2U"), "4e6f6e6365")
    assert.strictEqual(decoded(""), "")
    assert.strictEqual(decoded("Tm9uY2U!"), "character")
    assert.strictEqual(decoded("Tm9uY-U="), "character")
    assert.strictEqual(decoded("Tm9=Y2U="), "padding")
    assert.strictEqual(decoded("Tm9uY2U=="), "padding")
    assert.strictEqual(decoded("==="), "padding")
    assert.strictEqual(decoded("T"), "length")
    assert.strictEqual(decoded("Tm9uY2V="), "trailing bits")
  })
  it("[fuzz] reads any text as base64 in one way or not at all", () => {
    const alphabet = fc.constantFrom(..."ABCDwxyz0189+/= \n-_é")
    const text = fc.array(alphabet, { maxLength: 40 }).map((characters) => characters.join(""))
    fc.assert(
      fc.property(text, (t) => {
        const result = Bytes.fromBase64(t)
        if (Result.isSuccess(result)) {
          assert.strictEqual(Bytes.toBase64(result.success).replace(/=/g, ""), t.replace(/[\s=]/g, ""))
        }
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 2000) }
    )
  })
  it("compares, joins, mixes and wipes", () => {
    fc.assert(
      fc.property(octets, octets, (a, b) => {
        assert.strictEqual(Bytes.equal(a, b), Buffer.from(a).equals(Buffer.from(b)))
        assert.deepStrictEqual(Bytes.concat(a, b), Uint8Array.of(...a, ...b))
        assert.deepStrictEqual(Bytes.xor(Bytes.xor(a, a), a), a)
        assert.strictEqual(Bytes.xor(a, b).length, Math.min(a.length, b.length))
        Bytes.wipe(a)
        assert.isTrue(a.every((octet) => octet === 0))
      })
    )
    for (let i = 0; i < 32; i++) {
      const a = new Uint8Array(32).fill(7)
      const b = a.slice()
      b[i]! ^= 128
      assert.isFalse(Bytes.equal(a, b))
    }
  })
  it("tells UTF-8 from other octets", () => {
    assert.strictEqual(Bytes.utf8Decode(Bytes.utf8("Jörg 😀")), "Jörg 😀")
    assert.isUndefined(Bytes.utf8Decode(Uint8Array.of(0xff, 0xfe)))
    assert.isUndefined(Bytes.utf8Decode(Uint8Array.of(0xc0, 0x80)))
    assert.isUndefined(Bytes.fromHex("abc"))
    assert.isUndefined(Bytes.fromHex("zz"))
  })
})
