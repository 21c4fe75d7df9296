/**
 * Two things measured in turn in one run, A B A B, and the ratio of their rates: the median of the ratios of the rounds,
 * with the least and the greatest. Machines differ, ratios hardly.
 *
 * @layer binding
 */

/** Does a piece of work for a while and returns how many operations a second it made. */
export type Sampler = () => Promise<number>

export interface Comparison {
  /** The goal it stands for: a number of docs/performance.md (`P4`), or a short name of its own. */
  readonly goal: string
  /** What is compared with what, in one line. */
  readonly name: string
  /** The ratio of the rates, ours to the baseline's, to hold: 0.9 for "at least 90 %", 2 for "twice as fast". */
  readonly atLeast: number
  readonly ours: Sampler
  readonly baseline: Sampler
  /** What the samplers give, for the table; operations a second (`/s`) unless said otherwise. More is better. */
  readonly unit?: string
  /** Throws unless both sides give the right answer. Runs once, before any measurement. */
  readonly check: () => void | Promise<void>
  /** Ends what the comparison started. Runs once, also after a failure. */
  readonly end?: () => void | Promise<void>
}

/** What a bench file exports as its default. */
export type Bench = ReadonlyArray<Comparison> | (() => ReadonlyArray<Comparison> | Promise<ReadonlyArray<Comparison>>)

export interface Outcome {
  readonly goal: string
  readonly name: string
  readonly atLeast: number
  readonly median: number
  readonly min: number
  readonly max: number
  /** Medians, in `unit`. */
  readonly oursRate: number
  readonly baselineRate: number
  readonly unit: string
  readonly rounds: number
}

/** The rounds of one comparison when nothing else is asked for. */
export const defaultRounds = 9

/** The middle one of `values`, or the mean of the two in the middle. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const collect = (): void => (globalThis as { readonly gc?: () => void }).gc?.()

/** Checks the answers, warms both sides with one round that is not counted, then measures at least seven rounds. */
export const measure = async (comparison: Comparison, rounds: number = defaultRounds): Promise<Outcome> => {
  try {
    await comparison.check()
    const sample = async (side: Sampler) => {
      collect()
      return side()
    }
    await sample(comparison.ours)
    await sample(comparison.baseline)
    const ours: Array<number> = []
    const baseline: Array<number> = []
    for (let round = 0; round < Math.max(7, rounds); round++) {
      ours.push(await sample(comparison.ours))
      baseline.push(await sample(comparison.baseline))
    }
    const ratios = ours.map((rate, round) => rate / baseline[round]!)
    const { goal, name, atLeast, unit = "/s" } = comparison
    return {
      goal,
      name,
      atLeast,
      median: median(ratios),
      min: Math.min(...ratios),
      max: Math.max(...ratios),
      oursRate: median(ours),
      baselineRate: median(baseline),
      unit,
      rounds: ratios.length
    }
  } finally {
    await comparison.end?.()
  }
}
