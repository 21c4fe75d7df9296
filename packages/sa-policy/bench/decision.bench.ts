/**
 * The compiled table of policies against walking maps of objects, over every interface, mode and level of a policy.
 */
import { type Bench, work } from "@oma/bench"
import { Decision, DecisionTable, type Level, type SecurityPolicy } from "../src/index.ts"

const modes = ["digest", "basic", "tls", "gba", "external"]
const levels: ReadonlyArray<Level.Level> = [0, 1, 2, 3]
const interfaces: ReadonlyArray<SecurityPolicy.InterfacePolicy> = Array.from({ length: 16 }, (_, i) => ({
  enabler: "bench",
  role: "server",
  interface: `i-${i}`,
  clientAuthentication: modes.map((mode, m) => ({ mode, over: levels[(m + i) & 3]! })),
  serverAuthentication: [{ mode: "none", over: 0 }],
  connection: levels[i & 3]!,
  push: 0,
  lifetimes: {},
  limits: {}
}))
const policy: SecurityPolicy.SecurityPolicy = { interfaces, networks: {} }

const table = DecisionTable.compile(policy)
const maps = new Map(
  interfaces.map((entry) => [
    entry.interface,
    new Map(modes.map((mode) => [mode, new Map(levels.map((level) => [level, Decision.decide(entry, level, [mode])]))]))
  ])
)

// places are looked up once, when a server starts; messages come with them
const questions = interfaces.flatMap((entry) =>
  modes.flatMap((mode) =>
    levels.map((level) => ({
      entry,
      mode,
      level,
      at: table.interfaceIndex(entry),
      modeAt: table.modeIndex(mode)
    }))
  )
)

const bench: Bench = [
  {
    goal: "P6",
    name: "policy decision by the compiled table, against maps of objects",
    atLeast: 2,
    ours: work(
      () => {
        let judged = 0
        for (const { at, modeAt, level } of questions) if (table.lookup(at, modeAt, level)._tag === "Judge") judged++
        return judged
      },
      { operations: questions.length }
    ),
    baseline: work(
      () => {
        let judged = 0
        for (const { entry, mode, level } of questions) {
          if (maps.get(entry.interface)?.get(mode)?.get(level)?._tag === "Judge") judged++
        }
        return judged
      },
      { operations: questions.length }
    ),
    check: () => {
      for (const { at, entry, level, mode, modeAt } of questions) {
        const expected = JSON.stringify(Decision.decide(entry, level, [mode]))
        if (JSON.stringify(table.lookup(at, modeAt, level)) !== expected) throw new Error("the table is wrong")
      }
    }
  }
]
export default bench
