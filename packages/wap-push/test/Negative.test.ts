import * as Fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Malformed } from "../src/Malformed.ts"
import { decodeMultipart } from "../src/Multipart.ts"
import { decodePap } from "../src/PapCodec.ts"
import { decodePushPdu } from "../src/PushPdu.ts"
import { decodeSic } from "../src/ServiceIndication.ts"
import { decodeSlc } from "../src/ServiceLoading.ts"
import { decodeSmsTpdu } from "../src/SmsTpdu.ts"
import { decodeUdh } from "../src/Udh.ts"
import { hex } from "./support.ts"

interface Negative {
  readonly name: string
  readonly input: { readonly decoder: string; readonly octetsHex: string; readonly boundary?: string }
  readonly note: string
}
const vectors: ReadonlyArray<Negative> = JSON.parse(
  Fs.readFileSync(new URL("../vectors/negative.json", import.meta.url), "utf8")
)
const decoders: Readonly<Record<string, (octets: Uint8Array, boundary: string) => Result.Result<unknown, Malformed>>> =
  {
    push: (octets) => decodePushPdu(octets),
    udh: decodeUdh,
    pap: (octets) => decodePap(octets),
    multipart: (octets, boundary) => decodeMultipart(octets, boundary),
    sic: (octets) => decodeSic(octets),
    slc: (octets) => decodeSlc(octets),
    deliver: (octets) => decodeSmsTpdu(octets, "to-terminal")
  }

describe("negative vectors are refused, with what, where and the clause", () => {
  for (const { name, input, note } of vectors) {
    it(`${name}: ${note}`, () => {
      const decoded = decoders[input.decoder]!(hex(input.octetsHex), input.boundary ?? "")
      if (Result.isSuccess(decoded)) return assert.fail("was taken")
      assert.strictEqual(decoded.failure._tag, "Malformed")
      for (const part of [decoded.failure.what, decoded.failure.detail, decoded.failure.clause]) {
        assert.isNotEmpty(part)
        assert.include(decoded.failure.message, part)
      }
    })
  }
})
