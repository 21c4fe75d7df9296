import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted, Result } from "effect"
import {
  Chal,
  Cred,
  DmAuthType,
  Element,
  Item,
  type Malformed,
  NextNonce,
  SyncMl,
  SyncMlCodec,
  Wbxml,
  Xml
} from "../src/index.ts"
import { captures, commands, document, failed, got, header, hex, same, wbxmlVectors, wire, xml } from "./codec.ts"
import { vectors } from "./crypto.ts"

const ns = 'xmlns="syncml:metinf"'
const md5Cred = `<Cred><Meta><Format ${ns}>b64</Format><Type ${ns}>syncml:auth-md5</Type></Meta><Data>Zz6EivR3yeaaENcRN6lpAQ==</Data></Cred>`
const md5Chal = `<Chal><Meta><Type ${ns}>syncml:auth-md5</Type><Format ${ns}>b64</Format><NextNonce ${ns}>Tm9uY2U=</NextNonce></Meta></Chal>`
const status = (inside: string) =>
  `<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>${inside}<Data>401</Data></Status>`

const only = (body: string): SyncMl.Command => {
  const all = commands(body)
  assert.strictEqual(all.length, 1)
  return all[0]!
}
const statusOf = (body: string): SyncMl.Status => {
  const command = only(body)
  if (command._tag !== "Status") assert.fail(command._tag)
  return command
}
const chalOf = (chal: string): Chal.Chal => statusOf(status(chal)).chal!
const credOf = (cred: string): Cred.Cred => xml(document("<Final/>", cred)).hdr.cred!
const refused = (text: string): Malformed => {
  const failure = failed(Xml.decode(Bytes.utf8(text)))
  if (failure._tag !== "Malformed") assert.fail(failure._tag)
  return failure
}
const message = (hdr: Partial<SyncMl.SyncHdr>, ...list: ReadonlyArray<SyncMl.Command>): SyncMl.SyncMl => ({
  hdr: {
    verDtd: "1.2",
    verProto: "DM/1.2",
    sessionId: "1",
    msgId: "1",
    target: { locUri: "http://dm.example.net/" },
    source: { locUri: "IMEI:1" },
    ...hdr
  },
  body: { commands: list, final: true }
})
const xmlOf = (m: SyncMl.SyncMl): string => Bytes.utf8Decode(got(Xml.encode(m)))!
const chalStatus = (chal: Chal.Chal): SyncMl.Status => ({
  _tag: "Status",
  cmdId: "1",
  msgRef: "1",
  cmdRef: "0",
  cmd: "SyncHdr",
  chal,
  data: "401"
})

