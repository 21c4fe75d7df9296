/**
 * The keys that a bootstrapping server gives out on Zn, and to whom.
 *
 * @layer service
 * @spec TS 33.220 4.5.3; TS 29.109 5
 */
import { SecurityEvents } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { BsfStore } from "./BsfStore.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import * as Guss from "./Guss.ts"
import { GussSource } from "./GussSource.ts"
import * as Ks from "./Ks.ts"
import { type NafKeyMaterial, ZnRefused, type ZnRequest } from "./Zn.ts"

/** Who asks on Zn, as its transport proved it. */
export interface NafPrincipal {
  /** For events. */
  readonly name: string
  /** Whether it answers for this name. */
  readonly answersFor: (fqdn: Fqdn) => boolean
  readonly nafGroup?: string | undefined
  /** The GAA service identifiers of its applications: it sees settings of these alone. All that it asks for unless given. */
  readonly gsIds?: ReadonlyArray<number> | undefined
  /** Whether it may learn the IMPI; yes unless told otherwise. */
  readonly tellImpi?: boolean | undefined
}

/** The settings in `guss` that `principal` asks for and may see. @spec TS 29.109 5.2 */
export const settingsFor = (
  { gsIds, nafGroup }: NafPrincipal,
  guss: Guss.Guss | undefined,
  asked: ReadonlyArray<number> = []
): ReadonlyArray<Guss.Uss> => {
  const own = gsIds === undefined ? asked : asked.filter((id) => gsIds.includes(id))
  return guss === undefined ? [] : Guss.select(guss, own, nafGroup)
}

/** The function that answers Zn for the server named `fqdn`. */
export const make = Effect.fnUntraced(function* (fqdn: Fqdn, store: BsfStore, observe?: Ks.DerivationObserver) {
  const events = yield* SecurityEvents.SecurityEvents
  const settings = yield* GussSource
  return Effect.fnUntraced(function* (principal: NafPrincipal, request: ZnRequest) {
    const { btid, nafId } = request
    const refuse = (reason: ZnRefused["reason"], clause: string) =>
      Effect.andThen(
        events.emit("Refused", {
          enabler: "gba",
          interface: "Zn",
          peer: principal.name,
          subject: nafId.fqdn,
          clause,
          detail: reason
        }),
        Effect.fail(new ZnRefused({ reason, clause }))
      )
    if (!principal.answersFor(nafId.fqdn)) {
      return yield* refuse("not authorised", "TS 29.109 5.2: the NAF is entitled to the name that it gives")
    }
    // such a key would be that of the TMPI, or the base of GPI protection
    if (nafId.fqdn === fqdn) return yield* refuse("not authorised", "no key for the name of this server itself")
    // one spelling counts: under another one an application server would hold the key a second time, also after it revoked it
    const rand = BTid.randOf(btid)
    const kept = rand === undefined || btid !== BTid.make(rand, fqdn) ? undefined : yield* store.findKs(rand)
    const invalid = refuse("transaction identifier invalid", "TS 29.109 6.2: 5403")
    if (kept === undefined) return yield* invalid
    const guss = yield* settings.get(kept.impi)
    const ussList = settingsFor(principal, guss, request.gsIds)
    const inputs = Result.all({
      me: Ks.nafInput(kept.gbaType === "GBA_DIGEST" ? "digest" : "me", kept.rand, kept.impi, nafId),
      uicc: Ks.nafInput("uicc", kept.rand, kept.impi, nafId)
    })
    if (Result.isFailure(inputs)) return yield* refuse("malformed", "TS 33.220 B.2")
    const { me, uicc } = inputs.success
    const withUicc = kept.gbaUicc && request.gbaUAware === true
    observe?.({ key: "Ks_(ext_)NAF", s: me })
    if (withUicc) observe?.({ key: "Ks_int_NAF", s: uicc })
    const keys = yield* store.withKs(kept, (hmac) => ({ me: hmac(me), uicc: withUicc ? hmac(uicc) : undefined }))
    if (keys === undefined) return yield* invalid
    const material: NafKeyMaterial = {
      meKeyMaterial: keys.me,
      uiccKeyMaterial: keys.uicc,
      keyExpiryTime: kept.notAfter,
      bootstrappingInfoCreationTime: kept.createdAt,
      ussList,
      gbaType: kept.gbaType,
      impi: principal.tellImpi === false ? undefined : kept.impi
    }
    return material
  })
})
