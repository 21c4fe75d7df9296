/**
 * `npm run fuzz [-- part-of-a-path ...] [--runs N] [--seed N] [--minutes N]`: every property of the test files that fuzz, with
 * 100,000 inputs each. Prints the seed; a failure prints the command that repeats it.
 */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { fuzz, fuzzFiles } from "./lib/fuzz.ts"
import { pooled } from "./lib/run.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "100000" },
    seed: { type: "string" },
    minutes: { type: "string", default: "30" }
  }
})
const runs = Number(values.runs)
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const files = fuzzFiles(positionals)
if (files.length === 0) {
  console.error(`no test file that fuzzes has ${positionals.join(" or ")} in its path`)
  process.exit(1)
}
console.log(`fuzz: ${files.length} files, ${runs} inputs a property, seed ${seed}`)
const outcomes = await pooled(files, 2, async (file) => {
  const outcome = await fuzz(file, { runs, seed, minutes: Number(values.minutes) })
  const path = `${file.folder}/${file.path}`
  console.log(
    `${outcome.failures.length === 0 ? "ok  " : "FAIL"}  ${path}  ${outcome.passed} tests  ${outcome.seconds.toFixed(0)} s`
  )
  for (const failure of outcome.failures) console.log(failure.replace(/^/gm, "      "))
  if (outcome.failures.length > 0) console.log(`      repeat: npm run fuzz -- ${path} --runs ${runs} --seed ${seed}`)
  return outcome
})
const failed = outcomes.filter((o) => o.failures.length > 0)
console.log(failed.length === 0 ? "fuzz: all passed" : `fuzz: ${failed.length} of ${files.length} files failed`)
process.exitCode = failed.length === 0 ? 0 : 1
