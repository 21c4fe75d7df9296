/**
 * Reads WBXML into a builder: header, string table, tags of the code pages, text, octets, and elements and attributes that
 * are named literally. One pass, no recursion but for a document inside `Data`.
 *
 * @spec WAP-192-WBXML 1.3
 * @layer codec
 */
import {
  type CodePage,
  type DocumentKind,
  devInf,
  devInf11,
  kindOfPublicId,
  kindOfPublicText,
  messagePages,
  namespaceOf
} from "./CodePages.ts"
import { DocumentBuilder } from "./DocumentBuilder.ts"
import type { Attributes, Element, Namespace } from "./Element.ts"
import { type Limits, Malformed, TooLarge } from "./Malformed.ts"
import type { MalformedReason } from "./MalformedReason.ts"
import { MessageBuilder } from "./MessageBuilder.ts"
import * as Scratch from "./Scratch.ts"
import type { SyncMl } from "./SyncMl.ts"
import { isName, isQualifiedName, isXmlText, textOf } from "./XmlText.ts"

/** What a reader tells what it finds to. */
interface Builder {
  openTag(id: number, name: string): void
  openName(name: string, namespace: Namespace, attributes: Attributes | undefined): void
  addText(text: string): void
  addOctets(octets: Uint8Array): void
  addDocument(element: Element): void
  takesDocument(): boolean
  count(length: number): void
  close(): void
  fail(reason: MalformedReason, clause: string): never
  tooLarge(limit: keyof Limits): never
}

const switchPage = 0x00
const end = 0x01
const entity = 0x02
const strI = 0x03
const literal = 0x04
const strT = 0x83
const opaque = 0xc3
const hasContent = 0x40
const hasAttributes = 0x80

/** A text with one character for each octet: the same for those of ASCII, any other for the rest. */
const sevenBit = (octets: Uint8Array): string => {
  const { length } = octets
  const scratch = Scratch.take(length)
  for (let i = 0; i < length; i++) scratch[i] = octets[i]! & 0x7f
  const text = ascii.decode(scratch.subarray(0, length))
  Scratch.giveBack(scratch, length)
  return text
}

/** Whether `token` begins text. */
const isText = (token: number): boolean => token === strI || token === strT || token === entity

/** The MIBenum of UTF-8. */
const utf8Charset = 0x6a

const truncated = "WBXML: the document ends inside an item"
const ascii = new TextDecoder()

/** What kind of document it is, and where its string table is. */
interface Header {
  readonly kind: DocumentKind
  readonly table: number
  readonly tableEnd: number
}

class Cursor {
  readonly octets: Uint8Array
  readonly limit: number
  at: number
  private zero = 0
  /** One character an octet, made in one go: ASCII text is cut out of it. */
  private readonly characters: string
  private readonly limits: Limits

  constructor(octets: Uint8Array, at: number, limit: number, characters: string, limits: Limits) {
    this.octets = octets
    this.at = at
    this.limit = limit
    this.characters = characters
    this.limits = limits
  }

  byte(builder: Builder): number {
    if (this.at >= this.limit) return builder.fail("syntax", truncated)
    return this.octets[this.at++]!
  }

