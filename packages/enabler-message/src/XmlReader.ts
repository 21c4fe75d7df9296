/**
 * XML text to a tree, through saxes: limits at each event, names resolved to namespaces.
 *
 * saxes runs without its own namespace processing, which searches all open elements for each name; here a scope is made
 * only where an element declares one. Handlers that few documents need are set only for those: with more than seven the
 * engine keeps the parser's state in a slow dictionary.
 *
 * @layer codec
 */
import { SaxesParser } from "saxes"
import { type Element, noAttributes } from "./Element.ts"
import { type Limits, Malformed, type MalformedReason, TooLarge } from "./Fault.ts"

/**
 * The prefixes that an element declares and what they stand for; the empty prefix is the default namespace. A scope does not
 * repeat those around it: many elements inside many declarations would cost their product.
 */
interface Scope {
  readonly own: ReadonlyMap<string, string>
  readonly outer: Scope | undefined
}

const rootScope: Scope = {
  own: new Map([
    ["", ""],
    ["xml", "http://www.w3.org/XML/1998/namespace"]
  ]),
  outer: undefined
}

const lookUp = (scope: Scope, prefix: string): string | undefined => {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const uri = at.own.get(prefix)
    if (uri !== undefined) return uri
  }
  return undefined
}

const xmlClause = "XML 1.0: a well-formed document"
const namespacesClause = "Namespaces in XML 1.0: names have at most one prefix, declared before it is used"
const encodings: ReadonlySet<string> = new Set(["utf-8", "us-ascii"])

interface Open {
  readonly namespace: string
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: Array<Element>
  readonly scope: Scope
  readonly start: number
  text: string
}

const isDeclaration = (name: string): boolean => name === "xmlns" || name.startsWith("xmlns:")

/**
 * The tree of the document `text`. Comments and processing instructions are passed over.
 *
 * **Fails** by throwing `Malformed` or `TooLarge`, the only way to stop the parser.
 */
export const readTree = (text: string, limits: Limits): Element => {
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false })
  const open: Array<Open> = []
  let root: Element | undefined
  let elements = 0
  // of the tag that is being read
  let attributeCount = 0
  let declarations: Array<readonly [name: string, uri: string]> = []
  let attributes: Map<string, string> | undefined
  let textLength = 0

  const fail = (reason: MalformedReason, clause: string): never => {
    throw new Malformed({ reason, path: "", clause, offset: parser.position })
  }
  const tooLarge = (limit: keyof Limits): never => {
    throw new TooLarge({ limit, max: limits[limit] })
  }
  const count = (length: number): void => {
    textLength += length
    if (textLength > limits.text) tooLarge("text")
  }
  const resolve = (scope: Scope, prefix: string): string => lookUp(scope, prefix) ?? fail("syntax", namespacesClause)

  /** The scope inside `outer` that the declarations among the attributes of the tag make. */
  const declared = (outer: Scope): Scope => {
    const own = new Map<string, string>()
    for (const [name, uri] of declarations) {
      const prefix = name.slice(6)
      const isReserved = prefix === "xml" || prefix === "xmlns"
      if (isReserved || name === "xmlns:" || (prefix !== "" && uri === "")) fail("syntax", namespacesClause)
      own.set(prefix, uri)
    }
    declarations = []
    return { own, outer }
  }
  const addText = (piece: string): void => {
    const element = open[open.length - 1]
    if (element === undefined) return
    count(piece.length)
    element.text += piece
  }

  parser.on("error", () => fail("syntax", xmlClause))
  if (text.includes("<!DOCTYPE")) {
    parser.on("doctype", () => fail("forbidden construct", "no document type declaration"))
  }
  if (text.includes("<![CDATA[")) parser.on("cdata", addText)
  parser.on("attribute", ({ name, value }) => {
    if (++attributeCount > limits.attributes) tooLarge("attributes")
    if (isDeclaration(name)) declarations.push([name, value])
    else {
      count(name.length + value.length)
      attributes ??= new Map()
      attributes.set(name, value)
    }
  })
  parser.on("opentag", ({ name }) => {
    if (open.length === 0) {
      const { version, encoding } = parser.xmlDecl
      if (version !== undefined && version !== "1.0") fail("forbidden construct", "XML 1.0 alone")
      if (encoding !== undefined && !encodings.has(encoding.toLowerCase())) fail("character set", "UTF-8 alone")
    }
    if (open.length >= limits.depth) tooLarge("depth")
    if (++elements > limits.elements) tooLarge("elements")
    const outer = open.length === 0 ? rootScope : open[open.length - 1]!.scope
    const scope = declarations.length === 0 ? outer : declared(outer)
    const kept = attributes ?? noAttributes
    for (const attribute of kept.keys()) {
      const prefixed = attribute.indexOf(":")
      if (prefixed >= 0) resolve(scope, attribute.slice(0, prefixed))
    }
    attributes = undefined
    attributeCount = 0
    const colon = name.indexOf(":")
    if (colon === 0 || colon === name.length - 1 || colon !== name.lastIndexOf(":")) fail("syntax", namespacesClause)
    open.push({
      namespace: resolve(scope, colon < 0 ? "" : name.slice(0, colon)),
      name: name.slice(colon + 1),
      attributes: kept,
      children: [],
      scope,
      start: text.lastIndexOf("<", parser.position - 1),
      text: ""
    })
  })
  parser.on("closetag", () => {
    const { namespace, name, attributes, children, start, text: own } = open.pop()!
    const element = { namespace, name, attributes, children, text: own, span: [start, parser.position] as const }
    if (open.length === 0) root = element
    else open[open.length - 1]!.children.push(element)
  })
  parser.on("text", addText)

  parser.write(text).close()
  return root ?? fail("syntax", xmlClause)
}
