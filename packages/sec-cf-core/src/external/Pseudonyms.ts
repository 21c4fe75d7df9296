/**
 * Pseudonyms of subscribers: names that stay the same on every node and tell nobody a number, so that events and records may hold them.
 *
 * @layer service
 */
import { KeyVault, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RadiusSecret from "./RadiusSecret.ts"
import type { SubscriberName } from "./Subscriber.ts"

/** The kind of name that a pseudonym is. */
export const kind = "subscriber"

/**
 * `of` gives 32 hexadecimal digits, the first half of HMAC-SHA-256(key, kind LF subject). The key is made at first use and lies in the
 * vault; a plain hash would be undone by trying all numbers.
 */
export class Pseudonyms extends Context.Service<
  Pseudonyms,
  { readonly of: (name: SubscriberName) => Effect.Effect<string, Unavailable> }
>()("@oma/sec-cf-core/Pseudonyms") {}

const id = "external/pseudonym"

const lost = (error: { readonly _tag: string }) =>
  Effect.fail(new Unavailable({ what: "key of pseudonyms", retryable: false, cause: error._tag }))

const make = Effect.gen(function* () {
  const vault = yield* KeyVault.KeyVault
  const purpose = RadiusSecret.purposes.pseudonym
  // generating fails where the key exists: one made earlier, or by another node just now
  const ref = yield* vault.generate(purpose, 32, { id }).pipe(
    Effect.catchTag("Conflict", () => vault.newest(id, purpose)),
    Effect.catchIf((error) => error._tag !== "Unavailable", lost)
  )
  const of = ({ kind, subject }: SubscriberName) =>
    vault
      .use(ref, purpose, (key) => Bytes.toHex(key.hmac("sha256", Bytes.utf8(`${kind}\n${subject}`)).subarray(0, 16)))
      .pipe(Effect.catchIf((error) => error._tag !== "Unavailable", lost))
  return { of }
})

export const layer: Layer.Layer<Pseudonyms, Unavailable, KeyVault.KeyVault> = Layer.effect(Pseudonyms, make)
