import { assert, describe, it } from "vitest"
import { faults, idsIn, join, type Ledger, render, type Test, testsOf } from "../lib/conformance.ts"

const row = (id: string) => ({ id, level: "MUST", party: "both", text: `What ${id} asks | for`, source: "a document" })
const ledgers: ReadonlyArray<Ledger> = [
  { family: "AB", title: "One", rows: ["AB-X-001", "AB-X-002", "AB-X-003", "AB-X-004", "AB-X-004a"].map(row) },
  { family: "C_D", title: "Two: more", rows: ["C_D-001"].map(row) }
]
const test = (name: string, status: Test["status"] = "passed", file = "packages/p/test/A.test.ts"): Test => ({
  file,
  name,
  status
})

describe("ids", () => {
  it("stand in brackets, alone or together", () => {
    const families = ["AB", "C_D"]
    assert.deepStrictEqual(idsIn("block [AB-X-001] [C_D-001] does", families), ["AB-X-001", "C_D-001"])
    assert.deepStrictEqual(idsIn("[AB-X-001, AB-X-004a] does", families), ["AB-X-001", "AB-X-004a"])
    assert.deepStrictEqual(idsIn("[SHA-256] [RFC-2617] AB-X-001 [AB-X-1] [ABC-X-001]", families), [])
  })

  it("stand once in the ledgers, under their family", () => {
    assert.deepStrictEqual(faults(ledgers), [])
    const wrong: ReadonlyArray<Ledger> = [
      { family: "AB", title: "", rows: ["AB-1", "C_D-001", "AB-X-001", "AB-X-001"].map(row) }
    ]
    assert.deepStrictEqual(faults(wrong), [
      "AB-1 is no id of the family AB",
      "C_D-001 is no id of the family AB",
      "AB-X-001 stands twice"
    ])
  })
})

describe("join", () => {
  const statuses = (tests: ReadonlyArray<Test>) => join(ledgers, tests).ledgers[0]!.rows.map((r) => r.status)

  it("proves a row by a test that passes, and by nothing else", () => {
    assert.deepStrictEqual(
      statuses([
        test("[AB-X-001] a"),
        test("[AB-X-001] b", "skipped"),
        test("[AB-X-002] a"),
        test("[AB-X-002] b", "failed"),
        test("[AB-X-003] a", "skipped")
      ]),
      ["proved", "failing", "skipped", "open", "open"]
    )
  })

  it("names the ids that no ledger holds", () => {
    assert.deepStrictEqual(join(ledgers, [test("[AB-X-009] a"), test("[AB-X-001] b")]).unknown, [
      { id: "AB-X-009", where: "packages/p/test/A.test.ts: [AB-X-009] a" }
    ])
  })

  it("counts a test once that carries an id twice", () => {
    assert.strictEqual(join(ledgers, [test("[AB-X-001] block [AB-X-001] a")]).ledgers[0]!.rows[0]!.tests.length, 1)
  })
})

describe("render", () => {
  const tests = [
    test("[AB-X-001] holds a | b"),
    test("[AB-X-001] waits", "skipped", "packages/p/test/B.test.ts"),
    test("[AB-X-002] c")
  ]

  it("is the same for the same tests in another order", () => {
    assert.strictEqual(render(join(ledgers, tests)), render(join(ledgers, tests.toReversed())))
  })

  it("shows every row, with its tests by file", () => {
    const text = render(join(ledgers, tests))
    assert.include(text, "| [AB](#ab-one) | 5 | 2 | 3 | 0 | 0 |")
    assert.include(text, "| [C_D](#c_d-two-more) | 1 | 0 | 1 | 0 | 0 |")
    assert.include(
      text,
      "| AB-X-001 | MUST | both | What AB-X-001 asks \\| for | a document | proved | " +
        "[A.test.ts](../packages/p/test/A.test.ts): holds a \\| b<br>[B.test.ts](../packages/p/test/B.test.ts): waits (skipped) |"
    )
    assert.include(text, "| AB-X-004a | MUST | both | What AB-X-004a asks \\| for | a document | open |  |")
  })
})

describe("a report", () => {
  it("may come from another checkout, and calls a test that did not run by many names", () => {
    const assertionResults = ["passed", "failed", "skipped", "pending", "todo"].map((status) => ({
      fullName: ` a ${status}`,
      status
    }))
    const report = { testResults: [{ name: "/elsewhere/test/copy/packages/p/test/deep/A.test.ts", assertionResults }] }
    assert.deepStrictEqual(
      testsOf("packages/p", report).map((t) => [t.file, t.name, t.status]),
      [
        ["packages/p/test/deep/A.test.ts", "a passed", "passed"],
        ["packages/p/test/deep/A.test.ts", "a failed", "failed"],
        ["packages/p/test/deep/A.test.ts", "a skipped", "skipped"],
        ["packages/p/test/deep/A.test.ts", "a pending", "skipped"],
        ["packages/p/test/deep/A.test.ts", "a todo", "skipped"]
      ]
    )
  })
})
