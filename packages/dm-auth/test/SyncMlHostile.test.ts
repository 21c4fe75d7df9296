import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { defaultLimits, type Limits, type Malformed, type TooLarge, Wbxml, Xml } from "../src/index.ts"
import { document, failed, got, header, hex } from "./codec.ts"

const wide: Limits = { bytes: 1e9, depth: 1e9, elements: 1e9, attributes: 1e9, text: 1e9 }

const xmlFailure = (text: string | Uint8Array, limits?: Limits): Malformed | TooLarge =>
  failed(Xml.decode(typeof text === "string" ? Bytes.utf8(text) : text, limits))

const reasonOf = (failure: Malformed | TooLarge): string =>
  failure._tag === "TooLarge" ? `more ${failure.limit}` : failure.reason

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

/** Octets of `value` as WBXML counts them. */
const mb = (value: number): Array<number> =>
  value < 128 ? [value] : [...mb(Math.floor(value / 128)).map((byte) => byte | 0x80), value % 128]

const ascii = (text: string): ReadonlyArray<number> => Array.from(Bytes.utf8(text))

const wbxml = (body: ReadonlyArray<number>, table = "", head = [0x02, 0xa4, 0x01, 0x6a]): Uint8Array =>
  Uint8Array.from([...head, ...mb(table.length), ...ascii(table), ...body])

/** A SyncHdr in WBXML. */
const hdr = [
  ...[0x6c, 0x71, 0x03, ...ascii("1.2"), 0, 1, 0x72, 0x03, ...ascii("DM/1.2"), 0, 1, 0x65, 0x03, 0x31, 0, 1],
  ...[0x5b, 0x03, 0x31, 0, 1, 0x6e, 0x57, 0x03, 0x61, 0, 1, 1, 0x67, 0x57, 0x03, 0x62, 0, 1, 1, 1]
]

const wbxmlReason = (octets: Uint8Array, limits?: Limits): string => reasonOf(failed(Wbxml.decode(octets, limits)))

