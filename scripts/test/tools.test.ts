import { assert, describe, it } from "vitest"
import { withTable } from "../lib/bench.ts"
import { fuzzes } from "../lib/fuzz.ts"
import { pooled, run } from "../lib/run.ts"

describe("run", () => {
  it("gives the status and both streams", async () => {
    const ran = await run("node", ["-e", "console.log('out'); console.error('err'); process.exit(3)"])
    assert.strictEqual(ran.status, 3)
    assert.include(ran.output, "out")
    assert.include(ran.output, "err")
  })

  it("kills what does not end, with all that it started", async () => {
    const loop = "require('child_process').spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'inherit' }); for(;;);"
    const ran = await run("node", ["-e", loop], { timeout: 500 })
    assert.strictEqual(ran.status, 124)
    assert.include(ran.output, "the time was up")
  })

  it("says when there is no such program", async () => {
    assert.strictEqual((await run("no-such-program-here", [])).status, 127)
  })
})

describe("pooled", () => {
  it("keeps the order and the limit", async () => {
    let running = 0
    let most = 0
    const results = await pooled([5, 1, 3, 1], 2, async (n) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, n * 5))
      running--
      return n * 2
    })
    assert.deepStrictEqual(results, [10, 2, 6, 2])
    assert.strictEqual(most, 2)
  })
})

describe("bench", () => {
  const outcome = {
    goal: "P1",
    name: "x",
    atLeast: 1,
    median: 2,
    min: 2,
    max: 2,
    oursRate: 2,
    baselineRate: 1,
    unit: "/s",
    rounds: 7
  }

  it("writes its table between the marks and nowhere else", () => {
    const document = "# Title\n\n<!-- bench:begin -->\nstale\n<!-- bench:end -->\n\ntail\n"
    const text = withTable(document, [outcome], "A machine.")
    assert.match(
      text,
      /^# Title\n\n<!-- bench:begin -->\n\nA machine\.\n\n\| goal [\s\S]*\| P1 \| x [\s\S]*<!-- bench:end -->\n\ntail\n$/
    )
    assert.notInclude(text, "stale")
    assert.strictEqual(withTable(text, [outcome], "A machine."), text)
    assert.throws(() => withTable("no marks", [outcome], "A machine."))
  })
})

describe("fuzz", () => {
  it("finds the tests that take the number of their runs from outside", () => {
    assert.strictEqual(fuzzes(`const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)`), true)
    assert.strictEqual(fuzzes(`import { fuzzRuns } from "./support.ts"`), true)
    assert.strictEqual(fuzzes(`fc.assert(property, { numRuns: 100 })`), false)
  })
})
