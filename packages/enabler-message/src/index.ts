export * as Documentation from "./Documentation.ts"
export {
  defaultLimits,
  type Limits,
  Malformed,
  type MalformedReason,
  TooLarge,
  Unencodable
} from "./Fault.ts"
export { faults } from "./Faults.ts"
export * as Table from "./Table.ts"
export * as Wbxml from "./Wbxml.ts"
export * as Xml from "./Xml.ts"
