/**
 * What can be wrong with an HTTP Digest header field before any secret is looked at.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/**
 * A header field that does not parse, or a value that no header field can carry. `offset` is the code unit where it was
 * noticed; `clause` names the sentence that was not met. No value of the field is kept.
 */
export class DigestMalformed extends Data.TaggedError("DigestMalformed")<{
  readonly why: string
  readonly clause: string
  readonly offset: number
}> {}
