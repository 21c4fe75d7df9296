/**
 * From UMTS to GSM: SRES and Kc out of a quintet, for a subscriber whose card or network knows triplets only.
 *
 * @layer codec
 * @spec TS 33.102 6.8.1.2
 */
import type { AkaVector } from "./AkaFunctions.ts"

/** A GSM triplet: RAND 16, SRES 4, Kc 8 octets. */
export interface Triplet {
  readonly rand: Uint8Array
  readonly sres: Uint8Array
  readonly kc: Uint8Array
}

/** c2: RES, padded with zeros to 16 octets, folded into the 4 octets of SRES by exclusive or. */
export const sres = (res: Uint8Array): Uint8Array => {
  const out = new Uint8Array(4)
  for (let i = 0; i < Math.min(res.length, 16); i++) out[i & 3]! ^= res[i]!
  return out
}

/** c3: the halves of CK and IK, 16 octets each, folded into the 8 octets of Kc by exclusive or. */
export const kc = (ck: Uint8Array, ik: Uint8Array): Uint8Array => {
  const out = new Uint8Array(8)
  for (let i = 0; i < 16; i++) out[i & 7]! ^= ck[i]! ^ ik[i]!
  return out
}

/** The triplet of a vector. */
export const triplet = (vector: AkaVector): Triplet => ({
  rand: vector.rand,
  sres: sres(vector.xres),
  kc: kc(vector.ck, vector.ik)
})
