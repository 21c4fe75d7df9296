/**
 * What reading profiles fails with.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** A document or header that is no profile. It quotes nothing of it. */
export class MalformedProfile extends Data.TaggedError("MalformedProfile")<{
  readonly why: string
  readonly clause: string
}> {
  override get message(): string {
    return `${this.why} (${this.clause})`
  }
}
