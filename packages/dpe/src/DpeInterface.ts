/**
 * The three interfaces of Device Profiles Evolution, and what names them on the wire and in policies.
 *
 * @layer codec
 */
import type { SecurityPolicy } from "@oma/sa-policy"

/** The name of the enabler in policies, scopes and events. */
export const enabler = "dpe"

/**
 * DPE-1: requests of the client to the server. DPE-2: requests of the server to the client and the client's reports. DPE-3: content
 * and service providers that read profiles. Which message belongs to which is a choice of this project.
 */
export type DpeInterface = "dpe-1" | "dpe-2" | "dpe-3"

export const interfaces: ReadonlyArray<DpeInterface> = ["dpe-1", "dpe-2", "dpe-3"]

/** As messages write them. */
export const wireNames = { "dpe-1": "DPE-1", "dpe-2": "DPE-2", "dpe-3": "DPE-3" } as const

/** Each interface has a URI of its own, so that its configuration can be told apart. */
export const defaultPaths = { "dpe-1": "/dpe/1", "dpe-2": "/dpe/2", "dpe-3": "/dpe/3" } as const

/** The type of a message in HTTP; not registered, a choice of this project. */
export const mediaType = "application/vnd.oma.dpe+xml"

/** The text of an authentication error, in both directions. */
export const authenticationErrorText = "authentication error"

/** The key of the entry of a policy. */
export const nameOf = (role: SecurityPolicy.Role, of: DpeInterface): SecurityPolicy.InterfaceName => ({
  enabler,
  role,
  interface: of
})
