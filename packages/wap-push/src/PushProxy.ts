/**
 * An embedded push proxy gateway for development: takes PAP, sends WSP pushes over bearers, answers status queries and
 * cancellations, and notifies of results. It knows pushes for a day and forgets them with the process.
 *
 * @spec PAP 2.0, PPG 2.0
 * @layer service
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { type BearerError, type Delivery, pushDatagram, type WdpAddress, WdpBearer } from "./Bearer.ts"
import { latin1Decode } from "./Octets.ts"
import { type PapAddress, parsePapAddress } from "./PapAddress.ts"
import { decodePapBody, encodeControl, type PapBody } from "./PapBody.ts"
import type {
  BadMessageResponse,
  CancelMessage,
  CcqMessage,
  PapMessage,
  PushMessage,
  QualityOfService,
  StatusQueryMessage,
  StatusQueryResult
} from "./PapMessage.ts"
import { PapTransport } from "./PapTransport.ts"
import { compile, fromEntity, toPdu } from "./Push.ts"
import { codeOfState, type PushEvent, type PushState, step } from "./PushLifecycle.ts"
import { encodePushPdu } from "./PushPdu.ts"
import { code, judge } from "./ResultCode.ts"

export interface PushProxyOptions {
  /** sender-name of answers. */
  readonly name?: string
  /** sender-address of answers. */
  readonly address?: string
  /** Pushes remembered; 10,000. More are answered with 4001. */
  readonly maxPushes?: number
  /** Recipients of one push; 16. */
  readonly maxRecipients?: number
  /** Milliseconds for which a push is remembered; one day. A push that is pending then has expired. */
  readonly retention?: number
  /** Attempts to hand a push to the bearer; 3. */
  readonly maxAttempts?: number
  /** Milliseconds between these, and between attempts to notify; 1,000. */
  readonly retryDelay?: number
  /** Bearers that an initiator may require; `sms` and `csd`. */
  readonly bearers?: ReadonlyArray<string>
  /** Networks that an initiator may require; `gsm`. */
  readonly networks?: ReadonlyArray<string>
  /** Whether results may be posted to an address; loopback addresses by default. */
  readonly mayNotify?: (url: URL) => boolean
  /** Finds the terminal of a user name; no user is known by default. */
  readonly resolveUser?: (address: PapAddress) => Effect.Effect<Option.Option<WdpAddress>>
}

export interface PushProxyShape {
  /** Answers one PAP request of the initiator `initiator`, whose push ids are its own. The answer goes out with HTTP 202. */
  readonly handle: (initiator: string, request: PapBody) => Effect.Effect<PapBody>
}

/** A push proxy gateway. */
export class PushProxy extends Context.Service<PushProxy, PushProxyShape>()("@oma/wap-push/PushProxy") {}

interface Recipient {
  readonly address: string
  state: PushState
  since: number
  /** The bearer has it: nothing calls it back. */
  handedOver: boolean
  fiber: Fiber.Fiber<void> | undefined
}

interface Accepted {
  readonly message: PushMessage
  readonly received: number
  readonly recipients: ReadonlyArray<Recipient>
}

interface Order {
  readonly recipient: Recipient
  readonly to: WdpAddress
  readonly data: Uint8Array
}

const day = 86_400_000
const loopback = new Set(["127.0.0.1", "localhost", "[::1]"])
const fragmentLength = 128

const eventOf: Readonly<Record<Delivery, PushEvent>> = {
  delivered: "confirmed",
  expired: "expired",
  undeliverable: "failed",
  rejected: "failed",
  unknown: "timed out"
}

/** A refusal inside `handle`: its code and words. */
interface Refusal {
  readonly code: number
  readonly desc: string
}
const refusal = (found: number, detail?: string): Refusal => ({ code: found, desc: detail ?? judge(found)!.meaning })

const wdpAddress = (address: PapAddress): WdpAddress | undefined => {
  switch (address.type) {
    case "PLMN":
      return { _tag: "Msisdn", number: address.user }
    case "IPV4":
    case "IPV6":
      return { _tag: "Ip", address: address.user }
    default:
      return undefined
  }
}

