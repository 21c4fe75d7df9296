/**
 * A process that accepts numbers, takes numbers to send, and tells what it was promised, until somebody ends it. Each
 * acceptance keeps a record in the same transaction. Arguments: the place (a file, or the URL of a server with the schema or
 * domain behind `#`), the number to begin with, how many at a time.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as StorePostgres from "../../src/postgres/StorePostgres.ts"
import * as StoreRedis from "../../src/redis/StoreRedis.ts"
import type { Unavailable } from "../../src/SaError.ts"
import { saId } from "../../src/SecurityAssociation.ts"
import { accept, putRecord, Store } from "../../src/Store.ts"
import * as StoreSqlite from "../../src/sqlite/StoreSqlite.ts"
import { moment } from "../../src/testing/associations.ts"

const [place, first, together] = process.argv.slice(2) as [string, string, string]
const say = (line: string) => Effect.sync(() => Fs.writeSync(1, `${line}\n`))
const id = saId("killed")

const step = (store: Store["Service"], number: number) =>
  Effect.andThen(
    store.transact([accept(id, number), putRecord("effects", String(number), Uint8Array.of(1), "absent")], moment),
    say(`accepted ${number}`)
  )

const send = (store: Store["Service"], now: number) =>
  Effect.flatMap(store.reserve({ id, owner: String(process.pid), count: 4, leaseMillis: 1, now }), (answer) =>
    answer._tag === "Block" ? say(`sent ${answer.first} ${answer.last}`) : Effect.void
  )

const program = Effect.gen(function* () {
  const store = yield* Store
  const width = Number(together)
  for (let number = Number(first); ; number += width) {
    const steps = Array.from({ length: width }, (_, i) => step(store, number + i))
    yield* Effect.all([...steps, send(store, moment + number * 10)], { concurrency: "unbounded" })
  }
})

const [address = "", part = ""] = place.split("#")
const url = Redacted.make(address)
const layer: Layer.Layer<Store, Unavailable> = address.startsWith("postgres:")
  ? StorePostgres.layer({ url, schema: part })
  : address.startsWith("redis:")
    ? StoreRedis.layer({ url, domain: part })
    : StoreSqlite.layer({ path: place })

Effect.runPromise(Effect.provide(program, layer)).catch((error: unknown) => {
  Fs.writeSync(2, `${String(error)}\n`)
  process.exitCode = 1
})
