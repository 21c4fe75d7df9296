/**
 * Writes WBXML 1.2 into one growing buffer.
 *
 * Text goes out inline, octets as OPAQUE. A string table is there only for what has no token: names of extension elements
 * and of their attributes.
 *
 * @spec WAP-192-WBXML 1.3
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { type CodePage, devInf, devInf11, messagePages } from "./CodePages.ts"
import { child, type Element, text as textOf } from "./Element.ts"
import { Unencodable } from "./Malformed.ts"
import type { Writer } from "./MessageWriter.ts"
import * as Scratch from "./Scratch.ts"
import { isName, isQualifiedName, isXmlText } from "./XmlText.ts"

const end = 0x01
const strI = 0x03
const literal = 0x04
const opaque = 0xc3
const hasContent = 0x40
const hasAttributes = 0x80

const encoder = new TextEncoder()

/** WBXML 1.2, the version that every peer seen sends. */
const wbxmlVersion = 0x02
const utf8Charset = 0x6a

/** Octets of `value` in groups of seven bits. */
const mbUint32 = (value: number): Array<number> => {
  const out = [value & 0x7f]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) out.unshift((rest & 0x7f) | 0x80)
  return out
}

export class WbxmlWriter implements Writer {
  readonly binary = true
  /** Where the body begins in a document without a string table. */
  private readonly bodyAt: number
  private readonly pages: ReadonlyArray<CodePage>
  private octets = Scratch.take(1024)
  private at = 0
  private page = 0
  /** Offsets of literal names in the string table. */
  private readonly literals = new Map<string, number>()
  private tableLength = 0

  constructor(publicId: number, pages: ReadonlyArray<CodePage> = messagePages) {
    this.pages = pages
    this.put(wbxmlVersion)
    this.putNumber(publicId)
    this.put(utf8Charset)
    this.put(0)
    this.bodyAt = this.at
  }

  private reserve(length: number): void {
    const needed = this.at + length
    if (needed <= this.octets.length) return
    const grown = new Uint8Array(Math.max(needed, this.octets.length * 2))
    grown.set(this.octets)
    this.octets = grown
  }

  private put(byte: number): void {
    if (this.at === this.octets.length) this.reserve(1)
    this.octets[this.at++] = byte
  }

  private putNumber(value: number): void {
    if (value < 128) this.put(value)
    else for (const byte of mbUint32(value)) this.put(byte)
  }

  /** The tag `id` with `flags`, on its page. */
  private tag(id: number, flags: number): void {
    this.reserve(3)
    const page = id >> 6
    if (page !== this.page) this.switchTo(page)
    this.octets[this.at++] = (id & 0x3f) | flags
  }

  private switchTo(page: number): void {
    this.put(0)
    this.put(page)
    this.page = page
  }

  private inline(text: string): void {
    const { length } = text
    this.reserve(3 * length + 2)
    const { octets } = this
    octets[this.at++] = strI
    let to = this.at
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code < 0x20 || code > 0x7e) {
        if (!isXmlText(text)) throw new Unencodable({ path: "", clause: "XML 1.0 section 2.2: characters" })
        to += encoder.encodeInto(text.slice(i), octets.subarray(to)).written
        break
      }
      octets[to++] = code
    }
    octets[to++] = 0
    this.at = to
  }

  private raw(content: Uint8Array): void {
    this.put(opaque)
    this.putNumber(content.length)
    this.reserve(content.length)
    this.octets.set(content, this.at)
    this.at += content.length
  }

  open(id: number): void {
    this.tag(id, hasContent)
  }

  close(): void {
    this.put(end)
  }

  empty(id: number): void {
    this.tag(id, 0)
  }

  leaf(id: number, content: string | Uint8Array): void {
    if (content === "") return this.tag(id, 0)
    this.tag(id, hasContent)
    if (typeof content === "string") this.inline(content)
    else this.raw(content)
    this.put(end)
  }

  document(element: Element): void {
    if (element.namespace !== devInf.namespace || element.name !== "DevInf") return this.element(element)
    const verDtd = child(element, "VerDTD")
    const version = verDtd === undefined ? "1.2" : textOf(verDtd).trim()
    const isOld = version === "1.0" || version === "1.1"
    const publicId = version === "1.0" ? 0xfd2 : version === "1.1" ? 0xfd4 : 0x1203
    const writer = new WbxmlWriter(publicId, [isOld ? devInf11 : devInf])
    writer.element(element)
    this.raw(writer.finish())
  }

  element(element: Element): void {
    const page = this.pages.findIndex(({ namespace }) => namespace === element.namespace)
    const token = page < 0 ? undefined : this.pages[page]!.tokens.get(element.name)
    const attributes = Object.entries(element.attributes ?? {}).filter(([name]) => name !== "xmlns")
    if (page < 0) attributes.unshift(["xmlns", element.namespace])
    const flags = (element.content.length > 0 ? hasContent : 0) | (attributes.length > 0 ? hasAttributes : 0)
    if (page >= 0 && page !== this.page) this.switchTo(page)
    this.put((token ?? literal) | flags)
    if (token === undefined) this.name(element.name, isName)
    if (attributes.length > 0) this.attributes(attributes)
    if (element.content.length === 0) return
    for (const part of element.content) {
      if (typeof part === "string") this.inline(part)
      else if (part instanceof Uint8Array) this.raw(part)
      else this.element(part)
    }
    this.put(end)
  }

  private attributes(attributes: ReadonlyArray<readonly [string, string]>): void {
    for (const [name, value] of attributes) {
      this.put(literal)
      this.name(name, isQualifiedName)
      if (value !== "") this.inline(value)
    }
    this.put(end)
  }

  /** A reference to `name` in the string table. */
  private name(name: string, isGood: (name: string) => boolean): void {
    if (!isGood(name)) throw new Unencodable({ path: "", clause: "XML 1.0 section 2.3: names" })
    let offset = this.literals.get(name)
    if (offset === undefined) {
      offset = this.tableLength
      this.literals.set(name, offset)
      this.tableLength += Bytes.utf8(name).length + 1
    }
    this.putNumber(offset)
  }

  /** The document. */
  finish(): Uint8Array {
    const out = this.tableLength === 0 ? this.octets.slice(0, this.at) : this.withTable()
    Scratch.giveBack(this.octets, this.at)
    return out
  }

  private withTable(): Uint8Array {
    const table = Array.from(this.literals.keys(), (name) => Bytes.utf8(`${name}\0`))
    const head = this.octets.subarray(0, this.bodyAt - 1)
    const length = Uint8Array.from(mbUint32(this.tableLength))
    return Bytes.concat(head, length, ...table, this.octets.subarray(this.bodyAt, this.at))
  }
}
