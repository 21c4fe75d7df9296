/** The ledgers of `conformance/`, the reports of the packages and the ids that their tests are written with. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { idsIn, type Ledger, type Test, testsOf } from "./conformance.ts"
import { filesBelow, packages, root } from "./workspace.ts"

const read = (path: string): string => Fs.readFileSync(Path.join(root, path), "utf8")

export const ledgers = (): ReadonlyArray<Ledger> =>
  filesBelow("conformance", (path) => path.endsWith(".json")).map((path) => JSON.parse(read(path)) as Ledger)

/** The folders whose last test run left a report, and those that have tests but no report. */
export const reports = (): { readonly tests: ReadonlyArray<Test>; readonly missing: ReadonlyArray<string> } => {
  const folders = packages().map((p) => p.folder)
  const has = (folder: string) => Fs.existsSync(Path.join(root, folder, "reports/vitest.json"))
  return {
    tests: folders.filter(has).flatMap((folder) => testsOf(folder, JSON.parse(read(`${folder}/reports/vitest.json`)))),
    missing: folders.filter((f) => !has(f) && filesBelow(`${f}/test`, (path) => path.endsWith(".test.ts")).length > 0)
  }
}

/** Ids in the text of test files that no ledger holds, with the line: found without running anything. */
export const unknownIds = (
  all: ReadonlyArray<Ledger>
): ReadonlyArray<{ readonly id: string; readonly where: string }> => {
  const known = new Set(all.flatMap((l) => l.rows.map((r) => r.id)))
  const families = all.map((l) => l.family)
  return packages()
    .filter((p) => p.folder !== "scripts")
    .flatMap((p) => filesBelow(`${p.folder}/test`, (path) => path.endsWith(".ts")))
    .flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, at) =>
          idsIn(line, families)
            .filter((id) => !known.has(id))
            .map((id) => ({ id, where: `${path}:${at + 1}` }))
        )
    )
}

/** The ids of the rows of docs/conformance.md, in their order. */
export const documentedIds = (): ReadonlyArray<string> =>
  [
    ...(Fs.existsSync(Path.join(root, "docs/conformance.md")) ? read("docs/conformance.md") : "").matchAll(
      /^\| ([A-Z][A-Z_]*-[A-Z0-9-]*\d{3}[a-z]?) \|/gm
    )
  ].map((match) => match[1]!)
