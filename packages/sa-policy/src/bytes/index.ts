export * as Bytes from "./Bytes.ts"
export type { Hash, Hmac, RandomBytes } from "./Primitive.ts"
