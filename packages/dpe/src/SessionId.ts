/**
 * The names of a session: the one of DPE-1, and the one of DPE-2 that comes out of it.
 *
 * @layer codec
 * @spec dpe 3: 128 bits of chance; on DPE-2 base64url(first 16 octets of SHA-256("dpe-2" || 00 || Session-ID))
 */
import { Bytes, type Hash } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import type { DpeInterface } from "./DpeInterface.ts"

/** Octets of chance in a Session-ID. */
export const octets = 16

const toBase64Url = (bytes: Uint8Array): string =>
  Bytes.toBase64(bytes).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")

/** The text of 16 octets: 22 characters. */
export const encode = (chance: Uint8Array): string => toBase64Url(chance)

const shape = /^[A-Za-z0-9_-]{21}[AQgw]$/

/** The 16 octets of a Session-ID, or `undefined`. One value has one spelling. */
export const decode = (sessionId: string): Uint8Array | undefined => {
  if (!shape.test(sessionId)) return undefined
  const decoded = Bytes.fromBase64(`${sessionId.replaceAll("-", "+").replaceAll("_", "/")}==`)
  return Result.isSuccess(decoded) ? decoded.success : undefined
}

/** The 16 octets of the session's name on DPE-2. They give nothing away about the one of DPE-1. */
export const dpe2Octets = (sha256: Hash, sessionId: string): Uint8Array =>
  sha256(Bytes.concat(Bytes.utf8("dpe-2"), Uint8Array.of(0), Bytes.utf8(sessionId))).slice(0, octets)

/** The Session-ID of DPE-2. */
export const dpe2 = (sha256: Hash, sessionId: string): string => toBase64Url(dpe2Octets(sha256, sessionId))

/**
 * The octets under which a server keeps the session that `sessionId` names on an interface: always those of DPE-2, so that the name
 * of DPE-1 is stored nowhere. `undefined` where it is no Session-ID.
 */
export const storedName = (sha256: Hash, of: DpeInterface, sessionId: string): Uint8Array | undefined => {
  const decoded = decode(sessionId)
  if (decoded === undefined) return undefined
  return of === "dpe-2" ? decoded : dpe2Octets(sha256, sessionId)
}
