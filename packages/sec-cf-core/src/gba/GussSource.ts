/**
 * Where the security settings of subscribers come from, and an implementation on the store.
 *
 * @layer service
 */
import { Store, type StoreError, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Guss from "./Guss.ts"

/** The home network's security settings. */
export class GussSource extends Context.Service<
  GussSource,
  {
    /** The settings of `impi`; `undefined` for a subscriber without any, who may then use GBA with no application's settings. */
    readonly get: (impi: string) => Effect.Effect<Guss.Guss | undefined, Unavailable>
    /** Stores or replaces settings, where this source keeps them itself. */
    readonly put: (guss: Guss.Guss) => Effect.Effect<void, StoreError>
  }
>()("@oma/sec-cf-core/GussSource") {}

const collection = "gba/guss"

/** The settings as records of the store. */
export const layer: Layer.Layer<GussSource, never, Store.Store> = Layer.effect(
  GussSource,
  Effect.gen(function* () {
    const store = yield* Store.Store
    return {
      get: Effect.fnUntraced(function* (impi: string) {
        const record = yield* store.record(collection, impi, yield* Clock.currentTimeMillis)
        if (record === undefined) return undefined
        const decoded = Result.flatMap(
          Result.fromNullishOr(Bytes.utf8Decode(record.value), () => "not UTF-8"),
          (text) => Guss.decode(text)
        )
        if (Result.isSuccess(decoded)) return decoded.success
        return yield* new Unavailable({ what: "security settings", retryable: false, cause: decoded.failure })
      }),
      put: Effect.fnUntraced(function* (guss: Guss.Guss) {
        const value = Bytes.utf8(Guss.encode(guss))
        yield* store.transact([Store.putRecord(collection, guss.impi, value)], yield* Clock.currentTimeMillis)
      })
    }
  })
)
