/**
 * GBA Push Info: `gpi-profile-1`, a profile of this project. The layout of TS 33.223 and the labels of its protection keys were not
 * available to it, so no interoperability with other implementations is claimed; a codec of the published layout can take the place of
 * this file.
 *
 * @layer codec
 */
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { Fqdn } from "../gba/Fqdn.ts"
import type { ParameterTooLong } from "../gba/GbaError.ts"
import type { Impi } from "../gba/Impi.ts"
import * as Kdf from "../gba/Kdf.ts"
import * as Ks from "../gba/Ks.ts"
import * as NafId from "../gba/NafId.ts"

/** The name under which this layout is registered. */
export const profile = "gpi-profile-1"

/** The octets are no GPI of the profile, or the values do not fit its fields. */
export class MalformedGpi extends Data.TaggedError("MalformedGpi")<{ readonly at: number; readonly why: string }> {}

/** The MAC of a GPI does not hold: it is not for this card, or was altered. */
export class GpiRejected extends Data.TaggedError("GpiRejected")<{ readonly clause: string }> {}

/** What everybody can read of a GPI. */
export interface GpiClear {
  /** The key that serves the NAF lies in the UICC (GBA_U), not in the terminal (GBA_ME). */
  readonly gbaU: boolean
  /** 16 octets, never used for another GPI. */
  readonly rand: Uint8Array
  /** 16 octets; AUTN* for GBA_U. */
  readonly autn: Uint8Array
  /** Which application of the UICC is meant, up to 255 octets; empty for the only one. */
  readonly label: Uint8Array
}

/** What the card and the bootstrapping server can read of it. */
export interface GpiSecret {
  /** When the key ends, in whole seconds since 1970. */
  readonly lifetime: number
  /** How the handset names the association towards the NAF, 1 to 64 octets of UTF-8. */
  readonly ptid: string
  readonly nafId: NafId.NafId
}

export interface Gpi extends GpiClear, GpiSecret {}

/** A GPI whose protection has not been looked at. */
export interface SealedGpi extends GpiClear {
  readonly ciphertext: Uint8Array
  readonly mac: Uint8Array
  /** All octets before the MAC. */
  readonly covered: Uint8Array
}

export const limits = { gpi: 1024, ptid: 64, label: 255 } as const
const macLength = 16
const FC = 0xff01

const fail = (at: number, why: string) => Result.fail(new MalformedGpi({ at, why }))

/** The identifier under which the base of the protection keys is derived: private organisation, our own choice. */
const protection = "ff00000001" as NafId.UaProtocol

/** The NAF_Id for which a card that gives external keys only makes the base of the protection keys. No NAF ever gets that key. */
export const protectionNafId = (bsf: Fqdn): NafId.NafId => ({ fqdn: bsf, ua: protection })

/**
 * S of the base of the protection keys, for HMAC-SHA-256 under Ks: as a Ks_NAF for the bootstrapping server's own name, so that a
 * card that gives external keys only can make it too.
 *
 * **Shapes** `impi` is the real one, `bsf` the home server's name: the receiver takes both from its own card, never from the message.
 */
export const baseInput = (rand: Uint8Array, impi: Impi, bsf: Fqdn): Result.Result<Uint8Array, ParameterTooLong> =>
  Ks.nafInput("me", rand, impi, protectionNafId(bsf))

/** The two protection keys out of the base: Kenc 16 octets, Kint 32. */
export const protectionKeys = (
  hmacSha256: Hmac,
  base: Uint8Array,
  rand: Uint8Array
): { readonly enc: Uint8Array; readonly int: Uint8Array } => {
  const derive = (label: string) =>
    Result.getOrElse(Kdf.derive(hmacSha256, base, FC, [Bytes.utf8(label), rand]), () => new Uint8Array(32))
  return { enc: derive("gpi-enc").slice(0, 16), int: derive("gpi-int") }
}

/** What protects a GPI: HMAC-SHA-256 under Kint, and AES-128 under Kenc over whole blocks. */
export interface GpiKeys {
  readonly mac: (data: Uint8Array) => Uint8Array
  readonly encryptBlocks: (blocks: Uint8Array) => Uint8Array
}

/** AES-CTR from a counter of zero: one RAND makes one GPI, so no key stream is used twice. */
const counterMode = (keys: GpiKeys, data: Uint8Array): Uint8Array => {
  const blocks = new Uint8Array(Math.ceil(data.length / 16) * 16)
  for (let block = 0; block < blocks.length / 16; block++) {
    blocks[block * 16 + 14] = block >> 8
    blocks[block * 16 + 15] = block
  }
  return Bytes.xor(data, keys.encryptBlocks(blocks))
}

