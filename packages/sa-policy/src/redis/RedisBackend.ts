/**
 * What the store asks of Redis: one script for each turn's question and one for its answer.
 *
 * @layer binding
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { utf8 } from "../bytes/Bytes.ts"
import type { Entry } from "../RevocationLog.ts"
import { afterPrefix, decodeRevocation } from "../RowCodec.ts"
import { Fetched } from "../remote/Fetched.ts"
import type { Backend, Page } from "../remote/RemoteStore.ts"
import { Unavailable } from "../SaError.ts"
import { saId } from "../SecurityAssociation.ts"
import type { RecordRow } from "../StoreMachine.ts"
import { revocationMemory } from "../StoreRules.ts"
import { type Connection, script } from "./Connection.ts"
import {
  type Argument,
  decodeAssociation,
  decodeRecord,
  encodeNames,
  encodeTurn,
  listOf,
  numberOf,
  octetLength,
  textOf
} from "./RedisRows.ts"
import { commitScript, fetchScript, listScript, sweepScript, verdicts } from "./Scripts.ts"

const fetch = script(fetchScript)
const commit = script(commitScript)
const sweep = script(sweepScript)
const list = script(listScript)

const damaged = (what: string) =>
  new Unavailable({ what: `Redis row is damaged: ${what}`, retryable: false, cause: undefined })

const behind = (key: Uint8Array): Uint8Array => {
  const bound = new Uint8Array(key.length + 1)
  bound[0] = 0x28 // "(": from there on, without it
  bound.set(key, 1)
  return bound
}

const isBefore = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) < 0

/** The functions of {@link Backend} over `connection`. */
export const redisBackend = (connection: Connection): Backend => {
  const { prefix, command, run, checked, distrust } = connection
  const asked = <A>(effect: Effect.Effect<A, Unavailable>): Effect.Effect<A, Unavailable> =>
    Effect.andThen(checked, effect)

  const page = (
    { collection, prefix: start, limit, now }: Page,
    first: Argument,
    found: ReadonlyArray<RecordRow>
  ): Effect.Effect<ReadonlyArray<RecordRow>, Unavailable> => {
    const end = afterPrefix(start)
    const last = end === undefined ? "+" : behind(utf8(end))
    const wanted = limit - found.length
    if (wanted <= 0) return Effect.succeed(found)
    const words = [collection, first, last, String(wanted), String(octetLength(collection))]
    return Effect.flatMap(run(list, words), (reply) => {
      const [rows, lastKey, keys] = listOf(reply)
      const more = listOf(rows)
        .map(decodeRecord)
        .filter(({ ends }) => ends === null || ends > now)
        .map(({ key, value, version, ends }) => {
          return { slot: 1, collection, key, value, version, notAfter: ends ?? undefined }
        })
      const all = [...found, ...more]
      if (numberOf(keys) < wanted || !(lastKey instanceof Uint8Array)) return Effect.succeed(all)
      return page({ collection, prefix: start, after: undefined, limit, now }, behind(lastKey), all)
    })
  }

  return {
    fetch: (names) =>
      asked(
        Effect.flatMap(run(fetch, encodeNames(names)), (reply) => {
          const [found, records] = listOf(reply)
          const fetched = Fetched.make(listOf(found).map(decodeAssociation), listOf(records).map(decodeRecord))
          return Result.isSuccess(fetched)
            ? Effect.succeed(fetched.success)
            : Effect.fail(damaged(`association ${fetched.failure.id}: ${fetched.failure.why}`))
        })
      ),
    commit: (changes) =>
      Effect.flatMap(checked, (origin) =>
        Effect.map(run(commit, encodeTurn(changes, origin)), (verdict) => {
          if (verdict === verdicts.elsewhere) distrust()
          return verdict === verdicts.done
        })
      ),
    records: (asking) =>
      asked(
        Effect.suspend(() => {
          const start = utf8(asking.prefix)
          const after = asking.after === undefined ? undefined : utf8(asking.after)
          if (after !== undefined && !isBefore(after, start)) return page(asking, behind(after), [])
          const first = behind(start)
          first[0] = 0x5b // "[": with it
          return page(asking, first, [])
        })
      ),
    sweep: (now, limit) =>
      asked(
        Effect.map(run(sweep, [String(limit), String(now), String(now - revocationMemory)]), (reply) => {
          const [gone, removed] = listOf(reply)
          return { associations: listOf(gone).map((id) => saId(textOf(id))), removed: numberOf(removed) }
        })
      ),
    size: asked(
      Effect.map(
        Effect.all([command("ZCARD", `${prefix}ends`), command("ZCARD", `${prefix}rends`)]),
        ([associations, records]) => ({ associations: numberOf(associations), records: numberOf(records) })
      )
    ),
    lastPlace: asked(Effect.map(command("GET", `${prefix}place`), (place) => (place === null ? 0 : numberOf(place)))),
    revocationsAfter: (place, most) =>
      asked(
        Effect.flatMap(command("XRANGE", `${prefix}log`, `${place + 1}-0`, "+", "COUNT", String(most)), (reply) =>
          Effect.forEach(listOf(reply), (entry): Effect.Effect<Entry, Unavailable> => {
            const [name, fields] = listOf(entry)
            const [, id, , mechanism, , why, , at] = listOf(fields)
            const revocation = decodeRevocation(textOf(id), textOf(mechanism), textOf(why), numberOf(at))
            return Result.isSuccess(revocation)
              ? Effect.succeed([Number.parseInt(textOf(name), 10), revocation.success])
              : Effect.fail(damaged(`revocation ${textOf(name)}: ${revocation.failure.why}`))
          })
        )
      )
  }
}
