/**
 * The octets S that go into a key derivation, as a line for the terminal.
 *
 * @layer codec
 * @spec TS 33.220 B.2 and B.3
 */
import { Bytes } from "@oma/sa-policy/bytes"
import type { Ks } from "@oma/sec-cf-core/gba"

/** The parameters of S after the function code, cut at their lengths from the end; `undefined` where the lengths do not fit. */
const parameters = (s: Uint8Array): ReadonlyArray<Uint8Array> | undefined => {
  const found: Array<Uint8Array> = []
  let end = s.length
  while (end > 1) {
    const start = end - 2 - ((s[end - 2] ?? 0) * 256 + (s[end - 1] ?? 0))
    if (start < 1) return undefined
    found.unshift(s.subarray(start, end - 2))
    end = start
  }
  return found
}

/** The subscriber whose key it is: the third parameter. */
export const impiOf = ({ s }: Ks.Derivation): string | undefined => {
  const impi = parameters(s)?.[2]
  return impi === undefined ? undefined : Bytes.utf8Decode(impi)
}

const named = ["P0", "P1 RAND", "P2 IMPI", "P3 NAF_Id"]

/** S, octet by octet in hexadecimal: the function code, then each parameter with its length. */
export const print = ({ key, s }: Ks.Derivation): string => {
  const parts = parameters(s) ?? []
  const text = (octets: Uint8Array): string =>
    Array.from(octets, (octet) => (octet > 31 && octet < 127 ? String.fromCharCode(octet) : ".")).join("")
  const lines = parts.map((part, i) => {
    const length = part.length.toString(16).padStart(4, "0")
    const readable = i === 1 ? "" : `  "${text(part)}"`
    return `    ${(named[i] ?? `P${i}`).padEnd(10)} ${Bytes.toHex(part)} ${length}${readable}`
  })
  return [
    `  ${key} = HMAC-SHA-256(Ks, S), TS 33.220 B.3; S has ${s.length} octets:`,
    `    FC         ${Bytes.toHex(s.subarray(0, 1))}`,
    ...lines
  ].join("\n")
}
