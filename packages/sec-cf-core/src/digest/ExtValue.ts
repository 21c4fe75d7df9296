/**
 * The extended notation `UTF-8''percent-encoded` of `username*`.
 *
 * @layer codec
 * @spec RFC 5987 3.2 (RFC 8187 3.2); RFC 7616 3.4 (username*)
 */
import { Bytes } from "@oma/sa-policy/bytes"

const attributeCharacters = new Uint8Array(128)
for (let i = 0; i < 128; i++) {
  const alphanumeric = (i >= 48 && i <= 57) || (i >= 65 && i <= 90) || (i >= 97 && i <= 122)
  if (alphanumeric || "!#$&+-.^_`|~".includes(String.fromCharCode(i))) attributeCharacters[i] = 1
}

/** `text` in extended notation, always UTF-8 and without a language. */
export const encode = (text: string): string => {
  let out = "UTF-8''"
  for (const octet of Bytes.utf8(text)) {
    out +=
      octet < 128 && attributeCharacters[octet] === 1
        ? String.fromCharCode(octet)
        : `%${Bytes.toHex(Uint8Array.of(octet)).toUpperCase()}`
  }
  return out
}

/**
 * The text of an extended value, or `undefined` where it is none: another charset than UTF-8 (the only one that RFC
 * 7616 names), a missing apostrophe, a bad escape, octets that are not UTF-8. The language is passed over.
 */
export const decode = (value: string): string | undefined => {
  const charsetEnd = value.indexOf("'")
  const languageEnd = charsetEnd < 0 ? -1 : value.indexOf("'", charsetEnd + 1)
  if (languageEnd < 0 || value.slice(0, charsetEnd).toLowerCase() !== "utf-8") return undefined
  const octets = new Uint8Array(value.length - languageEnd - 1)
  let length = 0
  for (let i = languageEnd + 1; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 37) {
      const octet = Bytes.fromHex(value.slice(i + 1, i + 3))
      if (octet === undefined || octet.length !== 1) return undefined
      octets[length++] = octet[0]!
      i += 2
    } else if (code < 128 && attributeCharacters[code] === 1) {
      octets[length++] = code
    } else return undefined
  }
  return Bytes.utf8Decode(octets.subarray(0, length))
}
