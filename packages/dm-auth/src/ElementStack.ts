/**
 * Builds generic elements from their begins, contents and ends.
 *
 * @layer codec
 */
import type { Attributes, Element, Namespace } from "./Element.ts"
import { isBlank } from "./XmlText.ts"

interface Open {
  readonly name: string
  readonly namespace: Namespace
  readonly attributes: Attributes | undefined
  readonly content: Array<Element | string | Uint8Array>
  hasElements: boolean
}

export class ElementStack {
  private readonly stack: Array<Open> = []
  /** Whether no element is open. */
  isEmpty = true

  get size(): number {
    return this.stack.length
  }

  names(): ReadonlyArray<string> {
    return this.stack.map(({ name }) => name)
  }

  clear(): void {
    this.stack.length = 0
    this.isEmpty = true
  }

  open(name: string, namespace: Namespace, attributes: Attributes | undefined): void {
    this.stack.push({ name, namespace, attributes, content: [], hasElements: false })
    this.isEmpty = false
  }

  addText(text: string): void {
    const { content } = this.stack[this.stack.length - 1]!
    const last = content.length - 1
    const before = content[last]
    if (typeof before === "string") content[last] = before + text
    else content.push(text)
  }

  add(part: Element | Uint8Array): void {
    const open = this.stack[this.stack.length - 1]!
    open.content.push(part)
    if (!(part instanceof Uint8Array)) open.hasElements = true
  }

  /** Ends the open element, and gives it where it was the outermost. White space between elements is dropped. */
  close(): Element | undefined {
    const { name, namespace, attributes, content: all, hasElements } = this.stack.pop()!
    const content = hasElements ? all.filter((part) => typeof part !== "string" || !isBlank(part)) : all
    const element: Element =
      attributes === undefined ? { name, namespace, content } : { name, namespace, attributes, content }
    this.isEmpty = this.stack.length === 0
    if (this.isEmpty) return element
    this.add(element)
    return undefined
  }
}
