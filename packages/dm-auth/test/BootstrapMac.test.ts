import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { BootstrapMac } from "../src/index.ts"
import { fuzzRuns, hmacSha1, vectors } from "./crypto.ts"

const hex = (text: string) => Bytes.fromHex(text)!

describe("bootstrap MAC", () => {
  for (const vector of vectors<
    BootstrapMac.BootstrapSecret & { documentHex: string },
    { keyHex: string; macHex: string }
  >("bootstrap-mac.json")) {
    it(`${vector.name} (${vector.status})`, () => {
      const { input, output } = vector
      const document = hex(input.documentHex)
      assert.strictEqual(Bytes.toHex(Result.getOrThrow(BootstrapMac.key(input))), output.keyHex)
      const mac = Result.getOrThrow(BootstrapMac.mac(hmacSha1, input, document))
      assert.strictEqual(Bytes.toHex(mac).toUpperCase(), output.macHex)
      assert.isTrue(Result.getOrThrow(BootstrapMac.verify(hmacSha1, input, document, mac)))
      for (let bit = 0; bit < 160; bit++) {
        const changed = mac.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.isFalse(Result.getOrThrow(BootstrapMac.verify(hmacSha1, input, document, changed)))
      }
      assert.isFalse(Result.getOrThrow(BootstrapMac.verify(hmacSha1, input, document.subarray(1), mac)))
      const profile = input.sec === "NETWPIN" ? "provisioning" : "dm"
      const header = BootstrapMac.buildHeader({ profile, sec: input.sec, mac })
      assert.include(header, `MAC=${output.macHex}`)
      const parsed = Result.getOrThrow(BootstrapMac.parseHeader(header))
      assert.deepStrictEqual(parsed, { profile, sec: input.sec, mac })
      assert.deepStrictEqual(Result.getOrThrow(BootstrapMac.parseHeader(header.toLowerCase())), parsed)
    })
  }

  it("an IMSI with an even number of digits is filled up", () => {
    assert.strictEqual(
      Bytes.toHex(Result.getOrThrow(BootstrapMac.imsiSemiOctets("26201123456789"))),
      "21261021436587f9"
    )
  })

  it("USERNETWPIN joins both", () => {
    const key = BootstrapMac.key({ sec: "USERNETWPIN", imsi: "262011234567890", pin: "1234" })
    assert.strictEqual(Bytes.toHex(Result.getOrThrow(key)), "292610214365870931323334")
  })

  it("a secret that gives no key is refused without its value", () => {
    for (const secret of [
      { sec: "NETWPIN", imsi: "12a" },
      { sec: "NETWPIN", imsi: "" },
      { sec: "USERPIN", pin: "" },
      { sec: "USERPIN", pin: "12x4" },
      { sec: "NETWORKID", networkId: "" },
      { sec: "USERPIN_NETWORKID", pin: "1", networkId: "" }
    ] as const) {
      const key = BootstrapMac.key(secret)
      assert.isTrue(Result.isFailure(key))
      if (Result.isFailure(key)) assert.notInclude(JSON.stringify(key.failure), "12x4")
    }
  })

  const mac = "12C85179FCABD9754982EA4548E0A91C8CFB2A37"
  const refusals: ReadonlyArray<readonly [string, BootstrapMac.MalformedBootstrapHeader["reason"]]> = [
    [`text/xml; SEC=USERPIN; MAC=${mac}`, "media type"],
    [`application/vnd.syncml.dm+xml; SEC=USERPIN; MAC=${mac}`, "media type"],
    [`application/vnd.syncml.dm+wbxml; MAC=${mac}`, "sec"],
    [`application/vnd.syncml.dm+wbxml; SEC=NETWPIN; MAC=${mac}`, "sec"],
    [`application/vnd.syncml.dm+wbxml; SEC=1; MAC=${mac}`, "sec"],
    [`application/vnd.wap.connectivity-wbxml; SEC=4; MAC=${mac}`, "sec"],
    [`application/vnd.wap.connectivity-wbxml; SEC=USERPIN; MAC=${mac}`, "sec"],
    ["application/vnd.syncml.dm+wbxml; SEC=USERPIN", "mac"],
    [`application/vnd.syncml.dm+wbxml; SEC=USERPIN; MAC=${mac}00`, "mac"],
    ["application/vnd.syncml.dm+wbxml; SEC=USERPIN; MAC=zz", "mac"],
    [`application/vnd.syncml.dm+wbxml; SEC=USERPIN; SEC=NETWORKID; MAC=${mac}`, "repeated parameter"],
    [`application/vnd.syncml.dm+wbxml; SEC=USERPIN; mac=${mac}; MAC=${mac}`, "repeated parameter"],
    [`application/vnd.syncml.dm+wbxml; SEC; MAC=${mac}`, "syntax"],
    [`application/vnd.syncml.dm+wbxml;; SEC=USERPIN; MAC=${mac}`, "syntax"],
    [`application/vnd.syncml.dm+wbxml; SEC=USERPIN; MAC=${mac}; x=${"y".repeat(512)}`, "too long"]
  ]
  for (const [value, reason] of refusals) {
    it(`refuses ${value.slice(0, 70)}: ${reason}`, () => {
      const parsed = BootstrapMac.parseHeader(value)
      assert.isTrue(Result.isFailure(parsed))
      if (Result.isFailure(parsed)) assert.strictEqual(parsed.failure.reason, reason)
    })
  }

  it("order, other parameters and quotes do not matter; USERPINMAC is recognised", () => {
    const dm = BootstrapMac.parseHeader(`Application/vnd.syncml.dm+wbxml;charset=utf-8; MAC="${mac}" ;SEC=userpin`)
    assert.strictEqual(Result.getOrThrow(dm).sec, "USERPIN")
    const cp = BootstrapMac.parseHeader(`application/vnd.wap.connectivity-wbxml; SEC=3; MAC=${mac}`)
    assert.strictEqual(Result.getOrThrow(cp).sec, "USERPINMAC")
  })

  it("arbitrary text gives a value or a typed error", () => {
    const word = fc.constantFrom(
      "application/vnd.syncml.dm+wbxml",
      "application/vnd.wap.connectivity-wbxml",
      ";",
      "SEC",
      "MAC",
      "=",
      "USERPIN",
      "1",
      mac,
      '"',
      " "
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 20 }).map((words) => words.join(""))
        ),
        (value) => {
          const parsed = BootstrapMac.parseHeader(value)
          assert.isTrue(Result.isSuccess(parsed) || parsed.failure._tag === "MalformedBootstrapHeader")
        }
      ),
      { numRuns: fuzzRuns }
    )
  })
})
