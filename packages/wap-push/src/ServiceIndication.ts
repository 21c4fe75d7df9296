/**
 * Service Indication (SI): a notification with a text and an address to load, in its textual and its binary form.
 *
 * @spec WAP-167-ServiceInd 7, 8 (recalled, checked against gateways and a dissector)
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable } from "./Malformed.ts"
import * as Timestamp from "./Timestamp.ts"
import { decodeWbxml, encodeWbxml, type WbxmlLimits, type WbxmlTable } from "./Wbxml.ts"
import { element, parseXml, writeXml, type XmlElement, type XmlLimits } from "./Xml.ts"

export type SiAction = "signal-none" | "signal-low" | "signal-medium" | "signal-high" | "delete"

export interface ServiceIndication {
  readonly text: string
  /** The address of the service. */
  readonly href?: string
  /** Default: the same as `href`. */
  readonly siId?: string
  /** Default signal-medium. */
  readonly action?: SiAction
  /** Milliseconds since 1970-01-01 UTC, whole seconds. */
  readonly created?: number
  /** Milliseconds since 1970-01-01 UTC, whole seconds. */
  readonly siExpires?: number
  readonly info?: ReadonlyArray<{ readonly class: string; readonly text: string }>
}

const clause = "WAP-167"
const actions: ReadonlyArray<SiAction> = ["signal-none", "signal-low", "signal-medium", "signal-high", "delete"]
const doctype = 'si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd"'

/** Tokens of SI 1.0. */
export const siTable: WbxmlTable = {
  publicId: 0x05,
  tags: [
    [0x05, "si"],
    [0x06, "indication"],
    [0x07, "info"],
    [0x08, "item"]
  ],
  attributes: [
    [0x05, "action", "signal-none"],
    [0x06, "action", "signal-low"],
    [0x07, "action", "signal-medium"],
    [0x08, "action", "signal-high"],
    [0x09, "action", "delete"],
    [0x0a, "created", ""],
    [0x0b, "href", ""],
    [0x0c, "href", "http://"],
    [0x0d, "href", "http://www."],
    [0x0e, "href", "https://"],
    [0x0f, "href", "https://www."],
    [0x10, "si-expires", ""],
    [0x11, "si-id", ""],
    [0x12, "class", ""]
  ],
  values: [
    [0x85, ".com/"],
    [0x86, ".edu/"],
    [0x87, ".net/"],
    [0x88, ".org/"]
  ],
  times: new Set(["created", "si-expires"])
}

const fromXml = (root: XmlElement): Result.Result<ServiceIndication, Malformed> => {
  const refused = (detail: string) => malformed("SI", 0, detail, clause)
  const indications = root.children.filter(({ name }) => name === "indication")
  const [indication] = indications
  if (root.name !== "si" || indications.length !== 1 || indication === undefined) return refused("not one indication")
  const { attributes } = indication
  const [href, siId, spelled] = ["href", "si-id", "action"].map((name) => attributes.get(name))
  const action = actions.find((known) => known === spelled)
  if (spelled !== undefined && action === undefined) return refused("no such action")
  const times: { created?: number; siExpires?: number } = {}
  for (const [name, key] of [
    ["created", "created"],
    ["si-expires", "siExpires"]
  ] as const) {
    const text = attributes.get(name)
    const time = text === undefined ? undefined : Timestamp.parse(text)
    if (text !== undefined && time === undefined) return refused(`${name} is no UTC time`)
    if (time !== undefined) times[key] = time
  }
  const info = root.children
    .filter(({ name }) => name === "info")
    .flatMap(({ children }) => children.filter(({ name }) => name === "item"))
    .map((item) => ({ class: item.attributes.get("class") ?? "", text: item.text }))
  return Result.succeed({
    text: indication.text,
    ...(href !== undefined ? { href } : {}),
    ...(siId !== undefined ? { siId } : {}),
    ...(action !== undefined ? { action } : {}),
    ...times,
    ...(info.length > 0 ? { info } : {})
  })
}

const toXml = (si: ServiceIndication): XmlElement => {
  const time = (at: number | undefined) => (at === undefined ? undefined : Timestamp.format(at))
  const attributes = {
    href: si.href,
    created: time(si.created),
    "si-expires": time(si.siExpires),
    "si-id": si.siId,
    action: si.action
  }
  const info = (si.info ?? []).map((item) => element("item", { class: item.class }, [], item.text))
  return element("si", {}, [
    element("indication", attributes, [], si.text),
    ...(info.length > 0 ? [element("info", {}, info)] : [])
  ])
}

/** The indication in a document of type text/vnd.wap.si. */
export const decodeSi = (octets: Uint8Array, limits?: XmlLimits): Result.Result<ServiceIndication, Malformed> =>
  Result.flatMap(parseXml(octets, limits), ({ root }) => fromXml(root))

/** A document of type text/vnd.wap.si. */
export const encodeSi = (si: ServiceIndication): Result.Result<Uint8Array, Unencodable> => writeXml(toXml(si), doctype)

/** The indication in a document of type application/vnd.wap.sic. */
export const decodeSic = (octets: Uint8Array, limits?: WbxmlLimits): Result.Result<ServiceIndication, Malformed> =>
  Result.flatMap(decodeWbxml(octets, siTable, limits), fromXml)

/** A document of type application/vnd.wap.sic. */
export const encodeSic = (si: ServiceIndication): Result.Result<Uint8Array, Unencodable> =>
  encodeWbxml(toXml(si), siTable)
