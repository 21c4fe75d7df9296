export * as DpeHttp from "./DpeHttp.ts"
