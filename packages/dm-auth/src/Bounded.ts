/**
 * A map with a bound: what was used least lately goes first.
 *
 * @layer codec
 */

export interface Bounded<A> {
  readonly get: (key: string) => A | undefined
  readonly set: (key: string, value: A) => void
  readonly delete: (key: string) => void
}

/** An empty map that holds `most` entries. */
export const bounded = <A>(most: number): Bounded<A> => {
  const entries = new Map<string, A>()
  return {
    get: (key: string): A | undefined => {
      const found = entries.get(key)
      if (found === undefined) return undefined
      entries.delete(key)
      entries.set(key, found)
      return found
    },
    set: (key: string, value: A): void => {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size > most) entries.delete(entries.keys().next().value!)
    },
    delete: (key: string): void => {
      entries.delete(key)
    }
  }
}
