/**
 * A service of Nbsp_GBA at the bootstrapping server: JSON in, key material out, and who may ask. Zn and Zpn are two of them.
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
import type { NafPrincipal } from "../BsfKeys.ts"

export interface KeyServiceOptions {
  /** Who asks, as certificate or token prove it; `undefined` for nobody that may. */
  readonly principalOf: (request: HttpExchange.HttpRequest) => Effect.Effect<NafPrincipal | undefined, Unavailable>
  /** The least protection of the connection; `full` unless given. Less sends keys in the clear. */
  readonly least?: Level.Level | undefined
}

/** Key octets in an answer: wiped once they are written. */
interface KeyMaterial {
  readonly meKeyMaterial: Uint8Array
  readonly uiccKeyMaterial?: Uint8Array | undefined
}

export interface KeyService<Request, Material extends KeyMaterial, Reason extends string> {
  readonly decode: (json: string) => Result.Result<Request, unknown>
  readonly answer: (
    principal: NafPrincipal,
    request: Request
  ) => Effect.Effect<Material, { readonly _tag: "ZnRefused" | "ZpnRefused"; readonly reason: Reason } | Unavailable>
  readonly encode: (material: Material) => string
  readonly status: Readonly<Record<Reason, 400 | 403 | 404>>
}

const problem = (status: number, title: string, fields: HttpExchange.HttpFields = []): HttpExchange.HttpResponse =>
  HttpExchange.response(
    status,
    [["Content-Type", "application/problem+json"], ...fields],
    JSON.stringify({ status, title })
  )

/** The handler of one service. */
export const handler = <Request, Material extends KeyMaterial, Reason extends string>(
  service: KeyService<Request, Material, Reason>,
  options: KeyServiceOptions
): HttpHandler.HttpHandler => {
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
    const decoded = json === undefined ? undefined : service.decode(json)
    if (decoded === undefined || Result.isFailure(decoded)) return problem(400, "Bad Request")
    const material = yield* service.answer(principal, decoded.success)
    const body = Bytes.utf8(service.encode(material))
    Bytes.wipe(material.meKeyMaterial)
    if (material.uiccKeyMaterial !== undefined) Bytes.wipe(material.uiccKeyMaterial)
    const fields = [
      ["Content-Type", "application/json"],
      ["Cache-Control", "no-store"]
    ] as const
    return HttpExchange.response(200, fields, body)
  })
  return (request) =>
    Effect.catch(retrieve(request), (error) =>
      Effect.succeed(
        error._tag === "Unavailable"
          ? problem(503, "Service Unavailable", [["Retry-After", "5"]])
          : problem(service.status[error.reason], error.reason)
      )
    )
}
