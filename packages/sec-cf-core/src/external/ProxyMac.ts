/**
 * `x-oma-proxy-mac`: a proxy proves by a shared key that it wrote an identity header into this very request.
 *
 * The layout is our own, as no published one exists: `t=<unix seconds>;n=<32 hex>;m=<base64 of 32 octets>`, with `m` the HMAC-SHA-256 over
 * `t LF n LF method LF host LF target LF header name in lower case LF value`.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { IdentityRefused } from "./ExternalError.ts"

/** The value of the field. */
export interface ProxyMac {
  /** Seconds since 1970. */
  readonly t: number
  /** 32 hexadecimal digits, as they came. */
  readonly n: string
  /** 32 octets. */
  readonly m: Uint8Array
}

/** What the MAC covers besides time and nonce. */
export interface Covered {
  readonly method: string
  /** The value of `Host` as received. */
  readonly host: string
  /** The request-target as received. */
  readonly target: string
  /** Lower case. */
  readonly header: string
  readonly value: string
}

/** How far, in seconds, the time of a MAC may lie from now. */
export const defaultProxyMacLimits = { seconds: 60 } as const

const form = /^t=(0|[1-9][0-9]{0,11});n=([0-9a-fA-F]{32});m=([A-Za-z0-9+/]{43}=)$/

/** The parts of the field value `text`. */
export const parse = (text: string): Result.Result<ProxyMac, IdentityRefused> => {
  const match = text.length > 128 ? null : form.exec(text)
  const m = match === null ? undefined : Bytes.fromBase64(match[3]!)
  return match === null || m === undefined || Result.isFailure(m)
    ? Result.fail(
        new IdentityRefused({
          why: "proxy MAC malformed",
          clause: "x-oma-proxy-mac: t=<seconds>;n=<32 hex>;m=<base64>"
        })
      )
    : Result.succeed({ t: Number(match[1]), n: match[2]!, m: m.success })
}

export const format = ({ t, n, m }: ProxyMac): string => `t=${t};n=${n};m=${Bytes.toBase64(m)}`

/** The octets under the MAC; `undefined` where a part holds a line break or NUL, with which two requests could have the same octets. */
export const input = (t: number, n: string, covered: Covered): Uint8Array | undefined => {
  const { method, host, target, header, value } = covered
  const parts = [String(t), n, method, host, target, header, value]
  return parts.some((part) => /[\n\r\0]/.test(part)) ? undefined : Bytes.utf8(parts.join("\n"))
}

/** Whether `t` lies within `seconds` of `now` (milliseconds since 1970). */
export const isTimely = (t: number, now: number, seconds: number = defaultProxyMacLimits.seconds): boolean =>
  Math.abs(t * 1000 - now) <= seconds * 1000

/** Until when (milliseconds since 1970) the nonce must be remembered, so that it does not count twice. */
export const rememberUntil = (t: number, seconds: number = defaultProxyMacLimits.seconds): number =>
  (t + seconds) * 1000 + 1
