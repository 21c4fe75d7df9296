/**
 * Where authentication vectors come from: the port, behind which a home network stands.
 *
 * @layer service
 */
import type { Unavailable } from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { AutsRejected, MalformedAka, SqnExhausted } from "./AkaError.ts"
import type { AkaVector } from "./AkaFunctions.ts"

/** The home network has no such subscriber, or none that may use AKA. */
export class UnknownSubscriber extends Data.TaggedError("UnknownSubscriber")<{ readonly impi: string }> {}

/** What a request for a vector says besides the name. */
export interface VectorRequest {
  readonly impi: string
  /** The card's answer to an earlier challenge: the home network takes over SQN_MS first. */
  readonly resynchronise?: { readonly rand: Uint8Array; readonly auts: Uint8Array } | undefined
}

export type VectorError = UnknownSubscriber | AutsRejected | MalformedAka | SqnExhausted | Unavailable

/** The authentication centre as a bootstrapping server sees it. `Subscribers.layerSource` is one on the store; Zh is another. */
export class AuthenticationVectorSource extends Context.Service<
  AuthenticationVectorSource,
  {
    /**
     * A vector that nobody got before and nobody gets again.
     *
     * **Fails** with `UnknownSubscriber`; with `AutsRejected` or `MalformedAka` for an AUTS that does not hold, and then nothing has
     * changed.
     */
    readonly vector: (request: VectorRequest) => Effect.Effect<AkaVector, VectorError>
  }
>()("@oma/sec-cf-core/AuthenticationVectorSource") {}
