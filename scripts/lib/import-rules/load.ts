/** The table and the packages of this repository, as the rules take them. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { filesBelow, packages, root } from "../workspace.ts"
import type { PackageFiles } from "./Project.ts"
import type { Table } from "./rules.ts"

export const table = (): Table =>
  JSON.parse(Fs.readFileSync(Path.join(root, "scripts/import-rules.json"), "utf8")) as Table

const scanned = /^(src|test|bench|lib)\/.*\.ts$/

export const load = (): ReadonlyArray<PackageFiles> =>
  packages().map(({ name, folder, manifest }) => ({
    name,
    folder,
    manifest,
    files: Object.fromEntries(
      filesBelow(folder, (path) => scanned.test(path.slice(folder.length + 1))).map((path) => [
        path,
        Fs.readFileSync(Path.join(root, path), "utf8")
      ])
    )
  }))
