import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import * as fc from "fast-check"
import { CredDigest, Package0 } from "../src/index.ts"
import { fuzzRuns, md5, vectors } from "./crypto.ts"

interface Input {
  readonly serverId: string
  readonly secret: string
  readonly nonceHex: string
  readonly uiMode: Package0.UiMode
  readonly initiator: "client" | "server"
  readonly sessionId: number
  readonly bodyHex: string
}
interface Output {
  readonly sessionIdText: string
  readonly triggerHex: string
  readonly digestHex: string
  readonly messageHex: string
}

const hex = (text: string) => Bytes.fromHex(text)!
const all = vectors<Input, Output>("package0.json")
const triggerOf = (input: Input): Package0.Trigger => ({
  uiMode: input.uiMode,
  initiator: input.initiator,
  sessionId: input.sessionId,
  serverId: input.serverId,
  body: hex(input.bodyHex)
})
const keyOf = (input: Input) => CredDigest.storedKey(md5, input.serverId, input.secret)

describe("Package 0", () => {
  for (const { input, name, output, status } of all) {
    it(`${name} (${status})`, () => {
      const nonce = hex(input.nonceHex)
      const built = Result.getOrThrow(Package0.build(md5, keyOf(input), nonce, triggerOf(input)))
      assert.strictEqual(Bytes.toHex(built), output.messageHex)
      const parsed = Result.getOrThrow(Package0.parse(built))
      assert.deepStrictEqual(parsed.trigger, triggerOf(input))
      assert.strictEqual(Bytes.toHex(parsed.triggerOctets), output.triggerHex)
      assert.strictEqual(Bytes.toHex(parsed.digest), output.digestHex)
      assert.strictEqual(Package0.verify(md5, parsed, keyOf(input), nonce), "current")
      assert.isUndefined(Package0.verify(md5, parsed, CredDigest.storedKey(md5, input.serverId, "wrong"), nonce, true))
      assert.strictEqual(Package0.sessionIdText(input.sessionId), output.sessionIdText)
    })

    it(`${name}: every prefix is refused or does not verify, every changed bit too`, () => {
      const octets = hex(output.messageHex)
      const refused = (changed: Uint8Array) => {
        const parsed = Package0.parse(changed)
        return (
          Result.isFailure(parsed) ||
          Package0.verify(md5, parsed.success, keyOf(input), hex(input.nonceHex), true) === undefined
        )
      }
      for (let end = 0; end < octets.length; end++) assert.isTrue(refused(octets.slice(0, end)), `prefix ${end}`)
      for (let bit = 0; bit < octets.length * 8; bit++) {
        const changed = octets.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.isTrue(refused(changed), `bit ${bit}`)
      }
    })
  }

  const first = hex(all[0]!.output.messageHex)
  const changed = (at: number, value: number) => {
    const octets = first.slice()
    octets[at] = value
    return Package0.parse(octets)
  }

  it("every version but 11 is unsupported, and nothing behind it is looked at", () => {
    for (const field of [0, 10, 12, 13, 1023]) {
      const octets = Bytes.concat(
        new Uint8Array(16),
        Uint8Array.of(field >> 2, (field & 3) << 6),
        new Uint8Array(6).fill(255)
      )
      const parsed = Package0.parse(octets)
      assert.isTrue(Result.isFailure(parsed) && parsed.failure._tag === "UnsupportedVersion")
      if (Result.isFailure(parsed) && parsed.failure._tag === "UnsupportedVersion") {
        assert.strictEqual(parsed.failure.received, field)
      }
    }
  })

  it("reserved bits, session 0, an empty, broken or cut server identifier are malformed", () => {
    const reason = (parsed: ReturnType<typeof Package0.parse>) =>
      Result.isFailure(parsed) && parsed.failure._tag === "MalformedPackage0" ? parsed.failure.reason : undefined
    assert.strictEqual(reason(changed(18, 1)), "reserved bits")
    assert.strictEqual(reason(changed(17, first[17]! | 1)), "reserved bits")
    const zero = first.slice()
    zero.fill(0, 21, 23)
    assert.strictEqual(reason(Package0.parse(zero)), "session id")
    assert.strictEqual(reason(changed(23, 0)), "server id")
    assert.strictEqual(reason(changed(24, 0xff)), "server id")
    assert.strictEqual(reason(changed(23, 255)), "too short")
    assert.strictEqual(reason(Package0.parse(new Uint8Array(5000))), "too long")
  })

  it("the default nonce counts only where it is allowed, as octets and as text", () => {
    const input = all[0]!.input
    for (const nonce of Package0.defaultNonces) {
      const built = Result.getOrThrow(Package0.build(md5, keyOf(input), nonce, triggerOf(input)))
      const parsed = Result.getOrThrow(Package0.parse(built))
      assert.isUndefined(Package0.verify(md5, parsed, keyOf(input), Bytes.utf8("current")))
      assert.strictEqual(Package0.verify(md5, parsed, keyOf(input), Bytes.utf8("current"), true), "default")
    }
    assert.deepStrictEqual(Package0.defaultNonces.map(Bytes.toHex), ["00000000", "30783030303030303030"])
  })

  it("SessionID: octets exchanged by one client are recognised", () => {
    assert.strictEqual(Package0.matchSessionId(0x1a2b, "1A2B"), "same")
    assert.strictEqual(Package0.matchSessionId(0x1a2b, "2B1A"), "swapped")
    assert.strictEqual(Package0.matchSessionId(1, "100"), "swapped")
    assert.strictEqual(Package0.matchSessionId(1, "1"), "same")
    for (const text of ["", "2", "1A2B3", "0x1", "-1", "g"]) assert.isUndefined(Package0.matchSessionId(1, text))
  })

  it("a trigger without a form is refused", () => {
    const trigger = triggerOf(all[0]!.input)
    const field = (change: Partial<Package0.Trigger>) => {
      const encoded = Package0.encodeTrigger({ ...trigger, ...change })
      return Result.isFailure(encoded) ? encoded.failure.field : undefined
    }
    for (const sessionId of [0, -1, 65_536, 1.5, Number.NaN]) assert.strictEqual(field({ sessionId }), "sessionId")
    for (const serverId of ["", "x".repeat(256)]) assert.strictEqual(field({ serverId }), "serverId")
    assert.strictEqual(field({ body: new Uint8Array(4096) }), "body")
  })

  it("what is built is parsed and verified", () => {
    const serverId = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 })
    const trigger = fc.record({
      uiMode: fc.constantFrom<Package0.UiMode>("none", "background", "inform", "ask"),
      initiator: fc.constantFrom<"client" | "server">("client", "server"),
      sessionId: fc.integer({ min: 1, max: 65_535 }),
      serverId,
      body: fc.uint8Array({ maxLength: 60 })
    })
    fc.assert(
      fc.property(trigger, fc.uint8Array({ maxLength: 32 }), (value, nonce) => {
        if (Bytes.utf8(value.serverId).length > 255) return
        const parsed = Result.getOrThrow(Package0.parse(Result.getOrThrow(Package0.build(md5, "key", nonce, value))))
        assert.deepStrictEqual(
          { ...parsed.trigger, body: [...parsed.trigger.body] },
          { ...value, body: [...value.body] }
        )
        assert.strictEqual(Package0.verify(md5, parsed, "key", nonce), "current")
      })
    )
  })

  it("arbitrary octets give a value or a typed error", () => {
    const near = fc
      .tuple(fc.constantFrom(...all.map((vector) => hex(vector.output.messageHex))), fc.nat(), fc.nat(255))
      .map(([octets, at, value]) => {
        const out = octets.slice()
        out[at % out.length] = value
        return out
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), near), (octets) => {
        const parsed = Package0.parse(octets)
        if (Result.isSuccess(parsed)) assert.isAbove(parsed.success.trigger.sessionId, 0)
        else assert.include(["UnsupportedVersion", "MalformedPackage0"], parsed.failure._tag)
      }),
      { numRuns: fuzzRuns }
    )
  })
})
