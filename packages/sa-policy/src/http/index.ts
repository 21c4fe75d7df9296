export * as HttpExchange from "./HttpExchange.ts"
export * as HttpHandler from "./HttpHandler.ts"
