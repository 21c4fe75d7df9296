export * as NodeHttpClient from "./NodeHttpClient.ts"
export * as NodeHttpServer from "./NodeHttpServer.ts"
export * as NodeMasterKeys from "./NodeMasterKeys.ts"
export * as NodePrimitives from "./NodePrimitives.ts"
