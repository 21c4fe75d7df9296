import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { Documentation, faults, Table, Wbxml, Xml } from "../src/index.ts"
import { ofMessage, ofProtocol, ofStructure } from "../src/schema/index.ts"
import { activation, dcdMessages } from "./corpus.ts"
import { ClientActivationRequest, dcd } from "./dcd.ts"
import { dpe } from "./dpe.ts"
import { failed, got, plain, same, textOf, utf8 } from "./support.ts"

const { attribute, base64, content, integer, many, mandatory, message, optional, protocol, string, structure } = Table

describe("documentation", () => {
  it("is the table of the specification", () => {
    assert.strictEqual(
      Documentation.message(ClientActivationRequest),
      [
        "### ClientActivationRequest",
        "",
        "DCD 1.0 section 7.1.3.1.1",
        "",
        "| element | req | type | content |",
        "| --- | --- | --- | --- |",
        "| Message-Type | M | string | `ClientActivationRequest` |",
        "| Device-ID | O | string | at most 255 characters |",
        "| Version | M | string | of the form `[0-9]{1,3}\\.[0-9]{1,3}`; the highest of the device |",
        "| Authentication-Mode | M | enum | `AUTH-None`, `AUTH-Basic`, `AUTH-Digest`, `AUTH-TLS`, `GBA` in any case |",
        "| Auth-Info | C | string | at most 4096 characters; secret; when a previous response asked for it |",
        "| SMS-Protection | O | structure | also read as `SMS-Proctection` |",
        "| · SA-Identifier | M | structure |  |",
        "| · · @type | M | enum | `GBA`, `non-GBA` |",
        "| · · (content) | M | string | at most 255 characters |",
        "| · Key | C | base64 | 32 octets; secret; when the SA is made without GBA |",
        "| · Cipher-Suite | O | string | at most 64 characters, of the form `[0-9a-f]{2}( [0-9a-f]{2})*` |",
        "| · Lifetime | O | integer | seconds |",
        "| · Address | O | string | of the form `\\+?[0-9]{1,15}` |",
        "| · (rule) |  |  | Key is there exactly when the type of SA-Identifier is non-GBA |",
        ""
      ].join("\n")
    )
  })

  it("has every row of every message, and cells that hold", () => {
    const text = Documentation.protocol(dpe)
    for (const { name } of dpe.messages) assert.include(text, `### ${name}\n`)
    const piped = message("M", "a | b\nc", {
      v: mandatory("V", string({ pattern: /a|b/ }), { note: "x | y", clause: "1.2", aliases: ["W"] }),
      n: many("N", integer({ min: 1 })),
      b: optional("B", base64({ minOctets: 1, maxOctets: 2 }))
    })
    const lines = Documentation.message(piped, 4).split("\n")
    assert.deepStrictEqual(lines.slice(0, 3), ["#### M", "", "a \\| b c"])
    assert.deepStrictEqual(lines.slice(7), [
      "| V | M | string | of the form `a\\|b`; x \\| y; also read as `W`; 1.2 |",
      "| N | 0..n | integer | at least 1 |",
      "| B | O | base64 | 1 to 2 octets |",
      ""
    ])
  })
})

describe("faults of tables", () => {
  it("are found", () => {
    const broken = protocol({
      root: "r",
      namespace: "urn:r",
      messages: [
        message("M", "", {
          _tag: optional("A", string()),
          b: optional("A", string()),
          c: optional("C", string(), { aliases: ["A"] }),
          d: optional("not a name", string()),
          e: optional("Message-Type", string()),
          f: mandatory("F", structure({ x: content(string()), y: content(string()), z: optional("Z", string()) })),
          g: attribute(optional("xmlns", string())),
          h: { name: "h", type: structure({}), requirement: "O", place: "attribute" },
          i: { name: "i", type: string(), requirement: "0..n", place: "attribute" }
        }),
        message("M", "", {})
      ],
      wbxml: { publicId: 1, pages: [{ namespace: "urn:r", names: ["a", "a", ...new Array(58).fill("b")] }] }
    })
    assert.deepStrictEqual(
      [...new Set(faults(broken))],
      [
        "M: given twice",
        "M: Message-Type goes without saying",
        "M: _tag names the message",
        "M/A: A given twice",
        "M/C: A given twice",
        "M/not a name: not a name is no name of XML",
        "M/F: content given twice",
        "M/F: content beside elements",
        "M/@xmlns: a namespace declaration is no attribute",
        "M/@h: a structure outside an element",
        "M/@i: an attribute that repeats",
        "code page 0: 60 names where 59 have a token",
        "code page 0: a has two tokens",
        "code page 0: b has two tokens"
      ]
    )
  })
})

