import { assert, describe, it } from "@effect/vitest"
import { type Identity, Sad, SecurityEvents, Store } from "@oma/sa-policy"
import { Gpl, type GplMessage, GplSa } from "@oma/sec-cf-core/gpl"
import { Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import { hex, party } from "./support.ts"

const naf: Identity.Authenticated = {
  _tag: "Authenticated",
  subject: "naf.example.net",
  kind: "server",
  method: "gba-push",
  at: 0
}
const said = hex("00112233445566778899aabbccddeeff")
const request = (change: Partial<GplSa.GplSaRequest> = {}): GplSa.GplSaRequest => ({
  party: "sender",
  direction: "downlink",
  saId: said,
  key: new Uint8Array(32).fill(7),
  suites: [1, 2],
  enabler: "dcd",
  interface: "dcd-2",
  peer: naf,
  provenance: { by: "test", clause: "none" },
  ...change
})
const text = (t: string): GplMessage.GplPayload => ({ mediaType: "text/plain", content: new TextEncoder().encode(t) })
const read = ({ payload }: Gpl.OpenedGpl) => new TextDecoder().decode(payload.content)

/** A sender and a receiver, each with its own store, under one association. */
const pair = Effect.fnUntraced(function* (
  change: Partial<GplSa.GplSaRequest> = {},
  receiver: Partial<GplSa.GplSaRequest> = {}
) {
  const one = yield* Layer.build(party())
  const two = yield* Layer.build(party())
  const sa = yield* Effect.provide(GplSa.install(request(change)), one)
  yield* Effect.provide(
    GplSa.install(request({ party: "receiver", ...change, ...receiver, key: new Uint8Array(32).fill(7) })),
    two
  )
  const sender = yield* Effect.provide(Gpl.Gpl, one)
  const handset = yield* Effect.provide(Gpl.Gpl, two)
  return {
    one,
    two,
    sa,
    send: (t: string, options?: { readonly gpi?: Uint8Array }) => sender.seal(sa.id, text(t), options),
    open: handset.open,
    reason: (message: Uint8Array, options?: Gpl.OpenOptions) =>
      Effect.map(Effect.flip(handset.open(message, options)), (e) => (e._tag === "GplRefused" ? e.reason : e._tag))
  }
})

describe("Gpl", () => {
  it.effect("[SEC_CF-AUTH-007] opens what the holder of the association sealed, and knows who it is", () =>
    Effect.gen(function* () {
      const { send, open } = yield* pair()
      for (const t of ["one", "two", ""]) {
        const opened = yield* open(yield* send(t))
        assert.strictEqual(read(opened), t)
        assert.deepStrictEqual(opened.sa.peer, naf)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("[SEC_CF-AUTH-004] drops replays and everything older than the newest, also when two receivers race", () =>
    Effect.gen(function* () {
      const { send, open, reason } = yield* pair()
      const [a, b, c] = [yield* send("a"), yield* send("b"), yield* send("c")]
      yield* open(b)
      assert.strictEqual(yield* reason(b), "sequence-number")
      assert.strictEqual(yield* reason(a), "sequence-number")
      const race = yield* Effect.all(
        Array.from({ length: 8 }, () => Effect.exit(open(c))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(race.filter(Exit.isSuccess).length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("a forged message does not move the number on", () =>
    Effect.gen(function* () {
      const { send, open, reason } = yield* pair()
      const genuine = yield* send("genuine")
      const forged = genuine.slice()
      forged[2] = 0xff
      assert.strictEqual(yield* reason(forged), "tag")
      assert.strictEqual(read(yield* open(genuine)), "genuine")
    }).pipe(Effect.scoped)
  )

  it.effect("is silent about unknown, foreign and ended associations, and counts each by its reason", () =>
    Effect.gen(function* () {
      const { send, reason, one, two, sa } = yield* pair({ hardExpiry: 1000 })
      const message = yield* send("x")
      const other = message.slice()
      other[9]! ^= 1
      assert.strictEqual(yield* reason(other), "unknown-sa")
      const uplink = message.slice()
      uplink[0]! |= 1
      assert.strictEqual(yield* reason(uplink), "unknown-sa")
      assert.strictEqual(yield* reason(message, { scope: { enabler: "dpe" } }), "scope")
      assert.strictEqual(yield* reason(message.subarray(0, 20)), "malformed")
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* reason(message), "expired")
      assert.strictEqual((yield* Effect.flip(send("late")))._tag, "SaExpired")
      const events = yield* Effect.provide(SecurityEvents.SecurityEvents, two)
      assert.strictEqual((yield* events.counts).get("Refused"), 5)
      assert.isDefined(one)
      assert.isDefined(sa)
    }).pipe(Effect.scoped)
  )

  it.effect("keeps one suite for the life of an association", () =>
    Effect.gen(function* () {
      const { open, two } = yield* pair()
      const strong = yield* pair({ suite: 2 })
      // the receiver allows 01 and 02 and has not settled: the first verified message settles it
      const first = yield* strong.send("first")
      assert.strictEqual((yield* open(first)).suite, 2)
      const weaker = yield* pair({ suites: [1] })
      yield* weaker.send("skipped")
      const later = yield* weaker.send("later")
      const error = yield* Effect.flip(open(later))
      assert.deepInclude(error, { _tag: "GplRefused", reason: "suite" })
      const none = yield* pair({ suites: [0] })
      const clear = yield* pair({ suites: [1] }, {})
      assert.strictEqual(yield* clear.reason(yield* none.send("clear")), "suite")
      assert.isDefined(two)
    }).pipe(Effect.scoped)
  )

  it.effect("takes no key a second time, under whatever name, until its association is a day gone", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(party())
      const install = (change: Partial<GplSa.GplSaRequest>) => Effect.provide(GplSa.install(request(change)), context)
      const made = yield* install({ hardExpiry: 1000 })
      const again = yield* Effect.flip(install({ saId: hex("ff"), hardExpiry: 9000 }))
      assert.strictEqual(again._tag, "Conflict")
      yield* Effect.provide(GplSa.end(made, "deactivated"), context)
      assert.strictEqual((yield* Effect.flip(install({ hardExpiry: 9000 })))._tag, "Conflict")
      const store = yield* Effect.provide(Store.Store, context)
      assert.strictEqual((yield* store.records("keys", { now: 0 })).length, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("overwrites the key that it is given", () =>
    Effect.gen(function* () {
      const key = new Uint8Array(32).fill(5)
      yield* Effect.provide(GplSa.install(request({ key })), yield* Layer.build(party()))
      assert.isTrue(key.every((octet) => octet === 0))
    }).pipe(Effect.scoped)
  )

  it.effect("runs the GPI of a combined delivery first, and not again when it is repeated", () =>
    Effect.gen(function* () {
      const rand = hex("0f".repeat(16))
      const gpi = new Uint8Array([0x10, ...rand, ...new Uint8Array(40)])
      const one = yield* Layer.build(party())
      const two = yield* Layer.build(party())
      const sa = yield* Effect.provide(GplSa.install(request({ saId: rand })), one)
      const sender = yield* Effect.provide(Gpl.Gpl, one)
      const handset = yield* Effect.provide(Gpl.Gpl, two)
      let ran = 0
      const onGpi: Gpl.GpiHandler = (got) =>
        Effect.gen(function* () {
          ran++
          assert.deepStrictEqual(got.slice(), gpi)
          yield* Effect.provide(
            GplSa.install(request({ party: "receiver", saId: rand, key: new Uint8Array(32).fill(7) })),
            two
          )
        })
      const first = yield* sender.seal(sa.id, text("one"), { gpi })
      const second = yield* sender.seal(sa.id, text("two"), { gpi })
      assert.strictEqual(read(yield* handset.open(first, { onGpi })), "one")
      assert.strictEqual(read(yield* handset.open(second, { onGpi })), "two")
      assert.strictEqual(ran, 1)
      const without = yield* Effect.flip(
        Effect.flatMap(Effect.provide(Gpl.Gpl, yield* Layer.build(party())), ({ open }) => open(first))
      )
      assert.deepInclude(without, { reason: "unknown-sa" })
    }).pipe(Effect.scoped)
  )

  it.effect("ends when its numbers are used up", () =>
    Effect.gen(function* () {
      const { one, sa, send } = yield* pair()
      const sad = yield* Effect.provide(Sad.Sad, one)
      const { version } = yield* sad.get(sa.id)
      yield* sad.transact([Store.put({ ...sa, outbound: { first: 0xffffffff, last: 0xffffffff } }, version)])
      yield* send("last")
      assert.strictEqual((yield* Effect.flip(send("none left")))._tag, "Exhausted")
    }).pipe(Effect.scoped)
  )
})
