/** `npm run docs`: writes the tables of docs/limits.md and docs/events.md from the sources. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { documents } from "./lib/documents.ts"
import { root } from "./lib/workspace.ts"

for (const { path, text, isUpToDate, faults } of documents()) {
  Fs.writeFileSync(Path.join(root, path), text)
  for (const fault of faults) console.error(fault)
  console.log(`${isUpToDate ? "unchanged" : "written"}: ${path}`)
  if (faults.length > 0) process.exitCode = 1
}
