/**
 * A UICC in software: AKA, and GBA_U with its files. In GBA_U Ks never leaves the card; it gives Ks_ext_NAF away and keeps Ks_int_NAF,
 * one record for each application server, of which the one that was used least lately makes room. A card is a value: each function
 * gives the card afterwards.
 *
 * @layer service
 * @spec TS 33.220 5.3.2 and Annex G; TS 31.102 4.2.79 (EF_GBABP) and 4.2.83 (EF_GBANL)
 */
import { Bytes, type Hash, type Hmac } from "@oma/sa-policy/bytes"
import { type AkaFunctions, Sqn, Usim } from "@oma/sec-cf-core/aka"
import { type Impi, Ks, NafId } from "@oma/sec-cf-core/gba"
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/** The functions of the card besides those of AKA. */
export interface UiccFunctions {
  readonly sha1: Hash
  readonly hmacSha256: Hmac
}

/** What the card knows of its bootstrapping. `btid` and `lifetime` are empty until the terminal has written them. */
export interface UiccBootstrapping {
  readonly rand: Uint8Array
  readonly ks: Uint8Array
  readonly btid: string
  readonly lifetime: string
}

/** One record of EF_GBANL with its key. */
export interface NafRecord {
  readonly nafId: NafId.NafId
  readonly btid: string
  readonly ksIntNaf: Uint8Array
}

export interface Uicc {
  readonly usim: Usim.Usim
  readonly bootstrapping: UiccBootstrapping | undefined
  /** Least lately used first. */
  readonly records: ReadonlyArray<NafRecord>
  /** Records of EF_GBANL. */
  readonly capacity: number
}

/** The card does not do it. */
export class UiccRefused extends Data.TaggedError("UiccRefused")<{
  readonly reason: "no bootstrapping" | "no B-TID" | "no such record" | "too long for the file"
}> {}

/** A card that accepted no challenge yet; `capacity` is the number of records for application servers, 5 unless given. */
export const make = (
  functions: AkaFunctions,
  options: { readonly profile?: Sqn.SqnProfile; readonly capacity?: number } = {}
): Uicc => ({
  usim: Usim.make(functions, options.profile),
  bootstrapping: undefined,
  records: [],
  capacity: Math.max(1, options.capacity ?? 5)
})

/** The card as if it had accepted every number up to `seq` in all slots: the home network is behind it. */
export const ahead = (uicc: Uicc, seq: number): Uicc => ({
  ...uicc,
  usim: { ...uicc.usim, seqMs: uicc.usim.seqMs.map((before) => Math.max(before, seq)) }
})

/** SQN_MS, the highest number that the card accepted, as it would go into AUTS. */
export const sqnMs = ({ usim }: Uicc): number => Sqn.sqnMs(usim.profile, usim.seqMs)

/** AUTHENTICATE in the 3G context: RES, CK and IK go to the terminal. @spec TS 33.102 6.3.3 */
export const authenticate = (uicc: Uicc, rand: Uint8Array, autn: Uint8Array): readonly [Uicc, Usim.AkaAnswer] => {
  const [usim, answer] = Usim.authenticate(uicc.usim, rand, autn)
  return [{ ...uicc, usim }, answer]
}

/** What the terminal learns of a challenge of GBA_U: RES, but neither CK nor IK. */
export type GbaUAnswer =
  | { readonly _tag: "Authenticated"; readonly res: Uint8Array }
  | Exclude<Usim.AkaAnswer, { readonly _tag: "Authenticated" }>

/**
 * AUTHENTICATE in the GBA context, bootstrapping mode, with AUTN*. A challenge that holds replaces Ks and RAND; B-TID and lifetime are
 * empty again. A challenge that does not hold leaves the bootstrapping as it is.
 *
 * @spec TS 33.220 5.3.2
 */
export const bootstrap = (
  uicc: Uicc,
  { sha1 }: UiccFunctions,
  rand: Uint8Array,
  autnStar: Uint8Array
): readonly [Uicc, GbaUAnswer] => {
  const [usim, answer] = Usim.authenticateGbaU(uicc.usim, sha1, rand, autnStar)
  if (answer._tag !== "Authenticated") return [{ ...uicc, usim }, answer]
  const { res, ck, ik } = answer
  const bootstrapping = { rand: new Uint8Array(rand), ks: Ks.fromAka(ck, ik), btid: "", lifetime: "" }
  return [
    { ...uicc, usim, bootstrapping },
    { _tag: "Authenticated", res }
  ]
}

