/**
 * The authentication centre's side of AKA as pure functions: numbered vectors, and the number that a card reports back.
 *
 * @layer codec
 * @spec TS 33.102 6.3.2 and 6.3.5
 */
import * as Result from "effect/Result"
import { type AutsRejected, MalformedAka, type SqnExhausted } from "./AkaError.ts"
import type { AkaFunctions, AkaVector } from "./AkaFunctions.ts"
import * as Auts from "./Auts.ts"
import * as Sqn from "./Sqn.ts"

export type { AkaKeys, AkaVector, VectorInput } from "./AkaFunctions.ts"

/** The vectors that were made and the SQN_HE that goes into the store before any of them is given out. */
export interface Batch {
  readonly vectors: ReadonlyArray<AkaVector>
  readonly sqnHe: number
}

/** What a batch is made from. */
export interface BatchInput {
  /** SQN_HE as the store has it: the last number that was given out, or that a card reported. */
  readonly sqnHe: number
  /** The slot of the server that asks; servers that ask at the same time have slots of their own. */
  readonly ind: number
  /** 2 octets. The separation bit (80 00) is 0 for GBA. */
  readonly amf: Uint8Array
  /** One fresh RAND of 16 octets for each vector. */
  readonly rands: ReadonlyArray<Uint8Array>
  readonly profile?: Sqn.SqnProfile | undefined
}

/**
 * One vector for each RAND, with rising SQN.
 *
 * **Fails** with `MalformedAka` for a RAND that is not 16 or an AMF that is not 2 octets, with `SqnExhausted` at the end of
 * the numbers; nothing was used then.
 */
export const generate = (
  functions: AkaFunctions,
  input: BatchInput
): Result.Result<Batch, MalformedAka | SqnExhausted> => {
  const profile = input.profile ?? Sqn.defaultProfile
  const clause = "TS 33.102 6.3.2"
  if (input.amf.length !== 2) {
    return Result.fail(new MalformedAka({ parameter: "AMF", expected: "2 octets", actual: input.amf.length, clause }))
  }
  let sqnHe = input.sqnHe
  const numbered: Array<{ rand: Uint8Array; sqn: Uint8Array }> = []
  for (const rand of input.rands) {
    if (rand.length !== 16) {
      return Result.fail(new MalformedAka({ parameter: "RAND", expected: "16 octets", actual: rand.length, clause }))
    }
    const following = Sqn.next(profile, sqnHe, input.ind)
    if (Result.isFailure(following)) return Result.fail(following.failure)
    sqnHe = following.success
    numbered.push({ rand, sqn: Sqn.toBytes(sqnHe) })
  }
  return Result.succeed({ vectors: functions.vectors(numbered, input.amf), sqnHe })
}

/**
 * SQN_HE after an AUTS: the card's number where the next one of the home network would not be acceptable to the card,
 * the home network's own one otherwise.
 *
 * **Fails** with `MalformedAka` or `AutsRejected`; SQN_HE then stays.
 *
 * @spec TS 33.102 6.3.5
 */
export const resynchronise = (
  functions: AkaFunctions,
  input: {
    readonly sqnHe: number
    readonly rand: Uint8Array
    readonly auts: Uint8Array
    readonly profile?: Sqn.SqnProfile | undefined
  }
): Result.Result<number, MalformedAka | AutsRejected> =>
  Result.map(Auts.open(functions, input.rand, input.auts), (sqnMs) => {
    const profile = input.profile ?? Sqn.defaultProfile
    const ahead = Sqn.seqOf(profile, input.sqnHe) - Sqn.seqOf(profile, sqnMs)
    return ahead > 0 && ahead < profile.delta ? input.sqnHe : sqnMs
  })
