/**
 * The 7-bit default alphabet of GSM and its packing: seven bits a character, the first in the low bits.
 *
 * @spec TS 23.038 6.1.2.1, 6.2.1
 * @layer codec
 */
const table =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
const extension: ReadonlyArray<readonly [septet: number, character: string]> = [
  [0x0a, "\f"],
  [0x14, "^"],
  [0x28, "{"],
  [0x29, "}"],
  [0x2f, "\\"],
  [0x3c, "["],
  [0x3d, "~"],
  [0x3e, "]"],
  [0x40, "|"],
  [0x65, "€"]
]
const escapeSeptet = 0x1b
const characters = Array.from(table)
const septetOf = new Map(characters.map((character, septet) => [character, septet]))
const extended = new Map(extension)
const extendedSeptetOf = new Map(extension.map(([septet, character]) => [character, septet]))

/** The septets of `text`, or `undefined` where a character is not in the alphabet. */
export const toSeptets = (text: string): ReadonlyArray<number> | undefined => {
  const out: Array<number> = []
  for (const character of text) {
    const septet = septetOf.get(character)
    if (septet !== undefined && septet !== escapeSeptet) {
      out.push(septet)
      continue
    }
    const second = extendedSeptetOf.get(character)
    if (second === undefined) return undefined
    out.push(escapeSeptet, second)
  }
  return out
}

/**
 * The text of `septets`. An escape before a septet without an extension is passed over, and two escapes are a space, as
 * the standard asks of a receiver.
 */
export const fromSeptets = (septets: ReadonlyArray<number>): string => {
  let out = ""
  for (let i = 0; i < septets.length; i++) {
    const septet = septets[i]! & 0x7f
    if (septet !== escapeSeptet) {
      out += characters[septet]!
      continue
    }
    const second = septets[++i]
    out += second === undefined || second === escapeSeptet ? " " : (extended.get(second) ?? characters[second & 0x7f]!)
  }
  return out
}

/** Septets packed into octets. */
export const pack = (septets: ReadonlyArray<number>): Uint8Array => {
  const out = new Uint8Array(Math.ceil((septets.length * 7) / 8))
  septets.forEach((septet, i) => {
    const bit = i * 7
    const at = bit >> 3
    const shifted = (septet & 0x7f) << (bit & 7)
    out[at] = out[at]! | (shifted & 0xff)
    if (shifted > 0xff) out[at + 1] = out[at + 1]! | (shifted >> 8)
  })
  return out
}

/** The first `count` septets of packed `octets`, fewer where there are not so many. */
export const unpack = (octets: Uint8Array, count: number): ReadonlyArray<number> => {
  const out: Array<number> = []
  const held = Math.min(count, Math.floor((octets.length * 8) / 7))
  for (let i = 0; i < held; i++) {
    const bit = i * 7
    const at = bit >> 3
    out.push(((((octets[at + 1] ?? 0) << 8) | octets[at]!) >> (bit & 7)) & 0x7f)
  }
  return out
}
