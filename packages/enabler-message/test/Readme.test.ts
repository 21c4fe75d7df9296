import * as Fs from "node:fs"
import { assert, it, vi } from "vitest"

const read = (path: string) => Fs.readFileSync(new URL(path, import.meta.url), "utf8")

it("the program of the README is the one that runs here", async () => {
  assert.include(read("../README.md"), `\`\`\`ts\n${read("./example.ts")}\`\`\``)
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined)
  await import("./example.ts")
  assert.deepStrictEqual(log.mock.calls, [
    ["s1: -3 C"],
    ["missing element at the start (offset 0): the root element holds one Message-Type"]
  ])
  log.mockRestore()
})
