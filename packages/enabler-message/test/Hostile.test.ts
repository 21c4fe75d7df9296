import { assert, describe, it } from "@effect/vitest"
import { defaultLimits, type Limits, type Malformed, type TooLarge, Wbxml, Xml } from "../src/index.ts"
import { dcd } from "./dcd.ts"
import { failed, got, utf8 } from "./support.ts"

const wide: Limits = { bytes: 1e9, depth: 1e9, elements: 1e9, attributes: 1e9, text: 1e9 }
const start = '<dcd-message xmlns="urn:oma:xml:dcd:msg:1.0"><Message-Type>ClientDeactivationRequest</Message-Type>'
const document = (content: string) => `${start}<Session-ID>s</Session-ID>${content}</dcd-message>`

const reason = (failure: Malformed | TooLarge): string =>
  failure._tag === "TooLarge" ? `more ${failure.limit}` : failure.reason
const xml = (text: string | Uint8Array, limits?: Limits): string =>
  reason(failed(Xml.decode(dcd, typeof text === "string" ? utf8(text) : text, limits)))
const mb = (value: number): Array<number> =>
  value < 128 ? [value] : [...mb(Math.floor(value / 128)).map((byte) => byte | 0x80), value % 128]
const compact = (body: ReadonlyArray<number>, table = "", head = [3, 1, 0x6a]): Uint8Array =>
  Uint8Array.from([...head, ...mb(table.length), ...utf8(table), ...body])
const wbxml = (octets: Uint8Array, limits?: Limits): string => reason(failed(Wbxml.decode(dcd, octets, limits)))

/** Milliseconds of the fastest of several runs. */
const cost = (run: () => unknown): number => {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 4; i++) {
    const before = performance.now()
    run()
    best = Math.min(best, performance.now() - before)
  }
  return best
}

