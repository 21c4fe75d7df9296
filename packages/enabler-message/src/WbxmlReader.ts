/**
 * WBXML to a tree: tags by code page, names in the string table, text, octets. One pass without recursion.
 *
 * A tag or code page that the vocabulary does not have becomes an element without a name, which interpretation passes over:
 * a later version of the protocol may have more rows.
 *
 * @spec WAP-192-WBXML 5 (WBXML 1.3)
 * @layer codec
 */
import { type Element, noAttributes } from "./Element.ts"
import { type Limits, Malformed, type MalformedReason, TooLarge } from "./Fault.ts"
import type { WbxmlVocabulary } from "./Table.ts"
import { isName, isXmlText, utf8Decode } from "./Text.ts"

const switchPage = 0x00
const end = 0x01
const entity = 0x02
const strI = 0x03
const literal = 0x04
const strT = 0x83
const opaque = 0xc3
const hasContent = 0x40
const hasAttributes = 0x80
const utf8Charset = 0x6a

/** One character for each octet; the same as UTF-8 for those of ASCII. */
const octetDecoder = new TextDecoder("latin1")

const truncated = "WBXML: the document ends inside an item"

interface Open {
  readonly namespace: string
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: Array<Element>
  text: string
  octets?: Uint8Array
}

/** Reads the tokens of one document. */
class Reader {
  private readonly octets: Uint8Array
  private readonly limits: Limits
  private readonly vocabulary: WbxmlVocabulary
  /** The document with one character for each octet, made in one go: ASCII text is cut out of it. */
  private readonly characters: string
  /** Names of the string table by offset, checked once. */
  private readonly names = new Map<number, string>()
  private at = 0
  private table = 0
  private tableEnd = 0
  private page = 0
  /** Where the text read last ends. */
  private zero = 0
  private elements = 0
  private textLength = 0

  constructor(octets: Uint8Array, vocabulary: WbxmlVocabulary, limits: Limits) {
    this.octets = octets
    this.characters = octetDecoder.decode(octets)
    this.vocabulary = vocabulary
    this.limits = limits
  }

  private fail(reason: MalformedReason, clause: string): never {
    throw new Malformed({ reason, path: "", clause, offset: this.at })
  }

  private tooLarge(limit: keyof Limits): never {
    throw new TooLarge({ limit, max: this.limits[limit] })
  }

  private count(length: number): void {
    this.textLength += length
    if (this.textLength > this.limits.text) this.tooLarge("text")
  }

  private byte(): number {
    return this.at < this.octets.length ? this.octets[this.at++]! : this.fail("syntax", truncated)
  }

