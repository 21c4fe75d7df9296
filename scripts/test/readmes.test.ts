import { assert, describe, it } from "vitest"
import { gaps, parts, programs } from "../lib/readmes.ts"

const fence = "```"
const whole = `# @oma/x\n\nWhat.\n\n${parts.map((part) => `## ${part}\n\ntext\n`).join("\n")}\n${fence}ts\nconst a = 1\n${fence}\n`

describe("a README", () => {
  it("has its parts in order, its name and a program", () => {
    assert.deepStrictEqual(gaps("@oma/x", whole), [])
    assert.strictEqual(gaps("@oma/y", whole).length, 1)
    assert.strictEqual(gaps("@oma/x", whole.replace("## Limits and defaults", "## Bounds")).length, 1)
    assert.strictEqual(gaps("@oma/x", whole.replace(`${fence}ts`, `${fence}sh`)).length, 1)
  })

  it("has as many programs as fenced blocks of TypeScript", () => {
    const text = `${fence}ts\nfirst\n${fence}\n${fence}sh\nnpm i\n${fence}\n${fence}ts\nsecond\n\nmore\n${fence}\n`
    assert.deepStrictEqual(programs(text), ["first\n", "second\n\nmore\n"])
  })
})
