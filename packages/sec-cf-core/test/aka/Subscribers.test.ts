import { assert, describe, it } from "@effect/vitest"
import { Store } from "@oma/sa-policy"
import { AuthenticationVectorSource, Autn, Auts, Sqn, Subscribers, Tuak, Usim } from "@oma/sec-cf-core/aka"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { services } from "./stack.ts"
import { hex, milenage, toHex } from "./support.ts"

const K = "465b5ce8b199b49faa5f0a2ee238a6bc"
const OPC = "cd63cb71954a9f4e48a5994e37a02baf"
const impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
const f = milenage(K, OPC)
const subscriber = () => ({ impi, k: hex(K), opc: hex(OPC) })

describe("Subscribers", () => {
  it.effect("make vectors that the card accepts, with numbers that never come again", () =>
    Effect.gen(function* () {
      const subscribers = yield* Subscribers.Subscribers
      const source = yield* AuthenticationVectorSource
      yield* subscribers.add(subscriber())
      const vectors = yield* Effect.all(
        Array.from({ length: 40 }, () => source.vector({ impi })),
        { concurrency: "unbounded" }
      )
      const numbers = vectors.map((v) => Result.getOrThrow(Autn.verify(f, v.rand, v.autn)).sqn)
      assert.strictEqual(new Set(numbers).size, 40)
      assert.strictEqual(new Set(numbers.map((n) => Sqn.seqOf(Sqn.defaultProfile, n))).size, 40)
      assert.strictEqual(new Set(vectors.map((v) => toHex(v.rand))).size, 40)
      assert.strictEqual(yield* subscribers.sqn(impi), Math.max(...numbers))
      let card = Usim.make(f)
      // the slots go round: the last 32 of them are accepted in any order
      for (const v of vectors.slice(8).reverse()) {
        const [after, answer] = Usim.authenticate(card, v.rand, v.autn)
        assert.strictEqual(answer._tag, "Authenticated")
        card = after
      }
    }).pipe(Effect.provide(services()))
  )

  it.effect("take over SQN_MS from AUTS, and nothing from a wrong one", () =>
    Effect.gen(function* () {
      const subscribers = yield* Subscribers.Subscribers
      yield* subscribers.add(subscriber())
      const first = yield* subscribers.vector({ impi })
      const auts = Auts.build(f, first.rand, 5_000_000)
      const wrong = auts.map((x, i) => (i === 13 ? x ^ 1 : x))
      const refused = yield* Effect.flip(subscribers.vector({ impi, resynchronise: { rand: first.rand, auts: wrong } }))
      assert.strictEqual(refused._tag, "AutsRejected")
      assert.isBelow((yield* subscribers.sqn(impi)) ?? 0, 1000)
      const short = yield* Effect.flip(
        subscribers.vector({ impi, resynchronise: { rand: first.rand, auts: auts.subarray(1) } })
      )
      assert.strictEqual(short._tag, "MalformedAka")
      const second = yield* subscribers.vector({ impi, resynchronise: { rand: first.rand, auts } })
      const sqn = Result.getOrThrow(Autn.verify(f, second.rand, second.autn)).sqn
      assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, sqn), Sqn.seqOf(Sqn.defaultProfile, 5_000_000) + 1)
      assert.notDeepEqual(second.rand, first.rand)
    }).pipe(Effect.provide(services()))
  )

  it.effect("do TUAK with keys of both lengths", () =>
    Effect.gen(function* () {
      const subscribers = yield* Subscribers.Subscribers
      for (const length of [16, 32]) {
        const k = () => new Uint8Array(length).fill(7)
        const opc = () => new Uint8Array(32).fill(9)
        const name = `tuak${length}@home1.net`
        yield* subscribers.add({ impi: name, algorithm: "tuak", k: k(), opc: opc(), iterations: 2 })
        const vector = yield* subscribers.vector({ impi: name })
        const functions = Result.getOrThrow(Tuak.make(k(), opc(), { iterations: 2 }))
        assert.isTrue(Result.isSuccess(Autn.verify(functions, vector.rand, vector.autn)))
      }
    }).pipe(Effect.provide(services()))
  )

  it.effect("refuse an unknown name, a second one of the same name, and other lengths", () =>
    Effect.gen(function* () {
      const subscribers = yield* Subscribers.Subscribers
      assert.strictEqual((yield* Effect.flip(subscribers.vector({ impi })))._tag, "UnknownSubscriber")
      assert.strictEqual((yield* Effect.flip(subscribers.vector({ impi: "x".repeat(2000) })))._tag, "UnknownSubscriber")
      yield* subscribers.add(subscriber())
      assert.strictEqual((yield* Effect.flip(subscribers.add(subscriber())))._tag, "Conflict")
      for (const wrong of [
        { k: new Uint8Array(15) },
        { opc: new Uint8Array(17) },
        { amf: new Uint8Array(3) },
        { impi: "" },
        { impi: "x".repeat(256) },
        { sqn: -1 },
        { sqn: 2 ** 48 },
        { iterations: 0 },
        { iterations: 1_000_000 },
        { profile: { indBits: 48, delta: 1 } },
        { profile: { indBits: 4.5, delta: 1 } },
        { profile: { indBits: 5, delta: 0 } },
        { profile: { indBits: 5, delta: 1, limit: 0 } }
      ]) {
        assert.strictEqual((yield* Effect.flip(subscribers.add({ ...subscriber(), ...wrong })))._tag, "MalformedAka")
      }
      yield* subscribers.remove(impi)
      assert.isFalse(yield* subscribers.has(impi))
      assert.strictEqual((yield* Effect.flip(subscribers.vector({ impi })))._tag, "UnknownSubscriber")
    }).pipe(Effect.provide(services()))
  )

  it.effect("[SEC_CF-SEC-001] leave no key in the clear in the store", () =>
    Effect.gen(function* () {
      const subscribers = yield* Subscribers.Subscribers
      const store = yield* Store.Store
      yield* subscribers.add(subscriber())
      yield* TestClock.adjust(1)
      const all: Array<string> = []
      for (const collection of ["keys", "aka/subscribers", "aka/sqn"]) {
        for (const record of yield* store.records(collection, { now: 1 })) all.push(toHex(record.value))
      }
      assert.isAbove(all.length, 3)
      for (const one of all) {
        for (const secret of [K, OPC]) {
          assert.notInclude(one, secret)
          assert.notInclude(Buffer.from(one, "hex").toString("latin1"), secret)
        }
      }
    }).pipe(Effect.provide(services()))
  )
})
