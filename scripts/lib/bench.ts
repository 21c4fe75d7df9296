/** Finds the bench files, runs each in a process of its own and writes the table into docs/performance.md. */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import { asMarkdown, type Outcome } from "@oma/bench"
import { filesBelow, packages, root } from "./workspace.ts"

/** The bench files whose path holds one of `filters`; all without a filter. */
export const benchFiles = (filters: ReadonlyArray<string>): ReadonlyArray<string> =>
  packages()
    .flatMap((p) => filesBelow(`${p.folder}/bench`, (path) => path.endsWith(".bench.ts")))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))

export interface BenchRun {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly status: number
}

const main = Path.join(root, "packages/bench/src/main.ts")

/** Measures the comparisons of one file. What it had measured before it failed is kept. */
export const runBenchFile = (path: string, rounds: number | undefined): Promise<BenchRun> =>
  new Promise((resolve) => {
    const argv = [Path.join(root, path), ...(rounds === undefined ? [] : [String(rounds)])]
    const child = ChildProcess.fork(main, argv, {
      execArgv: ["--conditions=@oma/source", "--expose-gc"],
      stdio: ["ignore", "inherit", "inherit", "ipc"]
    })
    const outcomes: Array<Outcome> = []
    child.on("message", (outcome) => outcomes.push(outcome as Outcome))
    child.on("exit", (code) => resolve({ outcomes, status: code ?? 1 }))
  })

const begin = "<!-- bench:begin -->"
const end = "<!-- bench:end -->"

/** `document` with the table of `outcomes`, and the machine it ran on, between its two marks. */
export const withTable = (document: string, outcomes: ReadonlyArray<Outcome>, machine: string): string => {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the marks ${begin} and ${end} are missing`)
  return `${document.slice(0, from)}${begin}\n\n${machine}\n\n${asMarkdown(outcomes)}\n\n${document.slice(to)}`
}
