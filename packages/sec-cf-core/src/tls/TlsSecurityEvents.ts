/**
 * TLS events in the one stream of security events.
 *
 * @layer service
 */
import { type EventContext, type EventTag, SecurityEvents } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import type { TlsEvent } from "./TlsEvent.ts"

const told = (event: TlsEvent): readonly [EventTag, Omit<EventContext, "enabler" | "interface">] => {
  switch (event._tag) {
    case "LegacyProfileEnabled":
      return [
        "WeakConfiguration",
        { clause: "RFC 8996, RFC 9325", detail: `TLS from ${event.minVersion} on with ${event.suites.join(", ")}` }
      ]
    case "ConnectionRefused":
      return ["Refused", { peer: event.address, detail: event.reason, clause: "limits of the server" }]
    case "HelloRefused":
      return ["Refused", { peer: event.address, detail: event.reason, clause: "RFC 8446 4.1.2" }]
    case "PskRefused":
      return [
        "KeyRefused",
        { peer: event.address, subject: event.identity, detail: event.reason, clause: "RFC 4279 2, TS 33.222 5.4" }
      ]
    case "HandshakeFailed":
    case "NotAuthenticated":
      return [
        "Refused",
        {
          peer: event.address,
          ...(event.identity === undefined ? {} : { subject: event.identity }),
          detail: event.reason,
          clause: event._tag === "HandshakeFailed" ? "TLS handshake" : "SEC_CF-AUTH-001"
        }
      ]
    case "IdentityDisconnected":
      return [
        "Refused",
        {
          subject: event.identity,
          detail: `its key was withdrawn; ${event.connections} connections closed`,
          clause: "SEC_CF key management: revocation closes connections"
        }
      ]
  }
}

/** A function for `onEvent` that passes every TLS event on to `SecurityEvents`, under the name of an enabler's interface. */
export const tellSecurityEvents = Effect.fnUntraced(function* (where: {
  readonly enabler: string
  readonly interface?: string
}) {
  const events = yield* SecurityEvents.SecurityEvents
  const run = Effect.runForkWith(yield* Effect.context())
  return (event: TlsEvent): void => {
    const [tag, context] = told(event)
    run(events.emit(tag, { ...where, ...context }))
  }
})
