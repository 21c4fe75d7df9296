export * as SmppClient from "./SmppClient.ts"
export * as SmppServer from "./SmppServer.ts"
