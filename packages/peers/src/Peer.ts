/**
 * Starts a real server or client, waits until it is ready and stops it by its own process id.
 *
 * @layer binding
 */
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { PeerFailed, PeerMissing } from "./PeerError.ts"
import { loopback } from "./Ports.ts"
import { findProgram } from "./Program.ts"
import { environment } from "./Run.ts"
import { unprivileged } from "./TemporaryFolder.ts"
import { forgetGroup, watchGroup } from "./Watchdog.ts"

/** A TCP port of 127.0.0.1 that accepts, a pattern of the output, or a question asked until it answers `true`. */
export type Ready = number | RegExp | (() => boolean | Promise<boolean>)

export interface PeerOptions {
  /** A name for `findProgram`, or a path. */
  readonly program: string
  readonly args?: ReadonlyArray<string>
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** When it counts as started. None: at once. */
  readonly ready?: Ready
  /** Milliseconds for `ready`; 10,000. */
  readonly timeout?: number
  /** As the user of `unprivileged()`. */
  readonly unprivileged?: boolean
  /** Milliseconds between SIGTERM and SIGKILL; 2,000. */
  readonly grace?: number
}

export interface Peer extends AsyncDisposable {
  readonly pid: number
  /** All that it has printed so far, both channels. */
  readonly output: () => string
  /** Writes to its standard input. */
  readonly write: (data: string | Uint8Array) => void
  /** Waits until the output matches; fails with `PeerFailed` after `timeout` milliseconds (5,000) or at its end. */
  readonly waitFor: (pattern: RegExp, timeout?: number) => Promise<string>
  /** Resolves with its exit code, `null` after a signal. */
  readonly ended: Promise<number | null>
  /** SIGTERM, and after the grace time SIGKILL, to its process group; resolves when it is gone. Can be called again. */
  readonly stop: () => Promise<void>
  /** Kills it without notice, as a crash does. */
  readonly kill: () => Promise<void>
}

const outputLimit = 1 << 20

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect({ port, host: loopback })
    const answer = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.once("connect", () => answer(true))
    socket.once("error", () => answer(false))
  })

/** Starts a program and waits until it is ready. Fails with `PeerMissing` or `PeerFailed`; then nothing runs on. */
export const startPeer = async (options: PeerOptions): Promise<Peer> => {
  const file = findProgram(options.program)
  if (file === undefined) throw new PeerMissing({ programs: [options.program] })
  const child = ChildProcess.spawn(file, options.args ?? [], {
    cwd: options.cwd,
    env: environment(options.env),
    detached: true, // its own process group, so that its children are stopped with it
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.unprivileged === true ? unprivileged() : {})
  })
  let text = ""
  let running = true
  const keep = (data: Buffer) => {
    text = (text + data.toString("utf8")).slice(-outputLimit)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  child.stdin.on("error", () => undefined)
  const failed = (reason: string) => new PeerFailed({ program: file, reason, output: text.slice(-8192) })

  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      running = false
      if (child.pid !== undefined) forgetGroup(child.pid)
      resolve(code)
    })
    child.once("error", () => {
      running = false
      resolve(null)
    })
  })
  const pid = child.pid
  if (pid === undefined) {
    await ended
    throw failed("could not be started")
  }
  watchGroup(pid)

  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-pid, name)
    } catch {
      // the group is gone
    }
  }
  const kill = async () => {
    if (running) signal("SIGKILL")
    await ended
  }
  const stop = async () => {
    if (!running) return
    signal("SIGTERM")
    const timer = setTimeout(() => signal("SIGKILL"), options.grace ?? 2000)
    await ended
    clearTimeout(timer)
    signal("SIGKILL") // what outlived the leader of the group
  }
  const until = async (holds: () => boolean | Promise<boolean>, milliseconds: number, what: string) => {
    const end = performance.now() + milliseconds
    for (;;) {
      if (await holds()) return
      if (!running) {
        await pause(20) // the last output may still be on its way
        if (await holds()) return
        throw failed(`ended before ${what}`)
      }
      if (performance.now() > end) throw failed(`not in ${milliseconds} ms: ${what}`)
      await pause(10)
    }
  }

  const { ready } = options
  if (ready !== undefined) {
    const holds =
      typeof ready === "number" ? () => accepts(ready) : ready instanceof RegExp ? () => ready.test(text) : ready
    try {
      await until(holds, options.timeout ?? 10_000, typeof ready === "function" ? "ready" : `ready (${String(ready)})`)
    } catch (error) {
      await stop()
      throw error
    }
  }

  return {
    pid,
    output: () => text,
    write: (data) => {
      child.stdin.write(data)
    },
    waitFor: async (pattern, timeout = 5000) => {
      await until(() => pattern.test(text), timeout, String(pattern))
      return text
    },
    ended,
    stop,
    kill,
    [Symbol.asyncDispose]: stop
  }
}

/** `startPeer` as a scoped effect: the program is stopped when the scope closes. */
export const peer = (options: PeerOptions): Effect.Effect<Peer, PeerMissing | PeerFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => startPeer(options),
      catch: (cause) =>
        cause instanceof PeerMissing || cause instanceof PeerFailed
          ? cause
          : new PeerFailed({ program: options.program, reason: String(cause), output: "" })
    }),
    (started) => Effect.promise(() => started.stop())
  )
