/** The READMEs of the public packages: the same parts everywhere, and programs that compile and run. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { run } from "./run.ts"
import { type Package, root } from "./workspace.ts"

/** The parts, in their order. */
export const parts = ["The exchange", "Use", "What is covered", "Limits and defaults", "What it does not do"]

/** The TypeScript programs in the fenced blocks of `text`. */
export const programs = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((block) => block[1]!)

/** What is missing in the README `text` of the package `name`. */
export const gaps = (name: string, text: string): ReadonlyArray<string> => {
  const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1]!)
  const present = headings.filter((heading) => parts.includes(heading))
  return [
    ...(text.startsWith(`# ${name}\n`) ? [] : [`does not begin with "# ${name}"`]),
    ...(present.join() === parts.join() ? [] : [`its parts are not, in this order: ${parts.join(", ")}`]),
    ...(programs(text).length > 0 ? [] : ["has no program"])
  ]
}

/** What is wrong with the README of `p`. Its programs are compiled and run inside the package, from its sources. */
export const checkReadme = async (p: Package): Promise<ReadonlyArray<string>> => {
  const path = Path.join(root, p.folder, "README.md")
  if (!Fs.existsSync(path)) return [`${p.folder}/README.md is missing`]
  const text = Fs.readFileSync(path, "utf8")
  const found = gaps(p.name, text).map((gap) => `${p.folder}/README.md ${gap}`)
  const folder = Path.join(root, p.folder, "reports/readme")
  Fs.rmSync(folder, { recursive: true, force: true })
  Fs.mkdirSync(folder, { recursive: true })
  const tsconfig = { extends: "../../../../tsconfig.base.json", include: ["*.ts"] }
  Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const [at, program] of programs(text).entries()) {
    const name = `program-${at + 1}.ts`
    Fs.writeFileSync(Path.join(folder, name), program)
    const ran = await run("node", ["--conditions=@oma/source", name], { cwd: folder, timeout: 30_000 })
    if (ran.status !== 0) found.push(`${p.folder}/README.md: program ${at + 1} fails\n${ran.output.trim()}`)
  }
  const types = await run("tsc", ["-p", folder], { timeout: 60_000 })
  if (types.status !== 0) found.push(`${p.folder}/README.md: a program does not compile\n${types.output.trim()}`)
  return found
}
