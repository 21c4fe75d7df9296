/**
 * What a bootstrapping server keeps: open challenges with their vectors, and Ks. All of it lies in the store, so any node takes the
 * next request; keys lie in the vault.
 *
 * @layer service
 */
import {
  type Identity,
  KeyVault,
  keyPurpose,
  Primitives,
  ReplayWindow,
  Sad,
  type SaId,
  type SecurityAssociation,
  Store,
  type StoreError,
  saId,
  Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { AkaVector } from "../aka/AkaFunctions.ts"
import * as BTid from "./BTid.ts"
import type { Fqdn } from "./Fqdn.ts"
import type { Impi, Tmpi } from "./Impi.ts"
import * as Ks from "./Ks.ts"
import type { GbaType } from "./Nbsp.ts"

/** The purposes of the keys. */
const purposes = { vector: keyPurpose("gba/vector"), ks: keyPurpose("gba/ks") } as const

const TMPI = "gba/tmpi"
const scope = { enabler: "gba", interface: "Ub", direction: "both" } as const

/** A challenge that is out. */
export interface OpenChallenge {
  readonly rand: Uint8Array
  readonly impi: Impi
  /** The name under which it was asked for: IMPI or TMPI. */
  readonly identity: string
  readonly gbaType: GbaType
  readonly notAfter: number
}

const gbaTypes: ReadonlyArray<string> = ["3G_GBA", "2G_GBA", "GBA_DIGEST"]
const isGbaType = (text: string | undefined): text is GbaType => text !== undefined && gbaTypes.includes(text)

/** What the vector of an open challenge lends: all three end with the call. */
export interface LentVector {
  readonly xres: Uint8Array
  /** CK || IK. */
  readonly ks: Uint8Array
}

/** A bootstrapping that holds. */
export interface KeptKs {
  readonly impi: Impi
  readonly rand: Uint8Array
  readonly gbaUicc: boolean
  readonly gbaType: GbaType
  readonly createdAt: number
  readonly notAfter: number
}

const challengeId = (rand: Uint8Array) => saId(`gba-ub/${Bytes.toHex(rand)}`)
const ksId = (rand: Uint8Array) => saId(`gba/${Bytes.toHex(rand)}`)
const vectorKey = (rand: Uint8Array) => `gba/vector/${Bytes.toHex(rand)}`
const ksKey = (rand: Uint8Array) => `gba/ks/${Bytes.toHex(rand)}`

const lost = (error: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "bootstrappings", retryable: true, cause: error._tag }))

const peer = (impi: Impi, gbaType: GbaType, at: number): Identity.Authenticated => ({
  _tag: "Authenticated",
  subject: impi,
  kind: "impi",
  method: gbaType === "GBA_DIGEST" ? "gba-digest" : "gba-aka",
  at
})

