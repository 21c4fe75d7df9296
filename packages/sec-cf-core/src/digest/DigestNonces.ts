/**
 * The nonces of a Digest server: issued without memory, and from their first valid use on an association with a window
 * of counts, so that each count of a nonce is accepted once across all nodes and restarts.
 *
 * @layer service
 * @spec RFC 7616 3.3, 5.4, 5.5
 */
import {
  type Identity,
  type KeyRef,
  KeyVault,
  keyPurpose,
  Primitives,
  ReplayWindow,
  Sad,
  type SaId,
  type Scope,
  Store,
  type StoreError,
  saId,
  Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { CountRefusal, NonceStanding } from "./DigestServer.ts"
import * as ServerNonce from "./ServerNonce.ts"

/** Where nonces count: one realm of one interface. A nonce of another space is foreign. */
export interface NonceSpace {
  /** Signed with every nonce of the space. */
  readonly name: string
  /** 16 hexadecimal digits of the name's hash, for ids. */
  readonly tag: string
  readonly scope: Scope
}

/** A nonce as a request presented it, judged by everything but its MAC and its counts. */
export interface PresentedNonce {
  readonly text: string
  readonly nonce: ServerNonce.UnverifiedNonce | undefined
  readonly standing: NonceStanding
}

/** What became of a count. */
export type Spent =
  | { readonly _tag: "Counted"; readonly association: SaId }
  | { readonly _tag: "Refused"; readonly refusal: CountRefusal }
  | { readonly _tag: "Unfit"; readonly standing: Exclude<NonceStanding, "fresh"> }

/** The nonces. */
export class DigestNonces extends Context.Service<
  DigestNonces,
  {
    readonly space: (scope: Scope, realm: string) => NonceSpace
    /** A new nonce, 60 characters. Writes nothing. */
    readonly issue: (space: NonceSpace) => Effect.Effect<string, Unavailable>
    /** Reads a nonce and judges time and epoch. Costs no cryptography. */
    readonly present: (text: string) => Effect.Effect<PresentedNonce, Unavailable>
    /**
     * Accepts `count` of a fresh nonce for `identity`, once. Call it after the response was found right and at no other
     * time: it is the first thing that an unauthenticated peer must not make a server write.
     */
    readonly spend: (
      space: NonceSpace,
      presented: PresentedNonce,
      identity: Identity.Authenticated,
      count: number
    ) => Effect.Effect<Spent, Unavailable>
    /** Whether a nonce is in the second half of its life, so that its successor should go out. */
    readonly aging: (nonce: ServerNonce.ServerNonce, now: number) => boolean
    /**
     * Makes every nonce issued so far stale, on all nodes within the refresh time. For operators after a store came
     * back older than it was.
     */
    readonly raiseEpoch: Effect.Effect<void, Unavailable>
  }
>()("@oma/sec-cf-core/DigestNonces") {}

/** How long nonces live and how their counts may run. */
export interface NonceLimits {
  /** How long a nonce lives, in milliseconds. */
  readonly lifetimeMillis: number
  /** How far back counts may arrive out of order. */
  readonly window: number
  /** How far a count may lie above the highest one so far. */
  readonly maxJump: number
  /**
   * How far the clocks of two nodes may differ, and how far a clock may go back unnoticed, in milliseconds. Nodes whose
   * clocks differ more make each other's nonces stale.
   */
  readonly skewMillis: number
  /** After how many milliseconds epoch and key are read again from the store. */
  readonly refreshMillis: number
}

export const defaultNonceLimits: NonceLimits = {
  lifetimeMillis: 300_000,
  window: 128,
  maxJump: 1024,
  skewMillis: 30_000,
  refreshMillis: 5_000
}

export type NonceOptions = Partial<NonceLimits>

const collection = "digest"
const record = "nonces"
const keyId = "digest/nonce"
const purpose = keyPurpose("digest/nonce")
/** How often the time is written down, so that a clock set back is noticed after a restart. */
const tickMillis = 60_000

interface Durable {
  readonly epoch: number
  /** The latest time that some node saw. */
  readonly latest: number
}

const encodeDurable = ({ epoch, latest }: Durable): Uint8Array => {
  const out = new Uint8Array(12)
  const view = new DataView(out.buffer)
  view.setUint32(0, epoch)
  view.setUint32(4, Math.floor(latest / 0x1_0000_0000))
  view.setUint32(8, latest % 0x1_0000_0000)
  return out
}

const decodeDurable = (octets: Uint8Array): Durable | undefined => {
  if (octets.length !== 12) return undefined
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  return { epoch: view.getUint32(0), latest: view.getUint32(4) * 0x1_0000_0000 + view.getUint32(8) }
}

const unavailable = (cause: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "digest nonces", retryable: false, cause: cause._tag }))

