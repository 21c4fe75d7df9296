/**
 * How authentication ends without success.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import type { AuthType, DmAuthType } from "./DmAuthType.ts"

/** An event that does not belong into the state: nothing was done. */
export class OutOfOrder extends Data.TaggedError("OutOfOrder")<{
  readonly machine: "DmServerAuth" | "DmClientAuth"
  readonly state: string
  readonly event: string
}> {
  override get message(): string {
    return `${this.machine}: ${this.event} does not belong into ${this.state}`
  }
}

/** The peer demands a credential type that this party does not compute or has no secret for. */
export class UnsupportedChallenge extends Data.TaggedError("UnsupportedChallenge")<{ readonly type: AuthType }> {}

/** The peer demands a weaker type than policy allows on this connection. */
export class ChallengeBelowMinimum extends Data.TaggedError("ChallengeBelowMinimum")<{
  readonly type: DmAuthType
  readonly minimum: DmAuthType
}> {}

/** The peer demands a password where it would be read, or before the transport has proved the peer. */
export class BasicInClear extends Data.TaggedError("BasicInClear")<{ readonly clause: string }> {}

/** 401 or 407 without the Chal that is mandatory with it. */
export class ChalMissing extends Data.TaggedError("ChalMissing")<{ readonly status: number }> {}

/** The peer refused the credentials as often as policy lets them be shown. */
export class WrongCredentials extends Data.TaggedError("WrongCredentials")<{ readonly attempts: number }> {}

/** The peer refused for a reason that credentials do not mend. */
export class PeerRefused extends Data.TaggedError("PeerRefused")<{ readonly status: number }> {}

/** The peer changed the type in an authenticated session. */
export class TypeChanged extends Data.TaggedError("TypeChanged")<{
  readonly from: DmAuthType
  readonly to: AuthType
}> {}

/** A session under MAC was not kept up: 212 instead of 200, no nonce for the next message. */
export class MacSessionBroken extends Data.TaggedError("MacSessionBroken")<{ readonly clause: string }> {}

/** Why this party could not show that it is itself. */
export type ProofFailure =
  | UnsupportedChallenge
  | ChallengeBelowMinimum
  | BasicInClear
  | ChalMissing
  | WrongCredentials
  | PeerRefused
  | TypeChanged
  | MacSessionBroken

/** The server did not show that it is itself. */
export class ServerNotAuthenticated extends Data.TaggedError("ServerNotAuthenticated")<{
  readonly attempts: number
  readonly clause: string
}> {}

/** The server ended the session without having accepted the client. */
export class NotAccepted extends Data.TaggedError("NotAccepted")<{ readonly status: number }> {}

/** No answer came, the message sent again included. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly sent: number }> {}

/** RespURI leads to another origin. */
export class ForeignRespUri extends Data.TaggedError("ForeignRespUri")<{ readonly clause: string }> {}

/** MsgID of an answer does not grow. */
export class AnswerOutOfSequence extends Data.TaggedError("AnswerOutOfSequence")<{
  readonly last: number
  readonly received: number
}> {}

/** The local store did not answer. */
export class StoreUnavailable extends Data.TaggedError("StoreUnavailable")<{ readonly clause: string }> {}

/** The application ended the session. */
export class Aborted extends Data.TaggedError("Aborted") {}

/** How a session of the client fails. */
export type ClientFailure =
  | ProofFailure
  | ServerNotAuthenticated
  | NotAccepted
  | NoAnswer
  | ForeignRespUri
  | AnswerOutOfSequence
  | StoreUnavailable
  | Aborted
