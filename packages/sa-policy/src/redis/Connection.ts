/**
 * One connection to Redis that is made again whenever it breaks, and what must be known of the server behind it each time
 * before anything is asked: whether it writes before it answers, and whether it is the one that wrote last.
 *
 * @layer binding
 */
import type { SecureContextOptions } from "node:tls"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { createClient, ErrorReply, RESP_TYPES } from "redis"
import { within } from "../remote/Within.ts"
import { Unavailable } from "../SaError.ts"
import { epochRecord } from "../StoreOperation.ts"
import { type Argument, graveMillis, numberOf, recordName, textOf } from "./RedisRows.ts"
import { adoptScript, schemaVersion, startAnewScript } from "./Scripts.ts"

/** Which server and domain, and what to do when it may have forgotten something. */
export interface RedisOptions {
  /** `redis://user:password@host:port`, or `rediss:` for TLS; the fields below win over what it says. */
  readonly url: Redacted.Redacted<string>
  readonly username?: string
  readonly password?: Redacted.Redacted<string>
  /** Roots, a client certificate or a name for TLS. */
  readonly tls?: SecureContextOptions & { readonly servername?: string }
  /**
   * The hash tag of all keys, which makes each domain a store of its own: `oma`. Transactions join any associations and records
   * of a domain, so all its keys lie in one slot of a cluster; who outgrows one server splits into domains.
   */
  readonly domain?: string
  /** How long, in milliseconds, the server may be silent before the store is `Unavailable`; 5,000. */
  readonly timeoutMillis?: number
  /** How long, in milliseconds, a transaction contends with other nodes for the same rows; 5,000. */
  readonly busyMillis?: number
  /** How often, in milliseconds, readers of revocations look for those of other nodes; 250. */
  readonly pollMillis?: number
  /**
   * A server without `appendonly yes` and `appendfsync always` answers before a write is on its disk, and one whose
   * `maxmemory-policy` evicts keys drops what was accepted: both are refused unless `waived`. Waived, every restart of the
   * server starts anew, which is right for a store of nonces whose loss peers survive.
   */
  readonly durability?: "required" | "waived"
  /**
   * When another server answers than the one that wrote last, its counters may be old: replication does not wait. `start-anew`
   * (the default) revokes all associations with reason `store-recovered` and raises the epoch, except after a plain restart of
   * a durable server. `nothing-lost` goes on, for those who know better.
   */
  readonly failover?: "start-anew" | "nothing-lost"
  /** The keys come from a backup: start anew. */
  readonly recovered?: boolean
}

/** Replies that somebody must do something about. */
const lasting = /^(NOAUTH|WRONGPASS|NOPERM|ERR|WRONGTYPE|CROSSSLOT)\b/

const unavailable = (cause: unknown): Unavailable =>
  new Unavailable({
    what: cause instanceof Error ? `Redis: ${cause.message}` : "Redis failed",
    retryable: !(cause instanceof ErrorReply && lasting.test(cause.message)),
    cause
  })

const refused = (what: string) => new Unavailable({ what, retryable: false, cause: undefined })

const isScriptMissing = ({ cause }: Unavailable): boolean =>
  cause instanceof ErrorReply && cause.message.startsWith("NOSCRIPT")

/** A script of `Scripts.ts`, run on the keys of the domain. */
export interface Script {
  readonly text: string
  sha: string | undefined
}
export const script = (text: string): Script => ({ text, sha: undefined })

export interface Connection {
  readonly prefix: string
  readonly command: (...words: ReadonlyArray<Argument>) => Effect.Effect<unknown, Unavailable>
  readonly run: (script: Script, words: ReadonlyArray<Argument>) => Effect.Effect<unknown, Unavailable>
  /** The run of the server as the last check found it, and where to say that it is not the one that wrote last. */
  readonly checked: Effect.Effect<string, Unavailable>
  readonly distrust: () => void
}

const asBuffer = (word: Argument): string | Buffer =>
  typeof word === "string" ? word : Buffer.from(word.buffer, word.byteOffset, word.byteLength)

/** How long, in milliseconds, to stay away from a server that does not listen: grows to the second figure. */
const backOff = { first: 20, most: 500 } as const

