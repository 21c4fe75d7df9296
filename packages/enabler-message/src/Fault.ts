/**
 * What reading and writing fail with, and the bounds of a reader.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** What kind of fault it is. */
export type MalformedReason =
  /** Not well-formed XML or WBXML: a broken tag, a truncated document, a bad token. */
  | "syntax"
  /** Octets that are not UTF-8, or another character set declared. */
  | "character set"
  /** A document type declaration, XML 1.1, a WBXML extension or processing instruction. */
  | "forbidden construct"
  /** A root element, namespace or public identifier of another protocol. */
  | "another protocol"
  /** A `Message-Type` that the protocol does not have. */
  | "unknown message"
  | "missing element"
  | "repeated element"
  /** A value, an attribute or a content that is not of the type of its element. */
  | "wrong type"
  /** Each element is right by itself, and they contradict each other. */
  | "broken rule"

/**
 * The octets are no message of the protocol. It quotes nothing of them but names that the tables have and, apart from the
 * text of the error, `correlation`.
 *
 * `path` leads from the message to the fault: `ContentUpdateResponse/Content-Package[2]/Content-ID`; it begins with the name
 * of the message as soon as that is known, so that the receiver can answer in the right form. It is empty before that.
 */
export class Malformed extends Data.TaggedError("Malformed")<{
  readonly reason: MalformedReason
  readonly path: string
  /** The rule that was not met. */
  readonly clause: string
  /** Characters (XML) or octets (WBXML) from the start of the document; not there where the fault has no single place. */
  readonly offset?: number
  /** What the document has in the element that responses repeat, see `Protocol.correlation`: for the answer, not for a log. */
  readonly correlation?: string
}> {
  override get message(): string {
    const place = this.offset === undefined ? "" : ` (offset ${this.offset})`
    return `${this.reason} at ${this.path === "" ? "the start" : this.path}${place}: ${this.clause}`
  }
}

/** The bounds of a document, read or written. */
export interface Limits {
  /** Octets of the document. */
  readonly bytes: number
  /** Elements inside each other, the root included. */
  readonly depth: number
  /** Elements in all. */
  readonly elements: number
  /** Attributes of one element, namespace declarations included. */
  readonly attributes: number
  /**
   * Characters (XML) or octets (WBXML) of all text and attributes together, white space between elements included and
   * references to the WBXML string table replaced: a small table that is used often does not swell into a large message.
   */
  readonly text: number
}

/** 1 MiB, 16 levels, 16,384 elements, 32 attributes, 1 MiB of text. */
export const defaultLimits: Limits = {
  bytes: 1_048_576,
  depth: 16,
  elements: 16_384,
  attributes: 32,
  text: 1_048_576
}

/** A bound was reached; nothing beyond it was looked at. */
export class TooLarge extends Data.TaggedError("TooLarge")<{
  readonly limit: keyof Limits
  readonly max: number
}> {
  override get message(): string {
    return `more than ${this.max} ${this.limit}`
  }
}

/** A value that has no form on the wire: the mistake of the caller. It quotes no value. */
export class Unencodable extends Data.TaggedError("Unencodable")<{
  readonly path: string
  readonly clause: string
}> {
  override get message(): string {
    return `${this.path}: ${this.clause}`
  }
}
