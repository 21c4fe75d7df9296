import { assert, describe, it } from "@effect/vitest"
import { md5 } from "@noble/hashes/legacy.js"
import { sha256, sha512_256 } from "@noble/hashes/sha2.js"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { DigestAka, DigestAlgorithm, DigestComputation, NodeDigestHash } from "../../src/digest/index.ts"
import { fuzzRuns, type Vector, vectors } from "./support.ts"

const portable: DigestAlgorithm.DigestHashes = {
  MD5: DigestAlgorithm.digestHash(md5),
  "SHA-256": DigestAlgorithm.digestHash(sha256),
  "SHA-512-256": DigestAlgorithm.digestHash(sha512_256)
}
const implementations = { node: NodeDigestHash.hashes, noble: portable }
const hex = (text: string) => Bytes.fromHex(text)!

const compute = (hashes: DigestAlgorithm.DigestHashes, { input }: Vector) => {
  const algorithm = DigestAlgorithm.algorithmNamed(input["algorithm"])!
  const traits = DigestAlgorithm.algorithms[algorithm]
  const hash = hashes[traits.hash]
  const plain = DigestComputation.ha1(hash, input["username"]!, input["realm"]!, hex(input["passwordHex"]!))
  const { cnonce, nc, nonce, qop, uri } = input
  const ha1 = traits.session ? DigestComputation.sessionHa1(hash, plain, nonce!, cnonce!) : plain
  const ha2 = DigestComputation.ha2(
    hash,
    input["method"]!,
    uri!,
    qop === "auth-int" ? hex(input["bodyHex"]!) : undefined
  )
  const quality = qop === "auth" || qop === "auth-int" ? ({ qop, nc: nc!, cnonce: cnonce! } as const) : undefined
  const response = DigestComputation.response(hash, ha1, nonce!, quality, ha2)
  const userhash = DigestComputation.userhash(hash, input["username"]!, input["realm"]!)
  return { ha1, ha2, response, userhash }
}

const all = [...vectors("digest.json"), ...vectors("digest-aka.json")]

for (const [name, hashes] of Object.entries(implementations)) {
  describe(`vectors with ${name}`, () => {
    for (const vector of all.filter(({ input }) => input["kind"] !== "aka-nonce")) {
      it(vector.name, () => {
        const computed = compute(hashes, vector)
        for (const part of ["ha1", "ha2", "response", "userhash"] as const) {
          const expected = vector.output[part]
          if (expected === undefined) continue
          if (vector.status === "negative") assert.notStrictEqual(computed[part], expected, part)
          else assert.strictEqual(computed[part], expected, part)
        }
      })
    }
  })
}

