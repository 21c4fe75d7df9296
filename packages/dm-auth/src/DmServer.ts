/**
 * The DM server as a service: octets of a message in, octets of the answer out. It reads accounts and nonces, lets
 * `DmServerAuth` decide, and does what the machine says.
 *
 * What must not be lost is in the SAD: nonces with their count, and authenticated sessions with the MsgIDs they took. The rest of a session,
 * such as the answer kept for a retransmission, lives in the node that began it (`LiveSessions`).
 *
 * @layer service
 */
import { type Account, type Decision, Level, Primitives, SecurityEvents, Spd, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { headerOf, headerStatusOf } from "./AnswerMessage.ts"
import * as AnswerPackage from "./AnswerPackage.ts"
import { bounded } from "./Bounded.ts"
import * as ChallengeNonce from "./ChallengeNonce.ts"
import * as Cred from "./Cred.ts"
import * as CredDigest from "./CredDigest.ts"
import { DmAccounts, enabler, hasOwn, type Made, typesOf } from "./DmAccounts.ts"
import { credInCommandStatus, wireAnswers } from "./DmAuthAnswer.ts"
import { type ConnectionFacts, type DmServerPolicy, defaultServerPolicy } from "./DmAuthPolicy.ts"
import { aborts, DmHandler } from "./DmHandler.ts"
import { DmNonces } from "./DmNonces.ts"
import * as DmPolicy from "./DmPolicy.ts"
import * as Machine from "./DmServerAuth.ts"
import { DmSessions } from "./DmSessions.ts"
import * as LiveSessions from "./LiveSessions.ts"
import { type AnswerableHdr, defaultLimits, type Limits } from "./Malformed.ts"
import { hasCred, headerStatus, msgIdOf, shownOf } from "./MessageFacts.ts"
import * as MessageMac from "./MessageMac.ts"
import type { Command, Status, SyncBody, SyncMl } from "./SyncMl.ts"
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
  readonly reason: "malformed" | "too large" | "connection too weak" | "no policy"
  readonly clause: string
}> {}

