/**
 * `npm run bench [-- part-of-a-path ...] [--rounds N] [--write]`: measures, prints one table and fails when a comparison fails
 * to give the right answer. A missed goal is printed, not a failure. `--write` puts the table into docs/performance.md.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import { asText, type Outcome } from "@oma/bench"
import { benchFiles, runBenchFile, withTable } from "./lib/bench.ts"
import { run } from "./lib/run.ts"
import { root } from "./lib/workspace.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, write: { type: "boolean", default: false } }
})
const files = benchFiles(positionals)
if (files.length === 0) {
  console.error(`no bench file has ${positionals.join(" or ")} in its path`)
  process.exit(1)
}
// what is measured as it is published must have been built
const built = await run("turbo", ["run", "build", "--ui=stream", "--output-logs=errors-only"])
if (built.status !== 0) {
  console.error(built.output)
  process.exit(1)
}
const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
const outcomes: Array<Outcome> = []
const failed: Array<string> = []
for (const file of files) {
  console.error(file)
  const run = await runBenchFile(file, rounds)
  outcomes.push(...run.outcomes)
  if (run.status !== 0) failed.push(file)
}
console.log(`\n${asText(outcomes)}\n`)
for (const file of failed) console.error(`failed: ${file}`)
if (values.write && failed.length === 0 && positionals.length === 0) {
  const cpus = Os.cpus()
  const machine = `Node ${process.versions.node}, ${cpus.length} x ${cpus[0]?.model.trim() ?? "unknown"}, ${Os.type()} ${Os.arch()}.`
  const path = Path.join(root, "docs/performance.md")
  Fs.writeFileSync(path, withTable(Fs.readFileSync(path, "utf8"), outcomes, machine))
  console.error("written: docs/performance.md")
} else if (values.write) {
  console.error("not written: a table of all goals needs every bench file, each without a failure")
}
process.exitCode = failed.length === 0 ? 0 : 1
