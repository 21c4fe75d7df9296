/**
 * The NAF SA of GBA Push as two associations of the SAD, one for each direction, made of one key.
 *
 * One key for two associations is safe as each direction derives its own pair of keys from it, and each end installs a key once for
 * sending one direction and once for receiving the other: no number and no key stream is used twice.
 *
 * @layer service
 * @spec TS 33.223; TS 24.109 4A.1
 */
import {
  type Identity,
  type KeyVault,
  type Primitives,
  Sad,
  type SaId,
  type SecurityAssociation,
  type StoreError
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Effect from "effect/Effect"
import * as NafId from "../gba/NafId.ts"
import type { GplSuite } from "../gpl/GplMessage.ts"
import * as GplSa from "../gpl/GplSa.ts"

/** What both ends agreed. */
export interface NafSa {
  /** The association of messages from the NAF to the handset, which name it by the RAND of the GPI. */
  readonly downlink: SaId
  /** That of messages from the handset to the NAF, which name it by the P-TID. */
  readonly uplink: SaId
  readonly rand: Uint8Array
  readonly ptid: string
  readonly nafId: NafId.NafId
  readonly gbaType: "GBA_ME" | "GBA_U"
  /** Milliseconds since 1970: then both ends drop it. */
  readonly notAfter: number
}

/** Where the associations count, and how they protect. */
export interface NafSaScope {
  readonly enabler: string
  readonly interface: string
  /** What policy allows; 01 and 02 unless given. 00 only where policy waives confidentiality in so many words. */
  readonly suites?: ReadonlyArray<GplSuite> | undefined
  /** The agreed suite. A GPI names none: without one the first message that verifies settles it. */
  readonly suite?: GplSuite | undefined
}

/** What makes a NAF SA at one end. `key` is overwritten. */
export interface NafSaRequest extends Pick<NafSa, "rand" | "ptid" | "nafId" | "gbaType" | "notAfter"> {
  readonly end: "NAF" | "UE"
  readonly key: Uint8Array
  readonly scope: NafSaScope
  readonly peer: Identity.Identity
  readonly provenance: SecurityAssociation["provenance"]
  /** More texts for whoever makes it. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/** Which end sends in a direction. */
const partyOf = (end: NafSaRequest["end"], direction: "downlink" | "uplink"): GplSa.GplParty =>
  (end === "NAF") === (direction === "downlink") ? "sender" : "receiver"

/** The names of the associations at one end. */
export const namesOf = (end: NafSaRequest["end"], rand: Uint8Array, ptid: string) => ({
  downlink: GplSa.nameOf(partyOf(end, "downlink"), "downlink", rand),
  uplink: GplSa.nameOf(partyOf(end, "uplink"), "uplink", Bytes.utf8(ptid))
})

/** Makes and stores both associations, or neither. Fails with `Conflict` where RAND, P-TID or key is in use, or was. */
export const install = Effect.fnUntraced(function* (
  request: NafSaRequest
): Effect.fn.Return<NafSa, StoreError, Sad.Sad | KeyVault.KeyVault | Primitives.Primitives> {
  const sad = yield* Sad.Sad
  const { end, rand, ptid, nafId, gbaType, notAfter, scope } = request
  const one = (direction: "downlink" | "uplink", saId: Uint8Array, key: Uint8Array) =>
    GplSa.prepare({
      party: partyOf(end, direction),
      direction,
      saId,
      key,
      suites: scope.suites ?? [1, 2],
      ...(scope.suite !== undefined && { suite: scope.suite }),
      enabler: scope.enabler,
      interface: scope.interface,
      peer: request.peer,
      provenance: request.provenance,
      hardExpiry: notAfter,
      attributes: {
        ...request.attributes,
        rand: Bytes.toHex(rand),
        ptid,
        naf: Bytes.toHex(NafId.encode(nafId)),
        gbaType
      }
    })
  const downlink = yield* one("downlink", rand.slice(), request.key.slice())
  const uplink = yield* one("uplink", Bytes.utf8(ptid), request.key)
  yield* sad.transact([...downlink.operations, ...uplink.operations])
  const made: NafSa = {
    downlink: downlink.sa.id,
    uplink: uplink.sa.id,
    rand: rand.slice(),
    ptid,
    nafId,
    gbaType,
    notAfter
  }
  return made
})

/** Ends both associations and removes their keys. Gone already is fine. */
export const end = Effect.fnUntraced(function* (
  sa: Pick<NafSa, "downlink" | "uplink">,
  why: "replaced" | "compromised" | "deactivated"
): Effect.fn.Return<void, StoreError, Sad.Sad | KeyVault.KeyVault> {
  const sad = yield* Sad.Sad
  for (const id of [sa.downlink, sa.uplink]) {
    const found = yield* Effect.result(sad.get(id))
    if (found._tag === "Success") yield* GplSa.end(found.success.sa, why)
    else if (found.failure._tag === "Unavailable") return yield* found.failure
  }
})
