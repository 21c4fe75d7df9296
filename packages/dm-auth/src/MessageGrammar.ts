/**
 * The grammar of SyncML messages: every element, what stands in it, how often, and the member of the model that it becomes.
 *
 * The order of the fields is the order of the DTD and that of our output. On input any order is read, since the children of
 * Meta vary among deployed peers; a missing, repeated or misplaced element is a fault.
 *
 * @spec DM RepPro, element type definitions; MetInf
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Redacted from "effect/Redacted"
import type { Chal } from "./Chal.ts"
import type { Cred } from "./Cred.ts"
import * as DmAuthType from "./DmAuthType.ts"
import {
  any,
  content,
  declare,
  define,
  defineCommands,
  defineWrapper,
  flag,
  integer,
  looseReference,
  type Members,
  one,
  optional,
  reference,
  some,
  structure,
  text,
  textOrOctets,
  token
} from "./Grammar.ts"
import type { Filter, Item, ItemData, Source, Target } from "./Item.ts"
import type { Anchor, Mem, Meta } from "./Meta.ts"
import type * as SyncMl from "./SyncMl.ts"
import { textOf } from "./XmlText.ts"

/** `value` in base64 where it is octets and the representation has text only. */
const toText = (value: string | Uint8Array, binary: boolean): string | Uint8Array =>
  binary || typeof value === "string" ? value : Bytes.toBase64(value)

/** What `meta` holds beside the members that `isTaken`; `undefined` where that is nothing. */
const others = (meta: Meta, isTaken: (key: string) => boolean): Meta | undefined => {
  for (const key in meta) {
    if (!isTaken(key)) return Object.fromEntries(Object.entries(meta).filter(([each]) => !isTaken(each)))
  }
  return undefined
}
const isCredMember = (key: string): boolean => key === "type" || key === "format"
const isChalMember = (key: string): boolean => isCredMember(key) || key === "nextNonce"

const anchor = structure<Anchor>("Anchor", { last: optional("Last", text), next: one("Next", text) })

const mem = structure<Mem>("Mem", {
  sharedMem: optional("SharedMem", flag),
  freeMem: one("FreeMem", integer),
  freeId: one("FreeID", integer)
})

const meta = structure<Meta>(
  "Meta",
  {
    fieldLevel: optional("FieldLevel", flag),
    format: optional("Format", token),
    type: optional("Type", token),
    mark: optional("Mark", token),
    size: optional("Size", integer),
    anchor: optional("Anchor", anchor),
    version: optional("Version", token),
    nextNonce: optional("NextNonce", textOrOctets),
    maxMsgSize: optional("MaxMsgSize", integer),
    maxObjSize: optional("MaxObjSize", integer),
    emi: any("EMI", text),
    mem: optional("Mem", mem)
  },
  {
    rest: "extensions",
    prepare: (value, binary): Members =>
      !binary && value.nextNonce !== undefined && typeof value.nextNonce !== "string"
        ? { ...value, format: "b64", nextNonce: Bytes.toBase64(value.nextNonce) }
        : (value as Members)
  }
)
defineWrapper(meta, "MetInf")

interface CredMembers {
  readonly meta?: Meta
  readonly data: string | Uint8Array
}

const cred = declare<Cred>("Cred", {
  bare: true,
  finish: (members): Cred => {
    const { meta, data } = members as { meta?: Meta; data: string | Uint8Array }
    const left = meta === undefined ? undefined : others(meta, isCredMember)
    return {
      type: DmAuthType.normalise(meta?.type),
      format: meta?.format ?? (typeof data === "string" ? "b64" : "bin"),
      data: Redacted.make(data),
      ...(left === undefined ? {} : { meta: left })
    }
  },
  prepare: (value, binary): Members => {
    const data = Redacted.value(value.data)
    const format = !binary && typeof data !== "string" ? "b64" : value.format
    return { meta: { ...value.meta, format, type: value.type }, data: toText(data, binary) }
  }
})
define<CredMembers>(cred, { meta: optional("Meta", meta), data: one("Data", textOrOctets) })

const chal = declare<Chal>("Chal", {
  bare: true,
  finish: (members): Chal => {
    const { meta } = members as { meta: Meta }
    const left = others(meta, isChalMember)
    return {
      type: DmAuthType.normalise(meta.type),
      format: meta.format ?? (meta.nextNonce instanceof Uint8Array ? "bin" : "b64"),
      ...(meta.nextNonce === undefined ? {} : { nextNonce: meta.nextNonce }),
      ...(left === undefined ? {} : { meta: left })
    }
  },
  prepare: (value): Members => ({
    meta: {
      ...value.meta,
      format: value.format,
      type: value.type,
      ...(value.nextNonce === undefined ? {} : { nextNonce: value.nextNonce })
    }
  })
})
define<{ readonly meta: Meta }>(chal, { meta: one("Meta", meta) })

