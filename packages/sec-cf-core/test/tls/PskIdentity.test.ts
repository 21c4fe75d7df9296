import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import {
  choosePrefix,
  decodeHint,
  decodeIdentity,
  encodeHint,
  encodeIdentity,
  pskPrefixes
} from "../../src/tls/PskIdentity.ts"

const bTid = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.ims.mnc001.mcc001.pub.3gppnetwork.org"

describe("PskIdentity", () => {
  it("is written with ';' and read with ';' or '.'", () => {
    const identity = { prefix: "3GPP-bootstrapping", bTid } as const
    assert.strictEqual(encodeIdentity(identity), `3GPP-bootstrapping;${bTid}`)
    assert.deepStrictEqual(decodeIdentity(`3GPP-bootstrapping;${bTid}`), identity)
    assert.deepStrictEqual(decodeIdentity(`3GPP-bootstrapping.${bTid}`), identity)
    assert.deepStrictEqual(decodeIdentity(`3GPP-bootstrapping-uicc.${bTid}`)?.prefix, "3GPP-bootstrapping-uicc")
  })
  it("is nothing else", () => {
    for (const other of [
      "",
      bTid,
      "3GPP-bootstrapping",
      "3GPP-bootstrapping;",
      `3GPP-bootstrapping:${bTid}`,
      `3gpp-bootstrapping;${bTid}`
    ])
      assert.isUndefined(decodeIdentity(other), other)
  })
  it("comes back as it was, for every prefix and name", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(...pskPrefixes),
        FastCheck.string({ minLength: 1, unit: "grapheme" }),
        (prefix, name) => {
          assert.deepStrictEqual(decodeIdentity(encodeIdentity({ prefix, bTid: name })), { prefix, bTid: name })
        }
      )
    )
  })
  it("follows the hint in the client's order", () => {
    const hint = encodeHint(["3GPP-bootstrapping", "3GPP-bootstrapping-uicc"])
    assert.strictEqual(hint, "3GPP-bootstrapping;3GPP-bootstrapping-uicc")
    assert.deepStrictEqual(decodeHint(`other; ${hint};`), ["3GPP-bootstrapping", "3GPP-bootstrapping-uicc"])
    assert.strictEqual(choosePrefix(hint, ["3GPP-bootstrapping-uicc", "3GPP-bootstrapping"]), "3GPP-bootstrapping-uicc")
    assert.strictEqual(choosePrefix(null, ["3GPP-bootstrapping"]), "3GPP-bootstrapping")
    assert.isUndefined(choosePrefix("3GPP-bootstrapping-uicc", ["3GPP-bootstrapping"]))
    assert.isUndefined(choosePrefix("", ["3GPP-bootstrapping"]))
  })
})
