/**
 * Zpn as the service Nbsp_GBA over HTTP: the side of the bootstrapping server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import { Level, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { NafPrincipal } from "../../gba/BsfKeys.ts"
import { BsfPush } from "../BsfPush.ts"
import * as PushInfo from "../PushInfo.ts"
import type { ZpnRefused } from "../Zpn.ts"

export interface ZpnServerOptions {
  /** Who asks, as certificate or token prove it; `undefined` for nobody that may. `ZnHttpServer.principalByCertificate` is one. */
  readonly principalOf: (request: HttpExchange.HttpRequest) => Effect.Effect<NafPrincipal | undefined, Unavailable>
  /** The least protection of the connection; `full` unless given. Less sends keys in the clear. */
  readonly least?: Level.Level | undefined
}

/** What a Push-NAF is told. */
export const refusalStatus: Readonly<Record<ZpnRefused["reason"], 400 | 403 | 404>> = {
  "identity unknown": 404,
  "not authorised": 403,
  malformed: 400
}

const problem = (status: number, title: string, fields: HttpExchange.HttpFields = []): HttpExchange.HttpResponse =>
  HttpExchange.response(
    status,
    [["Content-Type", "application/problem+json"], ...fields],
    JSON.stringify({ status, title })
  )

/** The handler; mount it at `PushInfo.PATH` below the root of the interface. */
export const make = Effect.fnUntraced(function* (options: ZpnServerOptions) {
  const bsf = yield* BsfPush
  const least = options.least ?? Level.full
  const retrieve = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest) {
    if (request.method !== "POST") return problem(405, "Method Not Allowed", [["Allow", "POST"]])
    if (!Level.satisfies(request.connection.protection.level, least)) return problem(403, "Higher security needed")
    // a kept connection can be older than the certificate that opened it
    const end = request.connection.peer.certificate?.notAfter ?? Number.POSITIVE_INFINITY
    const principal = end <= (yield* Clock.currentTimeMillis) ? undefined : yield* options.principalOf(request)
    if (principal === undefined) return problem(403, "Forbidden")
    if (HttpExchange.mediaType(request.fields) !== "application/json") return problem(415, "Unsupported Media Type")
    const json = Bytes.utf8Decode(request.body)
    const decoded = json === undefined ? undefined : PushInfo.decodeRequest(json)
    if (decoded === undefined || Result.isFailure(decoded)) return problem(400, "Bad Request")
    const info = yield* bsf.pushInfo(principal, decoded.success)
    const body = Bytes.utf8(PushInfo.encodeResponse(info))
    Bytes.wipe(info.meKeyMaterial)
    if (info.uiccKeyMaterial !== undefined) Bytes.wipe(info.uiccKeyMaterial)
    const fields = [
      ["Content-Type", "application/json"],
      ["Cache-Control", "no-store"]
    ] as const
    return HttpExchange.response(200, fields, body)
  })
  const handler: HttpHandler.HttpHandler = (request) =>
    retrieve(request).pipe(
      Effect.catchTag("ZpnRefused", ({ reason }) => Effect.succeed(problem(refusalStatus[reason], reason))),
      Effect.catchTag("Unavailable", () => Effect.succeed(problem(503, "Service Unavailable", [["Retry-After", "5"]])))
    )
  return handler
})
