import { assert, describe, it } from "@effect/vitest"
import { Connection, type Identity, KeyVault, MasterKeys, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import type { HttpExchange } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer, Result } from "effect"
import fc from "fast-check"
import * as Simservs from "../src/gba/Simservs.ts"
import * as Xcap from "../src/gba/Xcap.ts"

const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)
const document = Bytes.utf8(Simservs.example(true))
const errorOf = (octets: Uint8Array | string) => {
  const checked = Simservs.check(typeof octets === "string" ? Bytes.utf8(octets) : octets)
  return Result.isFailure(checked) ? checked.failure.error : undefined
}

describe("a document of supplementary services", () => {
  it("is taken whole, and no prefix of it", () => {
    assert.isUndefined(errorOf(document))
    const end = new TextDecoder().decode(document).trimEnd().length
    for (let length = 0; length < end; length++) assert.isDefined(errorOf(document.subarray(0, length)), `${length}`)
  })

  it.each([
    ["octets that are no UTF-8", Uint8Array.of(0x3c, 0xff, 0x3e), "not-utf-8"],
    ["nothing", "", "not-well-formed"],
    ["an entity of its own", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "not-well-formed"],
    ["an entity that there is not", Simservs.example(true).replace("true", "&x;"), "not-well-formed"],
    ["a prefix without a namespace", "<x:simservs/>", "not-well-formed"],
    ["two roots", `${Simservs.example(true)}<a/>`, "not-well-formed"],
    ["elements without end", "<a>".repeat(10_000), "not-well-formed"],
    ["another namespace", "<simservs/>", "schema-validation-error"],
    [
      "another root",
      Simservs.example(true).replaceAll("simservs>", "other>").replace("<simservs ", "<other "),
      "schema-validation-error"
    ]
  ] as const)("is refused: %s", (_, octets, error) => {
    assert.strictEqual(errorOf(octets), error)
  })

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => void errorOf(octets)),
      { numRuns: fuzzRuns }
    )
    fc.assert(
      fc.property(fc.nat(document.length - 1), fc.nat(255), (at, value) => {
        const changed = new Uint8Array(document)
        changed[at] = value
        errorOf(changed)
      }),
      { numRuns: fuzzRuns }
    )
  })

  it("names its owner in the path", () => {
    const path = (owner: string) => `/simservs.ngn.etsi.org/users/${owner}/simservs.xml`
    assert.strictEqual(Simservs.ownerOf(path("sip%3Aalice%40home.net")), "sip:alice@home.net")
    assert.strictEqual(Simservs.ownerOf(path("sip:alice@home.net")), "sip:alice@home.net")
    for (const other of [
      "/",
      path(""),
      path("%"),
      path("a/b"),
      `${path("a")}/x`,
      path("x".repeat(321)),
      path("a").slice(1)
    ]) {
      assert.isUndefined(Simservs.ownerOf(other), other)
    }
    fc.assert(
      fc.property(fc.string(), (text) => void Simservs.ownerOf(text)),
      { numRuns: fuzzRuns }
    )
  })
})

const vault = KeyVault.layer().pipe(
  Layer.provideMerge(
    Layer.orDie(MasterKeys.layerEphemeral).pipe(
      Layer.provideMerge(Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer))
    )
  )
)
const alice: Identity.Identity = {
  _tag: "Authenticated",
  subject: "alice@home.net",
  kind: "impi",
  method: "gba",
  at: 0,
  aliases: [{ subject: "sip:alice@home.net", kind: "impu" }]
}
const put = (
  text: string,
  fields: HttpExchange.HttpFields = [],
  owner = "sip:alice@home.net"
): HttpExchange.HttpRequest => ({
  method: "PUT",
  target: `/simservs.ngn.etsi.org/users/${owner}/simservs.xml`,
  fields: [["Content-Type", Simservs.MEDIA_TYPE], ...fields],
  body: Bytes.utf8(text),
  connection: Connection.inProcess("test")
})

describe("the store of documents", () => {
  it.effect("has one winner among sixteen who write a document that is not there", () =>
    Effect.gen(function* () {
      const xcap = yield* Xcap.make
      const race = Array.from({ length: 16 }, () => xcap(put(Simservs.example(true), [["If-None-Match", "*"]]), alice))
      const answers = yield* Effect.all(race, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.map(({ status }) => status).sort(), [
        201,
        ...Array.from({ length: 15 }, () => 412)
      ])
    }).pipe(Effect.provide(vault))
  )

  it.effect("is for the owner alone: anonymous and others learn nothing of what there is", () =>
    Effect.gen(function* () {
      const xcap = yield* Xcap.make
      yield* xcap(put(Simservs.example(true)), alice)
      const bob: Identity.Identity = { ...alice, subject: "bob@home.net", aliases: [] }
      for (const identity of [bob, { _tag: "Anonymous" } as const]) {
        for (const owner of ["sip:alice@home.net", "sip:nobody@home.net"]) {
          const answer = yield* xcap({ ...put("", [], owner), method: "GET" }, identity)
          assert.strictEqual(answer.status, 403)
        }
      }
      assert.strictEqual((yield* xcap({ ...put("", [], "alice@home.net"), method: "GET" }, alice)).status, 404)
      assert.strictEqual((yield* xcap({ ...put(""), method: "POST" }, alice)).status, 405)
    }).pipe(Effect.provide(vault))
  )
})
