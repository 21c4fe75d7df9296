/**
 * The MILENAGE algorithm set: f1, f1*, f2, f3, f4, f5, f5* out of AES-128.
 *
 * AES comes in as a function over many blocks, because its calls cost more than its blocks: all vectors of one batch take
 * two calls. AES itself is always the platform's own; a table-driven one would leak K through the cache.
 *
 * @layer codec
 * @spec TS 35.206
 */
import { Bytes } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import { MalformedAka } from "./AkaError.ts"
import type { AkaFunctions, AkaKeys, AkaVector, VectorInput } from "./AkaFunctions.ts"

/**
 * AES-128 in ECB mode under one K: every block of 16 octets of `input` by itself, no padding, as many octets out as in.
 * The result may be a view that the caller reuses with the next call.
 */
export type EncryptBlocks = (input: Uint8Array) => Uint8Array

/**
 * OPc, the operator's constant OP bound to one subscriber: OP xor E(OP).
 *
 * **Fails** with `MalformedAka` if `op` is not 16 octets.
 *
 * @spec TS 35.206 4.1
 */
export const opcFromOp = (encrypt: EncryptBlocks, op: Uint8Array): Result.Result<Uint8Array, MalformedAka> =>
  op.length === 16
    ? Result.succeed(Bytes.xor(op, encrypt(op)))
    : Result.fail(
        new MalformedAka({ parameter: "OP", expected: "16 octets", actual: op.length, clause: "TS 35.206 2.3" })
      )

/** Where each OUTi stands in the second call, with its rotation in words of 32 bits and the last octet of its constant. */
const OUT = {
  2: { words: 0, c: 1 },
  3: { words: 1, c: 2 },
  4: { words: 2, c: 4 },
  5: { words: 3, c: 8 }
} as const

/** A buffer as octets and as words. Words are only moved and xored, so the byte order of the host does not matter. */
interface Blocks {
  readonly octets: Uint8Array
  readonly words: Int32Array
}

const buffer = (blocks: number): Blocks => {
  const memory = new ArrayBuffer(16 * blocks)
  return { octets: new Uint8Array(memory), words: new Int32Array(memory) }
}

/**
 * The functions of the subscriber whose K is inside `encrypt` and whose operator constant is `opc`.
 *
 * **Fails** with `MalformedAka` if `opc` is not 16 octets.
 *
 * @example
 * ```ts
 * import { createCipheriv } from "node:crypto"
 * import * as Result from "effect/Result"
 *
 * const aes = createCipheriv("aes-128-ecb", Buffer.from("465b5ce8b199b49faa5f0a2ee238a6bc", "hex"), null).setAutoPadding(false)
 * const opc = Buffer.from("cd63cb71954a9f4e48a5994e37a02baf", "hex")
 * const f = Result.getOrThrow(make((input) => aes.update(input), opc))
 * f.f2345(Buffer.from("23553cbe9637a89d218ae64dae47bf35", "hex")).res // a54211d5e3ba50bf
 * ```
 *
 * @spec TS 35.206 4.1
 */
