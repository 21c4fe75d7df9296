/**
 * The content of a package in messages of bounded size: what goes out now, and what waits until the peer asks for more with Alert 1222.
 * Both sides use it.
 *
 * @layer machine
 */
import type { Command, SyncMl } from "./SyncMl.ts"

/** Commands that stay together, such as a Status and the Results of the same Get. */
export interface Unit {
  readonly commands: ReadonlyArray<Command>
  /** What is said where not even a message of its own has room for `commands`, such as Status 413. */
  readonly instead?: ReadonlyArray<Command>
}

export interface Split {
  readonly now: ReadonlyArray<Unit>
  /** Nothing waits: the message is the last of its package. */
  readonly later: ReadonlyArray<Unit>
}

/**
 * As many of `units`, in their order, as `measure` finds room for in `max` octets. `measure` gives the octets of the whole message with
 * these units, header and statuses that stand in every message included; it is asked about log(n) times.
 *
 * At least one unit goes out, so that a package always ends: by itself where it fits, else its `instead`, else by itself all the same.
 *
 * @spec DM RepPro, MaxMsgSize; DM Protocol, large packages
 */
export const split = (
  units: ReadonlyArray<Unit>,
  measure: (units: ReadonlyArray<Unit>) => number,
  max: number
): Split => {
  if (units.length === 0 || max === Number.POSITIVE_INFINITY || measure(units) <= max) return { now: units, later: [] }
  let fits = 0
  let beyond = units.length
  while (beyond - fits > 1) {
    const middle = (fits + beyond) >> 1
    if (measure(units.slice(0, middle)) <= max) fits = middle
    else beyond = middle
  }
  if (fits > 0) return { now: units.slice(0, fits), later: units.slice(fits) }
  const first = units[0]!
  const now = first.instead === undefined || measure([first]) <= max ? first : { commands: first.instead }
  return { now: [now], later: units.slice(1) }
}

/** The commands of `units`, counted from `from`: CmdID is unique in its message. */
export const numbered = (units: ReadonlyArray<Unit>, from: number): ReadonlyArray<Command> =>
  units.flatMap(({ commands }) => commands).map((command, at) => ({ ...command, cmdId: `${from + at}` }))

/** The largest message that the sender of `message` takes; what it said `before` where it says nothing now. */
export const maxMsgSizeOf = (message: SyncMl, before = Number.POSITIVE_INFINITY): number =>
  message.hdr.meta?.maxMsgSize ?? before

/** Whether the peer asks for the next message of the package: Alert 1222. */
export const asksForMore = (message: SyncMl): boolean =>
  message.body.commands.some((command) => command._tag === "Alert" && command.data === "1222")