/** UPDATE BINARY of EF_GBABP after the answer of the bootstrapping server. Each part has at most 255 octets. */
export const complete = (uicc: Uicc, btid: string, lifetime: string): Result.Result<Uicc, UiccRefused> => {
  if (uicc.bootstrapping === undefined) return Result.fail(new UiccRefused({ reason: "no bootstrapping" }))
  if (Bytes.utf8(btid).length > 255 || Bytes.utf8(lifetime).length > 255) {
    return Result.fail(new UiccRefused({ reason: "too long for the file" }))
  }
  return Result.succeed({ ...uicc, bootstrapping: { ...uicc.bootstrapping, btid, lifetime } })
}

/**
 * AUTHENTICATE in the GBA context, NAF derivation mode: Ks_ext_NAF for the terminal, while Ks_int_NAF stays in a record. The record of
 * the same NAF_Id is overwritten, else a free one is used, else the one that was used least lately.
 *
 * @spec TS 33.220 5.3.3
 */
export const derive = (
  uicc: Uicc,
  { hmacSha256 }: UiccFunctions,
  nafId: NafId.NafId,
  impi: Impi.Impi
): Result.Result<readonly [Uicc, ksExtNaf: Uint8Array], UiccRefused> => {
  const { bootstrapping, capacity } = uicc
  if (bootstrapping === undefined) return Result.fail(new UiccRefused({ reason: "no bootstrapping" }))
  const { btid, ks, rand } = bootstrapping
  if (btid === "") return Result.fail(new UiccRefused({ reason: "no B-TID" }))
  const keys = Result.all({
    ext: Ks.naf(hmacSha256, ks, "me", rand, impi, nafId),
    int: Ks.naf(hmacSha256, ks, "uicc", rand, impi, nafId)
  })
  if (Result.isFailure(keys)) return Result.fail(new UiccRefused({ reason: "too long for the file" }))
  const others = uicc.records.filter((record) => !NafId.equals(record.nafId, nafId))
  const room = others.slice(Math.max(0, others.length - (capacity - 1)))
  const records = [...room, { nafId, btid, ksIntNaf: keys.success.int }]
  return Result.succeed([{ ...uicc, records }, keys.success.ext] as const)
}

/** Uses Ks_int_NAF inside the card; the record counts as used. What `work` gives leaves the card, so it must not be the key. */
export const useInternal = <A>(
  uicc: Uicc,
  nafId: NafId.NafId,
  work: (ksIntNaf: Uint8Array) => A
): Result.Result<readonly [Uicc, A], UiccRefused> => {
  const record = uicc.records.find((one) => NafId.equals(one.nafId, nafId))
  if (record === undefined) return Result.fail(new UiccRefused({ reason: "no such record" }))
  const records = [...uicc.records.filter((one) => one !== record), record]
  return Result.succeed([{ ...uicc, records }, work(record.ksIntNaf)] as const)
}

const withLength = (octets: Uint8Array): Uint8Array => Bytes.concat(Uint8Array.of(octets.length), octets)

/** EF_GBABP (6FD6): RAND, B-TID and lifetime, each after its length. */
export const readGbaBp = ({ bootstrapping }: Uicc): Uint8Array =>
  bootstrapping === undefined
    ? new Uint8Array(3)
    : Bytes.concat(
        withLength(bootstrapping.rand),
        withLength(Bytes.utf8(bootstrapping.btid)),
        withLength(Bytes.utf8(bootstrapping.lifetime))
      )

const tlv = (tag: number, value: Uint8Array): Uint8Array =>
  Bytes.concat(value.length < 128 ? Uint8Array.of(tag, value.length) : Uint8Array.of(tag, 0x81, value.length), value)

/** The records of EF_GBANL (6FDA): 80 NAF_Id, 81 B-TID, filled with FF to `length` octets; free ones are all FF. */
export const readGbaNl = ({ capacity, records }: Uicc, length = 160): ReadonlyArray<Uint8Array> =>
  Array.from({ length: capacity }, (_, i) => {
    const out = new Uint8Array(length).fill(0xff)
    const record = records[i]
    if (record === undefined) return out
    const octets = Bytes.concat(tlv(0x80, NafId.encode(record.nafId)), tlv(0x81, Bytes.utf8(record.btid)))
    out.set(octets.subarray(0, length))
    return out
  })
