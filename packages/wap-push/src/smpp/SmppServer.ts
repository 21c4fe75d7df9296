/**
 * The SMPP 3.4 side of an SMS centre: entities bind, submit, and get receipts and messages. What they submit goes to the
 * embedded `SmsCentre`. The protocol data units are those of the library `smpp`.
 *
 * @spec SMPP 3.4
 * @layer binding
 */
import * as Crypto from "node:crypto"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Pdu, Session } from "smpp"
import smpp from "smpp"
import type { Delivery } from "../Bearer.ts"
import { formatReceipt, type ReceiptStatus, receiptStatuses } from "../DeliveryReceipt.ts"
import type { ShortMessage } from "../ShortMessage.ts"
import { SmsCentre } from "../SmsCentre.ts"
import { deliverParameters, esmClass, messageOf, status } from "./SmppMessage.ts"

/** An entity that may bind. */
export interface SmppAccount {
  readonly systemId: string
  readonly password: Redacted.Redacted
}

export interface SmppServerOptions {
  /** 0 takes a free port. */
  readonly port: number
  /** 127.0.0.1 by default. */
  readonly host?: string
  readonly accounts: ReadonlyArray<SmppAccount>
  /** Speaks TLS with these. */
  readonly tls?: Tls.TlsOptions
  /** system_id in answers; `oma-smsc`. */
  readonly systemId?: string
  /** Connections at once; 64. */
  readonly maxConnections?: number
  /** Milliseconds without a bind, or without any request once bound, after which a connection is closed; 120,000. */
  readonly idleTimeout?: number
  /** Submissions of one connection in work at once; 100. More are throttled. */
  readonly window?: number
  /** Receipts kept for an entity that is not bound; 1,000. The oldest go first. */
  readonly maxKept?: number
}

/** The address could not be listened on. */
export class SmppCannotListen extends Data.TaggedError("SmppCannotListen")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `cannot listen on ${this.host}:${this.port}`
  }
}

export interface SmppServer {
  readonly port: number
  /** Hands a terminal's message to an entity; `false` where none of that name is bound to receive. */
  readonly deliver: (systemId: string, message: ShortMessage) => Effect.Effect<boolean>
  /** Names of the bound entities. */
  readonly bound: Effect.Effect<ReadonlyArray<string>>
}

const statusOf: Readonly<Record<Delivery, ReceiptStatus>> = {
  delivered: "DELIVRD",
  expired: "EXPIRED",
  undeliverable: "UNDELIV",
  rejected: "REJECTD",
  unknown: "UNKNOWN"
}

const digest = (text: string): Buffer => Crypto.createHash("sha256").update(text, "latin1").digest()

interface Entity {
  readonly session: Session
  systemId: string | undefined
  receives: boolean
  transmits: boolean
  inWork: number
}

const binds: Readonly<Record<string, { readonly receives: boolean; readonly transmits: boolean }>> = {
  bind_receiver: { receives: true, transmits: false },
  bind_transmitter: { receives: false, transmits: true },
  bind_transceiver: { receives: true, transmits: true }
}

const validityOf = (pdu: Pdu, now: number): number | undefined => {
  const until = pdu["validity_period"] // the library makes a Date of it, an invalid one of nonsense
  const left = until instanceof Date ? until.getTime() - now : Number.NaN
  return Number.isNaN(left) ? undefined : Math.max(left, 0)
}

