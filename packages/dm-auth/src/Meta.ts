/**
 * `Meta` and what stands in it: the MetInf vocabulary.
 *
 * @layer codec
 */
import type { Element } from "./Element.ts"
import type { NextNonce } from "./NextNonce.ts"

/** Synchronisation anchors of a database. */
export interface Anchor {
  readonly last?: string
  readonly next: string
}

/** What memory a database has left: octets and identifiers. */
export interface Mem {
  readonly sharedMem?: boolean
  readonly freeMem: number
  readonly freeId: number
}

/**
 * Meta information about a message, a command or an item. On input its children may come in any order and with or without
 * their namespace; what is not MetInf is kept in `extensions`.
 *
 * @spec dm MetInf 1.2
 */
export interface Meta {
  /** How the data is coded: `b64`, `bin`, `chr`, `int`, `node`, `xml`, ... */
  readonly format?: string
  /** What the data is: a media type, or the name of a credential type. */
  readonly type?: string
  readonly mark?: string
  /** Octets of the data object. */
  readonly size?: number
  readonly anchor?: Anchor
  readonly version?: string
  readonly nextNonce?: NextNonce
  /** The largest message, in octets, that the sender of this Meta takes. */
  readonly maxMsgSize?: number
  /** The largest single object, in octets, that the sender of this Meta takes. */
  readonly maxObjSize?: number
  readonly emi?: ReadonlyArray<string>
  readonly mem?: Mem
  readonly fieldLevel?: boolean
  readonly extensions?: ReadonlyArray<Element>
}
