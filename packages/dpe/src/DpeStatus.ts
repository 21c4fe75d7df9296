/**
 * What a peer is told: the one table of answers of this enabler.
 *
 * @layer codec
 * @spec dpe 3, Status
 */
import { authenticationErrorText } from "./DpeInterface.ts"

/**
 * Why an answer is what it is. `challenge`: authentication is missing, unknown or wrong, and can be supplied. `refused`: it cannot be
 * supplied in a message, is that of another subscriber, or the subscriber is not entitled.
 */
export type Outcome =
  | "ok"
  | "malformed"
  | "challenge"
  | "refused"
  | "unknown"
  | "gone"
  | "upgrade"
  | "unsupported"
  | "unavailable"

export interface Status {
  readonly code: number
  readonly description: string
}

/** The codes are those of HTTP, in the message and in the binding alike. */
export const statuses: Readonly<Record<Outcome, Status>> = {
  ok: { code: 200, description: "ok" },
  malformed: { code: 400, description: "malformed" },
  challenge: { code: 401, description: authenticationErrorText },
  refused: { code: 403, description: authenticationErrorText },
  unknown: { code: 404, description: "unknown device or property" },
  gone: { code: 410, description: "unknown session" },
  upgrade: { code: 426, description: "higher connection security needed" },
  unsupported: { code: 501, description: "not implemented" },
  unavailable: { code: 503, description: "temporarily unavailable" }
}
