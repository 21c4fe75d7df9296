/**
 * The address table on the store: every node may take accounting messages, every node answers who has an address.
 *
 * Three collections: entries by address; the addresses of each session, and when it was stopped (remembered for as long as one of its
 * messages could still seem fresh); when each NAS last came up or went down.
 *
 * @layer service
 */
import { Primitives, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccountingRecord } from "./AccountingRecord.ts"
import { decodeEntry, decodeSession, decodeTime, encodeEntry, encodeSession, encodeTime } from "./AddressEntry.ts"
import * as Table from "./AddressTable.ts"
import * as IpRanges from "./IpRanges.ts"
import type { SubscriberName } from "./Subscriber.ts"

export interface AddressLimits {
  /** Milliseconds after its last message until an entry is gone, a day; 86,400,000 unless given. */
  readonly lifetime: number
  /** How far, in milliseconds, the time of a message may lie from now; 300,000 unless given. */
  readonly freshness: number
  /** Records of the store, all collections together, beyond which no address is added; 2,000,000 unless given. */
  readonly records: number
  /** Addresses of one session; 16 unless given. The oldest are left to their age. */
  readonly sessionAddresses: number
  /** How often a message is tried again because another one changed the same address; 8 unless given. */
  readonly attempts: number
}

export const defaultAddressLimits: AddressLimits = {
  lifetime: 86_400_000,
  freshness: 300_000,
  records: 2_000_000,
  sessionAddresses: 16,
  attempts: 8
}

/** The lengths of IPv6 networks that a session may have; a lookup asks for each. */
export const ipv6Prefixes = [128, 64] as const

/** Who reports: the name of the client in the configuration, and whether its link lets no replay through. */
export interface Reporter {
  readonly name: string
  readonly linkProtected: boolean
  /** The addresses that it may speak of. */
  readonly ranges: IpRanges.IpRanges
}

/** What became of a message; the NAS gets the same answer for both. */
export type Applied =
  | { readonly _tag: "Changed" }
  | { readonly _tag: "Ignored"; readonly refusal: Table.Refusal | "address not in range" | "table full" }

export interface AddressHolder {
  readonly names: ReadonlyArray<SubscriberName>
  /** Milliseconds since 1970 of the last message about it. */
  readonly time: number
}

/** Who has which address, as the access network reports it. */
export class SubscriberAddresses extends Context.Service<
  SubscriberAddresses,
  {
    readonly apply: (reporter: Reporter, record: AccountingRecord) => Effect.Effect<Applied, Unavailable>
    /** Who has `address` now, or `undefined`. */
    readonly lookup: (address: IpRanges.IpAddress) => Effect.Effect<AddressHolder | undefined, Unavailable>
  }
>()("@oma/sec-cf-core/SubscriberAddresses") {}

const collections = { entry: "external/address", session: "external/session", nas: "external/nas" } as const

/** How many insertions, and for how many milliseconds, one answer of the store about its size holds. */
const sizeHolds = { insertions: 1000, millis: 10_000 } as const

