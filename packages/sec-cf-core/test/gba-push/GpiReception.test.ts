import { NodePrimitives } from "@oma/sa-policy/node"
import { Fqdn, NafId } from "@oma/sec-cf-core/gba"
import { GpiCodec, GpiEnvelope, GpiReception } from "@oma/sec-cf-core/gba-push"
import { Result } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"

const { Event, State } = GpiReception
const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)
const ok = Result.getOrThrow
const bsf = ok(Fqdn.parse("bsf.home1.net"))
const hmac = NodePrimitives.hmac("sha256")
const keys: GpiCodec.GpiKeys = {
  mac: (data) => hmac(new Uint8Array(32).fill(1), data),
  encryptBlocks: NodePrimitives.importKey(new Uint8Array(16).fill(2)).aesBlocks
}
const gpiOf = (change: Partial<GpiCodec.Gpi> = {}) =>
  ok(
    GpiCodec.seal(keys, {
      gbaU: false,
      rand: new Uint8Array(16).fill(3),
      autn: new Uint8Array(16).fill(4),
      label: new Uint8Array(0),
      lifetime: 1000,
      ptid: "p1@naf1.home1.net",
      nafId: ok(NafId.make("naf1.home1.net", NafId.protocols.gpl)),
      ...change
    })
  )
const octets = gpiOf()
const gpi = ok(GpiCodec.parse(octets))
const secret = ok(GpiCodec.open(keys, gpi))

const states: ReadonlyArray<GpiReception.State> = [
  State.Idle(),
  State.CheckingRand({ gpi }),
  State.AwaitingCard({ gpi }),
  State.AwaitingProtection({ gpi }),
  State.AwaitingPolicy({ gpi, secret }),
  State.AwaitingNafKey({ gpi, secret }),
  State.Installing({ gpi, secret }),
  State.Established({ gpi, secret }),
  State.Dropped({ reason: "integrity" })
]
const derived = { keys, now: 0, bsf }
const events: Readonly<Record<string, GpiReception.Event>> = {
  received: Event.Received({ octets }),
  garbage: Event.Received({ octets: octets.subarray(1) }),
  fresh: Event.RandLookedUp({ known: false }),
  known: Event.RandLookedUp({ known: true }),
  authenticated: Event.CardAuthenticated(),
  outOfStep: Event.CardOutOfStep({ auts: new Uint8Array(14) }),
  rejected: Event.CardRejected(),
  noApplication: Event.CardHasNoApplication(),
  lost: Event.CardLost(),
  derived: Event.ProtectionDerived(derived),
  late: Event.ProtectionDerived({ ...derived, now: 1_000_000 }),
  accepted: Event.PolicyAnswered({ accepted: true }),
  declined: Event.PolicyAnswered({ accepted: false }),
  nafKey: Event.NafKeyDerived(),
  installed: Event.Installed(),
  conflicted: Event.Conflicted()
}
/** Where each event leads, and what is then to be done. What is not here is out of order. */
const table: Readonly<Record<string, Readonly<Record<string, readonly [string, ...ReadonlyArray<string>]>>>> = {
  Idle: { received: ["CheckingRand", "LookUpRand"], garbage: ["malformed", "Count"] },
  CheckingRand: { fresh: ["AwaitingCard", "AskCard"], known: ["replayed", "Count"] },
  AwaitingCard: {
    authenticated: ["AwaitingProtection", "DeriveProtection"],
    outOfStep: ["out of step", "SendAuts", "Count"],
    rejected: ["network not authenticated", "Count"],
    noApplication: ["no application", "Count"],
    lost: ["no card", "Count"]
  },
  AwaitingProtection: {
    derived: ["AwaitingPolicy", "AskPolicy"],
    late: ["lifetime", "DeleteKs", "Count"],
    lost: ["no card", "DeleteKs", "Count"]
  },
  AwaitingPolicy: { accepted: ["AwaitingNafKey", "DeriveNafKey"], declined: ["NAF", "DeleteKs", "Count"] },
  AwaitingNafKey: { nafKey: ["Installing", "DeleteKs", "Install"], lost: ["no card", "DeleteKs", "Count"] },
  Installing: { installed: ["Established"], conflicted: ["conflict", "Count"] },
  Established: {},
  Dropped: {}
}