export const make = (encrypt: EncryptBlocks, opc: Uint8Array): Result.Result<AkaFunctions, MalformedAka> => {
  if (opc.length !== 16) {
    return Result.fail(
      new MalformedAka({ parameter: "OPc", expected: "16 octets", actual: opc.length, clause: "TS 35.206 2.3" })
    )
  }
  const own = buffer(1)
  own.octets.set(opc)
  const o = own.words

  /** TEMP = E(RAND xor OPc) for every RAND, in one call. */
  const temps = (rands: ReadonlyArray<Uint8Array>): Blocks => {
    const temp = buffer(rands.length)
    for (let v = 0; v < rands.length; v++) {
      temp.octets.set(rands[v]!.length === 16 ? rands[v]! : rands[v]!.subarray(0, 16), 16 * v)
      for (let w = 0; w < 4; w++) temp.words[4 * v + w]! ^= o[w]!
    }
    temp.octets.set(encrypt(temp.octets))
    return temp
  }

  /** The block whose encryption is OUT1 xor OPc, into `to` from octet `at`: TEMP xor rot(IN1 xor OPc, 64) xor c1. */
  const block1 = (to: Blocks, at: number, temp: Int32Array, from: number, sqn: Uint8Array, amf: Uint8Array): void => {
    for (let i = 0; i < 6; i++) to.octets[at + i] = to.octets[at + 8 + i] = sqn[i]!
    to.octets[at + 6] = to.octets[at + 14] = amf[0]!
    to.octets[at + 7] = to.octets[at + 15] = amf[1]!
    const w = at >> 2
    for (let i = 0; i < 4; i++) to.words[w + i]! ^= o[(i + 2) & 3]! ^ temp[from + i]!
  }

  /** The block whose encryption is OUTi xor OPc for i of 2 to 5: rot(TEMP xor OPc, ri) xor ci. */
  const blockI = (to: Blocks, at: number, temp: Int32Array, from: number, i: 2 | 3 | 4 | 5): void => {
    const { words, c } = OUT[i]
    const w = at >> 2
    for (let j = 0; j < 4; j++) {
      const k = (j + words) & 3
      to.words[w + j] = temp[from + k]! ^ o[k]!
    }
    to.octets[at + 15]! ^= c
  }

  /** Encrypts all of `b` in place and takes OPc off every block. */
  const finish = (b: Blocks): Uint8Array => {
    b.octets.set(encrypt(b.octets))
    for (let w = 0; w < b.words.length; w += 4) {
      b.words[w]! ^= o[0]!
      b.words[w + 1]! ^= o[1]!
      b.words[w + 2]! ^= o[2]!
      b.words[w + 3]! ^= o[3]!
    }
    return b.octets
  }

  const out1 = (rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array => {
    const b = buffer(1)
    block1(b, 0, temps([rand]).words, 0, sqn, amf)
    return finish(b)
  }

  const f2345 = (rand: Uint8Array): AkaKeys => {
    const temp = temps([rand]).words
    const b = buffer(3)
    blockI(b, 0, temp, 0, 2)
    blockI(b, 16, temp, 0, 3)
    blockI(b, 32, temp, 0, 4)
    const out = finish(b)
    return { res: out.slice(8, 16), ck: out.slice(16, 32), ik: out.slice(32, 48), ak: out.slice(0, 6) }
  }

  const vectors = (inputs: ReadonlyArray<VectorInput>, amf: Uint8Array): ReadonlyArray<AkaVector> => {
    const n = inputs.length
    if (n === 0) return []
    const temp = temps(inputs.map((input) => input.rand)).words
    const b = buffer(4 * n)
    for (let v = 0; v < n; v++) {
      block1(b, 64 * v, temp, 4 * v, inputs[v]!.sqn, amf)
      blockI(b, 64 * v + 16, temp, 4 * v, 2)
      blockI(b, 64 * v + 32, temp, 4 * v, 3)
      blockI(b, 64 * v + 48, temp, 4 * v, 4)
    }
    const out = finish(b)
    const made = new Array<AkaVector>(n)
    for (let v = 0; v < n; v++) {
      const at = 64 * v
      const sqn = inputs[v]!.sqn
      // OUT1 and AK become AUTN where they stand: MAC-A is moved behind SQN xor AK and AMF, MAC-S and AK are overwritten.
      for (let i = 0; i < 8; i++) out[at + 8 + i] = out[at + i]!
      for (let i = 0; i < 6; i++) out[at + i] = sqn[i]! ^ out[at + 16 + i]!
      out[at + 6] = amf[0]!
      out[at + 7] = amf[1]!
      out.fill(0, at + 16, at + 24)
      made[v] = {
        rand: inputs[v]!.rand,
        autn: out.subarray(at, at + 16),
        xres: out.subarray(at + 24, at + 32),
        ck: out.subarray(at + 32, at + 48),
        ik: out.subarray(at + 48, at + 64)
      }
    }
    return made
  }

  return Result.succeed({
    f1: (rand, sqn, amf) => out1(rand, sqn, amf).slice(0, 8),
    f1Star: (rand, sqn, amf) => out1(rand, sqn, amf).slice(8, 16),
    f2345,
    f5Star: (rand) => {
      const b = buffer(1)
      blockI(b, 0, temps([rand]).words, 0, 5)
      return finish(b).slice(0, 6)
    },
    vectors
  })
}
