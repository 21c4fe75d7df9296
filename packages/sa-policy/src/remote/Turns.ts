/**
 * Transactions of one turn of the event loop, and all that arrive while one is under way, as one: their rows are fetched
 * together, judged here, and written together if nobody changed them meanwhile; otherwise all of it is done again.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Unavailable } from "../SaError.ts"
import { Draft } from "../StoreMachine.ts"
import { type Changes, type Fetched, isEmpty } from "./Fetched.ts"
import { Names } from "./Names.ts"

/** What a turn needs of a server. */
export interface Rows {
  /** The rows of `names`, the holders of its octets among them. */
  readonly fetch: (names: Names) => Effect.Effect<Fetched, Unavailable>
  /** Writes all of `changes`, durably, or gives `false` and writes nothing because a row that was read has changed. */
  readonly commit: (changes: Changes) => Effect.Effect<boolean, Unavailable>
}

type Outcome = Effect.Effect<unknown, unknown>

interface Job {
  readonly names: (names: Names) => void
  readonly work: (draft: Draft) => Outcome
  readonly now: number
  /** About how many octets it writes. */
  readonly octets: number
  settle: (outcome: Outcome) => void
}

/** How many transactions and octets one turn takes, and how many transactions may wait for the next ones. */
const turnLimits = { together: 1024, octets: 8 * 1024 * 1024, waiting: 65_536 } as const

/** How long, in milliseconds, to stay away from rows that another node changed first; doubled each time, spread at random. */
const pause = { first: 0.5, most: 20 } as const

const unavailable = (what: string, retryable: boolean) => new Unavailable({ what, retryable, cause: undefined })

export class Turns {
  private readonly rows: Rows
  private readonly busyMillis: number
  private readonly announce: () => void
  private waiting: Array<Job> = []
  private running: Fiber.Fiber<void> | undefined
  private immediate: NodeJS.Immediate | undefined
  private closed = false

  constructor(options: {
    readonly rows: Rows
    /** How long, in milliseconds, a turn contends with other nodes before it fails. */
    readonly busyMillis: number
    /** Called after a turn that has revocations in it. */
    readonly announce: () => void
  }) {
    this.rows = options.rows
    this.busyMillis = options.busyMillis
    this.announce = options.announce
  }

  /**
   * Does `work` on the rows that `names` names in the next turn; completes when it is durable. Interrupted before that turn
   * began, it is not done; after that, the interruption waits for its end.
   */
  enqueue<A, E>(
    names: (names: Names) => void,
    work: (draft: Draft) => Effect.Effect<A, E>,
    now: number,
    octets = 0
  ): Effect.Effect<A, E | Unavailable> {
    return Effect.callback<A, E | Unavailable>((resume) => {
      if (this.closed) return resume(Effect.fail(unavailable("store is closed", false)))
      if (this.waiting.length >= turnLimits.waiting) {
        return resume(Effect.fail(unavailable(`${turnLimits.waiting} transactions wait already`, true)))
      }
      let after: (() => void) | undefined
      let settled = false
      const job: Job = {
        names,
        work,
        now,
        octets,
        settle: (outcome) => {
          settled = true
          resume(outcome as Effect.Effect<A, E | Unavailable>)
          after?.()
        }
      }
      this.waiting.push(job)
      this.soon()
      return Effect.callback<void>((interrupted) => {
        const at = this.waiting.indexOf(job)
        if (at >= 0) this.waiting.splice(at, 1)
        if (at >= 0 || settled) return interrupted(Effect.void)
        after = () => interrupted(Effect.void)
      })
    })
  }

  private soon(): void {
    if (this.running !== undefined || this.immediate !== undefined) return
    this.immediate = setImmediate(() => {
      this.immediate = undefined
      this.begin()
    })
  }

  private begin(): void {
    const jobs = this.take()
    if (jobs.length === 0) return
    const fiber = Effect.runFork(this.turn(jobs))
    this.running = fiber
    fiber.addObserver((exit) => {
      this.running = undefined
      if (Exit.isFailure(exit)) for (const job of jobs) job.settle(Effect.failCause(exit.cause))
      if (this.waiting.length > 0) this.begin()
    })
  }

  private take(): ReadonlyArray<Job> {
    let octets = 0
    let count = 0
    for (const job of this.waiting) {
      octets += job.octets
      if (count > 0 && (octets > turnLimits.octets || count === turnLimits.together)) break
      count++
    }
    return this.waiting.splice(0, count)
  }

  private turn(jobs: ReadonlyArray<Job>): Effect.Effect<void> {
    const names = new Names()
    for (const job of jobs) job.names(names)
    const moments = jobs.map(({ now }) => now).filter(Number.isFinite)
    const now = moments.length === 0 ? 0 : Math.min(...moments)
    const giveUp = performance.now() + this.busyMillis
    const attempt = (wait: number): Effect.Effect<void, Unavailable> =>
      Effect.flatMap(this.rows.fetch(names), (fetched) => {
        const draft = new Draft(fetched)
        const outcomes = jobs.map((job) => job.work(draft))
        const changes = fetched.changes(names, draft, now)
        const settle = Effect.sync(() => {
          for (const [i, job] of jobs.entries()) job.settle(outcomes[i]!)
          if (changes.log.length > 0) this.announce()
        })
        if (isEmpty(changes)) return settle
        return Effect.flatMap(this.rows.commit(changes), (done): Effect.Effect<void, Unavailable> => {
          if (done) return settle
          if (performance.now() > giveUp) return Effect.fail(unavailable("other nodes keep changing the rows", true))
          const spread = wait * (0.5 + Math.random())
          return Effect.andThen(Effect.sleep(spread), attempt(Math.min(pause.most, wait * 2)))
        })
      })
    return Effect.catch(attempt(pause.first), (failure) =>
      Effect.sync(() => {
        for (const job of jobs) job.settle(Effect.fail(failure))
      })
    )
  }

  /** Finishes what waits and takes nothing more. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    if (this.immediate !== undefined) {
      clearImmediate(this.immediate)
      this.immediate = undefined
      this.begin()
    }
    return this.drained()
  })

  private drained(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.running === undefined
        ? Effect.void
        : Effect.andThen(Fiber.await(this.running), Effect.andThen(Effect.yieldNow, this.drained()))
    )
  }
}
