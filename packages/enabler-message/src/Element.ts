/**
 * A document as a tree of elements: what both representations are read into and written from.
 *
 * @layer codec
 */

export interface Element {
  readonly namespace: string
  /** Without prefix. Empty for a WBXML token that the code pages do not have. */
  readonly name: string
  /** Without namespace declarations; a name with a prefix is as the document spells it. */
  readonly attributes: ReadonlyMap<string, string>
  readonly children: ReadonlyArray<Element>
  /** Its own characters, those of its children left out. */
  readonly text: string
  /** OPAQUE octets of WBXML. An element that has them has no text. */
  readonly octets?: Uint8Array
  /** Characters from the start of an XML document to its `<` and behind its last `>`. */
  readonly span?: readonly [start: number, end: number]
}

/** No attributes. */
export const noAttributes: ReadonlyMap<string, string> = new Map()

/** An element without anything in it, or with text. */
export const leaf = (namespace: string, name: string, text = ""): Element => ({
  namespace,
  name,
  attributes: noAttributes,
  children: [],
  text
})
