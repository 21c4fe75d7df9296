/**
 * Zpn as the service Nbsp_GBA over HTTP: the side of the bootstrapping server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import type { HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import { handler, type KeyServiceOptions } from "../../gba/http/KeyServiceServer.ts"
import { BsfPush } from "../BsfPush.ts"
import * as PushInfo from "../PushInfo.ts"
import type { ZpnRefused } from "../Zpn.ts"

export type ZpnServerOptions = KeyServiceOptions

/** What a Push-NAF is told. */
export const refusalStatus: Readonly<Record<ZpnRefused["reason"], 400 | 403 | 404>> = {
  "identity unknown": 404,
  "not authorised": 403,
  malformed: 400
}

/** The handler; mount it at `PushInfo.PATH` below the root of the interface. */
export const make = (options: ZpnServerOptions): Effect.Effect<HttpHandler.HttpHandler, never, BsfPush> =>
  Effect.map(BsfPush, (bsf) =>
    handler(
      { decode: PushInfo.decodeRequest, answer: bsf.pushInfo, encode: PushInfo.encodeResponse, status: refusalStatus },
      options
    )
  )
