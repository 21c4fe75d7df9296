/**
 * What a run found, as a table for people.
 *
 * @layer binding
 */
import type { Outcome } from "./Comparison.ts"

/** `0.9` as `90 %`, `2.5` as `2.50x`: a ratio below 1.3 is read as a part of the baseline, above as a multiple. */
export const ratio = (value: number): string => (value < 1.3 ? `${Math.round(value * 100)} %` : `${value.toFixed(2)}x`)

/** Three digits and a unit: `1.25 M/s`. */
export const rate = (value: number, unit: string): string => {
  const [divisor, prefix] = value >= 1e6 ? [1e6, "M"] : value >= 1e3 ? [1e3, "k"] : [1, ""]
  return `${Number((value / divisor).toPrecision(3))} ${prefix}${unit}`
}

export const held = (outcome: Outcome): boolean => outcome.median >= outcome.atLeast

const goalNumber = (goal: string): number => Number(/^P(\d+)$/.exec(goal)?.[1] ?? Number.POSITIVE_INFINITY)

/** By the number of the goal, then by name. */
export const ordered = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Outcome> =>
  outcomes.toSorted((a, b) => {
    const [first, second] = [goalNumber(a.goal), goalNumber(b.goal)]
    return first !== second ? first - second : `${a.goal} ${a.name}` < `${b.goal} ${b.name}` ? -1 : 1
  })

const head = ["goal", "what", "hold at least", "ratio", "min", "max", "ours", "baseline", "verdict"]

const rows = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<ReadonlyArray<string>> =>
  ordered(outcomes).map((o) => [
    o.goal,
    o.name,
    ratio(o.atLeast),
    ratio(o.median),
    ratio(o.min),
    ratio(o.max),
    rate(o.oursRate, o.unit),
    rate(o.baselineRate, o.unit),
    held(o) ? "held" : "missed"
  ])

/** Columns in line, for a terminal. */
export const asText = (outcomes: ReadonlyArray<Outcome>): string => {
  const all = [head, ...rows(outcomes)]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** A Markdown table. */
export const asMarkdown = (outcomes: ReadonlyArray<Outcome>): string =>
  [head, head.map(() => "---"), ...rows(outcomes)]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n")
