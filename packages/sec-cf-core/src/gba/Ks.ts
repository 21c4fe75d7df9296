/**
 * The keys of GBA: Ks of a bootstrapping and what is derived from it. The inputs S come apart from the keys, so that a vault
 * can derive by reference and an operator can see which octets went in.
 *
 * @layer codec
 * @spec TS 33.220 Annex B
 */
import { Bytes, type Hmac } from "@oma/sa-policy/bytes"
import * as Result from "effect/Result"
import type { Fqdn } from "./Fqdn.ts"
import type { ParameterTooLong } from "./GbaError.ts"
import { type Impi, TMPI_REALM, type Tmpi } from "./Impi.ts"
import * as Kdf from "./Kdf.ts"
import * as NafId from "./NafId.ts"

/** The function code of everything in here. @spec TS 33.220 B.3 */
export const FC = 0x01

/** Where a key is kept: in the terminal (Ks_NAF, Ks_ext_NAF) or in the UICC (Ks_int_NAF). */
export type KeyPlace = "me" | "uicc"

/** What a key for an application server comes from: a card, by the place of the key, or GBA_Digest. */
export type KeyOrigin = KeyPlace | "digest"

const LABEL = { me: Bytes.utf8("gba-me"), uicc: Bytes.utf8("gba-u"), digest: Bytes.utf8("gba-digest") } as const

/** Ks of a bootstrapping by AKA, 32 octets: CK || IK, 16 octets each. @spec TS 33.220 4.5.2 */
export const fromAka = (ck: Uint8Array, ik: Uint8Array): Uint8Array => Bytes.concat(ck, ik)

/**
 * S of a key for one application server: of Ks_NAF and Ks_ext_NAF with place `me`, of Ks_int_NAF with place `uicc`, of Ks_NAF of
 * GBA_Digest with `digest`.
 *
 * **Shapes** `rand` is the RAND of the bootstrapping, 16 octets. The identity is always the IMPI, never the TMPI.
 *
 * **Gotchas** The label of GBA_Digest, and that the nonce of its bootstrapping stands in for RAND, are stated from memory of Annex B.6;
 * no published vector confirms them.
 *
 * **Fails** with `ParameterTooLong` for an IMPI over 65,535 octets.
 *
 * @spec TS 33.220 B.3, B.6
 */
export const nafInput = (
  place: KeyOrigin,
  rand: Uint8Array,
  impi: Impi,
  nafId: NafId.NafId
): Result.Result<Uint8Array, ParameterTooLong> =>
  Kdf.input(FC, [LABEL[place], rand, Kdf.text(impi), NafId.encode(nafId)])

/** One derivation, as an operator may look at it: the name of the key and S, which holds no secret. */
export interface Derivation {
  readonly key: "Ks_(ext_)NAF" | "Ks_int_NAF"
  readonly s: Uint8Array
}

/** Is shown every S before a key is derived from it; must not throw. */
export type DerivationObserver = (derivation: Derivation) => void

/** Ks_NAF, Ks_ext_NAF or Ks_int_NAF, 32 octets. Fails as {@link nafInput}. @spec TS 33.220 B.3 */
export const naf = (
  hmacSha256: Hmac,
  ks: Uint8Array,
  place: KeyPlace,
  rand: Uint8Array,
  impi: Impi,
  nafId: NafId.NafId
): Result.Result<Uint8Array, ParameterTooLong> =>
  Result.map(nafInput(place, rand, impi, nafId), (s) => hmacSha256(ks, s))

/** The password of HTTP Digest on Ua: base64 of the 32 octets, 44 characters. @spec TS 33.222 5.3; TS 24.109 5.2 */
export const password = (ksNaf: Uint8Array): string => Bytes.toBase64(ksNaf)

/** S of the key whose first 24 octets make the TMPI. @spec TS 33.220 B.4 */
export const tmpiInput = (rand: Uint8Array, impi: Impi, bsf: Fqdn): Result.Result<Uint8Array, ParameterTooLong> =>
  nafInput("me", rand, impi, { fqdn: bsf, ua: NafId.protocols.tmpi })

/** The TMPI out of the 32 octets that {@link tmpiInput} leads to. @spec TS 33.220 B.4 */
export const tmpi = (derived: Uint8Array): Tmpi => `${Bytes.toBase64(derived.subarray(0, 24))}@${TMPI_REALM}` as Tmpi

/**
 * The password of Ub by GBA_Digest out of H(A1) of the subscriber's SIP Digest credentials and the extract
 * of the TLS master key (TLS_MK_Extr, 48 octets); 32 octets.
 *
 * @spec TS 33.220 B.5
 */
export const gbaDigestPassword = (
  hmacSha256: Hmac,
  ha1: Uint8Array,
  tlsMasterKeyExtract: Uint8Array
): Result.Result<Uint8Array, ParameterTooLong> =>
  Kdf.derive(hmacSha256, ha1, FC, [Bytes.utf8("GBA_Digest_RESP"), tlsMasterKeyExtract])

/**
 * Ks of GBA_Digest, 32 octets; `resp` is the response of the handset on Ub. That it goes in as raw octets is our reading.
 *
 * @spec TS 33.220 B.5
 */
export const gbaDigestKs = (
  hmacSha256: Hmac,
  ha1: Uint8Array,
  tlsMasterKeyExtract: Uint8Array,
  resp: Uint8Array
): Result.Result<Uint8Array, ParameterTooLong> =>
  Kdf.derive(hmacSha256, ha1, FC, [Bytes.utf8("GBA_Digest_Ks"), tlsMasterKeyExtract, resp])

/** What 2G GBA makes of a triplet. */
export interface TwoGKeys {
  /** The password on Ub, 16 octets. */
  readonly res: Uint8Array
  /** 32 octets. */
  readonly ks: Uint8Array
}

/**
 * RES and Ks of 2G GBA out of a GSM triplet and the 16 random octets Ks-input of the nonce. Kc has 64 bits: use it behind an
 * explicit switch only.
 *
 * Stated from memory of TS 33.220 Annex I; no published vector confirms it.
 */
export const twoG = (
  hmacSha256: Hmac,
  kc: Uint8Array,
  rand: Uint8Array,
  sres: Uint8Array,
  ksInput: Uint8Array
): Result.Result<TwoGKeys, ParameterTooLong> => {
  const key = Bytes.concat(kc, kc, rand)
  const out = Result.all([
    Kdf.derive(hmacSha256, key, FC, [Bytes.utf8("3gpp-gba-res"), sres]),
    Kdf.derive(hmacSha256, key, FC, [ksInput, Bytes.utf8("3gpp-gba-ks"), sres])
  ])
  Bytes.wipe(key)
  return Result.map(out, ([res, ks]) => ({ res: res.slice(0, 16), ks }))
}
