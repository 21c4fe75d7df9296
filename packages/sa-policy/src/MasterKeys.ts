/**
 * The keys under which all other keys are sealed.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Primitives, type SecretKey } from "./Primitives.ts"

/** A master key has 32 octets. */
export const length = 32

/** The master keys cannot be had; `why` says what is wrong with their source. */
export class MasterKeyUnusable extends Data.TaggedError("MasterKeyUnusable")<{ readonly why: string }> {}

/** The newest key seals; every key that is still known opens. */
export class MasterKeys extends Context.Service<
  MasterKeys,
  {
    readonly current: () => { readonly id: string; readonly key: SecretKey }
    readonly byId: (id: string) => SecretKey | undefined
    /** Reads the source again, after a key was added to it or taken from it. */
    readonly refresh: Effect.Effect<void, MasterKeyUnusable>
  }
>()("@oma/sa-policy/MasterKeys") {}

/** One master key as its source gives it. */
export interface MasterKeySource {
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array>
}

/**
 * Master keys from `read`, newest first, such as a file, an environment or a key management system.
 *
 * Fails with `MasterKeyUnusable` where there is none, one has not 32 octets, or two have one id.
 */
export const layer = (
  read: Effect.Effect<ReadonlyArray<MasterKeySource>, MasterKeyUnusable>
): Layer.Layer<MasterKeys, MasterKeyUnusable, Primitives> =>
  Layer.effect(
    MasterKeys,
    Effect.gen(function* () {
      const primitives = yield* Primitives
      const load = Effect.gen(function* () {
        const sources = yield* read
        const newest = sources[0]
        if (newest === undefined) return yield* new MasterKeyUnusable({ why: "there is no master key" })
        const keys = new Map<string, SecretKey>()
        for (const source of sources) {
          const octets = Redacted.value(source.key)
          if (octets.length !== length) {
            return yield* new MasterKeyUnusable({
              why: `master key ${source.id} has ${octets.length} octets, not ${length}`
            })
          }
          if (keys.has(source.id))
            return yield* new MasterKeyUnusable({ why: `two master keys are named ${source.id}` })
          keys.set(source.id, primitives.importKey(octets))
        }
        return { id: newest.id, keys }
      })
      let held = yield* load
      return {
        current: () => ({ id: held.id, key: held.keys.get(held.id)! }),
        byId: (id: string) => held.keys.get(id),
        refresh: Effect.map(load, (fresh) => {
          held = fresh
        })
      }
    })
  )

/** Master keys that a caller holds already. */
export const layerOf = (
  ...sources: ReadonlyArray<MasterKeySource>
): Layer.Layer<MasterKeys, MasterKeyUnusable, Primitives> => layer(Effect.succeed(sources))

/** A master key made for this run: what it sealed is lost with the process. For tests and stores in memory. */
export const layerEphemeral: Layer.Layer<MasterKeys, MasterKeyUnusable, Primitives> = Layer.unwrap(
  Effect.map(Primitives, ({ random }) => layerOf({ id: "ephemeral", key: Redacted.make(random(length)) }))
)
