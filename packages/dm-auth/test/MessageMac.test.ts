import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { CredDigest, MessageMac, SyncmlHmacHeader } from "../src/index.ts"
import { fuzzRuns, hmacMd5, md5, sha256, vectors } from "./crypto.ts"

const hashes = { MD5: md5, SHA256: sha256 }
const hex = (text: string) => Bytes.fromHex(text)!

interface MacInput {
  readonly algorithm: SyncmlHmacHeader.HmacAlgorithm
  readonly user: string
  readonly secret: string
  readonly nonceHex: string
  readonly bodyHex: string
}

describe("syncml:auth-MAC", () => {
  for (const vector of vectors<MacInput, { macBase64: string; header: string }>("syncml-mac.json")) {
    it(`[DM-MAC-001] ${vector.name} (${vector.status})`, () => {
      const { algorithm, bodyHex, nonceHex, secret, user } = vector.input
      const hash = hashes[algorithm]
      const mac = MessageMac.nested(hash, CredDigest.storedKey(hash, user, secret), hex(nonceHex), hex(bodyHex))
      assert.strictEqual(MessageMac.encode(mac), vector.output.macBase64)
      const header = SyncmlHmacHeader.build({ algorithm, username: user, mac: MessageMac.encode(mac) })
      assert.strictEqual(Result.getOrThrow(header), vector.output.header)
      const parsed = Result.getOrThrow(SyncmlHmacHeader.parse(vector.output.header))
      assert.deepStrictEqual(parsed, { algorithm, username: user, mac: vector.output.macBase64 })
      assert.deepStrictEqual(Result.getOrThrow(MessageMac.decode(parsed.mac, mac.length as 16 | 32)), mac)
    })
  }

  it("[DM-MAC-001] the variant of RFC 2104 is another value", () => {
    const key = CredDigest.storedKey(md5, "Bruce2", "OhBehave")
    const body = Bytes.utf8("<SyncML/>")
    const nonce = Bytes.utf8("Nonce")
    const data = Bytes.utf8(`Nonce:${Bytes.toBase64(md5(body))}`)
    const mac = MessageMac.rfc2104(md5, hmacMd5, key, nonce, body)
    assert.deepStrictEqual(mac, hmacMd5(Bytes.utf8(key), data))
    assert.notDeepEqual(mac, MessageMac.nested(md5, key, nonce, body))
  })

  it("the published example, base64 over hexadecimal text, is read", () => {
    const octets = Result.getOrThrow(MessageMac.decode("NTI2OTJhMDAwNjYxODkwYmQ3NWUxN2RhN2ZmYmJlMzk", 16))
    assert.strictEqual(Bytes.toHex(octets), "52692a000661890bd75e17da7ffbbe39")
  })

  it("a code of another length or alphabet is refused", () => {
    for (const text of ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "****"]) {
      assert.isTrue(Result.isFailure(MessageMac.decode(text, 32)), text)
    }
    assert.isTrue(Result.isFailure(MessageMac.decode(Bytes.toBase64(new Uint8Array(32)), 16)))
  })
})