describe("WBXML", () => {
  const small = {
    root: "r",
    namespace: "urn:r",
    messages: [
      message("M", "", {
        text: mandatory("T", string()),
        octets: optional("O", base64()),
        other: many("X", structure({ a: attribute(mandatory("a", string())), c: content(integer()) }), {
          namespace: "urn:x"
        })
      })
    ]
  } as const
  const value = {
    _tag: "M",
    text: "é",
    octets: utf8("hi"),
    other: [
      { a: "b", c: 7 },
      { a: "", c: 0 }
    ]
  } as const
  const hex = (octets: Uint8Array) => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(" ")

  it("is, octet by octet, what the grammar of WBXML says", () => {
    const pages = Wbxml.codePages(small)
    const tabled = protocol({ ...small, wbxml: { publicId: 1, pages } })
    assert.deepStrictEqual(pages, [
      { namespace: "urn:r", names: ["r", "Message-Type", "T", "O"] },
      { namespace: "urn:x", names: ["X"] }
    ])
    const octets = got(Wbxml.encode(tabled, value))
    assert.strictEqual(
      hex(octets),
      [
        "03 01 6a 02 61 00", // WBXML 1.3, unknown public identifier, UTF-8, string table "a"
        "45", // r with content
        "46 03 4d 00 01", // Message-Type, inline "M", end
        "47 03 c3 a9 00 01", // T, inline "é", end
        "48 c3 02 68 69 01", // O, two octets, end
        "00 01", // page 1
        "c5 04 00 03 62 00 01 03 37 00 01", // X with attributes and content: literal 0 = "b"; "7"
        "c5 04 00 01 03 30 00 01", // the same, its value empty
        "01" // end of r
      ].join(" ")
    )
    same(got(Wbxml.decode(tabled, octets)), value)
  })

  it("names what has no token in the string table, foreign namespaces by declaration", () => {
    const bare = protocol({ ...small, wbxml: { publicId: 0x1234, pages: [{ namespace: "urn:r", names: ["r"] }] } })
    same(got(Wbxml.decode(bare, got(Wbxml.encode(bare, value)))), value)
    const none = protocol({ ...small, wbxml: { publicId: 1, pages: [] } })
    same(got(Wbxml.decode(none, got(Wbxml.encode(none, value)))), value)
  })

  it("fits more names than a page has", () => {
    const fields = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, optional(`F${i}`, integer())]))
    const large = { root: "r", namespace: "urn:r", messages: [message("M", "", fields)] } as const
    const pages = Wbxml.codePages(large)
    assert.deepStrictEqual(
      pages.map(({ names }) => names.length),
      [59, 59, 34]
    )
    const tabled: Table.Protocol<Table.AnyMessage> = protocol({ ...large, wbxml: { publicId: 1, pages } })
    assert.deepStrictEqual(faults(tabled), [])
    const full = { _tag: "M", ...Object.fromEntries(Object.keys(fields).map((key, i) => [key, i])) }
    same(got(Wbxml.decode(tabled, got(Wbxml.encode(tabled, full)))), full)
  })

  it("is not there without a vocabulary", () => {
    const bare = protocol(small)
    assert.strictEqual(failed(Wbxml.encode(bare, value))._tag, "Unencodable")
    const failure = failed(Wbxml.decode(bare, Uint8Array.of(3, 1, 0x6a, 0)))
    assert.isTrue(failure._tag === "Malformed" && failure.reason === "another protocol")
  })

  it("grows for texts, octets and names at every size", () => {
    const tabled = protocol({ ...small, wbxml: { publicId: 1, pages: Wbxml.codePages(small) } })
    for (let size = 1000; size < 1040; size++) {
      for (const message of [
        { _tag: "M", text: "a".repeat(size) } as const,
        { _tag: "M", text: "é".repeat(size) } as const,
        { _tag: "M", text: "a".repeat(300), octets: new Uint8Array(size) } as const,
        { _tag: "M", text: "", other: Array.from({ length: size - 900 }, () => ({ a: "", c: 1 })) } as const
      ]) {
        same(got(Wbxml.decode(tabled, got(Wbxml.encode(tabled, message)))), message)
      }
    }
  })

  it("does not keep the octets of the document", () => {
    const tabled = protocol({ ...small, wbxml: { publicId: 1, pages: Wbxml.codePages(small) } })
    const octets = got(Wbxml.encode(tabled, value))
    const message = got(Wbxml.decode(tabled, octets))
    octets.fill(0)
    assert.deepStrictEqual(message.octets, utf8("hi"))
  })
})

