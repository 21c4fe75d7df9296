import { BootstrappingInfo, BTid, Guss, ProductToken, UaRealm, UbMessage } from "@oma/sec-cf-core/gba"
import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as XmlDateTime from "../../src/gba/XmlDateTime.ts"
import * as XmlTree from "../../src/gba/XmlTree.ts"

const numRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)
const ok = Result.getOrThrow
const btid = ok(BTid.parse("I1U8vpY3qJ0hiuZNrke/NQ==@bsf.ims.mnc001.mcc001.pub.3gppnetwork.org"))
const published = `<?xml version="1.0" encoding="UTF-8"?>\n<BootstrappingInfo xmlns="uri:3gpp-gba">\n<btid>${btid}</btid>\n<lifetime>2030-01-02T03:04:05Z</lifetime>\n</BootstrappingInfo>\n`
const lifetime = Date.UTC(2030, 0, 2, 3, 4, 5)

describe("BootstrappingInfo", () => {
  it("is written to the octet as in the vector of rspauth", () => {
    assert.strictEqual(BootstrappingInfo.encode({ btid, lifetime }), published)
  })

  it("reads what it writes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
        (a, b) => {
          const info = { btid, lifetime: a - (a % 1000), ...(b !== undefined && { currentTime: b - (b % 1000) }) }
          assert.deepStrictEqual(ok(BootstrappingInfo.decode(BootstrappingInfo.encode(info))), info)
        }
      ),
      { numRuns: 200 }
    )
  })

  it("takes prefixes, fractions of a second and unknown elements", () => {
    const document = `<g:BootstrappingInfo xmlns:g="uri:3gpp-gba" x="1"><g:vendor><deep/></g:vendor><g:btid> ${btid} </g:btid><g:lifetime>2030-01-02T03:04:05.678Z</g:lifetime><g:Extension><z/><currenttime xmlns="">2030-01-02T02:04:05Z</currenttime></g:Extension></g:BootstrappingInfo>`
    assert.deepStrictEqual(ok(BootstrappingInfo.decode(document)), {
      btid,
      lifetime: lifetime + 678,
      currentTime: lifetime - 3_600_000
    })
  })

  it.each([
    ["another root", published.replaceAll("BootstrappingInfo", "Other")],
    ["another namespace", published.replace("uri:3gpp-gba", "uri:other")],
    ["no btid", published.replace(/<btid>.*<\/btid>/, "")],
    ["two btids", published.replace("<btid>", "<btid>x@y</btid><btid>")],
    ["no lifetime", published.replace(/<lifetime>.*<\/lifetime>/, "")],
    ["a lifetime without zone", published.replace("05Z", "05")],
    ["a document type", published.replace("<Boot", "<!DOCTYPE BootstrappingInfo><Boot")],
    [
      "an internal entity",
      published.replace("<Boot", '<!DOCTYPE b [<!ENTITY a "aaaa">]><Boot').replace("<btid>", "<btid>&a;")
    ],
    ["an external entity", published.replace("<Boot", '<!DOCTYPE b SYSTEM "file:///etc/passwd"><Boot')],
    ["an unknown entity", published.replace("<btid>", "<btid>&nbsp;")],
    ["a name that is none", published.replace(btid, "nobody")],
    ["100,000 elements inside each other", `${"<a>".repeat(100_000)}`],
    [
      "nine levels",
      `<BootstrappingInfo xmlns="uri:3gpp-gba">${"<a>".repeat(8)}${"</a>".repeat(8)}</BootstrappingInfo>`
    ],
    [
      "many attributes",
      published.replace("<btid>", `<btid ${Array.from({ length: 40 }, (_, i) => `a${i}="1"`).join(" ")}>`)
    ],
    ["many elements", published.replace("<btid>", `${"<a/>".repeat(200)}<btid>`)],
    ["NUL", published.replace("<btid>", "<btid>\u0000")],
    ["nothing", ""],
    ["text", "hello"]
  ])("refuses %s", (_, document) => {
    const read = BootstrappingInfo.decode(document)
    assert.isTrue(Result.isFailure(read) && read.failure._tag === "MalformedGba")
  })

  it("refuses every prefix and answers every change of one character", () => {
    const end = published.lastIndexOf(">") + 1
    for (let length = 0; length < end; length++) {
      assert.isTrue(Result.isFailure(BootstrappingInfo.decode(published.slice(0, length))), String(length))
    }
    for (let i = 0; i < published.length; i++) {
      for (let bit = 0; bit < 7; bit++) {
        const changed =
          published.slice(0, i) + String.fromCharCode(published.charCodeAt(i) ^ (1 << bit)) + published.slice(i + 1)
        const read = BootstrappingInfo.decode(changed)
        assert.isTrue(Result.isSuccess(read) ? read.success.btid.includes("@") : read.failure._tag === "MalformedGba")
      }
    }
  })

  it("answers anything", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "</",
      "/>",
      "<a",
      "BootstrappingInfo",
      ' xmlns="uri:3gpp-gba"',
      "btid",
      "lifetime",
      "&#x",
      "&amp;",
      ";",
      "<![CDATA[",
      "]]>",
      "<!--",
      "-->",
      "<?x",
      "?>",
      "\u0000",
      "\ud800",
      btid,
      "2030-01-02T03:04:05Z"
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const read = BootstrappingInfo.decode(pieces.join(""))
        assert.isTrue(Result.isSuccess(read) || read.failure._tag === "MalformedGba")
      }),
      { numRuns }
    )
  }, 600_000)
})