describe("x-syncml-hmac", () => {
  for (const vector of vectors<{ value: string }, SyncmlHmacHeader.SyncmlHmacHeader & { fault?: string }>(
    "syncml-hmac-header.json"
  )) {
    it(`[DM-MAC-001] ${vector.name} (${vector.status})`, () => {
      const parsed = SyncmlHmacHeader.parse(vector.input.value)
      if (vector.status === "negative") {
        assert.isTrue(Result.isFailure(parsed) && parsed.failure.fault === vector.output.fault)
      } else {
        assert.deepStrictEqual(Result.getOrThrow(parsed), vector.output)
      }
    })
  }

  const faults: ReadonlyArray<readonly [string, SyncmlHmacHeader.HmacHeaderFault]> = [
    ["", "syntax"],
    [",", "syntax"],
    ['username="x", mac=AAAA,', "syntax"],
    ['username="x",, mac=AAAA', "syntax"],
    ['username="x" mac=AAAA', "syntax"],
    ["username=x, mac=AAAA", "syntax"],
    ['username="x, mac=AAAA', "syntax"],
    ['username="x\\', "syntax"],
    ['username="x\r\n", mac=AAAA', "character"],
    ['username="x\\\u0000", mac=AAAA', "character"],
    ['username="\u0100", mac=AAAA', "character"],
    ['username="x", mac=', "mac missing"],
    ['username="x", mac="AAAA"', "mac missing"],
    ['username="x", mac=AAAA, mac=AAAA', "repeated parameter"],
    ['username="x", username="x", mac=AAAA', "repeated parameter"],
    ['algorithm=MD5, ALGORITHM=MD5, username="x", mac=AAAA', "repeated parameter"],
    ['algorithm=SHA1, username="x", mac=AAAA', "unknown algorithm"],
    ['algorithm=, username="x", mac=AAAA', "unknown algorithm"],
    ['realm="y", username="x", mac=AAAA', "unknown parameter"],
    [`username="${"x".repeat(256)}", mac=AAAA`, "too long"],
    [`username="x", mac=${"A".repeat(129)}`, "too long"],
    [`username="x", mac=AAAA${" ".repeat(1024)}`, "too long"]
  ]
  for (const [value, fault] of faults) {
    it(`refuses ${JSON.stringify(value.slice(0, 60))}: ${fault}`, () => {
      const parsed = SyncmlHmacHeader.parse(value)
      assert.isTrue(Result.isFailure(parsed))
      if (Result.isFailure(parsed)) assert.strictEqual(parsed.failure.fault, fault)
    })
  }

  it("white space and letter case of names do not matter", () => {
    const parsed = SyncmlHmacHeader.parse(' Algorithm = sha256 ,\tUSERNAME= "x" , Mac =AAAA ')
    assert.deepStrictEqual(Result.getOrThrow(parsed), { algorithm: "SHA256", username: "x", mac: "AAAA" })
  })

  it("octets above 127 are UTF-8, or Latin-1 where they are not", () => {
    const parse = (value: string) => Result.getOrThrow(SyncmlHmacHeader.parse(value)).username
    assert.strictEqual(parse('username="J\u00c3\u00b6rg", mac=AAAA'), "J\u00f6rg")
    assert.strictEqual(parse('username="J\u00f6rg", mac=AAAA'), "J\u00f6rg")
  })

  it("what is built is parsed", () => {
    const name = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text))
    fc.assert(
      fc.property(fc.constantFrom<SyncmlHmacHeader.HmacAlgorithm>("MD5", "SHA256"), name, (algorithm, username) => {
        const header = { algorithm, username, mac: "AAAAAAAAAAAAAAAAAAAAAA==" }
        const limits = { ...SyncmlHmacHeader.defaultHmacHeaderLimits, value: 10_000, username: 10_000 }
        const value = Result.getOrThrow(SyncmlHmacHeader.build(header))
        assert.deepStrictEqual(Result.getOrThrow(SyncmlHmacHeader.parse(value, limits)), header)
      })
    )
  })

  it("a user name with a control character has no form", () => {
    for (const username of ["a\r\nb", "\u0000", "\u007f"]) {
      assert.isTrue(Result.isFailure(SyncmlHmacHeader.build({ algorithm: "MD5", username, mac: "AAAA" })))
    }
  })

  it("every prefix and every changed bit of a value gives a value or a fault", () => {
    const value = 'algorithm=MD5, username="Bruce2", mac=gbjsdKI2jLRPFi9gmOstJg=='
    for (let end = 0; end < value.length; end++) SyncmlHmacHeader.parse(value.slice(0, end))
    for (let bit = 0; bit < value.length * 8; bit++) {
      const octets = Bytes.utf8(value)
      octets[bit >> 3]! ^= 1 << (bit & 7)
      SyncmlHmacHeader.parse(String.fromCharCode(...octets))
    }
  })

  it("arbitrary text gives a value or a fault", () => {
    const word = fc.constantFrom(
      "algorithm",
      "username",
      "mac",
      "=",
      ",",
      '"',
      "\\",
      " ",
      "MD5",
      "AAAA",
      "\u00ff",
      "\u2028"
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 30 }).map((words) => words.join(""))
        ),
        (value) => {
          const parsed = SyncmlHmacHeader.parse(value)
          assert.isTrue(Result.isSuccess(parsed) || parsed.failure._tag === "MalformedHmacHeader")
        }
      ),
      { numRuns: fuzzRuns }
    )
  })
})
