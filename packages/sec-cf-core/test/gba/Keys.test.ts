import { createHmac } from "node:crypto"
import { BTid, Fqdn, Impi, Kdf, Ks, NafId } from "@oma/sec-cf-core/gba"
import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { hex, toHex, vectors } from "../aka/support.ts"

interface Input {
  readonly keyHex: string
  readonly fc: string
  readonly paramsHex: ReadonlyArray<string>
  readonly label?: string
  readonly nafFqdn?: string
  readonly uaSecurityProtocolId?: string
  readonly impi?: string
  readonly impiBeforeNfkc?: string
  readonly bsfFqdn?: string
  readonly randHex?: string
}
const all = vectors<Input, { readonly sHex: string; readonly keyHex: string; readonly tmpi?: string }>("kdf-gba.json")
const hmac = (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha256", key).update(data).digest())
const ok = Result.getOrThrow

describe("KDF, TS 33.220 Annex B", () => {
  it("has all 26 vectors", () => assert.strictEqual(all.length, 26))

  it.each(all.map((v) => [v.name, v] as const))("%s", (_, { input, output }) => {
    const parameters = input.paramsHex.map(hex)
    const s = ok(Kdf.input(Number.parseInt(input.fc, 16), parameters))
    assert.strictEqual(toHex(s), output.sHex)
    assert.strictEqual(
      toHex(ok(Kdf.derive(hmac, hex(input.keyHex), Number.parseInt(input.fc, 16), parameters))),
      output.keyHex
    )
    if (input.nafFqdn !== undefined && input.impi !== undefined && input.randHex !== undefined) {
      const place = input.label === "gba-u" ? "uicc" : "me"
      const nafId = ok(NafId.make(input.nafFqdn, ok(NafId.parseProtocol(input.uaSecurityProtocolId!))))
      const impi = ok(Impi.parse(input.impi, 400))
      const key = ok(Ks.naf(hmac, hex(input.keyHex), place, hex(input.randHex), impi, nafId))
      assert.strictEqual(toHex(key), output.keyHex)
      assert.deepStrictEqual(ok(NafId.decode(NafId.encode(nafId))), nafId)
    }
  })

  it("derives under the normalised IMPI, before and after normalisation", () => {
    const { input, output } = all.find((v) => v.input.impiBeforeNfkc !== undefined)!
    const nafId = ok(NafId.make("NAF1.home1.net.", NafId.protocols.httpDigest))
    for (const text of [input.impiBeforeNfkc!, "user1@home1.net"]) {
      const impi = ok(Impi.parse(text))
      assert.strictEqual(
        toHex(ok(Ks.naf(hmac, hex(input.keyHex), "me", hex(input.randHex!), impi, nafId))),
        output.keyHex
      )
      assert.strictEqual(toHex(Kdf.text(text)), input.paramsHex[2])
    }
  })

  it("makes the TMPI", () => {
    const { input, output } = all.find((v) => v.output.tmpi !== undefined)!
    const s = ok(Ks.tmpiInput(hex(input.randHex!), ok(Impi.parse(input.impi!)), ok(Fqdn.parse(input.bsfFqdn!))))
    assert.strictEqual(toHex(s), output.sHex)
    const tmpi = Ks.tmpi(hmac(hex(input.keyHex), s))
    assert.strictEqual(tmpi, output.tmpi)
    assert.isTrue(Impi.isTmpi(tmpi))
    assert.isFalse(Impi.isTmpi(input.impi!))
    assert.isFalse(Impi.isTmpi(tmpi.slice(1)))
  })

  it("makes the keys of GBA_Digest", () => {
    const [resp, ks] = ["passwd", "GBA_Digest Ks"].map((name) => all.find((v) => v.name.endsWith(name))!)
    const ha1 = hex(resp!.input.keyHex)
    const extract = hex(resp!.input.paramsHex[1]!)
    assert.strictEqual(toHex(ok(Ks.gbaDigestPassword(hmac, ha1, extract))), resp!.output.keyHex)
    assert.strictEqual(toHex(ok(Ks.gbaDigestKs(hmac, ha1, extract, hex(ks!.input.paramsHex[2]!)))), ks!.output.keyHex)
  })

  it("gives the password of Ua as 44 characters", () => {
    const { output } = all.find((v) => v.name.includes("HTTP Digest TS 24.109"))!
    assert.strictEqual(Ks.password(hex(output.keyHex)), "Hs8KT4gXgZ0U9nYM7tSQIO2LaMCef95Sqb7VMgQj+Cg=")
  })

  it("derives lengths and order of 2G GBA", () => {
    const kc = hex("0011223344556677")
    const { res, ks } = ok(Ks.twoG(hmac, kc, new Uint8Array(16), hex("01020304"), new Uint8Array(16).fill(9)))
    assert.deepStrictEqual([res.length, ks.length], [16, 32])
    const key = Buffer.concat([kc, kc, new Uint8Array(16)])
    const part = (text: string) => Buffer.from([...Buffer.from(text), 0, text.length])
    const expected = Buffer.concat([Uint8Array.of(1), part("3gpp-gba-res"), hex("01020304"), Uint8Array.of(0, 4)])
    assert.strictEqual(toHex(res), toHex(hmac(key, expected).subarray(0, 16)))
  })

  it("refuses a parameter that its length octets cannot say, and takes the longest one", () => {
    assert.strictEqual(ok(Kdf.input(1, [new Uint8Array(65_535)])).length, 65_538)
    const long = Kdf.input(1, [new Uint8Array(1), new Uint8Array(65_536)])
    assert.isTrue(Result.isFailure(long) && long.failure.index === 1 && long.failure.length === 65_536)
    assert.strictEqual(toHex(ok(Kdf.input(0xff, []))), "ff")
    assert.strictEqual(toHex(ok(Kdf.input(0xff00, []))), "ff00")
  })

  it("tells parameters apart: no two lists have one S", () => {
    const lists = fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const same = a.length === b.length && a.every((x, i) => toHex(x) === toHex(b[i]!))
        if (a.length === b.length) assert.strictEqual(toHex(ok(Kdf.input(1, a))) === toHex(ok(Kdf.input(1, b))), same)
      })
    )
  })
})

