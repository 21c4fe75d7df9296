import { Autn, Auts, Gsm, Milenage, Sqn, Vectors } from "@oma/sec-cf-core/aka"
import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { aes, hex, milenage, toHex, vectors } from "./support.ts"

type Strings = Readonly<Record<string, string>>
const all = vectors<
  Strings & { indBits: number; ind: number; sqnMs: number },
  Strings & Record<"nextSqn" | "followingSqn" | "sqnMs", number>
>("milenage.json")
const sets = all.filter((v) => v.name.startsWith("milenage/"))

describe("MILENAGE, TS 35.207 and 35.208", () => {
  it("has all 21 sets", () => assert.strictEqual(sets.length, 21))

  it.each(sets.map((v) => [v.name, v] as const))("%s", (_, { input, output }) => {
    const encrypt = aes(hex(input["kHex"]!))
    const opc = Result.getOrThrow(Milenage.opcFromOp(encrypt, hex(input["opHex"]!)))
    assert.strictEqual(toHex(opc), input["opcHex"])
    const f = Result.getOrThrow(Milenage.make(encrypt, opc))
    const [rand, sqn, amf] = [hex(input["randHex"]!), hex(input["sqnHex"]!), hex(input["amfHex"]!)]
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

    const [vector] = f.vectors([{ rand, sqn }], amf)
    assert.strictEqual(toHex(vector!.autn), output["autnHex"])
    assert.deepStrictEqual([vector!.xres, vector!.ck, vector!.ik], [res, ck, ik])
    assert.strictEqual(toHex(Auts.build(f, rand, Sqn.fromBytes(sqn))), output["autsHex"])
    assert.strictEqual(Result.getOrThrow(Auts.open(f, rand, hex(output["autsHex"]!))), Sqn.fromBytes(sqn))
    assert.strictEqual(Result.getOrThrow(Autn.verify(f, rand, vector!.autn)).sqn, Sqn.fromBytes(sqn))
    if (output["macSAmfStarHex"] !== undefined) {
      assert.strictEqual(toHex(f.f1Star(rand, sqn, Auts.AMF_STAR)), output["macSAmfStarHex"])
    }
    if (output["sresHex"] !== undefined) {
      const triplet = Gsm.triplet(vector!)
      assert.deepStrictEqual([toHex(triplet.sres), toHex(triplet.kc)], [output["sresHex"], output["kcHex"]!])
    }
  })

  it("computes a batch as it computes its vectors one by one, in two calls of AES", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 2, maxLength: 2 }),
        fc.array(
          fc.record({
            rand: fc.uint8Array({ minLength: 16, maxLength: 16 }),
            sqn: fc.uint8Array({ minLength: 6, maxLength: 6 })
          }),
          { minLength: 1, maxLength: 40 }
        ),
        (k, opc, amf, inputs) => {
          let calls = 0
          const inner = aes(k)
          const f = Result.getOrThrow(
            Milenage.make((input) => {
              calls++
              return inner(input)
            }, opc)
          )
          const batch = f.vectors(inputs, amf)
          assert.strictEqual(calls, 2)
          for (const [i, { rand, sqn }] of inputs.entries()) {
            const { res, ck, ik, ak } = f.f2345(rand)
            const autn = Autn.encode({ concealedSqn: ak.map((x, j) => x ^ sqn[j]!), amf, mac: f.f1(rand, sqn, amf) })
            assert.deepStrictEqual({ ...batch[i]! }, { rand, autn, xres: res, ck, ik })
          }
        }
      ),
      { numRuns: 100 }
    )
  })

  it("leaves no AK and no MAC-S in the memory of a vector", () => {
    const set = sets[0]!
    const f = milenage(set.input["kHex"]!, set.input["opcHex"]!)
    const [vector] = f.vectors(
      [{ rand: hex(set.input["randHex"]!), sqn: hex(set.input["sqnHex"]!) }],
      hex(set.input["amfHex"]!)
    )
    const memory = toHex(new Uint8Array(vector!.autn.buffer))
    assert.notInclude(memory, set.output["f5Hex"]!)
    assert.notInclude(memory, set.output["f1StarHex"]!)
  })

  it("works with an AES that returns its own buffer again", () => {
    const set = sets[0]!
    const inner = aes(hex(set.input["kHex"]!))
    const reused = Buffer.alloc(1024, 7)
    const f = Result.getOrThrow(
      Milenage.make((input) => {
        reused.set(inner(input), 1)
        return reused.subarray(1, 1 + input.length)
      }, hex(set.input["opcHex"]!))
    )
    const [vector] = f.vectors(
      [{ rand: hex(set.input["randHex"]!), sqn: hex(set.input["sqnHex"]!) }],
      hex(set.input["amfHex"]!)
    )
    reused.fill(0)
    assert.strictEqual(toHex(vector!.autn), set.output["autnHex"])
    assert.strictEqual(toHex(vector!.ck), set.output["f3Hex"])
  })

  it("refuses an OP or OPc of another length", () => {
    for (const length of [0, 15, 17, 32]) {
      const encrypt = aes(new Uint8Array(16))
      assert.isTrue(Result.isFailure(Milenage.opcFromOp(encrypt, new Uint8Array(length))))
      assert.isTrue(Result.isFailure(Milenage.make(encrypt, new Uint8Array(length))))
    }
  })
})

