import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import * as fc from "fast-check"
import { ChallengeNonce } from "../src/index.ts"
import { hmacSha256 } from "./crypto.ts"

const mac = (data: Uint8Array) => hmacSha256(Bytes.utf8("a server's own key"), data)
const basis: ChallengeNonce.Basis = { direction: "client", count: 7, account: "IMEI:493005100592800" }
const text = (octets: Uint8Array) => Bytes.utf8Decode(octets)!

describe("challenge nonces", () => {
  it("are 24 base64 characters over the stated octets", () => {
    const data = Bytes.concat(
      Bytes.fromHex(`01${"0000000000000007"}${"00000000002f3c1a"}05`)!,
      Bytes.utf8(basis.account)
    )
    const expected = Bytes.toBase64(mac(data).subarray(0, 18))
    assert.strictEqual(text(ChallengeNonce.derive(mac, basis, 0x2f3c1a, 13)), expected)
    assert.lengthOf(expected, 24)
    assert.notInclude(Bytes.toBase64(Bytes.utf8(expected)), "=")
  })

  it("differ by direction, count, slot, MsgID modulo 8, account and key", () => {
    const base = text(ChallengeNonce.derive(mac, basis, 100, 1))
    const others = [
      ChallengeNonce.derive(mac, { ...basis, direction: "server" }, 100, 1),
      ChallengeNonce.derive(mac, { ...basis, count: 8 }, 100, 1),
      ChallengeNonce.derive(mac, { ...basis, count: 7 + 2 ** 32 }, 100, 1),
      ChallengeNonce.derive(mac, { ...basis, account: "IMEI:493005100592801" }, 100, 1),
      ChallengeNonce.derive(mac, basis, 101, 1),
      ChallengeNonce.derive(mac, basis, 100, 2),
      ChallengeNonce.derive((data) => hmacSha256(Bytes.utf8("another key"), data), basis, 100, 1)
    ].map(text)
    assert.strictEqual(new Set([base, ...others]).size, 8)
    assert.strictEqual(text(ChallengeNonce.derive(mac, basis, 100, 9)), base)
  })

  it("candidates are the 16 of this slot and the last", () => {
    const candidates = ChallengeNonce.candidates(mac, basis, 100).map(text)
    assert.strictEqual(new Set(candidates).size, 16)
    for (const slot of [99, 100]) {
      for (let msgId = 1; msgId <= 20; msgId++) {
        assert.include(candidates, text(ChallengeNonce.derive(mac, basis, slot, msgId)))
      }
    }
    for (const slot of [98, 101]) assert.notInclude(candidates, text(ChallengeNonce.derive(mac, basis, slot, 1)))
    assert.lengthOf(ChallengeNonce.candidates(mac, basis, 0), 16)
  })

  it("slots last ten minutes", () => {
    assert.strictEqual(ChallengeNonce.slotAt(599_999), 0)
    assert.strictEqual(ChallengeNonce.slotAt(600_000), 1)
  })

  it("fresh nonces: printable without NUL and padding, or raw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 18, maxLength: 18 }), (chance) => {
        const nonce = ChallengeNonce.printable(() => chance)
        assert.lengthOf(nonce, 24)
        assert.isTrue(nonce.every((octet) => octet > 0x20 && octet < 0x7f))
        assert.notInclude(Bytes.toBase64(nonce), "=")
      })
    )
    assert.lengthOf(
      ChallengeNonce.raw((length) => new Uint8Array(length)),
      24
    )
    assert.lengthOf(
      ChallengeNonce.raw((length) => new Uint8Array(length), 16),
      16
    )
  })
})