/** An element that holds a LocURI and becomes its text. */
const parent = (name: string) => {
  const declared = declare<string>(name, {
    finish: (members) => members["locUri"],
    prepare: (locUri): Members => ({ locUri })
  })
  define<{ readonly locUri: string }>(declared, { locUri: one("LocURI", text) })
  return declared
}

const filter = declare<Filter>("Filter")
const target = structure<Target>("Target", {
  locUri: one("LocURI", text),
  locName: optional("LocName", text),
  filter: optional("Filter", filter)
})
const source = structure<Source>("Source", { locUri: one("LocURI", text), locName: optional("LocName", text) })

/**
 * OPAQUE that is text becomes text unless its Format says `bin`, so that an encoder's choice of OPAQUE for text (libwbxml
 * makes it for every item) does not show.
 */
const finishItem = (members: Members, around: Members): Members => {
  const data = members["data"]
  if (!(data instanceof Uint8Array)) return members
  const own = members["meta"] as Meta | undefined
  const outer = around["meta"] as Meta | undefined
  if ((own?.format ?? outer?.format)?.toLowerCase() === "bin") return members
  const decoded = textOf(data)
  if (decoded !== undefined) members["data"] = decoded
  return members
}

const item = structure<Item>(
  "Item",
  {
    target: optional("Target", target),
    source: optional("Source", source),
    sourceParent: optional("SourceParent", parent("SourceParent")),
    targetParent: optional("TargetParent", parent("TargetParent")),
    meta: optional("Meta", meta),
    data: optional<ItemData>("Data", content),
    moreData: optional("MoreData", flag)
  },
  {
    finish: finishItem,
    prepare: (value, binary): Members =>
      !binary && value.data instanceof Uint8Array
        ? { ...value, meta: { ...value.meta, format: "b64" }, data: Bytes.toBase64(value.data) }
        : (value as Members)
  }
)

/** An element that holds one Item and becomes it. */
const itemHolder = (name: string) => {
  const declared = declare<Item>(name, {
    finish: (members) => members["item"],
    prepare: (held): Members => ({ item: held })
  })
  define<{ readonly item: Item }>(declared, { item: one("Item", item) })
  return declared
}
define<Filter>(filter, {
  meta: one("Meta", meta),
  field: optional("Field", itemHolder("Field")),
  record: optional("Record", itemHolder("Record")),
  filterType: optional("FilterType", token)
})

const isCommand = true
const cmdId = one("CmdID", reference)
const noResp = optional("NoResp", flag)
const optionalCred = optional("Cred", cred)
const optionalMeta = optional("Meta", meta)
const items = some("Item", item)

/** Add, Copy, Move and Replace. */
const change = <C extends SyncMl.Add | SyncMl.Copy | SyncMl.Move | SyncMl.Replace>(name: C["_tag"]) => {
  const declared = declare<C>(name, { isCommand })
  define<SyncMl.Add>(declared, { cmdId, noResp, cred: optionalCred, meta: optionalMeta, items })
  return declared
}

const alert = structure<SyncMl.Alert>(
  "Alert",
  {
    cmdId,
    noResp,
    cred: optionalCred,
    data: optional("Data", token),
    correlator: optional("Correlator", text),
    items: any("Item", item)
  },
  { isCommand }
)

const atomic = structure<SyncMl.Atomic>("Atomic", { cmdId, noResp, meta: optionalMeta }, { isCommand })

const del = structure<SyncMl.Delete>(
  "Delete",
  {
    cmdId,
    noResp,
    archive: optional("Archive", flag),
    sftDel: optional("SftDel", flag),
    cred: optionalCred,
    meta: optionalMeta,
    items
  },
  { isCommand }
)

const exec = structure<SyncMl.Exec>(
  "Exec",
  {
    cmdId,
    noResp,
    cred: optionalCred,
    meta: optionalMeta,
    correlator: optional("Correlator", text),
    item: one("Item", item)
  },
  { isCommand }
)

