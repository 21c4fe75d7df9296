/**
 * A tree to WBXML 1.3: tokens for the names of the code pages, the string table for the others, octets as they are.
 *
 * @spec WAP-192-WBXML 5 (WBXML 1.3)
 * @layer codec
 */
import type { Element } from "./Element.ts"
import type { WbxmlVocabulary } from "./Table.ts"
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

interface Place {
  readonly page: number
  readonly token: number
}

const places = new WeakMap<WbxmlVocabulary, ReadonlyMap<string, ReadonlyMap<string, Place>>>()

/** Where each name has its token, by namespace. Under no name: a page of the namespace. */
const placesOf = (vocabulary: WbxmlVocabulary): ReadonlyMap<string, ReadonlyMap<string, Place>> => {
  const known = places.get(vocabulary)
  if (known !== undefined) return known
  const made = new Map<string, Map<string, Place>>()
  for (const [page, { namespace, names }] of vocabulary.pages.entries()) {
    const inner = made.get(namespace) ?? new Map([["", { page, token: literal }]])
    for (const [at, name] of names.entries()) inner.set(name, { page, token: at + firstTag })
    made.set(namespace, inner)
  }
  places.set(vocabulary, made)
  return made
}

const nowhere: Place = { page: -1, token: literal }
const encoder = new TextEncoder()

class Writer {
  private readonly places: ReadonlyMap<string, ReadonlyMap<string, Place>>
  private readonly literals = new Map<string, number>()
  private tableLength = 0
  private page = 0
  private octets = new Uint8Array(1024)
  private at = 0

  constructor(vocabulary: WbxmlVocabulary) {
    this.places = placesOf(vocabulary)
  }

  private put(byte: number): void {
    if (this.at === this.octets.length) this.reserve(1)
    this.octets[this.at++] = byte
  }

  private putNumber(value: number): void {
    if (value < 128) this.put(value)
    else for (const byte of number(value)) this.put(byte)
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
    const { length } = text
    this.reserve(3 * length + 2)
    const { octets } = this
    octets[this.at++] = strI
    let to = this.at
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        to += encoder.encodeInto(text.slice(i), octets.subarray(to)).written
        break
      }
      octets[to++] = code
    }
    octets[to++] = 0
    this.at = to
  }

  /** A reference to `name` in the string table. */
  private reference(name: string): void {
    let offset = this.literals.get(name)
    if (offset === undefined) {
      offset = this.tableLength
      this.literals.set(name, offset)
      this.tableLength += utf8(name).length + 1
    }
    this.putNumber(offset)
  }

  element(element: Element): void {
    const ofNamespace = this.places.get(element.namespace)
    // a name without a token is a literal on any page of its namespace, and declares a namespace that has none
    const { page, token } = ofNamespace?.get(element.name) ?? ofNamespace?.get("") ?? nowhere
    const attributes = [...element.attributes]
    if (page < 0) attributes.unshift(["xmlns", element.namespace])
    else if (page !== this.page) {
      this.put(0)
      this.put(page)
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
      this.put(opaque)
      this.putNumber(octets.length)
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
  const writer = new Writer(vocabulary)
  writer.element(root)
  return writer.finish(vocabulary.publicId)
}
