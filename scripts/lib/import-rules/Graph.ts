/** Cycles in a graph of names. */

/**
 * One cycle of each knot of `graph`, as the names along it with the first repeated at the end. A knot is a largest set of
 * names that all reach each other; a name that points at itself is one too.
 */
export const cycles = (graph: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: Array<string> = []
  const onStack = new Set<string>()
  const knots: Array<ReadonlySet<string>> = []
  const visit = (name: string): void => {
    index.set(name, index.size)
    low.set(name, index.get(name)!)
    stack.push(name)
    onStack.add(name)
    for (const next of graph.get(name) ?? []) {
      if (!graph.has(next)) continue
      if (!index.has(next)) {
        visit(next)
        low.set(name, Math.min(low.get(name)!, low.get(next)!))
      } else if (onStack.has(next)) low.set(name, Math.min(low.get(name)!, index.get(next)!))
    }
    if (low.get(name) !== index.get(name)) return
    const knot = new Set<string>()
    let member: string
    do {
      member = stack.pop()!
      onStack.delete(member)
      knot.add(member)
    } while (member !== name)
    if (knot.size > 1 || graph.get(name)?.has(name) === true) knots.push(knot)
  }
  for (const name of [...graph.keys()].sort()) if (!index.has(name)) visit(name)
  return knots.map((knot) => shortest(graph, knot))
}

/** The shortest way from the first name of `knot` back to itself. */
const shortest = (
  graph: ReadonlyMap<string, ReadonlySet<string>>,
  knot: ReadonlySet<string>
): ReadonlyArray<string> => {
  const start = [...knot].sort()[0]!
  const queue: Array<ReadonlyArray<string>> = [[start]]
  const seen = new Set<string>()
  for (const path of queue) {
    for (const next of [...(graph.get(path.at(-1)!) ?? [])].sort()) {
      if (next === start) return [...path, start]
      if (!knot.has(next) || seen.has(next)) continue
      seen.add(next)
      queue.push([...path, next])
    }
  }
  return [start]
}
