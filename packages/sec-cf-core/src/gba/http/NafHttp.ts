/**
 * A resource behind GBA on Ua, as an HTTP handler: challenges, refusals and the server's proof in the words of HTTP.
 *
 * @layer binding
 * @spec TS 24.109 5.2; RFC 9110 11 and 15.5
 */
import type { Identity, InterfaceGuard } from "@oma/sa-policy"
import { HttpExchange, type HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Digest from "../../digest/DigestAuthenticator.ts"
import type { NafRequest } from "../NafAuth.ts"

/** What the resource gets beside the request: who asks, proved, or anonymous where the policy lets nobody in particular in. */
export type Resource<R> = (
  request: HttpExchange.HttpRequest,
  identity: Identity.Identity
) => Effect.Effect<HttpExchange.HttpResponse, never, R>

export type NafGuard = InterfaceGuard.InterfaceGuard<
  NafRequest,
  Digest.DigestPresented,
  Digest.DigestChallenges,
  Digest.DigestReply
>

/** The statuses of what a guard says. An empty list of challenges is for a client that could answer none. */
const challengeOf = (challenges: ReadonlyArray<Digest.DigestChallenges>, reason: string): HttpExchange.HttpResponse => {
  if (reason === "malformed") return HttpExchange.refusal(400, "Bad Request")
  const fields = challenges.flatMap((one) => one.fields.map((field) => ["WWW-Authenticate", field] as const))
  return fields.length === 0
    ? HttpExchange.refusal(403, "Forbidden")
    : HttpExchange.refusal(401, "Unauthorized", [...fields, ["Cache-Control", "no-store"]])
}

const refusalOf = (reason: string): HttpExchange.HttpResponse =>
  reason === "malformed" ? HttpExchange.refusal(400, "Bad Request") : HttpExchange.refusal(403, "Forbidden")

/**
 * The handler of `resource` behind `guard`. `Authorization` does not reach the resource.
 */
export const protect =
  <R = never>(guard: NafGuard, mode: string, resource: Resource<R>): HttpHandler.HttpHandler<R> =>
  (request) => {
    const userAgent = HttpExchange.fieldOf(request.fields, "user-agent")
    const host = HttpExchange.fieldOf(request.fields, "host")
    const facts: NafRequest = {
      method: request.method,
      target: request.target,
      body: request.body,
      ...(host !== undefined && { authority: host }),
      ...(userAgent !== undefined && { userAgent })
    }
    const presented = Digest.present(HttpExchange.fieldsOf(request.fields, "authorization"), { mode })
    const answer = Effect.gen(function* () {
      const admission = yield* guard.admit(request.connection, facts, presented)
      switch (admission._tag) {
        case "Challenge":
          return challengeOf(admission.challenges, admission.reason)
        case "Upgrade":
          return HttpExchange.refusal(426, "Upgrade Required", [
            ["Upgrade", "TLS/1.2"],
            ["Connection", "Upgrade"]
          ])
        case "Refused":
          return refusalOf(admission.reason)
        case "Admitted": {
          const fields = request.fields.filter(([name]) => name.toLowerCase() !== "authorization")
          const response = yield* resource({ ...request, fields }, admission.identity)
          if (admission.reply === undefined) return response
          // the proof covers what goes out, and an answer to HEAD has no body
          const covered = request.method === "HEAD" ? new Uint8Array(0) : response.body
          const info = yield* admission.reply.authenticationInfo(covered)
          return { ...response, fields: [...response.fields, ["Authentication-Info", info] as const] }
        }
      }
    })
    return answer.pipe(
      Effect.catchTag(["Unavailable", "NoPolicy"], (error) =>
        Effect.succeed(
          error._tag === "NoPolicy"
            ? HttpExchange.refusal(403, "Forbidden")
            : HttpExchange.refusal(503, "Service Unavailable", [["Retry-After", "5"]])
        )
      )
    )
  }
