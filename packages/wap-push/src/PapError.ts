/**
 * What a push initiator can meet with.
 *
 * @layer codec
 */
import * as Data from "effect/Data"
import type { Malformed, Unencodable } from "./Malformed.ts"
import type { ResultCode } from "./ResultCode.ts"

/** The gateway answered with a code that is no success. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly result: ResultCode
  /** The gateway's own words. */
  readonly desc?: string
}> {}

/** The gateway did not accept the initiator's credentials. */
export class Unauthorized extends Data.TaggedError("Unauthorized")<{ readonly status: number }> {}

/** No usable answer came, whatever was tried. The push may have been taken all the same. */
export class GatewayUnavailable extends Data.TaggedError("GatewayUnavailable")<{
  readonly attempts: number
  readonly detail: string
  readonly cause?: unknown
}> {}

/** The answer is not PAP, or not for this request. */
export class UnexpectedAnswer extends Data.TaggedError("UnexpectedAnswer")<{
  readonly status: number
  readonly detail: string
  readonly failure?: Malformed
}> {}

/** This push id was used for another push. */
export class PushIdInUse extends Data.TaggedError("PushIdInUse")<{ readonly pushId: string }> {}

/** The request has no form in PAP. */
export class NotSendable extends Data.TaggedError("NotSendable")<{ readonly failure: Unencodable }> {}

export type PapErrorReason = Refused | Unauthorized | GatewayUnavailable | UnexpectedAnswer | PushIdInUse | NotSendable

const words = (reason: PapErrorReason): string => {
  switch (reason._tag) {
    case "Refused":
      return `refused with ${reason.result.code} ${reason.result.meaning}${reason.desc === undefined ? "" : `: ${reason.desc}`} (PAP result codes)`
    case "Unauthorized":
      return `credentials refused with HTTP ${reason.status}`
    case "GatewayUnavailable":
      return `gateway unavailable after ${reason.attempts} attempts: ${reason.detail}`
    case "UnexpectedAnswer":
      return `unexpected answer, HTTP ${reason.status}: ${reason.detail}`
    case "PushIdInUse":
      return "push id used for another push"
    case "NotSendable":
      return reason.failure.message
  }
}

/** The one failure of the PAP client. */
export class PapError extends Data.TaggedError("PapError")<{ readonly reason: PapErrorReason }> {
  override get message(): string {
    return words(this.reason)
  }
}
