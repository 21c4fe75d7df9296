import { readFileSync } from "node:fs"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Fqdn, Impi, NafId } from "@oma/sec-cf-core/gba"
import { GpiCodec } from "@oma/sec-cf-core/gba-push"
import { Result } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex")
const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)

interface GpiVector {
  readonly name: string
  readonly input: {
    readonly ksHex: string
    readonly randHex: string
    readonly autnHex: string
    readonly impi: string
    readonly bsf: string
    readonly gbaU: boolean
    readonly labelHex: string
    readonly lifetime: number
    readonly ptid: string
    readonly nafIdHex: string
  }
  readonly output: { readonly protectionKeyHex: string; readonly gpiHex: string }
}
const vectors: ReadonlyArray<GpiVector> = JSON.parse(
  readFileSync(new URL("../../vectors/gpi.json", import.meta.url), "utf8")
)
const hmac = NodePrimitives.hmac("sha256")
const keysOf = ({ enc, int }: { readonly enc: Uint8Array; readonly int: Uint8Array }): GpiCodec.GpiKeys => ({
  mac: (data) => hmac(int, data),
  encryptBlocks: NodePrimitives.importKey(enc).aesBlocks
})
const prepared = ({ input }: GpiVector) => {
  const rand = hex(input.randHex)
  const impi = Result.getOrThrow(Impi.parse(input.impi))
  const bsf = Result.getOrThrow(Fqdn.parse(input.bsf))
  const base = hmac(hex(input.ksHex), Result.getOrThrow(GpiCodec.baseInput(rand, impi, bsf)))
  const gpi: GpiCodec.Gpi = {
    gbaU: input.gbaU,
    rand,
    autn: hex(input.autnHex),
    label: hex(input.labelHex),
    lifetime: input.lifetime,
    ptid: input.ptid,
    nafId: Result.getOrThrow(NafId.decode(hex(input.nafIdHex)))
  }
  return { base, gpi, keys: keysOf(GpiCodec.protectionKeys(hmac, base, rand)) }
}

describe("gpi-profile-1", () => {
  for (const vector of vectors) {
    it(`[SEC_CF-INTE-002] [SEC_CF-CONF-002] ${vector.name}`, () => {
      const { base, gpi, keys } = prepared(vector)
      assert.strictEqual(toHex(base), vector.output.protectionKeyHex)
      assert.strictEqual(toHex(Result.getOrThrow(GpiCodec.seal(keys, gpi))), vector.output.gpiHex)
      const parsed = Result.getOrThrow(GpiCodec.parse(hex(vector.output.gpiHex)))
      assert.deepStrictEqual(Result.getOrThrow(GpiCodec.open(keys, parsed)), {
        lifetime: gpi.lifetime,
        ptid: gpi.ptid,
        nafId: gpi.nafId
      })
      assert.strictEqual(toHex(parsed.rand), vector.input.randHex)
      assert.strictEqual(parsed.gbaU, vector.input.gbaU)
      assert.notInclude(vector.output.gpiHex, toHex(new TextEncoder().encode(gpi.ptid)))
      assert.notInclude(vector.output.gpiHex, toHex(new TextEncoder().encode(gpi.nafId.fqdn)))
    })
  }
  it("[SEC_CF-INTE-002] opens no GPI of which any one bit was changed, and no prefix of one", () => {
    for (const vector of vectors) {
      const { keys } = prepared(vector)
      const octets = hex(vector.output.gpiHex)
      const opens = (o: Uint8Array) => {
        const parsed = GpiCodec.parse(o)
        return Result.isSuccess(parsed) && Result.isSuccess(GpiCodec.open(keys, parsed.success))
      }
      for (let bit = 0; bit < octets.length * 8; bit++) {
        const changed = octets.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.isFalse(opens(changed), `bit ${bit}`)
      }
      for (let length = 0; length < octets.length; length++) assert.isFalse(opens(octets.subarray(0, length)))
    }
  })
  it("refuses at the sender what does not fit its field", () => {
    const { gpi, keys } = prepared(vectors[0]!)
    const bad: ReadonlyArray<Partial<GpiCodec.Gpi>> = [
      { rand: new Uint8Array(15) },
      { autn: new Uint8Array(17) },
      { label: new Uint8Array(256) },
      { lifetime: -1 },
      { lifetime: 2 ** 32 },
      { ptid: "" },
      { ptid: "x".repeat(65) }
    ]
    for (const change of bad) assert.isTrue(Result.isFailure(GpiCodec.seal(keys, { ...gpi, ...change })))
  })
  it("[fuzz] parses and opens any octets to a GPI or a typed error, also under a valid MAC", () => {
    const keys = keysOf({ enc: new Uint8Array(16), int: new Uint8Array(32) })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const whole = new Uint8Array([0x10 | ((octets[0] ?? 0) % 2), ...octets])
        const signed = new Uint8Array([...whole, ...keys.mac(whole).subarray(0, 16)])
        for (const candidate of [octets, signed]) {
          const parsed = GpiCodec.parse(candidate)
          if (Result.isFailure(parsed)) assert.isAbove(parsed.failure.why.length, 0)
          else {
            const opened = GpiCodec.open(keys, parsed.success)
            if (Result.isSuccess(opened)) {
              const again = GpiCodec.seal(keys, { ...parsed.success, ...opened.success })
              assert.strictEqual(Result.getOrThrow(again).length, candidate.length)
            }
          }
        }
      }),
      { numRuns: runs }
    )
  })
})
