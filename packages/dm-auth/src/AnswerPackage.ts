/**
 * The body of a server's answer where packages may take several messages: what finds no room waits for Alert 1222, and Final stands in
 * the last message alone.
 *
 * @layer machine
 */
import { asksForMore, maxMsgSizeOf, split, type Unit } from "./MessageSplit.ts"
import type { Command, Status, SyncBody, SyncMl } from "./SyncMl.ts"

/** What a server remembers of its package between two messages. */
export interface Pending {
  readonly later: ReadonlyArray<Unit>
  /** The largest message that the client takes, in octets. */
  readonly max: number
}

/** Of a session that begins. */
export const nothing: Pending = { later: [], max: Number.POSITIVE_INFINITY }

/** What the server has to say to a message. CmdIDs of statuses are given here; those of commands are kept, as Results refer to them. */
export interface Content {
  /** The Status for SyncHdr. It stands in every message. */
  readonly header: Status
  /** Those of the commands, as far as the client wants to hear them (NoResp). */
  readonly statuses: ReadonlyArray<Status>
  readonly commands: ReadonlyArray<Command>
}

/** Where more follows, that is the answer to Alert 1222: a Status beside it could take all the room, message after message. */
const requestsForMore = ({ body }: SyncMl): ReadonlyArray<string> =>
  body.commands.flatMap((command) => (command._tag === "Alert" && command.data === "1222" ? [command.cmdId] : []))

/** Units that wait at most; what a client that never fetches them asks for beyond is not kept. */
export const mostWaiting = 4096

const one = (command: Command): Unit => ({ commands: [command] })

/** Gives statuses and alerts of ours the smallest numbers that no command has. */
const numbered = (header: Status, units: ReadonlyArray<Unit>): ReadonlyArray<Command> => {
  const commands = units.flatMap((unit) => unit.commands)
  const taken = new Set(commands.map(({ cmdId }) => cmdId))
  let last = 0
  const next = (): string => {
    do last += 1
    while (taken.has(`${last}`))
    return `${last}`
  }
  return [header, ...commands].map((command) =>
    command.cmdId === "" || command === header ? { ...command, cmdId: next() } : command
  )
}

/**
 * The body of the answer to `message`, and what is remembered. `sizeOf` gives the octets of the answer with a body.
 *
 * A client that has not closed its package gets its statuses and Alert 1222; commands of the server wait until it has.
 *
 * @spec DM Protocol 1.2, large packages; DM RepPro, MaxMsgSize, Final
 */
export const answer = (
  pending: Pending,
  message: SyncMl,
  { commands, header, statuses }: Content,
  sizeOf: (body: SyncBody) => number
): { readonly body: SyncBody; readonly pending: Pending } => {
  const max = maxMsgSizeOf(message, pending.max)
  const asking = new Set(pending.later.length === 0 ? [] : requestsForMore(message))
  const told = statuses.filter(({ cmdRef }) => !asking.has(cmdRef)).map((status) => one({ ...status, cmdId: "" }))
  const waiting = [...pending.later, ...commands.map(one)]
  const bodyOf = (units: ReadonlyArray<Unit>, final: boolean): SyncBody => ({
    commands: numbered(header, units),
    ...(final ? { final } : {})
  })
  const measure = (units: ReadonlyArray<Unit>) => sizeOf(bodyOf(units, true))
  if (message.body.final !== true && !asksForMore(message)) {
    const more: Unit = { commands: [{ _tag: "Alert", cmdId: "", data: "1222" }] }
    const { later, now } = split(told, (units) => measure([...units, more]), max)
    return {
      body: bodyOf([...now, more], false),
      pending: { later: [...later, ...waiting].slice(0, mostWaiting), max }
    }
  }
  const { later, now } = split([...told, ...waiting], measure, max)
  return { body: bodyOf(now, later.length === 0), pending: { later: later.slice(0, mostWaiting), max } }
}
