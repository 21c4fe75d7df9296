/**
 * The push initiator: submits pushes to a gateway, once for each push id, again only where a repetition may help, and asks
 * about, cancels and learns of what it sent.
 *
 * @spec PAP 2.0
 * @layer service
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type { Unencodable } from "./Malformed.ts"
import { formatPapAddress, type PapAddress } from "./PapAddress.ts"
import { decodePapBody, encodeControl, encodePushBody, type PapBody } from "./PapBody.ts"
import type { PapVersion } from "./PapCodec.ts"
import {
  GatewayUnavailable,
  NotSendable,
  PapError,
  type PapErrorReason,
  PushIdInUse,
  Refused,
  Unauthorized,
  UnexpectedAnswer
} from "./PapError.ts"
import type {
  CancelResponse,
  CcqResponse,
  PapMessage,
  PushMessage,
  PushResponse,
  QualityOfService,
  StatusQueryResponse
} from "./PapMessage.ts"
import { type PapAnswer, PapTransport } from "./PapTransport.ts"
import { type Push, toEntity } from "./Push.ts"
import { PushLedger } from "./PushLedger.ts"
import { code, judge } from "./ResultCode.ts"

/** One push for one recipient. Gateways of the field serve the first address of a message only, so there is one. */
export interface PushSubmission {
  /** Unique for this initiator; sending again under it sends nothing once the gateway has taken it. */
  readonly pushId: string
  readonly to: PapAddress
  readonly push: Push
  readonly qualityOfService?: QualityOfService
  /** Milliseconds since 1970-01-01 UTC. Nothing is tried after it. */
  readonly deliverBefore?: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly deliverAfter?: number
  readonly sourceReference?: string
  /** Where the gateway shall post the result. */
  readonly notifyTo?: string
  readonly replace?: { readonly pushId: string; readonly method?: "pending-only" | "all" }
}

/** The gateway took the push. */
export interface PushAccepted {
  readonly response: PushResponse
  /** Requests that it took; 0 where it had been taken before. */
  readonly attempts: number
}

export interface PapClientOptions {
  /** The gateway's address for PAP. */
  readonly url: string
  /** Document type to send; 2.0. */
  readonly version?: PapVersion
  readonly productName?: string
  /** Requests for one push at most; 5. */
  readonly maxAttempts?: number
  /** Milliseconds before the second request, doubled before each further one; 1,000. */
  readonly firstDelay?: number
  /** The longest of these delays; 60,000. */
  readonly maxDelay?: number
  /** Requests under way at once; 32. */
  readonly concurrency?: number
}

export interface PapClientShape {
  readonly push: (submission: PushSubmission) => Effect.Effect<PushAccepted, PapError>
  /** Cancels a push for `to`, or for all its recipients. */
  readonly cancel: (pushId: string, to?: ReadonlyArray<PapAddress>) => Effect.Effect<CancelResponse, PapError>
  /** Asks where a push stands for `to`, or for all its recipients. */
  readonly status: (pushId: string, to?: ReadonlyArray<PapAddress>) => Effect.Effect<StatusQueryResponse, PapError>
  /** Asks what a terminal can do. */
  readonly capabilities: (queryId: string, to: PapAddress, appId?: string) => Effect.Effect<CcqResponse, PapError>
}

/** Submits pushes to one gateway. */
export class PapClient extends Context.Service<PapClient, PapClientShape>()("@oma/wap-push/PapClient") {}

/** FNV-1a in two lanes and the length: tells two pushes apart that their sender confused, and is no defence. */
const fingerprint = ({ body }: PapBody): string => {
  let a = 0x811c9dc5
  let b = 0x01234567
  for (const value of body) {
    a = Math.imul(a ^ value, 0x01000193)
    b = Math.imul(b ^ value, 0x01000193) + 0x9e3779b9
  }
  return `${body.length}-${(a >>> 0).toString(16)}-${(b >>> 0).toString(16)}`
}

const failed = (reason: PapErrorReason): PapError => new PapError({ reason })

const sendable = <A>(result: Result.Result<A, Unencodable>): Effect.Effect<A, PapError> =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(failed(new NotSendable({ failure: result.failure })))

type Tagged<T extends PapMessage["_tag"]> = Extract<PapMessage, { readonly _tag: T }>

