/**
 * Reads XML text through saxes into a message builder: names resolved to the vocabularies, everything that is not plain
 * elements and text refused, limits enforced at each event.
 *
 * saxes runs without its own namespace processing, which searches all open elements for each name; here a scope is made
 * only where an element declares one. Handlers that few documents need are set only for those: with more than seven the
 * engine keeps the parser's state in a slow dictionary, and parsing takes three times as long.
 *
 * @layer codec
 */
import { SaxesParser } from "saxes"
import { namespaceOf } from "./CodePages.ts"
import type { Namespace } from "./Element.ts"
import type { Limits } from "./Malformed.ts"
import { MessageBuilder } from "./MessageBuilder.ts"
import type { SyncMl } from "./SyncMl.ts"

/** Prefixes in force and what they stand for; the empty prefix is the default namespace. */
type Scope = ReadonlyMap<string, Namespace>

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"
const rootScope: Scope = new Map([
  ["", ""],
  ["xml", xmlNamespace]
])

const xmlClause = "XML 1.0: well-formed document"
const namespacesClause = "Namespaces in XML 1.0"
const hostileClause = "no document type declaration, processing instruction or entity of its own"

/**
 * The message in `text`.
 *
 * **Fails** by throwing the `Malformed` or `TooLarge` of the builder, which {@link decode} of `Xml.ts` returns.
 */
export const read = (text: string, limits: Limits): SyncMl => {
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false })
  const builder = new MessageBuilder(limits, () => parser.position)
  const scopes: Array<Scope> = [rootScope]
  let attributeCount = 0

  const resolve = (scope: Scope, prefix: string): Namespace =>
    scope.get(prefix) ?? builder.fail("syntax", `${namespacesClause}: a prefix is declared before it is used`)

  /** The attributes that are not declarations; prefixed ones bring the declaration of their prefix with them. */
  const plainAttributes = (attributes: Record<string, string>, scope: Scope): Record<string, string> | undefined => {
    let plain: Record<string, string> | undefined
    for (const name of Object.keys(attributes)) {
      if (name === "xmlns" || name.startsWith("xmlns:")) continue
      plain ??= Object.create(null) as Record<string, string>
      plain[name] = attributes[name]!
      const colon = name.indexOf(":")
      if (colon < 0) continue
      const prefix = name.slice(0, colon)
      const namespace = resolve(scope, prefix)
      if (prefix !== "xml") plain[`xmlns:${prefix}`] = namespace
    }
    return plain
  }

  let lastOuter: Scope = rootScope
  let lastUri = ""
  let lastInner: Scope = rootScope

  /** `scope` with `uri` as default namespace. Neighbours mostly declare the same, so the last one is kept. */
  const withDefault = (scope: Scope, uri: string): Scope => {
    if (scope !== lastOuter || uri !== lastUri) {
      lastInner = new Map(scope).set("", namespaceOf(uri.trim()))
      lastOuter = scope
      lastUri = uri
    }
    return lastInner
  }

  const declared = (attributes: Record<string, string>, scope: Scope): Scope => {
    let inner: Map<string, Namespace> | undefined
    for (const name of Object.keys(attributes)) {
      if (name !== "xmlns" && !name.startsWith("xmlns:")) continue
      inner ??= new Map(scope)
      inner.set(name.slice(6), namespaceOf(attributes[name]!.trim()))
    }
    return inner ?? scope
  }

  parser.on("error", () => builder.fail("syntax", xmlClause))
  if (text.includes("<!DOCTYPE")) parser.on("doctype", () => builder.fail("forbidden construct", hostileClause))
  if (text.includes("<?", 1)) {
    parser.on("processinginstruction", () => builder.fail("forbidden construct", hostileClause))
  }
  if (text.includes("<![CDATA[")) parser.on("cdata", (piece) => builder.addText(piece))
  parser.on("attribute", () => {
    if (++attributeCount > limits.attributes) builder.tooLarge("attributes")
  })
  parser.on("opentag", ({ name, attributes }) => {
    const outer = scopes[scopes.length - 1]!
    if (outer === rootScope && (parser.xmlDecl.version ?? "1.0") !== "1.0") {
      builder.fail("forbidden construct", "XML 1.0 alone")
    }
    let scope = outer
    let plain: Record<string, string> | undefined
    if (attributeCount > 0) {
      const uri = attributes["xmlns"]
      if (attributeCount === 1 && uri !== undefined) scope = withDefault(outer, uri)
      else {
        scope = declared(attributes, outer)
        plain = plainAttributes(attributes, scope)
      }
      attributeCount = 0
    }
    scopes.push(scope)
    const colon = name.indexOf(":")
    if (colon < 0) return builder.openName(name, scope.get("")!, plain)
    const local = name.slice(colon + 1)
    if (colon === 0 || local === "" || local.includes(":")) builder.fail("syntax", namespacesClause)
    builder.openName(local, resolve(scope, name.slice(0, colon)), plain)
  })
  parser.on("closetag", () => {
    scopes.pop()
    builder.close()
  })
  parser.on("text", (piece) => {
    if (scopes.length > 1) builder.addText(piece)
  })

  parser.write(text).close()
  return builder.result()
}
