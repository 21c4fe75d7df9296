/**
 * The realms of HTTP Digest on Ua: which kind of key, and the name of the application server.
 *
 * @layer codec
 * @spec TS 33.222 5.3; TS 24.109 5.2
 */
import * as Result from "effect/Result"
import * as Fqdn from "./Fqdn.ts"

/** Which key a realm asks for: that of GBA_ME (or Ks_ext_NAF), Ks_int_NAF of the UICC, or that of GBA_Digest. */
export type UaKeyKind = "me" | "uicc" | "digest"

/** One realm of a challenge. */
export interface UaRealm {
  readonly kind: UaKeyKind
  readonly fqdn: Fqdn.Fqdn
  /** As it stood in the challenge: it goes into the response unchanged. */
  readonly text: string
}

const prefixes: Readonly<Record<UaKeyKind, string>> = {
  me: "3GPP-bootstrapping",
  uicc: "3GPP-bootstrapping-uicc",
  digest: "3GPP-bootstrapping-digest"
}

/** The realm for one kind of key, such as `3GPP-bootstrapping@naf.example.com`. */
export const encodeOne = (kind: UaKeyKind, fqdn: Fqdn.Fqdn): string => `${prefixes[kind]}@${fqdn}`

/** The realm of a challenge that offers several kinds, joined by `;`, the preferred one first. */
export const encode = (kinds: ReadonlyArray<UaKeyKind>, fqdn: Fqdn.Fqdn): string =>
  kinds.map((kind) => encodeOne(kind, fqdn)).join(";")

/** The one realm in `text`, or `undefined` where it is none of bootstrapping. */
export const decodeOne = (text: string): UaRealm | undefined => {
  const at = text.indexOf("@")
  const kind = (Object.keys(prefixes) as Array<UaKeyKind>).find((one) => prefixes[one] === text.slice(0, at))
  if (at < 0 || kind === undefined) return undefined
  const fqdn = Fqdn.parse(text.slice(at + 1))
  return Result.isSuccess(fqdn) ? { kind, fqdn: fqdn.success, text } : undefined
}

/** The realms of bootstrapping in the realm of a challenge, in its order, at most eight; what else stands there, and a `;` at the end, is passed over. */
export const decode = (realm: string): ReadonlyArray<UaRealm> => {
  if (realm.length > 2048) return []
  return realm
    .split(";", 8)
    .map((part) => decodeOne(part.trim()))
    .filter((one) => one !== undefined)
}
