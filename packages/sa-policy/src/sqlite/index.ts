export type { SqliteOptions } from "./Database.ts"
export * as StoreSqlite from "./StoreSqlite.ts"
