export * as GpiCodec from "./GpiCodec.ts"
