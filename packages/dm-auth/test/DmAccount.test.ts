import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import { DmAccount, DmAuthType } from "../src/index.ts"

describe("DMAcc", () => {
  it("levels in both spellings", () => {
    const both = { CLCRED: "APPSRV", SRVCRED: "CLIENT", OBEX: "OBEX", HTTP: "HTTP" } as const
    for (const level of ["CLCRED", "SRVCRED", "OBEX", "HTTP"] as const) {
      assert.strictEqual(DmAccount.levelText(level, "DMAcc"), level)
      assert.strictEqual(DmAccount.levelText(level, "w7"), both[level])
      for (const text of [level, both[level], both[level].toLowerCase(), ` ${level} `]) {
        assert.strictEqual(Result.getOrThrow(DmAccount.parseLevel(text)), level)
      }
    }
    assert.isTrue(Result.isFailure(DmAccount.parseLevel("SERVER")))
  })

  it("every computed type has its AAuthType and back", () => {
    for (const type of DmAuthType.dmAuthTypes) {
      const token = DmAccount.aAuthType(type)
      assert.strictEqual(DmAccount.dmAuthType(token), type)
      assert.strictEqual(Result.getOrThrow(DmAccount.parseType(token, "CLCRED")), token)
    }
    for (const token of ["X509", "SECURID", "SAFEWORD", "DIGIPASS", "TRANSPORT"] as const) {
      assert.strictEqual(Result.getOrThrow(DmAccount.parseType(token, "SRVCRED")), token)
      assert.isUndefined(DmAccount.dmAuthType(token))
    }
  })

  it("the spellings of SHA-256, which are configurable", () => {
    for (const text of ["DIGEST-SHA256", "SHA256", "digest_sha256"]) {
      assert.strictEqual(Result.getOrThrow(DmAccount.parseType(text, "CLCRED")), "DIGEST-SHA256")
    }
    assert.isTrue(Result.isFailure(DmAccount.parseType("SHA-256", "CLCRED")))
    assert.strictEqual(Result.getOrThrow(DmAccount.parseType("SHA-256", "CLCRED", ["sha-256"])), "DIGEST-SHA256")
  })

  it("HTTP and OBEX take transport types alone, the other levels none of them", () => {
    for (const level of ["HTTP", "OBEX"] as const) {
      for (const text of ["HTTP-BASIC", "HTTP-DIGEST", "TRANSPORT"]) {
        assert.isTrue(Result.isSuccess(DmAccount.parseType(text, level)), text)
      }
      for (const text of ["BASIC", "DIGEST", "HMAC", "X509"]) {
        assert.isTrue(Result.isFailure(DmAccount.parseType(text, level)), text)
      }
    }
    for (const text of ["HTTP-BASIC", "HTTP-DIGEST"]) {
      assert.isTrue(Result.isFailure(DmAccount.parseType(text, "CLCRED")), text)
    }
  })

  it("AAuthData is octets in DMAcc, base64 in w7", () => {
    const octets = Uint8Array.of(0, 255)
    assert.deepStrictEqual(Result.getOrThrow(DmAccount.parseData(octets)), octets)
    assert.deepStrictEqual(Result.getOrThrow(DmAccount.parseData("Tm9uY2U=")), Bytes.utf8("Nonce"))
    const bad = DmAccount.parseData("not base64!")
    assert.isTrue(Result.isFailure(bad) && bad.failure.value === "")
  })

  it("the first type: preference, what worked, MD5 with a nonce, basic", () => {
    const basic = { level: "CLCRED", type: "BASIC" } as const
    const md5 = { level: "CLCRED", type: "DIGEST" } as const
    const md5WithNonce = { ...md5, data: new Uint8Array(4) }
    const hmac = { level: "CLCRED", type: "HMAC" } as const
    assert.strictEqual(DmAccount.firstType([basic, md5WithNonce, hmac], "HMAC"), "syncml:auth-MAC")
    assert.strictEqual(DmAccount.firstType([basic, md5WithNonce], "HMAC"), "syncml:auth-md5")
    assert.strictEqual(DmAccount.firstType([basic, md5], undefined, "syncml:auth-md5"), "syncml:auth-md5")
    assert.strictEqual(DmAccount.firstType([basic, md5WithNonce]), "syncml:auth-md5")
    assert.strictEqual(DmAccount.firstType([basic, md5]), "syncml:auth-basic")
    assert.strictEqual(DmAccount.firstType([hmac]), "syncml:auth-MAC")
    assert.isUndefined(DmAccount.firstType([{ level: "SRVCRED", type: "DIGEST" }]))
  })
})
