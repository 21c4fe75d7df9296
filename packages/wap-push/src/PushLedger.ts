/**
 * What a push initiator remembers of the pushes that a gateway took, so that none is sent twice under one push id. Gateways
 * of the field do not notice duplicates themselves.
 *
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PushResponse } from "./PapMessage.ts"

/** A push that was taken. `fingerprint` tells it from another under the same id. */
export interface LedgerEntry {
  readonly pushId: string
  readonly fingerprint: string
  readonly response: PushResponse
}

export interface PushLedgerShape {
  readonly find: (pushId: string) => Effect.Effect<Option.Option<LedgerEntry>>
  readonly record: (entry: LedgerEntry) => Effect.Effect<void>
}

/** Remembers pushes. Replace it by a durable one where ids must outlast the process. */
export class PushLedger extends Context.Service<PushLedger, PushLedgerShape>()("@oma/wap-push/PushLedger") {}

export interface LedgerLimits {
  /** Entries kept; 10,000. The oldest goes first. */
  readonly maxEntries?: number
  /** Milliseconds for which an entry is kept; one day. */
  readonly lifetime?: number
}

/** A ledger in memory. */
export const layerMemory = (limits: LedgerLimits = {}): Layer.Layer<PushLedger> =>
  Layer.sync(PushLedger, () => {
    const maxEntries = limits.maxEntries ?? 10_000
    const lifetime = limits.lifetime ?? 86_400_000
    const entries = new Map<string, { readonly entry: LedgerEntry; readonly until: number }>()
    return {
      find: (pushId) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const found = entries.get(pushId)
          if (found !== undefined && found.until > now) return Option.some(found.entry)
          entries.delete(pushId)
          return Option.none()
        }),
      record: (entry) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          entries.delete(entry.pushId)
          entries.set(entry.pushId, { entry, until: now + lifetime })
          for (const [oldest, { until }] of entries) {
            if (entries.size <= maxEntries && until > now) break
            entries.delete(oldest)
          }
        })
    }
  })
