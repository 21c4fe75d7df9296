/** Finds the test files that fuzz and runs one with many inputs, under a watchdog. */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { run } from "./run.ts"
import { filesBelow, packages, root } from "./workspace.ts"

/** A test file fuzzes when it takes the number of its runs from FUZZ_RUNS, itself or through a helper called `fuzzRuns`. */
export const fuzzes = (text: string): boolean => /\bFUZZ_RUNS\b|\bfuzzRuns\b/.test(text)

export interface FuzzFile {
  readonly folder: string
  /** Relative to the folder of the package. */
  readonly path: string
}

/** The test files that fuzz and whose path holds one of `filters`; all without a filter. */
export const fuzzFiles = (filters: ReadonlyArray<string>): ReadonlyArray<FuzzFile> =>
  packages()
    .filter((p) => p.folder.startsWith("packages/"))
    .flatMap(({ folder }) =>
      filesBelow(`${folder}/test`, (path) => path.endsWith(".test.ts"))
        .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
        .filter((path) => fuzzes(Fs.readFileSync(Path.join(root, path), "utf8")))
        .map((path) => ({ folder, path: path.slice(folder.length + 1) }))
    )

export interface FuzzOptions {
  readonly runs: number
  readonly seed: number
  /** Minutes after which a file is held to hang. */
  readonly minutes: number
}

export interface FuzzOutcome {
  readonly file: FuzzFile
  readonly passed: number
  readonly seconds: number
  /** What failed, with fast-check's counterexample; empty when nothing did. */
  readonly failures: ReadonlyArray<string>
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

/** Runs the tests of one file. A test that neither ends nor yields is killed with the process that runs it. */
export const fuzz = async (file: FuzzFile, options: FuzzOptions): Promise<FuzzOutcome> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-fuzz-"))
  const reportFile = Path.join(folder, "report.json")
  const start = process.hrtime.bigint()
  try {
    const millis = options.minutes * 60_000
    const ran = await run("vitest", ["run", file.path, `--testTimeout=${millis}`], {
      cwd: Path.join(root, file.folder),
      env: { FUZZ_RUNS: String(options.runs), FUZZ_SEED: String(options.seed), VITEST_REPORT: reportFile },
      timeout: millis
    })
    const seconds = Number(process.hrtime.bigint() - start) / 1e9
    if (!Fs.existsSync(reportFile)) {
      const why = ran.status === 124 ? `no end after ${options.minutes} minutes: a hang` : ran.output.trim()
      return { file, passed: 0, seconds, failures: [why] }
    }
    const { testResults } = JSON.parse(Fs.readFileSync(reportFile, "utf8")) as Report
    const tests = testResults.flatMap((r) => r.assertionResults)
    const failures = tests
      .filter((t) => t.status === "failed")
      .map((t) => `${t.fullName}\n${t.failureMessages.join("\n")}`)
    const unexplained = ran.status !== 0 && failures.length === 0
    return {
      file,
      passed: tests.filter((t) => t.status === "passed").length,
      seconds,
      failures: unexplained ? [testResults.map((r) => r.message).join("\n") || ran.output.trim()] : failures
    }
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