const make = (given: Partial<AddressLimits>) =>
  Effect.gen(function* () {
    const limits = { ...defaultAddressLimits, ...given }
    const store = yield* Store.Store
    const sha256 = (yield* Primitives.Primitives).hash("sha256")
    const nameOf = (...parts: ReadonlyArray<string>) => Bytes.toHex(sha256(Bytes.utf8(parts.join("\0")))).slice(0, 40)

    const timeAt = (collection: string, key: string, now: number) =>
      Effect.map(store.record(collection, key, now), (record) =>
        record === undefined ? undefined : decodeTime(record.value)
      )

    const entryAt = (key: string, now: number) =>
      Effect.map(store.record(collections.entry, key, now), (record) => ({
        version: record?.version,
        entry: record === undefined ? undefined : decodeEntry(record.value)
      }))

    const sessionAt = (key: string, now: number) =>
      Effect.map(store.record(collections.session, key, now), (record) => ({
        version: record?.version,
        session: (record === undefined ? undefined : decodeSession(record.value)) ?? { keys: [] }
      }))

    let measured = { records: 0, insertionsLeft: 0, until: 0 }
    const isFull = Effect.fnUntraced(function* (now: number) {
      if (measured.insertionsLeft <= 0 || now >= measured.until) {
        const { records } = yield* store.size
        measured = { records, insertionsLeft: sizeHolds.insertions, until: now + sizeHolds.millis }
      }
      measured.insertionsLeft--
      return measured.records >= limits.records
    })

    const inRange = (reporter: Reporter, record: AccountingRecord): boolean =>
      record.addresses.every(
        ({ address, prefix }) =>
          IpRanges.contains(reporter.ranges, address) &&
          (address._tag === "Ipv4Address" || ipv6Prefixes.some((length) => length === prefix))
      )

    const attempt = Effect.fnUntraced(function* (reporter: Reporter, record: AccountingRecord, now: number) {
      const { name, linkProtected } = reporter
      const nasNames = record.nas.length === 0 ? [""] : record.nas
      const nasKeys = nasNames.map((nas) => nameOf(name, nas))
      const session = nameOf(name, nasNames[0]!, record.sessionId)
      const held = yield* sessionAt(session, now)
      const named = record.addresses.map(({ address, prefix }) => IpRanges.networkOf(address, prefix) ?? "")
      const keys = [...new Set([...named, ...held.session.keys])]
      const entries = yield* Effect.forEach(keys, (key) => entryAt(key, now))
      const known: Table.Known = {
        entries: entries.map(({ entry }) => entry),
        stopped: held.session.stopped,
        cleared: yield* Effect.forEach(nasKeys, (key) => timeAt(collections.nas, key, now))
      }
      // entries name the NAS by the keys of its records, so that a lookup finds these
      const rules = { freshness: limits.freshness, linkProtected }
      const step = Table.step(known, { ...record, nas: nasKeys }, session, now, rules)
      if (step._tag === "Ignored") return step
      const operations: Array<Store.Operation> = []
      for (const change of step.changes) {
        switch (change._tag) {
          case "Put": {
            const { version, entry } = entries[change.at]!
            if (entry === undefined && (yield* isFull(now))) return { _tag: "Ignored", refusal: "table full" } as const
            const value = encodeEntry(change.entry)
            const expect = version ?? "absent"
            operations.push(Store.putRecord(collections.entry, keys[change.at]!, value, expect, now + limits.lifetime))
            break
          }
          case "Remove":
            operations.push(
              Store.deleteRecord(collections.entry, keys[change.at]!, entries[change.at]!.version ?? "any")
            )
            break
          case "Stopped": {
            const { version, session: former } =
              change.session === session ? held : yield* sessionAt(change.session, now)
            const value = encodeSession({ keys: change.session === session ? [] : former.keys, stopped: change.time })
            // the newest message that was ever taken lies at most `freshness` ahead, and seems fresh for as long after
            const until = now + 2 * limits.freshness + 1
            operations.push(Store.putRecord(collections.session, change.session, value, version ?? "absent", until))
            break
          }
          case "Cleared":
            for (const key of nasKeys) {
              const value = encodeTime(change.time)
              operations.push(Store.putRecord(collections.nas, key, value, "any", now + limits.lifetime))
            }
        }
      }
      if (step.changes.some(({ _tag }) => _tag === "Put")) {
        const value = encodeSession({ keys: keys.slice(0, limits.sessionAddresses) })
        const expect = held.version ?? "absent"
        operations.push(Store.putRecord(collections.session, session, value, expect, now + limits.lifetime))
      }
      yield* store.transact(operations, now)
      return { _tag: "Changed" } as const
    })

    const apply = (reporter: Reporter, record: AccountingRecord): Effect.Effect<Applied, Unavailable> => {
      if (!inRange(reporter, record)) return Effect.succeed({ _tag: "Ignored", refusal: "address not in range" })
      const tried = (left: number): Effect.Effect<Applied, Unavailable> =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(reporter, record, now)).pipe(
          Effect.catch((error): Effect.Effect<Applied, Unavailable> => {
            if (error._tag === "Unavailable") return Effect.fail(error)
            if (error._tag === "Conflict" && left > 1) return tried(left - 1)
            return Effect.fail(new Unavailable({ what: "address table", retryable: true, cause: error }))
          })
        )
      return tried(limits.attempts)
    }

    const lookup = Effect.fnUntraced(function* (address: IpRanges.IpAddress) {
      const now = yield* Clock.currentTimeMillis
      const prefixes = address._tag === "Ipv4Address" ? [32] : ipv6Prefixes
      for (const prefix of prefixes) {
        const { entry } = yield* entryAt(IpRanges.networkOf(address, prefix) ?? "", now)
        if (entry === undefined) continue
        const cleared = yield* Effect.forEach(entry.nas, (nas) => timeAt(collections.nas, nas, now))
        if (!Table.isVoid(entry, cleared)) return { names: entry.names, time: entry.time }
      }
      return undefined
    })

    return { apply, lookup }
  })

/** The table on the store of the context. */
export const layer = (
  limits: Partial<AddressLimits> = {}
): Layer.Layer<SubscriberAddresses, never, Store.Store | Primitives.Primitives> =>
  Layer.effect(SubscriberAddresses, make(limits))
