/**
 * Documents of supplementary services by HTTP, whole documents only: GET, PUT and DELETE with entity tags, for their owner and nobody
 * else.
 *
 * @layer binding
 * @spec RFC 4825 6 to 8; TS 24.623
 */
import { type Identity, Primitives, Store } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpExchange } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Simservs from "./Simservs.ts"

const collection = "operator/simservs"

const conflict = ({ error, why }: Simservs.DocumentRefused): HttpExchange.HttpResponse => {
  const said = why.replace(/[^ -%'-;=?-~]/g, "?").replace(/\n.*/s, "")
  const escaped = said.slice(0, 120).replaceAll('"', "'")
  return HttpExchange.response(
    409,
    [["Content-Type", "application/xcap-error+xml"]],
    `<?xml version="1.0" encoding="UTF-8"?>\n<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><${error} phrase="${escaped}"/></xcap-error>\n`
  )
}

/** The tags of `If-Match` or `If-None-Match`; `*` stands for any. */
const tagsOf = (request: HttpExchange.HttpRequest, name: string): ReadonlyArray<string> | undefined => {
  const values = HttpExchange.fieldsOf(request.fields, name)
  return values.length === 0 ? undefined : values.flatMap((value) => value.split(",").map((tag) => tag.trim()))
}

const owns = (identity: Identity.Identity, name: string): boolean =>
  identity._tag === "Authenticated" &&
  (identity.subject === name || (identity.aliases ?? []).some(({ subject }) => subject === name))

/** The resource below `/simservs.ngn.etsi.org`. A document of somebody else is 403, whether it is there or not. */
export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const { hash } = yield* Primitives.Primitives
  const etagOf = (document: Uint8Array): string => `"${Bytes.toHex(hash("sha256")(document)).slice(0, 32)}"`

  const answer = Effect.fnUntraced(function* (request: HttpExchange.HttpRequest, identity: Identity.Identity) {
    const owner = Simservs.ownerOf(HttpExchange.pathOf(request.target))
    if (owner === undefined) return HttpExchange.refusal(404, "Not Found")
    if (!owns(identity, owner)) return HttpExchange.refusal(403, "Forbidden")
    const now = yield* Clock.currentTimeMillis
    const record = yield* store.record(collection, owner, now)
    const etag = record === undefined ? undefined : etagOf(record.value)
    const [match, noneMatch] = [tagsOf(request, "if-match"), tagsOf(request, "if-none-match")]
    const among = (tags: ReadonlyArray<string>) => etag !== undefined && (tags.includes("*") || tags.includes(etag))
    const { method } = request

    if (method === "GET" || method === "HEAD") {
      if (record === undefined || etag === undefined) return HttpExchange.refusal(404, "Not Found")
      if (noneMatch !== undefined && among(noneMatch)) return HttpExchange.response(304, [["ETag", etag]])
      const fields = [
        ["Content-Type", Simservs.MEDIA_TYPE],
        ["ETag", etag]
      ] as const
      return HttpExchange.response(200, fields, method === "GET" ? record.value : "")
    }
    if (method !== "PUT" && method !== "DELETE") {
      return HttpExchange.refusal(405, "Method Not Allowed", [["Allow", "GET, HEAD, PUT, DELETE"]])
    }
    if ((match !== undefined && !among(match)) || (noneMatch !== undefined && among(noneMatch))) {
      return HttpExchange.refusal(412, "Precondition Failed")
    }
    if (method === "DELETE") {
      if (record === undefined) return HttpExchange.refusal(404, "Not Found")
      yield* store.transact([Store.deleteRecord(collection, owner, record.version)], now)
      return HttpExchange.response(200)
    }
    if (HttpExchange.mediaType(request.fields) !== Simservs.MEDIA_TYPE) {
      return HttpExchange.refusal(415, "Unsupported Media Type")
    }
    if (request.body.length > Simservs.limits.octets) return HttpExchange.refusal(413, "Content Too Large")
    const checked = Simservs.check(request.body)
    if (Result.isFailure(checked)) return conflict(checked.failure)
    yield* store.transact([Store.putRecord(collection, owner, request.body, record?.version ?? "absent")], now)
    return HttpExchange.response(record === undefined ? 201 : 200, [["ETag", etagOf(request.body)]])
  })

  return (request: HttpExchange.HttpRequest, identity: Identity.Identity) =>
    answer(request, identity).pipe(
      // somebody wrote in between: for a conditional request its condition fails, any other one may come again
      Effect.catchTag("Conflict", () => Effect.succeed(HttpExchange.refusal(412, "Precondition Failed"))),
      Effect.catch(() => Effect.succeed(HttpExchange.refusal(503, "Service Unavailable", [["Retry-After", "5"]])))
    )
})
