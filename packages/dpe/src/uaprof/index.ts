export * as ProfileHeader from "./ProfileHeader.ts"
export * as Resolution from "./Resolution.ts"
export * as UaProf from "./UaProf.ts"
export { MalformedProfile } from "./UaProfError.ts"
