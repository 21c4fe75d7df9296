/**
 * Service Loading (SL): an address for the terminal to load by itself, in its textual and its binary form.
 *
 * @spec WAP-168-ServiceLoad 7, 8 (recalled, checked against a gateway and a dissector)
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable } from "./Malformed.ts"
import { decodeWbxml, encodeWbxml, type WbxmlLimits, type WbxmlTable } from "./Wbxml.ts"
import { element, parseXml, writeXml, type XmlElement, type XmlLimits } from "./Xml.ts"

export type SlAction = "execute-low" | "execute-high" | "cache"

export interface ServiceLoading {
  /** The address to load. */
  readonly href: string
  /** Default execute-low. */
  readonly action?: SlAction
}

const clause = "WAP-168"
const actions: ReadonlyArray<SlAction> = ["execute-low", "execute-high", "cache"]
const doctype = 'sl PUBLIC "-//WAPFORUM//DTD SL 1.0//EN" "http://www.wapforum.org/DTD/sl.dtd"'

/** Tokens of SL 1.0. */
export const slTable: WbxmlTable = {
  publicId: 0x06,
  tags: [[0x05, "sl"]],
  attributes: [
    [0x05, "action", "execute-low"],
    [0x06, "action", "execute-high"],
    [0x07, "action", "cache"],
    [0x08, "href", ""],
    [0x09, "href", "http://"],
    [0x0a, "href", "http://www."],
    [0x0b, "href", "https://"],
    [0x0c, "href", "https://www."]
  ],
  values: [
    [0x85, ".com/"],
    [0x86, ".edu/"],
    [0x87, ".net/"],
    [0x88, ".org/"]
  ],
  times: new Set()
}

const fromXml = (root: XmlElement): Result.Result<ServiceLoading, Malformed> => {
  const href = root.attributes.get("href")
  const spelled = root.attributes.get("action")
  const action = actions.find((known) => known === spelled)
  if (root.name !== "sl" || href === undefined) return malformed("SL", 0, "no address to load", clause)
  if (spelled !== undefined && action === undefined) return malformed("SL", 0, "no such action", clause)
  return Result.succeed({ href, ...(action !== undefined ? { action } : {}) })
}

const toXml = ({ href, action }: ServiceLoading): XmlElement => element("sl", { href, action })

/** What a document of type text/vnd.wap.sl asks for. */
export const decodeSl = (octets: Uint8Array, limits?: XmlLimits): Result.Result<ServiceLoading, Malformed> =>
  Result.flatMap(parseXml(octets, limits), ({ root }) => fromXml(root))

/** A document of type text/vnd.wap.sl. */
export const encodeSl = (sl: ServiceLoading): Result.Result<Uint8Array, Unencodable> => writeXml(toXml(sl), doctype)

/** What a document of type application/vnd.wap.slc asks for. */
export const decodeSlc = (octets: Uint8Array, limits?: WbxmlLimits): Result.Result<ServiceLoading, Malformed> =>
  Result.flatMap(decodeWbxml(octets, slTable, limits), fromXml)

/** A document of type application/vnd.wap.slc. */
export const encodeSlc = (sl: ServiceLoading): Result.Result<Uint8Array, Unencodable> => encodeWbxml(toXml(sl), slTable)
