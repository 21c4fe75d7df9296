/** Who may import whom: the table of packages, the four layers, and what the pure layers may reach for. */
import { isBuiltin } from "node:module"
import type { Manifest } from "../workspace.ts"
import { cycles } from "./Graph.ts"
import { isIndex, type PackageFiles, Project, type ProjectPackage } from "./Project.ts"
import { type Import, type Layer, layers, type Source } from "./Source.ts"

/** `enabler`: never imports another enabler. `tool`: for tests and benchmarks of all. `testkit`, `scripts`: import what they want. */
export type Kind = "core" | "enabler" | "testkit" | "tool" | "scripts"

export interface Table {
  readonly packages: Readonly<
    Record<string, { readonly kind: Kind; readonly mayImport: ReadonlyArray<string> | "all" }>
  >
  /** Where the examples lie: they may import everything, and nothing imports them. */
  readonly examples: string
  /** Folders whose codecs may use `effect/Schema`: those that read configuration. */
  readonly schemaFolders: ReadonlyArray<string>
  /** Modules of effect that load no service, by measure: codecs and machines may use them. */
  readonly pureEffect: ReadonlyArray<string>
}

export interface Violation {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly message: string
}

type Role = Kind | "example"

/** Globals of time, chance and surroundings that only a binding may use. */
const forbiddenOutsideBindings = new Set(["Date.now", "Date()", "new Date()", "Math.random"])
const isEnvironment = (what: string) => what === "process.env"
/** Globals that a codec or a machine may not use on top: `Math.floor` and `new Date(0)` are values. */
const impure = (what: string) =>
  /^(process|Buffer|performance|crypto)\b/.test(what) || /^(setTimeout|setInterval|setImmediate|fetch)\(\)$/.test(what)

const rank = (layer: Layer): number => (layer === "codec" ? 0 : layer === "machine" ? 1 : layer === "service" ? 2 : 3)
const asLayer = (word: string | undefined): Layer | undefined => layers.find((layer) => layer === word)
const isPure = (layer: Layer) => layer === "codec" || layer === "machine"

const own = (dependencies: Readonly<Record<string, string>> | undefined, project: Project, table: Table) =>
  Object.keys(dependencies ?? {}).filter((name) => project.package(name) !== undefined || name in table.packages)

/** Every break of the rules, in the order of the files. */
export const violations = (table: Table, packages: ReadonlyArray<PackageFiles>): ReadonlyArray<Violation> => {
  const project = new Project(packages)
  const found: Array<Violation> = []
  const roleOf = (p: { readonly name: string; readonly folder: string }): Role | undefined =>
    p.folder.startsWith(table.examples) ? "example" : table.packages[p.name]?.kind
  const allowed = (from: string, to: string, forTests: boolean): boolean => {
    const entry = table.packages[from]
    const target = table.packages[to]
    if (target === undefined) return false
    if (entry === undefined || entry.mayImport === "all") return true
    return entry.mayImport.includes(to) || (forTests && target.kind === "tool")
  }

  tableItself(table, found)
  const arrows = new Map<string, ReadonlySet<string>>()
  for (const p of project.packages) {
    const path = `${p.folder}/package.json`
    const role = roleOf(p)
    if (role === undefined) {
      found.push({ rule: "package-table", path, line: 1, message: `${p.name} is not in the table of packages` })
    }
    arrows.set(p.name, new Set(arrowsOf(p.manifest, project, table)))
    for (const [names, forTests] of [
      [
        own({ ...p.manifest.dependencies, ...p.manifest.peerDependencies }, project, table),
        role === "tool" || role === "example"
      ],
      [own(p.manifest.devDependencies, project, table), true]
    ] as const) {
      for (const name of names) {
        if (role === undefined || role === "scripts" || allowed(role === "example" ? "" : p.name, name, forTests))
          continue
        found.push({ rule: "package-table", path, line: 1, message: `${p.name} may not depend on ${name}` })
      }
    }
  }
  for (const cycle of cycles(arrows)) {
    const folder = project.package(cycle[0]!)!.folder
    found.push({ rule: "package-cycle", path: `${folder}/package.json`, line: 1, message: cycle.join(" -> ") })
  }

  for (const p of project.packages) {
    const role = roleOf(p)
    if (role === undefined) continue
    fileCycles(project, p, found)
    for (const source of p.sources) {
      const file = new FileRules(table, project, p, role, source, allowed)
      found.push(...file.violations())
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line))
}

