/**
 * Messages by media type: which representation, and the octets kept beside what they say.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import type { Limits, Malformed, TooLarge, Unencodable } from "./Malformed.ts"
import { defaultLimits } from "./Malformed.ts"
import type { SyncMl } from "./SyncMl.ts"
import * as Wbxml from "./Wbxml.ts"
import * as Xml from "./Xml.ts"

/** The two representations. */
export type Representation = "xml" | "wbxml"

/** A media type of SyncML. The answer goes out in the type of the request. */
export interface MediaType {
  readonly name: string
  readonly representation: Representation
  /** Of the `charset` parameter; counts where an XML document declares none. */
  readonly charset?: Xml.Charset
}

/** The media types that are read: those of DM, and the general ones that a DM client was seen to send. */
export const mediaTypes: ReadonlyMap<string, Representation> = new Map([
  ["application/vnd.syncml.dm+xml", "xml"],
  ["application/vnd.syncml.dm+wbxml", "wbxml"],
  ["application/vnd.syncml+xml", "xml"],
  ["application/vnd.syncml+wbxml", "wbxml"]
])

/**
 * The media type of a Content-Type header, or `undefined` where it is none of SyncML or names a character set that is not
 * read. Other parameters are passed over.
 *
 * @spec DM Security: media types; the general ones from a deployed client
 */
export const mediaType = (contentType: string): MediaType | undefined => {
  const [type = "", ...parameters] = contentType.split(";", 16)
  const name = type.trim().toLowerCase()
  const representation = mediaTypes.get(name)
  if (representation === undefined) return undefined
  for (const parameter of parameters) {
    const [key = "", value = ""] = parameter.split("=", 2)
    if (key.trim().toLowerCase() !== "charset") continue
    const charset = Xml.charsetOf(value.trim().replace(/^"(.*)"$/, "$1"))
    return charset === undefined ? undefined : { name, representation, charset }
  }
  return { name, representation }
}

/** A message as received: what it says, and the octets over which a MAC is checked. */
export interface Received {
  readonly message: SyncMl
  readonly representation: Representation
  /** Exactly the octets that were decoded. The message may hold views into them. */
  readonly octets: Uint8Array
}

/**
 * The message in `octets`, by its representation or media type.
 *
 * **Fails** as `Xml.decode` and `Wbxml.decode` do.
 */
export const decode = (
  as: Representation | MediaType,
  octets: Uint8Array,
  limits: Limits = defaultLimits
): Result.Result<Received, Malformed | TooLarge> => {
  const representation = typeof as === "string" ? as : as.representation
  const charset = typeof as === "string" ? undefined : as.charset
  const message = representation === "xml" ? Xml.decode(octets, limits, charset) : Wbxml.decode(octets, limits)
  return Result.map(message, (message) => ({ message, representation, octets }))
}

/**
 * `message` in a representation or media type. XML goes out in UTF-8.
 *
 * **Fails** as `Xml.encode` and `Wbxml.encode` do.
 */
export const encode = (as: Representation | MediaType, message: SyncMl): Result.Result<Uint8Array, Unencodable> =>
  (typeof as === "string" ? as : as.representation) === "xml" ? Xml.encode(message) : Wbxml.encode(message)
