/**
 * What a decoded message says about authentication, in the terms of the machines.
 *
 * @layer machine
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Chal from "./Chal.ts"
import * as Cred from "./Cred.ts"
import type { Shown } from "./DmCheck.ts"
import type { PeerStatus } from "./DmProof.ts"
import { type Command, isHeaderStatus, type SyncMl, statusCode } from "./SyncMl.ts"
import { type HmacHeaderLimits, parse } from "./SyncmlHmacHeader.ts"

/** What `message` and the header `x-syncml-hmac` show of the sender. */
export const shownOf = (message: SyncMl, hmacHeader: string | undefined, limits?: HmacHeaderLimits): Shown => {
  const { cred, source } = message.hdr
  const octets = cred === undefined ? undefined : Cred.octets(cred)
  const mac = hmacHeader === undefined ? undefined : parse(hmacHeader, limits)
  return {
    ...(source.locName === undefined ? {} : { locName: source.locName }),
    ...(cred === undefined
      ? {}
      : { cred: { type: cred.type, octets: octets === undefined ? undefined : Redacted.make(octets) } }),
    ...(mac === undefined ? {} : { mac: Result.isSuccess(mac) ? mac.success : ("malformed" as const) })
  }
}

/** The peer's Status for the SyncHdr of the message `msgId` that it received; `undefined` where there is none. */
export const headerStatus = (message: SyncMl, msgId: string): PeerStatus | undefined => {
  for (const command of message.body.commands) {
    if (command._tag !== "Status" || !isHeaderStatus(command)) continue
    if (command.msgRef !== "" && command.msgRef !== msgId) continue
    const { chal } = command
    const nonce = chal === undefined ? undefined : Chal.nonce(chal)
    return {
      code: statusCode(command) ?? 0,
      ...(chal === undefined ? {} : { chal: { type: chal.type, ...(nonce === undefined ? {} : { nonce }) } })
    }
  }
  return undefined
}

/** Whether `command`, or one inside it, carries a Cred of its own. Credentials of a Status answer somebody and count as well. */
export const hasCred = (command: Command): boolean => {
  if ("cred" in command && command.cred !== undefined) return true
  return "commands" in command && command.commands !== undefined && command.commands.some(hasCred)
}

/** MsgID as a number from 1 to 999,999,999, or `undefined` where it is something else. */
export const msgIdOf = (message: SyncMl): number | undefined =>
  /^[1-9][0-9]{0,8}$/.test(message.hdr.msgId) ? Number(message.hdr.msgId) : undefined