export interface DmServerOptions {
  /** The rules of `layer`; `layerSpd` takes them from the policy database. */
  readonly policy?: DmServerPolicy
  readonly limits?: Limits
  readonly hmacHeader?: HmacHeaderLimits
  /** Sessions of authenticated clients in memory, and as many of others, which displace none of them; 10,000 unless given. */
  readonly sessions?: number
  /** Milliseconds for which a session lasts, and an idle one stays in memory; ten minutes unless given. */
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

/** The answer to a stranger that is kept for his message coming again, in octets; to a longer one he gets a new answer. */
const mostKept = 4096

/** Answers that are held back at a time; more failures than that are answered at once. */
const mostHeld = 256

/** The message without the commands that carry a Cred of their own: they are refused and nobody sees them (DM-CRED-002). */
const uncredited = (message: SyncMl): SyncMl => ({
  ...message,
  body: {
    ...message.body,
    commands: message.body.commands.filter((command) => command._tag === "Status" || !hasCred(command))
  }
})

const nameOf = (command: Command): string => (command._tag === "Invalid" ? command.cmd : command._tag)

/** The rules for a connection of a level, and for how long a session lasts under them. */
interface Rules {
  readonly policy: DmServerPolicy
  readonly sessionMillis: number
}

type RulesFor = (level: Level.Level, certified: boolean) => Effect.Effect<Rules, Unanswerable>

const levelOf = ({ integrity, confidentiality }: DmRequest["connection"]): Level.Level =>
  Level.join(integrity ? Level.integrity : Level.none, confidentiality ? Level.confidentiality : Level.none)

const make = (options: DmServerOptions, rulesFor: RulesFor) =>
  Effect.gen(function* () {
    const accounts = yield* DmAccounts
    const nonces = yield* DmNonces
    const sessions = yield* DmSessions
    const handler = yield* DmHandler
    const events = yield* SecurityEvents.SecurityEvents
    const primitives = yield* Primitives.Primitives
    const sha256 = primitives.hash("sha256")
    const limits = options.limits ?? defaultLimits
    const most = options.sessions ?? 10_000
    const idleMillis = options.idleMillis ?? 600_000
    const slowDown = options.slowDown ?? { first: 100, most: 2000 }
    const live = LiveSessions.make<DmReply>(sessions, { most, idleMillis })
    const failures = bounded<number>(most)
    let held = 0

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

    /** A key of bounded length for texts of any. */
    const keyOf = (...parts: ReadonlyArray<string>): string => Bytes.toHex(sha256(Bytes.utf8(JSON.stringify(parts))))

    /** Every name by which the sender goes in the message. */
    const namesOf = (message: SyncMl, shown: ReturnType<typeof shownOf>): ReadonlyArray<string> => {
      const { source } = message.hdr
      const names = [source.locUri]
      if (source.locName !== undefined) names.push(source.locName)
      if (shown.mac !== undefined && shown.mac !== "malformed") names.push(shown.mac.username)
      const octets = shown.cred?.type === "syncml:auth-basic" ? shown.cred.octets : undefined
      const basic = octets === undefined ? undefined : CredDigest.decodeBasic(Redacted.value(octets))
      if (basic !== undefined && Result.isSuccess(basic)) names.push(basic.success.user)
      return names
    }

    const respond = Effect.fnUntraced(function* (
      request: DmRequest,
      message: SyncMl,
      account: Account | undefined,
      session: LiveSessions.LiveSession<DmReply>,
      answer: Machine.Answer
    ) {
      const { body, hdr } = message
      const open = uncredited(message)
      const requests = body.commands.filter((command) => command._tag !== "Status" && command._tag !== "Results")
      const code = headerStatus(message, `${session.msgId}`)?.code
      const handled =
        answer.execute && account !== undefined
          ? yield* handler.handle({
              account,
              message: open,
              manage: answer.manage,
              asked: session.asked && code !== 401 && code !== 407,
              firstCmdId: 2
            })
          : { statuses: new Map(requests.map((command) => [command.cmdId, answer.status])), commands: [] }
      const header = headerStatusOf(hdr, answer.status, answer.chal)
      const statuses: Array<Status> = []
      for (const command of requests) {
        const given = answer.execute && hasCred(command) ? credInCommandStatus : handled.statuses.get(command.cmdId)
        const unasked = hdr.noResp === true || ("noResp" in command && command.noResp === true)
        if (given === undefined || (answer.execute && unasked)) continue
        statuses.push({
          _tag: "Status",
          cmdId: `${statuses.length + 2}`,
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
      const hdrOut = {
        ...headerOf(hdr, session.msgId, respUri),
        ...(inCred ? { cred: Cred.make(type, made.octets(new Uint8Array(0))) } : {})
      }
      const content = { header, statuses, commands: handled.commands }
      const sizeOf = (out: SyncBody): number => {
        const encoded = SyncMlCodec.encode(request.mediaType, { hdr: hdrOut, body: out })
        return Result.isSuccess(encoded) ? encoded.success.length : Number.POSITIVE_INFINITY
      }
      // a refusal says all that it says in one message and is no part of a package
      const said = answer.execute
        ? AnswerPackage.answer(session.pending, message, content, sizeOf)
        : { body: { commands: [header, ...statuses], final: true }, pending: session.pending }
      session.pending = said.pending
      const octets = yield* encode(request.mediaType, { hdr: hdrOut, body: said.body })
      if (made === undefined || type !== "syncml:auth-MAC") return { octets }
      const hmac = build({ algorithm: "MD5", username: made.user, mac: MessageMac.encode(made.octets(octets)) })
      return Result.isSuccess(hmac) ? { octets, hmacHeader: hmac.success } : { octets }
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

    /** The answer, and how long it is held back. */
    const converse = Effect.fnUntraced(function* (
      request: DmRequest,
      received: SyncMlCodec.Received,
      { fingerprint, msgId }: Machine.Placed,
      account: Account | undefined,
      session: LiveSessions.LiveSession<DmReply>,
      { policy, sessionMillis }: Rules
    ) {
      const { message, octets: body } = received
      const { source } = message.hdr
      const exists = account !== undefined
      const name = account?.id ?? source.locUri
      const state = yield* nonces.of(account?.id, source)
      const shown = shownOf(message, request.hmacHeader, options.hmacHeader)
      // one for each name: an account that is found by several makes no difference to how long a guess waits
      const failureKeys = [...new Set(namesOf(message, shown))].map((each) => keyOf(request.source, each))
      let reply = session.reply
      let executed = false
      let wait = 0
      const status = headerStatus(message, `${session.msgId}`)
      const nextNonce = ChallengeNonce.printable(primitives.random)
      const first: Machine.Event = Machine.Event.Received(
        {
          msgId,
          fingerprint,
          connection: {
            ...request.connection,
            peerVerified:
              exists && request.certificate !== undefined && account.attributes["certificate"] === request.certificate
          },
          shown,
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
      const token = first._tag === "Received" ? Machine.goesOnIn(session.state, first.message) : undefined
      if (token !== undefined && !(yield* sessions.take(token, msgId))) {
        // it is over, or another node took this MsgID: the message stands on its own
        session.state = Machine.start
        session.asked = false
      }
      const before = "token" in session.state ? session.state.token : undefined
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
              else pending.push(Machine.Event.Raced((yield* nonces.of(account?.id, source)).challenge(msgId)))
              break
            }
            case "KeepPeerNonce":
              if (exists) yield* nonces.keepOwn(name, action.nonce)
              break
            case "SlowDown": {
              const count = 1 + Math.max(...failureKeys.map((key) => failures.get(key) ?? 0))
              for (const key of failureKeys) failures.set(key, count)
              wait = Math.min(slowDown.first * 2 ** Math.min(count - 1, 20), slowDown.most)
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
              executed = answer.execute
              if (executed) for (const key of failureKeys) failures.delete(key)
              reply = yield* respond(request, message, account, session, answer)
              if (answer.respUriToken !== undefined && current._tag === "Proved") {
                const { sessionId, source } = message.hdr
                const { mode, type } = current
                const kept = { token: answer.respUriToken, account: name, device: source.locUri, sessionId, mode }
                yield* sessions.begin(type === undefined ? kept : { ...kept, type }, msgId, sessionMillis)
                session.owner = name
                live.prove(session, originOf(request, message), answer.respUriToken)
              }
              break
            }
          }
        }
      }
      // only who is let in can end the session, and with a command that counts
      const aborted =
        executed && aborts(uncredited(message)) ? Machine.step(current, Machine.Event.Aborted(), policy) : undefined
      if (aborted !== undefined && current._tag === "Proved") yield* sessions.end(current.token)
      if (current._tag === "Ended" && before !== undefined) yield* sessions.end(before)
      session.state = aborted !== undefined && Result.isSuccess(aborted) ? aborted.success[0] : current
      // it waits for the message that the state remembers to come again, and for no other
      if (Machine.remembers(session.state, fingerprint)) session.reply = reply
      const large = reply !== undefined && reply.octets.length > mostKept
      if (large && session.owner === undefined) live.forgetStranger(originOf(request, message))
      return { reply, wait }
    })

    const originOf = ({ connection, source, token }: DmRequest, { hdr }: SyncMl): LiveSessions.Origin => ({
      key: keyOf(connection.integrity ? connection.id : source, hdr.sessionId, hdr.source.locUri),
      token
    })

    return {
      receive: Effect.fnUntraced(function* (request: DmRequest) {
        const rules = yield* rulesFor(levelOf(request.connection), request.certificate !== undefined)
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
        const shown = shownOf(message, request.hmacHeader, options.hmacHeader)
        const placed: Machine.Placed = {
          msgId,
          fingerprint: sha256(Bytes.concat(request.octets, Bytes.utf8(`\n${request.hmacHeader ?? ""}`))),
          connection: request.connection,
          ...(request.token === undefined ? {} : { token: request.token })
        }
        const converseIn = Effect.fnUntraced(function* () {
          const origin = originOf(request, message)
          const found = yield* live.find(origin, message, placed)
          const named = yield* accounts.find(namesOf(message, shown))
          // in a session its account need not be named again; another one that is named, or one that is gone, begins anew
          const { owner } = found
          const account = named ?? (owner === undefined ? undefined : yield* accounts.find([owner]))
          const foreign = owner !== undefined && account?.id !== owner
          const session = foreign ? live.stranger(origin, found.touched, message) : found
          // while the message waited for its turn another one may have authenticated, or ended, the session
          const mine = () => session.owner === (foreign ? undefined : owner) && LiveSessions.takes(session, placed)
          const work = Effect.suspend(() =>
            mine() ? converse(request, decoded.success, placed, account, session, rules) : Effect.undefined
          )
          return yield* session.lock.withPermits(1)(work)
        })
        return yield* Effect.gen(function* () {
          let conversed = yield* converseIn()
          while (conversed === undefined) conversed = yield* converseIn()
          const { reply, wait } = conversed
          // where no other message of the session waits for it, and without holding all the messages that the transport lets in
          if (wait === 0 || held >= mostHeld) return reply
          held += 1
          yield* Effect.ensuring(
            Effect.sleep(Duration.millis(wait)),
            Effect.sync(() => {
              held -= 1
            })
          )
          return reply
        }).pipe(
          Effect.catchTag("Unavailable", unavailable),
          Effect.flatMap((reply) => (reply === undefined ? plain(request, message.hdr, 500) : Effect.succeed(reply)))
        )
      })
    }
  })

/** The server on accounts, nonces, sessions and a handler, under the rules of `options`. */
export const layer = (options: DmServerOptions = {}) => {
  const rules = { policy: options.policy ?? defaultServerPolicy, sessionMillis: options.idleMillis ?? 600_000 }
  return Layer.effect(
    DmServer,
    make(options, () => Effect.succeed(rules))
  )
}

const refusedBy = (decision: Decision.Decision): Unanswerable | undefined =>
  decision._tag === "Upgrade" || decision._tag === "Refuse"
    ? new Unanswerable({ reason: "connection too weak", clause: decision.clause })
    : undefined

/**
 * The server under the policy database: the entry of the interface `dm`, as it stands when a message comes. Lifetime `session` says how
 * long a session lasts. A connection that is less protected than the entry demands is not answered in SyncML at all.
 */
export const layerSpd = (options: Omit<DmServerOptions, "policy"> = {}) =>
  Layer.effect(
    DmServer,
    Effect.gen(function* () {
      const spd = yield* Spd.Spd
      const events = yield* SecurityEvents.SecurityEvents
      const rulesFor: RulesFor = Effect.fnUntraced(function* (level: Level.Level, certified: boolean) {
        const decideOn = (presented: ReadonlyArray<string>) => spd.decide(DmPolicy.serverInterface, level, presented)
        const { decision, entry } = yield* decideOn([]).pipe(
          Effect.flatMap((silent) =>
            certified && silent.decision._tag === "Refuse" ? decideOn(DmPolicy.byTransport) : Effect.succeed(silent)
          ),
          Effect.mapError(({ name }) => new Unanswerable({ reason: "no policy", clause: name }))
        )
        const refused = refusedBy(decision)
        if (refused !== undefined) {
          yield* events.emit("UpgradeDemanded", { enabler, interface: "dm", clause: refused.clause })
          return yield* refused
        }
        const sessionMillis = entry.lifetimes["session"] ?? options.idleMillis ?? 600_000
        return { policy: DmPolicy.serverPolicy(entry, level), sessionMillis }
      })
      return yield* make(options, rulesFor)
    })
  )
