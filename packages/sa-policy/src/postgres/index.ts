export type { PostgresOptions } from "./Connections.ts"
export * as StorePostgres from "./StorePostgres.ts"
