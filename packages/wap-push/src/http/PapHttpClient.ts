/**
 * PAP over HTTP, the posting side, on `node:http` and `node:https`.
 *
 * Gateways copy header fields of the POST into the push, so none is sent that HTTP does not need.
 *
 * @spec PAP 2.0 over HTTP; RFC 7617
 * @layer binding
 */
import * as Http from "node:http"
import * as Https from "node:https"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { PapBody } from "../PapBody.ts"
import { type PapAnswer, PapTransport, type PapTransportShape, TransportError } from "../PapTransport.ts"

/** What is known of a request when its Authorization field is made. */
export interface AuthorizationRequest {
  readonly method: "POST"
  /** Path and query. */
  readonly uri: string
  readonly body: Uint8Array
}

/** How an initiator shows who it is. A client certificate stands in `tls` instead. */
export type PapCredentials =
  | { readonly _tag: "Basic"; readonly user: string; readonly password: Redacted.Redacted }
  /** In the query, under the names that the gateway wants; `username` and `password` by default. */
  | {
      readonly _tag: "Query"
      readonly user: string
      readonly password: Redacted.Redacted
      readonly names?: readonly [user: string, password: string]
    }
  /** By challenge and answer, as HTTP Digest. `answer` gets every WWW-Authenticate field, none before the first challenge. */
  | {
      readonly _tag: "Challenge"
      readonly answer: (challenges: ReadonlyArray<string>, request: AuthorizationRequest) => string | undefined
    }

export interface PapHttpClientOptions {
  readonly credentials?: PapCredentials
  /** Certificates, keys, pre-shared keys, as `node:https` takes them. */
  readonly tls?: Https.AgentOptions
  /** Milliseconds until an answer has come; 10,000. */
  readonly timeout?: number
  /** Octets of an answer; 262,144. */
  readonly maxAnswer?: number
  /** Connections to a gateway; 16. */
  readonly maxConnections?: number
}

interface Exchange {
  readonly answer: PapAnswer
  readonly challenges: ReadonlyArray<string>
}

const failed = (detail: string, cause?: unknown): TransportError =>
  new TransportError({ detail, ...(cause !== undefined ? { cause } : {}) })

/** A transport of its own; its connections are closed with the scope. */
export const make = (options: PapHttpClientOptions = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const agentOptions = { keepAlive: true, maxSockets: options.maxConnections ?? 16 }
      return { http: new Http.Agent(agentOptions), https: new Https.Agent({ ...agentOptions, ...options.tls }) }
    }),
    ({ http, https }) =>
      Effect.sync(() => {
        http.destroy()
        https.destroy()
      })
  ).pipe(
    Effect.map(({ http, https }): PapTransportShape => {
      const { credentials } = options
      const timeout = options.timeout ?? 10_000
      const maxAnswer = options.maxAnswer ?? 262_144

      const exchange = (url: URL, { contentType, body }: PapBody, authorization: string | undefined) =>
        Effect.callback<Exchange, TransportError>((resume) => {
          const secure = url.protocol === "https:"
          const request = (secure ? Https : Http).request(url, {
            method: "POST",
            agent: secure ? https : http,
            headers: {
              "Content-Type": contentType,
              "Content-Length": body.length,
              ...(authorization !== undefined ? { Authorization: authorization } : {})
            }
          })
          const timer = setTimeout(() => request.destroy(new Error("no answer in time")), timeout)
          request.on("error", (cause) => {
            clearTimeout(timer)
            resume(Effect.fail(failed(cause.message, cause)))
          })
          request.on("response", (response) => {
            const chunks: Array<Uint8Array> = []
            let length = 0
            response.on("data", (chunk: Uint8Array) => {
              length += chunk.length
              if (length > maxAnswer) request.destroy(new Error(`answer has more than ${maxAnswer} octets`))
              else chunks.push(chunk)
            })
            response.on("error", (cause) => {
              clearTimeout(timer)
              resume(Effect.fail(failed(cause.message, cause)))
            })
            response.on("end", () => {
              clearTimeout(timer)
              resume(
                Effect.succeed({
                  answer: {
                    status: response.statusCode ?? 0,
                    contentType: response.headers["content-type"] ?? "",
                    body: new Uint8Array(Buffer.concat(chunks))
                  },
                  challenges: response.headersDistinct["www-authenticate"] ?? []
                })
              )
            })
          })
          request.end(body)
          return Effect.sync(() => {
            clearTimeout(timer)
            request.destroy()
          })
        })

      const authorizationOf = (
        challenges: ReadonlyArray<string>,
        request: AuthorizationRequest
      ): string | undefined => {
        if (credentials?._tag === "Basic") {
          const pair = `${credentials.user}:${Redacted.value(credentials.password)}`
          return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`
        }
        return credentials?._tag === "Challenge" ? credentials.answer(challenges, request) : undefined
      }

      return {
        post: Effect.fnUntraced(function* (target, body) {
          if (!URL.canParse(target)) return yield* failed("not a URL")
          const url = new URL(target)
          if (url.protocol !== "http:" && url.protocol !== "https:") return yield* failed("neither http nor https")
          if (credentials?._tag === "Query") {
            const [user, password] = credentials.names ?? ["username", "password"]
            url.searchParams.set(user, credentials.user)
            url.searchParams.set(password, Redacted.value(credentials.password))
          }
          const request: AuthorizationRequest = { method: "POST", uri: url.pathname + url.search, body: body.body }
          const first = yield* exchange(url, body, authorizationOf([], request))
          if (first.answer.status !== 401 || credentials?._tag !== "Challenge") return first.answer
          const answer = credentials.answer(first.challenges, request)
          return answer === undefined ? first.answer : (yield* exchange(url, body, answer)).answer
        })
      }
    })
  )

/** The transport as a layer. */
export const layer = (options?: PapHttpClientOptions): Layer.Layer<PapTransport> =>
  Layer.effect(PapTransport, make(options))
