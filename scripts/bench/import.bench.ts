/**
 * What it costs a process to import a package as it is published, against one that imports `effect/Effect` alone: whole
 * processes, from their start to their end.
 */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import type { Bench, Sampler } from "@oma/bench"
import { publicPackages, root } from "../lib/workspace.ts"

const importing = (specifier: string, folder: string) => {
  const script = `await import(${JSON.stringify(specifier)}); console.log(process.memoryUsage.rss())`
  return () => {
    const start = process.hrtime.bigint()
    const { status, stdout, stderr } = ChildProcess.spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: Path.join(root, folder),
      encoding: "utf8",
      env: {}
    })
    if (status !== 0) throw new Error(stderr)
    return { seconds: Number(process.hrtime.bigint() - start) / 1e9, gibibytes: Number(stdout) / 2 ** 30 }
  }
}

/** The best of three: what else runs on the machine only ever adds. */
const best =
  (measure: () => number): Sampler =>
  async () =>
    1 / Math.min(measure(), measure(), measure())

const bench: Bench = publicPackages().flatMap(({ name, folder }) => {
  const [ours, baseline] = [importing(name, folder), importing("effect/Effect", folder)]
  const check = () => void [ours(), baseline()]
  return [
    {
      goal: "P13",
      name: `import ${name}, against effect/Effect: time of the process`,
      atLeast: 1 / 1.3,
      ours: best(() => ours().seconds),
      baseline: best(() => baseline().seconds),
      check
    },
    {
      goal: "P13",
      name: `import ${name}, against effect/Effect: memory`,
      atLeast: 1 / 1.2,
      unit: "/GiB",
      ours: best(() => ours().gibibytes),
      baseline: best(() => baseline().gibibytes),
      check
    }
  ]
})
export default bench
