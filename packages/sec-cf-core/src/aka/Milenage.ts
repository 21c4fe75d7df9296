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

/** Memory as octets and as words. Words are only moved and xored, so the byte order of the host does not matter. */
interface Blocks {
  readonly octets: Uint8Array
  readonly words: Int32Array
}

const blocks = (count: number): Blocks => {
  const octets = new Uint8Array(16 * count)
  return { octets, words: new Int32Array(octets.buffer) }
}

/**
 * Working memory of the batches up to `KEPT` vectors, used and wiped within one synchronous call: to allocate it anew would
 * cost more than the rest of the computation. Views by number of blocks spare a further allocation a call.
 */
const KEPT = 32
const kept = blocks(4 * KEPT)
const keptTemp = blocks(KEPT)
const views: Array<Uint8Array | undefined> = []
const keptView = (count: number): Uint8Array => {
  views[count] ??= kept.octets.subarray(0, 16 * count)
  return views[count]
}

class Milenage implements AkaFunctions {
  readonly #encrypt: EncryptBlocks
  /** OPc as the words 0 to 3 in the byte order of the host. */
  readonly #opc0: number
  readonly #opc1: number
  readonly #opc2: number
  readonly #opc3: number

  constructor(encrypt: EncryptBlocks, opc: Uint8Array) {
    this.#encrypt = encrypt
    for (let i = 0; i < 16; i++) kept.octets[i] = opc[i]!
    this.#opc0 = kept.words[0]!
    this.#opc1 = kept.words[1]!
    this.#opc2 = kept.words[2]!
    this.#opc3 = kept.words[3]!
    kept.octets.fill(0, 0, 16)
  }

  f1(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array {
    return this.#out1(rand, sqn, amf, 0)
  }

  f1Star(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Uint8Array {
    return this.#out1(rand, sqn, amf, 8)
  }

  f2345(rand: Uint8Array): AkaKeys {
    this.#temp(kept, keptTemp, keptView(1), [{ rand }])
    this.#block(kept, 0, keptTemp, 0, 0, 1)
    this.#block(kept, 4, keptTemp, 0, 1, 2)
    this.#block(kept, 8, keptTemp, 0, 2, 4)
    this.#finish(kept, keptView(3))
    const keys = {
      res: copy(kept.octets, 8, 8),
      ck: copy(kept.octets, 16, 16),
      ik: copy(kept.octets, 32, 16),
      ak: copy(kept.octets, 0, 6)
    }
    wipe(3)
    return keys
  }

  f5Star(rand: Uint8Array): Uint8Array {
    this.#temp(kept, keptTemp, keptView(1), [{ rand }])
    this.#block(kept, 0, keptTemp, 0, 3, 8)
    this.#finish(kept, keptView(1))
    const ak = copy(kept.octets, 0, 6)
    wipe(1)
    return ak
  }

  vectors(inputs: ReadonlyArray<VectorInput>, amf: Uint8Array): ReadonlyArray<AkaVector> {
    const count = inputs.length
    if (count === 0) return []
    const fits = count <= KEPT
    const work = fits ? kept : blocks(4 * count)
    const temp = fits ? keptTemp : blocks(count)
    this.#temp(work, temp, fits ? keptView(count) : work.octets.subarray(0, 16 * count), inputs)
    for (let v = 0; v < count; v++) {
      this.#block1(work, 16 * v, temp, 4 * v, inputs[v]!.sqn, amf)
      this.#block(work, 16 * v + 4, temp, 4 * v, 0, 1)
      this.#block(work, 16 * v + 8, temp, 4 * v, 1, 2)
      this.#block(work, 16 * v + 12, temp, 4 * v, 2, 4)
    }
    this.#finish(work, fits ? keptView(4 * count) : work.octets)
    const made = new Array<AkaVector>(count)
    for (let v = 0; v < count; v++) {
      const { rand, sqn } = inputs[v]!
      const at = 64 * v
      const autn = new Uint8Array(16)
      for (let i = 0; i < 6; i++) autn[i] = sqn[i]! ^ work.octets[at + 16 + i]!
      autn[6] = amf[0]!
      autn[7] = amf[1]!
      for (let i = 0; i < 8; i++) autn[8 + i] = work.octets[at + i]!
      made[v] = {
        rand,
        autn,
        xres: copy(work.octets, at + 24, 8),
        ck: copy(work.octets, at + 32, 16),
        ik: copy(work.octets, at + 48, 16)
      }
    }
    if (fits) wipe(4 * count)
    else {
      work.octets.fill(0)
      temp.octets.fill(0)
    }
    return made
  }

  /** The 8 octets of OUT1 from octet `from`. */
  #out1(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array, from: 0 | 8): Uint8Array {
    this.#temp(kept, keptTemp, keptView(1), [{ rand }])
    this.#block1(kept, 0, keptTemp, 0, sqn, amf)
    this.#finish(kept, keptView(1))
    const mac = copy(kept.octets, from, 8)
    wipe(1)
    return mac
  }

  /** TEMP = E(RAND xor OPc) of every input into `temp`, in one call; `view` is the part of `work` that the call encrypts. */
  #temp(work: Blocks, temp: Blocks, view: Uint8Array, inputs: ReadonlyArray<{ readonly rand: Uint8Array }>): void {
    const { words, octets } = work
    for (let v = 0; v < inputs.length; v++) {
      const rand = inputs[v]!.rand
      for (let i = 0; i < 16; i++) octets[16 * v + i] = rand[i]!
      words[4 * v]! ^= this.#opc0
      words[4 * v + 1]! ^= this.#opc1
      words[4 * v + 2]! ^= this.#opc2
      words[4 * v + 3]! ^= this.#opc3
    }
    temp.octets.set(this.#encrypt(view))
  }

  /** The block whose encryption is OUT1 xor OPc, at word `w`: TEMP xor rot(IN1 xor OPc, 64) xor c1, where c1 is zero. */
  #block1(work: Blocks, w: number, temp: Blocks, t: number, sqn: Uint8Array, amf: Uint8Array): void {
    const { octets, words } = work
    const at = 4 * w
    for (let i = 0; i < 6; i++) octets[at + i] = octets[at + 8 + i] = sqn[i]!
    octets[at + 6] = octets[at + 14] = amf[0]!
    octets[at + 7] = octets[at + 15] = amf[1]!
    // both halves of IN1 are the same, so only OPc is seen to rotate
    words[w]! ^= this.#opc2 ^ temp.words[t]!
    words[w + 1]! ^= this.#opc3 ^ temp.words[t + 1]!
    words[w + 2]! ^= this.#opc0 ^ temp.words[t + 2]!
    words[w + 3]! ^= this.#opc1 ^ temp.words[t + 3]!
  }

