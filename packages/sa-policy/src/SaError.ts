/**
 * The failures of `@oma/sa-policy`.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import type { ReplayRefusal } from "./ReplayWindow.ts"
import type { RevocationReason, SaId, Scope } from "./SecurityAssociation.ts"

/** No association of that name or wire identifier, and none that was revoked lately. */
export class SaNotFound extends Data.TaggedError("SaNotFound")<{ readonly id: SaId | string }> {}

/** The association ended at `hardExpiry` (milliseconds since 1970). */
export class SaExpired extends Data.TaggedError("SaExpired")<{ readonly id: SaId; readonly hardExpiry: number }> {}

/** The association was revoked. */
export class SaRevoked extends Data.TaggedError("SaRevoked")<{ readonly id: SaId; readonly why: RevocationReason }> {}

/** The association counts elsewhere: for another enabler, interface or direction. */
export class SaOutOfScope extends Data.TaggedError("SaOutOfScope")<{ readonly id: SaId; readonly scope: Scope }> {}

/** The number was accepted before, or lies where no number is accepted any more. */
export class Replayed extends Data.TaggedError("Replayed")<{
  readonly id: SaId
  readonly number: number
  readonly refusal: ReplayRefusal
}> {}

/** All outbound numbers of the association are used up: it must be replaced. */
export class Exhausted extends Data.TaggedError("Exhausted")<{ readonly id: SaId; readonly last: number }> {}

/** Somebody else changed the thing first: `expected` is what the caller had read, read it again. */
export class Conflict extends Data.TaggedError("Conflict")<{ readonly key: string; readonly expected: string }> {}

/** A value breaks a limit or rule of the store's model; `why` names it. A fault of the caller, not of the peer. */
export class Unacceptable extends Data.TaggedError("Unacceptable")<{ readonly key: string; readonly why: string }> {}

/** The store, or what it stands on, does not answer. Nothing is known to have been changed. */
export class Unavailable extends Data.TaggedError("Unavailable")<{
  readonly what: string
  readonly retryable: boolean
  readonly cause: unknown
}> {}

/** What one operation of a transaction can fail with; none of the operations took effect then. */
export type OperationError = SaNotFound | SaExpired | SaRevoked | Replayed | Conflict | Unacceptable

export type StoreError = OperationError | Unavailable
