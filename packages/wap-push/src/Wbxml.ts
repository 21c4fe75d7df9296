/**
 * The part of WBXML that SI and SL need: one code page, tags and attributes by table, inline and table strings, opaque data.
 *
 * @spec WAP-192-WBXML 5
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { type Cursor, concat, cursor, latin1Decode, octet, take, utf8, utf8Decode } from "./Octets.ts"
import { readUintvar, uintvar } from "./WspValue.ts"
import type { XmlElement } from "./Xml.ts"

/** Tokens of a document type. An attribute start may carry the beginning of the value. */
export interface WbxmlTable {
  readonly publicId: number
  readonly tags: ReadonlyArray<readonly [token: number, name: string]>
  readonly attributes: ReadonlyArray<readonly [token: number, name: string, prefix: string]>
  readonly values: ReadonlyArray<readonly [token: number, text: string]>
  /** Attributes whose values are times in opaque data. */
  readonly times: ReadonlySet<string>
}

export interface WbxmlLimits {
  /** Octets of the document; 16,384. */
  readonly maxOctets: number
  /** Elements inside each other; 4. */
  readonly maxDepth: number
  /** Elements in all; 256. */
  readonly maxElements: number
  /** Attributes of one element; 16. */
  readonly maxAttributes: number
  /** Characters of all texts and values together, references to the string table counted each time; 65,536. */
  readonly maxText: number
}

export const defaultWbxmlLimits: WbxmlLimits = {
  maxOctets: 16_384,
  maxDepth: 4,
  maxElements: 256,
  maxAttributes: 16,
  maxText: 65_536
}

const clause = "WBXML 5"
const token = { end: 0x01, entity: 0x02, inlineString: 0x03, tableString: 0x83, opaque: 0xc3 } as const
const charsetUtf8 = 106
const charsets: ReadonlyMap<number, (octets: Uint8Array) => string | undefined> = new Map([
  [3, utf8Decode],
  [4, (octets: Uint8Array) => latin1Decode(octets)],
  [charsetUtf8, utf8Decode]
])

interface Reader {
  readonly c: Cursor
  readonly strings: Uint8Array
  readonly text: (octets: Uint8Array) => string | undefined
  readonly limits: WbxmlLimits
  elements: number
  characters: number
}

const terminated = (r: Reader, c: Cursor): string | undefined => {
  const nul = c.octets.indexOf(0, c.at)
  if (nul < 0 || nul >= c.end) return undefined
  const view = c.octets.subarray(c.at, nul)
  c.at = nul + 1
  return r.text(view)
}

/** Text or opaque data after its token, counted against the limit; `undefined` where it is none of these or too much. */
const readString = (r: Reader, found: number): string | Uint8Array | undefined => {
  let value: string | Uint8Array | undefined
  if (found === token.inlineString) value = terminated(r, r.c)
  else if (found === token.tableString) {
    const at = readUintvar(r.c)
    value = at === undefined || at >= r.strings.length ? undefined : terminated(r, cursor(r.strings, at))
  } else if (found === token.opaque) {
    const length = readUintvar(r.c)
    value = length === undefined ? undefined : take(r.c, length)
  } else if (found === token.entity) {
    const code = readUintvar(r.c)
    const scalar = code !== undefined && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    value = scalar ? String.fromCodePoint(code) : undefined
  }
  r.characters += value?.length ?? 0
  return r.characters > r.limits.maxText ? undefined : value
}

/** `YYYYMMDDhhmmss` in BCD, zeros at its end left out, as `YYYY-MM-DDThh:mm:ssZ`. */
const readTime = (octets: Uint8Array): string | undefined => {
  if (octets.length < 4 || octets.length > 7) return undefined
  let digits = ""
  for (const pair of octets) digits += (pair >> 4).toString(16) + (pair & 15).toString(16)
  if (!/^\d+$/.test(digits)) return undefined
  const d = digits.padEnd(14, "0")
  return `${d.slice(0, 4)}-${d.slice(4, 6)}-${d.slice(6, 8)}T${d.slice(8, 10)}:${d.slice(10, 12)}:${d.slice(12)}Z`
}

const writeTime = (text: string): Uint8Array | undefined => {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text)
  if (found === null) return undefined
  const digits = found.slice(1).join("")
  const pairs = Array.from({ length: 7 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16))
  while (pairs.length > 4 && pairs.at(-1) === 0) pairs.pop()
  return Uint8Array.from(pairs)
}

const readAttributes = (r: Reader, table: WbxmlTable): ReadonlyMap<string, string> | string => {
  const attributes = new Map<string, string>()
  let next = octet(r.c)
  while (next !== token.end) {
    const start = table.attributes.find(([code]) => code === next)
    if (start === undefined) return "attribute that the document type does not have"
    const [, name, prefix] = start
    if (attributes.has(name)) return "attribute given twice"
    if (attributes.size === r.limits.maxAttributes) return `more than ${r.limits.maxAttributes} attributes`
    let value = prefix
    for (;;) {
      next = octet(r.c)
      if (next === undefined) return "cut off"
      if (next === token.end || table.attributes.some(([code]) => code === next)) break
      const known = table.values.find(([code]) => code === next)?.[1]
      const part = known ?? readString(r, next)
      const text = typeof part === "object" ? (table.times.has(name) ? readTime(part) : undefined) : part
      if (text === undefined) return "attribute value"
      r.characters += known?.length ?? 0
      value += text
    }
    attributes.set(name, value)
  }
  return attributes
}

