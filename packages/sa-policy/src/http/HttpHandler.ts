/**
 * What a server does with requests, and what a client asks of a connection: the ports between enablers and the runtime.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Connection } from "../Connection.ts"
import type { HttpAnswer, HttpFields, HttpRequest, HttpResponse } from "./HttpExchange.ts"
import { pathOf, refusal } from "./HttpExchange.ts"

/** Answers a request. It has no failure: what fails has a response of its own. */
export type HttpHandler<R = never> = (request: HttpRequest) => Effect.Effect<HttpResponse, never, R>

/** The server could not be reached, broke off, took too long, answered too much, or showed a certificate that was refused. */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  readonly url: string
  readonly kind: "connect" | "tls" | "timeout" | "broken" | "too-large"
  readonly detail: string
}> {}

export interface HttpCall {
  readonly method: string
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  readonly fields: HttpFields
  readonly body: Uint8Array
}

/**
 * A client's way to servers. `judge` is run with the connection once it stands and before the first octet of the request goes out, so that a
 * client can judge its server before it speaks; what it fails with ends the call.
 */
export class HttpClient extends Context.Service<
  HttpClient,
  {
    readonly call: <E = never>(
      call: HttpCall,
      judge?: (connection: Connection) => Effect.Effect<void, E>
    ) => Effect.Effect<HttpAnswer, HttpFailure | E>
  }
>()("@oma/sa-policy/HttpClient") {}

const notFound: Effect.Effect<HttpResponse> = Effect.succeed(refusal(404, "Not Found"))

/**
 * Chooses a handler by path: the longest of `routes` that is the path or a folder above it; 404 where none is. `/` takes everything.
 */
export const route =
  <R>(routes: Readonly<Record<string, HttpHandler<R>>>, otherwise?: HttpHandler<R>): HttpHandler<R> =>
  (request) => {
    const path = pathOf(request.target)
    let best: string | undefined
    for (const prefix of Object.keys(routes)) {
      const matches = path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`)
      if (matches && (best === undefined || prefix.length > best.length)) best = prefix
    }
    const handler = best === undefined ? otherwise : routes[best]
    return handler === undefined ? notFound : handler(request)
  }
