/**
 * The servers of the operator.
 *
 * @layer binding
 */
import type { DevelopmentCa } from "@oma/sec-cf-core/tls"
import * as Effect from "effect/Effect"
import * as Dm from "./dm/role.ts"
import * as Gba from "./gba/role.ts"
import type { Options } from "./Options.ts"
import * as Push from "./push/role.ts"

/** Starts every role; they stop when the scope closes. */
export const roles = (options: Options, ca: DevelopmentCa) =>
  Effect.all([Gba.start(options, ca), Dm.start(options, ca), Push.start(options)])
