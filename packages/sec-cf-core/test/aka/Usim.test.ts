import { assert, describe, it } from "@effect/vitest"
import { Auts, Cards, Sqn, Usim, Vectors } from "@oma/sec-cf-core/aka"
import { Effect, Result } from "effect"
import fc from "fast-check"
import { milenage } from "./support.ts"

const profile = Sqn.defaultProfile
const f = milenage("465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf")
const sqn = (seq: number, ind: number) => seq * 32 + ind
const tag = (result: ReturnType<typeof Sqn.accept>) => (Result.isSuccess(result) ? "accepted" : result.failure.fault)

describe("SQN", () => {
  it("is 48 bits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Sqn.maximum }), (n) => {
        assert.strictEqual(Sqn.fromBytes(Sqn.toBytes(n)), n)
        assert.strictEqual(Sqn.seqOf(profile, n) * 32 + Sqn.indOf(profile, n), n)
      })
    )
    assert.deepStrictEqual([...Sqn.toBytes(Sqn.maximum)], [255, 255, 255, 255, 255, 255])
    assert.deepStrictEqual([...Sqn.toBytes(0x010203040506)], [1, 2, 3, 4, 5, 6])
  })

  it("is accepted once in its slot, and out of order between slots", () => {
    const at = (numbers: ReadonlyArray<number>) =>
      numbers.reduce((seqMs, n) => Result.getOrThrow(Sqn.accept(profile, seqMs, n)), Sqn.initial(profile))
    const seqMs = at([sqn(10, 1), sqn(12, 2), sqn(11, 3)])
    assert.strictEqual(tag(Sqn.accept(profile, seqMs, sqn(11, 1))), "accepted")
    assert.strictEqual(tag(Sqn.accept(profile, seqMs, sqn(10, 1))), "not above the last one of its slot")
    assert.strictEqual(tag(Sqn.accept(profile, seqMs, sqn(9, 1))), "not above the last one of its slot")
    assert.strictEqual(Sqn.sqnMs(profile, seqMs), sqn(12, 2))
  })

  it("is refused more than delta ahead, and from the age limit on", () => {
    const limited = { indBits: 5, delta: 100, limit: 10 }
    const seqMs = Result.getOrThrow(Sqn.accept(limited, Sqn.initial(limited), sqn(50, 1)))
    assert.strictEqual(tag(Sqn.accept(limited, seqMs, sqn(150, 2))), "accepted")
    assert.strictEqual(tag(Sqn.accept(limited, seqMs, sqn(151, 2))), "too far ahead")
    assert.strictEqual(tag(Sqn.accept(limited, seqMs, sqn(41, 2))), "accepted")
    assert.strictEqual(tag(Sqn.accept(limited, seqMs, sqn(40, 2))), "too old")
  })

  it("agrees with a plain set of accepted numbers: nothing twice, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 * 32 }), { maxLength: 200 }), (numbers) => {
        const seen = new Set<number>()
        let seqMs = Sqn.initial(profile)
        for (const n of numbers) {
          const result = Sqn.accept(profile, seqMs, n)
          if (Result.isSuccess(result)) {
            assert.isFalse(seen.has(n))
            seen.add(n)
            seqMs = result.success
          } else {
            assert.isTrue(
              Sqn.seqOf(profile, n) <=
                Math.max(0, ...[...seen].filter((m) => m % 32 === n % 32).map((m) => Math.floor(m / 32)))
            )
          }
        }
      })
    )
  })

  it("ends with a named failure", () => {
    const end = Sqn.next(profile, Sqn.maximum, 0)
    assert.isTrue(Result.isFailure(end) && end.failure._tag === "SqnExhausted")
    assert.strictEqual(Result.getOrThrow(Sqn.next(profile, Sqn.maximum - 32, 31)), Sqn.maximum)
  })
})

describe("USIM", () => {
  const challenge = (sqnHe: number, ind = 0) =>
    Result.getOrThrow(
      Vectors.generate(f, { sqnHe, ind, amf: new Uint8Array(2), rands: [new Uint8Array(16).fill(sqnHe & 255)] })
    ).vectors[0]!

  it("authenticates a fresh challenge and answers its repetition with AUTS", () => {
    const vector = challenge(0)
    const [after, answer] = Usim.authenticate(Usim.make(f), vector.rand, vector.autn)
    assert.deepStrictEqual(
      answer,
      Usim.AkaAnswer.Authenticated({ res: vector.xres.slice(), ck: vector.ck.slice(), ik: vector.ik.slice() })
    )
    const [same, again] = Usim.authenticate(after, vector.rand, vector.autn)
    assert.strictEqual(same, after)
    assert.strictEqual(again._tag, "SynchronisationFailure")
    if (again._tag === "SynchronisationFailure") {
      assert.strictEqual(Result.getOrThrow(Auts.open(f, vector.rand, again.auts)), 32)
    }
  })

  it("verifies MAC-A before SQN: a forged challenge with an old SQN gives no AUTS", () => {
    const vector = challenge(0)
    const [after] = Usim.authenticate(Usim.make(f), vector.rand, vector.autn)
    const forged = vector.autn.slice()
    forged[15]! ^= 1
    const [unchanged, answer] = Usim.authenticate(after, vector.rand, forged)
    assert.strictEqual(answer._tag, "MacFailure")
    assert.strictEqual(unchanged, after)
  })

  it("answers RAND and AUTN of every length", () => {
    for (let length = 0; length <= 40; length++) {
      const [, answer] = Usim.authenticate(Usim.make(f), new Uint8Array(length), new Uint8Array(16))
      assert.strictEqual(answer._tag, "MacFailure")
      const [, other] = Usim.authenticate(Usim.make(f), new Uint8Array(16), new Uint8Array(length))
      assert.strictEqual(other._tag, "MacFailure")
    }
  })

  it("comes back into step after one AUTS, wherever the home network stands", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 0, max: 2 ** 40 }), (ms, he) => {
        const seqMs = Sqn.initial(profile).map((_, i) => (i === ms % 32 ? Math.floor(ms / 32) : 0))
        const card: Usim.Usim = { functions: f, profile, seqMs }
        const first = challenge(he, 3)
        const [card1, answer] = Usim.authenticate(card, first.rand, first.autn)
        if (answer._tag === "Authenticated") return
        assert.strictEqual(answer._tag, "SynchronisationFailure")
        if (answer._tag !== "SynchronisationFailure") return
        const sqnHe = Result.getOrThrow(
          Vectors.resynchronise(f, { sqnHe: he + 32, rand: first.rand, auts: answer.auts })
        )
        const second = challenge(sqnHe, 3)
        assert.strictEqual(Usim.authenticate(card1, second.rand, second.autn)[1]._tag, "Authenticated")
      })
    )
  })

  it.effect("behind its port takes challenges one at a time", () =>
    Effect.gen(function* () {
      const card = yield* Cards.makeMemory(Usim.make(f))
      const vector = challenge(0)
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => card.authenticate(vector.rand, vector.autn)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter((answer) => answer._tag === "Authenticated").length, 1)
    })
  )
})
