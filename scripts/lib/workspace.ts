/** The packages of this repository, and the folder they lie in. */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** Where the repository begins. */
export const root = Path.resolve(import.meta.dirname, "../..")

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export interface Package {
  readonly name: string
  /** Relative to the root, with forward slashes. */
  readonly folder: string
  readonly manifest: Manifest
}

const manifestAt = (folder: string): Manifest | undefined => {
  const file = Path.join(root, folder, "package.json")
  return Fs.existsSync(file) ? (JSON.parse(Fs.readFileSync(file, "utf8")) as Manifest) : undefined
}

/** Every package of `packages/*`, `examples/*` and `scripts`, by folder. */
export const packages = (): ReadonlyArray<Package> => {
  const under = (parent: string) =>
    Fs.existsSync(Path.join(root, parent))
      ? Fs.readdirSync(Path.join(root, parent)).map((name) => `${parent}/${name}`)
      : []
  return [...under("packages"), ...under("examples"), "scripts"].sort().flatMap((folder) => {
    const manifest = manifestAt(folder)
    return manifest === undefined ? [] : [{ name: manifest.name, folder, manifest }]
  })
}

/** Those that are published. */
export const publicPackages = (): ReadonlyArray<Package> => packages().filter((p) => p.manifest.private !== true)

/** The paths of the files below `folder` (relative to the root) that `keep` accepts, sorted, with forward slashes. */
export const filesBelow = (folder: string, keep: (path: string) => boolean): ReadonlyArray<string> => {
  const start = Path.join(root, folder)
  if (!Fs.existsSync(start)) return []
  return Fs.readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => Path.relative(root, Path.join(entry.parentPath, entry.name)).split(Path.sep).join("/"))
    .filter((path) => !path.includes("/node_modules/") && keep(path))
    .sort()
}
