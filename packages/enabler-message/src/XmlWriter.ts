/**
 * A tree to XML text: namespaces as defaults, everything escaped that a reader would change.
 *
 * @layer codec
 */
import type { Element } from "./Element.ts"

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;"
}

const inText = (text: string): string => (/[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (c) => escapes[c]!) : text)
const inAttribute = (text: string): string =>
  /[&<>"\t\n\r]/.test(text) ? text.replace(/[&<>"\t\n\r]/g, (c) => escapes[c]!) : text

/** `element` where `outer` is the default namespace. Its depth is that of a table, so that recursion ends. */
export const writeElement = (element: Element, outer: string): string => {
  const { namespace, name, attributes, children, text } = element
  let out = `<${name}`
  if (namespace !== outer) out += ` xmlns="${inAttribute(namespace)}"`
  for (const [attribute, value] of attributes) out += ` ${attribute}="${inAttribute(value)}"`
  if (children.length === 0 && text === "") return `${out}/>`
  out += `>${inText(text)}`
  for (const child of children) out += writeElement(child, namespace)
  return `${out}</${name}>`
}

/** The document under `root`. */
export const writeDocument = (root: Element): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${writeElement(root, "")}\n`
