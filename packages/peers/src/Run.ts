/**
 * Runs a program to its end.
 *
 * @layer binding
 */
import * as ChildProcess from "node:child_process"
import { PeerFailed, PeerMissing } from "./PeerError.ts"
import { findProgram } from "./Program.ts"
import { unprivileged } from "./TemporaryFolder.ts"
import { forgetGroup, watchGroup } from "./Watchdog.ts"

export interface RunOptions {
  /** What the program reads; its input is closed after that. None: closed at once. */
  readonly input?: string | Uint8Array
  /** Leaves the program's input open, for clients that take its end for a wish to quit. */
  readonly keepInputOpen?: boolean
  /** Milliseconds until it is killed; 10,000. */
  readonly timeout?: number
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** As the user of `unprivileged()`. */
  readonly unprivileged?: boolean
}

export interface Ran {
  /** The exit code; `null` after a signal. */
  readonly code: number | null
  /** Whether the time was up, so that it was killed. */
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
  /** What was printed on standard output, octet for octet. */
  readonly stdoutBytes: Uint8Array
  /** Both channels in the order of arrival. */
  readonly output: string
}

/** The environment of a peer: this process's own in the C locale, without the settings that are meant for Node. */
export const environment = (added?: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...inherited } = process.env
  return { ...inherited, LC_ALL: "C", ...added }
}

/**
 * Runs `program` (a name for `findProgram`, or a path) with `args` until it ends or the time is up. Any exit code is a
 * value; fails with `PeerMissing` where it is not installed and `PeerFailed` where it could not be started.
 */
export const run = (program: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const file = findProgram(program)
    if (file === undefined) return reject(new PeerMissing({ programs: [program] }))
    const child = ChildProcess.spawn(file, args, {
      cwd: options.cwd,
      env: environment(options.env),
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.unprivileged === true ? unprivileged() : {})
    })
    const pid = child.pid
    if (pid !== undefined) watchGroup(pid)
    const out: Array<Buffer> = []
    const err: Array<Buffer> = []
    const all: Array<Buffer> = []
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      try {
        if (pid !== undefined) process.kill(-pid, "SIGKILL")
      } catch {
        // it ended in the meantime
      }
    }, options.timeout ?? 10_000)
    child.stdout.on("data", (data: Buffer) => {
      out.push(data)
      all.push(data)
    })
    child.stderr.on("data", (data: Buffer) => {
      err.push(data)
      all.push(data)
    })
    child.stdin.on("error", () => undefined) // it may end without reading
    if (options.input !== undefined) child.stdin.write(options.input)
    if (options.keepInputOpen !== true) child.stdin.end()
    child.on("error", (cause) => {
      clearTimeout(timer)
      reject(new PeerFailed({ program: file, reason: cause.message, output: "" }))
    })
    child.on("close", (code) => {
      clearTimeout(timer)
      child.stdin.destroy()
      if (pid !== undefined) forgetGroup(pid)
      const stdoutBytes = Buffer.concat(out)
      resolve({
        code,
        timedOut,
        stdout: stdoutBytes.toString("utf8"),
        stderr: Buffer.concat(err).toString("utf8"),
        stdoutBytes,
        output: Buffer.concat(all).toString("utf8")
      })
    })
  })