/** A connection for `options`, checked, until the scope closes. */
export const connect = (options: RedisOptions): Effect.Effect<Connection, Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { timeoutMillis = 5000 } = options
    const prefix = `{${options.domain ?? "oma"}}`
    let everReady = false
    let run: string | undefined
    const { username, password, tls } = options
    const client = createClient({
      RESP: 2,
      url: Redacted.value(options.url),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Redacted.value(password) }),
      // what could not be sent is refused at once: a transaction that nobody waits for any more must not be done later
      disableOfflineQueue: true,
      socket: {
        ...(tls === undefined ? {} : { ...tls, tls: true }),
        connectTimeout: timeoutMillis,
        reconnectStrategy: (retries: number) => {
          if (!everReady) return false
          return Math.min(backOff.most, backOff.first * 2 ** Math.min(retries, 10))
        }
      }
    })
    client.on("error", () => undefined) // every command tells its caller itself
    client.on("ready", () => {
      everReady = true
      run = undefined
    })
    yield* Effect.acquireRelease(Effect.tryPromise({ try: () => client.connect(), catch: unavailable }), () =>
      Effect.sync(() => client.destroy())
    )
    const command: Connection["command"] = (...words) =>
      within(
        "Redis",
        Effect.tryPromise({
          try: () =>
            client.sendCommand(words.map(asBuffer), {
              typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer }
            }) as Promise<unknown>,
          catch: unavailable
        }),
        timeoutMillis
      )
    const runScript: Connection["run"] = (script, words) => {
      const load = Effect.map(command("SCRIPT", "LOAD", script.text), (sha) => {
        script.sha = textOf(sha)
        return script.sha
      })
      const evaluate = (sha: string) => command("EVALSHA", sha, "1", prefix, ...words)
      if (script.sha === undefined) return Effect.flatMap(load, evaluate)
      return Effect.catchIf(evaluate(script.sha), isScriptMissing, () => Effect.flatMap(load, evaluate))
    }
    let recovered = options.recovered === true
    const check = Effect.gen(function* () {
      const found = yield* examine(options, prefix, command, runScript, recovered)
      recovered = false
      run = found
      return found
    })
    const connection: Connection = {
      prefix,
      command,
      run: runScript,
      checked: Effect.suspend(() => (run === undefined ? check : Effect.succeed(run))),
      distrust: () => {
        run = undefined
      }
    }
    yield* connection.checked
    return connection
  })

const fieldOf = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? ""

const adopt = script(adoptScript)
const startAnew = script(startAnewScript)

/** Looks at the server behind a new connection, settles what it may have lost, and gives the name of its run. */
const examine = (
  options: RedisOptions,
  prefix: string,
  command: Connection["command"],
  run: Connection["run"],
  recovered: boolean
): Effect.Effect<string, Unavailable> =>
  Effect.gen(function* () {
    const info = textOf(yield* command("INFO", "server"))
    const replication = textOf(yield* command("INFO", "replication"))
    const here = fieldOf(info, "run_id")
    const promoted = !/^0*$/.test(fieldOf(replication, "master_replid2"))
    if (fieldOf(replication, "role") !== "master") {
      return yield* new Unavailable({ what: "Redis: the server is a replica", retryable: true, cause: undefined })
    }
    const weakness = yield* weaknessOf(command)
    if (weakness !== undefined && options.durability !== "waived") return yield* refused(weakness)
    const schema = yield* command("HGET", `${prefix}origin`, "schema")
    const before = textOf(yield* command("HGET", `${prefix}origin`, "run"))
    if (before !== "" && numberOf(schema) > schemaVersion) {
      const what = `Redis keys have layout ${numberOf(schema)}, newer than the ${schemaVersion} of this program`
      return yield* refused(what)
    }
    const empty = before === ""
    const lost = empty
      ? weakness !== undefined
      : before !== here && options.failover !== "nothing-lost" && (promoted || weakness !== undefined)
    if (!recovered && !lost) {
      if (before !== here) yield* run(adopt, [before, here, String(schemaVersion)])
      return here
    }
    const now = yield* Clock.currentTimeMillis
    const { collection, key } = epochRecord
    // a server that keeps nothing counts its epochs by its clock, because it forgets how many there were
    const least = weakness === undefined ? "0" : textOf(firstOf(yield* command("TIME")))
    const words = [before, here, String(schemaVersion), String(now), String(graveMillis)]
    yield* run(startAnew, [...words, recordName({ collection, key }), collection, key, least])
    return here
  })

const firstOf = (reply: unknown): unknown => (Array.isArray(reply) ? reply[0] : undefined)

/** In what way the server may forget what it answered, or `undefined`. */
const weaknessOf = (command: Connection["command"]): Effect.Effect<string | undefined, Unavailable> =>
  Effect.gen(function* () {
    const setting = (name: string) =>
      Effect.map(command("CONFIG", "GET", name), (reply) => (Array.isArray(reply) ? textOf(reply[1]) : ""))
    const wanted = [
      ["appendonly", "yes"],
      ["appendfsync", "always"],
      ["maxmemory-policy", "noeviction"]
    ] as const
    for (const [name, value] of wanted) {
      const found = yield* Effect.catchIf(
        setting(name),
        ({ cause }) => cause instanceof ErrorReply,
        () => Effect.succeed("unknown")
      )
      if (found !== value)
        return `Redis may forget what it answered: ${name} is ${found}; set it to ${value}, or waive durability`
    }
    return undefined
  })
