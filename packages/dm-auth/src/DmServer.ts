/**
 * The DM server as a service: octets of a message in, octets of the answer out. It reads accounts and nonces, lets
 * `DmServerAuth` decide, and does what the machine says.
 *
 * Sessions live in the node that began them, bounded in number and time; a client that reaches another node is asked for its
 * credentials once more. What must not be lost, the nonces and their count, is in the SAD.
 *
 * @layer service
 */
import { type Account, Primitives, SecurityEvents, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { headerOf, headerStatusOf } from "./AnswerMessage.ts"
import { bounded } from "./Bounded.ts"
import * as ChallengeNonce from "./ChallengeNonce.ts"
import * as Cred from "./Cred.ts"
import * as CredDigest from "./CredDigest.ts"
import { DmAccounts, enabler, hasOwn, type Made, typesOf } from "./DmAccounts.ts"
import { credInCommandStatus, wireAnswers } from "./DmAuthAnswer.ts"
import { type ConnectionFacts, type DmServerPolicy, defaultServerPolicy } from "./DmAuthPolicy.ts"
import { aborts, DmHandler } from "./DmHandler.ts"
import { DmNonces } from "./DmNonces.ts"
import * as Machine from "./DmServerAuth.ts"
import { type AnswerableHdr, defaultLimits, type Limits } from "./Malformed.ts"
import { hasCred, headerStatus, msgIdOf, shownOf } from "./MessageFacts.ts"
import * as MessageMac from "./MessageMac.ts"
import type { Command, SyncMl } from "./SyncMl.ts"
import * as SyncMlCodec from "./SyncMlCodec.ts"
import { build, type HmacHeaderLimits } from "./SyncmlHmacHeader.ts"

/** A message on its way in. */
export interface DmRequest {
  readonly octets: Uint8Array
  readonly mediaType: SyncMlCodec.MediaType
  /** The value of `x-syncml-hmac`, where it stands exactly once. */
  readonly hmacHeader?: string
  /** What the transport gives; whether it proves the client is decided per account. */
  readonly connection: Omit<ConnectionFacts, "peerVerified">
  /** The address of the peer without port. */
  readonly source: string
  /** SHA-256 of the client's validated certificate, lower-case hexadecimal. */
  readonly certificate?: string
  /** The session token of the address on which it came. */
  readonly token?: string
  /** The address for a session token. */
  readonly respUri: (token: string) => string
}

/** A message on its way out, in the media type of the request. */
export interface DmReply {
  readonly octets: Uint8Array
  readonly hmacHeader?: string
}

/** Nothing that could be answered in SyncML: the transport answers. */
export class Unanswerable extends Data.TaggedError("Unanswerable")<{
  readonly reason: "malformed" | "too large"
  readonly clause: string
}> {}

export interface DmServerOptions {
  readonly policy?: DmServerPolicy
  readonly limits?: Limits
  readonly hmacHeader?: HmacHeaderLimits
  /** Sessions of authenticated clients in memory, and as many of others, which displace none of them; 10,000 unless given. */
  readonly sessions?: number
  /** Milliseconds after which an idle session is forgotten; ten minutes unless given. */
  readonly idleMillis?: number
  /** The wait before the answer to a first failure of a source and account, doubled with each further one up to `most`. */
  readonly slowDown?: { readonly first: number; readonly most: number }
}

/**
 * The DM server.
 *
 * @spec DM Security 1.2; DM Protocol 1.2
 */
export class DmServer extends Context.Service<
  DmServer,
  {
    /** The answer to a message. A store that does not answer gives a SyncML 503; nothing is half done. */
    readonly receive: (request: DmRequest) => Effect.Effect<DmReply, Unanswerable>
  }
>()("@oma/dm-auth/DmServer") {}

interface Session {
  state: Machine.State
  reply: DmReply | undefined
  /** MsgID of the last message sent. */
  msgId: number
  /** Commands went out, and the client did not refuse them. */
  asked: boolean
  touched: number
  readonly lock: Semaphore.Semaphore
}

const nameOf = (command: Command): string => (command._tag === "Invalid" ? command.cmd : command._tag)

const make = (options: DmServerOptions) =>
  Effect.gen(function* () {
    const accounts = yield* DmAccounts
    const nonces = yield* DmNonces
    const handler = yield* DmHandler
    const events = yield* SecurityEvents.SecurityEvents
    const primitives = yield* Primitives.Primitives
    const sha256 = primitives.hash("sha256")
    const policy = options.policy ?? defaultServerPolicy
    const limits = options.limits ?? defaultLimits
    const most = options.sessions ?? 10_000
    const idleMillis = options.idleMillis ?? 600_000
    const slowDown = options.slowDown ?? { first: 100, most: 2000 }
    const proved = bounded<Session>(most)
    const strangers = bounded<Session>(most)
    const failures = bounded<number>(most)

    const encode = (mediaType: SyncMlCodec.MediaType, message: SyncMl): Effect.Effect<Uint8Array> =>
      Effect.orDie(Effect.fromResult(SyncMlCodec.encode(mediaType, message)))

    const plain = (request: DmRequest, hdr: AnswerableHdr, status: number): Effect.Effect<DmReply> =>
      Effect.map(
        encode(request.mediaType, {
          hdr: headerOf(hdr, 1, undefined),
          body: { commands: [headerStatusOf(hdr, status, undefined)], final: true }
        }),
        (octets) => ({ octets })
      )

    const accountOf = (message: SyncMl, shown: ReturnType<typeof shownOf>) => {
      const { source } = message.hdr
      const names = [source.locUri]
      if (source.locName !== undefined) names.push(source.locName)
      if (shown.mac !== undefined && shown.mac !== "malformed") names.push(shown.mac.username)
      const octets = shown.cred?.type === "syncml:auth-basic" ? shown.cred.octets : undefined
      const basic = octets === undefined ? undefined : CredDigest.decodeBasic(Redacted.value(octets))
      if (basic !== undefined && Result.isSuccess(basic)) names.push(basic.success.user)
      return accounts.find(names)
    }

    const respond = Effect.fnUntraced(function* (
      request: DmRequest,
      message: SyncMl,
      account: Account | undefined,
      session: Session,
      answer: Machine.Answer
    ) {
      const { body, hdr } = message
      const requests = body.commands.filter((command) => command._tag !== "Status" && command._tag !== "Results")
      const code = headerStatus(message, `${session.msgId}`)?.code
      const handled =
        answer.execute && account !== undefined
          ? yield* handler.handle({
              account,
              message,
              manage: answer.manage,
              asked: session.asked && code !== 401 && code !== 407,
              firstCmdId: 2
            })
          : { statuses: new Map(requests.map((command) => [command.cmdId, answer.status])), commands: [] }
      const statuses: Array<Command> = [headerStatusOf(hdr, answer.status, answer.chal)]
      for (const command of requests) {
        const given = answer.execute && hasCred(command) ? credInCommandStatus : handled.statuses.get(command.cmdId)
        if (given === undefined || ("noResp" in command && command.noResp === true)) continue
        statuses.push({
          _tag: "Status",
          cmdId: `${statuses.length + 1}`,
          msgRef: hdr.msgId,
          cmdRef: command.cmdId,
          cmd: nameOf(command),
          data: `${given}`
        })
      }
      const made: Made | undefined =
        answer.own === undefined || account === undefined ? undefined : yield* accounts.own(account, answer.own)
      session.msgId += 1
      if (answer.execute) session.asked = (session.asked && code !== 401 && code !== 407) || handled.commands.length > 0
      const type = answer.own?.type
      const respUri = answer.respUriToken === undefined ? undefined : request.respUri(answer.respUriToken)
      const inCred = made !== undefined && type !== undefined && type !== "syncml:auth-MAC"
      const octets = yield* encode(request.mediaType, {
        hdr: {
          ...headerOf(hdr, session.msgId, respUri),
          ...(inCred ? { cred: Cred.make(type, made.octets(new Uint8Array(0))) } : {})
        },
        body: { commands: [...statuses, ...handled.commands], final: true }
      })
      if (made === undefined || type !== "syncml:auth-MAC") return { octets }
      const header = build({ algorithm: "MD5", username: made.user, mac: MessageMac.encode(made.octets(octets)) })
      return Result.isSuccess(header) ? { octets, hmacHeader: header.success } : { octets }
    })

    const told = (request: DmRequest, name: string, answer: Machine.Answer) =>
      events.emit(answer.execute ? "Admitted" : answer.chal === undefined ? "Refused" : "Challenged", {
        enabler,
        interface: "dm",
        peer: request.source,
        subject: name,
        clause: wireAnswers[answer.reason].clause,
        detail: answer.reason
      })

    const converse = Effect.fnUntraced(function* (
      request: DmRequest,
      received: SyncMlCodec.Received,
      msgId: number,
      account: Account | undefined,
      session: Session
    ) {
      const { message, octets: body } = received
      const exists = account !== undefined
      const name = account?.id ?? message.hdr.source.locUri
      const state = yield* nonces.of(name, exists)
      const status = headerStatus(message, `${session.msgId}`)
      const nextNonce = ChallengeNonce.printable(primitives.random)
      const first: Machine.Event = Machine.Event.Received(
        {
          msgId,
          fingerprint: sha256(Bytes.concat(body, Bytes.utf8(`\n${request.hmacHeader ?? ""}`))),
          connection: {
            ...request.connection,
            peerVerified:
              exists && request.certificate !== undefined && account.attributes["certificate"] === request.certificate
          },
          shown: shownOf(message, request.hmacHeader, options.hmacHeader),
          credInCommand: message.body.commands.some((command) => command._tag !== "Status" && hasCred(command)),
          ...(request.token === undefined ? {} : { token: request.token }),
          ...(status === undefined ? {} : { status })
        },
        {
          challengeNonce: state.challenge(msgId),
          count: state.count,
          nextNonce,
          token: Bytes.toHex(primitives.random(16)),
          accountTypes: exists ? typesOf(account) : policy.check.types,
          reflects: exists && account.attributes["user"] === account.attributes["serverUser"],
          ...(exists && hasOwn(account) ? { ownNonce: state.own } : {})
        }
      )
      let current = session.state
      const pending: Array<Machine.Event> = [first]
      for (let event = pending.shift(); event !== undefined; event = pending.shift()) {
        let stepped = Machine.step(current, event, policy)
        if (Result.isFailure(stepped) && current._tag === "Ended") {
          session.asked = false
          stepped = Machine.step(Machine.start, event, policy)
        }
        const [next, actions] = yield* Effect.orDie(Effect.fromResult(stepped))
        current = next
        for (const action of actions) {
          switch (action._tag) {
            case "Verify": {
              const judged = yield* Effect.result(
                accounts.judge(account, {
                  candidate: action.candidate,
                  body,
                  verProto: message.hdr.verProto,
                  nonces: state.candidates
                })
              )
              const outcome = Result.isFailure(judged) ? "unavailable" : judged.success ? "match" : "mismatch"
              pending.push(Machine.Event.Judged(outcome))
              break
            }
            case "Commit": {
              const kept = yield* Effect.result(nonces.commit(name, action.count, action.nextNonce))
              if (Result.isFailure(kept)) pending.push(Machine.Event.Committed("unavailable"))
              else if (kept.success === "kept") pending.push(Machine.Event.Committed("kept"))
              else pending.push(Machine.Event.Raced((yield* nonces.of(name, exists)).challenge(msgId)))
              break
            }
            case "KeepPeerNonce":
              if (exists) yield* nonces.keepOwn(name, action.nonce)
              break
            case "SlowDown": {
              const key = `${request.source} ${name}`
              const count = (failures.get(key) ?? 0) + 1
              failures.set(key, count)
              const wait = Math.min(slowDown.first * 2 ** Math.min(count - 1, 20), slowDown.most)
              if (wait > 0) yield* Effect.sleep(Duration.millis(wait))
              break
            }
            case "OwnRefused":
              yield* events.emit("ServerRefused", {
                enabler,
                interface: "dm",
                subject: name,
                detail: action.error._tag
              })
              break
            case "Resend":
              break
            case "Send": {
              const { answer } = action
              yield* told(request, name, answer)
              if (answer.execute) failures.delete(`${request.source} ${name}`)
              session.reply = yield* respond(request, message, account, session, answer)
              if (answer.respUriToken !== undefined) {
                proved.set(`token ${answer.respUriToken}`, session)
                proved.set(originOf(request, message), session)
              }
              break
            }
          }
        }
      }
      const aborted = aborts(message) ? Machine.step(current, Machine.Event.Aborted(), policy) : undefined
      session.state = aborted !== undefined && Result.isSuccess(aborted) ? aborted.success[0] : current
      return session.reply
    })

    const originOf = ({ connection, source }: DmRequest, { hdr }: SyncMl) =>
      `from ${connection.integrity ? connection.id : source} ${hdr.sessionId} ${hdr.source.locUri}`

    const sessionFor = Effect.fnUntraced(function* (request: DmRequest, message: SyncMl) {
      const now = yield* Clock.currentTimeMillis
      const { token } = request
      const origin = originOf(request, message)
      const byToken = token === undefined ? undefined : proved.get(`token ${token}`)
      const found = byToken ?? proved.get(origin) ?? strangers.get(origin)
      if (found !== undefined && now - found.touched < idleMillis) {
        found.touched = now
        return found
      }
      const session: Session = {
        state: Machine.start,
        reply: undefined,
        msgId: 0,
        asked: false,
        touched: now,
        lock: Semaphore.makeUnsafe(1)
      }
      strangers.set(origin, session)
      return session
    })

    return {
      receive: Effect.fnUntraced(function* (request: DmRequest) {
        const decoded = SyncMlCodec.decode(request.mediaType, request.octets, limits)
        if (Result.isFailure(decoded)) {
          const { failure } = decoded
          const large = failure._tag === "TooLarge"
          if (failure.hdr !== undefined) return yield* plain(request, failure.hdr, large ? 413 : 400)
          const clause = large ? `at most ${failure.max} ${failure.limit}` : failure.clause
          return yield* new Unanswerable({ reason: large ? "too large" : "malformed", clause })
        }
        const { message } = decoded.success
        const msgId = msgIdOf(message)
        if (msgId === undefined) return yield* plain(request, message.hdr, 400)
        const unavailable = (_: Unavailable) => plain(request, message.hdr, 503)
        const session = yield* sessionFor(request, message)
        const shown = shownOf(message, request.hmacHeader, options.hmacHeader)
        return yield* session.lock
          .withPermits(1)(
            Effect.flatMap(accountOf(message, shown), (account) =>
              converse(request, decoded.success, msgId, account, session)
            )
          )
          .pipe(
            Effect.catchTag("Unavailable", unavailable),
            Effect.flatMap((reply) => (reply === undefined ? plain(request, message.hdr, 500) : Effect.succeed(reply)))
          )
      })
    }
  })

/** The server on accounts, nonces and a handler. */
export const layer = (options: DmServerOptions = {}) => Layer.effect(DmServer, make(options))