  /** The block whose encryption is OUTi xor OPc, at word `w`: TEMP xor OPc, rotated left by `r` words of 32 bits, xor `c`. */
  #block(work: Blocks, w: number, temp: Blocks, t: number, r: number, c: number): void {
    const { words } = work
    words[w + ((4 - r) & 3)] = temp.words[t]! ^ this.#opc0
    words[w + ((5 - r) & 3)] = temp.words[t + 1]! ^ this.#opc1
    words[w + ((6 - r) & 3)] = temp.words[t + 2]! ^ this.#opc2
    words[w + ((7 - r) & 3)] = temp.words[t + 3]! ^ this.#opc3
    work.octets[4 * w + 15]! ^= c
  }

  /** Encrypts the blocks of `view` in place and takes OPc off each of them. */
  #finish(work: Blocks, view: Uint8Array): void {
    work.octets.set(this.#encrypt(view))
    const { words } = work
    for (let w = 0; w < view.length >> 2; w += 4) {
      words[w]! ^= this.#opc0
      words[w + 1]! ^= this.#opc1
      words[w + 2]! ^= this.#opc2
      words[w + 3]! ^= this.#opc3
    }
  }
}

/** `length` octets from `at` in memory of their own. */
const copy = (from: Uint8Array, at: number, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = from[at + i]!
  return out
}

/** Overwrites what the first `count` blocks held; a loop, because `fill` costs more for so few words. */
const wipe = (count: number): void => {
  for (let w = 0; w < 4 * count; w++) kept.words[w] = 0
  for (let w = 0; w < 4 * Math.min(count, KEPT); w++) keptTemp.words[w] = 0
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
export const make = (encrypt: EncryptBlocks, opc: Uint8Array): Result.Result<AkaFunctions, MalformedAka> =>
  opc.length === 16
    ? Result.succeed(new Milenage(encrypt, opc))
    : Result.fail(
        new MalformedAka({ parameter: "OPc", expected: "16 octets", actual: opc.length, clause: "TS 35.206 2.3" })
      )
