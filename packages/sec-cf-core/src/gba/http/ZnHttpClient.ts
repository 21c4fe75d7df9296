/**
 * Zn as the service Nbsp_GBA over HTTP: the side of the application server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import type { HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BTid from "../BTid.ts"
import type { Fqdn } from "../Fqdn.ts"
import * as Nbsp from "../Nbsp.ts"
import { Zn, ZnRefused } from "../Zn.ts"
import { type KeyServiceClientOptions, make } from "./KeyServiceClient.ts"

export interface ZnClientOptions extends KeyServiceClientOptions {
  /**
   * The root of the interface of a bootstrapping server, such as `https://bsf.home1.net`; `undefined` for one that this application
   * server does not know. It is never made of the B-TID itself: a handset could name any host there.
   */
  readonly rootOf: (bsf: Fqdn) => string | undefined
}

const refusal = (reason: ZnRefused["reason"]) => (clause: string) => new ZnRefused({ reason, clause })

const refusals = {
  400: refusal("malformed"),
  403: refusal("not authorised"),
  404: refusal("transaction identifier invalid")
}

/** Zn over `HttpClient`. A B-TID of a bootstrapping server that is not known here is refused as an unknown one. */
export const layer = (options: ZnClientOptions): Layer.Layer<Zn, never, HttpHandler.HttpClient> =>
  Layer.effect(
    Zn,
    Effect.map(make(options), (call) => ({
      retrieve: (request: Nbsp.InfoRequest) => {
        const root = options.rootOf(BTid.bsfOf(request.btid))
        if (root === undefined) {
          return Effect.fail(refusals[404]("TS 33.222 5.3: the B-TID names a bootstrapping server that is not known"))
        }
        const body = Nbsp.encodeRequest(request)
        return call({ what: "Zn", url: `${root}${Nbsp.PATH}`, body, decode: Nbsp.decodeResponse, refusals })
      }
    }))
  )
