/**
 * GUSS, the security settings of a subscriber for GBA, and USS, those for one application: what the bootstrapping server gets
 * from the home network and what it hands to an application server.
 *
 * The document is that of public implementations (FHoSS, Cipango).
 *
 * @layer codec
 * @spec TS 29.109 Annex A
 */
import * as Result from "effect/Result"
import { MalformedGba } from "./GbaError.ts"
import * as XmlTree from "./XmlTree.ts"

/** Which of the keys of GBA_U an application uses. @spec TS 29.309 */
export type KeyChoice = "ME_BASED_KEY" | "UICC_BASED_KEY" | "ME_UICC_BASED_KEYS"

/** The settings of one subscriber for one application. */
export interface Uss {
  /** The GAA service identifier, 0 to 2^32 - 1. */
  readonly gsId: number
  /** The GAA service type. @spec TS 29.109 */
  readonly gsType: number
  /** The group of application servers that these settings are for; absent for all. */
  readonly nafGroup?: string | undefined
  /** Public identities under which the application may know the subscriber. */
  readonly uids: ReadonlyArray<string>
  /** Authorisation flags; what one means depends on the service type. */
  readonly flags: ReadonlyArray<number>
  readonly keyChoice?: KeyChoice | undefined
}

/** All settings of one subscriber. */
export interface Guss {
  readonly impi: string
  /** Whether the card does GBA_U. */
  readonly uiccType: "GBA" | "GBA_U"
  /** Seconds for which a bootstrapping of this subscriber holds; absent: the server's own default. */
  readonly lifetime?: number | undefined
  readonly uss: ReadonlyArray<Uss>
}

/** The GAA service types that are known here. @spec TS 29.109; values from public implementations */
export const serviceTypes = {
  unspecific: 0,
  pkiPortal: 1,
  authenticationProxy: 2,
  presence: 3,
  mbms: 4,
  liberty: 5,
  uiccTerminalKey: 6,
  terminalRemoteKey: 7,
  andsf: 8,
  gbaPush: 9,
  imsPssMbms: 10,
  openId: 11,
  gpl: 12
} as const

/**
 * Whether the settings let the subscriber use the application: types 8 and 11 need flag 1, type 1 needs flag 1 (authentication)
 * or 2 (non-repudiation), every other type is allowed by having settings at all.
 */
export const allows = (uss: Uss): boolean => {
  switch (uss.gsType) {
    case serviceTypes.pkiPortal:
      return uss.flags.includes(1) || uss.flags.includes(2)
    case serviceTypes.andsf:
    case serviceTypes.openId:
      return uss.flags.includes(1)
    default:
      return true
  }
}

/**
 * Whether the settings let the key of the terminal (`me`: Ks_NAF, Ks_ext_NAF) or that of the UICC (`uicc`: Ks_int_NAF) be used; without a
 * choice either may.
 *
 * @spec TS 29.309 (KeyChoice)
 */
export const allowsKey = ({ keyChoice }: Uss, place: "me" | "uicc"): boolean =>
  keyChoice === undefined ||
  keyChoice === "ME_UICC_BASED_KEYS" ||
  keyChoice === (place === "uicc" ? "UICC_BASED_KEY" : "ME_BASED_KEY")

/** The settings that an application server in `nafGroup` may see: those of the services it serves, for its group or for all. */
export const select = (guss: Guss, gsIds: ReadonlyArray<number>, nafGroup?: string | undefined): ReadonlyArray<Uss> =>
  guss.uss.filter((uss) => gsIds.includes(uss.gsId) && (uss.nafGroup === undefined || uss.nafGroup === nafGroup))

const keyChoices: ReadonlyArray<string> = ["ME_BASED_KEY", "UICC_BASED_KEY", "ME_UICC_BASED_KEYS"]
const isKeyChoice = (text: string | undefined): text is KeyChoice => text !== undefined && keyChoices.includes(text)

/** The document of `guss`. */
export const encode = (guss: Guss): string => {
  const e = XmlTree.escapeText
  const uss = guss.uss.map((one) => {
    const group = one.nafGroup === undefined ? "" : ` nafGroup="${e(one.nafGroup)}"`
    const uids = one.uids.map((uid) => `<uid>${e(uid)}</uid>`).join("")
    const flags = one.flags.map((flag) => `<flag>${flag}</flag>`).join("")
    const choice = one.keyChoice === undefined ? "" : `<keyChoice>${one.keyChoice}</keyChoice>`
    return `<uss id="${one.gsId}" type="${one.gsType}"${group}><uids>${uids}</uids><flags>${flags}</flags>${choice}</uss>`
  })
  const lifetime = guss.lifetime === undefined ? "" : `<lifeTime>${guss.lifetime}</lifeTime>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<guss id="${e(guss.impi)}"><bsfInfo><uiccType>${guss.uiccType}</uiccType>${lifetime}</bsfInfo><ussList>${uss.join("")}</ussList></guss>\n`
}

const whole = (text: string | undefined, maximum: number): number | undefined => {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return value <= maximum ? value : undefined
}

/**
 * What `document` says. Unknown elements and attributes are passed over.
 *
 * **Fails** with `MalformedGba` for XML that is none, another root, numbers that are none, and past a limit.
 */
export const decode = (
  document: string,
  limits: XmlTree.XmlLimits = XmlTree.defaultXmlLimits
): Result.Result<Guss, MalformedGba> => {
  const malformed = (why: string) => Result.fail(new MalformedGba({ what: "GUSS", why, clause: "TS 29.109 Annex A" }))
  const parsed = XmlTree.parse("GUSS", document, limits)
  if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
  const root = parsed.success
  const impi = root.attributes["id"]
  if (root.name !== "guss" || impi === undefined) return malformed("the root is not guss with an id")
  const info = XmlTree.child(root, "bsfInfo")
  const lifetimeText = info === undefined ? undefined : XmlTree.child(info, "lifeTime")?.text
  const lifetime = whole(lifetimeText, 0xffffffff)
  if (lifetimeText !== undefined && lifetime === undefined) return malformed("lifeTime is no number of seconds")
  const list = XmlTree.child(root, "ussList")
  const uss: Array<Uss> = []
  for (const one of list === undefined ? [] : XmlTree.children(list, "uss")) {
    const gsId = whole(one.attributes["id"], 0xffffffff)
    const gsType = whole(one.attributes["type"], 0xffffffff)
    if (gsId === undefined || gsType === undefined) return malformed("a uss without id and type")
    const flags: Array<number> = []
    for (const flag of XmlTree.children(XmlTree.child(one, "flags") ?? one, "flag")) {
      const value = whole(flag.text, 0xffffffff)
      if (value === undefined) return malformed("a flag is no number")
      flags.push(value)
    }
    const uids = XmlTree.children(XmlTree.child(one, "uids") ?? one, "uid").map((uid) => uid.text)
    const nafGroup = one.attributes["nafGroup"]
    const choice = XmlTree.child(one, "keyChoice")?.text
    if (choice !== undefined && !isKeyChoice(choice)) return malformed("an unknown keyChoice")
    uss.push({
      gsId,
      gsType,
      uids,
      flags,
      ...(nafGroup !== undefined && { nafGroup }),
      ...(choice && { keyChoice: choice })
    })
  }
  const uiccType =
    (info === undefined ? undefined : XmlTree.child(info, "uiccType")?.text) === "GBA_U" ? "GBA_U" : "GBA"
  return Result.succeed({ impi, uiccType, uss, ...(lifetime !== undefined && { lifetime }) })
}
