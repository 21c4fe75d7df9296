import { createCipheriv, createHash, createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Autn, Milenage, Sqn, Tuak, Vectors } from "@oma/sec-cf-core/aka"
import { Fqdn, Impi, NafId } from "@oma/sec-cf-core/gba"
import { testSubscribers, Uicc } from "@oma/testkit"
import { Result } from "effect"
import fc from "fast-check"

const ok = Result.getOrThrow
const hex = (text: string) => Bytes.fromHex(text)!
const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)
const functions: Uicc.UiccFunctions = {
  sha1: (data) => createHash("sha1").update(data).digest(),
  hmacSha256: (key, data) => createHmac("sha256", key).update(data).digest()
}
const milenage = (() => {
  const { k, opc } = testSubscribers[0]
  const aes = createCipheriv("aes-128-ecb", hex(k), null).setAutoPadding(false)
  return ok(Milenage.make((blocks) => aes.update(blocks), hex(opc)))
})()
const tuak = ok(Tuak.make(hex(testSubscribers[3].k), hex(testSubscribers[3].opc), { iterations: 1 }))
const amf = new Uint8Array(2)
const rand = hex("23553cbe9637a89d218ae64dae47bf35")
const vectorOf = (f: typeof milenage, sqnHe: number) =>
  ok(Vectors.generate(f, { sqnHe, ind: 1, amf, rands: [rand] })).vectors[0]!
const impi = ok(Impi.parse(testSubscribers[0].impi))
const nafId = (n: number): NafId.NafId => ({
  fqdn: ok(Fqdn.parse(`naf${n}.example.net`)),
  ua: NafId.protocols.httpDigest
})
const starred = (sqnHe: number) => {
  const vector = vectorOf(milenage, sqnHe)
  return Autn.star(functions.sha1, vector.autn, vector.ik)
}
/** A card with a bootstrapping and its B-TID. */
const bootstrapped = (capacity = 3) => {
  const [card, answer] = Uicc.bootstrap(Uicc.make(milenage, { capacity }), functions, rand, starred(0))
  assert.strictEqual(answer._tag, "Authenticated")
  return ok(Uicc.complete(card, "btid@bsf", "2030-01-02T03:04:05Z"))
}
const derive = (card: Uicc.Uicc, n: number) => ok(Uicc.derive(card, functions, nafId(n), impi))

describe("AKA", () => {
  it.each([
    ["MILENAGE", milenage],
    ["TUAK", tuak]
  ] as const)("%s: takes a vector once, and counts", (_, f) => {
    const { autn, ck, ik, xres } = vectorOf(f, 0)
    const [card, answer] = Uicc.authenticate(Uicc.make(f), rand, autn)
    assert.deepStrictEqual(answer, { ...answer, _tag: "Authenticated", res: xres, ck, ik })
    assert.strictEqual(Uicc.sqnMs(card), 33)
    const [same, again] = Uicc.authenticate(card, rand, autn)
    assert.strictEqual(again._tag, "SynchronisationFailure")
    assert.strictEqual(Uicc.sqnMs(same), 33)
  })

  it("answers a home network that is behind with AUTS that leads it on", () => {
    const card = Uicc.ahead(Uicc.make(milenage), 5000)
    const [, answer] = Uicc.authenticate(card, rand, vectorOf(milenage, 0).autn)
    if (answer._tag !== "SynchronisationFailure") return assert.fail(answer._tag)
    const sqnHe = ok(Vectors.resynchronise(milenage, { sqnHe: 0, rand, auts: answer.auts }))
    assert.strictEqual(Sqn.seqOf(Sqn.defaultProfile, sqnHe), 5000)
    assert.strictEqual(Uicc.authenticate(card, rand, vectorOf(milenage, sqnHe).autn)[1]._tag, "Authenticated")
  })

  it("answers every other challenge with a MAC failure and stays as it is", () => {
    const card = Uicc.make(milenage)
    const { autn } = vectorOf(milenage, 0)
    for (let bit = 0; bit < 128; bit++) {
      const changed = new Uint8Array(autn)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const [after, answer] = Uicc.authenticate(card, rand, changed)
      assert.strictEqual(answer._tag, "MacFailure")
      assert.deepStrictEqual(after, card)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (r, a) => {
        assert.strictEqual(Uicc.authenticate(card, r, a)[1]._tag, "MacFailure")
      }),
      { numRuns: fuzzRuns }
    )
  })
})

