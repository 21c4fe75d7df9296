/**
 * Samplers of work that runs in this process: a function called over and over, timed by the monotonic clock.
 *
 * @layer binding
 */
import type { Sampler } from "./Comparison.ts"

export interface WorkOptions {
  /** Milliseconds that one sample takes, about. */
  readonly millis?: number
  /** Operations that one call makes. */
  readonly operations?: number
}

/** What the last call gave: kept, so that no compiler finds the work to be without effect. */
export const sink: { last: unknown } = { last: undefined }

const seconds = () => Number(process.hrtime.bigint()) / 1e9

/** The calls after which one sample has lasted `millis`, found by doubling. */
const calibrate = (spend: (calls: number) => number | Promise<number>) => async (millis: number) => {
  let calls = 1
  for (;;) {
    const spent = await spend(calls)
    if (spent >= millis / 4000) return Math.max(1, Math.round((calls * millis) / 1000 / spent))
    calls *= 2
  }
}

const sampler = (spend: (calls: number) => number | Promise<number>, options: WorkOptions): Sampler => {
  let calls: number | undefined
  return async () => {
    calls ??= await calibrate(spend)(options.millis ?? 60)
    return (calls * (options.operations ?? 1)) / (await spend(calls))
  }
}

/** Samples `work`, a plain function. Its result is kept alive; state between calls is its own affair. */
export const work = (run: () => unknown, options: WorkOptions = {}): Sampler =>
  sampler((calls) => {
    const start = seconds()
    for (let i = 0; i < calls; i++) sink.last = run()
    return seconds() - start
  }, options)

/** Samples `work` that returns a promise, one call after the other. */
export const asyncWork = (run: () => Promise<unknown>, options: WorkOptions = {}): Sampler =>
  sampler(async (calls) => {
    const start = seconds()
    for (let i = 0; i < calls; i++) sink.last = await run()
    return seconds() - start
  }, options)
