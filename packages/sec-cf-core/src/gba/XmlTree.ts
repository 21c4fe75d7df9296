/**
 * Small XML documents as trees, within limits: the documents of GBA have a few dozen elements.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { SaxesParser } from "saxes"
import { MalformedGba } from "./GbaError.ts"

/** An element without its prefix. */
export interface XmlElement {
  readonly name: string
  /** The namespace, empty for none. */
  readonly uri: string
  /** Attributes without a namespace. */
  readonly attributes: Readonly<Record<string, string>>
  readonly children: ReadonlyArray<XmlElement>
  /** All text directly inside, white space at both ends cut. */
  readonly text: string
}

/** What a document may have at most. */
export interface XmlLimits {
  /** Characters of the document; 65,536. */
  readonly length: number
  /** Elements inside each other; 16. */
  readonly depth: number
  /** Elements in all; 1,024. */
  readonly elements: number
  /** Attributes of one element; 32. */
  readonly attributes: number
}

export const defaultXmlLimits: XmlLimits = { length: 65_536, depth: 16, elements: 1024, attributes: 32 }

interface Draft {
  readonly name: string
  readonly uri: string
  readonly attributes: Record<string, string>
  readonly children: Array<Draft>
  text: string
}

/** Stops the parser from inside a handler; saxes has no other way. */
class Stop {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/**
 * The root element of `document`.
 *
 * **Fails** with `MalformedGba` for XML that is not well-formed, a document type declaration, and past a limit.
 */
export const parse = (
  what: string,
  document: string,
  limits: XmlLimits = defaultXmlLimits
): Result.Result<XmlElement, MalformedGba> => {
  const malformed = (why: string) => Result.fail(new MalformedGba({ what, why, clause: "XML 1.0" }))
  if (document.length > limits.length) return malformed(`more than ${limits.length} characters`)
  const parser = new SaxesParser({ xmlns: true })
  const open: Array<Draft> = []
  let root: Draft | undefined
  let elements = 0
  let attributes = 0
  const stop = (why: string): never => {
    throw new Stop(why)
  }
  parser.on("error", (error) => stop(error.message.slice(0, 120)))
  parser.on("doctype", () => stop("a document type declaration"))
  parser.on("attribute", () => {
    if (++attributes > limits.attributes) stop(`more than ${limits.attributes} attributes`)
  })
  parser.on("opentagstart", () => {
    attributes = 0
    if (++elements > limits.elements) stop(`more than ${limits.elements} elements`)
    if (open.length >= limits.depth) stop(`more than ${limits.depth} elements inside each other`)
  })
  parser.on("opentag", (tag) => {
    const draft: Draft = { name: tag.local, uri: tag.uri, attributes: Object.create(null), children: [], text: "" }
    for (const attribute of Object.values(tag.attributes)) {
      if (attribute.uri === "") draft.attributes[attribute.local] = attribute.value
    }
    const parent = open.at(-1)
    if (parent === undefined) root = draft
    else parent.children.push(draft)
    open.push(draft)
  })
  parser.on("closetag", () => {
    const closed = open.pop()
    if (closed !== undefined) closed.text = closed.text.trim()
  })
  const text = (value: string) => {
    const inside = open.at(-1)
    if (inside !== undefined) inside.text += value
  }
  parser.on("text", text)
  parser.on("cdata", text)
  try {
    parser.write(document).close()
  } catch (stopped) {
    return malformed(stopped instanceof Stop ? stopped.why : "not well-formed")
  }
  return root === undefined ? malformed("no element") : Result.succeed(root)
}

/** The first child of that name, in the namespace of the parent. */
export const child = (element: XmlElement, name: string): XmlElement | undefined =>
  element.children.find((one) => one.name === name && one.uri === element.uri)

/** All children of that name, in the namespace of the parent. */
export const children = (element: XmlElement, name: string): ReadonlyArray<XmlElement> =>
  element.children.filter((one) => one.name === name && one.uri === element.uri)

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

// Everything that XML 1.0 has no way to write, and U+FFFE and U+FFFF.
const unwritable = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/** `text` as it stands in content or in an attribute; what XML cannot carry becomes U+FFFD. */
export const escapeText = (text: string): string =>
  text.replace(unwritable, "\ufffd").replace(/[&<>"]/g, (character) => ESCAPES[character]!)
