/**
 * Zpn, where a Push-NAF gets GBA Push Info and the key that goes with it: the port.
 *
 * @layer service
 * @spec TS 33.223; TS 29.109 5.4; TS 29.309
 */
import type { Unavailable } from "@oma/sa-policy"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { GpiRequest, GpiResponse } from "./PushInfo.ts"

/** The bootstrapping server gives no GPI. */
export class ZpnRefused extends Data.TaggedError("ZpnRefused")<{
  /** 5401 IDENTITY_UNKNOWN, 5402 NOT_AUTHORIZED, or a request that cannot be served as it stands. */
  readonly reason: "identity unknown" | "not authorised" | "malformed"
  readonly clause: string
}> {}

/** The bootstrapping server as a Push-NAF sees it. */
export class Zpn extends Context.Service<
  Zpn,
  {
    /** GPI and key. An identical request gets the same answer again for a while, so one whose answer was lost may be repeated. */
    readonly pushInfo: (request: GpiRequest) => Effect.Effect<GpiResponse, ZpnRefused | Unavailable>
  }
>()("@oma/sec-cf-core/Zpn") {}