/** Serves SMPP until the scope closes. */
export const serve = Effect.fnUntraced(function* (
  options: SmppServerOptions
): Effect.fn.Return<SmppServer, SmppCannotListen, SmsCentre | Scope.Scope> {
  const centre = yield* SmsCentre
  const host = options.host ?? "127.0.0.1"
  const systemId = options.systemId ?? "oma-smsc"
  const idleTimeout = options.idleTimeout ?? 120_000
  const window = options.window ?? 100
  const maxKept = options.maxKept ?? 1000
  const passwords = new Map(
    options.accounts.map((account) => [account.systemId, digest(Redacted.value(account.password))])
  )
  const nobody = Crypto.randomBytes(32)
  const run = Effect.runForkWith(yield* Effect.context())
  const entities = new Set<Entity>()
  const kept = new Map<string, Array<Readonly<Record<string, unknown>>>>()

  const receiverOf = (name: string): Entity | undefined => {
    for (const entity of entities) if (entity.systemId === name && entity.receives) return entity
    return undefined
  }

  const handReceipt = (name: string, parameters: Readonly<Record<string, unknown>>): void => {
    const entity = receiverOf(name)
    if (entity?.session.send(new smpp.PDU("deliver_sm", parameters)) === true) return
    const waiting = kept.get(name) ?? []
    waiting.push(parameters)
    if (waiting.length > maxKept) waiting.shift()
    kept.set(name, waiting)
  }

  const bind = (entity: Entity, pdu: Pdu): void => {
    const { session } = entity
    if (entity.systemId !== undefined) return void session.send(pdu.response({ command_status: status.alreadyBound }))
    const name = String(pdu["system_id"] ?? "")
    const right = Crypto.timingSafeEqual(digest(String(pdu["password"] ?? "")), passwords.get(name) ?? nobody)
    if (!right || !passwords.has(name)) {
      session.send(pdu.response({ command_status: status.bindFailed })) // the same for an unknown name and a wrong password
      session.close()
      return
    }
    entity.systemId = name
    Object.assign(entity, binds[pdu.command])
    session.send(pdu.response({ system_id: systemId }))
    if (!entity.receives) return
    const waiting = kept.get(name) ?? []
    kept.delete(name)
    for (const parameters of waiting) handReceipt(name, parameters)
  }

  const receipt = (
    entity: Entity,
    message: ShortMessage,
    id: string,
    since: number,
    delivery: Effect.Effect<Delivery>
  ) =>
    Effect.gen(function* () {
      const state = statusOf[yield* delivery]
      const now = yield* Clock.currentTimeMillis
      handReceipt(entity.systemId ?? "", {
        ...deliverParameters({ ...message, from: message.to, to: message.from, dataCoding: 0, hasHeader: false }),
        esm_class: esmClass.receipt,
        short_message: Buffer.from(formatReceipt({ id, status: state }, since, now), "latin1"),
        receipted_message_id: id,
        message_state: receiptStatuses.find(([, name]) => name === state)![0]
      })
    })

  const submit = Effect.fnUntraced(function* (entity: Entity, pdu: Pdu) {
    const refuse = (command_status: number) => void entity.session.send(pdu.response({ command_status }))
    if (!entity.transmits) return refuse(status.invalidBindStatus)
    const message = messageOf(pdu)
    if (message === undefined) return refuse(status.invalidMessageLength)
    if (entity.inWork >= window) return refuse(status.throttled)
    entity.inWork++
    const now = yield* Clock.currentTimeMillis
    const validity = validityOf(pdu, now)
    const wanted = (Number(pdu["registered_delivery"] ?? 0) & 1) === 1
    const accepted = yield* Effect.result(
      centre.submit({ ...message, receipt: wanted, ...(validity !== undefined ? { validity } : {}) })
    ).pipe(Effect.ensuring(Effect.sync(() => entity.inWork--)))
    if (Result.isFailure(accepted)) return refuse(accepted.failure.retryable ? status.queueFull : status.submitFailed)
    const { id, delivery } = accepted.success
    entity.session.send(pdu.response({ message_id: id }))
    if (delivery !== undefined) run(receipt(entity, message, id, now, delivery))
  })

  const onSession = (session: Session): void => {
    const entity: Entity = { session, systemId: undefined, receives: false, transmits: false, inWork: 0 }
    entities.add(entity)
    session.socket.setTimeout(idleTimeout, () => session.destroy())
    session.on("error", () => session.destroy())
    session.on("close", () => entities.delete(entity))
    for (const command of Object.keys(binds)) session.on(command, (pdu: Pdu) => bind(entity, pdu))
    session.on("enquire_link", (pdu: Pdu) => session.send(pdu.response()))
    session.on("unknown", (pdu: Pdu) => session.send(pdu.response()))
    session.on("unbind", (pdu: Pdu) => {
      session.send(pdu.response())
      session.close()
    })
    session.on("submit_sm", (pdu: Pdu) => run(submit(entity, pdu)))
  }

  const server = yield* Effect.acquireRelease(
    Effect.callback<Net.Server, SmppCannotListen>((resume) => {
      const made = smpp.createServer(options.tls ?? {}, onSession)
      made.maxConnections = options.maxConnections ?? 64
      made.once("error", (cause) => resume(Effect.fail(new SmppCannotListen({ host, port: options.port, cause }))))
      made.listen(options.port, host, () => resume(Effect.succeed(made)))
    }),
    (made) =>
      Effect.callback<void>((resume) => {
        made.close(() => resume(Effect.void))
        for (const { session } of entities) session.destroy()
      })
  )
  const address = server.address()
  return {
    port: address === null || typeof address === "string" ? options.port : address.port,
    bound: Effect.sync(() => [...entities].flatMap(({ systemId: name }) => (name === undefined ? [] : [name]))),
    deliver: (name, message) =>
      Effect.sync(() => receiverOf(name)?.session.send(new smpp.PDU("deliver_sm", deliverParameters(message))) ?? false)
  }
})
