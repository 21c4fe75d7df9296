/**
 * The card's side of AKA as a machine: a challenge and the numbers accepted so far go in, the answer and the numbers
 * afterwards come out.
 *
 * @layer machine
 * @spec TS 33.102 6.3.3
 */

import type { Hash } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { MacFailure, MalformedAka } from "./AkaError.ts"
import type { AkaFunctions } from "./AkaFunctions.ts"
import * as Autn from "./Autn.ts"
import * as Auts from "./Auts.ts"
import * as Sqn from "./Sqn.ts"

/** What a card answers to a challenge. A MAC failure never comes with AUTS. */
export type AkaAnswer = Data.TaggedEnum<{
  /** The challenge is genuine and fresh. */
  Authenticated: { readonly res: Uint8Array; readonly ck: Uint8Array; readonly ik: Uint8Array }
  /** The challenge is genuine but its SQN is not acceptable; `auts` (14 octets) resynchronises the home network. */
  SynchronisationFailure: { readonly auts: Uint8Array; readonly fault: Sqn.SqnFault }
  /** The challenge is not genuine, or no challenge at all. */
  MacFailure: { readonly reason: MacFailure | MalformedAka }
}>
export const AkaAnswer = Data.taggedEnum<AkaAnswer>()

/** A card: its functions, the profile of its operator and the numbers that it accepted. */
export interface Usim {
  readonly functions: AkaFunctions
  readonly profile: Sqn.SqnProfile
  readonly seqMs: Sqn.SeqMs
}

/** A card that accepted no challenge yet. */
export const make = (functions: AkaFunctions, profile: Sqn.SqnProfile = Sqn.defaultProfile): Usim => ({
  functions,
  profile,
  seqMs: Sqn.initial(profile)
})

/** The card's answer to a challenge and the card afterwards. Only an authenticated challenge changes the card. */
export const authenticate = (card: Usim, rand: Uint8Array, autn: Uint8Array): readonly [Usim, AkaAnswer] => {
  const verified = Autn.verify(card.functions, rand, autn)
  if (Result.isFailure(verified)) return [card, AkaAnswer.MacFailure({ reason: verified.failure })]
  const { sqn, res, ck, ik } = verified.success
  const accepted = Sqn.accept(card.profile, card.seqMs, sqn)
  if (Result.isFailure(accepted)) {
    const { sqnMs, fault } = accepted.failure
    const auts = Auts.build(card.functions, rand, sqnMs)
    return [card, AkaAnswer.SynchronisationFailure({ auts, fault })]
  }
  return [{ ...card, seqMs: accepted.success }, AkaAnswer.Authenticated({ res, ck, ik })]
}

/**
 * The answer of a card that does GBA_U to a challenge of the bootstrapping context: its AUTN is AUTN*. A card keeps CK and IK of
 * such a challenge to itself and gives RES only.
 *
 * @spec TS 33.220 5.3.2 (from memory, see {@link Autn.star})
 */
export const authenticateGbaU = (
  card: Usim,
  sha1: Hash,
  rand: Uint8Array,
  autnStar: Uint8Array
): readonly [Usim, AkaAnswer] => authenticate(card, rand, Autn.star(sha1, autnStar, card.functions.f2345(rand).ik))
