/**
 * What of a device's package goes into its next message: how much there is room for, what waits, and whether the package ends with it.
 *
 * @layer machine
 */
import { refuseAll } from "./CommandRefusal.ts"
import type { Outgoing } from "./DmClientAuth.ts"
import { asksForMore, split, type Unit } from "./MessageSplit.ts"
import type { SyncMl } from "./SyncMl.ts"

/** What is still to be said in this package, and what the last message said beside the Status of a header. */
export interface Outbox {
  readonly waiting: ReadonlyArray<Unit>
  readonly said: ReadonlyArray<Unit>
}

export interface Plan {
  readonly now: ReadonlyArray<Unit>
  /** The message is the last of its package. */
  readonly final: boolean
  readonly outbox: Outbox
}

const more: Unit = { commands: [{ _tag: "Alert", cmdId: "", data: "1222" }] }

/**
 * The content of a message that the machine asks for. `last` is the server's last message, `max` the largest that it takes, `measure`
 * gives the octets of the whole message with these units.
 *
 * As long as the server has not closed its package it is asked for the rest of it, and nothing of the outbox goes out. Commands that are
 * not executed get the status that the server's credentials got, or 215 where those were good.
 *
 * @spec DM Protocol 1.2, packages 1 and 3, large packages
 */
export const plan = (
  { said, waiting }: Outbox,
  { content, server }: Outgoing,
  last: SyncMl | undefined,
  measure: (units: ReadonlyArray<Unit>) => number,
  max: number
): Plan => {
  if (content === "next" && last !== undefined && last.body.final !== true && !asksForMore(last)) {
    return { now: [more], final: false, outbox: { said: [more], waiting } }
  }
  const refused =
    last === undefined || server === undefined || content === "next"
      ? []
      : refuseAll(last, server.status < 300 ? "215" : `${server.status}`)
  if (content === "status") {
    const { later, now } = split(refused, measure, max)
    return { now, final: later.length === 0, outbox: { said, waiting } }
  }
  const { later, now } = split(content === "repeat" ? [...refused, ...said] : waiting, measure, max)
  const rest = content === "repeat" ? [...later, ...waiting] : later
  return { now, final: rest.length === 0, outbox: { said: now, waiting: rest } }
}
