import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { Decision, DecisionTable, Level, type SecurityPolicy } from "../src/index.ts"

const modeNames = ["none", "digest", "basic", "tls", "gba"]
const level = fc.constantFrom<Level.Level>(0, 1, 2, 3)
const accepted = fc.uniqueArray(fc.record({ mode: fc.constantFrom(...modeNames), over: level }), {
  minLength: 1,
  selector: ({ mode }) => mode
})
const demands: fc.Arbitrary<SecurityPolicy.Demands> = fc.record({
  clientAuthentication: accepted,
  serverAuthentication: accepted,
  connection: level,
  push: level
})
const policy = (entry: SecurityPolicy.Demands): SecurityPolicy.InterfacePolicy => ({
  ...entry,
  enabler: "test",
  role: "server",
  interface: "t-1",
  lifetimes: {},
  limits: {}
})
const sets = (d: SecurityPolicy.Demands) => ({
  ...d,
  clientAuthentication: d.clientAuthentication.toSorted((a, b) => (a.mode < b.mode ? -1 : 1)),
  serverAuthentication: d.serverAuthentication.toSorted((a, b) => (a.mode < b.mode ? -1 : 1))
})

describe("decide", () => {
  const entry = policy({
    clientAuthentication: [
      { mode: "digest", over: Level.none },
      { mode: "basic", over: Level.full }
    ],
    serverAuthentication: [{ mode: "none", over: Level.none }],
    connection: Level.none,
    push: Level.none
  })

  it("asks for an upgrade before it asks for credentials or judges them", () => {
    const strict = { ...entry, connection: Level.full }
    for (const presented of [[], ["digest"], ["basic", "digest"]]) {
      assert.deepInclude(Decision.decide(strict, Level.integrity, presented), { _tag: "Upgrade", least: Level.full })
    }
  })
  it("challenges by the accepted modes in their order, those only that count on the connection", () => {
    assert.deepInclude(Decision.decide(entry, Level.none, []), { _tag: "Challenge", modes: ["digest"] })
    assert.deepInclude(Decision.decide(entry, Level.full, []), { _tag: "Challenge", modes: ["digest", "basic"] })
  })
  it("does not judge a mode on a connection on which it does not count", () => {
    assert.deepInclude(Decision.decide(entry, Level.none, ["basic"]), { _tag: "Challenge", modes: ["digest"] })
    assert.deepInclude(Decision.decide(entry, Level.full, ["basic"]), { _tag: "Judge", mode: "basic" })
  })
  it("serves anonymous peers where the policy says so, and judges what they present all the same", () => {
    const open = { ...entry, clientAuthentication: [...entry.clientAuthentication, { mode: "none", over: Level.none }] }
    assert.strictEqual(Decision.decide(open, Level.none, [])._tag, "Anonymous")
    assert.deepInclude(Decision.decide(open, Level.none, ["digest"]), { _tag: "Judge", mode: "digest" })
  })
  it("refuses where only the connection could prove the peer and does not", () => {
    const tls = { ...entry, clientAuthentication: [{ mode: "tls", over: Level.full }] }
    assert.strictEqual(Decision.decide(tls, Level.full, [])._tag, "Refuse")
    assert.deepInclude(Decision.decide(tls, Level.none, []), { _tag: "Upgrade", least: Level.full })
    assert.deepInclude(Decision.decide(tls, Level.full, ["tls"]), { _tag: "Judge", mode: "tls" })
  })
  it("is total: every policy, level and set of modes has one decision with a clause", () => {
    fc.assert(
      fc.property(demands, level, fc.uniqueArray(fc.constantFrom(...modeNames, "unheard-of")), (d, l, presented) => {
        const decision = Decision.decide(d, l, presented)
        assert.isAbove(decision.clause.length, 0)
        if (decision._tag === "Judge") {
          assert.isTrue(Level.satisfies(l, d.connection))
          const mode = d.clientAuthentication.find((entry) => entry.mode === decision.mode)!
          assert.isTrue(Level.satisfies(l, mode.over) && presented.includes(mode.mode) && mode.mode !== "none")
        }
        if (decision._tag === "Anonymous") {
          assert.isTrue(d.clientAuthentication.some(({ mode, over }) => mode === "none" && Level.satisfies(l, over)))
        }
        if (decision._tag === "Challenge") assert.isFalse(decision.modes.includes("none"))
      })
    )
  })
})

