/**
 * Reads that arrive in one turn of the event loop as one question to the server.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Unavailable } from "../SaError.ts"
import type { Fetched } from "./Fetched.ts"
import { Names } from "./Names.ts"

/** How many reads share one question. */
const together = 1024

interface Batch {
  readonly names: Names
  readonly readers: Array<(exit: Exit.Exit<Fetched, Unavailable>) => void>
}

export class Reads {
  private readonly fetch: (names: Names) => Effect.Effect<Fetched, Unavailable>
  private batch: Batch | undefined

  constructor(fetch: (names: Names) => Effect.Effect<Fetched, Unavailable>) {
    this.fetch = fetch
  }

  /** What the server has for the names that `add` adds. */
  look(add: (names: Names) => void): Effect.Effect<Fetched, Unavailable> {
    return Effect.callback<Fetched, Unavailable>((resume) => {
      this.batch ??= this.begin()
      add(this.batch.names)
      this.batch.readers.push((exit) => resume(exit))
      if (this.batch.readers.length >= together) this.batch = undefined
    })
  }

  private begin(): Batch {
    const batch: Batch = { names: new Names(), readers: [] }
    setImmediate(() => {
      if (this.batch === batch) this.batch = undefined
      Effect.runFork(this.fetch(batch.names)).addObserver((exit) => {
        for (const reader of batch.readers) reader(exit)
      })
    })
    return batch
  }
}