/** The octets of a protected GPI. Fails with `MalformedGpi` where a value does not fit its field. */
export const seal = (keys: GpiKeys, gpi: Gpi): Result.Result<Uint8Array, MalformedGpi> => {
  const ptid = Bytes.utf8(gpi.ptid)
  const nafId = NafId.encode(gpi.nafId)
  if (gpi.rand.length !== 16 || gpi.autn.length !== 16) return fail(1, "RAND and AUTN have 16 octets")
  if (gpi.label.length > limits.label) return fail(33, `a label has at most ${limits.label} octets`)
  if (!Number.isInteger(gpi.lifetime) || gpi.lifetime < 0 || gpi.lifetime > 0xffff_ffff) {
    return fail(0, "the lifetime is whole seconds in 32 bits")
  }
  if (ptid.length < 1 || ptid.length > limits.ptid) return fail(4, `a P-TID has 1 to ${limits.ptid} octets`)
  if (nafId.length > 255) return fail(5 + ptid.length, "a NAF_Id has at most 255 octets")
  const { lifetime } = gpi
  const plaintext = Bytes.concat(
    Uint8Array.of(lifetime >>> 24, lifetime >>> 16, lifetime >>> 8, lifetime, ptid.length),
    ptid,
    Uint8Array.of(nafId.length),
    nafId
  )
  const covered = Bytes.concat(
    Uint8Array.of(gpi.gbaU ? 0x11 : 0x10),
    gpi.rand,
    gpi.autn,
    Uint8Array.of(gpi.label.length),
    gpi.label,
    counterMode(keys, plaintext)
  )
  return Result.succeed(Bytes.concat(covered, keys.mac(covered).subarray(0, macLength)))
}

/** The parts of a GPI; nothing is verified yet. Fails with `MalformedGpi` for another version, reserved bits and impossible lengths. */
export const parse = (octets: Uint8Array): Result.Result<SealedGpi, MalformedGpi> => {
  if (octets.length > limits.gpi) return fail(limits.gpi, `longer than ${limits.gpi} octets`)
  if (octets.length < 34) return fail(octets.length, "ends within the header")
  const first = octets[0]!
  if (first >> 4 !== 1) return fail(0, `version ${first >> 4} is not known`)
  if ((first & 0x0e) !== 0) return fail(0, "reserved bits are set")
  const labelEnd = 34 + octets[33]!
  const macAt = octets.length - macLength
  // lifetime, a P-TID of one octet and a NAF_Id of six, each behind its length
  if (macAt - labelEnd < 13) return fail(octets.length, "ends within the protected part")
  return Result.succeed({
    gbaU: (first & 1) === 1,
    rand: octets.subarray(1, 17),
    autn: octets.subarray(17, 33),
    label: octets.subarray(34, labelEnd),
    ciphertext: octets.subarray(labelEnd, macAt),
    mac: octets.subarray(macAt),
    covered: octets.subarray(0, macAt)
  })
}

/** The protected part, once the MAC holds. Fails with `GpiRejected` where it does not, and then nothing is decrypted. */
export const open = (keys: GpiKeys, gpi: SealedGpi): Result.Result<GpiSecret, GpiRejected | MalformedGpi> => {
  if (!Bytes.equal(keys.mac(gpi.covered).subarray(0, macLength), gpi.mac)) {
    return Result.fail(new GpiRejected({ clause: "TS 33.223: the integrity of the GPI is verified before it is used" }))
  }
  const plaintext = counterMode(keys, gpi.ciphertext)
  const lifetime = ((plaintext[0]! << 24) | (plaintext[1]! << 16) | (plaintext[2]! << 8) | plaintext[3]!) >>> 0
  const ptidEnd = 5 + plaintext[4]!
  if (plaintext[4]! < 1 || plaintext[4]! > limits.ptid || ptidEnd >= plaintext.length) return fail(4, "no P-TID")
  const ptid = Bytes.utf8Decode(plaintext.subarray(5, ptidEnd))
  if (ptid === undefined) return fail(5, "the P-TID is not UTF-8")
  if (ptidEnd + 1 + plaintext[ptidEnd]! !== plaintext.length) return fail(ptidEnd, "the lengths do not come out")
  const nafId = NafId.decode(plaintext.subarray(ptidEnd + 1))
  return Result.isFailure(nafId)
    ? fail(ptidEnd + 1, nafId.failure.why)
    : Result.succeed({ lifetime, ptid, nafId: nafId.success })
}
