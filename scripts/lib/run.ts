/** Runs one tool to its end and keeps what it printed. */
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import { root } from "./workspace.ts"

export interface Ran {
  readonly status: number
  readonly output: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds until the tool and what it started are killed. */
  readonly timeout?: number
  /** Prints the output while it comes as well. */
  readonly echo?: boolean
}

const bin = Path.join(root, "node_modules/.bin")

/** The status and the mixed output of `command`; 124 when the time was up. */
export const run = (command: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ran> =>
  new Promise((resolve) => {
    const windows = process.platform === "win32"
    const child = ChildProcess.spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, PATH: `${bin}${Path.delimiter}${process.env["PATH"] ?? ""}`, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: !windows,
      shell: windows
    })
    const stop = () => {
      try {
        process.kill(windows ? child.pid! : -child.pid!, "SIGKILL")
      } catch {
        // it ended in the meantime
      }
    }
    const interrupted = () => {
      stop()
      process.exit(130)
    }
    process.once("SIGINT", interrupted)
    process.once("SIGTERM", interrupted)
    let output = ""
    let late = false
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true
            stop()
          }, options.timeout)
    const settle = (status: number) => {
      clearTimeout(timer)
      process.removeListener("SIGINT", interrupted)
      process.removeListener("SIGTERM", interrupted)
      resolve({ status: late ? 124 : status, output: late ? `${output}\nstopped: the time was up` : output })
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
        if (options.echo === true) process.stdout.write(text)
      })
    }
    child.on("error", (error) => {
      output += `${error.message}\n`
      settle(127)
    })
    child.on("close", (code) => settle(code ?? 1))
  })

/** `work` over all of `items`, at most `limit` at a time; the results in the order of the items. */
export const pooled = async <A, B>(
  items: ReadonlyArray<A>,
  limit: number,
  work: (item: A) => Promise<B>
): Promise<ReadonlyArray<B>> => {
  const results: Array<B> = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const at = next++
      results[at] = await work(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}