describe("names", () => {
  const refused = (result: Result.Result<unknown, unknown>) => assert.isTrue(Result.isFailure(result))

  it("reads domain names in one spelling", () => {
    assert.strictEqual(ok(Fqdn.parse("NAF1.Home1.NET.")), "naf1.home1.net")
    for (const bad of [
      "",
      ".",
      "a..b",
      "naf:80",
      "naf1.home1.net:8080",
      "a b",
      "-a.b",
      "a-.b",
      "[::1]",
      `${"a".repeat(64)}.b`,
      `${"a.".repeat(127)}abc`,
      "naf/1",
      "naf\n",
      "nåf.net"
    ]) {
      refused(Fqdn.parse(bad))
    }
    assert.strictEqual(ok(Fqdn.parse(`${"a".repeat(63)}.b`)).length, 65)
  })

  it("makes IMPI and server names out of an IMSI", () => {
    const imsi = { digits: "001010123456789", mncLength: 2 } as const
    const impi = ok(Impi.fromImsi(imsi))
    assert.strictEqual(impi, "001010123456789@ims.mnc001.mcc001.3gppnetwork.org")
    assert.strictEqual(ok(Impi.bsfOf(impi)), "bsf.ims.mnc001.mcc001.pub.3gppnetwork.org")
    assert.strictEqual(ok(Impi.bsfOfImsi(imsi)), "bsf.mnc001.mcc001.pub.3gppnetwork.org")
    assert.strictEqual(
      ok(Impi.fromImsi({ digits: "310410123456789", mncLength: 3 })),
      "310410123456789@ims.mnc410.mcc310.3gppnetwork.org"
    )
    assert.strictEqual(ok(Impi.bsfOf(ok(Impi.parse("user1_private@Home1.net")))), "bsf.home1.net")
    refused(Impi.fromImsi({ digits: "12ab", mncLength: 2 }))
  })

  it("refuses identities that would mean something else in a header or a store", () => {
    for (const bad of [
      "",
      "@",
      "user",
      "user@",
      "@home1.net",
      'us"er@home1.net',
      "us er@home1.net",
      "us\ner@home1.net",
      "us\\er@h",
      "a:b@h",
      "\ud800@h",
      `${"u".repeat(300)}@home1.net`
    ]) {
      refused(Impi.parse(bad))
    }
    assert.strictEqual(ok(Impi.parse(`${"u".repeat(245)}@home1.net`)).length, 255)
    refused(Impi.parse(`${"u".repeat(246)}@home1.net`))
    refused(Impi.parse(`${"\u00e9".repeat(200)}@home1.net`))
  })

  it("reads B-TIDs with slashes, plus and equals signs and further @", () => {
    const rand = hex("23553cbe9637a89d218ae64dae47bf35")
    const bsf = ok(Fqdn.parse("bsf.ims.mnc001.mcc001.pub.3gppnetwork.org"))
    const made = BTid.make(rand, bsf)
    assert.strictEqual(made, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.ims.mnc001.mcc001.pub.3gppnetwork.org")
    assert.strictEqual(ok(BTid.parse(made)), made)
    assert.strictEqual(BTid.bsfOf(made), bsf)
    assert.deepStrictEqual(BTid.randOf(made), rand)
    const odd = ok(BTid.parse("a@b/c+d=@BSF.home1.net"))
    assert.strictEqual(BTid.bsfOf(odd), "bsf.home1.net")
    assert.isUndefined(BTid.randOf(odd))
    for (const bad of [
      "",
      "@",
      "x",
      "@bsf",
      "x@",
      "x@bsf:80",
      'x"@bsf',
      "x @bsf",
      "x@b..f",
      "\u00e4@bsf",
      `${"x".repeat(400)}@bsf`,
      "a:b@bsf",
      "a\\b@bsf"
    ]) {
      refused(BTid.parse(bad))
    }
  })

  it("has an identifier for every protocol and suite", () => {
    assert.strictEqual(NafId.overTls(0xc02f), "010001c02f")
    assert.strictEqual(NafId.overTls(0x008c), "010001008c")
    assert.strictEqual(NafId.inBrowser(0xc02f), "010002c02f")
    assert.strictEqual(NafId.omaOverTls(0x00a8), "03000100a8")
    assert.strictEqual(ok(NafId.parseProtocol("010001C02F")), "010001c02f")
    for (const bad of ["", "01", "0100000002x", "zz00000000", "0000000001", "00000000000"])
      refused(NafId.parseProtocol(bad))
    for (const id of Object.values(NafId.protocols)) assert.strictEqual(ok(NafId.parseProtocol(id)), id)
    assert.strictEqual(new Set(Object.values(NafId.protocols)).size, 13)
  })

  it("reads every NAF_Id that it writes, and answers every other octet string", () => {
    const nafId = ok(NafId.make("naf1.home1.net", NafId.overTls(0xc02f)))
    const octets = NafId.encode(nafId)
    for (let length = 0; length < octets.length; length++) {
      const read = NafId.decode(octets.subarray(0, length))
      if (Result.isSuccess(read)) assert.isFalse(NafId.equals(read.success, nafId))
    }
    for (let bit = 0; bit < 8 * octets.length; bit++) {
      const flipped = octets.map((x, i) => (i === bit >> 3 ? x ^ (1 << (bit & 7)) : x))
      const read = NafId.decode(flipped)
      if (Result.isSuccess(read)) {
        // a capital letter is the only flip that means the same
        assert.strictEqual(
          NafId.equals(read.success, nafId),
          toHex(flipped) !== toHex(octets) &&
            new TextDecoder().decode(flipped.subarray(0, -5)).toLowerCase() === "naf1.home1.net" &&
            toHex(flipped.subarray(-5)) === nafId.ua
        )
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (any) => {
        const read = NafId.decode(any)
        if (Result.isSuccess(read)) assert.strictEqual(NafId.encode(read.success).length <= any.length, true)
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 2000) }
    )
  }, 600_000)
})
