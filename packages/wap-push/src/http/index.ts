export * as PapHttpClient from "./PapHttpClient.ts"
export * as PapHttpServer from "./PapHttpServer.ts"
