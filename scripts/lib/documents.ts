/** The documents that are made from the sources, as they should be. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { collect, withLimits } from "./limits.ts"
import { filesBelow, publicPackages, root } from "./workspace.ts"

const read = (path: string): string => Fs.readFileSync(Path.join(root, path), "utf8")

export interface GeneratedDocument {
  readonly path: string
  readonly text: string
  readonly isUpToDate: boolean
  /** What in the sources contradicts itself. */
  readonly faults: ReadonlyArray<string>
}

/** docs/limits.md as the sources of the public packages say it. */
export const limitsDocument = (): GeneratedDocument => {
  const paths = publicPackages().flatMap((p) => filesBelow(`${p.folder}/src`, (path) => path.endsWith(".ts")))
  const { groups, faults } = collect(Object.fromEntries(paths.map((path) => [path, read(path)])))
  const path = "docs/limits.md"
  const before = read(path)
  const text = withLimits(before, groups)
  return { path, text, isUpToDate: text === before, faults }
}
