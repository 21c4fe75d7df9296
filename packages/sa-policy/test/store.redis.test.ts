import { describePeer } from "@oma/peers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll } from "vitest"
import * as StoreRedis from "../src/redis/StoreRedis.ts"
import { suite } from "../src/testing/StoreSuite.ts"
import { type RedisServer, redisPrograms, startRedis } from "./support/redis.ts"

describePeer("Redis", redisPrograms, () => {
  let server: RedisServer
  let made = 0
  beforeAll(async () => {
    server = await startRedis()
  }, 30_000)
  afterAll(() => server?.stop())

  const place = Effect.sync(() => StoreRedis.layer({ ...server.options(`place ${++made}`), pollMillis: 10 }))
  suite("redis", Layer.unwrap(place), { place, settleMillis: 150 })
})