describe("Chal", () => {
  it("[DM-CHAL-001] stands in Status alone", () => {
    assert.strictEqual(chalOf(md5Chal).type, "syncml:auth-md5")
    for (const elsewhere of [
      `<Alert><CmdID>7</CmdID>${md5Chal}<Data>1201</Data></Alert>`,
      `<Get><CmdID>7</CmdID>${md5Chal}<Item/></Get>`,
      `<Get><CmdID>7</CmdID><Meta>${md5Chal}</Meta><Item/></Get>`,
      `<Results><CmdID>7</CmdID><CmdRef>1</CmdRef><Item>${md5Chal}</Item></Results>`
    ]) {
      const command = only(elsewhere)
      assert.isTrue(command._tag === "Invalid" && command.reason === "misplaced element" && command.cmdId === "7")
    }
    assert.strictEqual(refused(document("<Final/>", md5Chal)).reason, "misplaced element")
    assert.strictEqual(refused(document(md5Chal)).reason, "misplaced element")
  })

  it("[DM-CHAL-001] holds Meta alone, once, and has no attributes", () => {
    const reasons: ReadonlyArray<readonly [string, string]> = [
      ["<Chal/>", "missing element"],
      ["<Chal>text</Chal>", "value"],
      [md5Chal.replace("</Chal>", "<Data>x</Data></Chal>"), "misplaced element"],
      [md5Chal.replace("<Chal>", '<Chal level="1">'), "attribute"],
      [md5Chal + md5Chal, "repeated element"],
      ["<Chal><Meta/><Meta/></Chal>", "repeated element"]
    ]
    for (const [chal, reason] of reasons) {
      const command = only(status(chal))
      assert.isTrue(command._tag === "Invalid" && command.cmd === "Status" && command.cmdId === "1", chal)
      if (command._tag === "Invalid") assert.strictEqual(command.reason, reason, chal)
    }
    const octets = got(Wbxml.encode(message({}, chalStatus(Chal.make("syncml:auth-basic")))))
    const at = octets.indexOf(0x49, 90)
    assert.isAbove(at, 0)
    const attributed = Uint8Array.of(...octets.subarray(0, at), 0xc9, 0x01, ...octets.subarray(at + 1))
    const [command] = got(Wbxml.decode(attributed)).body.commands
    assert.isTrue(command?._tag === "Invalid" && command.reason === "attribute")
  })

  it("[DM-CHAL-001] gives Type and Format when sent", () => {
    for (const type of DmAuthType.dmAuthTypes) {
      const text = xmlOf(message({}, chalStatus(Chal.make(type, Bytes.utf8("Nonce")))))
      assert.include(
        text,
        `<Chal><Meta><Format ${ns}>b64</Format><Type ${ns}>${type}</Type><NextNonce ${ns}>Tm9uY2U=</NextNonce></Meta></Chal>`
      )
    }
  })

  it("[DM-CHAL-002] is basic where no Type is given; md5 and sha256 are written out", () => {
    assert.strictEqual(chalOf("<Chal><Meta/></Chal>").type, "syncml:auth-basic")
    assert.strictEqual(chalOf(`<Chal><Meta><Format ${ns}>b64</Format></Meta></Chal>`).type, "syncml:auth-basic")
    for (const type of ["syncml:auth-md5", "syncml:auth-sha256"] as const) {
      const encoded = message({}, chalStatus(Chal.make(type)))
      assert.include(xmlOf(encoded), `>${type}</Type>`)
      assert.include(Bytes.toHex(got(Wbxml.encode(encoded))), Bytes.toHex(Bytes.utf8(type)))
    }
  })

  it("[DM-CHAL-004] has Format b64 with NextNonce, octets or not", () => {
    const raw: Chal.Chal = { type: "syncml:auth-md5", format: "bin", nextNonce: hex("00ff3a41") }
    assert.include(xmlOf(message({}, chalStatus(raw))), `<Format ${ns}>b64</Format>`)
    assert.include(xmlOf(message({}, chalStatus(raw))), `<NextNonce ${ns}>AP86QQ==</NextNonce>`)
    assert.strictEqual(Chal.make("syncml:auth-MAC", hex("00")).format, "b64")
    assert.strictEqual(Chal.nonce({ type: "syncml:auth-md5", format: "chr", nextNonce: "Tm9uY2U=" }), undefined)
  })

  it("keeps the other children of Meta", () => {
    const chal = chalOf(`<Chal><Meta><Version ${ns}>7</Version><v:Realm xmlns:v="urn:v">r</v:Realm></Meta></Chal>`)
    same(chal.meta, { version: "7", extensions: [{ name: "Realm", namespace: "urn:v", content: ["r"] }] })
    same(
      chalOf(
        `<Chal>${xmlOf(message({}, chalStatus(chal)))
          .split("<Chal>")[1]!
          .split("</Chal>")[0]!}</Chal>`
      ),
      chal
    )
  })

  it("reads the example of the request: Status without CmdID and CmdRef", () => {
    const command = statusOf(
      `<Status><MsgRef>1</MsgRef><Cmd>SyncHdr</Cmd><TargetRef>http://www.syncml.org/mgmt-server</TargetRef>` +
        `<SourceRef>IMEI:493005100592800</SourceRef><Chal><Meta><Type ${ns}>syncml:auth-basic</Type>` +
        `<Format ${ns}>b64</Format></Meta></Chal><Data>407</Data></Status>`
    )
    assert.strictEqual(command.cmdId, "")
    assert.isTrue(SyncMl.isHeaderStatus(command))
    assert.strictEqual(SyncMl.statusCode(command), 407)
    assert.include(failed(Xml.encode(message({}, command))).message, "CmdID")
    assert.include(failed(Wbxml.encode(message({}, command))).message, "CmdID")
  })
})

