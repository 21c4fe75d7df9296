/** `npm run docs`: writes the tables of docs/limits.md from the sources. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { limitsDocument } from "./lib/documents.ts"
import { root } from "./lib/workspace.ts"

const document = limitsDocument()
Fs.writeFileSync(Path.join(root, document.path), document.text)
for (const fault of document.faults) console.error(fault)
console.log(`${document.isUpToDate ? "unchanged" : "written"}: ${document.path}`)
process.exitCode = document.faults.length === 0 ? 0 : 1
