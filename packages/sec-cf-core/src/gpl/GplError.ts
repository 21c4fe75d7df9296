/**
 * What can be wrong with a GPL message or association.
 *
 * @layer codec
 */
import * as Data from "effect/Data"

/** The octets are no message of the profile, or the values cannot be put into one; `at` is the offset of the octet concerned. */
export class MalformedGpl extends Data.TaggedError("MalformedGpl")<{ readonly at: number; readonly why: string }> {}

/**
 * Why a receiver refused a message. The sender never learns it: errors produce no reply on a push channel.
 *
 * @spec TS 33.224; the order of the checks is that of gpl-profile-1
 */
export type GplRefusal =
  | "malformed"
  | "gpi"
  | "unknown-sa"
  | "expired"
  | "scope"
  | "suite"
  | "sequence-number"
  | "tag"
  | "padding"
  | "payload"

/** The message was refused and nothing of it delivered. `detail` is for the operator. */
export class GplRefused extends Data.TaggedError("GplRefused")<{
  readonly reason: GplRefusal
  readonly detail: string
}> {}
