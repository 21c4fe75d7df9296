/**
 * One pass over the code units of an authentication header field: tokens, quoted-strings, `name=value` parameters and
 * schemes. No regular expression, one look-ahead a scheme (token68 or parameter?); work is linear in the length, and
 * the length is bounded first.
 *
 * A field is a text whose code units are octets (0-255), as HTTP libraries hand it over.
 *
 * @layer codec
 * @spec RFC 9110 5.6 (token, quoted-string, lists), 11.2-11.4 (challenges, credentials)
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { DigestMalformed } from "./DigestError.ts"

/** Bounds of one header field. Every one is hit before the work that it bounds. */
export interface FieldLimits {
  /** Code units in all fields of a message together. */
  readonly maxLength: number
  /** Parameters of one challenge or one set of credentials. */
  readonly maxParameters: number
  /** Challenges in all fields of a message together. */
  readonly maxChallenges: number
}

/** 8 KiB, 32 parameters, 16 challenges: the whole header section of most servers is bounded by 8 or 16 KiB. */
export const defaultFieldLimits: FieldLimits = { maxLength: 8192, maxParameters: 32, maxChallenges: 16 }

const tchar = 1
const token68 = 2
const qdtext = 4
const escapable = 8
const classes = new Uint8Array(256)
for (let i = 0; i < 256; i++) {
  const alphanumeric = (i >= 48 && i <= 57) || (i >= 65 && i <= 90) || (i >= 97 && i <= 122)
  if (alphanumeric || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(i))) classes[i]! |= tchar
  if (alphanumeric || "-._~+/".includes(String.fromCharCode(i))) classes[i]! |= token68
  const text = i === 9 || (i >= 32 && i !== 127)
  if (text) classes[i]! |= escapable
  if (text && i !== 34 && i !== 92) classes[i]! |= qdtext
}
/** Classes of a code unit; none over 255, where reading past the table gives `undefined`, which `|` makes 0. */
const classOf = (code: number): number => classes[code]! | 0

/** Whether `text` is a token: one or more of the characters that need no quotes. */
export const isToken = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if ((classOf(text.charCodeAt(i)) & tchar) === 0) return false
  return text.length > 0
}

/** Whether every code unit is a printable US-ASCII character or a space. */
export const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code > 126) return false
  }
  return true
}

/**
 * `text` as a quoted-string, or `undefined` where it holds a character that none can carry (a control character, or a
 * code unit over 255).
 */
export const quote = (text: string): string | undefined => {
  let out = '"'
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const kind = classOf(text.charCodeAt(i))
    if ((kind & escapable) === 0) return undefined
    if ((kind & qdtext) === 0) {
      out += `${text.slice(from, i)}\\`
      from = i
    }
  }
  return `${out + text.slice(from)}"`
}

/** `text` as a quoted-string of printable US-ASCII, or `undefined` where it holds anything else. */
export const quoteAscii = (text: string): string | undefined => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code > 126) return undefined
    if (code === 34 || code === 92) return isAscii(text) ? quote(text) : undefined
  }
  return `"${text}"`
}

/** Text as the octets of its UTF-8 form, one code unit each: how a header field carries it. */
export const toFieldText = (text: string): string => {
  if (isAscii(text)) return text
  let out = ""
  for (const octet of Bytes.utf8(text)) out += String.fromCharCode(octet)
  return out
}

/** The octets of field text, one for each code unit. */
export const fieldOctets = (text: string): Uint8Array => {
  const octets = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i)
  return octets
}

/** Field text read as UTF-8 where it is UTF-8, else as ISO 8859-1: the two encodings that clients send. */
export const fromFieldText = (text: string): string =>
  isAscii(text) ? text : (Bytes.utf8Decode(fieldOctets(text)) ?? text)

/**
 * Reads one field from left to right. A `read...` answers `false` where the text is not what was asked for and leaves
 * the reason in `fault`; what was read lies in `name`, `value`, `quoted` and `escaped` until the next call.
 */
