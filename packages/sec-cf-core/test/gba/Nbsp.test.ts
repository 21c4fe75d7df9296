import { BTid, NafId, Nbsp } from "@oma/sec-cf-core/gba"
import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"

const numRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)
const ok = Result.getOrThrow
const request: Nbsp.InfoRequest = {
  btid: ok(BTid.parse("I1U8vpY3qJ0hiuZNrke/NQ==@bsf.home1.net")),
  nafId: ok(NafId.make("naf1.home1.net", NafId.protocols.httpDigest)),
  gbaUAware: true,
  gsIds: [1, 4_294_967_295]
}
const response: Nbsp.InfoResponse = {
  meKeyMaterial: new Uint8Array(32).fill(1),
  uiccKeyMaterial: new Uint8Array(32).fill(2),
  keyExpiryTime: 1_893_456_000_000,
  bootstrappingInfoCreationTime: 1_893_450_000_000,
  ussList: [
    { gsId: 1, gsType: 2, uids: ["sip:a@b", "tel:+1"], flags: [1, 2], nafGroup: "A", keyChoice: "ME_BASED_KEY" },
    { gsId: 2, gsType: 0, uids: [], flags: [] }
  ],
  gbaType: "3G_GBA",
  impi: "user@home1.net"
}
type Read = ReturnType<typeof Nbsp.decodeRequest> | ReturnType<typeof Nbsp.decodeResponse>
const isMalformed = (result: Read): boolean => result._tag === "Failure" && result.failure._tag === "MalformedGba"

describe("Nbsp_GBA", () => {
  it("writes the members of the OpenAPI file", () => {
    assert.deepStrictEqual(JSON.parse(Nbsp.encodeRequest(request)), {
      btId: "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.home1.net",
      nafId: { nafFqdn: "naf1.home1.net", uaSecProtId: "0100000002" },
      gbaUAware: true,
      gsIds: [1, 4_294_967_295]
    })
    const written = JSON.parse(Nbsp.encodeResponse(response))
    assert.deepStrictEqual(written.ussList[0], {
      uss: {
        gsId: 1,
        gsType: 2,
        ueIds: [{ ueId: "sip:a@b" }, { ueId: "tel:+1" }],
        nafGroup: "A",
        flags: [{ flag: 1 }, { flag: 2 }],
        keyChoice: "ME_BASED_KEY"
      }
    })
    assert.match(written.meKeyMaterial, /^(01){32}$/)
    assert.strictEqual(written.keyExpiryTime, "2030-01-01T00:00:00Z")
  })

  it("reads what it writes", () => {
    assert.deepStrictEqual(ok(Nbsp.decodeRequest(Nbsp.encodeRequest(request))), request)
    assert.deepStrictEqual(ok(Nbsp.decodeResponse(Nbsp.encodeResponse(response))), response)
  })

  it("takes the least that is needed, and passes over what it does not know", () => {
    const least = ok(
      Nbsp.decodeResponse(`{"meKeyMaterial":"${"Ab".repeat(32)}","keyExpiryTime":"2030-01-01T00:00:00+00:00","x":[{}]}`)
    )
    assert.deepInclude(least, {
      gbaType: "3G_GBA",
      ussList: [],
      impi: undefined,
      bootstrappingInfoCreationTime: undefined
    })
  })

  const other = (change: Readonly<Record<string, unknown>>) =>
    JSON.stringify({ ...JSON.parse(Nbsp.encodeRequest(request)), ...change })
  it.each([
    "",
    "null",
    "[]",
    "1",
    "{",
    '"x"',
    "[".repeat(60_000),
    " ".repeat(70_000),
    other({ btId: 1 }),
    other({ btId: "nobody" }),
    other({ nafId: undefined }),
    other({ nafId: "x" }),
    other({ nafId: { nafFqdn: "a:80", uaSecProtId: "0100000002" } }),
    other({ nafId: { nafFqdn: "a", uaSecProtId: "01" } }),
    other({ gbaUAware: "yes" }),
    other({ gsIds: [] }),
    other({ gsIds: [-1] }),
    other({ gsIds: [1.5] }),
    other({ gsIds: [2 ** 32] }),
    other({ gsIds: Array.from({ length: 300 }, () => 1) })
  ])("refuses a request %#", (json) => assert.isTrue(isMalformed(Nbsp.decodeRequest(json))))

  const changed = (change: Readonly<Record<string, unknown>>) =>
    JSON.stringify({ ...JSON.parse(Nbsp.encodeResponse(response)), ...change })
  it.each([
    changed({ meKeyMaterial: "00" }),
    changed({ meKeyMaterial: "zz".repeat(32) }),
    changed({ meKeyMaterial: undefined }),
    changed({ uiccKeyMaterial: 1 }),
    changed({ keyExpiryTime: undefined }),
    changed({ keyExpiryTime: "tomorrow" }),
    changed({ gbaType: "4G" }),
    changed({ impi: {} }),
    changed({ ussList: [] }),
    changed({ ussList: [{}] }),
    changed({ ussList: [{ uss: { gsId: 1, gsType: 1, ueIds: [{}] } }] }),
    changed({ ussList: [{ uss: { gsId: 1, gsType: 1, ueIds: [{ ueId: "a" }], flags: [1] } }] })
  ])("refuses a response %#", (json) => assert.isTrue(isMalformed(Nbsp.decodeResponse(json))))

  it("refuses every prefix, and answers every flip of a bit and any text", () => {
    const [a, b] = [Nbsp.encodeRequest(request), Nbsp.encodeResponse(response)]
    for (let length = 0; length < a.length; length++) assert.isTrue(isMalformed(Nbsp.decodeRequest(a.slice(0, length))))
    for (let length = 0; length < b.length; length++)
      assert.isTrue(isMalformed(Nbsp.decodeResponse(b.slice(0, length))))
    for (const [text, decode] of [
      [a, Nbsp.decodeRequest],
      [b, Nbsp.decodeResponse]
    ] as const) {
      for (let i = 0; i < text.length; i++) {
        for (let bit = 0; bit < 7; bit++) {
          const read: Read = decode(
            text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)) + text.slice(i + 1)
          )
          assert.isTrue(read._tag === "Success" || isMalformed(read))
        }
      }
    }
    const member = fc.constantFrom("btId", "nafId", "gsIds", "meKeyMaterial", "ussList", "keyExpiryTime", "uss", "x")
    const any = fc.dictionary(member, fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(any, (value) => {
        const json = JSON.stringify(value)
        assert.isTrue(isMalformed(Nbsp.decodeRequest(json)) || value["btId"] !== undefined)
        assert.isTrue(isMalformed(Nbsp.decodeResponse(json)) || value["meKeyMaterial"] !== undefined)
      }),
      { numRuns }
    )
  }, 600_000)
})
