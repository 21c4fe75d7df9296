import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { temporaryFolder } from "@oma/peers"
import { StoreSqlite } from "@oma/sa-policy/sqlite"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { AccountingRecord, IpRanges, SubscriberAddresses } from "../../src/external/index.ts"
import { type Services, type SessionForm, services, sessionAttributes } from "./support.ts"

const second = 1_800_000_000
const reporter: SubscriberAddresses.Reporter = {
  name: "ggsn",
  linkProtected: false,
  ranges: Result.getOrThrow(IpRanges.parse(["10.0.0.0/8"]))
}

/** A node with a connection of its own to the file, until the scope closes. */
const node = (at: string) => Layer.build(Layer.fresh(services({}, Layer.orDie(StoreSqlite.layer({ path: at })))))
const life = <A, E>(at: string, body: Effect.Effect<A, E, Services>) =>
  Effect.scoped(Effect.flatMap(node(at), (context) => Effect.provideContext(body, context)))

const apply = (form: SessionForm) =>
  Effect.gen(function* () {
    const addresses = yield* SubscriberAddresses.SubscriberAddresses
    const attributes = sessionAttributes({ session: "a", address: "10.0.0.1", msisdn: "15551230001", ...form })
    const applied = yield* addresses.apply(reporter, Result.getOrThrow(AccountingRecord.decode(attributes))!)
    return applied._tag === "Changed" ? "changed" : applied.refusal
  })
const holder = Effect.gen(function* () {
  const addresses = yield* SubscriberAddresses.SubscriberAddresses
  return (yield* addresses.lookup(IpRanges.address("10.0.0.1")!))?.names[0]?.subject
})

describe("[DPE-EXT-001] the address table in an SQLite file", () => {
  it.effect("outlives the process: entries, stops, and the coming up of a NAS", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const at = path.join(temporaryFolder(), "store.sqlite")
      yield* life(at, apply({ status: 1, at: second }))
      assert.strictEqual(yield* life(at, holder), "15551230001")
      yield* life(at, apply({ status: 2, at: second }))
      assert.strictEqual(yield* life(at, apply({ status: 1, at: second })), "session was stopped")
      assert.isUndefined(yield* life(at, holder))
      yield* life(at, apply({ status: 1, session: "b", at: second + 1 }))
      yield* life(at, apply({ status: 7, at: second + 2 }))
      assert.isUndefined(yield* life(at, holder))
      assert.strictEqual(yield* life(at, apply({ status: 3, session: "b", at: second + 1 })), "before the NAS came up")
    })
  )
  it.effect("two nodes that are told at the same time: the youngest session has the address, whoever was told", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(second * 1000)
      const at = path.join(temporaryFolder(), "store.sqlite")
      const nodes = [yield* node(at), yield* node(at)]
      for (let round = 0; round < 5; round++) {
        const times = [3, 0, 2, 1].map((offset) => second + round * 10 + offset)
        yield* Effect.all(
          times.map((time, i) =>
            Effect.provideContext(
              apply({ status: 1, session: `s${time}`, msisdn: `1555${time}`, at: time }),
              nodes[i % 2]!
            )
          ),
          { concurrency: "unbounded" }
        )
        for (const context of nodes) {
          assert.strictEqual(yield* Effect.provideContext(holder, context), `1555${second + round * 10 + 3}`)
        }
      }
    }).pipe(Effect.scoped)
  )
  it.live("while both nodes are told of Start and Stop, a stopped session never comes back", () =>
    Effect.gen(function* () {
      const at = path.join(temporaryFolder(), "store.sqlite")
      const [one, two] = [yield* node(at), yield* node(at)]
      const now = Math.floor(Date.now() / 1000)
      for (let round = 0; round < 20; round++) {
        const session = `s${round}`
        yield* Effect.all(
          [
            Effect.provideContext(apply({ status: 1, session, at: now }), one),
            Effect.provideContext(apply({ status: 2, session, at: now }), two),
            Effect.provideContext(apply({ status: 3, session, at: now }), two)
          ],
          { concurrency: "unbounded" }
        )
        assert.isUndefined(yield* Effect.provideContext(holder, one))
      }
    }).pipe(Effect.scoped)
  )
})
