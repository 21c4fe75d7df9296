/**
 * What every codec of this package fails with.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/**
 * Octets or text that are not what they should be. `what` names the structure, `offset` the place where reading stopped
 * (octets, or characters of a text), `clause` the rule that was not met. It quotes none of the input.
 */
export class Malformed extends Data.TaggedError("Malformed")<{
  readonly what: string
  readonly offset: number
  readonly detail: string
  readonly clause: string
}> {
  override get message(): string {
    return `${this.what} at ${this.offset}: ${this.detail} (${this.clause})`
  }
}

/** A value that the wire form cannot carry: the caller's mistake. */
export class Unencodable extends Data.TaggedError("Unencodable")<{
  readonly what: string
  readonly detail: string
  readonly clause: string
}> {
  override get message(): string {
    return `${this.what}: ${this.detail} (${this.clause})`
  }
}

/** A failed `Result` with `Malformed`. */
export const malformed = (
  what: string,
  offset: number,
  detail: string,
  clause: string
): Result.Result<never, Malformed> => Result.fail(new Malformed({ what, offset, detail, clause }))

/** A failed `Result` with `Unencodable`. */
export const unencodable = (what: string, detail: string, clause: string): Result.Result<never, Unencodable> =>
  Result.fail(new Unencodable({ what, detail, clause }))