export const make = Effect.fnUntraced(function* (
  options: PushProxyOptions = {}
): Effect.fn.Return<PushProxyShape, never, WdpBearer | PapTransport | Scope.Scope> {
  const bearer = yield* WdpBearer
  const transport = yield* PapTransport
  const scope = yield* Scope.Scope
  const maxPushes = options.maxPushes ?? 10_000
  const maxRecipients = options.maxRecipients ?? 16
  const retention = options.retention ?? day
  const maxAttempts = options.maxAttempts ?? 3
  const retryDelay = options.retryDelay ?? 1000
  const bearers = options.bearers ?? ["sms", "csd"]
  const networks = options.networks ?? ["gsm"]
  const mayNotify = options.mayNotify ?? ((url: URL) => loopback.has(url.hostname))
  const resolveUser = options.resolveUser ?? (() => Effect.succeed(Option.none<WdpAddress>()))
  const sender = {
    ...(options.name !== undefined ? { senderName: options.name } : {}),
    ...(options.address !== undefined ? { senderAddress: options.address } : {})
  }
  const pushes = new Map<string, Accepted>()
  let tid = 0

  const keyOf = (initiator: string, pushId: string): string => `${initiator}\n${pushId}`

  const forget = (now: number): void => {
    for (const [key, { received }] of pushes) {
      if (now - received < retention) break
      pushes.delete(key)
    }
  }

  const notify = Effect.fnUntraced(function* (accepted: Accepted, recipient: Recipient) {
    const { ppgNotifyRequestedTo: target, pushId, qualityOfService } = accepted.message
    if (target === undefined || !URL.canParse(target) || !mayNotify(new URL(target))) return
    const body = encodeControl({
      _tag: "ResultNotificationMessage",
      ...sender,
      pushId,
      receivedTime: accepted.received,
      eventTime: recipient.since,
      messageState: recipient.state,
      code: codeOfState[recipient.state],
      desc: recipient.state,
      address: recipient.address,
      ...(qualityOfService !== undefined ? { qualityOfService } : {})
    })
    if (Result.isFailure(body)) return
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const answer = yield* Effect.exit(transport.post(target, body.success))
      if (answer._tag === "Success" && answer.value.status < 500) return
      yield* Effect.sleep(retryDelay)
    }
  })

  /** Ends a push for a recipient, once; what comes later changes nothing. */
  const happened = Effect.fnUntraced(function* (accepted: Accepted, recipient: Recipient, event: PushEvent) {
    const next = step(recipient.state, event)
    if (Result.isFailure(next)) return false
    recipient.state = next.success
    recipient.since = yield* Clock.currentTimeMillis
    yield* Effect.forkIn(notify(accepted, recipient), scope)
    return true
  })

  /** When a push is of no more use. */
  const endOf = ({ message, received }: Accepted): number =>
    Math.min(message.deliverBeforeTimestamp ?? Number.POSITIVE_INFINITY, received + retention)

  const handOver = Effect.fnUntraced(function* (order: Order, validity: number) {
    const datagram = { ...pushDatagram(order.to, order.data), validity }
    for (let attempt = 1; ; attempt++) {
      const sent = yield* Effect.result(bearer.send(datagram))
      if (Result.isSuccess(sent)) return sent
      const { retryable }: BearerError = sent.failure
      if (!retryable || attempt >= maxAttempts) return sent
      yield* Effect.sleep(retryDelay)
    }
  })

  const deliver = Effect.fnUntraced(function* (accepted: Accepted, order: Order) {
    const { deliverAfterTimestamp: after, qualityOfService } = accepted.message
    const now = yield* Clock.currentTimeMillis
    if (after !== undefined && after > now) yield* Effect.sleep(after - now)
    const sent = yield* handOver(order, endOf(accepted) - (yield* Clock.currentTimeMillis))
    order.recipient.handedOver = Result.isSuccess(sent)
    if (Result.isFailure(sent)) return yield* happened(accepted, order.recipient, "failed")
    const method = qualityOfService?.deliveryMethod ?? "notspecified"
    const { delivery } = sent.success
    if (method === "unconfirmed" || delivery === undefined) return yield* happened(accepted, order.recipient, "taken")
    const outcome = yield* delivery
    return yield* happened(accepted, order.recipient, eventOf[outcome])
  })

  const start = Effect.fnUntraced(function* (accepted: Accepted, order: Order) {
    const fiber = yield* deliver(accepted, order).pipe(
      Effect.timeoutOrElse({
        duration: endOf(accepted) - accepted.received,
        orElse: () => happened(accepted, order.recipient, "expired")
      }),
      Effect.asVoid,
      Effect.forkIn(scope)
    )
    order.recipient.fiber = fiber
  })

  const stop = Effect.fnUntraced(function* (accepted: Accepted, recipient: Recipient) {
    if (recipient.handedOver) return false
    const stopped = yield* happened(accepted, recipient, "cancelled")
    if (stopped && recipient.fiber !== undefined) yield* Fiber.interrupt(recipient.fiber)
    return stopped
  })

  const qualityRefusal = (qos: QualityOfService | undefined): Refusal | undefined => {
    if (qos?.bearerRequired === true && !bearers.includes((qos.bearer ?? "").toLowerCase())) {
      return refusal(code.requiredBearerNotAvailable)
    }
    if (qos?.networkRequired === true && !networks.includes((qos.network ?? "").toLowerCase())) return refusal(3009)
    if (qos?.deliveryMethod === "confirmed" && !bearer.reports) return refusal(code.deliveryMethodNotPossible)
    return undefined
  }

  const locate = Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
    const found: Array<{ readonly text: string; readonly to: WdpAddress }> = []
    for (const text of texts) {
      const parsed = parsePapAddress(text)
      if (Result.isFailure(parsed)) return refusal(2002)
      const address = parsed.success
      const to = wdpAddress(address) ?? Option.getOrUndefined(yield* resolveUser(address))
      if (to === undefined) return refusal(code.addressNotFound)
      found.push({ text, to })
    }
    return found
  })

  /** Cancels what the push replaces; gives the addresses that are still to be served. */
  const replace = Effect.fnUntraced(function* (initiator: string, message: PushMessage) {
    if (message.replacePushId === undefined) return message.addresses
    const old = pushes.get(keyOf(initiator, message.replacePushId))
    if (old === undefined) return refusal(code.pushIdNotFound)
    const pending: Array<string> = []
    for (const recipient of old.recipients) if (yield* stop(old, recipient)) pending.push(recipient.address)
    return message.replaceMethod === "pending-only"
      ? message.addresses.filter((address) => pending.includes(address))
      : message.addresses
  })

  const submit = Effect.fnUntraced(function* (initiator: string, message: PushMessage, data: Uint8Array | Refusal) {
    if (!(data instanceof Uint8Array)) return data
    const now = yield* Clock.currentTimeMillis
    forget(now)
    const key = keyOf(initiator, message.pushId)
    if (pushes.has(key)) return refusal(code.duplicatePushId)
    if (pushes.size >= maxPushes) return refusal(code.serviceUnavailable)
    if (message.addresses.length > maxRecipients) return refusal(3005)
    const { deliverBeforeTimestamp: before, deliverAfterTimestamp: after } = message
    if (before !== undefined && before <= now) return refusal(code.forbidden, "deliver-before-timestamp is past")
    if (before !== undefined && after !== undefined && after >= before) {
      return refusal(code.badRequest, "deliver-after-timestamp is not before deliver-before-timestamp")
    }
    const unfit = qualityRefusal(message.qualityOfService)
    if (unfit !== undefined) return unfit
    const located = yield* locate([...new Set(message.addresses)])
    if ("code" in located) return located
    const wanted = yield* replace(initiator, message)
    if ("code" in wanted) return wanted
    const orders = located
      .filter(({ text }) => wanted.includes(text))
      .map(
        ({ text, to }): Order => ({
          recipient: { address: text, state: "pending", since: now, handedOver: false, fiber: undefined },
          to,
          data
        })
      )
    if (pushes.has(key)) return refusal(code.duplicatePushId) // another may have come while this one was looked at
    const accepted: Accepted = { message, received: now, recipients: orders.map(({ recipient }) => recipient) }
    pushes.set(key, accepted)
    for (const order of orders) yield* start(accepted, order)
    return refusal(code.accepted)
  })

  const pduOf = (content: Parameters<typeof fromEntity>[0]): Uint8Array | Refusal => {
    const entity = fromEntity(content)
    if (Result.isFailure(entity)) return refusal(code.badRequest, entity.failure.detail)
    const compiled = compile(entity.success)
    if (Result.isFailure(compiled)) return refusal(code.transformationFailure, compiled.failure.detail)
    const pdu = encodePushPdu(toPdu(compiled.success, tid++))
    return Result.isFailure(pdu) ? refusal(code.badRequest, pdu.failure.detail) : pdu.success
  }

  const select = (recipients: ReadonlyArray<Recipient>, addresses: ReadonlyArray<string>): ReadonlyArray<Recipient> =>
    addresses.length === 0 ? recipients : recipients.filter(({ address }) => addresses.includes(address))

  const cancel = Effect.fnUntraced(function* (initiator: string, { pushId, addresses }: CancelMessage) {
    const accepted = pushes.get(keyOf(initiator, pushId))
    const chosen = accepted === undefined ? [] : select(accepted.recipients, addresses)
    if (accepted === undefined || chosen.length === 0) {
      return [{ ...refusal(accepted === undefined ? code.pushIdNotFound : code.addressNotFound), addresses }]
    }
    const groups = new Map<number, Array<string>>()
    for (const recipient of chosen) {
      const found = (yield* stop(accepted, recipient)) ? code.ok : code.cancellationNotPossible
      groups.set(found, [...(groups.get(found) ?? []), recipient.address])
    }
    return Array.from(groups, ([found, of]) => ({ ...refusal(found), addresses: of }))
  })

  const status = (initiator: string, { pushId, addresses }: StatusQueryMessage): ReadonlyArray<StatusQueryResult> => {
    const accepted = pushes.get(keyOf(initiator, pushId))
    const chosen = accepted === undefined ? [] : select(accepted.recipients, addresses)
    if (accepted === undefined || chosen.length === 0) {
      const found = accepted === undefined ? code.pushIdNotFound : code.addressNotFound
      return [{ ...refusal(found), messageState: "unknown", addresses }]
    }
    const { qualityOfService } = accepted.message
    return chosen.map(({ address, state, since }) => ({
      eventTime: since,
      messageState: state,
      ...refusal(codeOfState[state]),
      addresses: [address],
      ...(qualityOfService !== undefined ? { qualityOfService } : {})
    }))
  }

  const capabilities = ({ queryId, address }: CcqMessage): PapMessage => ({
    _tag: "CcqResponse",
    queryId: queryId ?? "unknown",
    ...refusal(code.capabilitiesNotAvailable),
    address
  })

  const bad = (request: PapBody, desc: string): BadMessageResponse => ({
    _tag: "BadMessageResponse",
    code: code.badRequest,
    desc,
    badMessageFragment: latin1Decode(request.body, 0, Math.min(request.body.length, fragmentLength)).replace(
      /[^ -~]/g,
      " "
    )
  })

  const answer = Effect.fnUntraced(function* (initiator: string, request: PapBody) {
    const decoded = decodePapBody(request)
    if (Result.isFailure(decoded)) return { message: bad(request, decoded.failure.detail), version: undefined }
    const { document, content } = decoded.success
    const { message, version } = document
    const reply = (response: PapMessage) => ({ message: response, version })
    switch (message._tag) {
      case "PushMessage": {
        const result = yield* submit(initiator, message, pduOf(content!))
        const replyTime = yield* Clock.currentTimeMillis
        return reply({ _tag: "PushResponse", pushId: message.pushId, ...sender, replyTime, progressNotes: [], result })
      }
      case "CancelMessage":
        return reply({ _tag: "CancelResponse", pushId: message.pushId, results: yield* cancel(initiator, message) })
      case "StatusQueryMessage":
        return reply({ _tag: "StatusQueryResponse", pushId: message.pushId, results: status(initiator, message) })
      case "CcqMessage":
        return reply(capabilities(message))
      default:
        return reply(bad(request, `${message._tag} is not for a gateway`))
    }
  })

  return {
    handle: Effect.fnUntraced(function* (initiator, request) {
      const { message, version } = yield* answer(initiator, request)
      const encoded = encodeControl(message, { version: version ?? "1.0" })
      // what we answer came out of a document that was read, or is our own text: it can be written
      return Result.getOrThrow(encoded)
    })
  }
})

/** The embedded push proxy. */
export const layer = (options?: PushProxyOptions): Layer.Layer<PushProxy, never, WdpBearer | PapTransport> =>
  Layer.effect(PushProxy, make(options))
