/** Our documents read by libwbxml, and its documents read by us. */

import { assert, it } from "@effect/vitest"
import { describePeer, run } from "@oma/peers"
import { Bytes } from "@oma/sa-policy/bytes"
import * as fc from "fast-check"
import { Chal, Cred, type SyncMl, Wbxml, Xml } from "../src/index.ts"
import { captures, decode, got, open, same, wbxmlVectors, wire } from "./codec.ts"

const docType = '<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "http://www.openmobilealliance.org/x.dtd">'

/** libwbxml names the representation of device information after the one it writes. */
const sameBut = (actual: SyncMl.SyncMl, expected: SyncMl.SyncMl): void => {
  const unnamed = (message: SyncMl.SyncMl) =>
    JSON.parse(JSON.stringify(open(message)).replaceAll("devinf+wbxml", "devinf+xml"))
  same(unnamed(actual), unnamed(expected))
}

/** The XML that libwbxml makes of `octets`. */
const toXml = async (octets: Uint8Array): Promise<Uint8Array> => {
  const ran = await run("wbxml2xml", ["-m", "0", "-k", "-o", "-", "-"], { input: octets })
  assert.strictEqual(ran.code, 0, ran.stderr)
  return Bytes.utf8(ran.stdout.replace(/<!DOCTYPE[^>]*>/, ""))
}

/** The WBXML that libwbxml makes of `octets`, with or without a string table. */
const toWbxml = async (octets: Uint8Array, version: string, hasTable: boolean): Promise<Uint8Array> => {
  const text = Bytes.utf8Decode(octets)!.replace(/<\?xml[^>]*\?>/, "")
  const options = ["-k", ...(hasTable ? [] : ["-n"]), "-v", version, "-o", "-", "-"]
  const ran = await run("xml2wbxml", options, { input: `<?xml version="1.0" encoding="UTF-8"?>${docType}${text}` })
  assert.strictEqual(ran.code, 0, ran.stderr)
  return ran.stdoutBytes
}

const valid: ReadonlyArray<SyncMl.SyncMl> = [
  ...wbxmlVectors.map(({ input }) => got(Xml.decode(Bytes.utf8(input.xml)))),
  ...captures
    .flatMap(({ input }) => input.messages)
    .map((message) => wire(message))
    .filter(({ octets }) => octets.length < 1500)
    .slice(0, 12)
    .map(({ octets, isXml }) => got(decode(octets, isXml)))
].filter(({ hdr }) => hdr.verDtd === "1.2")

const text = fc.oneof(
  fc.stringMatching(/^[ -~]{1,20}$/).filter((t) => t.trim() === t),
  fc.constantFrom("a&b<c>", "\u00e4\u00f6\u20ac", "\u{1f600}", "x".repeat(200))
)
const octets = fc.uint8Array({ minLength: 1, maxLength: 40 })

/** Messages whose every element has content: libwbxml leaves out what is empty. */
const message: fc.Arbitrary<SyncMl.SyncMl> = fc
  .record({ uri: text, name: text, data: text, nonce: octets, secret: octets, size: fc.nat() })
  .map(({ uri, name, data, nonce, secret, size }) => ({
    hdr: {
      verDtd: "1.2",
      verProto: "DM/1.2",
      sessionId: "1",
      msgId: "1",
      target: { locUri: uri },
      source: { locUri: uri, locName: name },
      cred: Cred.make("syncml:auth-sha256", secret),
      meta: { maxMsgSize: size, maxObjSize: size }
    },
    body: {
      commands: [
        {
          _tag: "Status",
          cmdId: "1",
          msgRef: "1",
          cmdRef: "0",
          cmd: "SyncHdr",
          targetRefs: [uri],
          sourceRefs: [name],
          chal: Chal.make("syncml:auth-md5", nonce),
          data: "212"
        },
        {
          _tag: "Atomic",
          cmdId: "2",
          commands: [
            {
              _tag: "Replace",
              cmdId: "3",
              items: [{ target: { locUri: uri }, meta: { format: "chr", type: "text/plain" }, data }]
            },
            { _tag: "Exec", cmdId: "4", correlator: name, item: { target: { locUri: uri } } }
          ]
        },
        { _tag: "Get", cmdId: "5", items: [{ target: { locUri: uri } }, { target: { locUri: name } }] }
      ],
      final: true
    }
  }))

describePeer("libwbxml", ["wbxml2xml", "xml2wbxml"], () => {
  it("reads the WBXML that we write", async () => {
    for (const expected of [...valid, ...fc.sample(message, { numRuns: 12, seed: 2 })]) {
      sameBut(got(Xml.decode(await toXml(got(Wbxml.encode(expected))))), expected)
    }
  }, 60_000)

  it("writes WBXML that we read, with a string table and without one", async () => {
    for (const [i, expected] of [...valid, ...fc.sample(message, { numRuns: 12, seed: 3 })].entries()) {
      const version = ["1.1", "1.2", "1.3"][i % 3]!
      sameBut(got(Wbxml.decode(await toWbxml(got(Xml.encode(expected)), version, i % 2 === 0))), expected)
    }
  }, 60_000)
})