describe("AKA", () => {
  const hmacMd5 = NodePrimitives.hmac("md5")
  for (const { name, input, output } of vectors("digest-aka.json")) {
    if (input["kind"] === "aka-nonce") {
      it(name, () => {
        const [rand, autn, serverData] = [hex(input["randHex"]!), hex(input["autnHex"]!), hex(input["serverDataHex"]!)]
        assert.deepStrictEqual(DigestAka.encodeNonce(rand, autn, serverData), Result.succeed(output["nonce"]!))
        assert.deepStrictEqual(DigestAka.decodeNonce(output["nonce"]!), Result.succeed({ rand, autn, serverData }))
      })
    }
    if (input["resHex"] !== undefined) {
      it(`${name}: password and session keys`, () => {
        const [res, ik, ck] = [hex(input["resHex"]!), hex(input["ikHex"]!), hex(input["ckHex"]!)]
        assert.strictEqual(Bytes.utf8Decode(DigestAka.akaV2Password(hmacMd5, res, ik, ck)), output["passwordText"])
        const keys = DigestAka.akaV2SessionKeys(hmacMd5, ck, ik)
        assert.strictEqual(Bytes.toHex(keys.ck), output["ckPrimeHex"])
        assert.strictEqual(Bytes.toHex(keys.ik), output["ikPrimeHex"])
      })
    }
    if (input["autsHex"] !== undefined) {
      it(`${name}: auts and the empty password`, () => {
        assert.deepStrictEqual(DigestAka.encodeAuts(hex(input["autsHex"]!)), Result.succeed(output["autsBase64"]!))
        assert.deepStrictEqual(DigestAka.decodeAuts(output["autsBase64"]!), Result.succeed(hex(input["autsHex"]!)))
        assert.strictEqual(input["passwordHex"], Bytes.toHex(DigestAka.resynchronisationPassword))
      })
    }
  }
  it("nonces and auts of a wrong length or alphabet are refused", () => {
    const octets = (length: number) => Bytes.toBase64(new Uint8Array(length).fill(7))
    for (let n = 0; n < 32; n++) assert.isTrue(Result.isFailure(DigestAka.decodeNonce(octets(n))), `${n} octets`)
    for (const n of [0, 13, 15, 28]) assert.isTrue(Result.isFailure(DigestAka.decodeAuts(octets(n))), `${n} octets`)
    assert.isTrue(Result.isFailure(DigestAka.decodeNonce(`*${octets(33).slice(1)}`)))
    assert.isTrue(Result.isFailure(DigestAka.encodeNonce(new Uint8Array(15), new Uint8Array(16))))
    assert.isTrue(Result.isFailure(DigestAka.encodeNonce(new Uint8Array(16), new Uint8Array(17))))
    assert.isTrue(Result.isFailure(DigestAka.encodeAuts(new Uint8Array(16))))
  })
  it("every nonce of any octets is refused or read back", () => {
    fc.assert(
      fc.property(fc.oneof(fc.base64String(), fc.string()), (text) => {
        const decoded = DigestAka.decodeNonce(text)
        if (Result.isFailure(decoded)) return
        const { autn, rand, serverData } = decoded.success
        assert.deepStrictEqual(
          DigestAka.encodeNonce(rand, autn, serverData).pipe(Result.map((t) => DigestAka.decodeNonce(t))),
          Result.succeed(decoded)
        )
      }),
      { numRuns: fuzzRuns() }
    )
  })
})

describe("algorithms", () => {
  it("are known in any case, and no name is MD5", () => {
    assert.strictEqual(DigestAlgorithm.algorithmNamed(undefined), "MD5")
    for (const name of Object.keys(DigestAlgorithm.algorithms)) {
      assert.strictEqual(DigestAlgorithm.algorithmNamed(name.toLowerCase()), name)
      assert.strictEqual(DigestAlgorithm.algorithmNamed(name.toUpperCase()), name)
    }
    for (const name of ["", "md4", "SHA-512", "MD5 ", "toString", "__proto__"]) {
      assert.isUndefined(DigestAlgorithm.algorithmNamed(name))
    }
  })
  it("come strongest first", () => {
    assert.deepStrictEqual(DigestAlgorithm.strongestFirst(["MD5", "SHA-256", "MD5", "SHA-512-256", "MD5-sess"]), [
      "SHA-512-256",
      "SHA-256",
      "MD5-sess",
      "MD5"
    ])
    assert.deepStrictEqual(DigestAlgorithm.strongestFirst(["AKAv1-MD5", "AKAv2-MD5"]), ["AKAv2-MD5", "AKAv1-MD5"])
  })
})

describe("helpers", () => {
  it("texts compare as they are", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        assert.strictEqual(DigestComputation.equalText(a, b), a === b)
        assert.isTrue(DigestComputation.equalText(a, a.slice()))
      }),
      { numRuns: fuzzRuns() }
    )
  })
  it("counts have eight digits", () => {
    assert.strictEqual(DigestComputation.ncText(1), "00000001")
    assert.strictEqual(DigestComputation.ncText(0xffffffff), "ffffffff")
  })
  it("Node and the portable hashes agree on any text and octets", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.uint8Array(), (text, octets) => {
        for (const name of ["MD5", "SHA-256", "SHA-512-256"] as const) {
          assert.strictEqual(NodeDigestHash.hashes[name](text), portable[name](text))
          assert.strictEqual(NodeDigestHash.hashes[name](octets), portable[name](octets))
        }
      }),
      { numRuns: 200 }
    )
  })
})