const tableItself = (table: Table, found: Array<Violation>): void => {
  for (const [name, { kind, mayImport }] of Object.entries(table.packages)) {
    if (kind !== "enabler" || mayImport === "all") continue
    for (const to of mayImport.filter((other) => table.packages[other]?.kind === "enabler")) {
      const message = `the table lets the enabler ${name} import the enabler ${to}`
      found.push({ rule: "enabler", path: "scripts/import-rules.json", line: 1, message })
    }
  }
}

const arrowsOf = (manifest: Manifest, project: Project, table: Table): ReadonlyArray<string> =>
  own({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies }, project, table)

const fileCycles = (project: Project, p: ProjectPackage, found: Array<Violation>): void => {
  const graph = new Map<string, ReadonlySet<string>>()
  for (const source of p.sources) {
    const next = source.imports.flatMap((i) => {
      const path = project.fileOf(source.path, i.specifier)
      return path?.startsWith(`${p.folder}/`) ? [path] : []
    })
    graph.set(source.path, new Set(next))
  }
  for (const cycle of cycles(graph)) {
    const first = project.source(cycle[0]!)!
    const line = first.imports.find((i) => project.fileOf(first.path, i.specifier) === cycle[1])?.line ?? 1
    const names = cycle.map((path) => path.slice(p.folder.length + 1))
    found.push({ rule: "file-cycle", path: first.path, line, message: names.join(" -> ") })
  }
}

/** The rules of one file. */
class FileRules {
  readonly #found: Array<Violation> = []
  readonly #table: Table
  readonly #project: Project
  readonly #package: ProjectPackage
  readonly #role: Role
  readonly #source: Source
  readonly #allowed: (from: string, to: string, forTests: boolean) => boolean
  readonly #inSources: boolean

  constructor(
    table: Table,
    project: Project,
    p: ProjectPackage,
    role: Role,
    source: Source,
    allowed: (from: string, to: string, forTests: boolean) => boolean
  ) {
    this.#table = table
    this.#project = project
    this.#package = p
    this.#role = role
    this.#source = source
    this.#allowed = allowed
    this.#inSources = source.path.startsWith(`${p.folder}/src/`)
  }

  violations(): ReadonlyArray<Violation> {
    const layered = this.#inSources && this.#role !== "example" && this.#role !== "scripts"
    const layer = layered && !isIndex(this.#source.path) ? this.#layer() : undefined
    for (const i of this.#source.imports) {
      this.#leaves(i)
      this.#packages(i)
      if (layered) this.#barrel(i)
      if (layer !== undefined) {
        this.#order(i, layer)
        if (isPure(layer)) this.#purity(i, layer)
      }
    }
    if (layered && layer !== "binding") this.#ambient(layer)
    return this.#found
  }

  #report(rule: string, line: number, message: string): void {
    this.#found.push({ rule, path: this.#source.path, line, message })
  }