describe("NextNonce", () => {
  for (const { name, input, output } of vectors<{ nonceHex: string }, { nextNonce: string }>("nonce-encoding.json")) {
    it(name, () => {
      assert.strictEqual(NextNonce.encode(hex(input.nonceHex)), output.nextNonce)
      const sent = message({}, chalStatus(Chal.make("syncml:auth-md5", hex(input.nonceHex))))
      for (const representation of ["xml", "wbxml"] as const) {
        const octets = got(SyncMlCodec.encode(representation, sent))
        const [command] = got(SyncMlCodec.decode(representation, octets)).message.body.commands
        assert.isTrue(command?._tag === "Status")
        if (command?._tag === "Status") assert.strictEqual(Bytes.toHex(Chal.nonce(command.chal!)!), input.nonceHex)
      }
    })
  }

  it("is any octets: NUL, colon, line ends, invalid UTF-8; of any length, whatever padding that takes", () => {
    for (const nonce of ["00", "41420043", "3a3a3a00", "0d0a", "c3a40080", "fffefd", "00".repeat(17), "3d3d3d"]) {
      const chal = Chal.make("syncml:auth-md5", hex(nonce))
      assert.strictEqual(Bytes.toHex(Chal.nonce(chal)!), nonce)
    }
  })

  it("is decoded once, also where it looks like base64 again", () => {
    const chal = chalOf(md5Chal.replace("Tm9uY2U=", Bytes.toBase64(Bytes.utf8("Tm9uY2U="))))
    assert.strictEqual(Bytes.utf8Decode(Chal.nonce(chal)!), "Tm9uY2U=")
  })

  it("is read with white space in it and without its padding", () => {
    for (const text of ["\n  Tm9u\r\n  Y2U=\n", "Tm9uY2U"]) {
      assert.strictEqual(Bytes.utf8Decode(Chal.nonce(chalOf(md5Chal.replace("Tm9uY2U=", text)))!), "Nonce")
    }
  })

  it("is not there, or empty, or not base64: three things", () => {
    assert.strictEqual(Chal.nonce(chalOf("<Chal><Meta/></Chal>")), undefined)
    assert.strictEqual(Chal.nonce(chalOf(md5Chal.replace("Tm9uY2U=", "")))?.length, 0)
    assert.strictEqual(Chal.nonce(chalOf(md5Chal.replace("Tm9uY2U=", "N*nce"))), undefined)
  })

  it("may be raw octets in WBXML, under Format bin or none", () => {
    const nonce = hex("00ff3a41c38a0d0a80fe7f1020304000")
    for (const format of ["bin", ""]) {
      const chal: Chal.Chal = { type: "syncml:auth-md5", format: "bin", nextNonce: nonce }
      let octets = got(Wbxml.encode(message({}, chalStatus(chal))))
      if (format === "") {
        const text = Bytes.toHex(octets).replace("470362696e0001", "")
        assert.isBelow(text.length, octets.length * 2)
        octets = hex(text)
      }
      const [command] = got(Wbxml.decode(octets)).body.commands
      assert.isTrue(command?._tag === "Status")
      if (command?._tag === "Status") same(Chal.nonce(command.chal!), nonce)
    }
  })
})

