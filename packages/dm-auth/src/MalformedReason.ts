/**
 * The kinds of faults in a message.
 *
 * @layer codec
 */

/** What kind of fault it is. */
export type MalformedReason =
  /** Not well-formed XML or WBXML: a broken tag, a truncated document, a bad token. */
  | "syntax"
  /** Octets that are not text in the declared character set, or a character set that is not supported. */
  | "character set"
  /** A document type declaration, a processing instruction or an entity that is not predefined. */
  | "forbidden construct"
  /** A WBXML version, public identifier or code page that is not known. */
  | "unknown vocabulary"
  | "unknown element"
  | "missing element"
  | "repeated element"
  /** A known element where the grammar does not allow it. */
  | "misplaced element"
  /** An attribute on an element that has none. */
  | "attribute"
  /** A value that is not of the type of its element. */
  | "value"
