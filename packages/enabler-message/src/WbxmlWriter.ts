/**
 * A tree to WBXML 1.3: tokens for the names of the code pages, the string table for the others, octets as they are.
 *
 * @spec WAP-192-WBXML 5 (WBXML 1.3)
 * @layer codec
 */
import type { Element } from "./Element.ts"
import type { CodePage, WbxmlVocabulary } from "./Table.ts"
import { utf8 } from "./Text.ts"

const end = 0x01
const strI = 0x03
const literal = 0x04
const opaque = 0xc3
const hasContent = 0x40
const hasAttributes = 0x80
const wbxmlVersion = 0x03
const utf8Charset = 0x6a

/** The first token of a page for a name. */
const firstTag = 5

/** Octets of `value` in groups of seven bits. */
const number = (value: number): Array<number> => {
  const out = [value & 0x7f]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) out.unshift((rest & 0x7f) | 0x80)
  return out
}

class Writer {
  private readonly pages: ReadonlyArray<CodePage>
  private readonly literals = new Map<string, number>()
  private tableLength = 0
  private page = 0
  private octets = new Uint8Array(1024)
  private at = 0

  constructor(pages: ReadonlyArray<CodePage>) {
    this.pages = pages
  }

  private put(...bytes: ReadonlyArray<number>): void {
    this.reserve(bytes.length)
    for (const byte of bytes) this.octets[this.at++] = byte
  }

  private reserve(length: number): void {
    if (this.at + length <= this.octets.length) return
    const grown = new Uint8Array(Math.max(this.at + length, this.octets.length * 2))
    grown.set(this.octets)
    this.octets = grown
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.octets.set(bytes, this.at)
    this.at += bytes.length
  }

  private inline(text: string): void {
    this.put(strI)
    this.raw(utf8(text))
    this.put(0)
  }

  /** A reference to `name` in the string table. */
  private reference(name: string): void {
    let offset = this.literals.get(name)
    if (offset === undefined) {
      offset = this.tableLength
      this.literals.set(name, offset)
      this.tableLength += utf8(name).length + 1
    }
    this.put(...number(offset))
  }

  /** The page and token of an element; without a token it goes to a page of its namespace, if there is one. */
  private place({ namespace, name }: Element): { readonly page: number; readonly token: number } {
    let anyPage = -1
    for (const [page, { namespace: of, names }] of this.pages.entries()) {
      if (of !== namespace) continue
      const at = names.indexOf(name)
      if (at >= 0) return { page, token: at + firstTag }
      // the current page, where it serves, saves the switch
      if (anyPage < 0 || page === this.page) anyPage = page
    }
    return { page: anyPage, token: literal }
  }

  element(element: Element): void {
    const { page, token } = this.place(element)
    const attributes = [...element.attributes]
    if (page < 0) attributes.unshift(["xmlns", element.namespace])
    else if (page !== this.page) {
      this.put(0, page)
      this.page = page
    }
    const { children, octets, text } = element
    const isFull = children.length > 0 || text !== "" || octets !== undefined
    this.put(token | (isFull ? hasContent : 0) | (attributes.length > 0 ? hasAttributes : 0))
    if (token === literal) this.reference(element.name)
    for (const [name, value] of attributes) {
      this.put(literal)
      this.reference(name)
      if (value !== "") this.inline(value)
    }
    if (attributes.length > 0) this.put(end)
    if (!isFull) return
    if (octets !== undefined) {
      this.put(opaque, ...number(octets.length))
      this.raw(octets)
    } else if (text !== "") this.inline(text)
    for (const child of children) this.element(child)
    this.put(end)
  }

  finish(publicId: number): Uint8Array {
    const table = utf8([...this.literals.keys()].map((name) => `${name}\0`).join(""))
    const head = [wbxmlVersion, ...number(publicId), utf8Charset, ...number(table.length)]
    const out = new Uint8Array(head.length + table.length + this.at)
    out.set(head)
    out.set(table, head.length)
    out.set(this.octets.subarray(0, this.at), head.length + table.length)
    return out
  }
}

/** The document under `root`. */
export const writeDocument = (root: Element, vocabulary: WbxmlVocabulary): Uint8Array => {
  const writer = new Writer(vocabulary.pages)
  writer.element(root)
  return writer.finish(vocabulary.publicId)
}
