/**
 * The XML representation: octets to message and back.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { defaultLimits, type Limits, Malformed, TooLarge, Unencodable } from "./Malformed.ts"
import * as MessageWriter from "./MessageWriter.ts"
import type { SyncMl } from "./SyncMl.ts"
import * as XmlReader from "./XmlReader.ts"
import { XmlWriter } from "./XmlWriter.ts"

/** The character sets that are read. */
export type Charset = "utf-8" | "us-ascii" | "iso-8859-1"

const charsets: ReadonlyMap<string, Charset> = new Map([
  ["utf-8", "utf-8"],
  ["utf8", "utf-8"],
  ["us-ascii", "us-ascii"],
  ["ascii", "us-ascii"],
  ["iso-8859-1", "iso-8859-1"],
  ["latin1", "iso-8859-1"]
])

/** The character set called `name`, in any letter case; `undefined` for one that is not read. */
export const charsetOf = (name: string): Charset | undefined => charsets.get(name.toLowerCase())

const characterSet = (clause: string) => new Malformed({ reason: "character set", clause, path: "", offset: 0 })

const singleOctets = (octets: Uint8Array, highest: number): string | undefined => {
  let out = ""
  for (let i = 0; i < octets.length; i++) {
    if (octets[i]! > highest) return undefined
    out += String.fromCharCode(octets[i]!)
  }
  return out
}

/** The character set that the XML declaration at the start of `octets` names, as it is written. */
const declaredEncoding = (octets: Uint8Array): string | undefined => {
  if (octets[0] !== 0x3c || octets[1] !== 0x3f) return undefined
  let head = ""
  for (let i = 0; i < octets.length && i < 256 && octets[i] !== 0x3e; i++) head += String.fromCharCode(octets[i]!)
  return /^<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']/.exec(head)?.[1]
}

const decodeText = (octets: Uint8Array, fallback: Charset): string | Malformed => {
  const hasMark = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf
  const document = hasMark ? octets.subarray(3) : octets
  const name = declaredEncoding(document)
  const charset = name === undefined ? fallback : charsetOf(name)
  if (charset === undefined) return characterSet("only UTF-8, US-ASCII and ISO-8859-1 are read")
  const text =
    charset === "utf-8" || hasMark
      ? Bytes.utf8Decode(document)
      : singleOctets(document, charset === "us-ascii" ? 0x7f : 0xff)
  return text ?? characterSet(`the octets are not ${charset}`)
}

/**
 * The message in the XML document `octets`.
 *
 * Read are UTF-8 and, where the declaration (or `charset`, from the media type, where there is no declaration) says so,
 * US-ASCII and ISO-8859-1. Refused are document types, entities beyond the five predefined ones and processing instructions.
 *
 * **Tolerated** namespaces in any letter case or missing, prefixes, any order of elements, comments, a missing CmdID,
 * MsgRef or CmdRef in Status.
 *
 * **Fails** with `Malformed` and the place of the fault, or with `TooLarge` before the work beyond a limit is done. Time and
 * memory grow with the length of `octets` and no faster.
 *
 * @spec DM RepPro; limits by our own choice
 */
export const decode = (
  octets: Uint8Array,
  limits: Limits = defaultLimits,
  charset: Charset = "utf-8"
): Result.Result<SyncMl, Malformed | TooLarge> => {
  if (octets.length > limits.bytes) {
    return Result.fail(new TooLarge({ limit: "bytes", max: limits.bytes, offset: limits.bytes }))
  }
  const text = decodeText(octets, charset)
  if (typeof text !== "string") return Result.fail(text)
  try {
    return Result.succeed(XmlReader.read(text, limits))
  } catch (fault) {
    if (fault instanceof Malformed || fault instanceof TooLarge) return Result.fail(fault)
    throw fault
  }
}

/**
 * `message` as a UTF-8 XML document with an XML declaration. Octets go out in base64 under Format `b64`.
 *
 * **Fails** with `Unencodable` for characters that XML does not have, for an `Invalid` command and for an empty identifier.
 */
export const encode = (message: SyncMl): Result.Result<Uint8Array, Unencodable> => {
  try {
    const writer = new XmlWriter(message.hdr.verDtd)
    MessageWriter.write(writer, message)
    return Result.succeed(writer.finish())
  } catch (fault) {
    if (fault instanceof Unencodable) return Result.fail(fault)
    throw fault
  }
}
