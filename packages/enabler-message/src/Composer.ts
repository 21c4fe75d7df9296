/**
 * Messages to trees, in the order of their tables.
 *
 * @layer codec
 */
import * as Base64 from "effect/encoding/Base64"
import { type Element, leaf } from "./Element.ts"
import { type Limits, TooLarge, Unencodable } from "./Fault.ts"
import { messageType } from "./Interpreter.ts"
import { type IndexedField, ofProtocol, ofStructure } from "./Lookup.ts"
import { inside, type Path, shown } from "./Path.ts"
import { Mistake, write } from "./Simple.ts"
import type { AnyMessage, Fields, Protocol, SimpleType, StructureType, Type } from "./Table.ts"

const fail = (path: Path, clause: string): never => {
  throw new Unencodable({ path: shown(path), clause })
}

/** An element that is being made. */
interface Draft {
  readonly namespace: string
  readonly name: string
  readonly attributes: Map<string, string>
  readonly children: Array<Element>
  text: string
  octets?: Uint8Array
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export class Composer {
  private readonly limits: Limits
  /** Whether octets stay octets in elements; elsewhere they are base64. */
  private readonly binary: boolean
  private elements = 0
  private text = 0

  constructor(limits: Limits, binary: boolean) {
    this.limits = limits
    this.binary = binary
  }

  private count(length: number): void {
    this.text += length
    if (this.text > this.limits.text) throw new TooLarge({ limit: "text", max: this.limits.text })
  }

  private simple(type: SimpleType, value: unknown, path: Path): string | Uint8Array {
    const written = write(type, value)
    return written instanceof Mistake ? fail(path, written.clause) : written
  }

  private draft(namespace: string, name: string, depth: number): Draft {
    if (depth > this.limits.depth) throw new TooLarge({ limit: "depth", max: this.limits.depth })
    if (++this.elements > this.limits.elements) throw new TooLarge({ limit: "elements", max: this.limits.elements })
    return { namespace, name, attributes: new Map(), children: [], text: "" }
  }

  private fill(draft: Draft, type: SimpleType, value: unknown, path: Path): void {
    const content = this.simple(type, value, path)
    if (typeof content === "string") draft.text = content
    else if (this.binary) draft.octets = content
    else draft.text = Base64.encode(content)
    this.count(draft.octets?.length ?? draft.text.length)
  }

  /** The element `name` with the value `value` of `type`. */
  element(namespace: string, name: string, type: Type, value: unknown, path: Path, depth: number): Element {
    const draft = this.draft(namespace, name, depth)
    if (type.kind === "structure") this.structure(draft, type, value, path, depth)
    else this.fill(draft, type, value, path)
    return draft
  }

  private structure(draft: Draft, type: StructureType<Fields>, value: unknown, path: Path, depth: number): void {
    if (!isFields(value)) return fail(path, "a structure")
    for (const indexed of ofStructure(type).all) {
      const { field, key, required } = indexed
      const given = Object.hasOwn(value, key) ? value[key] : undefined
      if (given === undefined && !required) continue
      const { place, name } = field
      const inner = place === "content" ? path : inside(path, place === "attribute" ? `@${name}` : name)
      if (given === undefined) fail(inner, "a mandatory element")
      this.field(draft, indexed, given, inner, depth)
    }
    for (const rule of type.rules) if (!rule.holds(value)) fail(path, rule.text)
  }

  private field(draft: Draft, { field, repeats, required }: IndexedField, given: unknown, path: Path, depth: number) {
    const { name, type, place } = field
    if (place === "element") {
      const namespace = field.namespace ?? draft.namespace
      if (!repeats) {
        draft.children.push(this.element(namespace, name, type, given, path, depth + 1))
        return
      }
      if (!Array.isArray(given) || (required && given.length === 0)) fail(path, "an array, 1..n not empty")
      else {
        for (const [i, one] of given.entries()) {
          draft.children.push(this.element(namespace, name, type, one, inside(path.outer, name, i + 1), depth + 1))
        }
      }
    } else if (type.kind === "structure") fail(path, "attributes and content are of simple types")
    else if (place === "content") this.fill(draft, type, given, path)
    else {
      const content = this.simple(type, given, path)
      const text = typeof content === "string" ? content : Base64.encode(content)
      this.count(name.length + text.length)
      draft.attributes.set(name, text)
      if (draft.attributes.size > this.limits.attributes) {
        throw new TooLarge({ limit: "attributes", max: this.limits.attributes })
      }
    }
  }

  /** The tree of `message`, its first child `Message-Type`. */
  message(protocol: Protocol<AnyMessage>, message: { readonly _tag: string }): Element {
    const table = ofProtocol(protocol).get(message._tag)
    if (table === undefined) return fail(inside(undefined, messageType), "a message of the protocol")
    const draft = this.draft(protocol.namespace, protocol.root, 1)
    this.draft(protocol.namespace, messageType, 2)
    this.count(table.name.length)
    draft.children.push(leaf(protocol.namespace, messageType, table.name))
    this.structure(draft, table.type, message, inside(undefined, table.name), 1)
    return draft
  }
}
