/**
 * Trees to messages: finds the table by `Message-Type` and reads each row, in whatever order the document has them.
 *
 * Unknown elements and attributes are passed over. A repeated single element, a missing mandatory one and a value of the
 * wrong type are faults.
 *
 * @layer codec
 */
import type { Element } from "./Element.ts"
import { Malformed, type MalformedReason } from "./Fault.ts"
import { type IndexedField, ofProtocol, ofStructure } from "./Lookup.ts"
import { inside, type Path, shown } from "./Path.ts"
import { Mistake, read } from "./Simple.ts"
import type { AnyMessage, Fields, Protocol, SimpleType, StructureType, Type } from "./Table.ts"
import { isBlank, trim } from "./Text.ts"

/** The row that every message begins with. */
export const messageType = "Message-Type"

const fail = (reason: MalformedReason, path: Path | undefined, clause: string, element?: Element): never => {
  const offset = element?.span?.[0]
  throw new Malformed({ reason, path: shown(path), clause, ...(offset === undefined ? {} : { offset }) })
}

class Interpreter {
  readonly clause: string

  constructor(clause: string) {
    this.clause = clause
  }

  private simple(type: SimpleType, content: string | Uint8Array, path: Path, element: Element): unknown {
    const value = read(type, content)
    return value instanceof Mistake ? fail("wrong type", path, value.clause, element) : value
  }

  private value(type: Type, element: Element, path: Path): unknown {
    if (type.kind === "structure") return this.structure(type, element, path)
    // what stands around an element in the middle of a value is not that value
    if (element.children.length > 0) fail("wrong type", path, `content of the type ${type.kind}, not elements`, element)
    return this.simple(type, element.octets ?? element.text, path, element)
  }

  /** The fields of `type` in `element`, added to `value`. */
  structure(
    type: StructureType<Fields>,
    element: Element,
    path: Path,
    value: Record<string, unknown> = {}
  ): Record<string, unknown> {
    const index = ofStructure(type)
    const found: Array<unknown> = new Array(index.all.length)
    for (const child of element.children) {
      const indexed = index.elements.get(child.name)
      if (indexed === undefined || (indexed.field.namespace ?? element.namespace) !== child.namespace) continue
      this.take(indexed, child, found, path)
    }
    for (const indexed of index.attributes) this.attribute(indexed, element, found, path)
    if (index.content !== undefined) {
      const { field, index: at } = index.content
      found[at] = this.value(field.type, element, path)
    } else if (element.octets !== undefined || !isBlank(element.text)) {
      fail("wrong type", path, "elements, not text", element)
    }
    for (const { key, field, required, index: at } of index.all) {
      if (found[at] !== undefined) value[key] = found[at]
      else if (required) fail("missing element", inside(path, field.name), field.clause ?? this.clause, element)
    }
    for (const rule of type.rules) if (!rule.holds(value)) fail("broken rule", path, rule.text, element)
    return value
  }

  private take(indexed: IndexedField, child: Element, found: Array<unknown>, path: Path): void {
    const { field, index, repeats } = indexed
    if (!repeats) {
      const inner = inside(path, field.name)
      if (found[index] !== undefined) fail("repeated element", inner, field.clause ?? this.clause, child)
      found[index] = this.value(field.type, child, inner)
      return
    }
    const list = found[index]
    if (Array.isArray(list)) {
      list.push(this.value(field.type, child, inside(path, field.name, list.length + 1)))
    } else found[index] = [this.value(field.type, child, inside(path, field.name, 1))]
  }

  private attribute(indexed: IndexedField, element: Element, found: Array<unknown>, path: Path): void {
    const { field, index, names } = indexed
    for (const name of names) {
      const text = element.attributes.get(name)
      if (text === undefined) continue
      const inner = inside(path, `@${field.name}`)
      if (found[index] !== undefined) fail("repeated element", inner, field.clause ?? this.clause, element)
      if (field.type.kind !== "structure") found[index] = this.simple(field.type, text, inner, element)
    }
  }
}

const messageTypeClause = "the root element holds one Message-Type"

/** The value of `Message-Type` under `root`. */
const nameOf = (root: Element): string => {
  let found: Element | undefined
  for (const child of root.children) {
    if (child.name !== messageType || child.namespace !== root.namespace) continue
    if (found !== undefined) fail("repeated element", undefined, messageTypeClause, child)
    found = child
  }
  if (found === undefined) return fail("missing element", undefined, messageTypeClause, root)
  if (found.children.length > 0 || found.octets !== undefined) {
    fail("wrong type", undefined, "Message-Type is text", found)
  }
  return trim(found.text)
}

const correlationLength = 255

/** The text of the element of `protocol` that responses repeat. */
const correlationOf = (protocol: Protocol<AnyMessage>, root: Element): string | undefined => {
  const found = root.children.filter(
    ({ name, namespace }) => name === protocol.correlation && namespace === protocol.namespace
  )
  const [only] = found
  if (only === undefined || found.length > 1 || only.octets !== undefined || only.children.length > 0) return undefined
  return only.text.length <= correlationLength ? only.text : undefined
}

const messageOf = (protocol: Protocol<AnyMessage>, root: Element): unknown => {
  const message =
    ofProtocol(protocol).get(nameOf(root)) ??
    fail("unknown message", undefined, "Message-Type names a message of the protocol", root)
  const value: Record<string, unknown> = { _tag: message.name }
  return new Interpreter(message.clause).structure(message.type, root, inside(undefined, message.name), value)
}

/**
 * The message under `root`, its type that of `protocol`.
 *
 * **Fails** by throwing `Malformed`, which the decoders return.
 */
export const interpret = (protocol: Protocol<AnyMessage>, root: Element): unknown => {
  if (root.name !== protocol.root || root.namespace !== protocol.namespace) {
    fail("another protocol", undefined, `the root element is ${protocol.root} in ${protocol.namespace}`, root)
  }
  try {
    return messageOf(protocol, root)
  } catch (fault) {
    const correlation = correlationOf(protocol, root)
    if (!(fault instanceof Malformed) || correlation === undefined) throw fault
    const { reason, path, clause, offset } = fault
    throw new Malformed({ reason, path, clause, correlation, ...(offset === undefined ? {} : { offset }) })
  }
}
