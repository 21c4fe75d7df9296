import { assert, describe, it } from "vitest"
import {
  asMarkdown,
  asText,
  asyncWork,
  forkServer,
  held,
  load,
  measure,
  median,
  type Outcome,
  processTreeCpu,
  rate,
  ratio,
  work
} from "../src/index.ts"

const outcome = (goal: string, name: string, median: number, atLeast: number): Outcome => ({
  goal,
  name,
  atLeast,
  median,
  min: median,
  max: median,
  oursRate: 1000,
  baselineRate: 1000 / median,
  unit: "/s",
  rounds: 7
})

describe("measure", () => {
  it("takes A B A B, at least seven rounds after one to warm up, and the answer once before", async () => {
    const order: Array<string> = []
    const rates = [1, 4, 1, 4, 1, 4, 1, 4]
    const result = await measure(
      {
        goal: "P0",
        name: "x",
        atLeast: 1,
        check: () => void order.push("check"),
        end: () => void order.push("end"),
        ours: async () => {
          order.push("A")
          return rates[order.filter((x) => x === "A").length - 1]!
        },
        baseline: async () => {
          order.push("B")
          return 2
        }
      },
      3
    )
    assert.strictEqual(order.join(""), `check${"AB".repeat(8)}end`)
    assert.deepStrictEqual([result.rounds, result.median, result.min, result.max], [7, 2, 0.5, 2])
    assert.strictEqual(held(result), true)
  })

  it("measures nothing when an answer is wrong, and still ends what was started", async () => {
    let ended = false
    let sampled = false
    const side = async () => {
      sampled = true
      return 1
    }
    const failed = await measure({
      goal: "P0",
      name: "x",
      atLeast: 1,
      ours: side,
      baseline: side,
      check: () => {
        throw new Error("wrong")
      },
      end: () => {
        ended = true
      }
    }).then(
      () => "measured",
      (error: Error) => error.message
    )
    assert.deepStrictEqual([failed, sampled, ended], ["wrong", false, true])
  })

  it("sees that a function that does twenty times the work is slower", async () => {
    const spin = (n: number) => () => {
      let x = 0
      for (let i = 0; i < n; i++) x = (x * 31 + i) | 0
      return x
    }
    const result = await measure({
      goal: "P0",
      name: "spin",
      atLeast: 1,
      ours: work(spin(200_000), { millis: 5 }),
      baseline: work(spin(10_000), { millis: 5 }),
      check: () => {}
    })
    assert.isBelow(result.median, 0.5)
    assert.strictEqual(held(result), false)
  })

  it("counts the operations of a call", async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 2))
    const [one, thousand] = [asyncWork(wait, { millis: 20 }), asyncWork(wait, { millis: 20, operations: 1000 })]
    const quotient = (await thousand()) / (await one())
    assert.isAbove(quotient, 50)
    assert.isBelow(quotient, 20_000)
  })
})

describe("servers", () => {
  it("run in a process of their own, are asked for their processor time and stop", async () => {
    const server = await forkServer(new URL("./echo-server.ts", import.meta.url), { greeting: "hello" })
    try {
      let answer = ""
      const sample = load(server, {
        connections: 2,
        millis: 50,
        exchange: async (connection) => {
          const response = await connection.request({ method: "POST", path: "/", body: `from ${connection.number}` })
          answer = response.body.toString()
          assert.strictEqual(response.status, 200)
          return 1
        }
      })
      const perCpuSecond = await sample()
      assert.match(answer, /^hello from [01]$/)
      assert.isAbove(perCpuSecond, 100)
      assert.isAbove(await server.cpu(), 1000)
    } finally {
      await server.stop()
    }
  })

  it("that can't start say why", async () => {
    const failed = await forkServer(new URL("./echo-server.ts", import.meta.url), { fail: true }).then(
      () => "started",
      (error: Error) => error.message
    )
    assert.include(failed, "no port for you")
  })

  it.runIf(process.platform === "linux")("of others are measured as a tree of processes", () => {
    const before = processTreeCpu(process.pid)
    const until = process.cpuUsage().user + 60_000
    while (process.cpuUsage().user < until) Math.sqrt(2)
    assert.isAbove(processTreeCpu(process.pid) - before, 20_000)
  })
})

describe("the table", () => {
  it("reads a ratio as a part or as a multiple, and a rate with three digits", () => {
    assert.deepStrictEqual([ratio(0.9), ratio(1.2), ratio(2.5)], ["90 %", "120 %", "2.50x"])
    assert.deepStrictEqual(
      [rate(12, "/s"), rate(12_345, "/s"), rate(1_250_000, "/GiB")],
      ["12 /s", "12.3 k/s", "1.25 M/GiB"]
    )
  })

  it("is ordered by goal and says what was missed", () => {
    const all = [outcome("P10", "c", 3, 3), outcome("P2", "a|b", 1.9, 2), outcome("bytes", "d", 1, 0.5)]
    assert.deepStrictEqual(
      asText(all)
        .split("\n")
        .map((line) => [line.split(/\s+/)[0], line.split(/\s+/).at(-1)]),
      [
        ["goal", "verdict"],
        ["P2", "missed"],
        ["P10", "held"],
        ["bytes", "held"]
      ]
    )
    assert.include(asMarkdown(all), "| P2 | a\\|b | 2.00x | 1.90x |")
  })

  it("takes the middle of an even number of rounds as the mean of two", () => {
    assert.deepStrictEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5])
  })
})
