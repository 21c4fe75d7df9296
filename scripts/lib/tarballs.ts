/**
 * Packs the public packages as they would be published and looks at the result from outside: two linters of packages, and an
 * empty project elsewhere that installs the tarballs, loads every sub-path as a module and by `require`, and type-checks them.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { pooled, type Ran, run } from "./run.ts"
import { type Package, publicPackages, root } from "./workspace.ts"

interface Tarball {
  readonly package: Package
  readonly file: string
}

export interface Finding {
  readonly what: string
  readonly ran: Ran
}

const { packageManager } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
  readonly packageManager: string
}

/** A folder outside the tree, so that nothing of it is found by accident. */
const scratch = (): string => Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-packed-"))

const pack = async (p: Package, folder: string): Promise<Tarball | Finding> => {
  const target = Path.join(folder, p.name.replace("/", "-").slice(1))
  Fs.mkdirSync(target)
  const ran = await run("npx", ["--yes", packageManager, "pack", "--pack-destination", target], {
    cwd: Path.join(root, p.folder),
    timeout: 120_000
  })
  const name = Fs.readdirSync(target).find((file) => file.endsWith(".tgz"))
  return ran.status !== 0 || name === undefined
    ? { what: `pack ${p.name}`, ran }
    : { package: p, file: Path.join(target, name) }
}

/** What a sub-path is imported as: `@oma/sa-policy/bytes`. Without `./package.json`, which is no module. */
const subPaths = (p: Package): ReadonlyArray<string> =>
  Object.keys(p.manifest.exports ?? {})
    .filter((key) => key !== "./package.json")
    .map((key) => p.name + key.slice(1))

/** A suite for other people's tests loads a test runner, which only lives inside a run of it. */
const loadable = (specifier: string): boolean => !specifier.endsWith("/testing")

/** The version of `name` that `folder` of the tree works with. */
const installed = (folder: string, name: string): string =>
  (
    JSON.parse(Fs.readFileSync(Path.join(root, folder, "node_modules", name, "package.json"), "utf8")) as {
      version: string
    }
  ).version

/** The files of the empty project, by name. */
const consumer = (
  tarballs: ReadonlyArray<{ readonly name: string; readonly file: string }>,
  specifiers: ReadonlyArray<string>,
  dependencies: Readonly<Record<string, string>>
): Readonly<Record<string, string>> => {
  const own = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]))
  const manifest = {
    name: "consumer",
    private: true,
    type: "module",
    dependencies: { ...dependencies, ...own },
    overrides: Object.fromEntries(tarballs.map(({ name }) => [name, `$${name}`]))
  }
  const compilerOptions = {
    target: "es2023",
    lib: ["es2023", "esnext.disposable", "dom"], // effect's own declarations speak of CryptoKey
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ["node"]
  }
  const names = JSON.stringify(specifiers.filter(loadable))
  return {
    "package.json": JSON.stringify(manifest, null, 2),
    "tsconfig.json": JSON.stringify({ compilerOptions, include: ["types.ts"] }),
    "types.ts": `${specifiers.map((s, i) => `import * as m${i} from "${s}"`).join("\n")}\nexport const all = [${specifiers.map((_, i) => `m${i}`).join(", ")}]\n`,
    "load.mjs": `for (const name of ${names}) {\n  const keys = Object.keys(await import(name))\n  console.log(name, keys.length)\n}\n`,
    "load.cjs": `for (const name of ${names}) {\n  const keys = Object.keys(require(name)).filter((k) => k !== "__esModule" && k !== "module.exports")\n  console.log(name, keys.length)\n}\n`
  }
}

const failures = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.filter(({ ran }) => ran.status !== 0)

const fromOutside = async (tarballs: ReadonlyArray<Tarball>, folder: string): Promise<ReadonlyArray<Finding>> => {
  const project = Path.join(folder, "consumer")
  Fs.mkdirSync(project)
  const peers = Object.fromEntries(
    tarballs.flatMap(({ package: p }) =>
      Object.keys(p.manifest.peerDependencies ?? {}).map((name) => [name, installed(p.folder, name)])
    )
  )
  const files = consumer(
    tarballs.map(({ package: p, file }) => ({ name: p.name, file })),
    tarballs.flatMap(({ package: p }) => subPaths(p)),
    { ...peers, "@types/node": installed(".", "@types/node") }
  )
  for (const [name, text] of Object.entries(files)) Fs.writeFileSync(Path.join(project, name), text)
  const install = await run(
    "npm",
    [
      "install",
      "--ignore-scripts",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      "--no-update-notifier",
      "--loglevel=error"
    ],
    { cwd: project, timeout: 300_000 }
  )
  if (install.status !== 0) return [{ what: "install the tarballs in an empty project", ran: install }]
  const esm = await run("node", ["load.mjs"], { cwd: project, timeout: 60_000 })
  const cjs = await run("node", ["load.cjs"], { cwd: project, timeout: 60_000 })
  const types = await run("tsc", ["-p", project], { cwd: project, timeout: 120_000 })
  const same = { status: esm.output === cjs.output ? 0 : 1, output: `import:\n${esm.output}\nrequire:\n${cjs.output}` }
  return failures([
    { what: "import every sub-path of the installed tarballs", ran: esm },
    { what: "require every sub-path of the installed tarballs", ran: cjs },
    { what: "require gives what import gives", ran: same },
    { what: "type-check a project that uses the installed tarballs", ran: types }
  ])
}

/** Everything that is wrong with the packed packages. They must have been built. */
export const checkTarballs = async (): Promise<ReadonlyArray<Finding>> => {
  const folder = scratch()
  try {
    const packed = await pooled(publicPackages(), 2, (p) => pack(p, folder))
    const failed = packed.filter((x): x is Finding => "what" in x)
    if (failed.length > 0) return failed
    const tarballs = packed.filter((x): x is Tarball => "file" in x)
    const linted = await pooled(tarballs, 2, async ({ package: p, file }) => [
      { what: `publint ${p.name}`, ran: await run("publint", ["run", file, "--strict"], { timeout: 60_000 }) },
      {
        what: `attw ${p.name}`,
        ran: await run("attw", [file, "--profile", "esm-only", "--no-emoji"], { timeout: 120_000 })
      }
    ])
    return [...failures(linted.flat()), ...(await fromOutside(tarballs, folder))]
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
