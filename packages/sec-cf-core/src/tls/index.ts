export * from "./CertificateNames.ts"
export * from "./CipherSuite.ts"
export * from "./ClientHello.ts"
export * from "./ConnectionProof.ts"
export {
  CaFailure,
  type CertificateRequest,
  type DevelopmentCa,
  keepCertificate,
  loopbackNames,
  openDevelopmentCa
} from "./DevelopmentCa.ts"
export * from "./Negotiation.ts"
export * from "./PskIdentity.ts"
export { type PskTable, pskTable } from "./PskTable.ts"
export * from "./SecureAgent.ts"
export * from "./SecureClient.ts"
export * from "./SecureServer.ts"
export type {
  PskContext,
  PskLookup,
  ServerCertificate,
  ServerClients,
  ServerLimits,
  ServerOptions,
  ServerPsk
} from "./ServerOptions.ts"
export { connectionOf } from "./SocketConnection.ts"
export * from "./TlsEvent.ts"
export * from "./TlsFailure.ts"
export * as TlsProfile from "./TlsProfile.ts"
export { tellSecurityEvents } from "./TlsSecurityEvents.ts"
