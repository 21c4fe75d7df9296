/**
 * Connections to PostgreSQL: opened as the options say, brought to the current schema, their failures told apart.
 *
 * @layer binding
 */
import type { ConnectionOptions } from "node:tls"
import type * as PgConnection from "@effect/sql-pg/PgConnection"
import * as PgPool from "@effect/sql-pg/PgPool"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { within } from "../remote/Within.ts"
import { Unavailable } from "../SaError.ts"
import { migrations, quoted } from "./Schema.ts"

/** Which server and schema, and what to do when it may have forgotten something. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=verify-full`; the fields below win over what it says. */
  readonly url?: Redacted.Redacted<string>
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly username?: string
  readonly password?: Redacted.Redacted<string>
  /** `true` demands TLS and a certificate that Node's roots know; options give roots, a client certificate or a name. */
  readonly tls?: boolean | ConnectionOptions
  /** The schema that holds the tables, made where it is missing: `oma`. Each is a store of its own. */
  readonly schema?: string
  /** How many connections one store opens at most; 8. */
  readonly maxConnections?: number
  /** How long, in milliseconds, a statement may take before the store is `Unavailable`; 5,000. */
  readonly timeoutMillis?: number
  /** How long, in milliseconds, a transaction contends with other nodes for the same rows; 5,000. */
  readonly busyMillis?: number
  /** How often, in milliseconds, readers of revocations look for those of other nodes; 250. */
  readonly pollMillis?: number
  /**
   * A server with `fsync` or `synchronous_commit` off answers before a commit is on its disk, so that numbers could be accepted
   * twice after a crash: it is refused unless `waived`.
   */
  readonly durability?: "required" | "waived"
  /**
   * When the tables are found on another timeline or server than the one that wrote them (a promoted standby, a restored dump
   * or archive) their counters may be old: `start-anew` (the default) revokes all associations with reason `store-recovered`
   * and raises the epoch; `nothing-lost` goes on, for clusters whose standbys are synchronous.
   */
  readonly failover?: "start-anew" | "nothing-lost"
  /** The tables may be older than they were in a way that PostgreSQL does not show, as after a copy of the disk: start anew. */
  readonly recovered?: boolean
}

/** Statements that came from other programs at the same time: doing it again helps. */
const contended: ReadonlySet<string> = new Set(["UniqueViolation", "DeadlockError", "SerializationError"])
/** Failures that last until somebody changes something. */
const lasting: ReadonlySet<string> = new Set([
  "AuthenticationError",
  "AuthorizationError",
  "SqlSyntaxError",
  "ConstraintError"
])

/** Whether another node's transaction stood in the way. */
export const isContended = (error: SqlError): boolean => contended.has(error.reason._tag)

/** `cause` as the failure of a store. */
export const unavailable = (what: string, cause: unknown): Unavailable =>
  new Unavailable({ what, retryable: isSqlError(cause) && !lasting.has(cause.reason._tag), cause })

/** A statement and what it gave. */
export type Query = (
  what: string,
  sql: string,
  parameters?: ReadonlyArray<unknown>
) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, Unavailable>

export interface Connections {
  readonly query: Query
  /** The same with the failure as the server told it. */
  readonly attempt: (
    sql: string,
    parameters: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError | Unavailable>
}

/** A pool for `options` whose schema is current, until the scope closes. */
export const connect = (options: PostgresOptions): Effect.Effect<Connections, Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { schema = "oma", timeoutMillis = 5000, maxConnections = 8 } = options
    const pool = yield* PgPool.make({
      url: options.url,
      host: options.host,
      port: options.port,
      database: options.database,
      username: options.username,
      password: options.password,
      ssl: options.tls,
      connectTimeout: timeoutMillis,
      keepAlive: "10 seconds",
      applicationName: "oma-sa-policy",
      maxConnections
    }).pipe(Effect.mapError((cause) => unavailable("PostgreSQL connections could not be made", cause)))
    const attempt: Connections["attempt"] = (sql, parameters) =>
      within(
        "PostgreSQL",
        pool.use((connection) => connection.queryValues(sql, parameters)),
        timeoutMillis
      )
    const query: Query = (what, sql, parameters = []) =>
      Effect.mapError(attempt(sql, parameters), (cause) =>
        cause._tag === "Unavailable" ? cause : unavailable(what, cause)
      )
    if (options.durability !== "waived") yield* demandDurability(query)
    yield* Effect.scoped(Effect.flatMap(pool.reserve, (connection) => migrate(connection, schema))).pipe(
      Effect.mapError((cause) =>
        cause._tag === "Unavailable" ? cause : unavailable("PostgreSQL schema could not be made", cause)
      )
    )
    return { query, attempt }
  })

const demandDurability = (query: Query): Effect.Effect<void, Unavailable> =>
  Effect.flatMap(
    query(
      "PostgreSQL settings could not be read",
      "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    ),
    (rows) => {
      const [fsync, commit] = rows[0] ?? []
      if (fsync === "on" && commit !== "off") return Effect.void
      const what = `PostgreSQL answers before commits are on its disk (fsync ${fsync}, synchronous_commit ${commit}): set both to on, or waive durability`
      return Effect.fail(new Unavailable({ what, retryable: false, cause: undefined }))
    }
  )

/** One lock for all who bring a schema to its version. */
const migrationLock = 0x4f4d4173

const migrate = (connection: PgConnection.PgConnection, schema: string): Effect.Effect<void, SqlError | Unavailable> =>
  Effect.gen(function* () {
    const run = (sql: string, parameters: ReadonlyArray<unknown> = []) => connection.queryValues(sql, parameters, false)
    const versionOf = Effect.gen(function* () {
      const table = yield* run("SELECT to_regclass($1)::text", [`${quoted(schema)}.migration`])
      if (typeof table[0]?.[0] !== "string") return 0
      const rows = yield* run(`SELECT coalesce(max(version), 0)::float8 FROM ${quoted(schema)}.migration`)
      return Number(rows[0]?.[0])
    })
    if ((yield* versionOf) === migrations.length) return
    yield* run("BEGIN")
    yield* Effect.gen(function* () {
      yield* run("SELECT pg_advisory_xact_lock($1::bigint)", [String(migrationLock)])
      yield* run(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`)
      yield* run("SELECT set_config('search_path', $1, true)", [quoted(schema)])
      yield* run("CREATE TABLE IF NOT EXISTS migration (version integer PRIMARY KEY)")
      const from = yield* versionOf
      if (from > migrations.length) {
        const what = `PostgreSQL schema ${schema} has version ${from}, newer than the ${migrations.length} of this program`
        return yield* new Unavailable({ what, retryable: false, cause: undefined })
      }
      for (const [index, migration] of migrations.entries()) {
        if (index < from) continue
        for (const statement of migration(schema)) yield* run(statement)
        yield* run("INSERT INTO migration (version) VALUES ($1::integer)", [String(index + 1)])
      }
      yield* run("COMMIT")
    }).pipe(Effect.onError(() => Effect.ignore(run("ROLLBACK"))))
  })
