/**
 * The keys of an application server: asked for on Zn once for each B-TID and Ua protocol, then kept as associations until they end.
 *
 * @layer service
 * @spec TS 33.220 4.5.3; TS 33.222 5.3
 */
import {
  type Identity,
  KeyVault,
  keyPurpose,
  Primitives,
  ReplayWindow,
  Sad,
  type SecurityAssociation,
  Store,
  type StoreError,
  saId,
  Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BTid } from "./BTid.ts"
import * as Guss from "./Guss.ts"
import * as NafId from "./NafId.ts"
import type { UaKeyKind } from "./UaRealm.ts"
import { Zn, ZnRefused } from "./Zn.ts"

/** The purpose of Ks_NAF, Ks_ext_NAF and Ks_int_NAF at an application server. */
export const purpose = keyPurpose("gba/ks-naf")
const MECHANISM = "gba-naf"

export interface NafKeysOptions {
  /** Where the associations count. */
  readonly enabler: string
  readonly interface: string
  /** The GAA service identifiers of this application. */
  readonly gsIds?: ReadonlyArray<number> | undefined
  /**
   * Milliseconds from the bootstrapping on for which a key is used here at most, whatever Zn says; then the handset has to bootstrap
   * anew. No limit of its own unless given.
   */
  readonly lifetimeMillis?: number | undefined
  /** The switch for 2G GBA, whose keys have the strength of 64 bits: such a bootstrapping is refused unless it is on. */
  readonly twoG?: boolean | undefined
}

/** A key in force and what is known of its owner. */
export interface NafKey {
  readonly sa: SecurityAssociation
  readonly btid: BTid
  /** The IMPI where Zn told it, else the B-TID. */
  readonly peer: Identity.Authenticated
  readonly notAfter: number
  readonly ussList: ReadonlyArray<Guss.Uss>
  /** Lends the 32 octets. What `work` returns must not hold them. */
  readonly use: <A>(work: (key: Uint8Array) => A) => Effect.Effect<A, Unavailable>
}

/**
 * Whether the subscriber's settings allow the application with this very key. Without settings everybody may, unless `demandUss`.
 *
 * @spec TS 33.222 5.3; TS 29.309 (KeyChoice)
 */
export const allows = ({ sa, ussList }: NafKey, demandUss: boolean): boolean => {
  const place = sa.attributes["kind"] === "uicc" ? "uicc" : "me"
  return ussList.length === 0 ? !demandUss : ussList.some((uss) => Guss.allows(uss) && Guss.allowsKey(uss, place))
}

const unusable = (cause: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "keys of Ua", retryable: false, cause: cause._tag }))

const USS = "gba/naf-uss"
/** Documents whose settings are remembered. */
const MAXIMUM_SETTINGS = 1000