describe("resynchronisation", () => {
  it("goes on from SQN_MS of the walk-through by osmo-auc-gen", () => {
    const { input, output } = all.find((v) => v.name.includes("walk-through"))!
    const f = milenage(input["kHex"]!, input["opcHex"]!)
    const rand = hex(input["randHex"]!)
    const sqnHe = Result.getOrThrow(Vectors.resynchronise(f, { sqnHe: 0, rand, auts: hex(input["autsHex"]!) }))
    assert.strictEqual(sqnHe, output.sqnMs)
    const batch = Result.getOrThrow(
      Vectors.generate(f, { sqnHe, ind: input.ind, amf: hex(input["amfHex"]!), rands: [rand] })
    )
    assert.strictEqual(batch.sqnHe, output.nextSqn)
    assert.strictEqual(toHex(batch.vectors[0]!.autn), output["nextAutnHex"])
  })

  it("counts as osmo-hlr does", () => {
    const { input, output } = all.find((v) => v.name.includes("arithmetic"))!
    const profile = { ...Sqn.defaultProfile, indBits: input.indBits }
    const next = Result.getOrThrow(Sqn.next(profile, input.sqnMs, input.ind))
    assert.strictEqual(next, output.nextSqn)
    assert.strictEqual(Result.getOrThrow(Sqn.next(profile, next, input.ind)), output.followingSqn)
  })

  it.each(all.filter((v) => v.status === "negative").map((v) => [v.name, v] as const))("%s", (_, { input }) => {
    const f = milenage(input["kHex"]!, input["opcHex"]!)
    const opened = Auts.open(f, hex(input["randHex"]!), hex(input["autsHex"]!))
    assert.isTrue(Result.isFailure(opened) && opened.failure._tag === "AutsRejected")
  })

  it("keeps SQN_HE where the next number suits the card anyway, so that an old AUTS cannot set it back", () => {
    const { input, output } = sets[0]!
    const f = milenage(input["kHex"]!, input["opcHex"]!)
    const rand = hex(input["randHex"]!)
    const sqnMs = 32 * 1000
    const auts = Auts.build(f, rand, sqnMs)
    const resynchronise = (sqnHe: number) => Result.getOrThrow(Vectors.resynchronise(f, { sqnHe, rand, auts }))
    assert.strictEqual(resynchronise(32 * 1001 + 3), 32 * 1001 + 3)
    assert.strictEqual(resynchronise(32 * 999), sqnMs)
    assert.strictEqual(resynchronise(32 * (1000 + 2 ** 28)), sqnMs)
    assert.strictEqual(resynchronise(32 * (999 + 2 ** 28)), 32 * (999 + 2 ** 28))
    assert.isDefined(output)
  })

  it("refuses every single-bit flip and every other length of an AUTS", () => {
    const { input, output } = sets[0]!
    const f = milenage(input["kHex"]!, input["opcHex"]!)
    const rand = hex(input["randHex"]!)
    const auts = hex(output["autsHex"]!)
    for (let bit = 0; bit < 8 * auts.length; bit++) {
      const flipped = auts.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.isTrue(Result.isFailure(Auts.open(f, rand, flipped)), `bit ${bit}`)
    }
    for (let length = 0; length < 14; length++) {
      assert.isTrue(Result.isFailure(Auts.open(f, rand, auts.subarray(0, length))))
    }
    assert.isTrue(Result.isFailure(Auts.open(f, rand.subarray(1), auts)))
  })
})

