/**
 * The account of a server on a device: the authentication part of the DMAcc management object and of client provisioning
 * (w7).
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { DmAuthType } from "./DmAuthType.ts"

export const dmAccUrn = "urn:oma:mo:oma-dm-dmacc:1.0"

/** Which side an entry authenticates, and where: in the message (client, server) or in the transport. */
export type AAuthLevel = "CLCRED" | "SRVCRED" | "OBEX" | "HTTP"

/** The literal values of `AAuthType`. */
export type AAuthType =
  | "HTTP-BASIC"
  | "HTTP-DIGEST"
  | "BASIC"
  | "DIGEST"
  | "DIGEST-SHA256"
  | "HMAC"
  | "X509"
  | "SECURID"
  | "SAFEWORD"
  | "DIGIPASS"
  | "TRANSPORT"

/** A value in an account that is none of the known ones, or does not go with another. */
export class UnknownAccountValue extends Data.TaggedError("UnknownAccountValue")<{
  readonly node: "AAuthLevel" | "AAuthType" | "AAuthData"
  readonly value: string
  readonly clause: string
}> {}

/** The spellings of client provisioning beside those of DMAcc. */
const levels = new Map<string, AAuthLevel>([
  ["CLCRED", "CLCRED"],
  ["SRVCRED", "SRVCRED"],
  ["OBEX", "OBEX"],
  ["HTTP", "HTTP"],
  ["APPSRV", "CLCRED"],
  ["CLIENT", "SRVCRED"]
])

const types = new Map<string, AAuthType>([
  ["HTTP-BASIC", "HTTP-BASIC"],
  ["HTTP-DIGEST", "HTTP-DIGEST"],
  ["BASIC", "BASIC"],
  ["DIGEST", "DIGEST"],
  ["HMAC", "HMAC"],
  ["X509", "X509"],
  ["SECURID", "SECURID"],
  ["SAFEWORD", "SAFEWORD"],
  ["DIGIPASS", "DIGIPASS"],
  ["TRANSPORT", "TRANSPORT"]
])

/**
 * The tokens taken for SHA-256 by default; the first is the one that is written. The token of DM 1.3 was not confirmed, so it
 * is an argument.
 */
export const sha256Tokens: ReadonlyArray<string> = ["DIGEST-SHA256", "SHA256", "DIGEST_SHA256"]

/**
 * The level that `text` names: `CLCRED`, `SRVCRED`, `OBEX`, `HTTP` of DMAcc, or `APPSRV`, `CLIENT` of client provisioning.
 *
 * @spec DMAcc 1.2, AAuthLevel
 */
export const parseLevel = (text: string): Result.Result<AAuthLevel, UnknownAccountValue> => {
  const level = levels.get(text.trim().toUpperCase())
  return level === undefined
    ? Result.fail(new UnknownAccountValue({ node: "AAuthLevel", value: text, clause: "DMAcc, AAuthLevel" }))
    : Result.succeed(level)
}

/** The spelling of `level` in DMAcc, or in a w7 characteristic. */
export const levelText = (level: AAuthLevel, form: "DMAcc" | "w7"): string =>
  form === "DMAcc" ? level : level === "CLCRED" ? "APPSRV" : level === "SRVCRED" ? "CLIENT" : level

/**
 * The type that `text` names.
 *
 * **Fails** with `UnknownAccountValue`; so it does for a type that `level` does not allow: HTTP and OBEX take HTTP-BASIC,
 * HTTP-DIGEST and TRANSPORT alone.
 *
 * @spec DMAcc 1.2, AAuthType
 */
export const parseType = (
  text: string,
  level: AAuthLevel,
  sha256: ReadonlyArray<string> = sha256Tokens
): Result.Result<AAuthType, UnknownAccountValue> => {
  const token = text.trim().toUpperCase()
  const type = types.get(token) ?? (sha256.some((known) => known.toUpperCase() === token) ? "DIGEST-SHA256" : undefined)
  if (type === undefined) {
    return Result.fail(new UnknownAccountValue({ node: "AAuthType", value: text, clause: "DMAcc, AAuthType" }))
  }
  const ofTransport = type === "HTTP-BASIC" || type === "HTTP-DIGEST"
  const inTransport = level === "HTTP" || level === "OBEX"
  if (type !== "TRANSPORT" && ofTransport !== inTransport) {
    const clause = "HTTP and OBEX take HTTP-BASIC, HTTP-DIGEST and TRANSPORT; CLCRED and SRVCRED the other types"
    return Result.fail(new UnknownAccountValue({ node: "AAuthType", value: text, clause }))
  }
  return Result.succeed(type)
}

/** The credential type behind an `AAuthType`; `undefined` for those that this package does not compute. */
export const dmAuthType = (type: AAuthType): DmAuthType | undefined => {
  switch (type) {
    case "BASIC":
      return "syncml:auth-basic"
    case "DIGEST":
      return "syncml:auth-md5"
    case "DIGEST-SHA256":
      return "syncml:auth-sha256"
    case "HMAC":
      return "syncml:auth-MAC"
    default:
      return undefined
  }
}

/** The `AAuthType` of a credential type. */
export const aAuthType = (type: DmAuthType): AAuthType => {
  switch (type) {
    case "syncml:auth-basic":
      return "BASIC"
    case "syncml:auth-md5":
      return "DIGEST"
    case "syncml:auth-sha256":
      return "DIGEST-SHA256"
    case "syncml:auth-MAC":
      return "HMAC"
  }
}

/** One `AppAuth` entry. */
export interface AppAuth {
  readonly level: AAuthLevel
  readonly type: AAuthType
  /** The user name of the client, or the server's identifier. */
  readonly name?: string
  readonly secret?: Redacted.Redacted<string>
  /** The raw octets of the nonce. */
  readonly data?: Uint8Array
}

/**
 * The nonce of an account: DMAcc carries its octets, client provisioning base64 text.
 *
 * **Fails** with `UnknownAccountValue` where text does not decode; the value stays out of the error.
 */
export const parseData = (value: Uint8Array | string): Result.Result<Uint8Array, UnknownAccountValue> => {
  if (typeof value !== "string") return Result.succeed(value)
  return Result.mapError(
    Bytes.fromBase64(value),
    () => new UnknownAccountValue({ node: "AAuthData", value: "", clause: "base64 in client provisioning" })
  )
}

/**
 * Which credential type a client shows first, before anybody asked: `AAuthPref`, else what worked last time, else MD5 where
 * the account has a nonce for it, else basic; always one that the account has. `undefined` where it has none.
 *
 * @spec DMAcc 1.2, AAuthPref; the order without preference as deployed clients document it
 */
export const firstType = (
  entries: ReadonlyArray<AppAuth>,
  preferred?: AAuthType,
  workedLast?: DmAuthType
): DmAuthType | undefined => {
  const own = entries.filter((entry) => entry.level === "CLCRED")
  const has = (type: DmAuthType) => own.some((entry) => dmAuthType(entry.type) === type)
  const wished = preferred === undefined ? undefined : dmAuthType(preferred)
  if (wished !== undefined && has(wished)) return wished
  if (workedLast !== undefined && has(workedLast)) return workedLast
  if (own.some((entry) => entry.type === "DIGEST" && entry.data !== undefined)) return "syncml:auth-md5"
  if (has("syncml:auth-basic")) return "syncml:auth-basic"
  return own.map((entry) => dmAuthType(entry.type)).find((type) => type !== undefined)
}
