import { describePeer } from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll } from "vitest"
import * as StorePostgres from "../src/postgres/StorePostgres.ts"
import { suite } from "../src/testing/StoreSuite.ts"
import { type PostgresServer, postgresPrograms, startPostgres } from "./support/postgres.ts"

describePeer("PostgreSQL", postgresPrograms, () => {
  let server: PostgresServer
  let made = 0
  beforeAll(async () => {
    server = await startPostgres()
  }, 90_000)
  afterAll(() => server?.stop())

  const place = Effect.sync(() => StorePostgres.layer({ ...server.options(`place ${++made}`), pollMillis: 10 }))
  suite("postgres", Layer.unwrap(place), { place, settleMillis: 150 })
})
