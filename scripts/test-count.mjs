// The last line of a verification: how many tests passed and failed, over the reports of all packages. Runs on any Node.
import { existsSync, readdirSync, readFileSync } from "node:fs"

const root = new URL("..", import.meta.url)
const folders = ["packages", "examples"].flatMap((parent) =>
  readdirSync(new URL(parent, root)).map((name) => `${parent}/${name}`)
)
let passed = 0
let failed = 0
for (const folder of [...folders, "scripts"]) {
  const report = new URL(`${folder}/reports/vitest.json`, root)
  if (!existsSync(report)) continue
  const { numPassedTests, numFailedTests, numFailedTestSuites, success } = JSON.parse(readFileSync(report, "utf8"))
  passed += numPassedTests
  failed += numFailedTests
  if (!success && numFailedTests === 0) failed += Math.max(1, numFailedTestSuites) // a file that could not be loaded
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = passed > 0 && failed === 0 ? 0 : 1
