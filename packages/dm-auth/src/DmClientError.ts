/**
 * How a session of the device fails, beside what its machine says.
 *
 * @layer service
 */
import type { ClientGuard, Unavailable } from "@oma/sa-policy"
import type { HttpHandler } from "@oma/sa-policy/http"
import * as Data from "effect/Data"
import type { ClientFailure } from "./DmAuthError.ts"

/** The device has no account for that server. */
export class UnknownServer extends Data.TaggedError("UnknownServer")<{ readonly serverId: string }> {}

/** HTTP answered, but not with a message. */
export class TransportRefused extends Data.TaggedError("TransportRefused")<{
  readonly status: number
  readonly url: string
}> {}

/** The answer is no message, or one of another session. */
export class UnusableAnswer extends Data.TaggedError("UnusableAnswer")<{ readonly clause: string }> {}

/** The connection protects less than the address promised, or than the first connection of the session did. */
export class ConnectionTooWeak extends Data.TaggedError("ConnectionTooWeak")<{
  readonly url: string
  readonly clause: string
}> {}

/** Why no message goes out on a connection. */
export type ConnectionRefused = ConnectionTooWeak | ClientGuard.ServerRefused | ClientGuard.UpgradeNeeded

/** Every way in which a session ends without success. */
export type DmClientError =
  | ClientFailure
  | UnknownServer
  | TransportRefused
  | UnusableAnswer
  | ConnectionRefused
  | HttpHandler.HttpFailure
  | Unavailable
