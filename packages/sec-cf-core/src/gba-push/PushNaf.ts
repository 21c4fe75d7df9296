/**
 * The Push-NAF: an application server that makes an association with a handset it never spoke to, and protects what it pushes.
 *
 * @layer service
 * @spec TS 33.223; TS 33.224; TS 24.109 A1.3; OMA SEC_CF-SEC-004
 */
import {
  type KeyVault,
  Primitives,
  Sad,
  type SaId,
  type SecurityAssociation,
  SecurityEvents,
  type StoreError,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { Fqdn } from "../gba/Fqdn.ts"
import * as NafId from "../gba/NafId.ts"
import * as Gpl from "../gpl/Gpl.ts"
import type { GplRefused } from "../gpl/GplError.ts"
import type { GplPayload } from "../gpl/GplMessage.ts"
import * as NafSa from "./NafSa.ts"
import type { GpiRequest } from "./PushInfo.ts"
import { Zpn, type ZpnRefused } from "./Zpn.ts"

export interface PushNafOptions {
  /** The name of this application server. */
  readonly fqdn: Fqdn
  /** The protocol in the NAF_Id; that of GPL unless given. Where GPL is used inside another Ua protocol, it is that one's. */
  readonly ua?: NafId.UaProtocol | undefined
  /** Where the associations count, and how they protect. */
  readonly scope: NafSa.NafSaScope
  /** Milliseconds for which a key should hold; one day unless given. */
  readonly lifetimeMillis?: number | undefined
  /** How often a request is made while the bootstrapping server does not answer; 3 unless given, a second apart and doubling. */
  readonly attempts?: number | undefined
}

/** Whom to reach. */
export interface Subscriber {
  readonly ueId: string
  readonly ueIdType: "PUBLIC" | "PRIVATE"
}

export interface EstablishOptions {
  /** The application of the UICC; empty, for the only one, unless given. */
  readonly uiccAppLabel?: string | undefined
  /** Whether the card does GBA_U; GBA_ME unless given. GPL ends in the terminal either way. */
  readonly uiccOrMe?: "GBA_ME" | "GBA_U" | undefined
  readonly lifetimeMillis?: number | undefined
  readonly gsIds?: ReadonlyArray<number> | undefined
}

/** An association on this side, and the GPI that makes it on the other. */
export interface Established extends NafSa.NafSa {
  readonly gpi: Uint8Array
}

/** The Push-NAF. */
export class PushNaf extends Context.Service<
  PushNaf,
  {
    /** Makes a NAF SA. It is in force here at once; the handset has it when the GPI has reached it. */
    readonly establish: (
      subscriber: Subscriber,
      options?: EstablishOptions
    ) => Effect.Effect<Established, ZpnRefused | StoreError>
    /**
     * Makes the NAF SA anew for a handset that answered the GPI with `rand` by AUTS, and ends the one that came to nothing. Fails with a
     * lookup error for a RAND that this NAF pushed nobody.
     */
    readonly resynchronise: (
      rand: Uint8Array,
      auts: Uint8Array
    ) => Effect.Effect<Established, ZpnRefused | Sad.LookupError | StoreError>
    /** Seals a message for the handset; `combined` puts the GPI in front, for as long as the handset may not have it. */
    readonly seal: (
      downlink: SaId,
      payload: GplPayload,
      options?: { readonly combined?: boolean }
    ) => Effect.Effect<Uint8Array, Gpl.SealError>
    /** Opens a message from a handset, which `sa.peer` names. */
    readonly open: (message: Uint8Array) => Effect.Effect<Gpl.OpenedGpl, GplRefused | StoreError>
    /** Ends both associations on this side. */
    readonly end: (
      sa: Pick<NafSa.NafSa, "downlink" | "uplink">,
      why: "replaced" | "compromised" | "deactivated"
    ) => Effect.Effect<void, StoreError>
  }
>()("@oma/sec-cf-core/PushNaf") {}

const make = (options: PushNafOptions) =>
  Effect.gen(function* () {
    const { random } = yield* Primitives.Primitives
    const events = yield* SecurityEvents.SecurityEvents
    const zpn = yield* Zpn
    const sad = yield* Sad.Sad
    const gpl = yield* Gpl.Gpl
    const context = yield* Effect.context<Sad.Sad | KeyVault.KeyVault | Primitives.Primitives>()
    const { fqdn, scope } = options
    const nafId: NafId.NafId = { fqdn, ua: options.ua ?? NafId.protocols.gpl }
    const where = { enabler: scope.enabler, interface: scope.interface }
    const retry = {
      times: Math.max(0, (options.attempts ?? 3) - 1),
      schedule: Schedule.exponential("1 second"),
      while: (error: ZpnRefused | Unavailable) => error._tag === "Unavailable" && error.retryable
    }

    /** 96 random bits, so that P-TIDs of all nodes differ; the name of the NAF behind them, cut so that 64 octets hold it. */
    const newPtid = (): string => `${Bytes.toHex(random(12))}@${fqdn.slice(0, 39)}`

    const establish = Effect.fnUntraced(function* (
      subscriber: Subscriber,
      given: EstablishOptions,
      resynchronise?: GpiRequest["resynchronise"]
    ) {
      const now = yield* Clock.currentTimeMillis
      const uiccOrMe = given.uiccOrMe ?? "GBA_ME"
      const lifetime = given.lifetimeMillis ?? options.lifetimeMillis ?? 86_400_000
      const request: GpiRequest = {
        ...subscriber,
        uiccAppLabel: given.uiccAppLabel ?? "",
        nafId,
        ptId: newPtid(),
        uiccOrMe,
        requestedLifeTime: Math.floor((now + lifetime) / 1000) * 1000,
        privateIdRequest: true,
        ...(given.gsIds !== undefined && { gsIds: given.gsIds }),
        ...(resynchronise !== undefined && { resynchronise })
      }
      // the request stays the same, so the bootstrapping server gives the same answer to each
      const info = yield* Effect.retry(zpn.pushInfo(request), retry)
      const { gbaPushInfo: gpi, impi } = info
      if (info.uiccKeyMaterial !== undefined) Bytes.wipe(info.uiccKeyMaterial)
      const label = given.uiccAppLabel ?? ""
      const made = yield* Effect.provide(
        NafSa.install({
          end: "NAF",
          key: info.meKeyMaterial,
          scope,
          rand: gpi.slice(1, 17),
          ptid: request.ptId,
          nafId,
          gbaType: uiccOrMe,
          notAfter: info.keyExpiryTime,
          peer: {
            _tag: "Authenticated",
            subject: impi ?? subscriber.ueId,
            kind: impi === undefined && subscriber.ueIdType === "PUBLIC" ? "impu" : "impi",
            method: "gba-push",
            at: now
          },
          provenance: { by: "gba-push", clause: "TS 33.223" },
          attributes: { ...subscriber, label, gpi: Bytes.toHex(gpi) }
        }),
        context
      )
      yield* events.emit("AssociationMade", {
        ...where,
        subject: impi ?? subscriber.ueId,
        association: made.downlink,
        clause: "TS 33.223"
      })
      const established: Established = { ...made, gpi }
      return established
    })

    const end = (sa: Pick<NafSa.NafSa, "downlink" | "uplink">, why: "replaced" | "compromised" | "deactivated") =>
      Effect.provide(NafSa.end(sa, why), context)

    const gpiOf = (sa: SecurityAssociation) => Bytes.fromHex(sa.attributes["gpi"] ?? "")

    return {
      establish: (subscriber: Subscriber, given: EstablishOptions = {}) => establish(subscriber, given),
      resynchronise: Effect.fnUntraced(function* (rand: Uint8Array, auts: Uint8Array) {
        const { sa } = yield* sad.get(NafSa.namesOf("NAF", rand, "").downlink, { ...where, direction: "outbound" })
        const { ueId, ueIdType, label, gbaType, ptid } = sa.attributes
        const made = yield* establish(
          { ueId: ueId ?? "", ueIdType: ueIdType === "PRIVATE" ? "PRIVATE" : "PUBLIC" },
          {
            uiccAppLabel: label,
            uiccOrMe: gbaType === "GBA_U" ? "GBA_U" : "GBA_ME",
            ...(sa.hardExpiry !== undefined && { lifetimeMillis: sa.hardExpiry - sa.createdAt })
          },
          { rand: rand.slice(), auts: auts.slice() }
        )
        yield* end(NafSa.namesOf("NAF", rand, ptid ?? ""), "replaced")
        return made
      }),
      seal: Effect.fnUntraced(function* (
        downlink: SaId,
        payload: GplPayload,
        given: { readonly combined?: boolean } = {}
      ) {
        const { sa } = yield* sad.get(downlink, { ...where, direction: "outbound" })
        const gpi = given.combined === true ? gpiOf(sa) : undefined
        return yield* gpl.seal(downlink, payload, gpi === undefined ? {} : { gpi })
      }),
      open: (message: Uint8Array) => gpl.open(message, { scope: where }),
      end
    }
  })

/** The Push-NAF on its SAD and vault, with the bootstrapping server behind `Zpn`. */
export const layer = (
  options: PushNafOptions
): Layer.Layer<
  PushNaf,
  never,
  Zpn | Gpl.Gpl | Sad.Sad | KeyVault.KeyVault | Primitives.Primitives | SecurityEvents.SecurityEvents
> => Layer.effect(PushNaf, make(options))
