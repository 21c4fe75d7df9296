/**
 * Text as XML knows it.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML does not have, lone surrogates among them
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/u

/**
 * Whether `text` consists of characters that XML 1.0 allows.
 *
 * @spec XML 1.0 section 2.2
 */
export const isXmlText = (text: string): boolean => !notXml.test(text)

/** The text whose UTF-8 `octets` are; `undefined` where they are no text of XML. */
export const textOf = (octets: Uint8Array): string | undefined => {
  const text = Bytes.utf8Decode(octets)
  return text !== undefined && isXmlText(text) ? text : undefined
}

/** Whether `text` is empty or white space. */
export const isBlank = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return false
  }
  return true
}

const nameStart =
  "A-Z_a-z\\u{c0}-\\u{d6}\\u{d8}-\\u{f6}\\u{f8}-\\u{2ff}\\u{370}-\\u{37d}\\u{37f}-\\u{1fff}\\u{200c}-\\u{200d}" +
  "\\u{2070}-\\u{218f}\\u{2c00}-\\u{2fef}\\u{3001}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{fffd}\\u{10000}-\\u{effff}"
const ncName = new RegExp(`^[${nameStart}][${nameStart}\\-.0-9\\u{b7}\\u{300}-\\u{36f}\\u{203f}-\\u{2040}]*$`, "u")

/**
 * Whether `name` is a name without a colon.
 *
 * @spec XML 1.0 section 2.3; Namespaces in XML 1.0, NCName
 */
export const isName = (name: string): boolean => ncName.test(name)

/** Whether `name` is a name with at most one prefix. */
export const isQualifiedName = (name: string): boolean => {
  const colon = name.indexOf(":")
  return colon < 0 ? isName(name) : isName(name.slice(0, colon)) && isName(name.slice(colon + 1))
}

/** Longest name that a message about a fault repeats. */
const nameLength = 64

/** A name that a peer chose, fit to be printed and sent back: of bounded length, of printable ASCII. */
export const shown = (name: string): string => name.slice(0, nameLength).replace(/[^!-~]/g, "?")
