/**
 * Text as XML knows it.
 *
 * @layer codec
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML does not have, lone surrogates among them
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/u

/**
 * Whether `text` consists of characters that XML 1.0 allows.
 *
 * @spec XML 1.0 section 2.2
 */
export const isXmlText = (text: string): boolean => !notXml.test(text)

/** Whether `text` is empty or white space. */
export const isBlank = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return false
  }
  return true
}
