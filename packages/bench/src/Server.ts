/**
 * Servers under load, measured by the processor time (user and system) that they spend and not by the wall clock: the
 * client and its neighbours on the machine do not count.
 *
 * @layer binding
 */
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"

/** A server that is listening. */
export interface Server {
  readonly port: number
  /** Microseconds of processor time since it started. */
  readonly cpu: () => Promise<number>
  readonly stop: () => Promise<void>
}

/** What the module of a server exports as `start`: it listens on a free loopback port and says which. */
export type Start = (
  options: Readonly<Record<string, unknown>>
) => Promise<{ readonly port: number; readonly stop: () => Promise<void> }>

type Answer =
  | { readonly _tag: "Listening"; readonly port: number }
  | { readonly _tag: "Cpu"; readonly micros: number }
  | { readonly _tag: "Failed"; readonly why: string }

const entry = fileURLToPath(new URL("./serve.ts", import.meta.url))

/**
 * Starts a server in a process of its own: `module` is the URL of a file that exports `start`.
 *
 * **Fails** when `start` does, or when the process ends before it listens.
 */
export const forkServer = async (module: URL, options: Readonly<Record<string, unknown>> = {}): Promise<Server> => {
  const child = ChildProcess.fork(entry, [module.href, JSON.stringify(options)], {
    execArgv: ["--conditions=@oma/source"],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      const settle = (reply: Answer): void => {
        child.off("message", onMessage).off("exit", onExit)
        if (reply._tag === "Failed") reject(new Error(reply.why))
        else resolve(reply)
      }
      const onMessage = (message: unknown): void => settle(message as Answer)
      const onExit = (code: number | null): void => settle({ _tag: "Failed", why: `the server ended with ${code}` })
      child.on("message", onMessage).on("exit", onExit)
    })
  const listening = await answer()
  if (listening._tag !== "Listening") throw new Error("the server did not say where it listens")
  return {
    port: listening.port,
    cpu: async () => {
      child.send("cpu")
      const reply = await answer()
      if (reply._tag !== "Cpu") throw new Error("the server did not say what it spent")
      return reply.micros
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, "exit")
      child.disconnect()
      const late = setTimeout(() => child.kill("SIGKILL"), 5000)
      await gone
      clearTimeout(late)
    }
  }
}

/** Fields of `/proc/PID/stat` behind the name, which may hold blanks and parentheses. */
const statOf = (pid: number): ReadonlyArray<string> | undefined => {
  try {
    const text = Fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    return text.slice(text.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined // it ended in the meantime
  }
}

/** Ticks of `/proc` a second, which is 100 on every Linux that Node runs on. */
const ticks = 100

/**
 * Microseconds of processor time that the process `pid` and all below it have spent, those that ended included: for a
 * server that is no program of ours, such as Apache. Linux only; the resolution is 10 ms, so let a sample last a second.
 */
export const processTreeCpu = (pid: number): number => {
  const stats = Fs.readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name))
      return stat === undefined ? [] : [{ pid: Number(name), parent: Number(stat[1]), stat }]
    })
  const members = new Set([pid])
  for (const member of members) for (const each of stats) if (each.parent === member) members.add(each.pid)
  const spent = stats
    .filter((each) => members.has(each.pid))
    .reduce((sum, { stat }) => sum + [11, 12, 13, 14].reduce((all, field) => all + Number(stat[field]), 0), 0)
  return (spent / ticks) * 1e6
}
