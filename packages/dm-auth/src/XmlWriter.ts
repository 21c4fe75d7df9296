/**
 * Writes XML text.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { metInf, syncMl, tagNames, version } from "./CodePages.ts"
import type { Element } from "./Element.ts"
import { Unencodable } from "./Malformed.ts"
import type { Writer } from "./MessageWriter.ts"
import { isName, isQualifiedName, isXmlText } from "./XmlText.ts"

/** Whether any character of a text needs more than copying: one of the five, CR, or one that XML does not have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML does not have
const special = /[&<>\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/

const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
  "\n": "&#10;",
  "\t": "&#9;"
}

const checked = (text: string): string => {
  if (!isXmlText(text)) throw new Unencodable({ path: "", clause: "XML 1.0 section 2.2: characters" })
  return text
}

const escapeText = (text: string): string =>
  special.test(text) ? checked(text).replace(/[&<>\r]/g, (character) => references[character]!) : text

const escapeAttribute = (text: string): string =>
  checked(text).replace(/[&<>"\r\n\t]/g, (character) => references[character]!)

const named = (name: string, isGood: (name: string) => boolean): string => {
  if (!isGood(name)) throw new Unencodable({ path: "", clause: "XML 1.0 section 2.3: names" })
  return name
}

/** Start and end of an element outside MetInf, by tag number. */
const starts = tagNames.map((name) => `<${name}>`)
const ends = tagNames.map((name) => `</${name}>`)
/** Start of a MetInf element inside an element of SyncML. */
const metInfStarts = tagNames.map((name) => `<${name} xmlns="${metInf.namespace}">`)

export class XmlWriter implements Writer {
  readonly binary = false
  private readonly namespace: string
  private out: string
  /** Open elements of MetInf: inside one its namespace is the default already. */
  private inMetInf = 0

  constructor(verDtd: string) {
    this.namespace = version(verDtd).namespace
    this.out = '<?xml version="1.0" encoding="UTF-8"?>'
  }

  private start(id: number): string {
    if (id === rootId) return `<SyncML xmlns="${this.namespace}">`
    return (id < 64 || this.inMetInf > 0 ? starts : metInfStarts)[id]!
  }

  open(id: number): void {
    this.out += this.start(id)
    if (id >= 64) this.inMetInf++
  }

  close(id: number): void {
    this.out += ends[id]!
    if (id >= 64) this.inMetInf--
  }

  empty(id: number): void {
    this.out += `${this.start(id).slice(0, -1)}/>`
  }

  leaf(id: number, content: string | Uint8Array): void {
    const text = typeof content === "string" ? content : Bytes.toBase64(content)
    this.out += this.start(id) + escapeText(text) + ends[id]!
  }

  element(element: Element): void {
    this.generic(element, this.inMetInf > 0 ? metInf.namespace : syncMl.namespace)
  }

  document(element: Element): void {
    this.generic(element, syncMl.namespace)
  }

  private generic(element: Element, around: string): void {
    const name = named(element.name, isName)
    this.out += `<${name}`
    if (element.namespace !== around) {
      this.out += ` xmlns="${escapeAttribute(element.namespace === syncMl.namespace ? this.namespace : element.namespace)}"`
    }
    for (const [key, value] of Object.entries(element.attributes ?? {})) {
      if (key === "xmlns") continue
      this.out += ` ${named(key, isQualifiedName)}="${escapeAttribute(value)}"`
    }
    this.out += ">"
    for (const part of element.content) {
      if (typeof part === "string") this.out += escapeText(part)
      else if (part instanceof Uint8Array) this.out += Bytes.toBase64(part)
      else this.generic(part, element.namespace)
    }
    this.out += `</${name}>`
  }

  /** The document. */
  finish(): Uint8Array {
    return Bytes.utf8(this.out)
  }
}

const rootId = syncMl.tokens.get("SyncML")!
