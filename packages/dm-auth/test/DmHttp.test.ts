import { assert, describe, it } from "@effect/vitest"
import { Connection } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import type { HttpExchange } from "@oma/sa-policy/http"
import { Effect } from "effect"
import { DmHttp } from "../src/http/index.ts"
import { requestOf } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const xml = "application/vnd.syncml.dm+xml"
const post = (change: Partial<HttpExchange.HttpRequest> = {}): HttpExchange.HttpRequest => ({
  method: "POST",
  target: "/dm",
  fields: [["Content-Type", `${xml}; charset=UTF-8`]],
  body: requestOf(xml, "1", 1, {}).octets,
  connection: Connection.inProcess("c"),
  ...change
})

const call = (request: HttpExchange.HttpRequest) =>
  Effect.gen(function* () {
    const store = yield* lastingStore
    return yield* DmHttp.handler({ url: "http://dm.example.net/dm" })(request).pipe(Effect.provide(serverOn(store)))
  })

describe("DM over HTTP", () => {
  it.effect("one message in, one out, in the type of the request; SyncML statuses are no HTTP statuses", () =>
    Effect.gen(function* () {
      const response = yield* call(post())
      assert.strictEqual(response.status, 200)
      assert.deepInclude(response.fields, ["Content-Type", `${xml}; charset=utf-8`])
      assert.include(Bytes.utf8Decode(response.body)!, "<Data>407</Data>")
    })
  )

  const refusals: ReadonlyArray<readonly [number, Partial<HttpExchange.HttpRequest>]> = [
    [405, { method: "GET" }],
    [405, { method: "post" }],
    [415, { fields: [] }],
    [415, { fields: [["Content-Type", "text/xml"]] }],
    [
      415,
      {
        fields: [
          ["Content-Type", xml],
          ["content-type", xml]
        ]
      }
    ],
    [
      400,
      {
        fields: [
          ["Content-Type", xml],
          ["x-syncml-hmac", "a"],
          ["X-Syncml-Hmac", "b"]
        ]
      }
    ],
    [400, { body: new Uint8Array(0) }],
    [400, { body: Bytes.utf8('<!DOCTYPE a [<!ENTITY b "c">]><SyncML/>') }],
    [413, { body: new Uint8Array(100_000).fill(0x20) }]
  ]
  for (const [status, change] of refusals) {
    it.effect(`${status}: ${JSON.stringify(change).slice(0, 80)}`, () =>
      Effect.gen(function* () {
        const response = yield* call(post(change))
        assert.strictEqual(response.status, status)
        assert.isBelow(response.body.length, 80)
      })
    )
  }
})
