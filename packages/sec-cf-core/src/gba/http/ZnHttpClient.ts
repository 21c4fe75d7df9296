/**
 * Zn as the service Nbsp_GBA over HTTP: the side of the application server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import { Level, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as BTid from "../BTid.ts"
import type { Fqdn } from "../Fqdn.ts"
import * as Nbsp from "../Nbsp.ts"
import { Zn, ZnRefused } from "../Zn.ts"

export interface ZnClientOptions {
  /**
   * The root of the interface of a bootstrapping server, such as `https://bsf.home1.net`; `undefined` for one that this application
   * server does not know. It is never made of the B-TID itself: a handset could name any host there.
   */
  readonly rootOf: (bsf: Fqdn) => string | undefined
  /** A token for `Authorization: Bearer`, where the interface asks for one (scope `nbsp-gba`). */
  readonly token?: Effect.Effect<string, Unavailable> | undefined
  /** The least protection of the connection; `full` unless given. Less receives keys in the clear. */
  readonly least?: Level.Level | undefined
}

const failed = (retryable: boolean, cause: unknown) => new Unavailable({ what: "Zn", retryable, cause })

const refused = (status: number): ZnRefused | Unavailable => {
  switch (status) {
    case 404:
      return new ZnRefused({ reason: "transaction identifier invalid", clause: "TS 29.309: 404" })
    case 401:
    case 403:
      return new ZnRefused({ reason: "not authorised", clause: `TS 29.309: ${status}` })
    case 400:
      return new ZnRefused({ reason: "malformed", clause: "TS 29.309: 400" })
    default:
      return failed(status === 429 || status >= 500, `status ${status}`)
  }
}

/** Zn over `HttpClient`. A B-TID of a bootstrapping server that is not known here is refused as an unknown one. */
export const layer = (options: ZnClientOptions): Layer.Layer<Zn, never, HttpHandler.HttpClient> =>
  Layer.effect(
    Zn,
    Effect.gen(function* () {
      const http = yield* HttpHandler.HttpClient
      const least = options.least ?? Level.full
      return {
        retrieve: Effect.fnUntraced(function* (request: Nbsp.InfoRequest) {
          const root = options.rootOf(BTid.bsfOf(request.btid))
          if (root === undefined) {
            const clause = "TS 33.222 5.3: the B-TID names a bootstrapping server that is not known"
            return yield* new ZnRefused({ reason: "transaction identifier invalid", clause })
          }
          const token = options.token === undefined ? undefined : yield* options.token
          const fields: HttpExchange.HttpFields = [
            ["Content-Type", "application/json"],
            ["Accept", "application/json"],
            ...(token === undefined ? [] : [["Authorization", `Bearer ${token}`] as const])
          ]
          const answer = yield* http
            .call(
              { method: "POST", url: `${root}${Nbsp.PATH}`, fields, body: Bytes.utf8(Nbsp.encodeRequest(request)) },
              ({ protection }) =>
                Level.satisfies(protection.level, least)
                  ? Effect.void
                  : Effect.fail(failed(false, "the connection does not keep keys secret"))
            )
            .pipe(Effect.catchTag("HttpFailure", ({ kind }) => Effect.fail(failed(true, kind))))
          if (answer.status !== 200) return yield* Effect.fail(refused(answer.status))
          const json = Bytes.utf8Decode(answer.body)
          const decoded = json === undefined ? undefined : Nbsp.decodeResponse(json)
          Bytes.wipe(answer.body)
          if (decoded === undefined || Result.isFailure(decoded)) {
            return yield* failed(false, decoded === undefined ? "not UTF-8" : decoded.failure.why)
          }
          return decoded.success
        })
      }
    })
  )
