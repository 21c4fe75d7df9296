/**
 * The HTTP binding of the DM server: POST, one message a request, answered with 200 and the next message. SyncML statuses
 * never show as HTTP statuses.
 *
 * @layer binding
 */
import { Level } from "@oma/sa-policy"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import { DmServer, type Unanswerable } from "../DmServer.ts"
import * as SyncMlCodec from "../SyncMlCodec.ts"
import { headerName } from "../SyncmlHmacHeader.ts"

export interface DmHttpOptions {
  /** The address of the server as clients see it, such as `https://dm.example.net/dm`, without query. */
  readonly url: string
}

/** The name of the query parameter that carries the token of a session. */
const parameter = "s"

const tokenOf = (target: string): string | undefined => {
  const at = target.indexOf("?")
  if (at < 0) return undefined
  for (const pair of target.slice(at + 1).split("&", 16)) {
    if (pair.startsWith(`${parameter}=`)) return pair.slice(parameter.length + 1)
  }
  return undefined
}

const refused = ({ reason }: Unanswerable): HttpExchange.HttpResponse => {
  switch (reason) {
    case "too large":
      return HttpExchange.refusal(413, "The message is too large.")
    case "malformed":
      return HttpExchange.refusal(400, "The message is no SyncML.")
    case "no policy":
      return HttpExchange.refusal(403, "Not served.")
    case "connection too weak":
      return HttpExchange.refusal(426, "A protected connection is needed.", [
        ["Upgrade", "TLS/1.2, HTTP/1.1"],
        ["Connection", "Upgrade"]
      ])
  }
}

/**
 * A handler that takes DM messages: other methods than POST get 405, other media types 415, what is no SyncML 400, what is too
 * large 413. Two `x-syncml-hmac` headers, or two of any header that counts, are a bad request.
 *
 * @spec DM HTTP binding: media types of DM, and the general ones as deployed clients send them
 */
export const handler =
  (options: DmHttpOptions): HttpHandler.HttpHandler<DmServer> =>
  (request) =>
    Effect.gen(function* () {
      const { connection, fields } = request
      if (request.method !== "POST") return HttpExchange.refusal(405, "Use POST.", [["Allow", "POST"]])
      const contentType = HttpExchange.fieldOf(fields, "content-type")
      const mediaType = contentType === undefined ? undefined : SyncMlCodec.mediaType(contentType)
      if (mediaType === undefined) return HttpExchange.refusal(415, "SyncML is taken as XML or WBXML.")
      const macs = HttpExchange.fieldsOf(fields, headerName)
      if (macs.length > 1) return HttpExchange.refusal(400, `More than one ${headerName}.`)
      const server = yield* DmServer
      const token = tokenOf(request.target)
      const certificate = connection.peer.certificate?.fingerprint
      const { level } = connection.protection
      const reply = yield* server.receive({
        octets: request.body,
        mediaType,
        connection: {
          id: connection.id,
          integrity: Level.satisfies(level, Level.integrity),
          confidentiality: Level.satisfies(level, Level.confidentiality)
        },
        source: connection.peer.address,
        respUri: (session) => `${options.url}?${parameter}=${session}`,
        ...(macs[0] === undefined ? {} : { hmacHeader: macs[0] }),
        ...(certificate === undefined ? {} : { certificate }),
        ...(token === undefined ? {} : { token })
      })
      return HttpExchange.response(
        200,
        [
          ["Content-Type", mediaType.representation === "xml" ? `${mediaType.name}; charset=utf-8` : mediaType.name],
          ["Cache-Control", "no-store"],
          ...(reply.hmacHeader === undefined ? [] : [[headerName, reply.hmacHeader] as const])
        ],
        reply.octets
      )
    }).pipe(Effect.catchTag("Unanswerable", (error) => Effect.succeed(refused(error))))
