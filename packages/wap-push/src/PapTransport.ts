/**
 * The port through which PAP bodies travel: one HTTP POST and its answer.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { PapBody } from "./PapBody.ts"

/** An answer of HTTP; `contentType` is empty where there was none. */
export interface PapAnswer extends PapBody {
  readonly status: number
}

/** No answer came: connection refused or broken, name not found, or the time was up. */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly detail: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.detail
  }
}

export interface PapTransportShape {
  readonly post: (url: string, body: PapBody) => Effect.Effect<PapAnswer, TransportError>
}

/** Posts PAP bodies. */
export class PapTransport extends Context.Service<PapTransport, PapTransportShape>()("@oma/wap-push/PapTransport") {}
