/**
 * How many sessions of nobody in particular there are, of one source and in all: what bounds them.
 *
 * @layer machine
 * @spec dcd 2: unauthenticated sessions are bounded per source and in all
 */

export interface AnonymousSessions {
  /** Counts one more that ends at `endsAt`, where there may be one more of `source` at `now`. */
  readonly begin: (source: string, now: number, endsAt: number, limits: AnonymousLimits) => boolean
}

export interface AnonymousLimits {
  readonly perSource: number
  readonly all: number
}

/** How often all sources are looked through while there are too many, in milliseconds. */
const sweepEvery = 1000

/** Counts in memory, of this process. */
export const make = (): AnonymousSessions => {
  const ends = new Map<string, ReadonlyArray<number>>()
  let total = 0
  let sweptAt = Number.NEGATIVE_INFINITY

  const prune = (source: string, now: number): ReadonlyArray<number> => {
    const all = ends.get(source) ?? []
    const living = all.filter((end) => end > now)
    total -= all.length - living.length
    if (living.length === 0) ends.delete(source)
    else ends.set(source, living)
    return living
  }

  return {
    begin: (source, now, endsAt, limits) => {
      const own = prune(source, now)
      if (total >= limits.all && now - sweptAt >= sweepEvery) {
        sweptAt = now
        for (const other of [...ends.keys()]) prune(other, now)
      }
      if (own.length >= limits.perSource || total >= limits.all) return false
      ends.set(source, [...own, endsAt])
      total++
      return true
    }
  }
}
