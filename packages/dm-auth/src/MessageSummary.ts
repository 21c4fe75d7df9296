/**
 * A message in a few words, for operators and traces. No credential, nonce or data of an item is in it.
 *
 * @layer codec
 */
import type { Item } from "./Item.ts"
import type { Command, SyncMl } from "./SyncMl.ts"

const places = (items: ReadonlyArray<Item> = []): string => {
  const names = items.flatMap(({ source, target }) => target?.locUri ?? source?.locUri ?? [])
  const shown = names.slice(0, 3).join(" ")
  return names.length === 0 ? "" : ` ${shown}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`
}

/** One command: `Status SyncHdr 407 Chal syncml:auth-md5`, `Alert 1201`, `Get ./DevInfo/Man`. */
export const describeCommand = (command: Command): string => {
  switch (command._tag) {
    case "Status":
      return `Status ${command.cmd} ${command.data}${command.chal === undefined ? "" : ` Chal ${command.chal.type}`}`
    case "Alert":
      return `Alert ${command.data ?? ""}`.trimEnd()
    case "Exec":
      return `Exec${places([command.item])}`
    case "Atomic":
    case "Sequence":
      return `${command._tag} of ${command.commands.length}`
    case "Invalid":
      return `${command.cmd} (${command.reason})`
    case "Map":
    case "Search":
    case "Sync":
      return command._tag
    default:
      return `${command._tag}${places(command.items)}`
  }
}

/** The parts of a message in order: session and number, RespURI, type of Cred, each command, Final. */
export const describe = ({ body, hdr }: SyncMl): ReadonlyArray<string> => [
  `SessionID ${hdr.sessionId} MsgID ${hdr.msgId}`,
  ...(hdr.respUri === undefined ? [] : ["RespURI"]),
  ...(hdr.cred === undefined ? [] : [`Cred ${hdr.cred.type}`]),
  ...body.commands.map(describeCommand),
  ...(body.final === true ? ["Final"] : [])
]
