/**
 * What can go wrong in the AKA algorithms and their parameters.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** A parameter of AKA has a length or value that the specification does not have; no key material is in here. */
export class MalformedAka extends Data.TaggedError("MalformedAka")<{
  /** The parameter by its specification name, such as `RAND`. */
  readonly parameter: string
  /** What would have been right, in words. */
  readonly expected: string
  /** What came: a length in octets, or the value where it is no secret. */
  readonly actual: number
  readonly clause: string
}> {}

/** MAC-A of an AUTN is wrong: the challenge does not come from the home network of this subscriber, or was altered. */
export class MacFailure extends Data.TaggedError("MacFailure")<{ readonly clause: string }> {}

/** MAC-S of an AUTS is wrong: no resynchronisation, the stored SQN stays. */
export class AutsRejected extends Data.TaggedError("AutsRejected")<{ readonly clause: string }> {}

/** The sequence numbers of this subscriber are used up; the subscriber needs a new K. */
export class SqnExhausted extends Data.TaggedError("SqnExhausted")<{ readonly clause: string }> {}
