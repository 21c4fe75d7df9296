/**
 * The TUAK algorithm set: f1, f1*, f2, f3, f4, f5, f5* out of Keccak-f[1600], with every length that it allows.
 *
 * @layer codec
 * @spec TS 35.231
 */
import { keccakP } from "@noble/hashes/sha3.js"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MalformedAka } from "./AkaError.ts"
import type { AkaFunctions, AkaKeys } from "./AkaFunctions.ts"

/** The lengths of the outputs in octets, and how often the permutation runs. */
export interface TuakOptions {
  /** MAC-A and MAC-S; AUTN and AUTS need 8. */
  readonly macLength?: 8 | 16 | 32 | undefined
  readonly resLength?: 4 | 8 | 16 | 32 | undefined
  readonly ckLength?: 16 | 32 | undefined
  readonly ikLength?: 16 | 32 | undefined
  /** The operator's number of Keccak iterations; 1 to 255, default 1. */
  readonly iterations?: number | undefined
}

/** What one permutation is fed with besides K and TOP or TOPc. Absent fields are zero. */
interface Inputs {
  readonly instance: number
  readonly rand?: Uint8Array
  readonly amf?: Uint8Array
  readonly sqn?: Uint8Array
}

const ALGONAME = Bytes.utf8("TUAK1.0")

/** Writes `field` octet-reversed, as TUAK counts the octets of its state from the least significant one. */
const put = (state: Uint8Array, at: number, field: Uint8Array, length: number): void => {
  for (let i = 0; i < length; i++) state[at + i] = field[length - 1 - i]!
}

const take = (state: Uint8Array, at: number, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = state[at + length - 1 - i]!
  return out
}

/** The 200 octets of the state after `iterations` permutations. */
const permute = (k: Uint8Array, top: Uint8Array, iterations: number, inputs: Inputs): Uint8Array => {
  const state = new Uint8Array(200)
  put(state, 0, top, 32)
  state[32] = inputs.instance | (k.length === 32 ? 1 : 0)
  put(state, 33, ALGONAME, 7)
  if (inputs.rand !== undefined) put(state, 40, inputs.rand, 16)
  if (inputs.amf !== undefined) put(state, 56, inputs.amf, 2)
  if (inputs.sqn !== undefined) put(state, 58, inputs.sqn, 6)
  put(state, 64, k, k.length)
  state[96] = 0x1f
  state[135] = 0x80
  const view = new DataView(state.buffer)
  const lanes = new Uint32Array(50)
  for (let i = 0; i < 50; i++) lanes[i] = view.getUint32(4 * i, true)
  for (let i = 0; i < iterations; i++) keccakP(lanes)
  for (let i = 0; i < 50; i++) view.setUint32(4 * i, lanes[i]!, true)
  lanes.fill(0)
  return state
}

const malformed = (parameter: string, expected: string, actual: number) =>
  Result.fail(new MalformedAka({ parameter, expected, actual, clause: "TS 35.231 5" }))

const checked = (k: Uint8Array, iterations: number): Result.Result<void, MalformedAka> => {
  if (k.length !== 16 && k.length !== 32) return malformed("K", "16 or 32 octets", k.length)
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > 255) {
    return malformed("iterations", "1 to 255", iterations)
  }
  return Result.succeed(undefined)
}

/**
 * TOPc, the operator's constant TOP bound to one subscriber; 32 octets.
 *
 * **Fails** with `MalformedAka` if `k` is not 16 or 32, or `top` not 32 octets.
 *
 * @spec TS 35.231 6.1
 */
export const topcFromTop = (
  k: Uint8Array,
  top: Uint8Array,
  options?: Pick<TuakOptions, "iterations">
): Result.Result<Uint8Array, MalformedAka> => {
  const iterations = options?.iterations ?? 1
  if (top.length !== 32) return malformed("TOP", "32 octets", top.length)
  return Result.map(checked(k, iterations), () => take(permute(k, top, iterations, { instance: 0 }), 0, 32))
}

/** The length of an output in octets as its code in INSTANCE: 4 octets are 0, 8 are 08, 16 are 10, 32 are 20. */
const lengthCode = (length: number): number => (length === 4 ? 0 : length)

/**
 * The functions of the subscriber with the key `k` and the operator constant `topc`.
 *
 * **Shapes** K 16 or 32 octets, TOPc 32; MAC 8, RES 8, CK and IK 16 octets unless `options` say otherwise. The keys of GBA
 * are made of 16-octet CK and IK, and AUTN has room for a MAC of 8.
 *
 * **Fails** with `MalformedAka` for another length.
 *
 * @spec TS 35.231 6.2 to 6.5
 */
export const make = (
  k: Uint8Array,
  topc: Uint8Array,
  options?: TuakOptions
): Result.Result<AkaFunctions, MalformedAka> => {
  const { macLength = 8, resLength = 8, ckLength = 16, ikLength = 16, iterations = 1 } = options ?? {}
  const fault = checked(k, iterations)
  if (Result.isFailure(fault)) return Result.fail(fault.failure)
  if (topc.length !== 32) return malformed("TOPc", "32 octets", topc.length)
  const key = new Uint8Array(k)
  const constant = new Uint8Array(topc)

  const mac = (instance: number) => (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array) =>
    take(
      permute(key, constant, iterations, { instance: instance | lengthCode(macLength), rand, amf, sqn }),
      0,
      macLength
    )
  const f1 = mac(0x00)
  const f2345 = (rand: Uint8Array): AkaKeys => {
    const instance = 0x40 | lengthCode(resLength) | (ckLength === 32 ? 4 : 0) | (ikLength === 32 ? 2 : 0)
    const state = permute(key, constant, iterations, { instance, rand })
    return {
      res: take(state, 0, resLength),
      ck: take(state, 32, ckLength),
      ik: take(state, 64, ikLength),
      ak: take(state, 96, 6)
    }
  }
  return Result.succeed({
    f1,
    f1Star: mac(0x80),
    f2345,
    f5Star: (rand) => take(permute(key, constant, iterations, { instance: 0xc0, rand }), 96, 6),
    vectors: (inputs, amf) =>
      inputs.map(({ rand, sqn }) => {
        const { res, ck, ik, ak } = f2345(rand)
        const autn = Bytes.concat(Bytes.xor(sqn, ak), amf, f1(rand, sqn, amf))
        return { rand, autn, xres: res, ck, ik }
      })
  })
}