describe("XML from an enemy", () => {
  it("document types, entities and processing instructions are refused unread", () => {
    const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("")
    const cases: ReadonlyArray<readonly [string, string]> = [
      [
        `<!DOCTYPE SyncML [<!ENTITY l0 "lol">${laughs}]>${document("<Final/>", "<RespURI>&l9;</RespURI>")}`,
        "forbidden construct"
      ],
      [`<!DOCTYPE SyncML [<!ENTITY x SYSTEM "file:///etc/passwd">]>${document("<Final/>")}`, "forbidden construct"],
      [
        `<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "http://example.net/x.dtd">${document("<Final/>")}`,
        "forbidden construct"
      ],
      [`<!DOCTYPE ${"a".repeat(60_000)}`, "syntax"],
      [document("<Final/>", "<RespURI>&x;</RespURI>"), "syntax"],
      [document("<Final/>", "<RespURI>&constructor;</RespURI>"), "syntax"],
      [document("<Final/>", "<RespURI>&#0;</RespURI>"), "syntax"],
      [document("<Final/>", "<RespURI>&#xD800;</RespURI>"), "syntax"],
      [document("<Final/>", "<RespURI>\u0000</RespURI>"), "syntax"],
      [document("<?php evil ?><Final/>"), "forbidden construct"],
      [`<?xml version="1.1"?>${document("<Final/>")}`, "forbidden construct"],
      [`\n<?xml version="1.0"?>${document("<Final/>")}`, "syntax"],
      [document("<Final/>").replace("<SyncHdr>", '<SyncHdr a="1" a="2">'), "syntax"],
      [document("<a:b:c/>"), "syntax"],
      [document("<Final></final>"), "syntax"]
    ]
    for (const [text, reason] of cases) assert.strictEqual(reasonOf(xmlFailure(text)), reason, text.slice(0, 80))
  })

  it("what looks like a document type inside text is text", () => {
    const body = "<Alert><CmdID>1</CmdID><Data><![CDATA[<!DOCTYPE a><?b?>]]></Data></Alert>"
    const [alert] = got(Xml.decode(Bytes.utf8(document(body)))).body.commands
    assert.isTrue(alert?._tag === "Alert" && alert.data === "<!DOCTYPE a><?b?>")
  })

  it("invalid UTF-8 is refused, in whatever place", () => {
    for (const bad of ["c080", "ff", "eda080", "f5808080", "c3"]) {
      const [before, after] = document("<Final/>", "<RespURI>|</RespURI>").split("|")
      const octets = Bytes.concat(Bytes.utf8(before!), hex(bad), Bytes.utf8(after!))
      assert.strictEqual(reasonOf(xmlFailure(octets)), "character set", bad)
    }
  })

  it("10 MB where 64 kB are allowed is refused before a character is looked at", () => {
    const octets = new Uint8Array(10_000_000).fill(0x3c)
    assert.strictEqual(reasonOf(xmlFailure(octets)), "more bytes")
    assert.isBelow(
      cost(() => Xml.decode(octets)),
      5
    )
    assert.strictEqual(wbxmlReason(octets), "more bytes")
    assert.strictEqual(reasonOf(xmlFailure("x".repeat(defaultLimits.bytes))), "syntax")
    assert.strictEqual(reasonOf(xmlFailure("x".repeat(defaultLimits.bytes + 1))), "more bytes")
  })

  it("depth of 10,000 is refused at the limit", () => {
    const failure = xmlFailure(document("<Atomic>".repeat(10_000)), { ...wide, depth: 32 })
    assert.strictEqual(reasonOf(failure), "more depth")
    assert.isBelow(failure.offset, 1000)
    assert.strictEqual(failure.hdr?.sessionId, "1", "and can be answered")
    const generic = document(`<Alert><CmdID>1</CmdID><Item><Data>${"<a>".repeat(10_000)}`)
    assert.strictEqual(reasonOf(xmlFailure(generic, { ...wide, depth: 32 })), "more depth")
    const skipped = document(`<Alert><CmdID>1</CmdID><Bad>${"<a>".repeat(10_000)}`)
    assert.strictEqual(reasonOf(xmlFailure(skipped, { ...wide, depth: 32 })), "more depth")
  })

  it("too many elements, attributes or characters are refused at the limit", () => {
    const many = xmlFailure(document("<Vendor/>".repeat(50_000)), { ...wide, elements: 1000 })
    assert.strictEqual(reasonOf(many), "more elements")
    assert.isBelow(many.offset, 20_000)
    const attributes = Array.from({ length: 50_000 }, (_, i) => ` a${i}=""`).join("")
    const attributed = xmlFailure(document(`<Final${attributes}/>`), { ...wide, attributes: 16 })
    assert.strictEqual(reasonOf(attributed), "more attributes")
    assert.isBelow(attributed.offset, 2000)
    const text = document(`<Alert><CmdID>1</CmdID><Correlator>${"&#x41;".repeat(5000)}</Correlator></Alert>`)
    assert.strictEqual(reasonOf(xmlFailure(text, { ...wide, text: 1000 })), "more text")
  })

  it("costs in proportion to its length", () => {
    const forms: ReadonlyArray<readonly [string, (n: number) => string]> = [
      [
        "references",
        (n) => document(`<Alert><CmdID>1</CmdID><Correlator>${"&#x41;&amp;".repeat(n)}</Correlator></Alert>`)
      ],
      ["elements", (n) => document("<Vendor><CmdID>1</CmdID></Vendor>".repeat(n))],
      [
        "CDATA",
        (n) =>
          document(`<Alert><CmdID>1</CmdID><Correlator>${"<![CDATA[]]]]><![CDATA[>]]>".repeat(n)}</Correlator></Alert>`)
      ],
      ["comments", (n) => document("<!-- - -- -->".replace(" -- ", " - ").repeat(n))],
      [
        "prefixes",
        (n) =>
          document(
            `<Alert><CmdID>1</CmdID><Item><Meta>${'<p:a xmlns:p="urn:p" p:b="c"/>'.repeat(n)}</Meta></Item></Alert>`
          )
      ],
      [
        "an attribute",
        (n) => document(`<Alert><CmdID>1</CmdID><Item><Meta><a b="${"&lt; ".repeat(n)}"/></Meta></Item></Alert>`)
      ],
      ["an open tag", (n) => document(`<${"a".repeat(n)}`)],
      [
        "pieces of text",
        (n) => document(`<Alert><CmdID>1</CmdID><Correlator>${"a<!---->".repeat(n)}</Correlator></Alert>`)
      ]
    ]
    for (const [name, of] of forms) {
      const [once, sixteenfold] = [1000, 16_000].map((n) => {
        const octets = Bytes.utf8(of(n))
        Xml.decode(octets, wide)
        return cost(() => Xml.decode(octets, wide))
      })
      assert.isBelow(sixteenfold!, 16 * once! * 8 + 20, `${name}: 256 times as much were quadratic`)
    }
  }, 30_000)
})

