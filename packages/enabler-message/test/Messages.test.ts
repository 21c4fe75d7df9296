import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Redacted, type Result } from "effect"
import { XMLParser } from "fast-xml-parser"
import { faults, type Malformed, Table, type TooLarge, Xml } from "../src/index.ts"
import { activation, dcdMessages, dpeMessages } from "./corpus.ts"
import { dcd } from "./dcd.ts"
import { dpe } from "./dpe.ts"
import { failed, got, same, textOf, utf8 } from "./support.ts"

const published = `<?xml version="1.0" encoding="UTF-8"?>
<dcd-message xmlns="urn:oma:xml:dcd:msg:1.0">
  <Message-Type>ClientActivationRequest</Message-Type>
  <Device-ID>acme/phone1 dcd-client/1.0</Device-ID>
  <Version>1.0</Version>
  <Authentication-Mode>GBA</Authentication-Mode>
  <SMS-Protection>
    <SA-Identifier type="GBA">bXktcmFuZC1pcy0xNi1ieQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org</SA-Identifier>
  </SMS-Protection>
</dcd-message>
`
const read = (text: string) => Xml.decode(dcd, utf8(text))
const wrapped = (content: string, type = "ClientActivationRequest") =>
  `<dcd-message xmlns="urn:oma:xml:dcd:msg:1.0"><Message-Type>${type}</Message-Type>${content}</dcd-message>`
const under = (content: string, type?: string) => read(wrapped(content, type))
const basics = "<Version>1.0</Version><Authentication-Mode>GBA</Authentication-Mode>"

const aliased = Table.protocol({
  root: "r",
  namespace: "urn:r",
  messages: [
    Table.message("M", "a test", {
      a: Table.attribute(Table.mandatory("a", Table.integer(), { aliases: ["b"] }))
    })
  ]
})

/** Reason and path of a fault. */
const fault = (failure: Malformed | TooLarge): string =>
  failure._tag === "TooLarge" ? `more ${failure.limit}` : `${failure.reason}: ${failure.path}`

describe("the tables of DCD and DPE", () => {
  it("have no faults", () => {
    assert.deepStrictEqual(faults(dcd), [])
    assert.deepStrictEqual(faults(dpe), [])
  })

  it("give the types of the messages", () => {
    type Activation = Extract<Table.AnyOf<typeof dcd>, { readonly _tag: "ClientActivationRequest" }>
    expectTypeOf<Activation["version"]>().toEqualTypeOf<string>()
    expectTypeOf<Activation["authenticationMode"]>().toEqualTypeOf<
      "AUTH-None" | "AUTH-Basic" | "AUTH-Digest" | "AUTH-TLS" | "GBA"
    >()
    expectTypeOf<NonNullable<Activation["authInfo"]>>().toEqualTypeOf<Redacted.Redacted<string>>()
    expectTypeOf<NonNullable<Activation["smsProtection"]>["saIdentifier"]>().toEqualTypeOf<{
      readonly type: "GBA" | "non-GBA"
      readonly value: string
    }>()
    type Push = Extract<Table.AnyOf<typeof dcd>, { readonly _tag: "ContentUpdatePush" }>
    expectTypeOf<Push["contentPackage"]["length"]>().toEqualTypeOf<number>()
    expectTypeOf<Push["contentPackage"][0]["content"]>().toEqualTypeOf<Uint8Array | undefined>()
    expectTypeOf<NonNullable<Push["confirmationRequired"]>>().toEqualTypeOf<boolean>()
    // @ts-expect-error a mandatory element is missing
    const lacking: Activation = { _tag: "ClientActivationRequest", version: "1.0" }
    assert.strictEqual(
      failed(Xml.encode(dcd, lacking)).message,
      "ClientActivationRequest/Authentication-Mode: a mandatory element"
    )
  })

  it("read and write the message of the specification", () => {
    same(got(read(published)), activation)
    assert.strictEqual(
      textOf(got(Xml.encode(dcd, activation))),
      published.replace(/>\n *(?=<)/g, ">").replace("?>", "?>\n")
    )
  })

  it("write what another XML parser reads the same", () => {
    const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false, trimValues: false })
    for (const message of dcdMessages) {
      const { "dcd-message": root } = parser.parse(textOf(got(Xml.encode(dcd, message))))
      assert.strictEqual(root["@_xmlns"], dcd.namespace)
      assert.strictEqual(root["Message-Type"], message._tag)
      if (message._tag === "ClientDeactivationResponse") assert.strictEqual(root.Reason, message.reason)
      if (message._tag === "ContentUpdatePush") {
        const [first] = root["Content-Package"]
        assert.strictEqual(first.Content, "aGVsbG8=")
        assert.strictEqual(first["Content-Metadata"]["@_content-id"], "c1")
        assert.strictEqual(first["Content-Metadata"].expiry["#text"], "2026-01-01T00:00:00Z")
        assert.strictEqual(first["Content-Metadata"].expiry["@_xmlns"], "urn:oma:xml:dcd:metadata:1.0")
      }
    }
  })

  it("each sample comes back", () => {
    for (const message of dcdMessages) same(got(Xml.decode(dcd, got(Xml.encode(dcd, message)))), message)
    for (const message of dpeMessages) same(got(Xml.decode(dpe, got(Xml.encode(dpe, message)))), message)
  })
})