describe("DecisionTable", () => {
  it("agrees with decide on every interface, mode and level", () => {
    fc.assert(
      fc.property(fc.array(demands, { minLength: 1, maxLength: 4 }), (list) => {
        const interfaces = list.map((d, i) => ({ ...policy(d), interface: `t-${i}` }))
        const table = DecisionTable.compile({ interfaces, networks: {} })
        for (const [i, entry] of interfaces.entries()) {
          assert.strictEqual(table.interfaceIndex(entry), i)
          for (const mode of [undefined, "digest", "basic", "tls", "gba", "unheard-of"]) {
            for (const l of [0, 1, 2, 3] as const) {
              const expected = Decision.decide(entry, l, mode === undefined ? [] : [mode])
              assert.deepStrictEqual(table.lookup(i, table.modeIndex(mode), l), expected)
            }
          }
        }
        assert.strictEqual(table.interfaceIndex({ enabler: "x", role: "client", interface: "y" }), -1)
      }),
      { numRuns: 50 }
    )
  })
})

describe("join and agree", () => {
  it("join is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(demands, demands, demands, (a, b, c) => {
        assert.deepStrictEqual(Decision.join(a, b), Decision.join(b, a))
        assert.deepStrictEqual(Decision.join(Decision.join(a, b), c), Decision.join(a, Decision.join(b, c)))
        assert.deepStrictEqual(Decision.join(a, a), sets(a))
      })
    )
  })
  it("what two policies agree on is never weaker than either", () => {
    fc.assert(
      fc.property(demands, demands, (client, server) => {
        const agreed = Decision.agree(client, server)
        if (Result.isFailure(agreed)) {
          const { demand } = agreed.failure
          const others = new Set(server[demand].map(({ mode }) => mode))
          assert.isFalse(client[demand].some(({ mode }) => others.has(mode)))
          return
        }
        for (const side of [client, server]) {
          assert.isTrue(Level.satisfies(agreed.success.connection, side.connection))
          assert.isTrue(Level.satisfies(agreed.success.push, side.push))
          for (const demand of ["clientAuthentication", "serverAuthentication"] as const) {
            for (const { mode, over } of agreed.success[demand]) {
              const own = side[demand].find((entry) => entry.mode === mode)
              assert.isTrue(own !== undefined && Level.satisfies(over, own.over))
            }
          }
        }
      })
    )
  })
  it("each side's preference holds for what it judges", () => {
    const modes = (...names: ReadonlyArray<string>) => names.map((mode) => ({ mode, over: Level.none }))
    const side = { connection: Level.none, push: Level.none }
    const agreed = Decision.agree(
      { ...side, clientAuthentication: modes("basic", "digest"), serverAuthentication: modes("tls", "address") },
      { ...side, clientAuthentication: modes("digest", "basic"), serverAuthentication: modes("address", "tls") }
    )
    assert.isTrue(Result.isSuccess(agreed))
    if (Result.isSuccess(agreed)) {
      assert.deepStrictEqual(agreed.success.clientAuthentication, modes("digest", "basic"))
      assert.deepStrictEqual(agreed.success.serverAuthentication, modes("tls", "address"))
    }
  })
})

describe("judgeServer", () => {
  it("goes on with a server that proved itself as demanded, or where the policy does not ask", () => {
    fc.assert(
      fc.property(demands, level, fc.uniqueArray(fc.constantFrom(...modeNames)), (d, l, proved) => {
        const decision = Decision.judgeServer(d, l, proved)
        if (decision._tag === "Proceed") {
          const own = d.serverAuthentication.find(({ mode }) => mode === decision.mode)!
          assert.isTrue(Level.satisfies(l, d.connection) && Level.satisfies(l, own.over))
          assert.isTrue(decision.mode === "none" || proved.includes(decision.mode))
        }
        if (decision._tag === "Upgrade") assert.isFalse(Level.satisfies(l, d.connection))
      })
    )
  })
})
