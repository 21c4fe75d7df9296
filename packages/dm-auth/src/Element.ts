/**
 * A generic element: what the message grammar does not name but allows, kept so that it survives a round trip.
 *
 * @layer codec
 */

/** The namespaces of the three vocabularies, in the spelling in which they are sent. */
export type Namespace = "SYNCML:SYNCML1.2" | "syncml:metinf" | "syncml:devinf" | (string & {})

/**
 * Attributes by their names as written. `xmlns` is none of them: the namespace of the element says it, and it is not sent.
 * The prefix of an attribute's name is declared beside it, as `xmlns:prefix`.
 */
export type Attributes = Readonly<Record<string, string>>

/**
 * An element with everything in it. `content` holds child elements, text, and octets that WBXML carried as OPAQUE, in
 * their order. `namespace` is the empty string for an element in none.
 */
export interface Element {
  readonly name: string
  readonly namespace: Namespace
  readonly attributes?: Attributes
  readonly content: ReadonlyArray<Element | string | Uint8Array>
}

/** The text directly in `element`; octets and child elements are left out. */
export const text = (element: Element): string => {
  let out = ""
  for (const part of element.content) if (typeof part === "string") out += part
  return out
}

/** The first child of `element` called `name`, in whatever namespace. */
export const child = (element: Element, name: string): Element | undefined => {
  for (const part of element.content) {
    if (typeof part === "object" && "name" in part && part.name === name) return part
  }
  return undefined
}