/** The message of kind `tag` in an answer, or why it is none. */
const read = <T extends PapMessage["_tag"]>(answer: PapAnswer, tag: T): Result.Result<Tagged<T>, PapErrorReason> => {
  if (answer.status === 401 || answer.status === 403) return Result.fail(new Unauthorized({ status: answer.status }))
  const { status } = answer
  const decoded = decodePapBody(answer)
  if (Result.isFailure(decoded)) {
    return Result.fail(
      status >= 500
        ? new GatewayUnavailable({ attempts: 1, detail: `HTTP ${status}` })
        : new UnexpectedAnswer({ status, detail: "no PAP document", failure: decoded.failure })
    )
  }
  const { message } = decoded.success.document
  if (message._tag === "BadMessageResponse") {
    const { desc } = message
    return Result.fail(new Refused({ result: judge(message.code)!, ...(desc !== undefined ? { desc } : {}) }))
  }
  return message._tag === tag
    ? Result.succeed(message as Tagged<T>)
    : Result.fail(new UnexpectedAnswer({ status, detail: `${message._tag} instead of ${tag}` }))
}

const mayRepeat = (reason: PapErrorReason): boolean =>
  reason._tag === "GatewayUnavailable" || (reason._tag === "Refused" && reason.result.retry)

export const make = Effect.fnUntraced(function* (
  options: PapClientOptions
): Effect.fn.Return<PapClientShape, never, PapTransport | PushLedger> {
  const transport = yield* PapTransport
  const ledger = yield* PushLedger
  const permits = Semaphore.makeUnsafe(options.concurrency ?? 32)
  const maxAttempts = options.maxAttempts ?? 5
  const bodyOptions = {
    version: options.version ?? "2.0",
    ...(options.productName !== undefined ? { productName: options.productName } : {})
  }
  const underWay = new Map<
    string,
    { readonly print: string; readonly exit: Deferred.Deferred<Exit.Exit<PushAccepted, PapError>> }
  >()

  const once = <T extends PapMessage["_tag"]>(body: PapBody, tag: T) =>
    transport.post(options.url, body).pipe(
      permits.withPermit,
      Effect.map((answer) => read(answer, tag)),
      Effect.catchTag("TransportError", ({ detail, cause }) =>
        Effect.succeed(Result.fail<PapErrorReason>(new GatewayUnavailable({ attempts: 1, detail, cause })))
      )
    )

  /** Sends until there is an answer that no repetition can better. `judged` turns an answer into a failure where it is one. */
  const repeated = Effect.fnUntraced(function* <T extends PapMessage["_tag"]>(
    body: PapBody,
    tag: T,
    deadline: number | undefined,
    judged: (message: Tagged<T>, attempt: number) => PapErrorReason | undefined
  ) {
    let delay = options.firstDelay ?? 1000
    for (let attempt = 1; ; attempt++) {
      const answer = yield* once(body, tag)
      const refusal = Result.isFailure(answer) ? answer.failure : judged(answer.success, attempt)
      if (refusal === undefined && Result.isSuccess(answer)) return { message: answer.success, attempts: attempt }
      const now = yield* Clock.currentTimeMillis
      const late = deadline !== undefined && now + delay >= deadline
      if (refusal !== undefined && (attempt === maxAttempts || late || !mayRepeat(refusal))) {
        return yield* failed(
          refusal._tag === "GatewayUnavailable" ? new GatewayUnavailable({ ...refusal, attempts: attempt }) : refusal
        )
      }
      yield* Effect.sleep(delay)
      delay = Math.min(delay * 2, options.maxDelay ?? 60_000)
    }
  })

  const refusalOf =
    (pushId: string) =>
    (response: PushResponse, attempt: number): PapErrorReason | undefined => {
      if (response.pushId !== pushId) {
        return new UnexpectedAnswer({ status: 202, detail: "push-response for another push id" })
      }
      const { code: found, desc } = response.result
      const result = judge(found)!
      // an earlier request whose answer was lost got through
      if (result.class === "success" || (found === code.duplicatePushId && attempt > 1)) return undefined
      return new Refused({ result, ...(desc !== undefined ? { desc } : {}) })
    }

  const submit = Effect.fnUntraced(function* (submission: PushSubmission, body: PapBody, print: string) {
    const { pushId, deliverBefore } = submission
    const { message, attempts } = yield* repeated(body, "PushResponse", deliverBefore, refusalOf(pushId))
    yield* ledger.record({ pushId, fingerprint: print, response: message })
    return { response: message, attempts }
  })

  const addressed = (to: ReadonlyArray<PapAddress>) => sendable(Result.all(to.map(formatPapAddress)))

  const push = Effect.fnUntraced(function* (submission: PushSubmission): Effect.fn.Return<PushAccepted, PapError> {
    const { pushId, qualityOfService, deliverBefore, deliverAfter, sourceReference, notifyTo, replace } = submission
    const message: PushMessage = {
      _tag: "PushMessage",
      pushId,
      addresses: yield* addressed([submission.to]),
      ...(qualityOfService !== undefined ? { qualityOfService } : {}),
      ...(deliverBefore !== undefined ? { deliverBeforeTimestamp: deliverBefore } : {}),
      ...(deliverAfter !== undefined ? { deliverAfterTimestamp: deliverAfter } : {}),
      ...(sourceReference !== undefined ? { sourceReference } : {}),
      ...(notifyTo !== undefined ? { ppgNotifyRequestedTo: notifyTo } : {}),
      ...(replace !== undefined ? { replacePushId: replace.pushId } : {}),
      ...(replace?.method !== undefined ? { replaceMethod: replace.method } : {})
    }
    const body = yield* sendable(encodePushBody(message, toEntity(submission.push), bodyOptions))
    const print = fingerprint(body)
    for (;;) {
      const running = underWay.get(pushId)
      if (running !== undefined) {
        if (running.print !== print) return yield* failed(new PushIdInUse({ pushId }))
        const exit = yield* Deferred.await(running.exit)
        if (exit._tag === "Success") return { ...exit.value, attempts: 0 }
        if (!Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.failCause(exit.cause)
        continue // it was interrupted: now it is this one's turn
      }
      const exit = yield* Deferred.make<Exit.Exit<PushAccepted, PapError>>()
      underWay.set(pushId, { print, exit })
      return yield* Effect.gen(function* () {
        const known = yield* ledger.find(pushId)
        if (Option.isNone(known)) return yield* submit(submission, body, print)
        if (known.value.fingerprint !== print) return yield* failed(new PushIdInUse({ pushId }))
        return { response: known.value.response, attempts: 0 }
      }).pipe(
        Effect.onExit((ended) => {
          underWay.delete(pushId)
          return Deferred.succeed(exit, ended)
        })
      )
    }
  })

  const ask = Effect.fnUntraced(function* <T extends "CancelResponse" | "StatusQueryResponse" | "CcqResponse">(
    message: PapMessage,
    tag: T,
    mine: (answer: Tagged<T>) => boolean
  ) {
    const body = yield* sendable(encodeControl(message, bodyOptions))
    const { message: answer } = yield* repeated(body, tag, undefined, (found) =>
      mine(found) ? undefined : new UnexpectedAnswer({ status: 202, detail: `${tag} for another request` })
    )
    return answer
  })

  return {
    push,
    cancel: (pushId, to = []) =>
      Effect.flatMap(addressed(to), (addresses) =>
        ask({ _tag: "CancelMessage", pushId, addresses }, "CancelResponse", (answer) => answer.pushId === pushId)
      ),
    status: (pushId, to = []) =>
      Effect.flatMap(addressed(to), (addresses) =>
        ask(
          { _tag: "StatusQueryMessage", pushId, addresses },
          "StatusQueryResponse",
          (answer) => answer.pushId === pushId
        )
      ),
    capabilities: (queryId, to, appId) =>
      Effect.flatMap(addressed([to]), ([address]) =>
        ask(
          { _tag: "CcqMessage", queryId, address: address!, ...(appId !== undefined ? { appId } : {}) },
          "CcqResponse",
          (answer) => answer.queryId === queryId
        )
      )
  }
})

/** The client of one gateway. */
export const layer = (options: PapClientOptions): Layer.Layer<PapClient, never, PapTransport | PushLedger> =>
  Layer.effect(PapClient, make(options))
