/**
 * One commit for everything that arrived in one turn of the event loop: the disk is waited for once, and a transaction that
 * fails leaves its neighbours alone.
 *
 * @layer binding
 */
import type { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { Unavailable } from "../SaError.ts"
import { Draft } from "../StoreMachine.ts"
import { isBusy, unavailable } from "./Database.ts"
import type { Tables } from "./Tables.ts"

/** What a commit is made of: work on the draft, or on the tables once the draft is written. */
interface Job {
  readonly draft?: (draft: Draft) => Effect.Effect<unknown, unknown>
  readonly tables?: (tables: Tables) => Effect.Effect<unknown, unknown>
  readonly settle: (outcome: Effect.Effect<unknown, unknown>) => void
  outcome: Effect.Effect<unknown, unknown>
}

/** How many transactions one commit takes, and how many may wait for the next ones. */
const commitLimits = { together: 1024, waiting: 65_536 } as const

/** How long, in milliseconds, to leave the file to other connections before the next try; doubled each time. */
const pause = { first: 1, most: 50 } as const

export class GroupCommit {
  private readonly database: DatabaseSync
  private readonly tables: Tables
  private readonly busyMillis: number
  private readonly announce: () => void
  private readonly now: () => number
  private waiting: Array<Job> = []
  private timer: NodeJS.Timeout | undefined
  private immediate: NodeJS.Immediate | undefined
  private busySince: number | undefined
  private nextPause: number = pause.first
  private closed = false

  constructor(options: {
    readonly database: DatabaseSync
    readonly tables: Tables
    readonly busyMillis: number
    /** Called after a commit that has revocations in it. */
    readonly announce: () => void
    /** Monotonic milliseconds, for the patience with other connections. */
    readonly now: () => number
  }) {
    this.database = options.database
    this.tables = options.tables
    this.busyMillis = options.busyMillis
    this.announce = options.announce
    this.now = options.now
  }

  /** Does `work` in the next commit; completes when the commit is durable. Interrupted before that commit began, it is not done. */
  onDraft<A, E>(work: (draft: Draft) => Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> {
    return this.enqueue<A, E>((settle) => ({ draft: work, settle, outcome: Effect.void }))
  }

  /** The same for work that needs the tables themselves. */
  onTables<A, E>(work: (tables: Tables) => Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> {
    return this.enqueue<A, E>((settle) => ({ tables: work, settle, outcome: Effect.void }))
  }

  private enqueue<A, E>(make: (settle: Job["settle"]) => Job): Effect.Effect<A, E | Unavailable> {
    return Effect.callback<A, E | Unavailable>((resume) => {
      if (this.closed) return resume(Effect.fail(unavailable("store is closed", undefined)))
      if (this.waiting.length >= commitLimits.waiting) return resume(Effect.fail(overloaded()))
      const job = make((outcome) => resume(outcome as Effect.Effect<A, E | Unavailable>))
      this.waiting.push(job)
      if (this.timer === undefined && this.immediate === undefined) this.soon()
      return Effect.sync(() => {
        const at = this.waiting.indexOf(job)
        if (at >= 0) this.waiting.splice(at, 1)
      })
    })
  }

  private soon(): void {
    this.immediate = setImmediate(() => {
      this.immediate = undefined
      this.flush()
    })
  }

  /** Commits what waits. */
  private flush(): void {
    if (this.waiting.length === 0) return
    try {
      this.database.exec("BEGIN IMMEDIATE")
    } catch (cause) {
      this.postpone(cause)
      return
    }
    this.busySince = undefined
    this.nextPause = pause.first
    const jobs = this.waiting.slice(0, commitLimits.together)
    this.waiting = this.waiting.slice(commitLimits.together)
    let revoked = false
    try {
      revoked = this.perform(jobs)
      this.database.exec("COMMIT")
    } catch (cause) {
      this.rollback()
      const failure = Effect.fail(unavailable("transaction was not committed", cause))
      for (const job of jobs) job.outcome = failure
      revoked = false
    }
    for (const job of jobs) job.settle(job.outcome)
    if (revoked) this.announce()
    if (this.waiting.length > 0 && !this.closed) this.soon()
  }

  private perform(jobs: ReadonlyArray<Job>): boolean {
    const { tables } = this
    tables.refresh()
    const draft = new Draft(tables)
    for (const job of jobs) if (job.draft !== undefined) job.outcome = job.draft(draft)
    tables.write(draft)
    for (const job of jobs) if (job.tables !== undefined) job.outcome = job.tables(tables)
    return draft.burials.length > 0
  }

  private rollback(): void {
    this.tables.forget()
    try {
      if (this.database.isTransaction) this.database.exec("ROLLBACK")
    } catch {
      // The transaction is gone with whatever made the rollback fail; the next BEGIN tells if the file still answers.
    }
  }

  /** Tries again later, as long as another connection is in the way and patience lasts. */
  private postpone(cause: unknown): void {
    this.busySince ??= this.now()
    if (isBusy(cause) && !this.closed && this.now() - this.busySince < this.busyMillis) {
      this.timer = setTimeout(() => {
        this.timer = undefined
        this.flush()
      }, this.nextPause)
      this.nextPause = Math.min(pause.most, this.nextPause * 2)
      return
    }
    this.busySince = undefined
    this.nextPause = pause.first
    const jobs = this.waiting
    this.waiting = []
    const failure = Effect.fail(unavailable("transaction could not begin", cause))
    for (const job of jobs) job.settle(failure)
  }

  /** Commits what waits, once, and takes nothing more. */
  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    if (this.immediate !== undefined) clearImmediate(this.immediate)
    while (this.waiting.length > 0) this.flush()
  }
}

const overloaded = () =>
  new Unavailable({
    what: `${commitLimits.waiting} transactions wait already`,
    retryable: true,
    cause: undefined
  })