describe("AUTN", () => {
  const { input, output } = sets[0]!
  const f = milenage(input["kHex"]!, input["opcHex"]!)
  const rand = hex(input["randHex"]!)
  const autn = hex(output["autnHex"]!)

  it("refuses every single-bit flip of AUTN and of RAND", () => {
    const flips = (octets: Uint8Array) =>
      Array.from({ length: 8 * octets.length }, (_, bit) =>
        octets.map((x, i) => (i === bit >> 3 ? x ^ (1 << (bit & 7)) : x))
      )
    for (const flipped of flips(autn)) {
      const verified = Autn.verify(f, rand, flipped)
      assert.isTrue(Result.isFailure(verified) && verified.failure._tag === "MacFailure")
    }
    for (const flipped of flips(rand)) assert.isTrue(Result.isFailure(Autn.verify(f, flipped, autn)))
  })

  it("refuses every prefix as malformed", () => {
    for (let length = 0; length < 16; length++) {
      const verified = Autn.verify(f, rand, autn.subarray(0, length))
      assert.isTrue(Result.isFailure(verified) && verified.failure._tag === "MalformedAka")
    }
  })

  it("turns into AUTN* and back", () => {
    const sha1 = (data: Uint8Array) => data.slice(0, 20).map((x) => x ^ 0x5a)
    const ik = hex(output["f4Hex"]!)
    const star = Autn.star(sha1, autn, ik)
    assert.notDeepEqual(star, autn)
    assert.deepStrictEqual(star.slice(0, 8), autn.slice(0, 8))
    assert.deepStrictEqual(Autn.star(sha1, star, ik), autn)
    const buffer = Buffer.from(autn)
    Autn.star(sha1, buffer, ik)
    assert.deepStrictEqual(new Uint8Array(buffer), autn)
  })
})

describe("generate", () => {
  const f = milenage(sets[0]!.input["kHex"]!, sets[0]!.input["opcHex"]!)
  const rand = new Uint8Array(16)

  it("refuses RAND and AMF of another length and a SEQ without successor, and uses nothing then", () => {
    const failure = (input: Partial<Vectors.BatchInput>) =>
      Result.getOrThrow(
        Result.flip(Vectors.generate(f, { sqnHe: 0, ind: 0, amf: new Uint8Array(2), rands: [rand], ...input }))
      )
    assert.strictEqual(failure({ amf: new Uint8Array(3) })._tag, "MalformedAka")
    assert.strictEqual(failure({ rands: [rand, new Uint8Array(15)] })._tag, "MalformedAka")
    assert.strictEqual(failure({ sqnHe: Sqn.maximum })._tag, "SqnExhausted")
    assert.strictEqual(failure({ sqnHe: Sqn.maximum - 32, rands: [rand, rand] })._tag, "SqnExhausted")
  })

  it("numbers a batch in rising order", () => {
    const batch = Result.getOrThrow(
      Vectors.generate(f, { sqnHe: 100, ind: 7, amf: new Uint8Array(2), rands: [rand, rand, rand] })
    )
    const numbers = batch.vectors.map((v) => Result.getOrThrow(Autn.verify(f, rand, v.autn)).sqn)
    assert.deepStrictEqual(numbers, [4 * 32 + 7, 5 * 32 + 7, 6 * 32 + 7])
    assert.strictEqual(batch.sqnHe, numbers[2])
  })
})
