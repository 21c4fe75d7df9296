/**
 * Answers to commands that are not executed.
 *
 * @layer machine
 */
import type { Unit } from "./MessageSplit.ts"
import { nameOf, type Status, type SyncMl } from "./SyncMl.ts"

/** Answers to the commands of `message` where none of them is executed. */
export const refuseAll = (message: SyncMl, status: string): ReadonlyArray<Unit> =>
  message.body.commands.flatMap((command) => {
    if (command._tag === "Status" || command._tag === "Results") return []
    const given: Status = {
      _tag: "Status",
      cmdId: "",
      msgRef: message.hdr.msgId,
      cmdRef: command.cmdId,
      cmd: nameOf(command),
      data: status
    }
    return [{ commands: [given] }]
  })
