/**
 * The process of a server under measurement: starts the module named first, answers "cpu" on the channel to its parent,
 * and stops when the channel closes.
 *
 * @layer binding
 */
import type { Start } from "./Server.ts"

const [module, options] = process.argv.slice(2)
const tell = (message: unknown) => process.send?.(message)
process.on("SIGINT", () => {}) // the terminal signals the whole group; the parent closes the channel
try {
  const { start } = (await import(module!)) as { readonly start: Start }
  const server = await start(JSON.parse(options ?? "{}") as Record<string, unknown>)
  process.on("message", () => {
    const { user, system } = process.cpuUsage()
    tell({ _tag: "Cpu", micros: user + system })
  })
  process.on("disconnect", () => void server.stop().finally(() => process.exit(0)))
  tell({ _tag: "Listening", port: server.port })
} catch (error) {
  tell({ _tag: "Failed", why: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exitCode = 1
  process.disconnect()
}
