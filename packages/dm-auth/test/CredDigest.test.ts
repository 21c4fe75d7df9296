import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { Cred, CredDigest } from "../src/index.ts"
import { md5, sha256, vectors } from "./crypto.ts"

interface DigestInput {
  readonly type: CredDigest.DigestType
  readonly formula: CredDigest.Formula
  readonly user: string
  readonly secret: string
  readonly nonceHex?: string
  readonly nonceBase64: string
  readonly dataBase64?: string
}

const hashes = { "syncml:auth-md5": md5, "syncml:auth-sha256": sha256 }
const base64 = (text: string) => Result.getOrThrow(Bytes.fromBase64(text))

describe("digest", () => {
  for (const vector of vectors<DigestInput, { storedKey: string; dataBase64: string }>("cred-digest.json")) {
    const { formula, nonceBase64, secret, type, user } = vector.input
    const hash = hashes[type]
    const nonce = base64(nonceBase64)
    const protocol = formula === "flat" ? "SyncML/1.0" : "DM/1.2"
    if (vector.status === "negative") {
      it(`${vector.name} is refused`, () => {
        const presented = base64(vector.input.dataBase64!)
        assert.isFalse(CredDigest.matchesAny(hash, CredDigest.storedKey(hash, user, secret), presented, [nonce]))
        assert.strictEqual(
          presented.length === CredDigest.digestLength[type],
          vector.name !== "cred-digest/sha256-as-md5"
        )
      })
      continue
    }
    const id = vector.name === "cred-digest/md5-seed" ? "[DM-CRED-008] " : ""
    it(`${id}${vector.name} (${vector.status})`, () => {
      assert.strictEqual(CredDigest.formulaOf(protocol), formula)
      assert.strictEqual(Bytes.toHex(nonce), vector.input.nonceHex)
      const octets = CredDigest.digestFor(protocol, hash, user, secret, nonce)
      assert.strictEqual(Bytes.toBase64(octets), vector.output.dataBase64)
      const key = CredDigest.storedKey(hash, user, secret)
      assert.strictEqual(key, vector.output.storedKey)
      assert.strictEqual(CredDigest.matchesAny(hash, key, octets, [Bytes.utf8("other"), nonce]), formula === "nested")
      assert.isFalse(CredDigest.matchesAny(hash, key, octets, [Bytes.utf8("other")]))
      assert.isFalse(CredDigest.matchesAny(hash, key, octets, []))
    })
  }

  it("[DM-CRED-008] the prose beside the published example gives another value", () => {
    const prose = md5(Bytes.utf8("Bruce2:OhBehave:Nonce"))
    assert.strictEqual(Bytes.toBase64(prose), "UmkqAAZhiQvXXhfaf/u+OQ==")
    assert.notDeepEqual(prose, CredDigest.digest(md5, "Bruce2", "OhBehave", Bytes.utf8("Nonce")))
  })

  it("only SyncML/1.0 selects the flat formula", () => {
    for (const protocol of ["SyncML/1.1", "SyncML/1.2", "DM/1.0", "DM/1.1", "DM/1.2", "DM/1.3", "", "syncml/1.0 "]) {
      assert.strictEqual(CredDigest.formulaOf(protocol), "nested")
    }
  })

  it("one changed bit of a digest is refused", () => {
    const key = CredDigest.storedKey(md5, "Bruce2", "OhBehave")
    const nonce = Bytes.utf8("Nonce")
    const good = CredDigest.digestFromKey(md5, key, nonce)
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice()
      bad[bit >> 3]! ^= 1 << (bit & 7)
      assert.isFalse(CredDigest.matchesAny(md5, key, bad, [nonce]))
    }
    for (let end = 0; end < good.length; end++) {
      assert.isFalse(CredDigest.matchesAny(md5, key, good.subarray(0, end), [nonce]))
    }
  })

  it("client and server credentials that could be mirrored are found", () => {
    const client = { user: "u", secret: "s" }
    assert.isTrue(CredDigest.reflects(sha256, client, { user: "u", secret: "other" }))
    assert.isTrue(CredDigest.reflects(sha256, client, { user: "server", secret: "s" }))
    assert.isFalse(CredDigest.reflects(sha256, client, { user: "server", secret: "other" }))
  })
})

describe("basic", () => {
  interface BasicInput {
    readonly user: string
    readonly secret: string
    readonly dataBase64?: string
  }
  for (const vector of vectors<BasicInput, { dataBase64: string; reason?: string }>("cred-basic.json")) {
    const { secret, user } = vector.input
    if (vector.status === "negative") {
      it(`[DM-CRED-004] ${vector.name} is refused`, () => {
        const decoded = CredDigest.decodeBasic(base64(vector.input.dataBase64!))
        assert.isTrue(Result.isFailure(decoded) && decoded.failure.reason === vector.output.reason)
      })
      continue
    }
    it(`[DM-CRED-004] ${vector.name} (${vector.status})`, () => {
      const octets = Result.getOrThrow(CredDigest.encodeBasic(user, secret))
      assert.strictEqual(Bytes.toBase64(octets), vector.output.dataBase64)
      const carried = Cred.octets(Cred.make("syncml:auth-basic", octets))
      assert.deepStrictEqual(Result.getOrThrow(CredDigest.decodeBasic(carried!)), { user, secret })
    })
  }

  it("the first colon splits; the user name has none", () => {
    assert.deepStrictEqual(Result.getOrThrow(CredDigest.decodeBasic(Bytes.utf8("a:b:c"))), { user: "a", secret: "b:c" })
    assert.isTrue(Result.isFailure(CredDigest.encodeBasic("a:b", "c")))
    assert.isTrue(Result.isFailure(CredDigest.encodeBasic("", "c")))
  })

  it("invalid UTF-8 and too much are refused", () => {
    const reason = (octets: Uint8Array) => {
      const decoded = CredDigest.decodeBasic(octets)
      return Result.isFailure(decoded) ? decoded.failure.reason : undefined
    }
    assert.strictEqual(reason(Uint8Array.of(0xff, 0x3a)), "not UTF-8")
    assert.strictEqual(reason(new Uint8Array(1025).fill(0x3a)), "too long")
  })

  it("what is encoded is decoded", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }).filter(CredDigest.isUserName),
        fc.string({ unit: "grapheme" }),
        (user, secret) => {
          const octets = Result.getOrThrow(CredDigest.encodeBasic(user, secret))
          assert.deepStrictEqual(Result.getOrThrow(CredDigest.decodeBasic(octets, 10_000)), { user, secret })
        }
      )
    )
  })
})
