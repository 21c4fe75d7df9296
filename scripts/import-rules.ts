/** Prints every break of the import rules and fails when there is one. */
import { load, table } from "./lib/import-rules/load.ts"
import { violations } from "./lib/import-rules/rules.ts"

const found = violations(table(), load())
for (const { path, line, rule, message } of found) console.log(`${path}:${line}  ${rule}  ${message}`)
console.log(found.length === 0 ? "import rules: all kept" : `import rules: ${found.length} broken`)
process.exitCode = found.length === 0 ? 0 : 1