const readElement = (r: Reader, table: WbxmlTable, first: number, depth: number): XmlElement | string => {
  if (depth > r.limits.maxDepth) return `deeper than ${r.limits.maxDepth} elements`
  if (++r.elements > r.limits.maxElements) return `more than ${r.limits.maxElements} elements`
  const name = table.tags.find(([code]) => code === (first & 0x3f))?.[1]
  if (name === undefined) return "element that the document type does not have"
  const attributes = (first & 0x80) === 0 ? new Map<string, string>() : readAttributes(r, table)
  if (typeof attributes === "string") return attributes
  const children: Array<XmlElement> = []
  let text = ""
  if ((first & 0x40) !== 0) {
    for (;;) {
      const next = octet(r.c)
      if (next === undefined) return "cut off"
      if (next === token.end) break
      if (next === token.inlineString || next === token.tableString || next === token.entity) {
        const part = readString(r, next)
        if (typeof part !== "string") return "text"
        text += part
        continue
      }
      const child = readElement(r, table, next, depth + 1)
      if (typeof child === "string") return child
      children.push(child)
    }
  }
  return { name, attributes, children, text }
}

/** The root element of a document of the type of `table`. */
export const decodeWbxml = (
  octets: Uint8Array,
  table: WbxmlTable,
  limits: WbxmlLimits = defaultWbxmlLimits
): Result.Result<XmlElement, Malformed> => {
  if (octets.length > limits.maxOctets) return malformed("WBXML", 0, `more than ${limits.maxOctets} octets`, clause)
  const c = cursor(octets)
  const refused = (detail: string) => malformed("WBXML", c.at, detail, clause)
  const version = octet(c)
  if (version === undefined || version < 0x01 || version > 0x03) return refused("version")
  if (readUintvar(c) !== table.publicId) return refused("another document type")
  const text = charsets.get(readUintvar(c) ?? -1)
  if (text === undefined) return refused("character set")
  const length = readUintvar(c)
  const strings = length === undefined ? undefined : take(c, length)
  if (strings === undefined) return refused("string table longer than the document")
  const first = octet(c)
  if (first === undefined) return refused("no element")
  const root = readElement({ c, strings, text, limits, elements: 0, characters: 0 }, table, first, 1)
  if (typeof root === "string") return refused(root)
  return c.at === c.end ? Result.succeed(root) : refused("octets after the document")
}

const inline = (text: string): Uint8Array =>
  text === "" ? new Uint8Array(0) : concat([Uint8Array.of(token.inlineString), utf8(text), Uint8Array.of(0)])

/** The longest prefix of the table that `value` begins with. */
const startOf = (table: WbxmlTable, name: string, value: string) =>
  table.attributes
    .filter(([, known, prefix]) => known === name && value.startsWith(prefix))
    .sort(([, , a], [, , b]) => b.length - a.length)[0]

const writeText = (table: WbxmlTable, text: string): Uint8Array => {
  const parts: Array<Uint8Array> = []
  let from = 0
  for (let at = 0; at < text.length; ) {
    const known = table.values.find(([, value]) => text.startsWith(value, at))
    if (known === undefined) {
      at++
      continue
    }
    parts.push(inline(text.slice(from, at)), Uint8Array.of(known[0]))
    at += known[1].length
    from = at
  }
  parts.push(inline(text.slice(from)))
  return concat(parts)
}

const writeElement = (table: WbxmlTable, node: XmlElement): Uint8Array | string => {
  const tag = table.tags.find(([, name]) => name === node.name)?.[0]
  if (tag === undefined) return "element that the document type does not have"
  if (node.text.includes("\0")) return "NUL in a text"
  const parts: Array<Uint8Array> = []
  for (const [name, value] of node.attributes) {
    const start = startOf(table, name, value)
    if (start === undefined || value.includes("\0")) return "attribute that the document type does not have"
    parts.push(Uint8Array.of(start[0]))
    if (table.times.has(name)) {
      const time = writeTime(value)
      if (time === undefined) return "time"
      parts.push(Uint8Array.of(token.opaque, time.length), time)
    } else parts.push(writeText(table, value.slice(start[2].length)))
  }
  if (node.attributes.size > 0) parts.push(Uint8Array.of(token.end))
  const hasContent = node.children.length > 0 || node.text !== ""
  if (hasContent) {
    parts.push(inline(node.text))
    for (const child of node.children) {
      const written = writeElement(table, child)
      if (typeof written === "string") return written
      parts.push(written)
    }
    parts.push(Uint8Array.of(token.end))
  }
  const head = tag | (node.attributes.size > 0 ? 0x80 : 0) | (hasContent ? 0x40 : 0)
  return concat([Uint8Array.of(head), ...parts])
}

/** A WBXML 1.2 document in UTF-8 without a string table. Text goes before children. */
export const encodeWbxml = (root: XmlElement, table: WbxmlTable): Result.Result<Uint8Array, Unencodable> => {
  const written = writeElement(table, root)
  return typeof written === "string"
    ? unencodable("WBXML", written, clause)
    : Result.succeed(concat([Uint8Array.of(0x02), uintvar(table.publicId), uintvar(charsetUtf8), uintvar(0), written]))
}