describe("Cred", () => {
  it("[DM-CRED-001] is Meta and Data, without attributes, once", () => {
    const cred = credOf(md5Cred)
    assert.strictEqual(cred.type, "syncml:auth-md5")
    assert.strictEqual(cred.format, "b64")
    assert.strictEqual(Bytes.toBase64(Cred.octets(cred)!), "Zz6EivR3yeaaENcRN6lpAQ==")
    const reasons: ReadonlyArray<readonly [string, string]> = [
      ["<Cred/>", "missing element"],
      ["<Cred><Meta/></Cred>", "missing element"],
      [md5Cred.replace("<Cred>", '<Cred level="1">'), "attribute"],
      [md5Cred.replace("</Cred>", "<Data>x</Data></Cred>"), "repeated element"],
      [md5Cred.replace("</Cred>", "<LocURI>x</LocURI></Cred>"), "misplaced element"],
      [md5Cred + md5Cred, "repeated element"]
    ]
    for (const [text, reason] of reasons) {
      const malformed = refused(document("<Final/>", text))
      assert.strictEqual(malformed.reason, reason, text)
      assert.include(malformed.path, "SyncML/SyncHdr")
      assert.strictEqual(malformed.hdr?.msgId, "2", "the header can be answered")
      assert.notProperty(malformed.hdr, "cred")
    }
  })

  it("[DM-CRED-001] is read wherever the grammar allows it, and nowhere else", () => {
    const items = "<Item><Target><LocURI>./a</LocURI></Target></Item>"
    const loc = (name: string) => `<${name}><LocURI>./a</LocURI></${name}>`
    const bodies: Record<string, string> = {
      Add: items,
      Alert: "<Data>1226</Data>",
      Copy: items,
      Delete: items,
      Exec: items,
      Get: items,
      Put: items,
      Map: `${loc("Target")}${loc("Source")}<MapItem>${loc("Target")}${loc("Source")}</MapItem>`,
      Move: items,
      Replace: items,
      Search: `${loc("Source")}<Meta/><Data/>`,
      Status: "<MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>200</Data>",
      Sync: ""
    }
    for (const [name, rest] of Object.entries(bodies)) {
      const command = only(`<${name}><CmdID>1</CmdID>${md5Cred}${rest}</${name}>`)
      assert.strictEqual(command._tag, name)
      assert.isTrue("cred" in command && command.cred?.type === "syncml:auth-md5", name)
    }
    for (const [name, rest] of [
      ["Results", `<CmdRef>1</CmdRef>${items}`],
      ["Atomic", ""],
      ["Sequence", ""]
    ]) {
      const command = only(`<${name}><CmdID>1</CmdID>${md5Cred}${rest}</${name}>`)
      assert.isTrue(command._tag === "Invalid" && command.reason === "misplaced element", name)
    }
  })

  it("[DM-CRED-003] is basic where no Type is given; md5 and sha256 are written out", () => {
    assert.strictEqual(credOf("<Cred><Data>QnJ1Y2UyOk9oQmVoYXZl</Data></Cred>").type, "syncml:auth-basic")
    assert.strictEqual(credOf("<Cred><Meta/><Data>QnJ1Y2UyOk9oQmVoYXZl</Data></Cred>").type, "syncml:auth-basic")
    for (const type of ["syncml:auth-md5", "syncml:auth-sha256"] as const) {
      const sent = message({ cred: Cred.make(type, new Uint8Array(16)) })
      assert.include(xmlOf(sent), `<Type ${ns}>${type}</Type>`)
      assert.include(Bytes.toHex(got(Wbxml.encode(sent))), Bytes.toHex(Bytes.utf8(type)))
    }
  })

  it("[DM-CRED-004] has Format b64 in XML, and basic is encoded once", () => {
    const cred = Cred.make("syncml:auth-basic", Bytes.utf8("Bruce2:OhBehave"))
    const text = xmlOf(message({ cred }))
    assert.include(text, `<Format ${ns}>b64</Format>`)
    assert.include(text, "<Data>QnJ1Y2UyOk9oQmVoYXZl</Data>")
    assert.strictEqual(Bytes.utf8Decode(Cred.octets(xml(text).hdr.cred!)!), "Bruce2:OhBehave")
    const twice = credOf("<Cred><Data>UW5KMVkyVXlPazlvUW1Wb1lYWmw=</Data></Cred>")
    assert.strictEqual(Bytes.utf8Decode(Cred.octets(twice)!), "QnJ1Y2UyOk9oQmVoYXZl", "decoded once, no user in it")
    const raw: Cred.Cred = { type: "syncml:auth-md5", format: "bin", data: Redacted.make(hex("00".repeat(16))) }
    assert.include(xmlOf(message({ cred: raw })), `<Format ${ns}>b64</Format>`)
    assert.include(xmlOf(message({ cred: raw })), "<Data>AAAAAAAAAAAAAAAAAAAAAA==</Data>")
  })

  it("[DM-CRED-004] under another Format in XML, or not base64, has no octets", () => {
    for (const format of ["chr", "bin", "xml"]) {
      assert.strictEqual(Cred.octets(credOf(md5Cred.replace("b64", format))), undefined)
    }
    assert.strictEqual(Cred.octets(credOf(md5Cred.replace("Zz6E", "Z*6E"))), undefined)
    assert.strictEqual(Cred.octets(credOf(md5Cred.replace("b64", " B64\n")))?.length, 16)
  })

  it("may be raw octets in WBXML: 16 or 32 under Format bin or none, base64 characters under b64", () => {
    const digest = hex("673e848af477c9e69a10d71137a96901")
    const of = (format: string, data: string | Uint8Array) => {
      const cred: Cred.Cred = { type: "syncml:auth-md5", format, data: Redacted.make(data) }
      return got(Wbxml.decode(got(Wbxml.encode(message({ cred }))))).hdr.cred!
    }
    same(Cred.octets(of("bin", digest)), digest)
    same(Cred.octets(of("b64", "Zz6EivR3yeaaENcRN6lpAQ==")), digest)
    same(Cred.octets(of("b64", Bytes.utf8("Zz6EivR3yeaaENcRN6lpAQ=="))), digest)
    const withFormat = got(
      Wbxml.encode(message({ cred: { type: "syncml:auth-md5", format: "bin", data: Redacted.make(digest) } }))
    )
    const without = Bytes.toHex(withFormat).replace("470362696e0001", "")
    const cred = got(Wbxml.decode(hex(without))).hdr.cred!
    assert.strictEqual(cred.format, "bin")
    same(Cred.octets(cred), digest)
  })

  it("does not show in print", () => {
    const cred = Cred.make("syncml:auth-basic", Bytes.utf8("Bruce2:OhBehave"))
    for (const printed of [
      JSON.stringify(cred),
      String(cred.data),
      JSON.stringify(refused(document("<Final/>", md5Cred + md5Cred)))
    ]) {
      assert.notInclude(printed, "QnJ1Y2Uy")
      assert.notInclude(printed, "Zz6Eiv")
    }
  })
})

