/**
 * Zpn inside one process: a Push-NAF beside its bootstrapping server.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { NafPrincipal } from "../gba/BsfKeys.ts"
import { BsfPush } from "./BsfPush.ts"
import { Zpn } from "./Zpn.ts"

/** Zpn of `principal`. The same checks of names run as over a network. */
export const layer = (principal: NafPrincipal): Layer.Layer<Zpn, never, BsfPush> =>
  Layer.effect(
    Zpn,
    Effect.map(BsfPush, (bsf) => ({ pushInfo: (request) => bsf.pushInfo(principal, request) }))
  )
