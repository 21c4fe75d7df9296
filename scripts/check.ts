/** `npm run check`: everything about the sources that no test says. Prints each step with its time and what it found. */
import * as Fs from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import * as Path from "node:path"
import { documents } from "./lib/documents.ts"
import { load, table } from "./lib/import-rules/load.ts"
import { violations } from "./lib/import-rules/rules.ts"
import { documentedIds, ledgers, unknownIds } from "./lib/ledgers.ts"
import { checkReadme } from "./lib/readmes.ts"
import { checkChangesets } from "./lib/release.ts"
import { pooled, run } from "./lib/run.ts"
import { checkTarballs } from "./lib/tarballs.ts"
import { packages, publicPackages, root } from "./lib/workspace.ts"

interface Result {
  readonly problems: ReadonlyArray<string>
  readonly note?: string
}

interface Step {
  readonly name: string
  readonly work: () => Promise<Result> | Result
}

const tool = async (command: string, ...args: ReadonlyArray<string>): Promise<Result> => {
  const ran = await run(command, args, { timeout: 600_000 })
  return { problems: ran.status === 0 ? [] : [ran.output.trim()] }
}

/** One run of a tool for each package, two at a time. */
const eachPackage = async (command: string, args: (folder: string) => ReadonlyArray<string>): Promise<Result> => {
  const results = await pooled(packages(), 2, (p) => tool(command, ...args(p.folder)))
  return { problems: results.flatMap((r) => r.problems) }
}

const lockFile = (): Result => {
  const lines = Fs.readFileSync(Path.join(root, "pnpm-lock.yaml"), "utf8").split("\n")
  const urls = lines.flatMap((line, at) => (/https?:/.test(line) ? [`pnpm-lock.yaml:${at + 1}: ${line.trim()}`] : []))
  return { problems: urls }
}

const importRules = (): Result => ({
  problems: violations(table(), load()).map(({ path, line, rule, message }) => `${path}:${line}  ${rule}  ${message}`)
})

const conformance = (): Result => {
  const all = ledgers()
  const rows = all.flatMap((l) => l.rows.map((r) => r.id))
  const unknown = unknownIds(all).map(({ id, where }) => `${where}: ${id} is in no ledger`)
  const stale = documentedIds().join() === rows.join() ? [] : ["docs/conformance.md has other rows than the ledgers"]
  return { problems: [...unknown, ...stale], note: `${rows.length} requirements` }
}

const documentsOfSources = (): Result => ({
  problems: documents().flatMap(({ path, faults, isUpToDate }) =>
    isUpToDate ? faults : [...faults, `${path} is not what the sources say: npm run docs writes it`]
  )
})

const readmes = async (): Promise<Result> => ({
  problems: (await pooled(publicPackages(), 1, checkReadme)).flat()
})

/** Examples and `npm start` run the sources themselves: Node must be able to take the types out of each. */
const strippable = (): Result => ({
  problems: load().flatMap(({ files }) =>
    Object.entries(files).flatMap(([path, text]) => {
      try {
        stripTypeScriptTypes(text)
        return []
      } catch (error) {
        return [`${path}: ${error instanceof Error ? error.message : String(error)}`]
      }
    })
  )
})

const changesets = (): Result => {
  const { owed, note } = checkChangesets()
  return { problems: owed, note }
}

const tarballs = async (): Promise<Result> => {
  const built = await tool("turbo", "run", "build", "--ui=stream", "--output-logs=errors-only")
  if (built.problems.length > 0) return built
  const found = await checkTarballs()
  return { problems: found.map(({ what, ran }) => `${what}\n${ran.output.trim()}`) }
}

const quick: ReadonlyArray<Step> = [
  {
    name: "lint and format",
    work: () => tool("biome", "ci", "--colors=off", "--error-on-warnings", "--max-diagnostics=50", ".")
  },
  { name: "unused code", work: () => tool("knip", "--no-progress", "--no-config-hints") },
  { name: "import rules", work: importRules },
  { name: "sources that Node runs", work: strippable },
  { name: "conformance ledgers", work: conformance },
  { name: "documents made from sources", work: documentsOfSources },
  { name: "changesets", work: changesets },
  { name: "lock file without addresses", work: lockFile }
]
const slow: ReadonlyArray<Step> = [
  { name: "types", work: () => eachPackage("tsc", (folder) => ["-p", folder]) },
  {
    name: "effects that float",
    work: () =>
      eachPackage("effect-tsgo", (folder) => [
        "diagnostics",
        "--project",
        `${folder}/tsconfig.json`,
        "--format",
        "text",
        "--strict"
      ])
  },
  { name: "packed packages", work: tarballs },
  { name: "READMEs", work: readmes }
]

const perform = async (step: Step): Promise<boolean> => {
  const start = process.hrtime.bigint()
  const result = await Promise.resolve()
    .then(step.work)
    .catch(
      (error: unknown): Result => ({
        problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)]
      })
    )
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const ok = result.problems.length === 0
  const note = result.note === undefined ? "" : ` (${result.note})`
  console.log(`${ok ? "ok  " : "FAIL"}  ${step.name}${note}  ${seconds.toFixed(1)} s`)
  for (const problem of result.problems) console.log(problem.replace(/^/gm, "      "))
  return ok
}

const inTurn = async (steps: ReadonlyArray<Step>): Promise<ReadonlyArray<string>> => {
  const failed: Array<string> = []
  for (const step of steps) if (!(await perform(step))) failed.push(step.name)
  return failed
}

const only = process.argv.slice(2)
const wanted = (steps: ReadonlyArray<Step>) =>
  steps.filter((s) => only.length === 0 || only.some((word) => s.name.includes(word)))
const failed = (await Promise.all([inTurn(wanted(slow)), inTurn(wanted(quick))])).flat()
console.log(failed.length === 0 ? "\ncheck: all passed" : `\ncheck: failed: ${failed.join(", ")}`)
process.exitCode = failed.length === 0 ? 0 : 1
