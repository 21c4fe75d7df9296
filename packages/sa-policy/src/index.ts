export * as Connection from "./Connection.ts"
export * as Identity from "./Identity.ts"
export type { KeyPurpose, KeyRef } from "./KeyRef.ts"
export { keyPurpose } from "./KeyRef.ts"
export * as Level from "./Level.ts"
export * as ReplayWindow from "./ReplayWindow.ts"
export * from "./SaError.ts"
export type {
  Provenance,
  Revocation,
  RevocationReason,
  SaId,
  Scope,
  SecurityAssociation,
  StoredAssociation
} from "./SecurityAssociation.ts"
export { saId } from "./SecurityAssociation.ts"
export * as Store from "./Store.ts"