describe("times", () => {
  it("agree with Date over the whole range, leap days included", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }), (seconds) => {
        const text = new Date(seconds * 1000).toISOString().replace(".000Z", "Z")
        assert.strictEqual(XmlDateTime.encode(seconds * 1000), text)
        assert.strictEqual(XmlDateTime.decode(text), seconds * 1000)
      }),
      { numRuns: 500 }
    )
  })
  it.each([
    ["2030-01-02T03:04:05+01:30", Date.UTC(2030, 0, 2, 1, 34, 5)],
    ["2030-01-02T03:04:05.123456Z", Date.UTC(2030, 0, 2, 3, 4, 5, 123)],
    ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["1900-02-29T00:00:00Z", undefined],
    ["2030-13-02T03:04:05Z", undefined],
    ["2030-01-32T03:04:05Z", undefined],
    ["2030-01-02T24:04:05Z", undefined],
    ["2030-01-02T03:04:05+15:00", undefined],
    ["2030-01-02 03:04:05Z", undefined],
    ["2030-01-02T03:04:05", undefined],
    ["", undefined],
    [`2030-01-02T03:04:05.${"1".repeat(1000)}Z`, undefined]
  ])("%s", (text, time) => assert.strictEqual(XmlDateTime.decode(text), time))
  it("hold times that XML cannot say at the bounds", () => {
    assert.strictEqual(XmlDateTime.encode(Number.POSITIVE_INFINITY), "9999-12-31T23:59:59Z")
    assert.strictEqual(XmlDateTime.encode(Number.NaN), "1970-01-01T00:00:00Z")
  })
})

describe("GUSS", () => {
  const guss: Guss.Guss = {
    impi: "a&b@home1.net",
    uiccType: "GBA_U",
    lifetime: 3600,
    uss: [
      {
        gsId: 1,
        gsType: 2,
        nafGroup: "A<B",
        uids: ['sip:"x"@home1.net', "tel:+1555"],
        flags: [1, 2],
        keyChoice: "ME_BASED_KEY"
      },
      { gsId: 2, gsType: 11, uids: [], flags: [0] },
      { gsId: 3, gsType: 1, uids: [], flags: [2] },
      { gsId: 4, gsType: 1, uids: [], flags: [] }
    ]
  }
  it("reads what it writes", () => assert.deepStrictEqual(ok(Guss.decode(Guss.encode(guss))), guss))
  it("reads the document of public implementations", () => {
    const read = ok(
      Guss.decode(
        '<guss id="x@y"><bsfInfo><uiccType>GBA</uiccType><lifeTime>10</lifeTime></bsfInfo><ussList><uss id="1" type="0"><uids><uid>sip:a@b</uid></uids><flags><flag>1</flag></flags></uss></ussList></guss>'
      )
    )
    assert.deepStrictEqual(read, {
      impi: "x@y",
      uiccType: "GBA",
      lifetime: 10,
      uss: [{ gsId: 1, gsType: 0, uids: ["sip:a@b"], flags: [1] }]
    })
  })
  it("hands a server only the settings of its services and its group", () => {
    assert.deepStrictEqual(
      Guss.select(guss, [1, 2], "A<B").map((u) => u.gsId),
      [1, 2]
    )
    assert.deepStrictEqual(
      Guss.select(guss, [1, 2], "other").map((u) => u.gsId),
      [2]
    )
    assert.deepStrictEqual(Guss.select(guss, [], undefined), [])
  })
  it("knows what the flags of a service type mean", () => {
    assert.deepStrictEqual(guss.uss.map(Guss.allows), [true, false, true, false])
  })
  it.each([
    "<guss/>",
    '<other id="x"/>',
    '<guss id="x"><bsfInfo><lifeTime>-1</lifeTime></bsfInfo></guss>',
    '<guss id="x"><ussList><uss type="1"/></ussList></guss>',
    '<guss id="x"><ussList><uss id="99999999999" type="1"/></ussList></guss>',
    '<guss id="x"><ussList><uss id="1" type="1"><flags><flag>yes</flag></flags></uss></ussList></guss>',
    '<guss id="x"><ussList><uss id="1" type="1"><keyChoice>NO</keyChoice></uss></ussList></guss>'
  ])("refuses %s", (document) => assert.isTrue(Result.isFailure(Guss.decode(document))))
  it("writes nothing that XML cannot carry", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
        assert.isTrue(
          Result.isSuccess(XmlTree.parse("x", `<a b="${XmlTree.escapeText(text)}">${XmlTree.escapeText(text)}</a>`))
        )
      }),
      { numRuns: 500 }
    )
  })
})

