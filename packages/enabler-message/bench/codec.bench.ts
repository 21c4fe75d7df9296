/** The documents of the tests from octets to typed messages, against fast-xml-parser that makes untyped objects of the same XML. */
import { type Bench, work } from "@oma/bench"
import * as Result from "effect/Result"
import { XMLParser } from "fast-xml-parser"
import { type Table, Wbxml, Xml } from "../src/index.ts"
import { dpeMessages } from "../test/corpus.ts"
import { dpe } from "../test/dpe.ts"

/** A registration with forty properties: about four kilobytes. */
const registration: Table.AnyOf<typeof dpe> = {
  _tag: "RegistrationRequest",
  messageId: "1",
  deviceId: "urn:x-oma-application:dpe:1:1",
  version: "1.0",
  property: Array.from({ length: 40 }, (_, i) => ({
    name: `property${i}`,
    type: "integer" as const,
    time: 1_767_225_600_000 + i,
    value: String(i)
  }))
}
const messages = [...dpeMessages, registration]
const xml = messages.map((message) => Result.getOrThrow(Xml.encode(dpe, message)))
const wbxml = messages.map((message) => Result.getOrThrow(Wbxml.encode(dpe, message)))
const parser = new XMLParser({ processEntities: false, ignoreAttributes: false, parseTagValue: false })
const operations = messages.length

const foreign = work(
  () => {
    let keys = 0
    for (const octets of xml) keys += Object.keys(parser.parse(Buffer.from(octets).toString("utf8"))).length
    return keys
  },
  { operations, millis: 400 }
)
const decoding = (decode: typeof Xml.decode, all: ReadonlyArray<Uint8Array>) =>
  work(
    () => {
      let letters = 0
      for (const octets of all) letters += Result.getOrThrow(decode(dpe, octets))._tag.length
      return letters
    },
    { operations, millis: 400 }
  )
const check = () => {
  for (const [i, message] of messages.entries()) {
    const other = Result.getOrThrow(Wbxml.decode(dpe, wbxml[i]!))
    if (JSON.stringify(other) !== JSON.stringify(Result.getOrThrow(Xml.decode(dpe, xml[i]!))))
      throw new Error("they differ")
    const root = parser.parse(Buffer.from(xml[i]!).toString("utf8"))["dpe-message"]
    if (root["Message-Type"] !== message._tag) throw new Error("the baseline reads nothing")
  }
}

const bench: Bench = [
  {
    goal: "message",
    name: "decode enabler messages in XML by their tables, against fast-xml-parser",
    atLeast: 1.5,
    ours: decoding(Xml.decode, xml),
    baseline: foreign,
    check
  },
  {
    goal: "message",
    name: "decode the same messages as WBXML, against fast-xml-parser on the XML",
    atLeast: 3,
    ours: decoding(Wbxml.decode, wbxml),
    baseline: foreign,
    check
  }
]
export default bench