describe("an element that authenticates the rest", () => {
  const name = "Auth-Info"
  const answer = Redacted.make('Digest qop="auth-int", response="é"')

  it("is appended to the octets that it covers, and cut out to the same octets", () => {
    for (const message of dcdMessages) {
      if (message._tag !== "ClientActivationRequest") continue
      const { authInfo: _, ...bare } = message
      const covered = got(Xml.encode(dcd, bare))
      const sent = got(Xml.append(dcd, covered, message._tag, "authInfo", answer))
      same(got(Xml.decode(dcd, sent)), { ...bare, authInfo: answer })
      const { rest, element } = got(Xml.cut(dcd, sent, name))
      assert.deepStrictEqual(rest, covered)
      assert.strictEqual(
        textOf(element),
        "<Auth-Info>Digest qop=&quot;auth-int&quot;, response=&quot;é&quot;</Auth-Info>".replaceAll("&quot;", '"')
      )
    }
  })

  it("is cut out of any document, from its < to its >", () => {
    const cases: ReadonlyArray<readonly [text: string, element: string]> = [
      [
        '<r xmlns="urn:oma:xml:dcd:msg:1.0">é😀\r\n|</r >',
        "<Auth-Info a=\"<>\"\n\tb='>'\n>é<!-- <x> --></Auth-Info\n>".replace("<>", "&lt;>")
      ],
      [
        '\ufeff<?xml version="1.0"?><!-- é --><r xmlns="urn:oma:xml:dcd:msg:1.0"><Auth-Info xmlns="urn:x"/>|<b/></r>',
        "<Auth-Info/>"
      ],
      [
        '<r xmlns="urn:oma:xml:dcd:msg:1.0" xmlns:d="urn:oma:xml:dcd:msg:1.0"><a><Auth-Info/></a>|<b/></r>',
        "<d:Auth-Info  />"
      ],
      [
        '<r xmlns="urn:oma:xml:dcd:msg:1.0"><![CDATA[<Auth-Info/>]]>|</r>',
        "<Auth-Info><![CDATA[</Auth-Info>]]></Auth-Info>"
      ]
    ]
    for (const [text, part] of cases) {
      const { rest, element } = got(Xml.cut(dcd, utf8(text.replace("|", part)), name))
      assert.strictEqual(textOf(element), part)
      assert.deepStrictEqual(rest, utf8(text.replace("|", "")))
    }
  })

  it("is refused when it is not there once", () => {
    const reasonOf = (text: string) => {
      const failure = failed(Xml.cut(dcd, utf8(`<r xmlns="urn:oma:xml:dcd:msg:1.0">${text}</r>`), name))
      return failure._tag === "Malformed" ? failure.reason : failure.message
    }
    assert.strictEqual(reasonOf(""), "missing element")
    assert.strictEqual(reasonOf("<a><Auth-Info/></a>"), "missing element")
    assert.strictEqual(reasonOf("<Auth-Info/><Auth-Info/>"), "repeated element")
    assert.strictEqual(reasonOf("<Auth-Info>"), "syntax")
  })

  it("is appended to documents of ours alone", () => {
    const octets = got(Xml.encode(dcd, activation))
    const pathOf = (from: Uint8Array, key: string, value: unknown) => {
      const failure = failed(Xml.append(dcd, from, "ClientActivationRequest", key, value))
      return failure._tag === "Unencodable" ? failure.path : failure.message
    }
    assert.strictEqual(pathOf(octets.subarray(0, -1), "authInfo", answer), "ClientActivationRequest")
    assert.strictEqual(pathOf(octets, "nothing", answer), "ClientActivationRequest/nothing")
    assert.strictEqual(pathOf(octets, "authInfo", "clear"), "ClientActivationRequest/Auth-Info")
    assert.strictEqual(
      failed(
        Xml.append(dcd, octets, "ClientActivationRequest", "authInfo", answer, {
          bytes: 400,
          depth: 16,
          elements: 99,
          attributes: 9,
          text: 9999
        })
      )._tag,
      "TooLarge"
    )
  })
})

describe("Schema", () => {
  it("takes the messages, refuses what their tables refuse, and makes JSON of them", () => {
    const schema = ofProtocol(dcd)
    const decode = Schema.decodeUnknownResult(schema)
    for (const message of dcdMessages) assert.isTrue(Result.isSuccess(decode(message)))
    const one = Schema.decodeUnknownResult(ofMessage(ClientActivationRequest))
    for (const bad of [
      { ...activation, version: "x" },
      { ...activation, authenticationMode: "gba" },
      { ...activation, _tag: "ClientActivationResponse" },
      { ...activation, deviceId: "\u0001" },
      { ...activation, smsProtection: { saIdentifier: { type: "non-GBA", value: "" } } },
      { ...activation, smsProtection: { ...activation.smsProtection, lifetime: -1 } },
      { ...activation, authInfo: "clear" }
    ]) {
      assert.isTrue(Result.isFailure(one(bad)), JSON.stringify(bad))
    }
    const push = dcdMessages.at(-1)!
    const codec = Schema.toCodecJson(schema)
    const json = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(push)))
    assert.deepStrictEqual(plain(Schema.decodeUnknownSync(codec)(json)), plain(push))
    const block = ofStructure(structure({ total: mandatory("total", integer({ min: 1 })) }))
    assert.isTrue(Schema.is(block)({ total: 1 }) && !Schema.is(block)({ total: 0 }))
  })
})
