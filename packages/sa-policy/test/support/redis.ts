/**
 * A Redis server of a test's own: on a free loopback port, with its files in a temporary folder.
 *
 * @layer binding
 */
import { freePort, loopback, type Peer, run, startPeer, temporaryFolder } from "@oma/peers"
import * as Redacted from "effect/Redacted"
import type { RedisOptions } from "../../src/redis/index.ts"

export const redisPrograms = ["redis-server", "redis-cli"]

/** Settings under which nothing that was answered is lost. */
export const durable: ReadonlyArray<string> = ["--appendonly", "yes", "--appendfsync", "always"]

const password = "a-password-for-tests"

export interface RedisServer {
  readonly options: (domain: string) => RedisOptions
  /** For another process: the address with the password, and the domain. */
  readonly place: (domain: string) => string
  readonly port: number
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
  /** Runs a command with the server's own client. */
  readonly cli: (...words: ReadonlyArray<string>) => Promise<string>
}

/** Starts a server with `settings`. */
export const startRedis = async (settings: ReadonlyArray<string> = durable): Promise<RedisServer> => {
  const folder = temporaryFolder({ name: "redis" })
  const port = await freePort()
  let server: Peer | undefined
  const start = async () => {
    server = await startPeer({
      program: "redis-server",
      args: [
        ...["--port", String(port), "--bind", loopback, "--dir", folder, "--requirepass", password],
        ...["--masterauth", password, "--repl-diskless-sync-delay", "0", ...settings]
      ],
      ready: /Ready to accept connections/
    })
  }
  await start()
  return {
    port,
    start,
    kill: async () => {
      await server?.kill()
    },
    stop: async () => {
      await server?.stop()
    },
    cli: async (...words) => {
      const ran = await run("redis-cli", ["-h", loopback, "-p", String(port), ...words], {
        env: { REDISCLI_AUTH: password }
      })
      if (ran.code !== 0) throw new Error(ran.output)
      return ran.stdout
    },
    place: (domain) => `redis://:${password}@${loopback}:${port}#${domain}`,
    options: (domain) => ({
      url: Redacted.make(`redis://${loopback}:${port}`),
      password: Redacted.make(password),
      domain
    })
  }
}
