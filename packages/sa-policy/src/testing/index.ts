export * from "./associations.ts"
export * as StoreSuite from "./StoreSuite.ts"
