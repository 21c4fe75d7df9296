export { ofMessage, ofProtocol, ofStructure } from "./MessageSchema.ts"