  #layer(): Layer | undefined {
    const layer = asLayer(this.#source.layer)
    if (layer === undefined) {
      const seen = this.#source.layer === undefined ? "no @layer line" : `@layer ${this.#source.layer}`
      this.#report(
        "layer-missing",
        1,
        `the doc comment that begins the file has ${seen}; one of ${layers.join(", ")} is due`
      )
    }
    return layer
  }

  #leaves(i: Import): void {
    const target = this.#project.resolve(this.#source.path, i.specifier)
    if (target._tag === "Own" && !target.path.startsWith(`${this.#package.folder}/`)) {
      this.#report("leaves-package", i.line, `${i.specifier} leaves ${this.#package.folder}`)
    }
  }

  #packages(i: Import): void {
    const target = this.#project.resolve(this.#source.path, i.specifier)
    if (target._tag !== "Ours") return
    if (target.path === undefined) {
      this.#report("sub-path", i.line, `${target.name} exports nothing as ${i.specifier}`)
      return
    }
    if (target.name === this.#package.name) {
      if (this.#inSources) this.#report("own-name", i.line, `${i.specifier} is this package: import the file`)
      return
    }
    if (this.#role === "scripts" || this.#role === "example") return
    if (!this.#allowed(this.#package.name, target.name, !this.#inSources || this.#role === "testkit")) {
      const tool = this.#table.packages[target.name]?.kind === "tool"
      this.#report(
        tool ? "tool-in-source" : "package-table",
        i.line,
        tool ? `${target.name} is for tests and benchmarks` : `${this.#package.name} may not import ${target.name}`
      )
      return
    }
    if (!this.#inSources || this.#role === "testkit") return
    const binding = this.#project
      .origins(target.path, i.names)
      .find((path) => asLayer(this.#project.source(path)?.layer) === "binding")
    if (binding !== undefined) {
      this.#report("binding-import", i.line, `${i.specifier} gives a binding of another package (${binding})`)
    }
  }

  #barrel(i: Import): void {
    if (/^effect(\/[a-z][a-z-]*)?$/.test(i.specifier) || /^@effect\/[^/]+$/.test(i.specifier)) {
      if (i.specifier === "@effect/vitest") return
      this.#report("barrel", i.line, `"${i.specifier}" loads a whole library: import the module, as in "effect/Result"`)
    }
  }

  #order(i: Import, layer: Layer): void {
    const target = this.#project.resolve(this.#source.path, i.specifier)
    if (target._tag === "Foreign" || target.path === undefined) return
    if (target._tag === "Ours" && target.name === this.#package.name) return
    const above = this.#project.origins(target.path, i.names).flatMap((path) => {
      const other = asLayer(this.#project.source(path)?.layer)
      return other === undefined || rank(other) <= rank(layer) ? [] : [{ path, other }]
    })
    const [first] = above.toSorted((a, b) => rank(b.other) - rank(a.other))
    if (first !== undefined) {
      const more = above.length > 1 ? ` and ${above.length - 1} more` : ""
      this.#report("layer-order", i.line, `a ${layer} imports the ${first.other} ${first.path}${more}`)
    }
    if (!isPure(layer) || i.typeOnly || !isIndex(target.path)) return
    for (const path of this.#project.loads(target.path)) {
      if (asLayer(this.#project.source(path)?.layer) !== "binding") continue
      this.#report("layer-loads", i.line, `a ${layer} imports ${i.specifier}, which loads the binding ${path}`)
      return
    }
  }

  #purity(i: Import, layer: Layer): void {
    if (isBuiltin(i.specifier)) {
      this.#report("layer-node", i.line, `a ${layer} imports ${i.specifier}; it takes what it needs as a function`)
    }
    if (!/^(@effect|effect)\//.test(i.specifier) || this.#table.pureEffect.includes(i.specifier)) return
    const schema = /^effect\/Schema/.test(i.specifier)
    if (schema && this.#table.schemaFolders.some((folder) => this.#source.path.startsWith(folder))) return
    const why = schema ? "Schema is for configuration" : "it loads services of effect"
    this.#report("layer-effect", i.line, `a ${layer} imports ${i.specifier}: ${why}`)
  }

  #ambient(layer: Layer | undefined): void {
    for (const { what, line } of this.#source.ambient) {
      const forbidden = forbiddenOutsideBindings.has(what) || isEnvironment(what)
      if (forbidden || (layer !== undefined && isPure(layer) && impure(what))) {
        this.#report("ambient", line, `${what} in a ${layer ?? "file that is no binding"}`)
      }
    }
  }
}