describe("product tokens", () => {
  it.each([
    ["Agent/1.0 3gpp-gba-tmpi", ["Agent", "3gpp-gba-tmpi"]],
    ["curl/7.88.1 3gpp-gba", ["curl", "3gpp-gba"]],
    ["A (3gpp-gba; (nested) \\) x) B/2", ["A", "B"]],
    ["  , a,b\t/c d/", ["a", "b", "d"]],
    ["", []],
    ["(open", []],
    ["x)y", ["x)y"]]
  ])("%s", (field, products) => assert.deepStrictEqual(ProductToken.products(field), products))
  it("finds a token in any case, not in a comment and not as a part", () => {
    assert.isTrue(ProductToken.has("X/1 3GPP-GBA-TMPI/9", ProductToken.tokens.tmpi))
    assert.isFalse(ProductToken.has("X/1 3gpp-gba-tmpi", ProductToken.tokens.gba))
    assert.isFalse(ProductToken.has("X/1 (3gpp-gba)", ProductToken.tokens.gba))
    assert.isFalse(ProductToken.has(undefined, ProductToken.tokens.gba))
  })
  it("adds a token once", () => {
    assert.strictEqual(ProductToken.add(undefined, "3gpp-gba"), "3gpp-gba")
    assert.strictEqual(ProductToken.add("a/1", "3gpp-gba"), "a/1 3gpp-gba")
    assert.strictEqual(ProductToken.add("a/1 3gpp-gba", "3gpp-gba"), "a/1 3gpp-gba")
  })
  it("reads a bounded number of products", () =>
    assert.strictEqual(ProductToken.products("a ".repeat(100_000)).length, 32))
})

describe("realms of Ua", () => {
  it("are joined and split at semicolons, one at the end included", () => {
    const realm = "3GPP-bootstrapping-uicc@naf1.home1.net;3GPP-bootstrapping@NAF1.home1.net;"
    assert.deepStrictEqual<ReadonlyArray<unknown>>(UaRealm.decode(realm), [
      { kind: "uicc", fqdn: "naf1.home1.net", text: "3GPP-bootstrapping-uicc@naf1.home1.net" },
      { kind: "me", fqdn: "naf1.home1.net", text: "3GPP-bootstrapping@NAF1.home1.net" }
    ])
    assert.strictEqual(
      UaRealm.encode(["uicc", "me"], UaRealm.decode(realm)[0]!.fqdn),
      "3GPP-bootstrapping-uicc@naf1.home1.net;3GPP-bootstrapping@naf1.home1.net"
    )
  })
  it.each([
    "",
    ";",
    "naf1.home1.net",
    "3GPP-bootstrapping",
    "3GPP-bootstrapping@",
    "3GPP-bootstrapping@a:80",
    "3gpp-bootstrapping@naf",
    "3GPP-bootstrapping-x@naf",
    "x".repeat(5000)
  ])("%s is none", (realm) => assert.deepStrictEqual<ReadonlyArray<unknown>>(UaRealm.decode(realm), []))
})

describe("challenge on Ub", () => {
  const nonce = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
  const field = (rest: string) => `Digest realm="bsf.home1.net", ${rest}`
  it("is read", () => {
    const challenge = ok(
      UbMessage.fromFields([field(`nonce="${nonce}", algorithm=AKAv1-MD5, qop="auth,auth-int", opaque="5ccc"`)])
    )
    assert.deepInclude(challenge, {
      realm: "bsf.home1.net",
      nonce,
      algorithm: "AKAv1-MD5",
      qop: "auth-int",
      opaque: "5ccc"
    })
    assert.strictEqual(Buffer.from(challenge.autn).toString("hex"), "55f328b43577b9b94a9ffac354dfafb3")
  })
  it.each([
    ["no field", []],
    ["MD5", [field(`nonce="${nonce}", algorithm=MD5, qop="auth-int"`)]],
    ["no algorithm", [field(`nonce="${nonce}", qop="auth-int"`)]],
    ["AKAv2 unasked", [field(`nonce="${nonce}", algorithm=AKAv2-MD5, qop="auth-int"`)]],
    ["no qop", [field(`nonce="${nonce}", algorithm=AKAv1-MD5`)]],
    ["a short nonce", [field('nonce="AAAA", algorithm=AKAv1-MD5, qop="auth-int"')]],
    ["a nonce that is no base64", [field('nonce="*", algorithm=AKAv1-MD5, qop="auth-int"')]],
    ["Basic", ['Basic realm="x"']]
  ])("refuses %s", (_, fields) => assert.isTrue(Result.isFailure(UbMessage.fromFields(fields))))
})
