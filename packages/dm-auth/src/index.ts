export * as Chal from "./Chal.ts"
export * as Cred from "./Cred.ts"
export * as DmAuthType from "./DmAuthType.ts"
export * as Element from "./Element.ts"
export * as Item from "./Item.ts"
export {
  type AnswerableHdr,
  defaultLimits,
  type Limits,
  Malformed,
  type MalformedReason,
  TooLarge,
  Unencodable
} from "./Malformed.ts"
export * as Meta from "./Meta.ts"
export * as NextNonce from "./NextNonce.ts"
export * as SyncMl from "./SyncMl.ts"
