import { assert, describe, it } from "@effect/vitest"
import { Conflict, KeyVault, MasterKeys, Primitives, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Gpl, GplRefused, GplSa } from "@oma/sec-cf-core/gpl"
import { Effect, Layer } from "effect"

const party = (vault: KeyVault.VaultOptions = {}, primitives = NodePrimitives.layer) => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), primitives)
  const keys = KeyVault.layer(vault).pipe(Layer.provideMerge(MasterKeys.layerEphemeral), Layer.provideMerge(ground))
  return Gpl.layer.pipe(Layer.provideMerge(Sad.layer()), Layer.provideMerge(keys))
}
const saId = Uint8Array.from({ length: 16 }, (_, i) => i)
const request = (change: Partial<GplSa.GplSaRequest> = {}): GplSa.GplSaRequest => ({
  party: "sender",
  direction: "downlink",
  saId,
  key: new Uint8Array(32).fill(7),
  suites: [1, 2],
  enabler: "dcd",
  interface: "dcd-2",
  peer: { _tag: "Anonymous" },
  provenance: { by: "test", clause: "none" },
  ...change
})
const content = Uint8Array.of(1, 2, 3)

describe("Gpl when things go wrong", () => {
  it.effect("works with keys that the vault does not hold any more", () =>
    Effect.gen(function* () {
      for (const options of [{ cacheSize: 1 }, { cacheMillis: 0 }]) {
        for (const suite of [1, 2] as const) {
          const one = yield* Layer.build(party(options))
          const two = yield* Layer.build(party(options))
          const sa = yield* Effect.provide(GplSa.install(request({ suite })), one)
          yield* Effect.provide(GplSa.install(request({ suite, party: "receiver" })), two)
          const sender = yield* Effect.provide(Gpl.Gpl, one)
          const receiver = yield* Effect.provide(Gpl.Gpl, two)
          for (let i = 1; i <= 3; i++) {
            const opened = yield* receiver.open(yield* sender.seal(sa.id, { content }))
            assert.strictEqual(opened.sequenceNumber, i)
          }
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("delivers a combined message whose association another copy installed meanwhile", () =>
    Effect.gen(function* () {
      const gpi = new Uint8Array([0x10, ...saId, ...new Uint8Array(40)])
      const one = yield* Layer.build(party())
      const sa = yield* Effect.provide(GplSa.install(request()), one)
      const sender = yield* Effect.provide(Gpl.Gpl, one)
      const late = [
        new Conflict({ key: "somebody was first", expected: "absent" }),
        new GplRefused({ reason: "gpi", detail: "seen before" })
      ]
      for (const error of late) {
        const two = yield* Layer.build(party())
        const receiver = yield* Effect.provide(Gpl.Gpl, two)
        const install = Effect.provide(GplSa.install(request({ party: "receiver" })), two)
        const onGpi: Gpl.GpiHandler = () => Effect.andThen(install, Effect.fail(error))
        const opened = yield* receiver.open(yield* sender.seal(sa.id, { content }, { gpi }), { onGpi })
        assert.deepStrictEqual(opened.payload.content.slice(), content)
        const alone = yield* Effect.provide(Gpl.Gpl, yield* Layer.build(party()))
        const refused = yield* Effect.flip(
          alone.open(yield* sender.seal(sa.id, { content }, { gpi }), { onGpi: () => Effect.fail(error) })
        )
        assert.strictEqual(refused, error)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("leaves no copy of the key of an association behind that it made", () => {
    const seen: Array<Uint8Array> = []
    const spying = Layer.effect(
      Primitives.Primitives,
      Effect.map(Primitives.Primitives, (primitives) => ({
        ...primitives,
        hash: (name: Primitives.HashName) => (data: Uint8Array) => {
          seen.push(data)
          return primitives.hash(name)(data)
        }
      }))
    ).pipe(Layer.provide(NodePrimitives.layer))
    return Effect.gen(function* () {
      const given = request()
      yield* GplSa.install(given)
      assert.isTrue(given.key.every((octet) => octet === 0))
      assert.isAtLeast(seen.length, 1)
      for (const data of seen) assert.isTrue(data.every((octet) => octet === 0))
    }).pipe(Effect.provide(party({}, spying)))
  })
})
