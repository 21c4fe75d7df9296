import { Autn, Auts, Tuak } from "@oma/sec-cf-core/aka"
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { hex, toHex, vectors } from "./support.ts"

interface Input {
  readonly kHex: string
  readonly topHex: string
  readonly randHex: string
  readonly sqnHex: string
  readonly amfHex: string
  readonly iterations: number
  readonly lengthsBits: { readonly MAC: number; readonly RES: number; readonly CK: number; readonly IK: number }
}
const all = vectors<Input, Readonly<Record<string, string>>>("tuak.json")
const octets = <N extends number>(bits: number) => (bits / 8) as N

describe("TUAK, TS 35.233", () => {
  it("has all six sets", () => assert.strictEqual(all.length, 6))

  it.each(all.map((v) => [v.name, v] as const))("%s", (_, { input, output }) => {
    const k = hex(input.kHex)
    const topc = Result.getOrThrow(Tuak.topcFromTop(k, hex(input.topHex), { iterations: input.iterations }))
    assert.strictEqual(toHex(topc), output["topcHex"])
    const f = Result.getOrThrow(
      Tuak.make(k, topc, {
        iterations: input.iterations,
        macLength: octets<8 | 16 | 32>(input.lengthsBits.MAC),
        resLength: octets<4 | 8 | 16 | 32>(input.lengthsBits.RES),
        ckLength: octets<16 | 32>(input.lengthsBits.CK),
        ikLength: octets<16 | 32>(input.lengthsBits.IK)
      })
    )
    const [rand, sqn, amf] = [hex(input.randHex), hex(input.sqnHex), hex(input.amfHex)]
    assert.strictEqual(toHex(f.f1(rand, sqn, amf)), output["f1Hex"])
    assert.strictEqual(toHex(f.f1Star(rand, sqn, amf)), output["f1StarHex"])
    const { res, ck, ik, ak } = f.f2345(rand)
    assert.deepStrictEqual([res, ck, ik, ak].map(toHex), [
      output["f2Hex"]!,
      output["f3Hex"]!,
      output["f4Hex"]!,
      output["f5Hex"]!
    ])
    assert.strictEqual(toHex(f.f5Star(rand)), output["f5StarHex"])
  })

  it("makes vectors that a card verifies, and opens its own AUTS", () => {
    const k = hex(all[0]!.input.kHex)
    const f = Result.getOrThrow(Tuak.make(k, hex(all[0]!.output["topcHex"]!)))
    const rand = hex(all[0]!.input.randHex)
    const [vector] = f.vectors([{ rand, sqn: hex("000000000021") }], hex("8000"))
    assert.strictEqual(Result.getOrThrow(Autn.verify(f, rand, vector!.autn)).sqn, 0x21)
    assert.deepStrictEqual([vector!.xres.length, vector!.ck.length, vector!.ik.length], [8, 16, 16])
    assert.strictEqual(Result.getOrThrow(Auts.open(f, rand, Auts.build(f, rand, 12345))), 12345)
  })

  it("gives other values with more iterations", () => {
    const k = hex(all[0]!.input.kHex)
    const top = hex(all[0]!.input.topHex)
    const once = Result.getOrThrow(Tuak.topcFromTop(k, top))
    const twice = Result.getOrThrow(Tuak.topcFromTop(k, top, { iterations: 2 }))
    assert.notDeepEqual(once, twice)
  })

  it("refuses other lengths and counts", () => {
    const k = new Uint8Array(16)
    const top = new Uint8Array(32)
    assert.isTrue(Result.isFailure(Tuak.make(new Uint8Array(24), top)))
    assert.isTrue(Result.isFailure(Tuak.make(k, new Uint8Array(16))))
    assert.isTrue(Result.isFailure(Tuak.topcFromTop(k, new Uint8Array(31))))
    for (const iterations of [0, -1, 1.5, 256, Number.NaN]) {
      assert.isTrue(Result.isFailure(Tuak.make(k, top, { iterations })))
      assert.isTrue(Result.isFailure(Tuak.topcFromTop(k, top, { iterations })))
    }
  })
})