const make = (options: NonceOptions) =>
  Effect.gen(function* () {
    const store = yield* Store.Store
    const sad = yield* Sad.Sad
    const vault = yield* KeyVault.KeyVault
    const { hash, random } = yield* Primitives.Primitives
    const limits = { ...defaultNonceLimits, ...options }
    const { lifetimeMillis: lifetime, refreshMillis, skewMillis: skew } = limits
    const replay = ReplayWindow.window(limits.window, limits.maxJump)
    const sha256 = hash("sha256")

    let epoch = 0
    let key: KeyRef = { id: keyId, purpose, version: 1 }
    let readAt = Number.NEGATIVE_INFINITY
    let latest = 0

    const write = (durable: Durable, expect: Store.Expectation, now: number) =>
      store.transact([Store.putRecord(collection, record, encodeDurable(durable), expect)], now).pipe(
        Effect.as(true),
        Effect.catchTag("Conflict", () => Effect.succeed(false)),
        Effect.catchTag(["SaNotFound", "SaExpired", "SaRevoked", "Replayed", "Unacceptable"], unavailable)
      )

    // the epoch of the store changes when it comes back older than it was; the factor keeps both kinds of raises apart
    const joined = (own: number, now: number) =>
      Effect.map(
        store.record(Store.epochRecord.collection, Store.epochRecord.key, now),
        (stored) => (own + Math.imul(stored?.version ?? 0, 0x9e3779b1)) >>> 0
      )

    // the first epoch is a random one: a store that lost everything must not begin where it began before.
    // tells whether this was the first
    const load = Effect.fnUntraced(function* (now: number, raise: boolean, tick: boolean) {
      for (;;) {
        const stored = yield* store.record(collection, record, now)
        const durable = stored === undefined ? undefined : decodeDurable(stored.value)
        const seen = Math.max(latest, durable?.latest ?? 0)
        const back = now < seen - skew
        if (durable !== undefined && !raise && !back && !tick) {
          epoch = yield* joined(durable.epoch, now)
          latest = Math.max(seen, now)
          return false
        }
        const next: Durable = {
          epoch:
            durable === undefined
              ? new DataView(random(4).slice().buffer).getUint32(0)
              : raise || back
                ? (durable.epoch + 1) >>> 0
                : durable.epoch,
          latest: back ? now : Math.max(seen, now)
        }
        if (yield* write(next, stored?.version ?? "absent", now)) {
          epoch = yield* joined(next.epoch, now)
          latest = next.latest
          return durable === undefined
        }
      }
    })

    const newest = vault.newest(keyId, purpose)
    const made = vault.generate(purpose, 32, { id: keyId })
    // a store without a record of epochs has no key either: to ask for it would look like an attack on the vault
    const keyAt = (beginning: boolean) =>
      beginning
        ? Effect.catchTag(made, "Conflict", () => newest)
        : Effect.catchTag(newest, "KeyNotFound", () => Effect.catchTag(made, "Conflict", () => newest))

    const refresh = Effect.fnUntraced(function* (now: number, raise: boolean, tick: boolean) {
      key = yield* keyAt(yield* load(now, raise, tick))
      readAt = now
    })

    const refreshed = (now: number, raise = false, tick = false): Effect.Effect<void, Unavailable> =>
      refresh(now, raise, tick).pipe(Effect.catchIf((error) => error._tag !== "Unavailable", unavailable))

    /** The time, after epoch and key were made current where they are old or the clock went back. */
    const current = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - readAt < refreshMillis && now >= latest - skew && now >= readAt - skew) {
        if (now > latest) latest = now
        return Effect.succeed(now)
      }
      return Effect.as(refreshed(now), now)
    })

    const withMac = <A>(version: number, work: (mac: ServerNonce.NonceMac) => A) =>
      vault.use({ id: keyId, purpose, version }, purpose, (secret) => work((data) => secret.hmac("sha256", data)))

    const issuedHere = (nonce: ServerNonce.UnverifiedNonce, space: NonceSpace) =>
      withMac(nonce.keyVersion, (mac) => ServerNonce.verifies(nonce, space.name, mac)).pipe(
        Effect.catchTag("KeyNotFound", () => Effect.succeed(false)),
        Effect.catchTag(["WrongPurpose", "KeyUnreadable"], unavailable)
      )

    // one window for each nonce and user: nobody uses up the counts of another who was given the same nonce
    const idOf = (space: NonceSpace, text: string, subject: string): SaId =>
      saId(
        subject.length <= 100
          ? `digest:${space.tag}:${text}:=${subject}`
          : `digest:${space.tag}:${text}:#${Bytes.toHex(sha256(Bytes.utf8(subject)))}`
      )

    const outcome = (work: Effect.Effect<void, StoreError>, id: SaId) =>
      work.pipe(
        Effect.as<Spent>({ _tag: "Counted", association: id }),
        Effect.catchTag("Replayed", ({ refusal }) => Effect.succeed<Spent>({ _tag: "Refused", refusal })),
        Effect.catchTag(["SaExpired", "SaRevoked"], () => Effect.succeed<Spent>({ _tag: "Unfit", standing: "expired" }))
      )

    const spend = Effect.fnUntraced(function* (
      space: NonceSpace,
      presented: PresentedNonce,
      identity: Identity.Authenticated,
      count: number
    ) {
      const { nonce, standing, text } = presented
      if (nonce === undefined || standing !== "fresh") {
        return { _tag: "Unfit", standing: standing === "fresh" ? "foreign" : standing } as const
      }
      const id = idOf(space, text, identity.subject)
      const again = outcome(sad.accept(id, count), id)
      const first = Effect.gen(function* () {
        if (!(yield* issuedHere(nonce, space))) return { _tag: "Unfit", standing: "foreign" } as Spent
        const expiry = nonce.issuedAt + lifetime
        const made = sad.add(
          {
            id,
            mechanism: "digest",
            peer: identity,
            scope: space.scope,
            keys: {},
            replay,
            createdAt: identity.at,
            // outlives the nonce by all that clocks may be wrong, so that no expired nonce finds its counts forgotten
            hardExpiry: expiry + 2 * skew + 2 * tickMillis,
            softExpiry: expiry,
            provenance: { by: "digest", clause: "RFC 7616 3.3 nonce, 3.4 nc" },
            attributes: {}
          },
          { with: [Store.accept(id, count)] }
        )
        return yield* outcome(made, id).pipe(
          Effect.catchTag("Conflict", () => again),
          Effect.catchTag("SaNotFound", unavailable)
        )
      })
      return yield* again.pipe(
        Effect.catchTag("SaNotFound", () => first),
        Effect.catchTag(["Conflict", "Unacceptable"], unavailable)
      )
    })

    yield* refresh(yield* Clock.currentTimeMillis, false, true)
    yield* Effect.forkScoped(
      Effect.repeat(
        Effect.ignore(Effect.flatMap(Clock.currentTimeMillis, (now) => refreshed(now, false, true))),
        Schedule.spaced(tickMillis)
      )
    )

    return {
      space: (scope: Scope, realm: string): NonceSpace => {
        const name = `${scope.enabler}/${scope.interface}/${realm}`
        return { name, tag: Bytes.toHex(sha256(Bytes.utf8(name))).slice(0, 16), scope }
      },
      issue: (space: NonceSpace) =>
        Effect.flatMap(current, (now) =>
          withMac(key.version, (mac) =>
            ServerNonce.encode({ keyVersion: key.version, issuedAt: now, epoch, random: random(16) }, space.name, mac)
          ).pipe(Effect.catchTag(["KeyNotFound", "WrongPurpose", "KeyUnreadable"], unavailable))
        ),
      present: (text: string) =>
        Effect.map(current, (now): PresentedNonce => {
          const nonce = ServerNonce.decode(text)
          return {
            text,
            nonce,
            standing: nonce === undefined ? "foreign" : ServerNonce.age(nonce, { now, epoch, lifetime, skew })
          }
        }),
      spend,
      aging: (nonce: ServerNonce.ServerNonce, now: number) => now >= nonce.issuedAt + lifetime / 2,
      raiseEpoch: Effect.flatMap(Clock.currentTimeMillis, (now) => refreshed(now, true))
    }
  })

/** The nonces on the store, the SAD and the vault. Fails where epoch or key cannot be read. */
export const layer = (options: NonceOptions = {}) => Layer.effect(DigestNonces, make(options))