describe("XML from an enemy", () => {
  const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("")
  const cases: ReadonlyArray<readonly [what: string, text: string, reason: string]> = [
    [
      "billion laughs",
      `<!DOCTYPE a [<!ENTITY l0 "lol">${laughs}]>${document("<Message-ID>&l9;</Message-ID>")}`,
      "forbidden construct"
    ],
    [
      "a quadratic entity",
      `<!DOCTYPE a [<!ENTITY a "${"a".repeat(50_000)}">]>${document(`<Message-ID>${"&a;".repeat(50_000)}</Message-ID>`)}`,
      "forbidden construct"
    ],
    [
      "an external entity",
      `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${document("<Message-ID>&x;</Message-ID>")}`,
      "forbidden construct"
    ],
    [
      "a parameter entity",
      `<!DOCTYPE a [<!ENTITY % x SYSTEM "http://192.0.2.1/x"> %x;]>${document("")}`,
      "forbidden construct"
    ],
    [
      "an external subset",
      `<!DOCTYPE dcd-message SYSTEM "http://192.0.2.1/x.dtd">${document("")}`,
      "forbidden construct"
    ],
    ["a plain document type", `<!DOCTYPE dcd-message>${document("")}`, "forbidden construct"],
    ["an open document type", `<!DOCTYPE ${"a".repeat(100_000)}`, "syntax"],
    ["an undeclared entity", document("<Message-ID>&x;</Message-ID>"), "syntax"],
    ["an entity named as of Object", document("<Message-ID>&constructor;</Message-ID>"), "syntax"],
    ["the character 0", document("<Message-ID>&#0;</Message-ID>"), "syntax"],
    ["a surrogate", document("<Message-ID>&#xD800;</Message-ID>"), "syntax"],
    ["beyond Unicode", document("<Message-ID>&#x110000;</Message-ID>"), "syntax"],
    ["a plain NUL", document("<Message-ID>\u0000</Message-ID>"), "syntax"],
    ["U+FFFE", document("<Message-ID>\ufffe</Message-ID>"), "syntax"],
    ["XML 1.1", `<?xml version="1.1"?>${document("")}`, "forbidden construct"],
    ["UTF-16 declared", `<?xml version="1.0" encoding="UTF-16"?>${document("")}`, "character set"],
    ["a late declaration", `\n<?xml version="1.0"?>${document("")}`, "syntax"],
    ["an attribute twice", document('<Message-ID a="1" a="2">1</Message-ID>'), "syntax"],
    ["two colons", document("<a:b:c/>"), "syntax"],
    ["a prefix that is not declared", document("<a:b/>"), "syntax"],
    ["the prefix xmlns declared", document('<a xmlns:xmlns="urn:x"/>'), "syntax"],
    ["a prefix declared empty", document('<a xmlns:b=""/>'), "syntax"],
    ["two roots", `${document("")}<a/>`, "syntax"],
    ["text behind the root", `${document("")}x`, "syntax"],
    ["tags that cross", document("<a><b></a></b>"), "syntax"],
    [
      "a property of all objects",
      document("<__proto__ __proto__='1'/>")
        .replace("Session-ID", "constructor")
        .replace("/Session-ID", "/constructor"),
      "missing element"
    ]
  ]
  for (const [what, text, expected] of cases) it(`${what} is refused`, () => assert.strictEqual(xml(text), expected))

  it("what looks like a document type inside text is text", () => {
    const message = got(Xml.decode(dcd, utf8(document("<Message-ID><![CDATA[<!DOCTYPE a>&b;]]></Message-ID>"))))
    assert.isTrue(message._tag === "ClientDeactivationRequest" && message.messageId === "<!DOCTYPE a>&b;")
  })

  it("octets that are not UTF-8 are refused wherever they are", () => {
    for (const bad of [[0xc0, 0x80], [0xff], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc3], [0xe2, 0x82]]) {
      for (const place of ["<Message-ID>|</Message-ID>", '<x a="|"/>', "<!--|-->", "<x|/>"]) {
        const [before, after] = document(place).split("|")
        assert.strictEqual(xml(Uint8Array.from([...utf8(before!), ...bad, ...utf8(after!)])), "character set")
      }
    }
    assert.strictEqual(xml(Uint8Array.from([0xff, 0xfe, 0x3c, 0x00])), "character set")
  })

  it("10 MB where 1 MiB is allowed are refused before a character is looked at", () => {
    const octets = new Uint8Array(10_000_000).fill(0x3c)
    assert.strictEqual(xml(octets), "more bytes")
    assert.strictEqual(wbxml(octets), "more bytes")
    assert.isBelow(
      cost(() => [Xml.decode(dcd, octets), Wbxml.decode(dcd, octets)]),
      5
    )
    const padding = defaultLimits.bytes - utf8(document("")).length
    got(Xml.decode(dcd, utf8(document("") + "\n".repeat(padding))))
    assert.strictEqual(xml(document("") + "\n".repeat(padding + 1)), "more bytes")
  })

  it("depth, elements, attributes and text end at their limits", () => {
    const deep = (n: number) => document("<a>".repeat(n) + "</a>".repeat(n))
    got(Xml.decode(dcd, utf8(deep(15))))
    assert.strictEqual(xml(deep(16)), "more depth")
    assert.strictEqual(xml(document("<a>".repeat(10_000)), { ...wide, depth: 16 }), "more depth")
    const shallow = document("<a>".repeat(2_000_000))
    assert.isBelow(
      cost(() => Xml.decode(dcd, utf8(shallow), { ...wide, depth: 16 })),
      500
    )
    const many = (n: number) => document("<a/>".repeat(n))
    got(Xml.decode(dcd, utf8(many(16_384 - 3))))
    assert.strictEqual(xml(many(16_384 - 2)), "more elements")
    const attributes = (n: number) => document(`<a${Array.from({ length: n }, (_, i) => ` a${i}=""`).join("")}/>`)
    got(Xml.decode(dcd, utf8(attributes(32))))
    assert.strictEqual(xml(attributes(33)), "more attributes")
    assert.strictEqual(xml(attributes(50_000)), "more attributes")
    assert.isBelow(
      cost(() => Xml.decode(dcd, utf8(attributes(50_000)))),
      100
    )
    const references = document(`<Message-ID>${"&#x41;".repeat(50_000)}</Message-ID>`)
    assert.strictEqual(xml(references, { ...wide, text: 10_000 }), "more text")
    assert.strictEqual(xml(document(`<a>${"b<c/>".repeat(2000)}</a>`), { ...wide, text: 1000 }), "more text")
    assert.strictEqual(xml(document(`<a b="${"c".repeat(1000)}"/>`), { ...wide, text: 1000 }), "more text")
  })

  it("many elements inside many declarations cost their sum", () => {
    const outer = Array.from({ length: 13 }, (_, depth) => {
      const declarations = Array.from({ length: 31 }, (_, i) => ` xmlns:p${depth}_${i}="u"`).join("")
      return `<a${declarations}>`
    }).join("")
    const of = (inner: string) => utf8(document(`${outer}${inner.repeat(3000)}${"</a>".repeat(13)}`))
    for (const [declaring, plain] of [
      ['<a xmlns="u"/>', '<a b____="u"/>'],
      ['<p0_0:a xmlns:b="u"/>', '<p____a ______b="u"/>']
    ] as const) {
      const [costly, cheap] = [of(declaring), of(plain)]
      assert.isBelow(costly.length, 100_000)
      let ratio = Number.POSITIVE_INFINITY
      for (let i = 0; i < 10 && ratio > 3; i++) {
        ratio = Math.min(ratio, cost(() => Xml.decode(dcd, costly)) / cost(() => got(Xml.decode(dcd, cheap))))
      }
      assert.isBelow(ratio, 6)
    }
  })

  it("a writer keeps the same limits", () => {
    const message = { _tag: "ClientDeactivationRequest", sessionId: "s".repeat(200) } as const
    for (const limits of [{ bytes: 200 }, { elements: 2 }, { text: 200 }, { depth: 1 }]) {
      assert.strictEqual(failed(Xml.encode(dcd, message, { ...wide, ...limits }))._tag, "TooLarge")
      assert.strictEqual(failed(Wbxml.encode(dcd, message, { ...wide, ...limits }))._tag, "TooLarge")
    }
    got(Xml.encode(dcd, message, { ...wide, elements: 3, depth: 2 }))
  })
})

