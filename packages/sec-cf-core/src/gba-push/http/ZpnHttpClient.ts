/**
 * Zpn as the service Nbsp_GBA over HTTP: the side of the Push-NAF.
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
import * as PushInfo from "../PushInfo.ts"
import { Zpn, ZpnRefused } from "../Zpn.ts"

export interface ZpnClientOptions {
  /** The root of the interface of the bootstrapping server, such as `https://bsf.home1.net`. */
  readonly root: string
  /** A token for `Authorization: Bearer`, where the interface asks for one (scope `nbsp-gba`). */
  readonly token?: Effect.Effect<string, Unavailable> | undefined
  /** The least protection of the connection; `full` unless given. Less receives keys in the clear. */
  readonly least?: Level.Level | undefined
}

const failed = (retryable: boolean, cause: unknown) => new Unavailable({ what: "Zpn", retryable, cause })

const refused = (status: number): ZpnRefused | Unavailable => {
  switch (status) {
    case 404:
      return new ZpnRefused({ reason: "identity unknown", clause: "TS 29.309: 404" })
    case 401:
    case 403:
      return new ZpnRefused({ reason: "not authorised", clause: `TS 29.309: ${status}` })
    case 400:
      return new ZpnRefused({ reason: "malformed", clause: "TS 29.309: 400" })
    default:
      return failed(status === 429 || status >= 500, `status ${status}`)
  }
}

/** Zpn over `HttpClient`. */
export const layer = (options: ZpnClientOptions): Layer.Layer<Zpn, never, HttpHandler.HttpClient> =>
  Layer.effect(
    Zpn,
    Effect.gen(function* () {
      const http = yield* HttpHandler.HttpClient
      const least = options.least ?? Level.full
      return {
        pushInfo: Effect.fnUntraced(function* (request: PushInfo.GpiRequest) {
          const token = options.token === undefined ? undefined : yield* options.token
          const fields: HttpExchange.HttpFields = [
            ["Content-Type", "application/json"],
            ["Accept", "application/json"],
            ...(token === undefined ? [] : [["Authorization", `Bearer ${token}`] as const])
          ]
          const body = Bytes.utf8(PushInfo.encodeRequest(request))
          const answer = yield* http
            .call({ method: "POST", url: `${options.root}${PushInfo.PATH}`, fields, body }, ({ protection }) =>
              Level.satisfies(protection.level, least)
                ? Effect.void
                : Effect.fail(failed(false, "the connection does not keep keys secret"))
            )
            .pipe(Effect.catchTag("HttpFailure", ({ kind }) => Effect.fail(failed(true, kind))))
          if (answer.status !== 200) return yield* Effect.fail(refused(answer.status))
          const json = Bytes.utf8Decode(answer.body)
          const decoded = json === undefined ? undefined : PushInfo.decodeResponse(json)
          Bytes.wipe(answer.body)
          if (decoded === undefined || Result.isFailure(decoded)) {
            return yield* failed(false, decoded === undefined ? "not UTF-8" : decoded.failure.why)
          }
          return decoded.success
        })
      }
    })
  )