/** Get and Put. */
const transfer = <C extends SyncMl.Get | SyncMl.Put>(name: C["_tag"]) => {
  const declared = declare<C>(name, { isCommand })
  define<SyncMl.Get>(declared, {
    cmdId,
    noResp,
    lang: optional("Lang", token),
    cred: optionalCred,
    meta: optionalMeta,
    items
  })
  return declared
}

const mapItem = structure<SyncMl.MapItem>("MapItem", { target: one("Target", target), source: one("Source", source) })

const map = structure<SyncMl.Map>(
  "Map",
  {
    cmdId,
    target: one("Target", target),
    source: one("Source", source),
    cred: optionalCred,
    meta: optionalMeta,
    mapItems: some("MapItem", mapItem)
  },
  { isCommand }
)

const results = structure<SyncMl.Results>(
  "Results",
  {
    cmdId,
    msgRef: optional("MsgRef", reference),
    cmdRef: one("CmdRef", reference),
    meta: optionalMeta,
    targetRef: optional("TargetRef", text),
    sourceRef: optional("SourceRef", text),
    items
  },
  { isCommand }
)

const search = structure<SyncMl.Search>(
  "Search",
  {
    cmdId,
    noResp,
    noResults: optional("NoResults", flag),
    cred: optionalCred,
    target: optional("Target", target),
    sources: some("Source", source),
    lang: optional("Lang", token),
    meta: one("Meta", meta),
    data: one<ItemData>("Data", content)
  },
  { isCommand }
)

const sequence = structure<SyncMl.Sequence>("Sequence", { cmdId, noResp, meta: optionalMeta }, { isCommand })

const status = structure<SyncMl.Status>(
  "Status",
  {
    cmdId: one("CmdID", looseReference, ""),
    msgRef: one("MsgRef", looseReference, ""),
    cmdRef: one("CmdRef", looseReference, ""),
    cmd: one("Cmd", looseReference, ""),
    targetRefs: any("TargetRef", text),
    sourceRefs: any("SourceRef", text),
    cred: optionalCred,
    chal: optional("Chal", chal),
    data: one("Data", token),
    items: any("Item", item)
  },
  { isCommand }
)

const sync = structure<SyncMl.Sync>(
  "Sync",
  {
    cmdId,
    noResp,
    cred: optionalCred,
    target: optional("Target", target),
    source: optional("Source", source),
    meta: optionalMeta,
    numberOfChanges: optional("NumberOfChanges", integer)
  },
  { isCommand }
)

const add = change<SyncMl.Add>("Add")
const copy = change<SyncMl.Copy>("Copy")
const move = change<SyncMl.Move>("Move")
const replace = change<SyncMl.Replace>("Replace")
const get = transfer<SyncMl.Get>("Get")
const put = transfer<SyncMl.Put>("Put")

const leaves = [add, alert, copy, del, exec, get, map, move, replace]
defineCommands(atomic, [...leaves, sequence, atomic, sync])
defineCommands(sequence, [...leaves, atomic, sequence, sync])
defineCommands(sync, [add, atomic, copy, del, move, replace, sequence])

const bodyCommands = [...leaves, atomic, put, results, search, sequence, status, sync]

/** Commands by element name. */
export const commands: ReadonlyMap<string, (typeof bodyCommands)[number]> = new Map(
  bodyCommands.map((command) => [command.name, command])
)

export const syncHdr = structure<SyncMl.SyncHdr>("SyncHdr", {
  verDtd: one("VerDTD", token),
  verProto: one("VerProto", token),
  sessionId: one("SessionID", reference),
  msgId: one("MsgID", reference),
  target: one("Target", target),
  source: one("Source", source),
  respUri: optional("RespURI", text),
  noResp,
  cred: optionalCred,
  meta: optionalMeta
})

export const syncBody = declare<SyncMl.SyncBody>("SyncBody", {
  finish: (members) => (members["commands"] === undefined ? { ...members, commands: [] } : members)
})
defineCommands(syncBody, bodyCommands)
define<Omit<SyncMl.SyncBody, "commands">>(syncBody, { final: optional("Final", flag) })

/** A whole message. */
export const syncMl = structure<SyncMl.SyncMl>("SyncML", {
  hdr: one("SyncHdr", syncHdr),
  body: one("SyncBody", syncBody)
})

/** An unknown element among commands: only its CmdID is read, so that it can be answered. */
export const unknownCommand = declare<{ readonly cmdId: string }>("Cmd", { isCommand })
define<{ readonly cmdId: string }>(unknownCommand, { cmdId: one("CmdID", looseReference, "") })