describe("WBXML from an enemy", () => {
  const type = [0x03, ...utf8("ClientDeactivationRequest"), 0]
  const good = [0x45, 0x46, ...type, 1]
  const cases: ReadonlyArray<readonly [what: string, octets: Uint8Array, reason: string]> = [
    ["no octets", new Uint8Array(0), "syntax"],
    ["version 1.4", compact([0x05], "", [4, 1, 0x6a]), "another protocol"],
    ["another public identifier", compact([0x05], "", [3, 2, 0x6a]), "another protocol"],
    ["another character set", compact([0x05], "", [3, 1, 0x04]), "character set"],
    ["a number without end", Uint8Array.of(3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "syntax"],
    ["a string table beyond the document", Uint8Array.of(3, 1, 0x6a, 0x8f, 0xff, 0xff, 0xff, 0x7f), "syntax"],
    ["text before the root", compact([0x03, 0x41, 0]), "syntax"],
    ["the end before the root", compact([1]), "syntax"],
    ["octets after the root", compact([0x05, 0x05]), "syntax"],
    ["a string without end", compact([0x45, 0x46, 0x03, 0x41]), "syntax"],
    ["a string without end in the table", compact([0x45, 0x46, 0x83, 0], "abc"), "syntax"],
    ["an offset beyond the table", compact([0x45, 0x46, 0x83, 4], "abc\0"), "syntax"],
    ["octets beyond the document", compact([...good, 0x47, 0xc3, 0x8f, 0xff, 0xff, 0xff, 0x7f]), "syntax"],
    ["octets twice", compact([...good, 0x47, 0xc3, 0, 0xc3, 0, 1, 1]), "syntax"],
    ["text and octets", compact([...good, 0x47, 0x03, 0x41, 0, 0xc3, 0, 1, 1]), "syntax"],
    ["octets and text", compact([...good, 0x47, 0xc3, 0, 0x03, 0x41, 0, 1, 1]), "syntax"],
    [
      "octets where text belongs",
      compact([...good, 0x00, 0, 0x44, 0, 0xc3, 1, 0x41, 1, 1], "Session-ID\0"),
      "wrong type"
    ],
    ["octets as Message-Type", compact([0x45, 0x46, 0xc3, 1, 0x41, 1, 1]), "wrong type"],
    ["an entity that is a surrogate", compact([0x45, 0x46, 0x02, ...mb(0xd800), 1, 1]), "syntax"],
    ["an entity beyond Unicode", compact([0x45, 0x46, 0x02, ...mb(0x110000), 1, 1]), "syntax"],
    ["an extension", compact([0x45, 0x40]), "forbidden construct"],
    ["a processing instruction", compact([0x45, 0x43]), "forbidden construct"],
    ["an attribute token", compact([0x85, 0x05]), "forbidden construct"],
    ["an attribute twice", compact([0x85, 4, 0, 4, 0, 1], "a\0"), "syntax"],
    ["a name that is none", compact([0x45, 4, 0, 1], "a b\0"), "syntax"],
    ["a control character", compact([0x45, 0x46, 0x03, 1, 0]), "syntax"],
    ["text that is not UTF-8", compact([0x45, 0x46, 0x03, 0xff, 0]), "character set"],
    ["an unknown root", compact([0x3f]), "another protocol"]
  ]
  for (const [what, octets, expected] of cases)
    it(`${what} is refused`, () => assert.strictEqual(wbxml(octets), expected))

  it("depth, elements, attributes and text end at their limits, a table used often included", () => {
    assert.strictEqual(wbxml(compact(new Array(10_000).fill(0x45))), "more depth")
    assert.strictEqual(wbxml(compact([...good, ...new Array(50_000).fill(0x3f)])), "more elements")
    const names = Array.from({ length: 40 }, (_, i) => `a${String(i).padStart(2, "0")}\0`).join("")
    const attributes = Array.from({ length: 40 }, (_, i) => [4, ...mb(i * 4)]).flat()
    assert.strictEqual(wbxml(compact([0x85, ...attributes, 1], names)), "more attributes")
    const bomb = compact([0x45, ...new Array(200_000).fill([0x83, 0]).flat(), 1], `${"a".repeat(400_000)}\0`)
    assert.strictEqual(wbxml(bomb), "more text")
    assert.isBelow(
      cost(() => Wbxml.decode(dcd, bomb)),
      100
    )
  })

  it("tokens and pages of a later version are passed over", () => {
    const later = [...good, 0x7f, 0x03, 0x41, 0, 1, 0x00, 9, 0x47, 0x3e, 1, 0x00, 0]
    const message = got(Wbxml.decode(dcd, compact([...later, 0x44, 0, 0x03, 0x73, 0, 1, 1], "Session-ID\0")))
    assert.deepStrictEqual(message, { _tag: "ClientDeactivationRequest", sessionId: "s" })
  })
})

describe("reading costs in proportion to length", () => {
  const forms: ReadonlyArray<readonly [string, (n: number) => Uint8Array, boolean]> = [
    ["references", (n) => utf8(document(`<a>${"&#x41;&amp;".repeat(n)}</a>`)), true],
    ["elements", (n) => utf8(document("<a><b>1</b></a>".repeat(n))), true],
    ["known elements", (n) => utf8(document("<Message-ID>1</Message-ID>".repeat(n))), true],
    ["CDATA", (n) => utf8(document(`<a>${"<![CDATA[]]]]><![CDATA[>]]>".repeat(n)}</a>`)), true],
    ["comments", (n) => utf8(document("<!-- - - -->".repeat(n))), true],
    ["prefixes", (n) => utf8(document('<p:a xmlns:p="urn:p" p:b="c"/>'.repeat(n))), true],
    ["an attribute", (n) => utf8(document(`<a b="${"&lt; ".repeat(n)}"/>`)), true],
    ["an open tag", (n) => utf8(`${start}<${"a".repeat(n * 8)}`), true],
    ["an open document type", (n) => utf8(`<!DOCTYPE ${"[".repeat(n * 8)}`), true],
    ["pieces of text", (n) => utf8(document(`<a>${"a<!---->".repeat(n)}</a>`)), true],
    ["base64", (n) => utf8(document(`<Reason>${" A".repeat(n * 8)}</Reason>`)), true],
    ["tokens", (n) => compact([0x45, ...new Array(n * 4).fill(0x3f), 1]), false],
    ["strings", (n) => compact([0x45, ...new Array(n).fill([0x03, 0x41, 0x41, 0]).flat(), 1]), false],
    ["a string table", (n) => compact([0x45, ...new Array(n).fill([0x83, 0]).flat(), 1], "aaaaaaa\0"), false],
    ["entities", (n) => compact([0x45, ...new Array(n).fill([0x02, 0x41]).flat(), 1]), false]
  ]
  for (const [name, of, isXml] of forms) {
    it(name, () => {
      const run = (octets: Uint8Array) => (isXml ? Xml.decode(dcd, octets, wide) : Wbxml.decode(dcd, octets, wide))
      const small = of(4000)
      const large = of(16_000)
      cost(() => run(small)) // warm
      // four times the length: 4 when linear, 16 when quadratic; a busy machine gets more tries
      let ratio = Number.POSITIVE_INFINITY
      for (let i = 0; i < 10 && ratio > 7; i++) ratio = Math.min(ratio, cost(() => run(large)) / cost(() => run(small)))
      assert.isBelow(ratio, 9)
    })
  }
})
