/**
 * Sequence numbers: how the authentication centre makes the next one, and which ones a card accepts. SQN = SEQ || IND; the
 * card keeps one SEQ for each IND, so that vectors drawn by several servers may arrive in any order.
 *
 * @layer codec
 * @spec TS 33.102 Annex C
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { SqnExhausted } from "./AkaError.ts"

/** The parameters that the authentication centre and the cards of one operator agree on. */
export interface SqnProfile {
  /** Low bits of SQN that are IND; 5 gives 32 slots. */
  readonly indBits: number
  /** The furthest that SEQ may run ahead of the card; beyond it a number is refused, so that the end is never reached. */
  readonly delta: number
  /** The age limit L: a SEQ this far behind the card's highest one is refused whatever its slot. Absent: no limit. */
  readonly limit?: number | undefined
}

/** 5 bits of IND and delta 2^28, the values of the example profiles; no age limit. @spec TS 33.102 C.3 */
export const defaultProfile: SqnProfile = { indBits: 5, delta: 2 ** 28 }

/** The largest SQN, 2^48 - 1; every SQN is a safe integer. */
export const maximum = 2 ** 48 - 1

/** The 6 octets of `sqn`, most significant first; a number outside 0 to 2^48 - 1 is taken modulo 2^48. */
export const toBytes = (sqn: number): Uint8Array => {
  const high = Math.floor(sqn / 2 ** 32)
  const low = sqn % 2 ** 32
  return Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low)
}

/** The number in 6 `octets`; shorter input reads as if zeros followed. */
export const fromBytes = (octets: Uint8Array): number => {
  let sqn = 0
  for (let i = 0; i < 6; i++) sqn = sqn * 256 + (octets[i] ?? 0)
  return sqn
}

/** SEQ, the counter in `sqn`. */
export const seqOf = (profile: SqnProfile, sqn: number): number => Math.floor(sqn / 2 ** profile.indBits)

/** IND, the slot in `sqn`. */
export const indOf = (profile: SqnProfile, sqn: number): number => sqn % 2 ** profile.indBits

/**
 * The SQN after `sqn` for the slot `ind`: SEQ + 1 with this IND, whatever IND the last one had.
 *
 * **Fails** with `SqnExhausted` when SEQ has no successor.
 *
 * @spec TS 33.102 C.1.1
 */
export const next = (profile: SqnProfile, sqn: number, ind: number): Result.Result<number, SqnExhausted> => {
  const slots = 2 ** profile.indBits
  const following = (seqOf(profile, sqn) + 1) * slots + (ind % slots)
  return following <= maximum
    ? Result.succeed(following)
    : Result.fail(new SqnExhausted({ clause: "TS 33.102 C.1.1: SEQ has reached its maximum" }))
}

/** The highest SEQ that a card accepted in each slot: `SEQ_MS(i)`, 2^indBits numbers. */
export type SeqMs = ReadonlyArray<number>

/** A card that accepted nothing yet. */
export const initial = (profile: SqnProfile): SeqMs => new Array<number>(2 ** profile.indBits).fill(0)

/** SQN_MS: the highest accepted SEQ together with its slot, as it goes into AUTS. @spec TS 33.102 C.2.1 */
export const sqnMs = (profile: SqnProfile, seqMs: SeqMs): number => {
  let at = 0
  for (let i = 1; i < seqMs.length; i++) if (seqMs[i]! > seqMs[at]!) at = i
  return (seqMs[at] ?? 0) * 2 ** profile.indBits + at
}

/** Why a card does not accept a sequence number. */
export type SqnFault = "not above the last one of its slot" | "too far ahead" | "too old"

/** A sequence number that a card refuses; `sqnMs` is what it answers with in AUTS. */
export class SynchronisationFailure extends Data.TaggedError("SynchronisationFailure")<{
  readonly fault: SqnFault
  readonly sqnMs: number
  readonly clause: string
}> {}

/**
 * The card's numbers after it accepted `sqn`.
 *
 * **Fails** with `SynchronisationFailure` if SEQ is not above that of its slot, more than delta ahead of the highest, or older
 * than the limit; the numbers then stay as they are.
 *
 * @spec TS 33.102 C.2.1 and C.2.2
 */
export const accept = (
  profile: SqnProfile,
  seqMs: SeqMs,
  sqn: number
): Result.Result<SeqMs, SynchronisationFailure> => {
  const seq = seqOf(profile, sqn)
  const ind = indOf(profile, sqn)
  const highestSqn = sqnMs(profile, seqMs)
  const highest = seqOf(profile, highestSqn)
  const fault: SqnFault | undefined =
    seq - highest > profile.delta
      ? "too far ahead"
      : profile.limit !== undefined && highest - seq >= profile.limit
        ? "too old"
        : seq <= (seqMs[ind] ?? 0)
          ? "not above the last one of its slot"
          : undefined
  if (fault !== undefined) {
    return Result.fail(new SynchronisationFailure({ fault, sqnMs: highestSqn, clause: "TS 33.102 C.2.2" }))
  }
  const after = seqMs.slice()
  after[ind] = seq
  return Result.succeed(after)
}