/** The store of one bootstrapping server. `maximum`: challenges that this node has out at a time. */
export const make = Effect.fnUntraced(function* (maximum: number) {
  const sad = yield* Sad.Sad
  const store = yield* Store.Store
  const vault = yield* KeyVault.KeyVault
  const { importKey } = yield* Primitives.Primitives

  /** Whether the transaction was the first to take the challenge. */
  const first = (work: Effect.Effect<void, StoreError>): Effect.Effect<boolean, Unavailable> =>
    work.pipe(
      Effect.as(true),
      Effect.catchTag(["Replayed", "SaNotFound", "SaExpired", "SaRevoked"], () => Effect.succeed(false)),
      Effect.catchTag(["Conflict", "Unacceptable"], lost)
    )

  /** The challenges of this node that nobody answered yet, and when they end; all live equally long, so the oldest ends first. */
  const out = new Map<SaId, number>()

  /** Whether one more challenge may go out. Who names somebody on Ub proves nothing, and each name is written down. */
  const hasRoom = (now: number): boolean => {
    for (const [id, end] of out) {
      if (end > now) break
      out.delete(id)
    }
    return out.size < maximum
  }

  /** Keeps a challenge, and its vector where it has one: that of GBA_Digest is a nonce alone. */
  const keepChallenge = Effect.fnUntraced(function* (
    vector: AkaVector | { readonly rand: Uint8Array },
    given: Omit<OpenChallenge, "rand">
  ) {
    const { rand } = vector
    const { notAfter } = given
    const now = yield* Clock.currentTimeMillis
    out.set(challengeId(rand), notAfter)
    const sealed =
      "xres" in vector
        ? yield* vault.prepare(purposes.vector, Bytes.concat(vector.xres, vector.ck, vector.ik), {
            id: vectorKey(rand),
            notAfter
          })
        : undefined
    const sa: SecurityAssociation = {
      id: challengeId(rand),
      mechanism: "gba-ub",
      peer: { _tag: "Anonymous" },
      scope,
      keys: sealed === undefined ? {} : { vector: sealed.ref },
      replay: ReplayWindow.strict,
      createdAt: now,
      hardExpiry: given.notAfter,
      provenance: { by: "bsf", clause: "TS 33.220 4.5.2" },
      attributes: { impi: given.impi, identity: given.identity, gbaType: given.gbaType }
    }
    // a RAND that exists already is one of 2^128, or a store that answers wrongly
    const operations = sealed === undefined ? [] : [sealed.operation]
    yield* Effect.catchIf(sad.add(sa, { with: operations }), (error) => error._tag !== "Unavailable", lost)
  })

  const take = (rand: Uint8Array, work: Effect.Effect<void, StoreError>) =>
    Effect.tap(first(work), () => Effect.sync(() => out.delete(challengeId(rand))))

  const findChallenge = (rand: Uint8Array): Effect.Effect<OpenChallenge | undefined, Unavailable> =>
    sad.get(challengeId(rand)).pipe(
      Effect.map(({ sa, inbound }) => {
        const { impi, identity, gbaType } = sa.attributes
        if (inbound.highest > 0 || impi === undefined || identity === undefined) return undefined
        return sa.hardExpiry === undefined || !isGbaType(gbaType)
          ? undefined
          : { rand, impi: impi as Impi, identity, gbaType, notAfter: sa.hardExpiry }
      }),
      Effect.catchTag(["SaNotFound", "SaExpired", "SaRevoked", "SaOutOfScope"], () => Effect.succeed(undefined))
    )

  /** `undefined` where somebody else took the challenge in the meantime. */
  const withVector = <A>(
    open: OpenChallenge,
    work: (vector: LentVector) => A
  ): Effect.Effect<A | undefined, Unavailable> =>
    vault
      .use({ id: vectorKey(open.rand), purpose: purposes.vector, version: 1 }, purposes.vector, (key) =>
        key.lend((octets) => work({ xres: octets.subarray(0, -32), ks: octets.subarray(-32) }))
      )
      .pipe(
        Effect.catchTag("KeyNotFound", () => Effect.succeed(undefined)),
        Effect.catchTag(["KeyUnreadable", "WrongPurpose"], lost)
      )

  /** Takes the challenge without a bootstrapping. */
  const spend = (open: OpenChallenge) =>
    take(open.rand, sad.accept(challengeId(open.rand), 1, { with: [vault.removal(vectorKey(open.rand))] }))

  /**
   * Takes the challenge and keeps Ks, both or neither. `ks` is wiped. False where somebody else was first.
   */
  const bootstrap = Effect.fnUntraced(function* (
    open: OpenChallenge,
    ks: Uint8Array,
    given: { readonly bsf: Fqdn; readonly notAfter: number; readonly gbaUicc: boolean; readonly tmpi: boolean }
  ) {
    const { impi, rand } = open
    const { bsf, notAfter, gbaUicc } = given
    const now = yield* Clock.currentTimeMillis
    const operations: Array<Store.Operation> = [vault.removal(vectorKey(rand))]
    if (given.tmpi) {
      const input = Ks.tmpiInput(rand, impi, bsf)
      if (Result.isSuccess(input)) {
        const key = importKey(ks)
        const tmpi = Ks.tmpi(key.hmac("sha256", input.success))
        key.dispose()
        operations.push(Store.putRecord(TMPI, tmpi, Bytes.utf8(impi), "any", notAfter))
      }
    }
    const { ref, operation } = yield* vault.prepare(purposes.ks, ks, { id: ksKey(rand), notAfter })
    const sa: SecurityAssociation = {
      id: ksId(rand),
      mechanism: "gba",
      peer: peer(impi, open.gbaType, now),
      scope,
      wireId: rand,
      keys: { ks: ref },
      replay: ReplayWindow.noReplay,
      createdAt: now,
      hardExpiry: notAfter,
      provenance: { by: "bsf", from: challengeId(rand), clause: "TS 33.220 4.5.2" },
      attributes: { impi, btid: BTid.make(rand, bsf), gbaType: open.gbaType, uicc: gbaUicc ? "GBA_U" : "GBA" }
    }
    operations.push(operation, Store.put(sa, "absent"))
    return yield* take(rand, sad.accept(challengeId(rand), 1, { with: operations }))
  })

  const findKs = (rand: Uint8Array): Effect.Effect<KeptKs | undefined, Unavailable> =>
    sad.get(ksId(rand)).pipe(
      Effect.map(({ sa }): KeptKs | undefined => {
        const { impi, uicc, gbaType } = sa.attributes
        return impi === undefined || sa.hardExpiry === undefined || !isGbaType(gbaType)
          ? undefined
          : {
              impi: impi as Impi,
              rand,
              gbaUicc: uicc === "GBA_U",
              gbaType,
              createdAt: sa.createdAt,
              notAfter: sa.hardExpiry
            }
      }),
      Effect.catchTag(["SaNotFound", "SaExpired", "SaRevoked", "SaOutOfScope"], () => Effect.succeed(undefined))
    )

  /** Runs `work` with HMAC-SHA-256 under Ks. `undefined` where Ks is gone. */
  const withKs = <A>(kept: KeptKs, work: (hmac: (data: Uint8Array) => Uint8Array) => A) =>
    vault
      .use({ id: ksKey(kept.rand), purpose: purposes.ks, version: 1 }, purposes.ks, (key) =>
        work((data) => key.hmac("sha256", data))
      )
      .pipe(
        Effect.catchTag("KeyNotFound", () => Effect.succeed(undefined)),
        Effect.catchTag(["KeyUnreadable", "WrongPurpose"], lost)
      )

  const impiOf = Effect.fnUntraced(function* (tmpi: Tmpi) {
    const record = yield* store.record(TMPI, tmpi, yield* Clock.currentTimeMillis)
    const text = record === undefined ? undefined : Bytes.utf8Decode(record.value)
    return text === undefined ? undefined : (text as Impi)
  })

  /** Ends a bootstrapping before its time, and with it every key that an application server could still ask for. */
  const revoke = (rand: Uint8Array) => sad.revoke(ksId(rand), "administrative", { with: [vault.removal(ksKey(rand))] })

  return { hasRoom, keepChallenge, findChallenge, withVector, spend, bootstrap, findKs, withKs, impiOf, revoke }
})

export type BsfStore = Effect.Success<ReturnType<typeof make>>