  /** A number of up to 32 bits in groups of seven. */
  mbUint32(builder: Builder): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const byte = this.byte(builder)
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value <= 0xffffffff ? value : builder.fail("syntax", "WBXML: a number has 32 bits")
    }
    return builder.fail("syntax", "WBXML: a number has at most five octets")
  }

  /** The text from `start` to the next zero octet before `limit`, which is then at `zero`. */
  private textTo(start: number, limit: number, builder: Builder): string {
    const { octets } = this
    let zero = start
    let isPlain = true
    for (; zero < limit; zero++) {
      const octet = octets[zero]!
      if (octet === 0) break
      if (octet < 0x20 || octet > 0x7e) isPlain = false
    }
    if (zero >= limit) return builder.fail("syntax", "WBXML: a string ends with a zero octet")
    this.zero = zero
    if (isPlain) return this.characters.slice(start, zero)
    return (
      textOf(octets.subarray(start, zero)) ??
      builder.fail("character set", "WBXML: text is UTF-8, of the characters of XML")
    )
  }

  inline(builder: Builder): string {
    const text = this.textTo(this.at, this.limit, builder)
    this.at = this.zero + 1
    return text
  }

  /** The string at the offset that follows, out of the table of `header`. */
  referenced(header: Header, builder: Builder): string {
    const offset = this.mbUint32(builder)
    const start = header.table + offset
    if (start >= header.tableEnd) return builder.fail("syntax", "WBXML: an offset lies in the string table")
    return this.textTo(start, header.tableEnd, builder)
  }

  /** The octets of an OPAQUE, as a view. */
  octetsOfLength(builder: Builder): Uint8Array {
    const length = this.mbUint32(builder)
    if (length > this.limit - this.at) return builder.fail("syntax", truncated)
    this.at += length
    return this.octets.subarray(this.at - length, this.at)
  }

  header(builder: Builder): Header {
    const version = this.byte(builder)
    if (version < 1 || version > 3) {
      return builder.fail("unknown vocabulary", "WBXML: versions 1.1 to 1.3 (octets 01 to 03)")
    }
    const publicId = this.mbUint32(builder)
    const publicText = publicId === 0 ? this.mbUint32(builder) : undefined
    if (this.mbUint32(builder) !== utf8Charset) {
      return builder.fail("character set", "WBXML: the character set is UTF-8 (6A)")
    }
    const length = this.mbUint32(builder)
    if (length > this.limit - this.at) return builder.fail("syntax", truncated)
    const table = this.at
    const tableEnd = table + length
    this.at = tableEnd
    if (publicText === undefined) return { kind: kindOfPublicId(publicId), table, tableEnd }
    if (publicText >= length) return builder.fail("syntax", "WBXML: an offset lies in the string table")
    const text = this.textTo(table + publicText, tableEnd, builder)
    return { kind: kindOfPublicText(text), table, tableEnd }
  }

  /** The elements of the body. */
  body(header: Header, pages: ReadonlyArray<CodePage>, builder: Builder): void {
    let page = pages[0]!
    let pageIndex = 0
    let open = 0
    let isOver = false
    while (!isOver) {
      const token = this.byte(builder)
      const tag = token & 0x3f
      if (tag >= literal) {
        if (tag === literal || token >= hasAttributes) this.named(token, page, header, builder)
        else {
          const name = page.names[tag]!
          if (name === "") builder.fail("unknown vocabulary", "WBXML: tags of the code page")
          builder.openTag((pageIndex << 6) | tag, name)
        }
        if ((token & hasContent) !== 0) open++
        else {
          builder.close()
          isOver = open === 0
        }
      } else if (token === switchPage) {
        pageIndex = this.byte(builder)
        page = pages[pageIndex] ?? builder.fail("unknown vocabulary", "WBXML: code pages of this document")
      } else if (token !== end && token !== opaque && !isText(token)) {
        builder.fail("forbidden construct", "WBXML: no extensions or processing instructions")
      } else if (open === 0) builder.fail("syntax", "WBXML: the root element comes first")
      else if (token === end) {
        builder.close()
        isOver = --open === 0
      } else if (token === opaque) this.opaque(builder)
      else builder.addText(this.text(token, header, builder))
    }
    if (this.at !== this.limit) builder.fail("syntax", "WBXML: nothing follows the root element")
  }

  private opaque(builder: Builder): void {
    const start = this.at
    const content = this.octetsOfLength(builder)
    const document = builder.takesDocument() ? this.document(this.at - content.length, this.at) : undefined
    if (document === undefined) builder.addOctets(content)
    else {
      builder.count(this.at - start)
      builder.addDocument(document)
    }
  }

  /** The begin of an element that is named literally or has attributes. */
  private named(token: number, page: CodePage, header: Header, builder: Builder): void {
    const tag = token & 0x3f
    const name = tag === literal ? this.referenced(header, builder) : page.names[tag]!
    if (name === "") builder.fail("unknown vocabulary", "WBXML: tags of the code page")
    if (!isName(name)) builder.fail("syntax", "XML 1.0 section 2.3: names")
    builder.count(name.length)
    const attributes = token >= hasAttributes ? this.attributes(header, builder) : undefined
    const { xmlns, ...others } = attributes ?? {}
    for (const attribute of Object.keys(others)) {
      const prefix = attribute.slice(0, Math.max(0, attribute.indexOf(":")))
      const isBound = prefix === "" || prefix === "xml" || prefix === "xmlns" || others[`xmlns:${prefix}`] !== undefined
      if (!isBound) builder.fail("syntax", "Namespaces in XML 1.0: a prefix is declared before it is used")
    }
    const rest = xmlns !== undefined && Object.keys(others).length === 0 ? undefined : attributes && others
    builder.openName(name, xmlns === undefined ? page.namespace : namespaceOf(xmlns), rest)
  }

  /** Attributes, all named literally: the vocabularies have no attribute tokens. */
  private attributes(header: Header, builder: Builder): Record<string, string> {
    const attributes: Record<string, string> = Object.create(null)
    let token = this.byte(builder)
    for (let count = 1; token !== end; count++) {
      if (count > this.limits.attributes) builder.tooLarge("attributes")
      if (token !== literal) {
        return builder.fail("unknown vocabulary", "WBXML: the vocabularies have no attribute tokens")
      }
      const name = this.referenced(header, builder)
      if (!isQualifiedName(name)) builder.fail("syntax", "XML 1.0 section 2.3: names")
      if (attributes[name] !== undefined) builder.fail("syntax", "WBXML: an attribute stands once")
      builder.count(name.length)
      let value = ""
      for (token = this.byte(builder); isText(token); token = this.byte(builder)) {
        const piece = this.text(token, header, builder)
        builder.count(piece.length)
        value += piece
      }
      attributes[name] = value
    }
    return attributes
  }

  private text(token: number, header: Header, builder: Builder): string {
    if (token === strI) return this.inline(builder)
    if (token === strT) return this.referenced(header, builder)
    const code = this.mbUint32(builder)
    const character = code <= 0x10ffff ? String.fromCodePoint(code) : ""
    return character !== "" && isXmlText(character)
      ? character
      : builder.fail("value", "WBXML: an entity is a character")
  }

  /** The DevInf document that stands there; `undefined` where there is none, or one that does not read. */
  private document(start: number, stop: number): Element | undefined {
    const version = this.octets[start]
    if (version === undefined || version < 1 || version > 3) return undefined
    const cursor = new Cursor(this.octets, start, stop, this.characters, this.limits)
    const builder = new DocumentBuilder(this.limits, devInf.namespace)
    try {
      const header = cursor.header(builder)
      if (header.kind !== "DevInf" && header.kind !== "DevInf 1.1") return undefined
      cursor.body(header, [header.kind === "DevInf" ? devInf : devInf11], builder)
      return builder.result()
    } catch (fault) {
      if (fault instanceof Malformed || fault instanceof TooLarge) return undefined
      throw fault
    }
  }
}

/**
 * The message in `octets`.
 *
 * **Fails** by throwing the `Malformed` or `TooLarge` of the builder, which `decode` of `Wbxml.ts` returns.
 */
export const read = (octets: Uint8Array, limits: Limits): SyncMl => {
  const cursor = new Cursor(octets, 0, octets.length, sevenBit(octets), limits)
  const builder = new MessageBuilder(limits, () => cursor.at)
  const header = cursor.header(builder)
  if (header.kind !== "SyncML") builder.fail("unknown vocabulary", "WBXML: the public identifier of SyncML")
  cursor.body(header, messagePages, builder)
  return builder.result()
}
