/**
 * What a server says in a session beside authentication: a port, and a small responder that lets real clients finish.
 *
 * @layer service
 */
import type { Account } from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Command, SyncMl } from "./SyncMl.ts"

/** A message of an authenticated client. */
export interface Exchange {
  readonly account: Account
  readonly message: SyncMl
  /** Commands of the server may go out now. */
  readonly manage: boolean
  /** Commands of the server went out in this session, and the client did not refuse them for want of authentication. */
  readonly asked: boolean
  /** The CmdID for the first command of the answer; count on from there. */
  readonly firstCmdId: number
}

/** The answer beside the Status of SyncHdr. */
export interface Reply {
  /** The status code of each command of the message by its CmdID; commands that are not in it get none. */
  readonly statuses: ReadonlyMap<string, number>
  /** The server's own commands; none ends the session. */
  readonly commands: ReadonlyArray<Command>
}

/** What answers the commands of clients. */
export class DmHandler extends Context.Service<
  DmHandler,
  { readonly handle: (exchange: Exchange) => Effect.Effect<Reply> }
>()("@oma/dm-auth/DmHandler") {}

/** What a client may tell: who began, more please, the end, an event, a broken object, a generic alert. */
const alerts: ReadonlySet<string> = new Set(["1200", "1201", "1222", "1223", "1224", "1225", "1226"])

/** Alerts of data synchronisation name a database, and there is none; the others (1100 to 1104 are for devices) are not supported. */
const alertStatus = (data = ""): number => (alerts.has(data) ? 200 : /^2[0-9]{2}$/.test(data) ? 404 : 406)

/** The status of a client's command where nothing is managed but the device is asked about itself. */
export const statusFor = (command: Command): number | undefined => {
  switch (command._tag) {
    case "Status":
    case "Results":
      return undefined
    case "Alert":
      return alertStatus(command.data)
    case "Replace":
    case "Put":
      return 200
    case "Get":
    case "Sync":
    case "Search":
      return 404
    case "Invalid":
      return 400
    default:
      return 405
  }
}

/** Whether the client ends the session: Alert 1223. */
export const aborts = (message: SyncMl): boolean =>
  message.body.commands.some((command) => command._tag === "Alert" && command.data === "1223")

/** What the responder asks every device for, once in a session. */
export const inventory: ReadonlyArray<string> = ["./DevInfo/DevId", "./DevInfo/Man", "./DevInfo/Mod", "./DevDetail/SwV"]

const isDm = (message: SyncMl): boolean => message.hdr.verProto.startsWith("DM/")

/**
 * The responder: a Status for every command, one Get on DevInfo and DevDetail in the first message that may manage, then the
 * end. Clients of data synchronisation are authenticated and find no database.
 */
export const layerResponder: Layer.Layer<DmHandler> = Layer.succeed(DmHandler, {
  handle: ({ asked, firstCmdId, manage, message }: Exchange) =>
    Effect.sync(() => {
      const statuses = new Map<string, number>()
      for (const command of message.body.commands) {
        const status = statusFor(command)
        if (status !== undefined) statuses.set(command.cmdId, status)
      }
      const ask = manage && !asked && isDm(message) && !aborts(message)
      const commands: ReadonlyArray<Command> = ask
        ? inventory.map((locUri, at) => ({
            _tag: "Get" as const,
            cmdId: `${firstCmdId + statuses.size + at}`,
            items: [{ target: { locUri } }]
          }))
        : []
      return { statuses, commands }
    })
})
