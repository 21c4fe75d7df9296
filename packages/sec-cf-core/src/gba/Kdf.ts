/**
 * The key derivation function of GBA: the input S and the key that HMAC-SHA-256 makes of it.
 *
 * @layer codec
 * @spec TS 33.220 Annex B
 */
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { ParameterTooLong } from "./GbaError.ts"

/** The octets of `value` where it is US-ASCII, which most names are: it is its own normal form and needs no encoder. */
const ascii = (value: string): Uint8Array | undefined => {
  const out = new Uint8Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code > 127) return undefined
    out[i] = code
  }
  return out
}

/** A text parameter as octets: UTF-8 after normalisation to form KC. @spec TS 33.220 B.2.1 */
export const text = (value: string): Uint8Array => ascii(value) ?? Bytes.utf8(value.normalize("NFKC"))

/**
 * S, the octets from which a key is derived: the function code and the ordered parameters, each followed by its length.
 *
 * **Shapes** `fc` 0 to 255 gives one octet, 0xff00 to 0xffff two; a parameter has at most 65,535 octets and its length
 * follows as two octets, most significant first. An empty parameter is legal.
 *
 * **Fails** with `ParameterTooLong` and the place of the parameter.
 *
 * **Gotchas** The order of the parameters is part of the key: swap two and both sides derive different, valid-looking keys.
 *
 * @spec TS 33.220 B.2
 */
export const input = (
  fc: number,
  parameters: ReadonlyArray<Uint8Array>
): Result.Result<Uint8Array, ParameterTooLong> => {
  const wide = fc > 0xff
  let length = wide ? 2 : 1
  for (let i = 0; i < parameters.length; i++) {
    const size = parameters[i]!.length
    if (size > 0xffff) return Result.fail(new ParameterTooLong({ index: i, length: size }))
    length += size + 2
  }
  const s = new Uint8Array(length)
  let at = 0
  if (wide) s[at++] = fc >> 8
  s[at++] = fc
  for (let p = 0; p < parameters.length; p++) {
    const parameter = parameters[p]!
    s.set(parameter, at)
    at += parameter.length
    s[at++] = parameter.length >> 8
    s[at++] = parameter.length
  }
  return Result.succeed(s)
}

/**
 * The derived key, 32 octets: HMAC-SHA-256 of S under `key`.
 *
 * **Fails** as {@link input}.
 *
 * @spec TS 33.220 B.2
 */
export const derive = (
  hmacSha256: Hmac,
  key: Uint8Array,
  fc: number,
  parameters: ReadonlyArray<Uint8Array>
): Result.Result<Uint8Array, ParameterTooLong> => Result.map(input(fc, parameters), (s) => hmacSha256(key, s))
