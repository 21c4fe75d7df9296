/**
 * `npm run conformance [-- --check] [--reports]`: runs the tests, joins their reports with the ledgers and writes
 * docs/conformance.md. `--check` writes nothing and fails when the file is not what would be written; `--reports` takes the
 * reports of the last run. Fails on an id that no ledger holds, on a failing row and on failing tests.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import { faults, join, render } from "./lib/conformance.ts"
import { ledgers, reports } from "./lib/ledgers.ts"
import { run } from "./lib/run.ts"
import { root } from "./lib/workspace.ts"

const { values } = parseArgs({
  options: { check: { type: "boolean", default: false }, reports: { type: "boolean", default: false } }
})
const problems: Array<string> = []
if (!values.reports) {
  const ran = await run(
    "turbo",
    ["run", "test", "--continue", "--concurrency=100%", "--ui=stream", "--output-logs=errors-only"],
    {
      echo: true
    }
  )
  if (ran.status !== 0) problems.push("tests fail")
}

const all = ledgers()
const { tests, missing } = reports()
const joined = join(all, tests)
problems.push(...faults(all))
problems.push(...missing.map((folder) => `${folder} has tests but no report`))
problems.push(...joined.unknown.map(({ id, where }) => `${id} is in no ledger: ${where}`))
const rows = joined.ledgers.flatMap((l) => l.rows)
problems.push(...rows.filter((r) => r.status === "failing").map((r) => `${r.requirement.id} is failing`))

const path = Path.join(root, "docs/conformance.md")
const text = render(joined)
if (!values.check) Fs.writeFileSync(path, text)
else if (!Fs.existsSync(path) || Fs.readFileSync(path, "utf8") !== text) {
  problems.push("docs/conformance.md is not up to date: npm run conformance writes it")
}
for (const problem of problems) console.error(`conformance: ${problem}`)
const proved = rows.filter((r) => r.status === "proved").length
console.log(`conformance: ${proved} of ${rows.length} requirements proved, ${tests.length} tests`)
process.exitCode = problems.length === 0 ? 0 : 1
