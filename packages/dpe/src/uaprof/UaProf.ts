/**
 * User Agent Profiles: components and attributes of a device, out of CC/PP in RDF/XML.
 *
 * @spec UAProf 2.0, CC/PP; the forms seen in published profiles
 * @layer codec
 */
import * as Result from "effect/Result"
import { SaxesParser } from "saxes"
import { MalformedProfile } from "./UaProfError.ts"

/** One value, or the items of an `rdf:Bag` or `rdf:Seq`. */
export type Value =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "bag" | "sequence"; readonly items: ReadonlyArray<string> }

/** A component with its attributes, in the order of the document. `defaults` are those below `prf:defaults`. */
export interface Component {
  /** Such as `HardwarePlatform`. */
  readonly name: string
  readonly attributes: ReadonlyMap<string, Value>
  readonly defaults: ReadonlyMap<string, Value>
}

export interface Profile {
  /** The namespace of the vocabulary, such as `http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20030226#`. */
  readonly vocabulary: string
  readonly components: ReadonlyArray<Component>
}

/** What a document may have at most. */
export interface UaProfLimits {
  /** Characters; 262,144. */
  readonly length: number
  /** Elements inside each other; 12. */
  readonly depth: number
  /** Elements in all; 4,096. */
  readonly elements: number
  /** Attributes of one element; 32. */
  readonly attributes: number
}

export const defaultLimits: UaProfLimits = { length: 262_144, depth: 12, elements: 4096, attributes: 32 }

export const rdfNamespace = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

const vocabularyShape =
  /^https?:\/\/www\.(?:openmobilealliance\.org\/tech\/profiles\/UAPROF|wapforum\.org\/(?:profiles\/)?UAPROF)\/ccppschema-[0-9]{8}#$/

/** Whether `namespace` is that of a published UAProf schema. */
export const isVocabulary = (namespace: string): boolean => vocabularyShape.test(namespace)

interface Node {
  readonly uri: string
  readonly local: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: Array<Node>
  text: string
}

/** Stops the parser from inside a handler; saxes has no other way. */
class Stop {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

const stop = (why: string): never => {
  throw new Stop(why)
}

const treeOf = (document: string, limits: UaProfLimits): Node => {
  const parser = new SaxesParser({ xmlns: true })
  const open: Array<Node> = []
  let root: Node | undefined
  let elements = 0
  let attributes = 0
  parser.on("error", () => stop("XML that is not well-formed"))
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
    const own = new Map<string, string>()
    for (const { uri, local, value } of Object.values(tag.attributes)) {
      // older profiles write ID, about and resource without a prefix
      if (uri === rdfNamespace || uri === "") own.set(local, value)
    }
    const node: Node = { uri: tag.uri, local: tag.local, attributes: own, children: [], text: "" }
    const parent = open.at(-1)
    if (parent === undefined) root = node
    else parent.children.push(node)
    open.push(node)
  })
  const text = (part: string): void => {
    const node = open.at(-1)
    if (node !== undefined) node.text += part
  }
  parser.on("text", text)
  parser.on("cdata", text)
  parser.on("closetag", () => {
    open.pop()
  })
  parser.write(document).close()
  return root ?? stop("no element")
}

const isRdf = (node: Node, local: string): boolean => node.uri === rdfNamespace && node.local === local

const itemsOf = (container: Node): ReadonlyArray<string> =>
  container.children.filter((node) => isRdf(node, "li")).map((node) => node.text.trim())

const readValue = (attribute: Node): Value => {
  const container = attribute.children.find((node) => isRdf(node, "Bag") || isRdf(node, "Seq"))
  if (container !== undefined)
    return { kind: container.local === "Bag" ? "bag" : "sequence", items: itemsOf(container) }
  return { kind: "literal", text: (attribute.attributes.get("resource") ?? attribute.text).trim() }
}

const fragment = (reference: string): string => reference.slice(reference.lastIndexOf("#") + 1)

