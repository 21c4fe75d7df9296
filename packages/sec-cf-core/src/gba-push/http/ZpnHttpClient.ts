/**
 * Zpn as the service Nbsp_GBA over HTTP: the side of the Push-NAF.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import type { HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type KeyServiceClientOptions, make } from "../../gba/http/KeyServiceClient.ts"
import * as PushInfo from "../PushInfo.ts"
import { Zpn, ZpnRefused } from "../Zpn.ts"

export interface ZpnClientOptions extends KeyServiceClientOptions {
  /** The root of the interface of the bootstrapping server, such as `https://bsf.home1.net`. */
  readonly root: string
}

const refusal = (reason: ZpnRefused["reason"]) => (clause: string) => new ZpnRefused({ reason, clause })

const refusals = {
  400: refusal("malformed"),
  403: refusal("not authorised"),
  404: refusal("identity unknown")
}

/** Zpn over `HttpClient`. */
export const layer = (options: ZpnClientOptions): Layer.Layer<Zpn, never, HttpHandler.HttpClient> =>
  Layer.effect(
    Zpn,
    Effect.map(make(options), (call) => ({
      pushInfo: (request: PushInfo.GpiRequest) =>
        call({
          what: "Zpn",
          url: `${options.root}${PushInfo.PATH}`,
          body: PushInfo.encodeRequest(request),
          decode: PushInfo.decodeResponse,
          refusals
        })
    }))
  )
