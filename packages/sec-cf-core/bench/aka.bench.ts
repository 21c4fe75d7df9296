/**
 * MILENAGE vectors against plain code that makes the same vector with two calls of node:crypto, and against those calls alone; keys of
 * application servers against the HMAC that they need.
 */
import { createCipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { type Bench, type Comparison, work } from "@oma/bench"
import * as Result from "effect/Result"
import { Milenage } from "../src/aka/index.ts"
import { Impi, Ks, NafId } from "../src/gba/index.ts"

const key: KeyObject = createSecretKey(randomBytes(16))
const opc = randomBytes(16)
const amf = Buffer.alloc(2)
const inputs = Array.from({ length: 32 }, () => ({ rand: randomBytes(16), sqn: randomBytes(6) }))

const cipher = () => createCipheriv("aes-128-ecb", key, null).setAutoPadding(false)
const ours = (count: number) => {
  const aes = cipher()
  return Result.getOrThrow(Milenage.make((blocks) => aes.update(blocks), opc)).vectors(inputs.slice(0, count), amf)
}

/** The text of TS 35.206, written down plainly. */
const plain = (rand: Buffer, sqn: Buffer) => {
  const aes = cipher()
  const xored = Buffer.alloc(16)
  for (let i = 0; i < 16; i++) xored[i] = rand[i]! ^ opc[i]!
  const temp = aes.update(xored)
  const four = Buffer.alloc(64)
  const in1 = Buffer.concat([sqn, amf, sqn, amf])
  for (let i = 0; i < 16; i++) {
    four[i] = temp[i]! ^ in1[(i + 8) & 15]! ^ opc[(i + 8) & 15]!
    four[16 + i] = temp[i]! ^ opc[i]!
    four[32 + i] = temp[(i + 4) & 15]! ^ opc[(i + 4) & 15]!
    four[48 + i] = temp[(i + 8) & 15]! ^ opc[(i + 8) & 15]!
  }
  four[31]! ^= 1
  four[47]! ^= 2
  four[63]! ^= 4
  const out = aes.update(four)
  for (let i = 0; i < 64; i++) out[i]! ^= opc[i & 15]!
  const autn = Buffer.alloc(16)
  for (let i = 0; i < 6; i++) autn[i] = sqn[i]! ^ out[16 + i]!
  amf.copy(autn, 6)
  out.copy(autn, 8, 0, 8)
  return { rand, autn, xres: out.subarray(24, 32), ck: out.subarray(32, 48), ik: out.subarray(48, 64) }
}

const hex = (octets: Uint8Array) => Buffer.from(octets).toString("hex")
const same = () => {
  for (const [i, vector] of ours(32).entries()) {
    const expected = plain(inputs[i]!.rand, inputs[i]!.sqn)
    for (const name of ["rand", "autn", "xres", "ck", "ik"] as const) {
      if (hex(vector[name]) !== hex(expected[name])) throw new Error(`${name} differs`)
    }
  }
  for (let i = 0; i < 20_000; i++) ours(1)
}

let n = 0
const milenage = (count: 1 | 5 | 32, atLeast: number): Comparison => ({
  goal: "P3",
  name: `MILENAGE: ${count === 1 ? "one vector" : `a batch of ${count}`}, against plain code of two node:crypto calls a vector`,
  atLeast,
  ours: work(() => ours(count), { millis: 300 }),
  baseline: work(
    () => {
      for (let i = 0; i < count; i++) {
        const { rand, sqn } = inputs[n++ & 31]!
        plain(rand, sqn)
      }
    },
    { millis: 300 }
  ),
  check: same
})

const one = Buffer.alloc(16)
const four = Buffer.alloc(64)
const calls: Comparison = {
  goal: "aka",
  name: "MILENAGE: one vector, against its two AES calls alone",
  atLeast: 0.5,
  ours: work(() => ours(1), { millis: 300 }),
  baseline: work(
    () => {
      const aes = cipher()
      aes.update(one)
      aes.update(four)
    },
    { millis: 300 }
  ),
  check: same
}

const impi = Result.getOrThrow(Impi.parse("001010123456789@ims.mnc001.mcc001.3gppnetwork.org"))
const nafId = Result.getOrThrow(NafId.make("naf1.home1.net", NafId.protocols.httpDigest))
const ks = createSecretKey(randomBytes(32))
const rand = new Uint8Array(randomBytes(16))
const s = Result.getOrThrow(Ks.nafInput("me", rand, impi, nafId))
const hmac = (data: Uint8Array) => createHmac("sha256", ks).update(data).digest()
const kdf: Comparison = {
  goal: "gba",
  name: "Ks_NAF from names to key, against its HMAC-SHA-256 alone",
  atLeast: 0.6,
  ours: work(() => hmac(Result.getOrThrow(Ks.nafInput("me", rand, impi, nafId))), { millis: 300 }),
  baseline: work(() => hmac(s), { millis: 300 }),
  check: () => {
    if (hex(Result.getOrThrow(Ks.nafInput("me", rand, impi, nafId))) !== hex(s)) throw new Error("another S")
  }
}

const bench: Bench = [milenage(1, 0.9), milenage(5, 1.2), milenage(32, 1.2), calls, kdf]
export default bench
