/**
 * A service of Nbsp_GBA as its user calls it: JSON over a connection that keeps keys secret.
 *
 * @layer binding
 * @spec TS 29.309; OMA SEC_CF-SEC-002
 */
import { Level, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

export interface KeyServiceClientOptions {
  /** A token for `Authorization: Bearer`, where the interface asks for one (scope `nbsp-gba`). */
  readonly token?: Effect.Effect<string, Unavailable> | undefined
  /** The least protection of the connection; `full` unless given. Less receives keys in the clear. */
  readonly least?: Level.Level | undefined
}

export interface KeyCall<Answer, Refused> {
  /** The name of the reference point, for errors. */
  readonly what: "Zn" | "Zpn"
  readonly url: string
  /** JSON. */
  readonly body: string
  readonly decode: (json: string) => Result.Result<Answer, { readonly why: string }>
  /** The refusals by their status. */
  readonly refusals: Readonly<Record<400 | 403 | 404, (clause: string) => Refused>>
}

/** Calls services over the `HttpClient` of the context. */
export const make = Effect.fnUntraced(function* (options: KeyServiceClientOptions) {
  const http = yield* HttpHandler.HttpClient
  const least = options.least ?? Level.full
  return <Answer, Refused>({
    body,
    decode,
    refusals,
    url,
    what
  }: KeyCall<Answer, Refused>): Effect.Effect<Answer, Refused | Unavailable> =>
    Effect.gen(function* () {
      const failed = (retryable: boolean, cause: unknown) => new Unavailable({ what, retryable, cause })
      const token = options.token === undefined ? undefined : yield* options.token
      const fields: HttpExchange.HttpFields = [
        ["Content-Type", "application/json"],
        ["Accept", "application/json"],
        ...(token === undefined ? [] : [["Authorization", `Bearer ${token}`] as const])
      ]
      const answer = yield* http
        .call({ method: "POST", url, fields, body: Bytes.utf8(body) }, ({ protection }) =>
          Level.satisfies(protection.level, least)
            ? Effect.void
            : Effect.fail(failed(false, "the connection does not keep keys secret"))
        )
        .pipe(Effect.catchTag("HttpFailure", ({ kind }) => Effect.fail(failed(true, kind))))
      const { status } = answer
      if (status === 400 || status === 403 || status === 404) {
        return yield* Effect.fail(refusals[status](`TS 29.309: ${status}`))
      }
      if (status === 401) return yield* Effect.fail(refusals[403]("TS 29.309: 401"))
      if (status !== 200) return yield* failed(status === 429 || status >= 500, `status ${status}`)
      const json = Bytes.utf8Decode(answer.body)
      const decoded = json === undefined ? undefined : decode(json)
      Bytes.wipe(answer.body)
      if (decoded === undefined || Result.isFailure(decoded)) {
        return yield* failed(false, decoded === undefined ? "not UTF-8" : decoded.failure.why)
      }
      return decoded.success
    })
})
