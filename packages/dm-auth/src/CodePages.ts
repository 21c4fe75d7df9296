/**
 * The vocabularies: SyncML, MetInf and DevInf as WBXML code pages, and how namespaces and public identifiers select them.
 *
 * @layer codec
 */
import type { Namespace } from "./Element.ts"

/** Tags of the SyncML page from token 05 on; the empty name is reserved. */
const syncMlTags =
  "Add Alert Archive Atomic Chal Cmd CmdID CmdRef Copy Cred Data Delete Exec Final Get Item Lang LocName LocURI Map MapItem " +
  "Meta MsgID MsgRef NoResp NoResults Put Replace RespURI Results Search Sequence SessionID SftDel Source SourceRef Status " +
  "Sync SyncBody SyncHdr SyncML Target TargetRef - VerDTD VerProto NumberOfChanges MoreData Field Filter Record FilterType " +
  "SourceParent TargetParent Move Correlator"

/** Tags of the MetInf page from token 05 on. */
const metInfTags =
  "Anchor EMI Format FreeID FreeMem Last Mark MaxMsgSize Mem MetInf Next NextNonce SharedMem Size Type Version MaxObjSize " +
  "FieldLevel"

/** Tags of DevInf from token 05 on. */
const devInfTags =
  "CTCap CTType DataStore DataType DevID DevInf DevTyp DisplayName DSMem Ext FwV HwV Man MaxGUIDSize MaxID MaxMem Mod OEM " +
  "ParamName PropName Rx Rx-Pref SharedMem MaxSize SourceRef SwV SyncCap SyncType Tx Tx-Pref ValEnum VerCT VerDTD XNam XVal " +
  "UTC SupportNumberOfChanges SupportLargeObjs Property PropParam MaxOccur NoTruncate - Filter-Rx FilterCap FilterKeyword " +
  "FieldLevel SupportHierarchicalSync"

/** A code page: names by token, tokens by name. */
export interface CodePage {
  readonly namespace: Namespace
  /** Indexed by token, 0 to 63; the empty string is a token without a meaning. */
  readonly names: ReadonlyArray<string>
  readonly tokens: ReadonlyMap<string, number>
}

const codePage = (namespace: Namespace, tags: string): CodePage => {
  const names = new Array<string>(64).fill("")
  const tokens = new Map<string, number>()
  tags.split(" ").forEach((name, i) => {
    if (name === "-") return
    names[i + 5] = name
    tokens.set(name, i + 5)
  })
  return { namespace, names, tokens }
}

export const syncMl: CodePage = codePage("SYNCML:SYNCML1.2", syncMlTags)
export const metInf: CodePage = codePage("syncml:metinf", metInfTags)
export const devInf: CodePage = codePage("syncml:devinf", devInfTags)

/** DevInf before 1.2 has `Size` where 1.2 has `MaxSize`: same token. */
const devInfSize = devInf.tokens.get("MaxSize")!
export const devInf11: CodePage = {
  namespace: devInf.namespace,
  names: devInf.names.with(devInfSize, "Size"),
  tokens: new Map(devInf.tokens).set("Size", devInfSize)
}

/** The code pages of a message document. A tag has the number `page << 6 | token`. */
export const messagePages: ReadonlyArray<CodePage> = [syncMl, metInf]

/** The number of a message tag by its name; SyncML names come before MetInf names, which do not overlap. */
export const tagIds: ReadonlyMap<string, number> = new Map(
  messagePages.flatMap(({ tokens }, page) =>
    Array.from(tokens, ([name, token]) => [name, (page << 6) | token] as const)
  )
)

/** The name of a message tag by its number. */
export const tagNames: ReadonlyArray<string> = messagePages.flatMap(({ names }) => names)

/**
 * The namespace of `uri` in our spelling where it is one of the three vocabularies, in any letter case; other text is
 * returned as it is.
 */
export const namespaceOf = (uri: string): Namespace => {
  switch (uri) {
    case "SYNCML:SYNCML1.2":
    case "syncml:metinf":
    case "syncml:devinf":
    case "":
      return uri
  }
  const lower = uri.toLowerCase()
  if (/^syncml:syncml1\.[0-2]$/.test(lower)) return syncMl.namespace
  if (/^syncml:metinf(1\.[0-2])?$/.test(lower)) return metInf.namespace
  if (/^syncml:devinf(1\.[0-2])?$/.test(lower)) return devInf.namespace
  return uri
}

/** What a WBXML document is, by its public identifier. */
export type DocumentKind = "SyncML" | "DevInf" | "DevInf 1.1" | "other"

const publicIds: ReadonlyMap<number, DocumentKind> = new Map([
  [0x01, "SyncML"],
  [0xfd1, "SyncML"],
  [0xfd3, "SyncML"],
  [0x1201, "SyncML"],
  [0xfd2, "DevInf 1.1"],
  [0xfd4, "DevInf 1.1"],
  [0x1203, "DevInf"]
])

/**
 * The kind of document that a numeric public identifier names. 01, "unknown", is taken for SyncML by our own choice.
 *
 * @spec OMNA WBXML public identifiers, as libwbxml has them
 */
export const kindOfPublicId = (id: number): DocumentKind => publicIds.get(id) ?? "other"

/** The kind of document that a textual public identifier names; SyncML where the text tells nothing, by our own choice. */
export const kindOfPublicText = (text: string): DocumentKind => {
  if (/\/\/DTD DevInf 1\.[01]\/\//i.test(text)) return "DevInf 1.1"
  if (/\/\/DTD DevInf /i.test(text)) return "DevInf"
  return /MetInf|DDF/i.test(text) ? "other" : "SyncML"
}

/** The public identifier and the namespace of messages whose VerDTD is `verDtd`; those of 1.2 where it is not an older one. */
export const version = (verDtd: string): { readonly publicId: number; readonly namespace: string } => {
  if (verDtd === "1.0") return { publicId: 0xfd1, namespace: "SYNCML:SYNCML1.0" }
  if (verDtd === "1.1") return { publicId: 0xfd3, namespace: "SYNCML:SYNCML1.1" }
  return { publicId: 0x1201, namespace: syncMl.namespace }
}
