export * as SmppClient from "./SmppClient.ts"
export * as SmppMessage from "./SmppMessage.ts"
export * as SmppServer from "./SmppServer.ts"
