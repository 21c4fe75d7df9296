export * from "./associations.ts"
export * from "./rawBytes.ts"
export * as StoreFaults from "./StoreFaults.ts"
export * as StoreSuite from "./StoreSuite.ts"
