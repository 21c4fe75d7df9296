/**
 * Where a push stands for one recipient, as a pure machine.
 *
 * A push is pending until one event ends it; after that every event is out of order. That an unconfirmed push counts as
 * delivered once the bearer took it, and the codes of what went wrong on the way, are our own choice.
 *
 * @spec PAP 2.0, message-state
 * @layer machine
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { MessageState } from "./PapMessage.ts"

export type PushState = Exclude<MessageState, "rejected" | "unknown">

/** What can happen to a push: `taken` by the bearer without a report to come, or what the report says. */
export type PushEvent = "taken" | "confirmed" | "failed" | "expired" | "cancelled" | "aborted" | "timed out"

/** Every state and every event, for tests that try all of them. */
export const pushStates: ReadonlyArray<PushState> = [
  "pending",
  "delivered",
  "undeliverable",
  "expired",
  "aborted",
  "timeout",
  "cancelled"
]
export const pushEvents: ReadonlyArray<PushEvent> = [
  "taken",
  "confirmed",
  "failed",
  "expired",
  "cancelled",
  "aborted",
  "timed out"
]

/** An event for a push that has ended. */
export class PushEnded extends Data.TaggedError("PushEnded")<{
  readonly state: PushState
  readonly event: PushEvent
}> {}

const next: Readonly<Record<PushEvent, PushState>> = {
  taken: "delivered",
  confirmed: "delivered",
  failed: "undeliverable",
  expired: "expired",
  cancelled: "cancelled",
  aborted: "aborted",
  "timed out": "timeout"
}

/** The state after `event`, or `PushEnded`. */
export const step = (state: PushState, event: PushEvent): Result.Result<PushState, PushEnded> =>
  state === "pending" ? Result.succeed(next[event]) : Result.fail(new PushEnded({ state, event }))

/** The result code that goes with a state. */
export const codeOfState: Readonly<Record<PushState, number>> = {
  pending: 1001,
  delivered: 1000,
  undeliverable: 4000,
  expired: 4000,
  aborted: 5000,
  timeout: 4001,
  cancelled: 1000
}
