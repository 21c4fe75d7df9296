/**
 * Why octets are no message.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import type { MalformedReason } from "./MalformedReason.ts"
import type { SyncHdr } from "./SyncMl.ts"

/** A header that is good enough to be answered. Credentials are not in it, so that an error never carries a secret. */
export type AnswerableHdr = Omit<SyncHdr, "cred">

/**
 * The octets are not a SyncML message.
 *
 * `hdr` is there when the header was read: the receiver can then answer with a Status 400 for it. Without it only the
 * transport can answer.
 */
export class Malformed extends Data.TaggedError("Malformed")<{
  readonly reason: MalformedReason
  /** The sentence of the specification that was not met. */
  readonly clause: string
  /** Element names from the root, separated by `/`; empty before the root. */
  readonly path: string
  /** Octets (WBXML) or characters (XML) from the start of the document to the fault. */
  readonly offset: number
  readonly hdr?: AnswerableHdr
}> {
  override get message(): string {
    return `${this.reason} at ${this.path === "" ? "the start" : this.path} (offset ${this.offset}): ${this.clause}`
  }
}

/** The bounds of a decoder. */
export interface Limits {
  /** Octets of the document. */
  readonly bytes: number
  /** Elements inside each other, the root included. */
  readonly depth: number
  /** Elements in all. */
  readonly elements: number
  /** Attributes of one element. */
  readonly attributes: number
  /**
   * Characters and octets of all text in the document together, references to the WBXML string table replaced: a small
   * table that is used often does not swell into a large message.
   */
  readonly text: number
}

/** 64 kB, 32 levels, 8,192 elements, 16 attributes, 128 kB of text. */
export const defaultLimits: Limits = { bytes: 65_536, depth: 32, elements: 8192, attributes: 16, text: 131_072 }

/** A bound was reached; nothing beyond it was looked at. `hdr` as in {@link Malformed}. */
export class TooLarge extends Data.TaggedError("TooLarge")<{
  readonly limit: keyof Limits
  readonly max: number
  readonly offset: number
  readonly hdr?: AnswerableHdr
}> {
  override get message(): string {
    return `more than ${this.max} ${this.limit} (offset ${this.offset})`
  }
}

/** A message that has no form on the wire: our own fault, not the peer's. */
export class Unencodable extends Data.TaggedError("Unencodable")<{
  readonly path: string
  readonly clause: string
}> {
  override get message(): string {
    return `${this.path}: ${this.clause}`
  }
}