describe("GBA_U", () => {
  it("gives RES and neither CK nor IK", () => {
    const [, answer] = Uicc.bootstrap(Uicc.make(milenage), functions, rand, starred(0))
    assert.deepStrictEqual(Object.keys(answer).sort(), ["_tag", "res"])
  })

  it("takes AUTN* only, and AUTN in the 3G context only", () => {
    const { autn } = vectorOf(milenage, 0)
    assert.strictEqual(Uicc.bootstrap(Uicc.make(milenage), functions, rand, autn)[1]._tag, "MacFailure")
    assert.strictEqual(Uicc.authenticate(Uicc.make(milenage), rand, starred(0))[1]._tag, "MacFailure")
  })

  it("writes EF_GBABP", () => {
    const [card] = Uicc.bootstrap(Uicc.make(milenage), functions, rand, starred(0))
    assert.strictEqual(Bytes.toHex(Uicc.readGbaBp(card)), `10${Bytes.toHex(rand)}0000`)
    assert.strictEqual(
      Bytes.toHex(Uicc.readGbaBp(bootstrapped())),
      `10${Bytes.toHex(rand)}08${Bytes.toHex(Bytes.utf8("btid@bsf"))}14${Bytes.toHex(Bytes.utf8("2030-01-02T03:04:05Z"))}`
    )
    assert.strictEqual(Bytes.toHex(Uicc.readGbaBp(Uicc.make(milenage))), "000000")
  })

  it("keeps its bootstrapping when a challenge fails, and replaces it when one holds", () => {
    const card = bootstrapped()
    const [kept] = Uicc.bootstrap(card, functions, rand, new Uint8Array(16))
    assert.deepStrictEqual(kept.bootstrapping, card.bootstrapping)
    const [out] = Uicc.bootstrap(card, functions, rand, starred(0))
    assert.deepStrictEqual(out.bootstrapping, card.bootstrapping)
    const [anew] = Uicc.bootstrap(card, functions, rand, starred(32))
    assert.deepInclude(anew.bootstrapping, { btid: "", lifetime: "" })
  })

  it("derives for nobody without a bootstrapping and its B-TID", () => {
    const refused = (card: Uicc.Uicc) => {
      const derived = Uicc.derive(card, functions, nafId(1), impi)
      return Result.isFailure(derived) ? derived.failure.reason : undefined
    }
    assert.strictEqual(refused(Uicc.make(milenage)), "no bootstrapping")
    const [card] = Uicc.bootstrap(Uicc.make(milenage), functions, rand, starred(0))
    assert.strictEqual(refused(card), "no B-TID")
    assert.isTrue(Result.isFailure(Uicc.complete(Uicc.make(milenage), "x@y", "")))
    assert.isTrue(Result.isFailure(Uicc.complete(card, "x".repeat(256), "")))
    assert.isTrue(Result.isFailure(Uicc.useInternal(card, nafId(1), () => 0)))
  })

  it("overwrites the record that was used least lately", () => {
    let card = bootstrapped(3)
    for (const n of [1, 2, 3]) card = derive(card, n)[0]
    card = ok(Uicc.useInternal(card, nafId(1), () => 0))[0]
    card = derive(card, 4)[0]
    assert.deepStrictEqual(
      card.records.map(({ nafId }) => nafId.fqdn),
      ["naf3.example.net", "naf1.example.net", "naf4.example.net"]
    )
    card = derive(card, 3)[0]
    assert.strictEqual(card.records.length, 3)
    assert.strictEqual(card.records.at(-1)!.nafId.fqdn, "naf3.example.net")
    assert.isTrue(Result.isFailure(Uicc.useInternal(card, nafId(2), () => 0)))
  })

  it("writes EF_GBANL", () => {
    const [card] = derive(bootstrapped(2), 1)
    const [record, free] = Uicc.readGbaNl(card, 40)
    const name = Bytes.toHex(NafId.encode(nafId(1)))
    assert.strictEqual(Bytes.toHex(record!), `8015${name}8108${Bytes.toHex(Bytes.utf8("btid@bsf"))}`.padEnd(80, "f"))
    assert.strictEqual(Bytes.toHex(free!), "ff".repeat(40))
  })

  it("never has more records than room, and the newest is always there", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 30 }),
        (room, used) => {
          let card = bootstrapped(room)
          for (const n of used) card = derive(card, n)[0]
          const expected = [...new Set(used.toReversed())].slice(0, room).toReversed()
          assert.deepStrictEqual(
            card.records.map(({ nafId }) => nafId.fqdn),
            expected.map((n) => `naf${n}.example.net`)
          )
        }
      ),
      { numRuns: Math.min(fuzzRuns, 5000) / 20 }
    )
  })
})
