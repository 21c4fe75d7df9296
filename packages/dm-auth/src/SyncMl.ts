/**
 * The SyncML message as one immutable object model, the same for XML and WBXML.
 *
 * Messages are plain object literals; commands are told apart by `_tag`. References between commands (`cmdId`, `msgRef`,
 * `cmdRef`) are the opaque texts of the wire.
 *
 * @layer codec
 */
import type { Chal } from "./Chal.ts"
import type { Cred } from "./Cred.ts"
import type { Item, ItemData, Source, Target } from "./Item.ts"
import type { MalformedReason } from "./MalformedReason.ts"
import type { Meta } from "./Meta.ts"

/**
 * A message.
 *
 * @example
 * ```ts
 * import type { SyncMl } from "@oma/dm-auth"
 *
 * const message: SyncMl.SyncMl = {
 *   hdr: {
 *     verDtd: "1.2",
 *     verProto: "DM/1.2",
 *     sessionId: "A1F",
 *     msgId: "1",
 *     target: { locUri: "http://dm.example.net/" },
 *     source: { locUri: "IMEI:493005100592800" }
 *   },
 *   body: { commands: [{ _tag: "Alert", cmdId: "1", data: "1201" }], final: true }
 * }
 * ```
 *
 * @spec DM RepPro, SyncML
 */
export interface SyncMl {
  readonly hdr: SyncHdr
  readonly body: SyncBody
}

/** Who speaks to whom, in which session, and on what credentials. */
export interface SyncHdr {
  /** `1.2` for all of DM; it selects the namespace and the WBXML public identifier. */
  readonly verDtd: string
  /** `DM/1.2`, `DM/1.3`, `SyncML/1.0`, ... */
  readonly verProto: string
  readonly sessionId: string
  readonly msgId: string
  readonly target: Target
  readonly source: Source
  /** Where the answer goes instead of the address that was used. */
  readonly respUri?: string
  readonly noResp?: boolean
  readonly cred?: Cred
  readonly meta?: Meta
}

export interface SyncBody {
  readonly commands: ReadonlyArray<Command>
  /** This message is the last of its package. */
  readonly final?: boolean
}

/** What every command that asks for something has. `cred` has no effect in DM: it counts in the header alone. */
interface Request {
  readonly cmdId: string
  readonly noResp?: boolean
  readonly cred?: Cred
  readonly meta?: Meta
}

export interface Add extends Request {
  readonly _tag: "Add"
  readonly items: ReadonlyArray<Item>
}

/** A notice: `data` is its code, such as `1200` (server initiated) or `1201` (client initiated management). */
export interface Alert {
  readonly _tag: "Alert"
  readonly cmdId: string
  readonly noResp?: boolean
  readonly cred?: Cred
  readonly data?: string
  readonly correlator?: string
  readonly items?: ReadonlyArray<Item>
}

/** Commands that all hold or all fail. */
export interface Atomic {
  readonly _tag: "Atomic"
  readonly cmdId: string
  readonly noResp?: boolean
  readonly meta?: Meta
  readonly commands: ReadonlyArray<Command>
}

export interface Copy extends Request {
  readonly _tag: "Copy"
  readonly items: ReadonlyArray<Item>
}

export interface Delete extends Request {
  readonly _tag: "Delete"
  readonly archive?: boolean
  readonly sftDel?: boolean
  readonly items: ReadonlyArray<Item>
}

export interface Exec extends Request {
  readonly _tag: "Exec"
  readonly correlator?: string
  readonly item: Item
}

export interface Get extends Request {
  readonly _tag: "Get"
  readonly lang?: string
  readonly items: ReadonlyArray<Item>
}

export interface MapItem {
  readonly target: Target
  readonly source: Source
}

export interface Map {
  readonly _tag: "Map"
  readonly cmdId: string
  readonly target: Target
  readonly source: Source
  readonly cred?: Cred
  readonly meta?: Meta
  readonly mapItems: ReadonlyArray<MapItem>
}

export interface Move extends Request {
  readonly _tag: "Move"
  readonly items: ReadonlyArray<Item>
}

export interface Put extends Request {
  readonly _tag: "Put"
  readonly lang?: string
  readonly items: ReadonlyArray<Item>
}

export interface Replace extends Request {
  readonly _tag: "Replace"
  readonly items: ReadonlyArray<Item>
}

/** What a Get found. */
export interface Results {
  readonly _tag: "Results"
  readonly cmdId: string
  readonly msgRef?: string
  readonly cmdRef: string
  readonly meta?: Meta
  readonly targetRef?: string
  readonly sourceRef?: string
  readonly items: ReadonlyArray<Item>
}

export interface Search extends Request {
  readonly _tag: "Search"
  readonly noResults?: boolean
  readonly target?: Target
  readonly sources: ReadonlyArray<Source>
  readonly lang?: string
  readonly meta: Meta
  readonly data: ItemData
}

/** Commands to be done in this order. */
export interface Sequence {
  readonly _tag: "Sequence"
  readonly cmdId: string
  readonly noResp?: boolean
  readonly meta?: Meta
  readonly commands: ReadonlyArray<Command>
}

/**
 * The answer to a command, or to the header (`cmdRef` `"0"`, `cmd` `"SyncHdr"`).
 *
 * **Gotchas** Deployed peers leave out CmdID, MsgRef or CmdRef: they are then the empty string. We never send that.
 *
 * @spec DM RepPro, Status
 */
export interface Status {
  readonly _tag: "Status"
  readonly cmdId: string
  readonly msgRef: string
  readonly cmdRef: string
  readonly cmd: string
  readonly targetRefs?: ReadonlyArray<string>
  readonly sourceRefs?: ReadonlyArray<string>
  readonly cred?: Cred
  readonly chal?: Chal
  /** The status code as text; see {@link statusCode}. */
  readonly data: string
  readonly items?: ReadonlyArray<Item>
}

export interface Sync extends Request {
  readonly _tag: "Sync"
  readonly target?: Target
  readonly source?: Source
  readonly numberOfChanges?: number
  readonly commands?: ReadonlyArray<Command>
}

/**
 * A command that was received but breaks the grammar or is unknown: the receiver answers it with status 400 and does not
 * act on it. Never encoded.
 */
export interface Invalid {
  readonly _tag: "Invalid"
  /** The element name of the command. */
  readonly cmd: string
  /** Its CmdID; the empty string where none was read before the fault. */
  readonly cmdId: string
  readonly reason: MalformedReason
  /** The sentence of the specification that was not met. */
  readonly clause: string
  /** Where, as element names from the root. */
  readonly path: string
}

/** Every command that has a place in `SyncBody`. */
export type Command =
  | Add
  | Alert
  | Atomic
  | Copy
  | Delete
  | Exec
  | Get
  | Map
  | Move
  | Put
  | Replace
  | Results
  | Search
  | Sequence
  | Status
  | Sync
  | Invalid

/** The three-digit code of a status, or `undefined` where Data is something else (`0` was seen): then nothing is granted. */
export const statusCode = (status: Status): number | undefined =>
  /^[1-9][0-9]{2}$/.test(status.data) ? Number(status.data) : undefined

/** Whether `status` answers the header. */
export const isHeaderStatus = (status: Status): boolean =>
  status.cmdRef === "0" || (status.cmdRef === "" && status.cmd === "SyncHdr")

/** The element name of `command`, as Status names it in Cmd. */
export const nameOf = (command: Command): string => (command._tag === "Invalid" ? command.cmd : command._tag)
