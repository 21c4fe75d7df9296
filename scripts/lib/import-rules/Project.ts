/** All packages of a project with their parsed files, and where a name or a specifier leads. */
import * as Path from "node:path/posix"
import type { Manifest } from "../workspace.ts"
import { parse, type Source } from "./Source.ts"

export interface PackageFiles {
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
  /** Text by path, relative to the root of the project. */
  readonly files: Readonly<Record<string, string>>
}

export interface ProjectPackage {
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
  readonly sources: ReadonlyArray<Source>
}

/** Where a specifier leads: a file of the project, a package outside it, or nowhere. */
export type Target =
  | { readonly _tag: "Own"; readonly path: string }
  | { readonly _tag: "Ours"; readonly name: string; readonly path: string | undefined }
  | { readonly _tag: "Foreign"; readonly specifier: string }

export const isIndex = (path: string): boolean => Path.basename(path) === "index.ts"

/** `@scope/name` or `name` of a bare specifier, and the rest of it as an export of that package: `.` or `./sub`. */
const split = (specifier: string): readonly [name: string, subPath: string] => {
  const parts = specifier.split("/")
  const taken = specifier.startsWith("@") ? 2 : 1
  const rest = parts.slice(taken).join("/")
  return [parts.slice(0, taken).join("/"), rest === "" ? "." : `./${rest}`]
}

export class Project {
  readonly packages: ReadonlyArray<ProjectPackage>
  readonly #byPath = new Map<string, Source>()
  readonly #byName = new Map<string, ProjectPackage>()

  constructor(packages: ReadonlyArray<PackageFiles>) {
    this.packages = packages.map(({ files, ...rest }) => ({
      ...rest,
      sources: Object.entries(files).map(([path, text]) => parse(path, text))
    }))
    for (const p of this.packages) {
      this.#byName.set(p.name, p)
      for (const source of p.sources) this.#byPath.set(source.path, source)
    }
  }

  source(path: string): Source | undefined {
    return this.#byPath.get(path)
  }

  package(name: string): ProjectPackage | undefined {
    return this.#byName.get(name)
  }

  /** Where `specifier`, written in the file at `path`, leads. */
  resolve(path: string, specifier: string): Target {
    if (specifier.startsWith(".")) return { _tag: "Own", path: Path.join(Path.dirname(path), specifier) }
    const [name, subPath] = split(specifier)
    const found = this.#byName.get(name)
    if (found === undefined) return { _tag: "Foreign", specifier }
    const entry = found.manifest.exports?.[subPath]
    const file = typeof entry === "string" ? entry : entry?.["@oma/source"]
    return { _tag: "Ours", name, path: file === undefined ? undefined : Path.join(found.folder, file) }
  }

  /** The path of the project's file that `specifier` leads to, when it leads to one. */
  fileOf(path: string, specifier: string): string | undefined {
    const target = this.resolve(path, specifier)
    return target._tag !== "Foreign" && target.path !== undefined && this.#byPath.has(target.path)
      ? target.path
      : undefined
  }

  /** The files other than an index that `names` (all of them for `undefined`) of the file at `path` come from. */
  origins(
    path: string,
    names: ReadonlyArray<string> | undefined,
    seen: Set<string> = new Set()
  ): ReadonlyArray<string> {
    const source = this.#byPath.get(path)
    if (source === undefined) return []
    if (!isIndex(path)) return [path]
    const key = `${path}#${names?.join() ?? "*"}`
    if (seen.has(key)) return []
    seen.add(key)
    const into = (specifier: string, wanted: ReadonlyArray<string> | undefined) => {
      const next = this.fileOf(path, specifier)
      return next === undefined ? [] : this.origins(next, wanted, seen)
    }
    if (names === undefined) return unique(source.imports.flatMap((i) => into(i.specifier, i.names)))
    return unique(
      names.flatMap((name) => {
        const handedOn = source.handedOn.find((h) => h.name === name)
        if (handedOn !== undefined)
          return into(handedOn.specifier, handedOn.from === undefined ? undefined : [handedOn.from])
        const star = source.stars.find((specifier) => {
          const next = this.fileOf(path, specifier)
          return next !== undefined && this.#exports(next, name, new Set())
        })
        return star === undefined ? [] : into(star, [name])
      })
    )
  }

  /** Every file that is loaded when the file at `path` is, itself included. */
  loads(path: string): ReadonlySet<string> {
    const seen = new Set([path])
    for (const each of seen) {
      for (const i of this.#byPath.get(each)?.imports ?? []) {
        const next = i.typeOnly ? undefined : this.fileOf(each, i.specifier)
        if (next !== undefined) seen.add(next)
      }
    }
    return seen
  }

  #exports(path: string, name: string, seen: Set<string>): boolean {
    const source = this.#byPath.get(path)
    if (source === undefined || seen.has(path)) return false
    seen.add(path)
    if (source.declared.has(name) || source.handedOn.some((h) => h.name === name)) return true
    return source.stars.some((specifier) => {
      const next = this.fileOf(path, specifier)
      return next !== undefined && this.#exports(next, name, seen)
    })
  }
}

const unique = (paths: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(paths)]
