/**
 * Zn as the service Nbsp_GBA over HTTP: the side of the bootstrapping server.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import { type Connection, Level, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Bsf, type NafPrincipal } from "../Bsf.ts"
import * as Nbsp from "../Nbsp.ts"
import type { ZnRefused } from "../Zn.ts"

export interface ZnServerOptions {
  /** Who asks, as certificate or token prove it; `undefined` for nobody that may. */
  readonly principalOf: (request: HttpExchange.HttpRequest) => Effect.Effect<NafPrincipal | undefined, Unavailable>
  /** The least protection of the connection; `full` unless given. Less sends keys in the clear. */
  readonly least?: Level.Level | undefined
}

/**
 * The application server that the client certificate names: it answers for the certificate's DNS names and no others.
 */
export const principalByCertificate = ({ peer }: Connection.Connection): NafPrincipal | undefined => {
  const certificate = peer.certificate
  if (certificate === undefined) return undefined
  const names = new Set(certificate.dnsNames.map((name) => name.toLowerCase()))
  return { name: certificate.subject, answersFor: (fqdn) => names.has(fqdn) }
}

/** What an application server is told. Unknown and expired B-TIDs are one. */
export const refusalStatus: Readonly<Record<ZnRefused["reason"], 400 | 403 | 404>> = {
  "transaction identifier invalid": 404,
  "not authorised": 403,
  malformed: 400
}

const problem = (status: number, title: string, fields: HttpExchange.HttpFields = []): HttpExchange.HttpResponse =>
  HttpExchange.response(
    status,
    [["Content-Type", "application/problem+json"], ...fields],
    JSON.stringify({ status, title })
  )

/** The handler; mount it at `Nbsp.PATH` below the root of the interface. */
export const make = Effect.fnUntraced(function* (options: ZnServerOptions) {
  const bsf = yield* Bsf
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
    const decoded = json === undefined ? undefined : Nbsp.decodeRequest(json)
    if (decoded === undefined || Result.isFailure(decoded)) return problem(400, "Bad Request")
    const material = yield* bsf.key(principal, decoded.success)
    const body = Bytes.utf8(Nbsp.encodeResponse(material))
    Bytes.wipe(material.meKeyMaterial)
    if (material.uiccKeyMaterial !== undefined) Bytes.wipe(material.uiccKeyMaterial)
    const fields = [
      ["Content-Type", "application/json"],
      ["Cache-Control", "no-store"]
    ] as const
    return HttpExchange.response(200, fields, body)
  })
  const handler: HttpHandler.HttpHandler = (request) =>
    retrieve(request).pipe(
      Effect.catchTag("ZnRefused", ({ reason }) => Effect.succeed(problem(refusalStatus[reason], reason))),
      Effect.catchTag("Unavailable", () => Effect.succeed(problem(503, "Service Unavailable", [["Retry-After", "5"]])))
    )
  return handler
})