  /** A number of up to 32 bits in groups of seven. */
  private number(): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const byte = this.byte()
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value <= 0xffffffff ? value : this.fail("syntax", "WBXML: a number has 32 bits")
    }
    return this.fail("syntax", "WBXML: a number has at most five octets")
  }

  /** The text between `start` and the zero octet at `zero`, counted before it is made. */
  private textOf(start: number, limit: number): string {
    const { octets } = this
    let zero = start
    let isPlain = true
    for (; zero < limit; zero++) {
      const octet = octets[zero]!
      if (octet === 0) break
      if (octet < 0x20 || octet > 0x7e) isPlain = false
    }
    if (zero >= limit) return this.fail("syntax", "WBXML: a string ends with a zero octet")
    this.zero = zero
    this.count(zero - start)
    if (isPlain) return this.characters.slice(start, zero)
    const text = utf8Decode(octets.subarray(start, zero))
    if (text === undefined) return this.fail("character set", "UTF-8")
    return isXmlText(text) ? text : this.fail("syntax", "characters of XML 1.0 (section 2.2)")
  }

  private inline(): string {
    const text = this.textOf(this.at, this.octets.length)
    this.at = this.zero + 1
    return text
  }

  private referenced(): string {
    const start = this.table + this.number()
    if (start >= this.tableEnd) this.fail("syntax", "WBXML: an offset lies in the string table")
    return this.textOf(start, this.tableEnd)
  }

  /** The name at the offset that follows: of an attribute with a prefix or without, of an element without. */
  private name(isQualified: boolean): string {
    const at = this.at
    const offset = this.number()
    const known = this.names.get(offset)
    if (known !== undefined && (isQualified || !known.includes(":"))) {
      this.count(known.length)
      return known
    }
    this.at = at
    const name = this.referenced()
    const isGood = isQualified ? name.split(":", 3).every(isName) : isName(name)
    if (!isGood) this.fail("syntax", "XML 1.0 section 2.3: names")
    this.names.set(offset, name)
    return name
  }

  /** The text that `token` begins, `undefined` where it begins none. */
  private text(token: number): string | undefined {
    if (token === strI) return this.inline()
    if (token === strT) return this.referenced()
    if (token !== entity) return undefined
    const code = this.number()
    const character = code <= 0x10ffff ? String.fromCodePoint(code) : ""
    this.count(1)
    return character !== "" && isXmlText(character)
      ? character
      : this.fail("syntax", "WBXML: an entity is a character of XML")
  }

  private header(): void {
    const version = this.byte()
    if (version < 1 || version > 3) this.fail("another protocol", "WBXML: versions 1.1 to 1.3 (octets 01 to 03)")
    if (this.number() !== this.vocabulary.publicId) {
      this.fail("another protocol", `WBXML: the public identifier ${this.vocabulary.publicId}`)
    }
    if (this.number() !== utf8Charset) this.fail("character set", "WBXML: UTF-8 (6A) alone")
    const length = this.number()
    if (length > this.octets.length - this.at) this.fail("syntax", truncated)
    this.table = this.at
    this.tableEnd = this.at + length
    this.at = this.tableEnd
  }

  /** Attributes, all named in the string table: the vocabularies have no attribute tokens. */
  private attributes(): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>()
    let token = this.byte()
    while (token !== end) {
      if (token !== literal) this.fail("forbidden construct", "WBXML: attributes are named in the string table")
      if (attributes.size === this.limits.attributes) this.tooLarge("attributes")
      const name = this.name(true)
      if (attributes.has(name)) this.fail("syntax", "WBXML: an attribute stands once")
      let value = ""
      for (;;) {
        token = this.byte()
        const piece = this.text(token)
        if (piece === undefined) break
        value += piece
      }
      attributes.set(name, value)
    }
    return attributes
  }

  /** The element that `token` begins, up to its content. */
  private element(token: number): Open {
    if (++this.elements > this.limits.elements) this.tooLarge("elements")
    const tag = token & 0x3f
    const page = this.vocabulary.pages[this.page]
    const name = tag === literal ? this.name(false) : (page?.names[tag - 5] ?? "")
    const attributes = token >= hasAttributes ? this.attributes() : noAttributes
    const declared = attributes.get("xmlns")
    if (declared !== undefined && attributes instanceof Map) attributes.delete("xmlns")
    return { namespace: declared ?? page?.namespace ?? "", name, attributes, children: [], text: "" }
  }

  private addOctets(element: Open): void {
    const length = this.number()
    if (length > this.octets.length - this.at) this.fail("syntax", truncated)
    this.count(length)
    if (element.octets !== undefined || element.text !== "") {
      this.fail("syntax", "octets are the whole content of an element")
    }
    element.octets = this.octets.subarray(this.at, this.at + length)
    this.at += length
  }

  private addText(element: Open, token: number): void {
    const piece = this.text(token)
    if (piece === undefined) this.fail("forbidden construct", "WBXML: no extensions or processing instructions")
    if (element.octets !== undefined) this.fail("syntax", "octets are the whole content of an element")
    element.text += piece
  }

  document(): Element {
    this.header()
    const open: Array<Open> = []
    let root: Element | undefined
    while (root === undefined) {
      const token = this.byte()
      const current = open[open.length - 1]
      let isOver = token === end
      if ((token & 0x3f) >= literal) {
        if (open.length >= this.limits.depth) this.tooLarge("depth")
        open.push(this.element(token))
        isOver = (token & hasContent) === 0
      } else if (token === switchPage) this.page = this.byte()
      else if (current === undefined) this.fail("syntax", "WBXML: the root element comes first")
      else if (token === opaque) this.addOctets(current)
      else if (!isOver) this.addText(current, token)
      if (!isOver) continue
      const closed = open.pop()!
      const outer = open[open.length - 1]
      if (outer === undefined) root = closed
      else outer.children.push(closed)
    }
    if (this.at !== this.octets.length) this.fail("syntax", "WBXML: nothing follows the root element")
    return root
  }
}

/**
 * The tree of the document `octets`. OPAQUE octets are views into `octets`.
 *
 * **Fails** by throwing `Malformed` or `TooLarge`, which the decoder returns.
 */
export const readTree = (octets: Uint8Array, vocabulary: WbxmlVocabulary, limits: Limits): Element =>
  new Reader(octets, vocabulary, limits).document()
