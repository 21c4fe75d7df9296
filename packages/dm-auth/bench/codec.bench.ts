/**
 * The captured messages from octets to typed messages, against fast-xml-parser on the same XML; and credentials against the bare
 * hashes that they need.
 */
import { hash } from "node:crypto"
import { readFileSync } from "node:fs"
import { type Bench, type Comparison, work } from "@oma/bench"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import * as Result from "effect/Result"
import { XMLParser } from "fast-xml-parser"
import { CredDigest, type SyncMl, Wbxml, Xml } from "../src/index.ts"

interface Capture {
  readonly input: { readonly messages: ReadonlyArray<{ readonly xml?: string }> }
}
const captures: ReadonlyArray<Capture> = JSON.parse(
  readFileSync(new URL("../vectors/syncml-captures.json", import.meta.url), "utf8")
)

const xml = captures
  .flatMap(({ input }) => input.messages.flatMap(({ xml: text }) => (text === undefined ? [] : [Buffer.from(text)])))
  .filter((octets) => Result.isSuccess(Xml.decode(octets)))
const typed = xml.map((octets) => Result.getOrThrow(Xml.decode(octets)))
const wbxml = typed.map((message) => Result.getOrThrow(Wbxml.encode(message)))
const parser = new XMLParser({ processEntities: false, ignoreAttributes: false, parseTagValue: false })

const operations = xml.length
const foreign = work(
  () => {
    let elements = 0
    for (const octets of xml) elements += Object.keys(parser.parse(octets.toString("utf8"))).length
    return elements
  },
  { operations, millis: 400 }
)
const decoding = (
  decode: (octets: Uint8Array) => Result.Result<SyncMl.SyncMl, unknown>,
  all: ReadonlyArray<Uint8Array>
) =>
  work(
    () => {
      let commands = 0
      for (const octets of all) commands += Result.getOrThrow(decode(octets)).body.commands.length
      return commands
    },
    { operations, millis: 400 }
  )
const sameCommands = () => {
  for (const [i, message] of typed.entries()) {
    const other = Result.getOrThrow(Wbxml.decode(wbxml[i]!))
    if (
      JSON.stringify(other.body.commands.map(({ _tag }) => _tag)) !==
      JSON.stringify(message.body.commands.map(({ _tag }) => _tag))
    )
      throw new Error("the two representations differ")
    if (parser.parse(xml[i]!.toString("utf8")).SyncML === undefined) throw new Error("the baseline reads nothing")
  }
}

const sha256 = NodePrimitives.hash("sha256")
const md5 = NodePrimitives.hash("md5")
const nonces = Array.from({ length: 64 }, (_, i) =>
  Bytes.utf8(`nonce number ${i} of many`.slice(0, 24).padEnd(24, "x"))
)

const credential = (name: "md5" | "sha256"): Comparison => {
  const ours = name === "md5" ? md5 : sha256
  const key = CredDigest.storedKey(ours, "Bruce2", "OhBehave")
  const made = nonces.map((nonce) => CredDigest.digestFromKey(ours, key, nonce))
  const prefix = Buffer.from(`${key}:`)
  const buffer = Buffer.alloc(prefix.length + 24)
  prefix.copy(buffer)
  let i = 0
  const bare = (n: number) => {
    buffer.set(nonces[n & 63]!, prefix.length)
    return hash(name, buffer, "buffer")
  }
  return {
    goal: "digest",
    name: `verify a ${name} digest under a stored verifier, against the one bare hash that it needs`,
    atLeast: 0.5,
    ours: work(() => CredDigest.matchesAny(ours, key, made[++i & 63]!, [nonces[i & 63]!]), { millis: 300 }),
    baseline: work(() => bare(++i)[0], { millis: 300 }),
    check: () => {
      for (let n = 0; n < 64; n++) {
        if (!CredDigest.matchesAny(ours, key, made[n]!, [nonces[n]!]) || !bare(n).equals(made[n]!))
          throw new Error("wrong")
        if (CredDigest.matchesAny(ours, key, made[n]!, [nonces[(n + 1) & 63]!])) throw new Error("another nonce passes")
      }
    }
  }
}

const bench: Bench = [
  {
    goal: "P10",
    name: "decode the captured XML, against fast-xml-parser",
    atLeast: 3,
    ours: decoding((octets) => Xml.decode(octets), xml),
    baseline: foreign,
    check: sameCommands
  },
  {
    goal: "wbxml",
    name: "decode the same messages as WBXML, against fast-xml-parser on the XML",
    atLeast: 10,
    ours: decoding((octets) => Wbxml.decode(octets), wbxml),
    baseline: foreign,
    check: sameCommands
  },
  credential("md5"),
  credential("sha256")
]
export default bench
