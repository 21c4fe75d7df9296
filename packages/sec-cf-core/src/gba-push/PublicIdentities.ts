/**
 * Which subscriber stands behind a public identity: the port.
 *
 * @layer service
 * @spec TS 24.109 A1.3 step 3
 */
import type { Unavailable } from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The home network's directory of public identities. */
export class PublicIdentities extends Context.Service<
  PublicIdentities,
  {
    /** The IMPI behind `publicIdentity`, such as `tel:+15551230001`; `undefined` where there is none. */
    readonly privateOf: (publicIdentity: string) => Effect.Effect<string | undefined, Unavailable>
  }
>()("@oma/sec-cf-core/PublicIdentities") {}

/** The identities of a table. */
export const layerTable = (table: ReadonlyMap<string, string>): Layer.Layer<PublicIdentities> =>
  Layer.succeed(PublicIdentities, { privateOf: (publicIdentity) => Effect.succeed(table.get(publicIdentity)) })
