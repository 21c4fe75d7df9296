import { NodePrimitives } from "@oma/sa-policy/node"
import { GplMessage, GplProtection } from "@oma/sec-cf-core/gpl"
import { Result } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { hex, keysOf, toHex, vectors } from "./support.ts"

const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)
const payloadOf = ({ mediaType, bodyHex }: (typeof vectors)[number]["input"]): GplMessage.GplPayload => ({
  content: hex(bodyHex),
  ...(mediaType === null ? {} : { mediaType })
})

describe("gpl-profile-1", () => {
  for (const { name, input, output } of vectors) {
    it(`${name}: keys, sealing and opening`, () => {
      const hmac = (s: Uint8Array) => toHex(keysOfRaw(input.nafKeyHex, s))
      const { enc, int } = GplProtection.keyInputs(input.direction)
      assert.strictEqual(hmac(enc).slice(0, 32), output.kEncHex)
      assert.strictEqual(hmac(int), output.kIntHex)
      const keys = keysOf(hex(input.nafKeyHex), input.direction)
      const header: GplMessage.GplHeader = {
        direction: input.direction,
        suite: input.cipherSuite,
        sequenceNumber: input.sequenceNumber,
        saId: hex(input.saIdHex),
        ...(input.gpiHex === null ? {} : { gpi: hex(input.gpiHex) })
      }
      const plaintext = Result.getOrThrow(GplMessage.encodePayload(payloadOf(input)))
      assert.strictEqual(toHex(Result.getOrThrow(GplProtection.seal(keys, header, plaintext))), output.messageHex)
      const frame = Result.getOrThrow(GplMessage.parse(hex(output.messageHex)))
      const verified = Result.getOrThrow(GplProtection.verify(keys, frame))
      const opened = Result.getOrThrow(GplProtection.open(keys, frame, verified))
      assert.deepStrictEqual(Result.getOrThrow(GplMessage.decodePayload(opened)), payloadOf(input))
      assert.strictEqual(frame.sequenceNumber, input.sequenceNumber)
      assert.strictEqual(toHex(frame.saId), input.saIdHex)
    })
  }

  it("[SEC_CF-INTE-003] accepts no message of which any one bit was changed, and no prefix of one", () => {
    for (const { input, output } of vectors) {
      const message = hex(output.messageHex)
      const keys = keysOf(hex(input.nafKeyHex), input.direction)
      const accepted = (octets: Uint8Array) => {
        const frame = GplMessage.parse(octets)
        return Result.isSuccess(frame) && Result.isSuccess(GplProtection.verify(keys, frame.success))
      }
      assert.isTrue(accepted(message))
      for (let bit = 0; bit < message.length * 8; bit++) {
        const changed = message.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.isFalse(accepted(changed), `bit ${bit}`)
      }
      for (let length = 0; length < message.length; length++) assert.isFalse(accepted(message.subarray(0, length)))
    }
  })

  it("[SEC_CF-CONF-003] shows no run of four octets of the plaintext under suites 01 and 02", () => {
    const keys = keysOf(new Uint8Array(32).fill(9), "downlink")
    const content = new TextEncoder().encode("a message that nobody on the way may read")
    for (const suite of [1, 2] as const) {
      const header = { direction: "downlink", suite, sequenceNumber: 1, saId: new Uint8Array(16).fill(1) } as const
      const message = toHex(Result.getOrThrow(GplProtection.seal(keys, header, content)))
      for (let i = 0; i + 4 <= content.length; i++) assert.notInclude(message, toHex(content.subarray(i, i + 4)))
    }
  })

  const header = fc.record({
    direction: fc.constantFrom("downlink" as const, "uplink" as const),
    suite: fc.constantFrom(0 as const, 1 as const, 2 as const),
    sequenceNumber: fc.integer({ min: 1, max: 0xffffffff }),
    saId: fc.uint8Array({ minLength: 1, maxLength: 64 })
  })
  it("opens what it sealed, whatever the header and the content", () => {
    const keys = keysOf(new Uint8Array(32).fill(3), "downlink")
    fc.assert(
      fc.property(header, fc.uint8Array({ minLength: 1, maxLength: 300 }), (h, plaintext) => {
        const message = Result.getOrThrow(GplProtection.seal(keys, h, plaintext))
        const frame = Result.getOrThrow(GplMessage.parse(message))
        const verified = Result.getOrThrow(GplProtection.verify(keys, frame))
        assert.deepStrictEqual(Result.getOrThrow(GplProtection.open(keys, frame, verified)).slice(), plaintext)
        assert.deepInclude(frame, { direction: h.direction, suite: h.suite, sequenceNumber: h.sequenceNumber })
      })
    )
  })
  it("[fuzz] parses any octets to a message or to Malformed", () => {
    const near = fc
      .tuple(fc.constantFrom(...vectors), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
      .map(([vector, changes, cut]) => {
        const octets = hex(vector.output.messageHex)
        for (const [at, value] of changes) if (at < octets.length) octets[at] = value
        return octets.subarray(0, Math.max(0, octets.length - (cut > 40 ? 0 : cut)))
      })
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 120 })), (octets) => {
        const frame = GplMessage.parse(octets)
        if (Result.isFailure(frame)) assert.isAbove(frame.failure.why.length, 0)
        else {
          const { header, body, tag } = frame.success
          assert.strictEqual(header.length + body.length + tag.length, octets.length)
          assert.deepStrictEqual(Result.getOrThrow(GplMessage.encodeHeader(frame.success)), header.slice())
        }
        const payload = GplMessage.decodePayload(octets)
        if (Result.isSuccess(payload)) {
          assert.deepStrictEqual(Result.getOrThrow(GplMessage.encodePayload(payload.success)), octets.slice())
        }
      }),
      { numRuns: runs }
    )
  })
  it("refuses what does not fit its field, with the place", () => {
    const good: GplMessage.GplHeader = { direction: "downlink", suite: 1, sequenceNumber: 1, saId: new Uint8Array(16) }
    const bad: ReadonlyArray<Partial<GplMessage.GplHeader>> = [
      { sequenceNumber: 0 },
      { sequenceNumber: 2 ** 32 },
      { sequenceNumber: 1.5 },
      { saId: new Uint8Array(0) },
      { saId: new Uint8Array(65) },
      { gpi: new Uint8Array(16) },
      { gpi: new Uint8Array(1025) },
      { gpi: new Uint8Array(40).fill(1) },
      { direction: "uplink", gpi: new Uint8Array(40) }
    ]
    for (const change of bad) assert.isTrue(Result.isFailure(GplMessage.encodeHeader({ ...good, ...change })))
    assert.isTrue(Result.isFailure(GplMessage.parse(new Uint8Array(70_000))))
    for (const mediaType of ["", "ü", "x".repeat(256)]) {
      assert.isTrue(Result.isFailure(GplMessage.encodePayload({ mediaType, content: new Uint8Array(0) })))
    }
  })
})

const keysOfRaw = (keyHex: string, s: Uint8Array): Uint8Array => NodePrimitives.hmac("sha256")(hex(keyHex), s)
