/**
 * DPE over HTTP: one message in each POST, the status of the message as that of HTTP.
 *
 * @layer binding
 * @spec dpe 4, 5.4; RFC 2817 4.2 for the fields of a 426
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type DpeInterface, defaultPaths, mediaType } from "../DpeInterface.ts"
import * as DpeMessage from "../DpeMessage.ts"
import type { Answer, DpeServer } from "../DpeServer.ts"
import { statuses } from "../DpeStatus.ts"

export interface DpeHttpOptions {
  /** The `https:` URI of each interface, for the `Location` of a 426; left out of it where there is none. */
  readonly secureUris?: Partial<Readonly<Record<DpeInterface, string>>>
}

const noOctets = new Uint8Array(0)

/** By which mode the server admitted the client, so that a client sees whether its own policy was met. A choice of this project. */
export const authenticatedBy = "DPE-Authenticated-By"

const securityFields = (of: DpeInterface, answer: Answer, options: DpeHttpOptions): HttpExchange.HttpFields => {
  if (answer.outcome !== "upgrade") return []
  const location = options.secureUris?.[of]
  return [
    ["Upgrade", "TLS/1.2, HTTP/1.1"],
    ["Connection", "Upgrade"],
    ...(location === undefined ? [] : [["Location", location] as const])
  ]
}

const responseOf = Effect.fnUntraced(function* (of: DpeInterface, answer: Answer, options: DpeHttpOptions) {
  const { code, description } = statuses[answer.outcome]
  const encoded = answer.message === undefined ? undefined : DpeMessage.encode(answer.message)
  if (encoded !== undefined && Result.isFailure(encoded)) return yield* Effect.die(encoded.failure)
  const body = encoded?.success ?? (code === 200 ? noOctets : Bytes.utf8(`${description}\n`))
  const proof = answer.proof === undefined ? undefined : yield* answer.proof.authenticationInfo(body)
  const type = encoded === undefined ? "text/plain; charset=utf-8" : mediaType
  return HttpExchange.response(
    encoded === undefined && code === 200 ? 204 : code,
    [
      ...(body.length === 0 ? [] : [["Content-Type", type] as const]),
      ["Cache-Control", "no-store"],
      ...(answer.mode === undefined ? [] : [[authenticatedBy, answer.mode] as const]),
      ...answer.challenges.map((challenge) => ["WWW-Authenticate", challenge] as const),
      ...(proof === undefined ? [] : [["Authentication-Info", proof] as const]),
      ...securityFields(of, answer, options)
    ],
    body
  )
})

const unavailable = HttpExchange.refusal(503, "Service Unavailable")

/** The handler of one interface. */
export const handler =
  (server: Pick<DpeServer, "receive">, of: DpeInterface, options: DpeHttpOptions = {}): HttpHandler.HttpHandler =>
  (request) => {
    if (request.method !== "POST") {
      return Effect.succeed(HttpExchange.refusal(405, "Method Not Allowed", [["Allow", "POST"]]))
    }
    if (HttpExchange.mediaType(request.fields) !== mediaType) {
      return Effect.succeed(HttpExchange.refusal(415, "Unsupported Media Type", [["Accept-Post", mediaType]]))
    }
    return server.receive(of, request).pipe(
      Effect.flatMap((answer) => responseOf(of, answer, options)),
      Effect.catchTag("Unavailable", () => Effect.succeed(unavailable))
    )
  }

/** The handlers of the three interfaces by their default paths, for `HttpHandler.route`. */
export const routes = (
  server: Pick<DpeServer, "receive">,
  options: DpeHttpOptions = {}
): Readonly<Record<string, HttpHandler.HttpHandler>> => ({
  [defaultPaths["dpe-1"]]: handler(server, "dpe-1", options),
  [defaultPaths["dpe-2"]]: handler(server, "dpe-2", options),
  [defaultPaths["dpe-3"]]: handler(server, "dpe-3", options)
})
