/**
 * Zn inside one process: an application server beside its bootstrapping server.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Bsf, type NafPrincipal } from "./Bsf.ts"
import { Zn } from "./Zn.ts"

/** Zn of `principal`. The same checks of names run as over a network. */
export const layer = (principal: NafPrincipal): Layer.Layer<Zn, never, Bsf> =>
  Layer.effect(
    Zn,
    Effect.map(Bsf, (bsf) => ({ retrieve: (request) => bsf.key(principal, request) }))
  )
