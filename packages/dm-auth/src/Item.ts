/**
 * Addresses and items: what commands name and carry.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import type { Element } from "./Element.ts"
import type { Meta } from "./Meta.ts"
import { decodeFormatted } from "./NextNonce.ts"

/**
 * Content of `Data`: text; octets, where WBXML carried an OPAQUE that is not text; or elements, where it holds markup or a
 * document such as DevInf.
 */
export type ItemData = string | Uint8Array | ReadonlyArray<Element>

/** A condition on what is taken from a database. */
export interface Filter {
  readonly meta: Meta
  readonly field?: Item
  readonly record?: Item
  readonly filterType?: string
}

/** Where something goes. */
export interface Target {
  readonly locUri: string
  readonly locName?: string
  readonly filter?: Filter
}

/** Where something comes from. In the header of a client `locName` is the user name, where it sends one. */
export interface Source {
  readonly locUri: string
  readonly locName?: string
}

/** One thing that a command acts on. */
export interface Item {
  readonly target?: Target
  readonly source?: Source
  readonly sourceParent?: string
  readonly targetParent?: string
  readonly meta?: Meta
  readonly data?: ItemData
  /** More chunks of this object follow. */
  readonly moreData?: boolean
}

/**
 * The octets that `item` carries: decoded under Format `b64`, otherwise the UTF-8 of its text or the octets as they are.
 * `undefined` without data, for markup, and for base64 that does not decode. `commandMeta` is the Meta of the command
 * around it, which speaks for items without a Format of their own.
 */
export const octets = (item: Item, commandMeta?: Meta): Uint8Array | undefined => {
  const { data } = item
  if (data === undefined || (typeof data !== "string" && !(data instanceof Uint8Array))) return undefined
  const format = item.meta?.format ?? commandMeta?.format ?? ""
  if (format.toLowerCase() === "b64") return decodeFormatted(data, format)
  return typeof data === "string" ? Bytes.utf8(data) : data
}
