/**
 * 2G GBA: a bootstrapping with a SIM. Its challenge has the form of an AKA challenge with zeros for AUTN and 16 random octets, Ks-input,
 * behind; its keys come out of a triplet. Kc has 64 bits, and nothing in the challenge proves the network but the TLS connection under it,
 * so both ends do it by an explicit switch and inside TLS only.
 *
 * The challenge is that of TS 24.109 H.2; the key derivation is stated from memory of TS 33.220 Annex I.
 *
 * @layer codec
 * @spec TS 24.109 H.2
 */
import type { Hmac } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import type { AkaVector } from "../aka/AkaFunctions.ts"
import type { Triplet } from "../aka/Gsm.ts"
import type { ParameterTooLong } from "./GbaError.ts"
import * as Ks from "./Ks.ts"

/** Octets of Ks-input. */
export const KS_INPUT_LENGTH = 16

/** Whether a challenge is one of 2G GBA, by its AUTN of zeros and its Ks-input. */
export const isChallenge = (challenge: { readonly autn: Uint8Array; readonly serverData: Uint8Array }): boolean =>
  challenge.serverData.length === KS_INPUT_LENGTH && challenge.autn.every((octet) => octet === 0)

/** What both ends make of a triplet and Ks-input, in the form of an AKA vector: AUTN zero, CK || IK is Ks. */
export const vector = (
  hmacSha256: Hmac,
  { rand, sres, kc }: Triplet,
  ksInput: Uint8Array
): Result.Result<AkaVector, ParameterTooLong> =>
  Result.map(Ks.twoG(hmacSha256, kc, rand, sres, ksInput), ({ res, ks }) => ({
    rand,
    autn: new Uint8Array(16),
    xres: res,
    ck: ks.slice(0, 16),
    ik: ks.slice(16)
  }))
