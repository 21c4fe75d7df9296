/**
 * How strongly a connection or a push is protected, as a lattice.
 *
 * @layer codec
 */

/**
 * A set of protections as two bits: integrity 1, confidentiality 2. The order of the lattice is set inclusion, its join is
 * bitwise or, so a demand for one and a demand for the other give a demand for both.
 */
export type Level = 0 | 1 | 2 | 3

export const none: Level = 0
export const integrity: Level = 1
export const confidentiality: Level = 2
/** What TLS, PSK-TLS and DTLS with a cipher give. */
export const full: Level = 3

/** The names that policy files use. */
export const names = ["none", "integrity", "confidentiality", "full"] as const

export type LevelName = (typeof names)[number]

export const fromName = (name: LevelName): Level => names.indexOf(name) as Level

export const nameOf = (level: Level): LevelName => names[level]

/** Whether `actual` gives everything that `least` asks for. */
export const satisfies = (actual: Level, least: Level): boolean => (actual & least) === least

/** The weakest level that satisfies both. */
export const join = (a: Level, b: Level): Level => (a | b) as Level

/** The strongest level that both satisfy. */
export const meet = (a: Level, b: Level): Level => (a & b) as Level
