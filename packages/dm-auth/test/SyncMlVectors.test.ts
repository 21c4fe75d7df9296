import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted } from "effect"
import { Chal, Cred, SyncMl, SyncMlCodec, Wbxml, Xml } from "../src/index.ts"
import { captures, decode, got, hex, same, wbxmlVectors, wire, xml } from "./codec.ts"

describe("documents of libwbxml", () => {
  for (const { name, input, output } of wbxmlVectors) {
    it(name, () => {
      const message = xml(input.xml)
      const octets = hex(output.wbxmlHex)
      same(got(Wbxml.decode(octets)), message, "WBXML says what the XML says")
      same(xml(output.decodedXml.replace(/<!DOCTYPE[^>]*>/, "")), message, "and so does the XML made of it")
      same(got(Xml.decode(got(Xml.encode(message)))), message, "through our XML")
      same(got(Wbxml.decode(got(Wbxml.encode(message)))), message, "through our WBXML")
      assert.isFalse(message.body.commands.some(({ _tag }) => _tag === "Invalid"))
    })
  }
})

describe("captured conversations", () => {
  for (const { name, input, output } of captures) {
    it(name, () => {
      const messages = input.messages.map((message) => {
        const { octets, isXml } = wire(message)
        const received = got(SyncMlCodec.decode(isXml ? "xml" : "wbxml", octets))
        assert.strictEqual(received.octets, octets)
        for (const other of [true, false]) {
          const again = got((other ? Xml : Wbxml).encode(received.message))
          same(got(decode(again, other)), received.message, other ? "through XML" : "through WBXML")
        }
        assert.isFalse(received.message.body.commands.some(({ _tag }) => _tag === "Invalid"))
        return { ...message, ...received.message }
      })
      const clients = messages.filter(({ from }) => from === "client")
      const servers = messages.filter(({ from }) => from === "server")
      for (const expected of output.credentials ?? []) {
        const { hdr } = clients[expected.exchange]!
        assert.strictEqual(hdr.sessionId, expected.sessionId)
        assert.strictEqual(hdr.msgId, expected.msgId)
        assert.strictEqual(hdr.cred?.type, expected.credType)
        assert.strictEqual(Redacted.value(hdr.cred!.data), expected.credData)
        assert.strictEqual(Bytes.toBase64(Cred.octets(hdr.cred!)!), expected.credData)
        const status = servers[expected.exchange]?.body.commands[0]
        assert.isTrue(status?._tag === "Status" && SyncMl.isHeaderStatus(status))
        if (status?._tag !== "Status") return
        assert.strictEqual(SyncMl.statusCode(status), expected.replyStatus)
        const nonce = status.chal === undefined ? undefined : Chal.nonce(status.chal)
        assert.strictEqual(nonce === undefined ? null : Bytes.toHex(nonce), expected.replyNextNonceHex)
      }
    })
  }
})

it("device information of a WBXML message is read out of its own document", () => {
  const messages = captures.find(({ name }) => name === "syncml-captures/se-B-wbxml")!.input.messages
  const { body } = got(Wbxml.decode(wire(messages[0]!).octets))
  const put = body.commands.find(({ _tag }) => _tag === "Put")
  assert.isTrue(put?._tag === "Put")
  const data = put?._tag === "Put" ? put.items[0]!.data : undefined
  assert.isTrue(Array.isArray(data))
  if (!Array.isArray(data)) return
  const [devInf] = data
  assert.strictEqual(devInf.name, "DevInf")
  assert.strictEqual(devInf.namespace, "syncml:devinf")
  same(devInf.content.slice(0, 3), [
    { name: "VerDTD", namespace: "syncml:devinf", content: ["1.2"] },
    { name: "Man", namespace: "syncml:devinf", content: ["Patrick Ohly"] },
    { name: "Mod", namespace: "syncml:devinf", content: ["SyncEvolution"] }
  ])
})