const outcome = (state: GpiReception.State, event: GpiReception.Event, limits?: GpiReception.ReceptionLimits) =>
  Result.match(GpiReception.step(state, event, limits), {
    onFailure: ({ _tag }) => [_tag],
    onSuccess: ([next, actions]) => [
      next._tag === "Dropped" ? next.reason : next._tag,
      ...actions.map(({ _tag }) => _tag)
    ]
  })

describe("reception of a GPI", () => {
  for (const state of states) {
    it(`${state._tag} answers every event`, () => {
      for (const [name, event] of Object.entries(events)) {
        assert.deepStrictEqual(outcome(state, event), [...(table[state._tag]?.[name] ?? ["OutOfOrder"])], name)
      }
    })
  }

  it("[SEC_CF-INTE-002] drops in AwaitingProtection what the MAC does not cover as it stands, and deletes Ks", () => {
    const altered = octets.slice()
    altered[40]! ^= 1
    const state = State.AwaitingProtection({ gpi: ok(GpiCodec.parse(altered)) })
    assert.deepStrictEqual(outcome(state, events["derived"]!), ["integrity", "DeleteKs", "Count"])
    // a sender whose MAC holds and whose fields do not
    const own = State.AwaitingProtection({
      gpi: ok(GpiCodec.parse(gpiOf({ nafId: ok(NafId.make(bsf, NafId.protocols.gpl)) })))
    })
    assert.deepStrictEqual(outcome(own, events["derived"]!), ["NAF", "DeleteKs", "Count"])
    const covered = octets.slice(0, -16)
    const unread = ok(GpiCodec.parse(new Uint8Array([...covered, ...keys.mac(covered).subarray(0, 16)])))
    const foreign = { mac: keys.mac, encryptBlocks: (blocks: Uint8Array) => new Uint8Array(blocks.length) }
    assert.deepStrictEqual(
      outcome(State.AwaitingProtection({ gpi: unread }), Event.ProtectionDerived({ ...derived, keys: foreign })),
      ["malformed", "DeleteKs", "Count"]
    )
  })

  it("takes a lifetime to the millisecond, and no longer one than its limit", () => {
    const state = State.AwaitingProtection({ gpi })
    const at = (now: number, lifetimeMillis = 2_000_000) =>
      outcome(state, Event.ProtectionDerived({ ...derived, now }), { lifetimeMillis })[0]
    assert.strictEqual(at(999_999), "AwaitingPolicy")
    assert.strictEqual(at(1_000_000), "lifetime")
    assert.strictEqual(at(0, 1_000_000), "AwaitingPolicy")
    assert.strictEqual(at(0, 999_999), "lifetime")
  })

  it("[fuzz] never throws, and Ks never outlives a verdict", () => {
    const event = fc.oneof(
      fc.constantFrom(...Object.values(events)),
      fc.uint8Array({ maxLength: 120 }).map((received) => Event.Received({ octets: received }))
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (sequence) => {
        let state: GpiReception.State = State.Idle()
        let holdsKs = false
        for (const one of sequence) {
          const step = GpiReception.step(state, one)
          if (Result.isFailure(step)) continue
          const [next, actions] = step.success
          if (one._tag === "CardAuthenticated") holdsKs = true
          if (actions.some(({ _tag }) => _tag === "DeleteKs")) holdsKs = false
          if (["Dropped", "Installing", "Established"].includes(next._tag)) assert.isFalse(holdsKs)
          state = next
        }
      }),
      { numRuns: runs }
    )
  })
})

describe("envelope of a GPI", () => {
  it("reads what it writes, and nothing else", () => {
    const envelope = { sessionId: 0xabcd, gpi: octets }
    const written = GpiEnvelope.encode(envelope)
    assert.deepStrictEqual([...written.subarray(0, 3)], [1, 0xab, 0xcd])
    const read = ok(GpiEnvelope.decode(written))
    assert.strictEqual(read.sessionId, 0xabcd)
    assert.deepStrictEqual(read.gpi.slice(), octets)
    for (const bad of [written.subarray(0, 3), new Uint8Array(1028).fill(1), written.slice(1), new Uint8Array(0)]) {
      assert.isTrue(Result.isFailure(GpiEnvelope.decode(bad)))
    }
  })
  it("[fuzz] takes any octets", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), (any) => {
        const read = GpiEnvelope.decode(any)
        if (Result.isSuccess(read)) assert.deepStrictEqual(GpiEnvelope.encode(read.success), any)
      }),
      { numRuns: runs }
    ))
})