describe("WBXML from an enemy", () => {
  const whole = wbxml([0x6d, ...hdr, 0x6b, 0x12, 1, 1])

  it("the plain message reads", () => {
    assert.strictEqual(got(Wbxml.decode(whole)).hdr.verProto, "DM/1.2")
  })

  it("headers: versions, public identifiers, character sets, string tables", () => {
    const body = [0x6d, ...hdr, 0x6b, 0x12, 1, 1]
    const text = "-//SYNCML//DTD SyncML 1.2//EN\0"
    for (const octets of [
      wbxml(body, "", [0x01, 0xa4, 0x01, 0x6a]),
      wbxml(body, "", [0x03, 0x9f, 0x51, 0x6a]),
      wbxml(body, "", [0x02, 0x9f, 0x53, 0x6a]),
      wbxml(body, "", [0x02, 0x01, 0x6a]),
      wbxml(body, text, [0x02, 0x00, 0x00, 0x6a]),
      wbxml(body, `x\0${text}`, [0x02, 0x00, 0x02, 0x6a]),
      wbxml(body, "something else\0", [0x02, 0x00, 0x00, 0x6a])
    ]) {
      assert.strictEqual(got(Wbxml.decode(octets)).body.final, true, Bytes.toHex(octets.subarray(0, 12)))
    }
    for (const [octets, reason] of [
      [wbxml(body, "", [0x00, 0xa4, 0x01, 0x6a]), "unknown vocabulary"],
      [wbxml(body, "", [0x04, 0xa4, 0x01, 0x6a]), "unknown vocabulary"],
      [wbxml(body, "", [0x02, 0xa4, 0x03, 0x6a]), "unknown vocabulary"],
      [wbxml(body, "", [0x02, 0xa4, 0x04, 0x6a]), "unknown vocabulary"],
      [wbxml(body, "-//OMA//DTD-DM-DDF 1.2//EN\0", [0x02, 0x00, 0x00, 0x6a]), "unknown vocabulary"],
      [wbxml(body, "-//SYNCML//DTD DevInf 1.1//EN\0", [0x02, 0x00, 0x00, 0x6a]), "unknown vocabulary"],
      [wbxml(body, text, [0x02, 0x00, 0x60, 0x6a]), "syntax"],
      [wbxml(body, "", [0x02, 0xa4, 0x01, 0x04]), "character set"],
      [wbxml(body, "", [0x02, 0xa4, 0x01, 0x00]), "character set"],
      [hex("02a4016affffffff7f"), "syntax"],
      [hex("02a4016a8fffffff7f"), "syntax"],
      [hex("02a4016a9fffffff7f"), "syntax"],
      [hex("028080808080016a00"), "syntax"],
      [hex(""), "syntax"],
      [hex("02a4016a00"), "syntax"]
    ] as const) {
      assert.strictEqual(wbxmlReason(octets), reason, Bytes.toHex(octets.subarray(0, 12)))
    }
  })

  it("tokens: ends, pages, extensions, entities, offsets, lengths", () => {
    const inCorrelator = (...content: ReadonlyArray<number>) =>
      wbxml([0x6d, ...hdr, 0x6b, 0x46, 0x4b, 0x03, 0x31, 0, 1, 0x7c, ...content, 1, 1, 1, 1], "abc\0\u0001")
    const correlator = (octets: Uint8Array) => {
      const [alert] = got(Wbxml.decode(octets)).body.commands
      return alert?._tag === "Alert" ? alert.correlator : undefined
    }
    assert.strictEqual(correlator(inCorrelator(0x83, 1, 0x03, 0x78, 0, 0x02, 0x41, 0xc3, 2, 0x79, 0x7a)), "bcxAyz")
    assert.strictEqual(correlator(inCorrelator(0x02, 0x87, 0xec, 0x00)), "\u{1f600}")
    for (const [octets, reason] of [
      [inCorrelator(0x83, 4), "syntax"],
      [inCorrelator(0x83, 5), "syntax"],
      [inCorrelator(0x83, 0xff, 0xff, 0xff, 0xff, 0x7f), "syntax"],
      [inCorrelator(0xc3, 0x8f, 0xff, 0xff, 0xff, 0x7f), "syntax"],
      [inCorrelator(0x02, 0), "value"],
      [inCorrelator(0x02, 0x83, 0xb0, 0x00), "value"],
      [inCorrelator(0x02, 0x84, 0x80, 0x80, 0x00), "value"],
      [inCorrelator(0x02, 0x83, 0xff, 0x7f), "value"],
      [inCorrelator(0x03, 0xff, 0), "character set"],
      [inCorrelator(0x03, 0x07, 0), "character set"],
      [inCorrelator(0x43, 0), "forbidden construct"],
      [inCorrelator(0x40, 0x61, 0), "forbidden construct"],
      [inCorrelator(0x80, 0), "forbidden construct"],
      [inCorrelator(0xc0), "forbidden construct"],
      [inCorrelator(0x00, 0x02), "unknown vocabulary"],
      [inCorrelator(0x3d), "unknown vocabulary"],
      [inCorrelator(0x30), "unknown vocabulary"],
      [inCorrelator(0x8e, 0x05, 1), "unknown vocabulary"],
      [Uint8Array.of(...whole, 1), "syntax"],
      [Uint8Array.of(...whole, 0), "syntax"],
      [wbxml([1]), "syntax"],
      [wbxml([0x03, 0x61, 0]), "syntax"],
      [wbxml([0x2d]), "missing element"],
      [wbxml([0x45, 1]), "unknown element"]
    ] as const) {
      assert.strictEqual(wbxmlReason(octets), reason, Bytes.toHex(octets.subarray(60)))
    }
    assert.strictEqual(got(Wbxml.decode(wbxml([0, 1, 0, 0, 0x6d, ...hdr, 0x6b, 0x12, 1, 1]))).body.final, true)
  })

  it("limits: depth, elements, attributes, text", () => {
    const deep = wbxml([0x6d, ...hdr, 0x6b, ...new Array<number>(10_000).fill(0x48)])
    const failure = failed(Wbxml.decode(deep, { ...wide, depth: 32 }))
    assert.strictEqual(reasonOf(failure), "more depth")
    assert.isBelow(failure.offset, 120)
    assert.strictEqual(failure.hdr?.msgId, "1")
    assert.strictEqual(
      wbxmlReason(wbxml([0x6d, ...hdr, 0x6b, ...new Array<number>(10_000).fill(0x06)])),
      "more elements"
    )
    const attributes = Array.from({ length: 40 }, (_, i) => [0x04, 2 * i]).flat()
    const table = Array.from({ length: 40 }, (_, i) => `${String.fromCharCode(65 + i)}\0`).join("")
    const attributed = wbxml([0x6d, ...hdr, 0x6b, 0x46, 0x5a, 0x84, 0, ...attributes, 1, 1, 1, 1, 1], table)
    assert.strictEqual(wbxmlReason(attributed), "more attributes")
  })

  it("a string table does not swell", () => {
    const table = `${"x".repeat(20_000)}\0`
    const uses = Array.from({ length: 10_000 }, () => [0x83, 0]).flat()
    const octets = wbxml([0x6d, ...hdr, 0x6b, 0x46, 0x4b, 0x03, 0x31, 0, 1, 0x7c, ...uses, 1, 1, 1, 1], table)
    const failure = failed(Wbxml.decode(octets))
    assert.strictEqual(reasonOf(failure), "more text")
    assert.isBelow(
      cost(() => Wbxml.decode(octets)),
      20
    )
    const names = Array.from({ length: 10_000 }, () => [0x04, 0]).flat()
    assert.strictEqual(wbxmlReason(wbxml([0x6d, ...hdr, 0x6b, ...names, 1, 1], table)), "more text")
    const attribute = [0x86, 0x04, 0x81, 0x9c, 0x0f, ...Array.from({ length: 15_000 }, () => [0x83, 0]).flat(), 1]
    const ending = table.replace(/.{18}\0$/, "\0a\0")
    assert.strictEqual(wbxmlReason(wbxml([0x6d, ...hdr, 0x6b, ...attribute, 1, 1], ending)), "more text")
    const attributes = Array.from({ length: 1000 }, () => [0x86, 0x04, 0x81, 0x9c, 0x0f, 0x83, 0, 0x83, 0, 1]).flat()
    assert.strictEqual(wbxmlReason(wbxml([0x6d, ...hdr, 0x6b, ...attributes, 1, 1], ending)), "more text")
  })

  it("costs in proportion to its length", () => {
    const forms: ReadonlyArray<readonly [string, (n: number) => Uint8Array]> = [
      ["elements", (n) => wbxml([0x6d, ...hdr, 0x6b, ...new Array<number>(n).fill(0x06), 1, 1])],
      [
        "octets",
        (n) =>
          wbxml([
            0x6d,
            ...hdr,
            0x6b,
            0x46,
            0x7c,
            ...Array.from({ length: n }, () => [0xc3, 1, 0x61]).flat(),
            1,
            1,
            1,
            1
          ])
      ],
      [
        "strings",
        (n) =>
          wbxml([
            0x6d,
            ...hdr,
            0x6b,
            0x46,
            0x7c,
            ...Array.from({ length: n }, () => [0x03, 0x61, 0]).flat(),
            1,
            1,
            1,
            1
          ])
      ]
    ]
    for (const [name, of] of forms) {
      const [once, sixteenfold] = [1000, 16_000].map((n) => {
        const octets = of(n)
        Wbxml.decode(octets, wide)
        return cost(() => Wbxml.decode(octets, wide))
      })
      assert.isBelow(sixteenfold!, 16 * once! * 8 + 20, `${name}: 256 times as much were quadratic`)
    }
  }, 30_000)

  it("a document inside Data that does not read stays octets", () => {
    const inData = (octets: Uint8Array) => {
      const body = [0x45, 0x4b, 0x03, 0x31, 0, 1, 0x54, 0x4f, 0xc3, octets.length, ...octets, 1, 1, 1, 1, 1]
      const [add] = got(Wbxml.decode(wbxml([0x6d, ...hdr, 0x6b, ...body]))).body.commands
      return add?._tag === "Add" ? add.items[0]!.data : undefined
    }
    const devInf = hex("02a4036a004a650331003100ff0101".replace("ff", ""))
    const good = hex("02a4036a004a65033132000101")
    assert.deepStrictEqual(inData(good), [
      {
        name: "DevInf",
        namespace: "syncml:devinf",
        content: [{ name: "VerDTD", namespace: "syncml:devinf", content: ["12"] }]
      }
    ])
    assert.instanceOf(inData(good.subarray(0, 9)), Uint8Array)
    assert.instanceOf(inData(devInf), Uint8Array)
    assert.instanceOf(inData(hex("02a4046a004a01ff")), Uint8Array)
  })

  it("the header is what an error carries, without credentials", () => {
    const withCred = document("<Bad", "<Cred><Data>QnJ1Y2UyOk9oQmVoYXZl</Data></Cred>")
    const failure = xmlFailure(withCred)
    assert.strictEqual(failure.hdr?.source.locUri, "IMEI:493005100592800")
    assert.notInclude(JSON.stringify(failure), "QnJ1Y2Uy")
    assert.include(header, failure.hdr!.target.locUri)
  })
})
