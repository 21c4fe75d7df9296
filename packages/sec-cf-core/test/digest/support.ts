import * as fs from "node:fs"

/** One vector in the shape of the `vectors` folder. */
export interface Vector {
  readonly name: string
  readonly source: string
  readonly status: "published" | "captured" | "derived" | "negative"
  readonly input: Readonly<Record<string, string>>
  readonly output: Readonly<Record<string, string>>
  readonly note: string
}

export const vectors = (file: string): ReadonlyArray<Vector> =>
  JSON.parse(fs.readFileSync(new URL(`../../vectors/${file}`, import.meta.url), "utf8"))

/** Runs of a property: about 2,000 in the suite, what FUZZ_RUNS says under `npm run fuzz`. */
export const fuzzRuns = (base = 2000): number => Number(process.env["FUZZ_RUNS"] ?? base)

/** Numbers that a seed repeats. */
export const generator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 0x1_0000_0000
  }
}
