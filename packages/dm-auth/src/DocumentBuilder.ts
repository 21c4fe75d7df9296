/**
 * Builds a generic element from the events of a reader: for documents inside a message, such as DevInf.
 *
 * @layer codec
 */
import type { Attributes, Element, Namespace } from "./Element.ts"
import { ElementStack } from "./ElementStack.ts"
import { type Limits, Malformed, TooLarge } from "./Malformed.ts"
import type { MalformedReason } from "./MalformedReason.ts"
import { textOf } from "./XmlText.ts"

export class DocumentBuilder {
  private readonly limits: Limits
  private readonly namespace: Namespace
  private readonly open = new ElementStack()
  private elementCount = 0
  private textLength = 0
  private root: Element | undefined

  constructor(limits: Limits, namespace: Namespace) {
    this.limits = limits
    this.namespace = namespace
  }

  result(): Element {
    return this.root ?? this.fail("syntax", "the document ends before the root element does")
  }

  fail(reason: MalformedReason, clause: string): never {
    throw new Malformed({ reason, clause, path: this.open.names().join("/"), offset: 0 })
  }

  tooLarge(limit: keyof Limits): never {
    throw new TooLarge({ limit, max: this.limits[limit], offset: 0 })
  }

  openTag(_id: number, name: string): void {
    this.openName(name, this.namespace, undefined)
  }

  openName(name: string, namespace: Namespace, attributes: Attributes | undefined): void {
    if (++this.elementCount > this.limits.elements) this.tooLarge("elements")
    if (this.open.size >= this.limits.depth) this.tooLarge("depth")
    this.open.open(name, namespace, attributes)
  }

  count(length: number): void {
    this.textLength += length
    if (this.textLength > this.limits.text) this.tooLarge("text")
  }

  addText(text: string): void {
    this.count(text.length)
    this.open.addText(text)
  }

  /** Octets that are text are text: a document has no raw octets of its own. */
  addOctets(octets: Uint8Array): void {
    this.count(octets.length)
    const text = textOf(octets)
    if (text === undefined) this.open.add(octets)
    else this.open.addText(text)
  }

  takesDocument(): boolean {
    return false
  }

  addDocument(element: Element): void {
    this.open.add(element)
  }

  close(): void {
    const element = this.open.close()
    if (element !== undefined) this.root = element
  }
}