const attributesOf = (descriptions: ReadonlyArray<Node>, vocabulary: string): ReadonlyMap<string, Value> => {
  const found = new Map<string, Value>()
  for (const description of descriptions) {
    for (const child of description.children) {
      if (child.uri !== vocabulary || child.local === "defaults" || child.local === "Defaults") continue
      if (found.has(child.local)) stop(`an attribute twice in one component`)
      found.set(child.local, readValue(child))
    }
  }
  return found
}

const componentOf = (description: Node, vocabulary: string, byId: ReadonlyMap<string, Node>): Component => {
  const typed = description.children.find((node) => isRdf(node, "type"))?.attributes.get("resource")
  const name = typed === undefined ? description.attributes.get("ID") : fragment(typed)
  if (name === undefined || name === "") return stop("a component without name")
  const defaults = description.children
    .filter((node) => node.uri === vocabulary && node.local.toLowerCase() === "defaults")
    .flatMap((node) => {
      const reference = node.attributes.get("resource")
      const referred = reference === undefined ? undefined : byId.get(fragment(reference))
      return [...node.children.filter((child) => isRdf(child, "Description")), ...(referred ? [referred] : [])]
    })
  return { name, attributes: attributesOf([description], vocabulary), defaults: attributesOf(defaults, vocabulary) }
}

/**
 * The profile in the RDF/XML of `document`, or in that of a difference.
 *
 * Nothing is fetched: components and defaults that stand elsewhere are not there. **Fails** with `MalformedProfile` for XML that is not
 * well-formed, a document type declaration, a root that is not `rdf:RDF`, a vocabulary of somebody else, and past a limit.
 */
export const parse = (
  document: string,
  limits: UaProfLimits = defaultLimits
): Result.Result<Profile, MalformedProfile> => {
  const clause = "UAProf 2.0, RDF/XML of profiles"
  if (document.length > limits.length) {
    return Result.fail(new MalformedProfile({ why: `more than ${limits.length} characters`, clause }))
  }
  try {
    const root = treeOf(document, limits)
    if (!isRdf(root, "RDF")) return stop("the root is not rdf:RDF")
    const descriptions = root.children.filter((node) => isRdf(node, "Description"))
    const byId = new Map(
      descriptions.flatMap((node) => {
        const id = node.attributes.get("ID")
        return id === undefined ? [] : [[id, node] as const]
      })
    )
    const members = descriptions.flatMap((node) => node.children.filter(({ local }) => local === "component"))
    const vocabulary = members[0]?.uri
    if (vocabulary === undefined) return stop("no component")
    if (!isVocabulary(vocabulary)) return stop("no published vocabulary")
    const components = members
      .filter(({ uri }) => uri === vocabulary)
      .flatMap((member) => {
        const reference = member.attributes.get("resource")
        const referred = reference === undefined ? undefined : byId.get(fragment(reference))
        const described = [
          ...member.children.filter((node) => isRdf(node, "Description")),
          ...(referred === undefined ? [] : [referred])
        ]
        return described.map((description) => componentOf(description, vocabulary, byId))
      })
    return Result.succeed({ vocabulary, components })
  } catch (thrown) {
    if (thrown instanceof Stop) return Result.fail(new MalformedProfile({ why: thrown.why, clause }))
    throw thrown
  }
}

/** The text of a `Yes` or `No`, as a boolean. */
export const booleanOf = (value: Value): boolean | undefined =>
  value.kind !== "literal" ? undefined : value.text === "Yes" ? true : value.text === "No" ? false : undefined

/** The two numbers of a dimension such as `240x320`. */
export const dimensionOf = (value: Value): readonly [number, number] | undefined => {
  const found = value.kind === "literal" ? /^([0-9]{1,6})x([0-9]{1,6})$/.exec(value.text) : null
  return found === null ? undefined : [Number(found[1]), Number(found[2])]
}
