/**
 * What can be wrong with the names, keys and documents of GBA before any secret is looked at.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** A name, an identifier or a document that the specification does not have. No secret and no whole document is in here. */
export class MalformedGba extends Data.TaggedError("MalformedGba")<{
  /** What was to be read, such as `IMPI` or `BootstrappingInfo`. */
  readonly what: string
  readonly why: string
  readonly clause: string
}> {}

/** A parameter of the key derivation is longer than its two length octets can say. */
export class ParameterTooLong extends Data.TaggedError("ParameterTooLong")<{
  /** The place of the parameter, from 0. */
  readonly index: number
  /** Octets. */
  readonly length: number
}> {}
