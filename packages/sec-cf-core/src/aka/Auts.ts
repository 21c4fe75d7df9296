/**
 * AUTS, the card's answer to a challenge whose SQN it does not accept: (SQN_MS xor f5*(RAND)) || MAC-S, 6 + 8 octets.
 *
 * @layer codec
 * @spec TS 33.102 6.3.3 and 6.3.5
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { AutsRejected, MalformedAka } from "./AkaError.ts"
import type { AkaFunctions } from "./AkaFunctions.ts"
import * as Sqn from "./Sqn.ts"

/** AMF*, the AMF over which MAC-S runs: 0000, whatever AMF the challenge had. @spec TS 33.102 6.3.3 */
export const AMF_STAR: Uint8Array = new Uint8Array(2)

/** The 14 octets of AUTS that tell the home network `sqnMs`, in answer to the challenge with `rand`. */
export const build = (functions: AkaFunctions, rand: Uint8Array, sqnMs: number): Uint8Array => {
  const sqn = Sqn.toBytes(sqnMs)
  return Bytes.concat(Bytes.xor(sqn, functions.f5Star(rand)), functions.f1Star(rand, sqn, AMF_STAR))
}

/**
 * SQN_MS out of an AUTS that answers the challenge with `rand`; the home network goes on from it with a fresh RAND.
 *
 * **Fails** with `MalformedAka` for an AUTS that is not 14 or a RAND that is not 16 octets; with `AutsRejected` if MAC-S is
 * wrong.
 *
 * @spec TS 33.102 6.3.5
 */
export const open = (
  functions: AkaFunctions,
  rand: Uint8Array,
  auts: Uint8Array
): Result.Result<number, MalformedAka | AutsRejected> => {
  const clause = "TS 33.102 6.3.5"
  if (auts.length !== 14) {
    return Result.fail(new MalformedAka({ parameter: "AUTS", expected: "14 octets", actual: auts.length, clause }))
  }
  if (rand.length !== 16) {
    return Result.fail(new MalformedAka({ parameter: "RAND", expected: "16 octets", actual: rand.length, clause }))
  }
  const sqn = Bytes.xor(auts.subarray(0, 6), functions.f5Star(rand))
  return Bytes.equal(functions.f1Star(rand, sqn, AMF_STAR), auts.subarray(6))
    ? Result.succeed(Sqn.fromBytes(sqn))
    : Result.fail(new AutsRejected({ clause: `${clause}: MAC-S differs from XMAC-S` }))
}