describe("the name of a type", () => {
  it("is matched in any letter case and sent in one", () => {
    for (const [spelled, type] of [
      ["syncml:auth-MD5", "syncml:auth-md5"],
      ["syncml:auth-SHA256", "syncml:auth-sha256"],
      ["SyncML:Auth-Sha256", "syncml:auth-sha256"],
      ["syncml:auth-mac", "syncml:auth-MAC"],
      ["\n syncml:auth-basic ", "syncml:auth-basic"]
    ] as const) {
      assert.strictEqual(chalOf(md5Chal.replace("syncml:auth-md5", spelled)).type, type)
      assert.strictEqual(credOf(md5Cred.replace("syncml:auth-md5", spelled)).type, type)
    }
  })

  it("is kept where it is foreign, the misspelling of the request among them", () => {
    for (const type of ["syncml:auth-X509", "syncml:auth-securid", "syncmd:auth-sha256", "vendor:secret"]) {
      assert.strictEqual(chalOf(md5Chal.replace("syncml:auth-md5", type)).type, type)
      assert.isFalse(DmAuthType.isDmAuthType(type))
    }
  })
})

describe("what is tolerated on input", () => {
  const reference = xml(document(status(md5Chal), md5Cred))

  it("namespaces missing, in lower case, or on Meta", () => {
    same(xml(document(status(md5Chal), md5Cred).replaceAll(/ xmlns="[^"]*"/g, "")), reference)
    same(xml(document(status(md5Chal), md5Cred).replace("SYNCML:SYNCML1.2", "syncml:syncml1.2")), reference)
    same(xml(document(status(md5Chal), md5Cred).replaceAll("syncml:metinf", "SYNCML:METINF")), reference)
    const onMeta = document(status(md5Chal), md5Cred).replaceAll(` ${ns}`, "").replaceAll("<Meta>", `<Meta ${ns}>`)
    same(xml(onMeta), reference)
  })

  it("prefixes", () => {
    const prefixed = document(status(md5Chal), md5Cred)
      .replaceAll(` ${ns}`, "")
      .replaceAll(/<(\/?)(Type|Format|NextNonce)>/g, "<$1ns2:$2>")
      .replace("<SyncML ", '<SyncML xmlns:ns2="syncml:metinf" ')
    same(xml(prefixed), reference)
    const all = prefixed.replaceAll(/<(\/?)([A-Z])/g, "<$1s:$2").replace("xmlns=", "xmlns:s=")
    same(xml(all), reference)
    assert.strictEqual(refused(prefixed.replace("xmlns:ns2", "xmlns:ns3")).reason, "syntax")
  })

  it("any order of the children of Meta, and MetInf around them", () => {
    const meta = (inside: string) => credOf(`<Cred><Meta>${inside}</Meta><Data>AA==</Data></Cred>`)
    const type = `<Type ${ns}>syncml:auth-md5</Type>`
    const format = `<Format ${ns}>b64</Format>`
    same(meta(type + format), meta(format + type))
    same(meta(`<MetInf ${ns}><Type>syncml:auth-md5</Type><Format>b64</Format></MetInf>`), meta(type + format))
  })

  it("comments, CDATA, white space between elements, a byte order mark, an XML declaration", () => {
    const spaced = document(status(md5Chal), md5Cred)
      .replaceAll(/></g, ">\r\n  <!-- c --><")
      .replace("Tm9uY2U=", "<![CDATA[Tm9u]]>Y2<!-- x -->U=")
    same(xml(`\ufeff<?xml version="1.0" encoding="UTF-8"?>\n${spaced}`), reference)
  })

  it("text outside ASCII in the declared character set", () => {
    const text = `<?xml version="1.0" encoding="ISO-8859-1"?>${document("<Final/>", "<RespURI>\u00e4\u0080</RespURI>")}`
    const latin1 = Uint8Array.from(text, (character) => character.charCodeAt(0))
    assert.strictEqual(got(Xml.decode(latin1)).hdr.respUri, "\u00e4\u0080")
    const ascii = text.replace("ISO-8859-1", "us-ascii")
    assert.strictEqual(failed(Xml.decode(Uint8Array.from(ascii, (c) => c.charCodeAt(0))))._tag, "Malformed")
    assert.strictEqual(failed(Xml.decode(Bytes.utf8(text.replace("ISO-8859-1", "UTF-16"))))._tag, "Malformed")
    const bare = Uint8Array.from(document("<Final/>", "<RespURI>\u00e4</RespURI>"), (c) => c.charCodeAt(0))
    assert.strictEqual(failed(Xml.decode(bare))._tag, "Malformed")
    const type = SyncMlCodec.mediaType('application/vnd.syncml.dm+xml; charset="ISO-8859-1"')!
    assert.strictEqual(got(SyncMlCodec.decode(type, bare)).message.hdr.respUri, "\u00e4")
  })

  it("a header without LocName, a Status with Data 0, an unusual SessionID", () => {
    const command = statusOf(status("").replace("401", "0"))
    assert.strictEqual(command.data, "0")
    assert.strictEqual(SyncMl.statusCode(command), undefined)
    assert.strictEqual(xml(document("<Final/>")).hdr.source.locName, undefined)
    assert.strictEqual(xml(document("<Final/>").replace("<SessionID>1<", "<SessionID> 1FA0 <")).hdr.sessionId, "1FA0")
  })
})

describe("faults", () => {
  const get = "<Get><CmdID>2</CmdID><Item><Target><LocURI>./a</LocURI></Target></Item></Get>"

  it("in a command cost that command, which can be answered", () => {
    const cases: ReadonlyArray<readonly [string, string, string, string]> = [
      ["<Get><CmdID>7</CmdID></Get>", "Get", "7", "missing element"],
      ["<Get><Item/></Get>", "Get", "", "missing element"],
      ["<Get><CmdID>7</CmdID><CmdID>8</CmdID><Item/></Get>", "Get", "7", "repeated element"],
      ["<Get><CmdID>7</CmdID><Item><Target><LocName>x</LocName></Target></Item></Get>", "Get", "7", "missing element"],
      ["<Get><CmdID>7</CmdID><Item><Vendor>x</Vendor></Item></Get>", "Get", "7", "unknown element"],
      [
        "<Get><CmdID>7</CmdID><Item><Target><LocURI><a/></LocURI></Target></Item></Get>",
        "Get",
        "7",
        "misplaced element"
      ],
      ["<Get><CmdID>7</CmdID>text<Item/></Get>", "Get", "7", "value"],
      ["<Get><CmdID>7</CmdID><Meta><Size>many</Size></Meta><Item/></Get>", "Get", "7", "value"],
      ["<Get><CmdID>7</CmdID><Item><Data>x<a/></Data></Item></Get>", "Get", "7", "value"],
      ["<Get><CmdID>7</CmdID><NoResp>x</NoResp><Item/></Get>", "Get", "7", "value"],
      ["<Vendor><CmdID>7</CmdID><Item><Data>x</Data></Item></Vendor>", "Vendor", "7", "unknown element"],
      ["<v:Get xmlns:v='urn:v'><v:CmdID>7</v:CmdID></v:Get>", "Get", "", "misplaced element"],
      [
        "<Get><CmdID>7</CmdID><Meta><MetInf><LocURI>x</LocURI></MetInf></Meta><Item/></Get>",
        "Get",
        "7",
        "misplaced element"
      ],
      ["<Get><CmdID>7</CmdID><Meta><MetInf><MetInf/></MetInf></Meta><Item/></Get>", "Get", "7", "misplaced element"],
      ["<Exec><CmdID>7</CmdID><Item/><Item/></Exec>", "Exec", "7", "repeated element"],
      [
        "<Status><CmdID>7</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd></Status>",
        "Status",
        "7",
        "missing element"
      ]
    ]
    for (const [text, cmd, cmdId, reason] of cases) {
      const [first, second] = commands(text + get)
      assert.strictEqual(second?._tag, "Get", text)
      assert.isTrue(first?._tag === "Invalid", text)
      if (first?._tag !== "Invalid") continue
      assert.deepStrictEqual([first.cmd, first.cmdId, first.reason], [cmd, cmdId, reason], text)
      assert.isTrue(first.path.startsWith("SyncML/SyncBody/"), first.path)
      assert.isTrue(
        Result.isFailure(Xml.encode(message({}, first))) && Result.isFailure(Wbxml.encode(message({}, first)))
      )
    }
  })

  it("in a command inside another cost the inner one", () => {
    const [atomic] = commands(
      `<Atomic><CmdID>1</CmdID><Add><CmdID>2</CmdID></Add><Put><CmdID>3</CmdID></Put>${get}</Atomic>`
    )
    assert.strictEqual(atomic?._tag, "Atomic")
    if (atomic?._tag !== "Atomic") return
    assert.deepStrictEqual(
      atomic.commands.map((c) => [c._tag, c.cmdId, c._tag === "Invalid" ? c.reason : ""]),
      [
        ["Invalid", "2", "missing element"],
        ["Invalid", "3", "misplaced element"],
        ["Get", "2", ""]
      ]
    )
  })

  it("in or around the header end the reading; what was read of it can be answered if it is whole", () => {
    const cases: ReadonlyArray<readonly [string, string, boolean]> = [
      [document(get).replace("<MsgID>2</MsgID>", ""), "missing element", false],
      [document(get).replace("<MsgID>2</MsgID>", "<MsgID/>"), "value", false],
      [document(get, "<Meta><MaxMsgSize>x</MaxMsgSize></Meta>"), "value", true],
      [document(get, "<Vendor/>"), "unknown element", true],
      [document(get, "<RespURI>a</RespURI><RespURI>b</RespURI>"), "repeated element", true],
      [document("text"), "value", true],
      [document("<Final/><Final/>"), "repeated element", true],
      [document("<LocURI>x</LocURI>"), "misplaced element", true],
      [`${document(get)}<SyncML/>`, "syntax", true],
      [document(get).replace("</SyncML>", ""), "syntax", true],
      [`<SyncML><SyncHdr>${header}</SyncHdr></SyncML>`, "missing element", true],
      [`<SyncML><SyncBody>${get}</SyncBody><SyncHdr>${header}</SyncHdr></SyncML>`, "missing element", false],
      [`<SyncML><SyncHdr>${header}</SyncHdr><SyncHdr>${header}</SyncHdr></SyncML>`, "repeated element", true],
      ["<DevInf/>", "unknown element", false],
      ["", "syntax", false],
      ["not XML", "syntax", false]
    ]
    for (const [text, reason, answerable] of cases) {
      const malformed = refused(text)
      assert.strictEqual(malformed.reason, reason, text)
      assert.strictEqual(malformed.hdr !== undefined, answerable, text)
      assert.isAbove(malformed.message.length, 20)
    }
  })

  it("of a literal are found when it is sent", () => {
    const get = (uri: string, cmdId = "1"): SyncMl.Get => ({ _tag: "Get", cmdId, items: [{ target: { locUri: uri } }] })
    for (const text of ["a\u0000b", "\ud800"]) {
      assert.include(failed(Xml.encode(message({}, get(text)))).path, "Get 1/Item/Target/LocURI")
      assert.strictEqual(failed(Wbxml.encode(message({}, get(text))))._tag, "Unencodable")
    }
    assert.strictEqual(failed(Xml.encode(message({}, get("a", ""))))._tag, "Unencodable")
    assert.strictEqual(failed(Xml.encode(message({ meta: { maxMsgSize: 1.5 } })))._tag, "Unencodable")
    const named = (name: string) => message({ meta: { extensions: [{ name, namespace: "urn:v", content: [] }] } })
    for (const name of ["", "a b", "a><b", "1", "a:b"])
      assert.strictEqual(failed(Wbxml.encode(named(name)))._tag, "Unencodable")
    for (const name of ["", "a b", "a><b", "1", "a:b"])
      assert.strictEqual(failed(Xml.encode(named(name)))._tag, "Unencodable")
  })
})

describe("items", () => {
  const replace = (item: Item.Item): SyncMl.SyncMl => message({}, { _tag: "Replace", cmdId: "1", items: [item] })
  const firstItem = (m: SyncMl.SyncMl): Item.Item => {
    const [command] = m.body.commands
    return command?._tag === "Replace" ? command.items[0]! : assert.fail("no Replace")
  }

  it("OPAQUE text is text, unless its Format is bin", () => {
    const octets = Bytes.utf8("IMEI:1")
    const through = (format: string) =>
      firstItem(got(Wbxml.decode(got(Wbxml.encode(replace({ meta: { format }, data: octets }))))))
    assert.strictEqual(through("chr").data, "IMEI:1")
    same(through("bin").data, octets)
    same(Item.octets(through("bin")), octets)
  })

  it("octets go out as base64 in XML and as they are in WBXML", () => {
    const octets = hex("00ff80c0")
    const item = firstItem(xml(xmlOf(replace({ meta: { format: "bin", type: "a/b" }, data: octets }))))
    assert.deepStrictEqual(item, { meta: { format: "b64", type: "a/b" }, data: "AP+AwA==" })
    same(Item.octets(item), octets)
    same(firstItem(got(Wbxml.decode(got(Wbxml.encode(replace({ data: octets })))))).data, octets)
  })

  it("the Format of the command speaks for items without one", () => {
    assert.strictEqual(Bytes.utf8Decode(Item.octets({ data: "Tm9uY2U=" }, { format: "b64" })!), "Nonce")
    assert.strictEqual(
      Bytes.utf8Decode(Item.octets({ data: "Tm9uY2U=", meta: { format: "chr" } }, { format: "b64" })!),
      "Tm9uY2U="
    )
    assert.strictEqual(Item.octets({ data: "*", meta: { format: "b64" } }), undefined)
    assert.strictEqual(Item.octets({}), undefined)
  })

  it("a filter holds items", () => {
    const target = `<Target><LocURI>./a</LocURI><Filter><Meta><Type ${ns}>t</Type></Meta><Field><Item><Data>f</Data></Item></Field><Record><Item><Data>r</Data></Item></Record><FilterType>EXCLUSIVE</FilterType></Filter></Target>`
    const [get] = commands(`<Get><CmdID>1</CmdID><Item>${target}</Item></Get>`)
    const filter = { meta: { type: "t" }, field: { data: "f" }, record: { data: "r" }, filterType: "EXCLUSIVE" }
    assert.deepStrictEqual(get, { _tag: "Get", cmdId: "1", items: [{ target: { locUri: "./a", filter } }] })
    const sent = message({}, get!)
    same(xml(xmlOf(sent)), sent)
    same(got(Wbxml.decode(got(Wbxml.encode(sent)))), sent)
  })

  it("a DevInf document is a document of its own in WBXML, by the version it names", () => {
    for (const [version, publicId, size] of [
      ["1.0", "9f52", "Size"],
      ["1.1", "9f54", "Size"],
      ["1.2", "a403", "MaxSize"]
    ] as const) {
      const of = (name: string, ...content: Element.Element["content"]) => ({
        name,
        namespace: "syncml:devinf",
        content
      })
      const devInf = of(
        "DevInf",
        of("VerDTD", version),
        of("CTCap", of(size, "9")),
        of("Vendor", hex("00ff")),
        of("UTC")
      )
      const sent = replace({ data: [devInf] })
      const octets = got(Wbxml.encode(sent))
      assert.include(Bytes.toHex(octets), `02${publicId}6a`)
      same(got(Wbxml.decode(octets)), sent)
      assert.strictEqual(Element.text(Element.child(devInf, "VerDTD")!), version)
      const text = xmlOf(replace({ data: [of("DevInf", of("VerDTD", version), of("UTC"))] }))
      assert.include(text, `<Data><DevInf xmlns="syncml:devinf"><VerDTD>${version}</VerDTD><UTC></UTC></DevInf></Data>`)
      same(xml(text), replace({ data: [of("DevInf", of("VerDTD", version), of("UTC"))] }))
    }
    assert.strictEqual(Element.child({ name: "a", namespace: "", content: ["b", hex("00")] }, "c"), undefined)
  })

  it("extension elements survive, attributes and octets of WBXML included", () => {
    const vendor = {
      name: "Vendor",
      namespace: "urn:v",
      attributes: { id: "1", "xmlns:x": "urn:x", "x:y": '<&"\n' },
      content: ["a", { name: "Type", namespace: "syncml:metinf", content: ["t"] }, "b"]
    }
    const sent = replace({ meta: { extensions: [vendor] }, data: [vendor] })
    same(xml(xmlOf(sent)), sent)
    same(got(Wbxml.decode(got(Wbxml.encode(sent)))), sent)
    const binary = replace({ data: [{ name: "V", namespace: "urn:v", content: [hex("00ff")] }] })
    assert.include(xmlOf(binary), '<V xmlns="urn:v">AP8=</V>')
    same(got(Wbxml.decode(got(Wbxml.encode(binary)))), binary)
  })
})

describe("media types", () => {
  it("the two of DM and the two general ones, with parameters, in any letter case", () => {
    const cases: ReadonlyArray<readonly [string, SyncMlCodec.Representation | undefined]> = [
      ["application/vnd.syncml.dm+xml", "xml"],
      ["application/vnd.syncml.dm+wbxml", "wbxml"],
      ["Application/Vnd.SyncML+XML ; charset=utf-8", "xml"],
      ['application/vnd.syncml+wbxml; x=y; charset="UTF-8"', "wbxml"],
      ["application/vnd.syncml.dm+xml; charset=utf-16", undefined],
      ["text/xml", undefined],
      ["", undefined]
    ]
    for (const [text, representation] of cases) {
      assert.strictEqual(SyncMlCodec.mediaType(text)?.representation, representation, text)
    }
  })

  it("the octets of a message are kept as they came", () => {
    for (const { input } of captures.slice(0, 2)) {
      const { octets, isXml } = wire(input.messages[0]!)
      assert.strictEqual(got(SyncMlCodec.decode(isXml ? "xml" : "wbxml", octets)).octets, octets)
    }
    assert.isAbove(wbxmlVectors.length, 0)
  })
})
