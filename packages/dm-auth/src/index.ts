export * as BootstrapMac from "./BootstrapMac.ts"
export * as Chal from "./Chal.ts"
export * as ChallengeNonce from "./ChallengeNonce.ts"
export * as Cred from "./Cred.ts"
export * as CredDigest from "./CredDigest.ts"
export * as DmAccount from "./DmAccount.ts"
export * as DmAccounts from "./DmAccounts.ts"
export * as DmAuthAnswer from "./DmAuthAnswer.ts"
export * as DmAuthError from "./DmAuthError.ts"
export * as DmAuthPolicy from "./DmAuthPolicy.ts"
export * as DmAuthType from "./DmAuthType.ts"
export * as DmCheck from "./DmCheck.ts"
export * as DmClientAuth from "./DmClientAuth.ts"
export * as DmHandler from "./DmHandler.ts"
export * as DmLayers from "./DmLayers.ts"
export * as DmNonces from "./DmNonces.ts"
export * as DmProof from "./DmProof.ts"
export * as DmServer from "./DmServer.ts"
export * as DmServerAuth from "./DmServerAuth.ts"
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
export * as MessageFacts from "./MessageFacts.ts"
export * as MessageMac from "./MessageMac.ts"
export * as Meta from "./Meta.ts"
export * as NextNonce from "./NextNonce.ts"
export * as Package0 from "./Package0.ts"
export * as SyncMl from "./SyncMl.ts"
export * as SyncMlCodec from "./SyncMlCodec.ts"
export * as SyncmlHmacHeader from "./SyncmlHmacHeader.ts"
export * as Wbxml from "./Wbxml.ts"
export * as Xml from "./Xml.ts"
