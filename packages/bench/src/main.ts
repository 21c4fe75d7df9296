/**
 * Measures the comparisons of one bench file and hands the outcomes to the parent process. A file has a process of its own,
 * so that no other's code has shaped its compiled functions.
 *
 * @layer binding
 */
import { type Bench, measure } from "./Comparison.ts"

const [file, rounds] = process.argv.slice(2)
const loaded = (await import(file!)) as { readonly default: Bench }
const comparisons = typeof loaded.default === "function" ? await loaded.default() : loaded.default
for (const comparison of comparisons) {
  process.stderr.write(`  ${comparison.goal}  ${comparison.name}\n`)
  process.send?.(await measure(comparison, rounds === undefined ? undefined : Number(rounds)))
}
process.disconnect?.()
