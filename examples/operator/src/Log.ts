/**
 * The operator's log: what the guards refused, and why, in the words of the clause.
 *
 * @layer binding
 */
import { type SecurityEvent, SecurityEvents } from "@oma/sa-policy"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const told = new Set<SecurityEvent["_tag"]>([
  "Refused",
  "ServerRefused",
  "ReplayRefused",
  "KeyRefused",
  "PolicyLoaded",
  "PolicyRefused",
  "WeakConfiguration",
  "StoreUnavailable",
  "UpgradeDemanded"
])

/** One event as a line. Control characters that a peer put into a name do not reach the terminal. */
const lineOf = (event: SecurityEvent): string =>
  [
    new Date(event.at).toISOString(),
    event._tag,
    [event.enabler, event.interface].filter((part) => part !== undefined).join("/"),
    event.subject ?? event.association ?? "",
    event.detail ?? "",
    event.clause === undefined ? "" : `[${event.clause}]`,
    event.peer === undefined ? "" : `from ${event.peer}`
  ]
    .filter((part) => part !== "")
    .join("  ")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, "?")

/** Writes refusals to standard error until the scope closes. */
export const toStandardError = Effect.gen(function* () {
  const events = yield* SecurityEvents.SecurityEvents
  yield* Stream.runForEach(events.stream, (event) =>
    Effect.sync(() => {
      if (told.has(event._tag)) process.stderr.write(`${lineOf(event)}\n`)
    })
  ).pipe(Effect.forkScoped({ startImmediately: true }))
})
