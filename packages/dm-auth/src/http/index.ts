export * as DmHttp from "./DmHttp.ts"
