import { assert, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Impi, Ks, NafId } from "@oma/sec-cf-core/gba"
import { Result } from "effect"
import fc from "fast-check"
import * as Derivations from "../src/gba/derivations.ts"

const ok = Result.getOrThrow
const rand = Bytes.fromHex("23553cbe9637a89d218ae64dae47bf35")!
const impi = ok(Impi.parse("user1_private@home1.net"))
const nafId = ok(NafId.make("naf1.home1.net", NafId.protocols.httpDigest))

it("shows every octet of S, with the subscriber's name", () => {
  const s = ok(Ks.nafInput("me", rand, impi, nafId))
  const text = Derivations.print({ key: "Ks_(ext_)NAF", s })
  const octets = text
    .split("\n")
    .slice(1)
    .map((line) =>
      line
        .replace(/^ {4}.{10} /, "")
        .replace(/ {2}".*$/, "")
        .replaceAll(" ", "")
    )
    .join("")
  assert.strictEqual(octets, Bytes.toHex(s))
  assert.strictEqual(Derivations.impiOf({ key: "Ks_(ext_)NAF", s }), impi)
  assert.include(text, 'P0         6762612d6d65 0006  "gba-me"')
})

it("never throws, whatever the octets", () => {
  const numRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (s) => {
      Derivations.print({ key: "Ks_int_NAF", s })
      Derivations.impiOf({ key: "Ks_int_NAF", s })
    }),
    { numRuns }
  )
})
