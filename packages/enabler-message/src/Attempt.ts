/**
 * Work that stops by throwing a declared fault, as a `Result`.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { Malformed, TooLarge, Unencodable } from "./Fault.ts"

/** What `read` gives, or the fault of the document. */
export const reading = <A>(read: () => A): Result.Result<A, Malformed | TooLarge> => {
  try {
    return Result.succeed(read())
  } catch (fault) {
    if (fault instanceof Malformed || fault instanceof TooLarge) return Result.fail(fault)
    throw fault
  }
}

/** What `write` gives, or the mistake in the value. */
export const writing = <A>(write: () => A): Result.Result<A, Unencodable | TooLarge> => {
  try {
    return Result.succeed(write())
  } catch (fault) {
    if (fault instanceof Unencodable || fault instanceof TooLarge) return Result.fail(fault)
    throw fault
  }
}
