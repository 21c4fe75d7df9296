/**
 * Characters, names and UTF-8 as XML knows them.
 *
 * @layer codec
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The UTF-8 octets of `text`. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** The text of UTF-8 `octets`, a byte order mark kept; `undefined` where they are not UTF-8. */
export const utf8Decode = (octets: Uint8Array): string | undefined => {
  try {
    return decoder.decode(octets)
  } catch {
    return undefined
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that XML does not have, unpaired surrogates among them
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/u

/**
 * Whether all characters of `text` are characters of XML 1.0.
 *
 * @spec XML 1.0 section 2.2
 */
export const isXmlText = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return !notXml.test(text)
  }
  return true
}

/** Whether `code` is white space of XML. */
const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9

/** Whether `text` is empty or white space. */
export const isBlank = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (!isSpace(text.charCodeAt(i))) return false
  return true
}

/** `text` without the white space of XML around it; other spaces of Unicode stay. */
export const trim = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const nameStart =
  "A-Z_a-z\\u{c0}-\\u{d6}\\u{d8}-\\u{f6}\\u{f8}-\\u{2ff}\\u{370}-\\u{37d}\\u{37f}-\\u{1fff}\\u{200c}-\\u{200d}" +
  "\\u{2070}-\\u{218f}\\u{2c00}-\\u{2fef}\\u{3001}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{fffd}\\u{10000}-\\u{effff}"
const asciiName = /^[A-Za-z_][A-Za-z0-9_.-]*$/
const ncName = new RegExp(`^[${nameStart}][${nameStart}\\-.0-9\\u{b7}\\u{300}-\\u{36f}\\u{203f}-\\u{2040}]*$`, "u")

/**
 * Whether `name` is a name without a colon.
 *
 * @spec Namespaces in XML 1.0, NCName
 */
export const isName = (name: string): boolean => asciiName.test(name) || ncName.test(name)
