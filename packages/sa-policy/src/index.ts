export type { Account } from "./Account.ts"
export * as Authenticator from "./Authenticator.ts"
export * as ClientGuard from "./ClientGuard.ts"
export * as Connection from "./Connection.ts"
export * as CredentialStore from "./CredentialStore.ts"
export * as Decision from "./Decision.ts"
export * as DecisionTable from "./DecisionTable.ts"
export * as Identity from "./Identity.ts"
export * as InterfaceGuard from "./InterfaceGuard.ts"
export type { KeyPurpose, KeyRef } from "./KeyRef.ts"
export { keyPurpose } from "./KeyRef.ts"
export * as KeyVault from "./KeyVault.ts"
export * as Level from "./Level.ts"
export * as MasterKeys from "./MasterKeys.ts"
export * as Primitives from "./Primitives.ts"
export * as ReplayWindow from "./ReplayWindow.ts"
export * as Sad from "./Sad.ts"
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
export type { EventContext, EventTag, SecurityEvent } from "./SecurityEvent.ts"
export * as SecurityEvents from "./SecurityEvents.ts"
export * as SecurityPolicy from "./SecurityPolicy.ts"
export * as Spd from "./Spd.ts"
export * as Store from "./Store.ts"
export * as StoreMemory from "./StoreMemory.ts"
