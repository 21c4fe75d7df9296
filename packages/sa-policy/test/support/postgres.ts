/**
 * A PostgreSQL server of a test's own: on a free loopback port, with its files in a temporary folder.
 *
 * @layer binding
 */
import { findProgram, freePort, loopback, type Peer, run, startPeer, temporaryFolder } from "@oma/peers"
import * as Redacted from "effect/Redacted"
import type { PostgresOptions } from "../../src/postgres/index.ts"

export const postgresPrograms = ["initdb", "postgres"]

const password = "a-password-for-tests"

export interface PostgresServer {
  readonly options: (schema: string) => PostgresOptions
  /** For another process: the address with the password, and the schema. */
  readonly place: (schema: string) => string
  readonly start: () => Promise<void>
  /** As a crash does. */
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
  /** Runs `sql` with the server's own client. */
  readonly psql: (sql: string) => Promise<string>
  readonly folder: string
}

/** Makes a cluster and starts its server. */
export const startPostgres = async (settings: ReadonlyArray<string> = []): Promise<PostgresServer> => {
  const folder = temporaryFolder({ unprivileged: true, name: "pg" })
  const port = await freePort()
  const made = await run(
    "sh",
    [
      "-c",
      'pwfile=$(mktemp "$1/pwXXXXXX") && printf "%s" "$2" > "$pwfile" && "$0" -D "$1/data" -U oma -A scram-sha-256 --pwfile="$pwfile" -E UTF8 --locale=C',
      findProgram("initdb") ?? "initdb",
      folder,
      password
    ],
    { unprivileged: true, timeout: 60_000 }
  )
  if (made.code !== 0) throw new Error(made.output)
  let server: Peer | undefined
  const start = async () => {
    server = await startPeer({
      program: "postgres",
      args: [
        ...["-D", `${folder}/data`, "-p", String(port), "-h", loopback, "-k", folder],
        ...settings.flatMap((setting) => ["-c", setting])
      ],
      unprivileged: true,
      timeout: 30_000,
      grace: 10_000,
      ready: /database system is ready to accept connections/
    })
  }
  await start()
  return {
    folder,
    start,
    kill: async () => {
      await server?.kill()
    },
    stop: async () => {
      // SIGTERM would wait for the clients
      await run("pg_ctl", ["stop", "-m", "fast", "-D", `${folder}/data`], { unprivileged: true })
      await server?.stop()
    },
    psql: async (sql) => {
      const ran = await run("psql", ["-h", loopback, "-p", String(port), "-U", "oma", "-At", "-c", sql, "postgres"], {
        env: { PGPASSWORD: password }
      })
      if (ran.code !== 0) throw new Error(ran.output)
      return ran.stdout
    },
    place: (schema) => `postgres://oma:${password}@${loopback}:${port}/postgres?sslmode=disable#${schema}`,
    options: (schema) => ({
      url: Redacted.make(`postgres://oma@${loopback}:${port}/postgres?sslmode=disable`),
      password: Redacted.make(password),
      schema
    })
  }
}
