/**
 * AUTN, the network's half of an AKA challenge: (SQN xor AK) || AMF || MAC-A, 6 + 2 + 8 octets.
 *
 * @layer codec
 * @spec TS 33.102 6.3.2
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MacFailure, MalformedAka } from "./AkaError.ts"
import type { AkaFunctions, AkaKeys } from "./AkaFunctions.ts"
import * as Sqn from "./Sqn.ts"

/** AUTN in its three parts. */
export interface Autn {
  /** 6 octets: SQN hidden by AK. */
  readonly concealedSqn: Uint8Array
  /** 2 octets. */
  readonly amf: Uint8Array
  /** 8 octets: MAC-A, or MAC* where the challenge is for GBA_U. */
  readonly mac: Uint8Array
}

const exactly = (parameter: string, octets: Uint8Array, length: number): MalformedAka | undefined =>
  octets.length === length
    ? undefined
    : new MalformedAka({
        parameter,
        expected: `${length} octets`,
        actual: octets.length,
        clause: "TS 33.102 6.3.7"
      })

/**
 * The parts of the 16 octets of AUTN.
 *
 * **Fails** with `MalformedAka` for another length.
 */
export const decode = (autn: Uint8Array): Result.Result<Autn, MalformedAka> => {
  const fault = exactly("AUTN", autn, 16)
  if (fault !== undefined) return Result.fail(fault)
  const all = new Uint8Array(autn)
  return Result.succeed({ concealedSqn: all.slice(0, 6), amf: all.slice(6, 8), mac: all.slice(8, 16) })
}

/** The 16 octets of AUTN out of its parts. */
export const encode = (autn: Autn): Uint8Array => Bytes.concat(autn.concealedSqn, autn.amf, autn.mac)

/** What a card knows once MAC-A holds: the sequence number, still to be judged, and the keys. */
export interface VerifiedAutn extends AkaKeys {
  readonly sqn: number
  readonly amf: Uint8Array
}

/**
 * Verifies MAC-A of a challenge and uncovers its SQN. Whether the SQN is fresh is for {@link Sqn.accept} to say, and only
 * after this: a card that answered an unverified challenge with AUTS would tell its SQN to anybody.
 *
 * **Fails** with `MalformedAka` for RAND or AUTN of another length, with `MacFailure` if MAC-A is wrong.
 *
 * @spec TS 33.102 6.3.3
 */
export const verify = (
  functions: AkaFunctions,
  rand: Uint8Array,
  autn: Uint8Array
): Result.Result<VerifiedAutn, MalformedAka | MacFailure> => {
  const fault = exactly("RAND", rand, 16)
  if (fault !== undefined) return Result.fail(fault)
  const decoded = decode(autn)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
  const { concealedSqn, amf, mac } = decoded.success
  const keys = functions.f2345(rand)
  const sqn = Bytes.xor(concealedSqn, keys.ak)
  return Bytes.equal(functions.f1(rand, sqn, amf), mac)
    ? Result.succeed({ ...keys, sqn: Sqn.fromBytes(sqn), amf })
    : Result.fail(new MacFailure({ clause: "TS 33.102 6.3.3: MAC-A differs from XMAC-A" }))
}

/**
 * AUTN*, the challenge that tells a card to bootstrap by GBA_U: MAC* = MAC xor the first 64 bits of SHA-1(IK). The
 * bootstrapping server turns AUTN into AUTN* and the card turns it back; the operation is its own inverse.
 *
 * The formula is stated from memory of TS 33.220 5.3.2; no published vector confirms it.
 *
 * **Shapes** `sha1` gives 20 octets; `autn` 16 octets. Another length of `autn` comes back unchanged in its first octets.
 */
export const star = (sha1: (data: Uint8Array) => Uint8Array, autn: Uint8Array, ik: Uint8Array): Uint8Array => {
  const out = new Uint8Array(autn)
  const mask = sha1(ik)
  for (let i = 0; i < 8 && 8 + i < out.length; i++) out[8 + i]! ^= mask[i]!
  return out
}