export class FieldScanner {
  readonly text: string
  at = 0
  /** Lower-case parameter name or scheme. */
  name = ""
  value = ""
  /** Whether `value` stood in quotes. */
  quoted = false
  /** Whether a quoted-pair was undone in `value`. */
  escaped = false
  /** Whether `value` is printable US-ASCII throughout. */
  plain = true
  fault: DigestMalformed | undefined = undefined

  constructor(text: string) {
    this.text = text
  }

  fail(why: string, clause: string): false {
    this.fault = new DigestMalformed({ why, clause, offset: this.at })
    return false
  }

  get ended(): boolean {
    return this.at >= this.text.length
  }

  skipSpace(): void {
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 32 && code !== 9) return
      this.at++
    }
  }

  /** Skips white space and list commas, empty elements included. */
  skipCommas(): void {
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 32 && code !== 9 && code !== 44) return
      this.at++
    }
  }

  /** A token into `name`, lower case. */
  readName(): boolean {
    const { at: from, text } = this
    let upper = false
    let i = from
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if ((classOf(code) & tchar) === 0) break
      if (code >= 65 && code <= 90) upper = true
    }
    this.at = i
    if (i === from) return this.fail("a token was expected", "RFC 9110 5.6.2")
    const token = text.slice(from, i)
    this.name = upper ? token.toLowerCase() : token
    return true
  }

  /** `BWS "=" BWS ( token / quoted-string )` into `value`. The name has been read. */
  readValue(): boolean {
    this.skipSpace()
    if (this.text.charCodeAt(this.at) !== 61) return this.fail("an equals sign was expected", "RFC 9110 11.2")
    this.at++
    this.skipSpace()
    return this.text.charCodeAt(this.at) === 34 ? this.readQuoted() : this.readToken()
  }

  private readToken(): boolean {
    const { at: from, text } = this
    let i = from
    while (i < text.length && (classOf(text.charCodeAt(i)) & tchar) !== 0) i++
    this.at = i
    if (i === from) return this.fail("a value was expected", "RFC 9110 11.2")
    this.value = text.slice(from, i)
    this.quoted = false
    this.escaped = false
    this.plain = true
    return true
  }

  private readQuoted(): boolean {
    const { text } = this
    let from = this.at + 1
    let out = ""
    let plain = true
    let i = from
    this.quoted = true
    this.escaped = false
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if ((classOf(code) & qdtext) !== 0) {
        if (code > 126 || code === 9) plain = false
        continue
      }
      if (code === 34) {
        this.value = out === "" ? text.slice(from, i) : out + text.slice(from, i)
        this.plain = plain
        this.at = i + 1
        return true
      }
      const kept = i + 1 < text.length ? text.charCodeAt(i + 1) : 0
      if (code !== 92 || (classOf(kept) & escapable) === 0) {
        this.at = i
        return this.fail("a quoted-string holds a character that it cannot carry", "RFC 9110 5.6.4")
      }
      if (kept > 126 || kept === 9) plain = false
      out += text.slice(from, i)
      from = i + 1
      this.escaped = true
      i++
    }
    this.at = i
    return this.fail("a quoted-string does not end", "RFC 9110 5.6.4")
  }

  /** After a parameter: the end, or a comma with whatever empty elements follow it. */
  readSeparator(): boolean {
    this.skipSpace()
    if (this.ended) return true
    if (this.text.charCodeAt(this.at) !== 44) return this.fail("a comma was expected", "RFC 9110 5.6.1")
    this.skipCommas()
    return true
  }

  /** Skips a token68 that stands alone after a scheme. Answers whether there was one. */
  skipToken68(): boolean {
    let i = this.at
    while (i < this.text.length && (classOf(this.text.charCodeAt(i)) & token68) !== 0) i++
    if (i === this.at) return false
    while (this.text.charCodeAt(i) === 61) i++
    let end = i
    while (this.text.charCodeAt(end) === 32 || this.text.charCodeAt(end) === 9) end++
    if (end < this.text.length && this.text.charCodeAt(end) !== 44) return false
    this.at = i
    return true
  }
}
