export type { RedisOptions } from "./Connection.ts"
export * as StoreRedis from "./StoreRedis.ts"