/** The keys of one application server. */
export const make = Effect.fnUntraced(function* (options: NafKeysOptions) {
  const sad = yield* Sad.Sad
  const store = yield* Store.Store
  const vault = yield* KeyVault.KeyVault
  const zn = yield* Zn
  const { hash } = yield* Primitives.Primitives
  const sha256 = hash("sha256")
  const scope = { enabler: options.enabler, interface: options.interface, direction: "inbound" } as const

  /** One name of fixed length for B-TID, NAF_Id, kind and interface, whatever characters a B-TID has. */
  const nameOf = (btid: BTid, nafId: NafId.NafId, kind: UaKeyKind): string =>
    Bytes.toHex(
      sha256(
        Bytes.concat(Bytes.utf8(`${options.enabler}\n${options.interface}\n${kind}\n${btid}\n`), NafId.encode(nafId))
      )
    )

  // every request asks for them, and to read XML costs more than all else of a request
  const remembered = new Map<string, ReadonlyArray<Guss.Uss>>()
  const settingsOf = (text: string): ReadonlyArray<Guss.Uss> => {
    const known = remembered.get(text)
    if (known !== undefined) return known
    const guss = Guss.decode(text)
    const uss = guss._tag === "Success" ? guss.success.uss : []
    if (remembered.size >= MAXIMUM_SETTINGS) remembered.delete(remembered.keys().next().value!)
    remembered.set(text, uss)
    return uss
  }

  const keyOf = Effect.fnUntraced(function* (sa: SecurityAssociation, btid: BTid) {
    const ref = sa.keys["ksNaf"]
    if (ref === undefined || sa.peer._tag !== "Authenticated" || sa.hardExpiry === undefined) {
      return yield* unusable({ _tag: "not an association of a key" })
    }
    const record = yield* store.record(USS, sa.id, yield* Clock.currentTimeMillis)
    const text = record === undefined ? undefined : Bytes.utf8Decode(record.value)
    const key: NafKey = {
      sa,
      btid,
      peer: sa.peer,
      notAfter: sa.hardExpiry,
      ussList: text === undefined ? [] : settingsOf(text),
      use: (work) =>
        vault
          .use(ref, purpose, (secret) => secret.lend(work))
          .pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], unusable))
    }
    return key
  })

  const kept = (btid: BTid, name: string) =>
    Effect.flatMap(sad.get(saId(`gba-naf/${name}`), scope), ({ sa }) => keyOf(sa, btid))

  const fetch = Effect.fnUntraced(function* (btid: BTid, nafId: NafId.NafId, kind: UaKeyKind, name: string) {
    const gbaUAware = kind === "uicc"
    const material = yield* zn.retrieve({ btid, nafId, gbaUAware, gsIds: options.gsIds })
    const wipe = () => {
      Bytes.wipe(material.meKeyMaterial)
      if (material.uiccKeyMaterial !== undefined) Bytes.wipe(material.uiccKeyMaterial)
    }
    if (material.gbaType === "2G_GBA" && options.twoG !== true) {
      wipe()
      return yield* new ZnRefused({ reason: "not authorised", clause: "TS 33.220 Annex I: 2G GBA is not taken here" })
    }
    // the key of a password must not pass for one of a card
    const agreed = (material.gbaType === "GBA_DIGEST") === (kind === "digest")
    const octets = kind === "uicc" ? material.uiccKeyMaterial : material.meKeyMaterial
    const now = yield* Clock.currentTimeMillis
    const notAfter = Math.min(
      material.keyExpiryTime,
      options.lifetimeMillis === undefined
        ? Number.POSITIVE_INFINITY
        : (material.bootstrappingInfoCreationTime ?? now) + options.lifetimeMillis
    )
    if (octets === undefined || !agreed || notAfter <= now) {
      wipe()
      return undefined
    }
    const { ref, operation } = yield* vault.prepare(purpose, octets, { notAfter })
    wipe()
    const uids = material.ussList.flatMap((uss) => uss.uids)
    const peer: Identity.Authenticated = {
      _tag: "Authenticated",
      subject: material.impi ?? btid,
      kind: material.impi === undefined ? "b-tid" : "impi",
      method: "gba",
      at: now,
      aliases: [
        ...(material.impi === undefined ? [] : [{ subject: btid, kind: "b-tid" }]),
        ...[...new Set(uids)].slice(0, 16).map((subject) => ({ subject, kind: "impu" }))
      ]
    }
    const sa: SecurityAssociation = {
      id: saId(`gba-naf/${name}`),
      mechanism: MECHANISM,
      peer,
      scope,
      keys: { ksNaf: ref },
      replay: ReplayWindow.noReplay,
      createdAt: now,
      hardExpiry: notAfter,
      provenance: { by: "naf", clause: "TS 33.220 4.5.3" },
      attributes: { nafFqdn: nafId.fqdn, ua: nafId.ua, kind }
    }
    const settings = Guss.encode({ impi: "", uiccType: "GBA", uss: material.ussList })
    const uss = Store.putRecord(USS, sa.id, Bytes.utf8(settings), "any", notAfter)
    yield* sad.add(sa, { with: [operation, uss] }).pipe(
      // another node asked at the same time: both got the same key
      Effect.catchTag("Conflict", () => Effect.void),
      Effect.catchIf((error) => error._tag !== "Unavailable", unusable)
    )
    return yield* kept(btid, name)
  })

  /**
   * The key for a B-TID, from the store or from Zn.
   *
   * **Fails** with `ZnRefused`; with `Unavailable` where store or bootstrapping server do not answer. `undefined` for a key that has
   * ended, or of a kind that this bootstrapping has not.
   */
  const find = (
    btid: BTid,
    nafId: NafId.NafId,
    kind: UaKeyKind
  ): Effect.Effect<NafKey | undefined, ZnRefused | Unavailable> => {
    const name = nameOf(btid, nafId, kind)
    const ended = Effect.succeed(undefined)
    const asked = fetch(btid, nafId, kind, name).pipe(
      Effect.catchTag(["SaNotFound", "SaExpired", "SaRevoked", "SaOutOfScope"], () => ended)
    )
    return kept(btid, name).pipe(
      Effect.catchTag("SaNotFound", () => asked),
      // what the bootstrapping server does not know any more was known here: it has ended
      Effect.catchTag("SaExpired", () =>
        Effect.catchIf(
          asked,
          (error) => error._tag === "ZnRefused" && error.reason === "transaction identifier invalid",
          () => ended
        )
      ),
      Effect.catchTag(["SaRevoked", "SaOutOfScope"], () => ended)
    )
  }

  /** Ends the use of a key here before its time. */
  const revoke = (key: NafKey): Effect.Effect<void, StoreError> => {
    const ref = key.sa.keys["ksNaf"]
    return sad.revoke(key.sa.id, "administrative", { with: ref === undefined ? [] : [vault.removal(ref.id)] })
  }

  return { find, revoke }
})

export type NafKeys = Effect.Success<ReturnType<typeof make>>
