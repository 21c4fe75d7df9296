/**
 * The document in which a bootstrapping server tells B-TID and lifetime.
 *
 * @layer codec
 * @spec TS 24.109 Annex C.1
 */
import * as Result from "effect/Result"
import * as BTid from "./BTid.ts"
import { MalformedGba } from "./GbaError.ts"
import * as DateTimeText from "./XmlDateTime.ts"
import * as XmlTree from "./XmlTree.ts"

/** The namespace of the document. */
export const NAMESPACE = "uri:3gpp-gba"

/** The media type of the answer on Ub. @spec TS 24.109 4.4 */
export const MEDIA_TYPE = "application/vnd.3gpp.bsf+xml"

/** What the document says. Times are milliseconds since 1970. */
export interface BootstrappingInfo {
  readonly btid: BTid.BTid
  /** When Ks ends. */
  readonly lifetime: number
  /** The server's clock, from which a handset with a wrong one computes what remains. */
  readonly currentTime?: number | undefined
}

/** The document, with `currenttime` inside `Extension` where it is given. */
export const encode = (info: BootstrappingInfo): string => {
  const extension =
    info.currentTime === undefined
      ? ""
      : `<Extension>\n<currenttime>${DateTimeText.encode(info.currentTime)}</currenttime>\n</Extension>\n`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<BootstrappingInfo xmlns="${NAMESPACE}">\n<btid>${XmlTree.escapeText(info.btid)}</btid>\n<lifetime>${DateTimeText.encode(info.lifetime)}</lifetime>\n${extension}</BootstrappingInfo>\n`
}

/** 16,384 characters, eight levels and 128 elements: room for extensions of others. */
export const defaultLimits: XmlTree.XmlLimits = { length: 16_384, depth: 8, elements: 128, attributes: 32 }

/**
 * What `document` says. Unknown elements and attributes are passed over.
 *
 * **Fails** with `MalformedGba` for XML that is none, a document type declaration, another root or namespace, a missing or
 * repeated `btid` or `lifetime`, values that are none, and past a limit.
 */
export const decode = (
  document: string,
  limits: XmlTree.XmlLimits = defaultLimits
): Result.Result<BootstrappingInfo, MalformedGba> => {
  const malformed = (why: string) =>
    Result.fail(new MalformedGba({ what: "BootstrappingInfo", why, clause: "TS 24.109 C.1" }))
  const parsed = XmlTree.parse("BootstrappingInfo", document, limits)
  if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
  const root = parsed.success
  if (root.name !== "BootstrappingInfo" || root.uri !== NAMESPACE) return malformed("another root element")
  const btids = XmlTree.children(root, "btid")
  const lifetimes = XmlTree.children(root, "lifetime")
  if (btids.length !== 1 || lifetimes.length !== 1) return malformed("one btid and one lifetime are needed")
  const btid = BTid.parse(btids[0]!.text)
  if (Result.isFailure(btid)) return Result.fail(btid.failure)
  const lifetime = DateTimeText.decode(lifetimes[0]!.text)
  if (lifetime === undefined) return malformed("lifetime is no time with a zone")
  const extension = XmlTree.child(root, "Extension")
  const current = extension?.children.find((one) => one.name === "currenttime")
  const currentTime = current === undefined ? undefined : DateTimeText.decode(current.text)
  return Result.succeed(
    currentTime === undefined ? { btid: btid.success, lifetime } : { btid: btid.success, lifetime, currentTime }
  )
}
