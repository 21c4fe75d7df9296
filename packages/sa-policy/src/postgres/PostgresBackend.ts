/**
 * What the store asks of PostgreSQL, one statement for each turn's question and one for its answer.
 *
 * @layer binding
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Entry } from "../RevocationLog.ts"
import { decodeRevocation } from "../RowCodec.ts"
import { Fetched } from "../remote/Fetched.ts"
import type { Backend } from "../remote/RemoteStore.ts"
import { Unavailable } from "../SaError.ts"
import { saId } from "../SecurityAssociation.ts"
import { epochRecord } from "../StoreOperation.ts"
import { revocationMemory } from "../StoreRules.ts"
import { type Connections, isContended, type PostgresOptions, unavailable } from "./Connections.ts"
import {
  associationColumns,
  type Columns,
  decodeAssociation,
  decodeRecord,
  encodeTurn,
  hexText,
  idArray,
  numberOf,
  plainOf,
  recordArrays,
  recordColumns,
  textOf,
  wireArrays
} from "./PostgresRows.ts"
import { quoted, verdicts } from "./Schema.ts"

const damaged = (what: string) =>
  new Unavailable({ what: `PostgreSQL row is damaged: ${what}`, retryable: false, cause: undefined })

/** The functions of {@link Backend} over `connections`, and `startAnew`, which ends all that stands. */
export const postgresBackend = (
  connections: Connections,
  options: PostgresOptions
): Backend & {
  readonly startAnew: Effect.Effect<void, Unavailable>
  readonly settle: Effect.Effect<void, Unavailable>
} => {
  const { query, attempt } = connections
  const schema = quoted(options.schema ?? "oma")
  const could = "PostgreSQL could not be read"

  const byId = `SELECT ${associationColumns} FROM ${schema}.association WHERE id = ANY($1::bytea[])`
  const byName =
    `WITH n AS MATERIALIZED (SELECT * FROM unnest($2::bytea[], $3::bytea[]) AS n(wire, mechanism)), ` +
    `names AS MATERIALIZED (SELECT unnest($1::bytea[]) AS id UNION ` +
    `SELECT a.id FROM n JOIN ${schema}.association a ON a.wire = n.wire AND a.mechanism = n.mechanism AND a.named UNION ` +
    `SELECT g.id FROM n CROSS JOIN LATERAL (SELECT a.id FROM ${schema}.association a WHERE a.wire = n.wire ` +
    `AND a.mechanism = n.mechanism AND a.why IS NOT NULL AND a.wire IS NOT NULL ORDER BY a.place DESC LIMIT 1) g) ` +
    `SELECT ${associationColumns.replace("id,", "a.id,")} FROM names JOIN ${schema}.association a ON a.id = names.id`
  const byKey =
    `SELECT ${recordColumns.replace("collection, key", "r.collection, r.key")} ` +
    `FROM unnest($1::bytea[], $2::bytea[]) AS n(collection, key) ` +
    `JOIN ${schema}.stored_record r ON r.collection = n.collection AND r.key = n.key`
  const commitTurn = `SELECT ${schema}.commit_turn($1::json)`

  const startAnew = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.asVoid(
      query(
        "PostgreSQL store could not be started anew",
        `SELECT 1 FROM (SELECT ${schema}.start_anew($1::float8, $2::bytea, $3::bytea)) done`,
        [String(now), hexText(epochRecord.collection), hexText(epochRecord.key)]
      )
    )
  )
  const settle = Effect.asVoid(
    query("PostgreSQL store could not be settled", `SELECT 1 FROM (SELECT ${schema}.settle_here()) done`)
  )
  const none: ReadonlyArray<Columns> = []

  return {
    startAnew,
    settle: Effect.flatMap(query(could, `SELECT ${schema}.is_elsewhere()`), (rows) =>
      rows[0]?.[0] !== true ? Effect.void : options.failover === "nothing-lost" ? settle : startAnew
    ),
    fetch: (names) => {
      const associations =
        names.wires.size > 0
          ? query(could, byName, [idArray(names), ...wireArrays(names)])
          : names.ids.size > 0
            ? query(could, byId, [idArray(names)])
            : Effect.succeed(none)
      const records = names.records.size > 0 ? query(could, byKey, recordArrays(names)) : Effect.succeed(none)
      return Effect.flatMap(Effect.all([associations, records], { concurrency: 2 }), ([found, kept]) => {
        const fetched = Fetched.make(found.map(decodeAssociation), kept.map(decodeRecord))
        return Result.isSuccess(fetched)
          ? Effect.succeed(fetched.success)
          : Effect.fail(damaged(`association ${fetched.failure.id}: ${fetched.failure.why}`))
      })
    },
    commit: (changes) =>
      Effect.matchEffect(attempt(commitTurn, [encodeTurn(changes)]), {
        onFailure: (failure) => {
          if (failure._tag === "Unavailable") return Effect.fail(failure)
          if (isContended(failure)) return Effect.succeed(false)
          return Effect.fail(unavailable("PostgreSQL transaction was not committed", failure))
        },
        onSuccess: (rows) => {
          const verdict = rows[0]?.[0]
          if (verdict === verdicts.done) return Effect.succeed(true)
          if (verdict === verdicts.stale) return Effect.succeed(false)
          return Effect.as(options.failover === "nothing-lost" ? settle : startAnew, false)
        }
      }),
    records: ({ collection, prefix, after, limit, now }) => {
      const sql =
        `SELECT ${recordColumns} FROM ${schema}.stored_record WHERE collection = $1::bytea AND key >= $2::bytea ` +
        `AND key > $3::bytea AND substring(key FROM 1 FOR length($4::bytea)) = $4::bytea ` +
        `AND (ends IS NULL OR ends > $5::float8) ORDER BY key LIMIT $6::integer`
      const parameters = [hexText(collection), hexText(prefix), hexText(after ?? "")]
      return Effect.map(query(could, sql, [...parameters, hexText(prefix), String(now), String(limit)]), (rows) =>
        rows.map(decodeRecord).map(({ key, value, version, ends }) => ({
          slot: 1,
          collection,
          key,
          value,
          version,
          notAfter: ends ?? undefined
        }))
      )
    },
    sweep: (now, limit) =>
      Effect.gen(function* () {
        const failed = "PostgreSQL could not be swept"
        const ended = yield* query(
          failed,
          `DELETE FROM ${schema}.association WHERE id IN (SELECT id FROM ${schema}.association WHERE ends <= $1::float8 ` +
            `AND why IS NULL ORDER BY ends LIMIT $2::integer FOR UPDATE SKIP LOCKED) RETURNING id, ends::float8`,
          [String(now), String(limit)]
        )
        const associations = ended.toSorted((a, b) => numberOf(a[1]) - numberOf(b[1])).map(([id]) => saId(textOf(id)))
        let left = limit - associations.length
        const records = yield* query(
          failed,
          `WITH gone AS (DELETE FROM ${schema}.stored_record WHERE (collection, key) IN (SELECT collection, key FROM ${schema}.stored_record ` +
            `WHERE ends <= $1::float8 LIMIT $2::integer FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*)::float8 FROM gone`,
          [String(now), String(left)]
        )
        left -= numberOf(records[0]?.[0])
        const revocations = yield* query(
          failed,
          `WITH gone AS (DELETE FROM ${schema}.revocation WHERE place IN (SELECT place FROM ${schema}.revocation ` +
            `WHERE at <= $1::float8 LIMIT $2::integer FOR UPDATE SKIP LOCKED) RETURNING place), ` +
            `graves AS (DELETE FROM ${schema}.association a USING gone WHERE a.place = gone.place AND a.why IS NOT NULL) ` +
            `SELECT count(*)::float8 FROM gone`,
          [String(now - revocationMemory), String(left)]
        )
        left -= numberOf(revocations[0]?.[0])
        return { associations, removed: limit - left }
      }),
    size: Effect.map(
      query(
        could,
        `SELECT (SELECT count(*) FROM ${schema}.association WHERE why IS NULL)::float8, (SELECT count(*) FROM ${schema}.stored_record)::float8`
      ),
      (rows) => ({ associations: numberOf(rows[0]?.[0]), records: numberOf(rows[0]?.[1]) })
    ),
    lastPlace: Effect.map(query(could, `SELECT place::float8 FROM ${schema}.origin`), (rows) => numberOf(rows[0]?.[0])),
    revocationsAfter: (place, page) =>
      Effect.flatMap(
        query(
          could,
          `SELECT place::float8, id, mechanism, why, at FROM ${schema}.revocation WHERE place > $1::bigint ORDER BY place LIMIT $2::integer`,
          [String(place), String(page)]
        ),
        (rows) =>
          Effect.forEach(rows, ([at, id, mechanism, why, when]): Effect.Effect<Entry, Unavailable> => {
            const revocation = decodeRevocation(textOf(id), textOf(mechanism), plainOf(why), numberOf(when))
            return Result.isSuccess(revocation)
              ? Effect.succeed([numberOf(at), revocation.success])
              : Effect.fail(damaged(`revocation ${numberOf(at)}: ${revocation.failure.why}`))
          })
      )
  }
}
