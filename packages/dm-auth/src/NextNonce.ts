/**
 * `NextNonce`: the octets that the next digest shall contain, as they stand in a Meta.
 *
 * A nonce is octets and nothing else: NUL, colon, line ends and invalid UTF-8 occur, so it is decoded once, straight to a
 * `Uint8Array`, and never becomes text on the way.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"

/** A nonce as carried: base64 text, or the octets themselves where WBXML carried an OPAQUE. */
export type NextNonce = string | Uint8Array

/**
 * The octets of `value`, base64-decoded exactly once when it is text or when `format` says `b64`; `undefined` where that
 * is not possible. An empty nonce is legal and is zero octets.
 *
 * **Gotchas** Octets that look like base64 again are not decoded again. A raw OPAQUE counts as raw unless `format` is
 * `b64`.
 *
 * @spec DM Security: NextNonce; raw OPAQUE by our own choice, since `b64` is demanded for clear text only
 */
export const octets = (value: NextNonce, format: string): Uint8Array | undefined => decodeFormatted(value, format)

/** The nonce `octets` as base64 text, the form that every deployed peer reads. */
export const encode = (octets: Uint8Array): NextNonce => Bytes.toBase64(octets)

/**
 * The octets behind a `Data` or `NextNonce` under a Format. Text must be `b64`; octets are raw, or the characters of base64
 * under `b64`.
 */
export const decodeFormatted = (value: string | Uint8Array, format: string): Uint8Array | undefined => {
  const isBase64 = format.toLowerCase() === "b64"
  if (typeof value !== "string" && !isBase64) return value
  if (!isBase64) return undefined
  const text = typeof value === "string" ? value : Bytes.utf8Decode(value)
  if (text === undefined) return undefined
  const decoded = Bytes.fromBase64(text)
  return Result.isSuccess(decoded) ? decoded.success : undefined
}