describe("a reader tolerates", () => {
  it("any order, unknown elements and attributes, comments, processing instructions, a byte order mark", () => {
    const text =
      `\ufeff<?xml version='1.0' encoding="utf-8"?><!-- a --><?b c?>\r\n<d:dcd-message xmlns:d="urn:oma:xml:dcd:msg:1.0" xmlns:x="urn:x" e="f" x:Version="2">` +
      `<x:Version>9.9</x:Version><Version xmlns="">8.8</Version><d:New><d:Deep>1</d:Deep></d:New>` +
      `<d:SMS-Protection/>` +
      `<d:Authentication-Mode x:y="z"> gba <!-- c --></d:Authentication-Mode><d:Version><![CDATA[1]]>.&#48;</d:Version>` +
      `<d:Message-Type> ClientActivationRequest </d:Message-Type></d:dcd-message><!-- g -->`
    const message = got(read(text.replace("<d:SMS-Protection/>", "")))
    same(message, { _tag: "ClientActivationRequest", authenticationMode: "GBA", version: "1.0" })
    assert.strictEqual(
      fault(failed(read(text))),
      "missing element: ClientActivationRequest/SMS-Protection/SA-Identifier"
    )
  })

  it("the misspelt name of an element, and writes the right one", () => {
    const sa = '<SA-Identifier type="GBA">b</SA-Identifier>'
    const message = got(under(`${basics}<SMS-Proctection>${sa}</SMS-Proctection>`))
    assert.isTrue(message._tag === "ClientActivationRequest" && message.smsProtection?.saIdentifier.value === "b")
    const text = textOf(got(Xml.encode(dcd, message)))
    assert.isTrue(text.includes("<SMS-Protection>") && !text.includes("Proctection"))
    assert.strictEqual(
      fault(failed(under(`${basics}<SMS-Proctection>${sa}</SMS-Proctection><SMS-Protection>${sa}</SMS-Protection>`))),
      "repeated element: ClientActivationRequest/SMS-Protection"
    )
  })

  it("namespaces that change and change back", () => {
    const request = got(
      read(
        '<dcd-message xmlns="urn:oma:xml:dcd:msg:1.0" xmlns:m="urn:oma:xml:dcd:metadata:1.0"><Message-Type>RequestForClientActivation</Message-Type>' +
          "<Message-ID>1</Message-ID><Server-ID>s</Server-ID><Connection-Profile><server-address>not this</server-address>" +
          "<m:server-address>a</m:server-address><m:data-connection><m:apn>n</m:apn><apn>not this</apn></m:data-connection>" +
          '<x:security xmlns:x="urn:oma:xml:dcd:metadata:1.0">tls</x:security></Connection-Profile></dcd-message>'
      )
    )
    same(request, {
      _tag: "RequestForClientActivation",
      messageId: "1",
      serverId: "s",
      connectionProfile: { serverAddress: "a", dataConnection: { apn: "n" }, security: "tls" }
    })
  })
})

