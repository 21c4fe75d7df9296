import { randomBytes, randomInt } from "node:crypto"
import { describePeer, run } from "@oma/peers"
import { Auts, Gsm, Sqn, Vectors } from "@oma/sec-cf-core/aka"
import { Result } from "effect"
import { assert, it } from "vitest"
import { hex, milenage, toHex } from "./support.ts"

interface Case {
  readonly k: string
  readonly opc: string
  readonly amf: string
  readonly rand: string
  readonly sqn: number
  readonly sqnMs: number
}

/** Runs osmo-auc-gen once for each line of arguments, all inside one shell. */
const osmo = async (lines: ReadonlyArray<string>): Promise<ReadonlyArray<Readonly<Record<string, string>>>> => {
  const input = lines.map((line) => `osmo-auc-gen -3 -a milenage ${line} || echo "FAILED: $?"; echo ----\n`).join("")
  const { stdout } = await run("sh", [], { input, timeout: 60_000 })
  return stdout
    .split("----\n")
    .slice(0, -1)
    .map((text) =>
      Object.fromEntries(Array.from(text.matchAll(/^([\w .]+):\s*(\S+)/gm), ([, key, value]) => [key, value]))
    )
}

const cases: ReadonlyArray<Case> = Array.from({ length: 500 }, () => ({
  k: toHex(randomBytes(16)),
  opc: toHex(randomBytes(16)),
  amf: toHex(randomBytes(2)),
  rand: toHex(randomBytes(16)),
  sqn: randomInt(2 ** 48 - 1),
  sqnMs: randomInt(2 ** 47)
}))

describePeer("osmo-auc-gen", ["osmo-auc-gen"], () => {
  it("agrees on 500 random vectors: AUTN, CK, IK, RES, SRES, Kc, nonce", async () => {
    const answers = await osmo(cases.map((c) => `-k ${c.k} -o ${c.opc} -f ${c.amf} -s ${c.sqn} -r ${c.rand}`))
    assert.strictEqual(answers.length, cases.length)
    for (const [i, c] of cases.entries()) {
      const answer = answers[i]!
      const f = milenage(c.k, c.opc)
      const [vector] = f.vectors([{ rand: hex(c.rand), sqn: Sqn.toBytes(c.sqn) }], hex(c.amf))
      const { autn, ck, ik, xres, rand } = vector!
      const { sres, kc } = Gsm.triplet(vector!)
      assert.deepStrictEqual(
        [autn, ck, ik, xres, sres, kc].map(toHex),
        [answer["AUTN"]!, answer["CK"]!, answer["IK"]!, answer["RES"]!, answer["SRES"]!, answer["Kc"]!],
        JSON.stringify(c)
      )
      assert.strictEqual(Buffer.concat([rand, autn]).toString("base64"), answer["IMS nonce"])
    }
  }, 60_000)

  it("agrees on 500 random resynchronisations: SQN_MS out of AUTS and the vector after it", async () => {
    const auts = cases.map((c) => toHex(Auts.build(milenage(c.k, c.opc), hex(c.rand), c.sqnMs)))
    const answers = await osmo(cases.map((c, i) => `-k ${c.k} -o ${c.opc} -f ${c.amf} -r ${c.rand} -A ${auts[i]}`))
    for (const [i, c] of cases.entries()) {
      const answer = answers[i]!
      assert.strictEqual(Number(answer["SQN.MS"]), c.sqnMs, JSON.stringify(c))
      const f = milenage(c.k, c.opc)
      const sqnHe = Result.getOrThrow(Vectors.resynchronise(f, { sqnHe: 0, rand: hex(c.rand), auts: hex(auts[i]!) }))
      const batch = Result.getOrThrow(
        Vectors.generate(f, { sqnHe, ind: Number(answer["IND"]), amf: hex(c.amf), rands: [hex(c.rand)] })
      )
      assert.strictEqual(String(batch.sqnHe), answer["SQN"], JSON.stringify(c))
      assert.strictEqual(toHex(batch.vectors[0]!.autn), answer["AUTN"], JSON.stringify(c))
    }
  }, 60_000)

  it("refuses what we refuse: one wrong bit in AUTS", async () => {
    const some = cases.slice(0, 20)
    const auts = some.map((c, i) => {
      const octets = Auts.build(milenage(c.k, c.opc), hex(c.rand), c.sqnMs)
      octets[6 + (i % 8)]! ^= 1 << (i & 7)
      return octets
    })
    const answers = await osmo(
      some.map((c, i) => `-k ${c.k} -o ${c.opc} -f ${c.amf} -r ${c.rand} -A ${toHex(auts[i]!)}`)
    )
    for (const [i, c] of some.entries()) {
      assert.isUndefined(answers[i]!["SQN.MS"])
      assert.isTrue(Result.isFailure(Auts.open(milenage(c.k, c.opc), hex(c.rand), auts[i]!)))
    }
  }, 60_000)
})
