/**
 * Policies compiled to a flat table, for the hot path: the decision on a message with at most one credential is one index.
 * The readable `decide` stays the definition; a test shows that both agree on every input.
 *
 * @layer machine
 */
import { type Decision, decide } from "./Decision.ts"
import type { Level } from "./Level.ts"
import { type AuthMode, type InterfaceName, nameOf, type SecurityPolicy } from "./SecurityPolicy.ts"

const levels: ReadonlyArray<Level> = [0, 1, 2, 3]

/**
 * A compiled policy. `interfaceIndex` and `modeIndex` are looked up once, when a server starts; `lookup` allocates nothing.
 */
export interface DecisionTable {
  /** The place of an interface, or -1 for one without a policy. */
  readonly interfaceIndex: (name: InterfaceName) => number
  /** The place of a mode; 0 stands for no credentials, and for modes that no policy mentions the last place. */
  readonly modeIndex: (mode: AuthMode | undefined) => number
  readonly lookup: (interfaceIndex: number, modeIndex: number, level: Level) => Decision
}

/** Compiles `policy`. The table has 4 entries for each pair of interface and mode. */
export const compile = (policy: SecurityPolicy): DecisionTable => {
  const modes = new Map<AuthMode, number>()
  for (const { clientAuthentication } of policy.interfaces) {
    for (const { mode } of clientAuthentication) {
      if (mode !== "none" && !modes.has(mode)) modes.set(mode, modes.size + 1)
    }
  }
  const unknown = modes.size + 1
  const width = (unknown + 1) * 4
  const decisions: Array<Decision> = []
  const places = new Map<string, number>()
  const table = new Uint16Array(policy.interfaces.length * width)
  const remember = (decision: Decision): number => {
    const text = JSON.stringify(decision)
    let place = places.get(text)
    if (place === undefined) {
      place = decisions.length
      decisions.push(decision)
      places.set(text, place)
    }
    return place
  }
  for (const [i, entry] of policy.interfaces.entries()) {
    for (const level of levels) {
      table[i * width + level] = remember(decide(entry, level, []))
      for (const [mode, m] of modes) table[i * width + m * 4 + level] = remember(decide(entry, level, [mode]))
      // a name that no policy can hold, because names of modes have no blanks
      table[i * width + unknown * 4 + level] = remember(decide(entry, level, ["a mode of no policy"]))
    }
  }
  const interfaces = new Map(policy.interfaces.map((entry, index) => [nameOf(entry), index]))
  return {
    interfaceIndex: (name) => interfaces.get(nameOf(name)) ?? -1,
    modeIndex: (mode) => (mode === undefined ? 0 : (modes.get(mode) ?? unknown)),
    lookup: (interfaceIndex, modeIndex, level) => decisions[table[interfaceIndex * width + modeIndex * 4 + level]!]!
  }
}