describe("a reader refuses", () => {
  const faultsOf: ReadonlyArray<
    readonly [what: string, document: Result.Result<unknown, Malformed | TooLarge>, expected: string]
  > = [
    ["no octets", read(""), "syntax: "],
    ["another root", read(published.replaceAll("dcd-message", "dpe-message")), "another protocol: "],
    ["another namespace", read(published.replace("msg:1.0", "msg:2.0")), "another protocol: "],
    ["no namespace", read(published.replace(/ xmlns="[^"]*"/, "")), "another protocol: "],
    ["no Message-Type", read(published.replace(/<Message-Type>.*<\/Message-Type>/, "")), "missing element: "],
    ["two", under("<Message-Type>ClientActivationRequest</Message-Type>"), "repeated element: "],
    ["Message-Type of elements", under("", "<a/>"), "wrong type: "],
    ["an unknown message", under(basics, "Nothing"), "unknown message: "],
    ["a name of Object", under(basics, "constructor"), "unknown message: "],
    [
      "a missing element",
      under("<Version>1.0</Version>"),
      "missing element: ClientActivationRequest/Authentication-Mode"
    ],
    [
      "a repeated element",
      under(`${basics}<Version>1.0</Version>`),
      "repeated element: ClientActivationRequest/Version"
    ],
    ["elements in a text", under(basics.replace("1.0", "1.<a/>0")), "wrong type: ClientActivationRequest/Version"],
    ["text between elements", under(`${basics}loose`), "wrong type: ClientActivationRequest"],
    ["a no-break space between elements", under(`${basics}\u00a0`), "wrong type: ClientActivationRequest"],
    ["a bad pattern", under(basics.replace("1.0", "1.0\n")), "wrong type: ClientActivationRequest/Version"],
    [
      "no attribute",
      under(`${basics}<SMS-Protection><SA-Identifier>a</SA-Identifier></SMS-Protection>`),
      "missing element: ClientActivationRequest/SMS-Protection/SA-Identifier/type"
    ],
    [
      "an attribute of another namespace",
      under(`${basics}<SMS-Protection><SA-Identifier xmlns:x="urn:x" x:type="GBA">a</SA-Identifier></SMS-Protection>`),
      "missing element: ClientActivationRequest/SMS-Protection/SA-Identifier/type"
    ],
    [
      "a bad attribute",
      under(`${basics}<SMS-Protection><SA-Identifier type="gba">a</SA-Identifier></SMS-Protection>`),
      "wrong type: ClientActivationRequest/SMS-Protection/SA-Identifier/@type"
    ],
    [
      "an attribute and its alias",
      Xml.decode(aliased, utf8('<r xmlns="urn:r" a="1" b="1"><Message-Type>M</Message-Type></r>')),
      "repeated element: M/@a"
    ],
    [
      "a rule",
      under(`${basics}<SMS-Protection><SA-Identifier type="non-GBA">a</SA-Identifier></SMS-Protection>`),
      "broken rule: ClientActivationRequest/SMS-Protection"
    ],
    [
      "1..n of none",
      under("<Session-ID>s</Session-ID><Message-ID>m</Message-ID><Channel-ID>c</Channel-ID>", "ContentUpdatePush"),
      "missing element: ContentUpdatePush/Content-Package"
    ],
    [
      "the second of a repeated element",
      under(
        "<Session-ID>s</Session-ID><Message-ID>m</Message-ID><Channel-ID>c</Channel-ID><Content-Package><Content-Type>t</Content-Type><Content-ID>1</Content-ID><Content/></Content-Package><Content-Package><Content-Type>t</Content-Type><Content-ID>1</Content-ID><Content>=</Content></Content-Package>",
        "ContentUpdatePush"
      ),
      "wrong type: ContentUpdatePush/Content-Package[2]/Content"
    ]
  ]
  it.each(faultsOf)("%s", (_, result, expected) => assert.strictEqual(fault(failed(result)), expected))

  it("and quotes nothing of the document", () => {
    const secret = "hunter2".repeat(1000)
    const failure = failed(under(`${basics}<Auth-Info>${secret}</Auth-Info>`))
    assert.isFalse(`${failure.message}${JSON.stringify(failure)}`.includes("hunter2"))
    const at = wrapped(`${basics}<Auth-Info>`).indexOf("<Auth-Info>")
    assert.strictEqual(
      failure.message,
      `wrong type at ClientActivationRequest/Auth-Info (offset ${at}): at most 4096 characters`
    )
  })
})

describe("a fault that can be answered", () => {
  const correlationOf = (content: string, protocol: Table.Protocol<Table.AnyMessage> = dpe) => {
    const { root, namespace } = protocol
    const failure = failed(Xml.decode(protocol, utf8(`<${root} xmlns="${namespace}">${content}</${root}>`)))
    assert.isFalse(failure.message.includes("m-1"))
    return failure._tag === "Malformed" ? failure.correlation : undefined
  }

  it("carries what the answer repeats, in a document that is well-formed", () => {
    assert.strictEqual(correlationOf("<Message-Type>PollRequest</Message-Type><Message-ID>m-1</Message-ID>"), "m-1")
    assert.strictEqual(correlationOf("<Message-Type>Nothing</Message-Type><Message-ID>m-1</Message-ID>"), "m-1")
    assert.strictEqual(correlationOf("<Message-ID>m-1</Message-ID>"), "m-1")
    const none = [
      "<Message-ID>m-1</Message-ID><Message-ID>m-1</Message-ID>",
      "<Message-ID>m-1<a/></Message-ID>",
      '<Message-ID xmlns="urn:x">m-1</Message-ID>',
      `<Message-ID>${"m".repeat(256)}</Message-ID>`,
      "<Message-ID>m-1</Message-ID><a>",
      ""
    ]
    for (const content of none) assert.isUndefined(correlationOf(content), content)
    assert.isUndefined(correlationOf("<Message-ID>m-1</Message-ID>", dcd), "the protocol names no element")
  })
})

describe("a writer refuses", () => {
  const bad: ReadonlyArray<readonly [value: object, path: string]> = [
    [{ _tag: "Nothing" }, "Message-Type"],
    [{ ...activation, version: undefined }, "ClientActivationRequest/Version"],
    [{ ...activation, version: "one" }, "ClientActivationRequest/Version"],
    [{ ...activation, deviceId: "a\u0000" }, "ClientActivationRequest/Device-ID"],
    [{ ...activation, deviceId: "a\ud800" }, "ClientActivationRequest/Device-ID"],
    [{ ...activation, deviceId: 7 }, "ClientActivationRequest/Device-ID"],
    [{ ...activation, authenticationMode: "gba" }, "ClientActivationRequest/Authentication-Mode"],
    [{ ...activation, authInfo: "in the clear" }, "ClientActivationRequest/Auth-Info"],
    [{ ...activation, smsProtection: [] }, "ClientActivationRequest/SMS-Protection"],
    [
      { ...activation, smsProtection: { saIdentifier: { type: "x", value: "" } } },
      "ClientActivationRequest/SMS-Protection/SA-Identifier/@type"
    ],
    [
      { ...activation, smsProtection: { ...activation.smsProtection, key: Redacted.make(new Uint8Array(32)) } },
      "ClientActivationRequest/SMS-Protection"
    ],
    [{ ...dcdMessages.at(-1), contentPackage: [] }, "ContentUpdatePush/Content-Package"],
    [{ ...dcdMessages.at(-1), contentPackage: [1] }, "ContentUpdatePush/Content-Package[1]"],
    [{ ...dcdMessages.at(-1), confirmationRequired: "true" }, "ContentUpdatePush/Confirmation-Required"]
  ]
  it.each(bad)("%j", (value, path) => {
    const failure = failed(Xml.encode(dcd, value as typeof activation))
    assert.strictEqual(failure._tag === "Unencodable" ? failure.path : failure.message, path)
  })
})
