/**
 * Reads and writes the small XML documents of PAP, SI and SL through a library's parser, under limits that hold before the
 * work is done.
 *
 * Of a document type declaration only the name and identifiers are kept; nothing is ever fetched. Its internal subset may
 * hold the version instruction of PAP and nothing else, so that no entity can be declared. That rule is our own choice.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { SaxesParser } from "saxes"
import { Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { utf8, utf8Decode } from "./Octets.ts"

/** An element. `text` is its own character data, that of its children left out. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: ReadonlyArray<XmlElement>
  readonly text: string
}

/** What a document type declaration says. */
export interface Doctype {
  readonly name: string
  readonly publicId?: string
  readonly systemId?: string
}

export interface XmlDocument {
  readonly root: XmlElement
  readonly doctype?: Doctype
}

export interface XmlLimits {
  /** Octets of the document; 262,144. */
  readonly maxOctets: number
  /** Elements inside each other; 8. */
  readonly maxDepth: number
  /** Elements in all; 4,096. */
  readonly maxElements: number
  /** Attributes of one element; 32. */
  readonly maxAttributes: number
  /** Characters of an attribute or of an element's text; 16,384. */
  readonly maxText: number
}

export const defaultXmlLimits: XmlLimits = {
  maxOctets: 262_144,
  maxDepth: 8,
  maxElements: 4096,
  maxAttributes: 32,
  maxText: 16_384
}

const clause = "XML 1.0"
const maxDoctype = 2048
const encodings = new Set(["utf-8", "us-ascii"])
const doctypeShape =
  /^\s+([A-Za-z_][\w.-]*)(?:\s+PUBLIC\s+(?:"([^"]*)"|'([^']*)')(?:\s+(?:"([^"]*)"|'([^']*)'))?|\s+SYSTEM\s+(?:"([^"]*)"|'([^']*)'))?\s*(?:\[([^\]]*)\]\s*)?$/
const subsetShape = /^(?:\s|<\?wap-pap-ver\s[^?]*\?>)*$/

const readDoctype = (declaration: string): Doctype | undefined => {
  const found = doctypeShape.exec(declaration)
  if (found === null || !subsetShape.test(found[8] ?? "")) return undefined
  const publicId = found[2] ?? found[3]
  const systemId = found[4] ?? found[5] ?? found[6] ?? found[7]
  return {
    name: found[1]!,
    ...(publicId !== undefined ? { publicId } : {}),
    ...(systemId !== undefined ? { systemId } : {})
  }
}

interface Open {
  readonly name: string
  readonly attributes: Map<string, string>
  readonly children: Array<XmlElement>
  text: string
}

/** The document in UTF-8 `octets`, or the rule or limit that it breaks. */
export const parseXml = (
  octets: Uint8Array,
  limits: XmlLimits = defaultXmlLimits
): Result.Result<XmlDocument, Malformed> => {
  if (octets.length > limits.maxOctets) return malformed("XML", 0, `more than ${limits.maxOctets} octets`, clause)
  const decoded = utf8Decode(octets)
  if (decoded === undefined) return malformed("XML", 0, "not UTF-8", clause)
  const text = decoded.startsWith("\ufeff") ? decoded.slice(1) : decoded
  const parser = new SaxesParser({ xmlns: false, position: false })
  // the parser offers no other way to stop it than to throw out of a handler
  const stop = (detail: string): never => {
    throw new Malformed({ what: "XML", offset: parser.position, detail, clause })
  }
  const open: Array<Open> = []
  let elements = 0
  let attributes = 0
  let root: XmlElement | undefined
  let doctype: Doctype | undefined
  parser.on("error", () => stop("not well-formed"))
  parser.on("xmldecl", ({ version, encoding }) => {
    if (version !== "1.0") stop("version is not 1.0") // 1.1 has characters that no answer could carry back
    if (encoding !== undefined && !encodings.has(encoding.toLowerCase())) stop("encoding is not UTF-8")
  })
  parser.on("doctype", (declaration) => {
    if (declaration.length > maxDoctype) stop("document type declaration too long")
    doctype = readDoctype(declaration) ?? stop("document type declaration that is not allowed")
  })
  parser.on("opentagstart", ({ name }) => {
    if (open.length === limits.maxDepth) stop(`deeper than ${limits.maxDepth} elements`)
    if (++elements > limits.maxElements) stop(`more than ${limits.maxElements} elements`)
    attributes = 0
    open.push({ name, attributes: new Map(), children: [], text: "" })
  })
  parser.on("attribute", ({ name, value }) => {
    if (++attributes > limits.maxAttributes) stop(`more than ${limits.maxAttributes} attributes`)
    if (value.length > limits.maxText) stop("attribute too long")
    open.at(-1)!.attributes.set(name, value)
  })
  const addText = (data: string) => {
    const element = open.at(-1)
    if (element === undefined) return
    if (element.text.length + data.length > limits.maxText) stop("text too long")
    element.text += data
  }
  parser.on("text", addText)
  parser.on("cdata", addText)
  parser.on("closetag", () => {
    const element = open.pop()!
    const parent = open.at(-1)
    if (parent === undefined) root = element
    else parent.children.push(element)
  })
  try {
    parser.write(text).close()
  } catch (error) {
    return error instanceof Malformed
      ? Result.fail(error)
      : malformed("XML", parser.position, "not well-formed", clause)
  }
  if (root === undefined) return malformed("XML", text.length, "no element", clause)
  return Result.succeed({ root, ...(doctype !== undefined ? { doctype } : {}) })
}

/** An element for writing; attributes that are `undefined` are left out. */
export const element = (
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  children: ReadonlyArray<XmlElement> = [],
  text = ""
): XmlElement => {
  const kept = new Map<string, string>()
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) kept.set(key, String(value))
  return { name, attributes: kept, children, text }
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;"
}
const escaped = (text: string): string => text.replace(/[&<>"\t\n\r]/g, (found) => escapes[found]!)
// control characters, lone surrogates and two non-characters have no form in XML 1.0
const possible = (text: string): boolean => {
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0x20 ? code !== 9 && code !== 10 && code !== 13 : code >= 0xd800 && code <= 0xdfff) return false
    if (code === 0xfffe || code === 0xffff) return false
  }
  return true
}

const write = (node: XmlElement): string => {
  let out = `<${node.name}`
  for (const [name, value] of node.attributes) out += ` ${name}="${escaped(value)}"`
  if (node.children.length === 0 && node.text === "") return `${out}/>`
  out += `>${escaped(node.text)}`
  for (const child of node.children) out += write(child)
  return `${out}</${node.name}>`
}

const writable = (node: XmlElement): boolean =>
  possible(node.text) && [...node.attributes.values()].every(possible) && node.children.every(writable)

/** The UTF-8 octets of a document with `root` and, where given, the declaration `doctype` (the text after `<!DOCTYPE `). */
export const writeXml = (root: XmlElement, doctype?: string): Result.Result<Uint8Array, Unencodable> =>
  writable(root)
    ? Result.succeed(
        utf8(`<?xml version="1.0"?>\n${doctype === undefined ? "" : `<!DOCTYPE ${doctype}>\n`}${write(root)}\n`)
      )
    : unencodable("XML", "holds a character that XML cannot carry", clause)
