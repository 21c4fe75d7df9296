import { execFileSync } from "node:child_process"
import { assert, it } from "@effect/vitest"

it("tells its story to the end", () => {
  const main = new URL("../src/main.ts", import.meta.url).pathname
  const said = execFileSync(process.execPath, ["--conditions=@oma/source", main], { encoding: "utf8", timeout: 30_000 })
  assert.match(said, /put \d+ short messages together and found the GPI of push\.example\.net/)
  assert.include(said, "it reads: The price of item 7919 fell.")
  const sent = /octets: ([0-9a-f]+)/.exec(said)?.[1] ?? ""
  assert.strictEqual(sent.slice(0, 4), "1201", "version 1, combined, downlink; suite 01")
}, 40_000)
