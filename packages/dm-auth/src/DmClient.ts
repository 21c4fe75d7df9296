/**
 * The DM client as a service: one call runs a whole session with a server, from package 1 to the server's last message.
 * `DmClientAuth` decides about credentials; the tree of the device answers the commands of a server that has authenticated.
 *
 * @layer service
 */
import { ClientGuard, Identity, type Level, Primitives, SecurityEvents, Spd } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { HttpHandler } from "@oma/sa-policy/http"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { headerStatusOf } from "./AnswerMessage.ts"
import { bounded } from "./Bounded.ts"
import * as ChallengeNonce from "./ChallengeNonce.ts"
import { answerOf, type Received, read } from "./ClientAnswer.ts"
import { assumedOf, judgeConnection, type Place, transportProofs } from "./ClientConnection.ts"
import { type Outbox, plan } from "./ClientPackage.ts"
import { executeAll } from "./CommandExecution.ts"
import * as Cred from "./Cred.ts"
import { DeviceTree } from "./DeviceTree.ts"
import { type DmClientPolicy, defaultClientPolicy } from "./DmAuthPolicy.ts"
import type { DmAuthType } from "./DmAuthType.ts"
import * as Machine from "./DmClientAuth.ts"
import { type DmClientError, UnknownServer, UnusableAnswer } from "./DmClientError.ts"
import { aborts } from "./DmHandler.ts"
import { clientInterface, clientPolicy } from "./DmPolicy.ts"
import { type DmServerAccount, DmServers, enabler } from "./DmServers.ts"
import { defaultLimits, type Limits } from "./Malformed.ts"
import * as MessageMac from "./MessageMac.ts"
import { maxMsgSizeOf, numbered, type Unit } from "./MessageSplit.ts"
import { describe } from "./MessageSummary.ts"
import type { StoredNonce } from "./StoredNonce.ts"
import type { Command, SyncMl } from "./SyncMl.ts"
import * as SyncMlCodec from "./SyncMlCodec.ts"
import { build, headerName } from "./SyncmlHmacHeader.ts"

/** A message as it went or came, for who watches a session. The credentials in `message` are redacted, those in `octets` are not. */
export interface Observation {
  readonly direction: "sent" | "received"
  readonly url: string
  readonly message: SyncMl
  /** `MessageSummary.describe` of it. */
  readonly summary: ReadonlyArray<string>
  readonly mediaType: string
  readonly octets: Redacted.Redacted<Uint8Array>
  /** The value of `x-syncml-hmac`. */
  readonly hmacHeader?: string
  /** It went out before, and no answer came. */
  readonly again: boolean
}

export interface SessionOptions {
  /** ServerID of an account in `DmServers`. */
  readonly server: string
  /** `server` where a notification asked for the session (Alert 1200); `client` unless given (Alert 1201). */
  readonly initiator?: "client" | "server"
  /** The SessionID of the notification; chosen by chance unless given. */
  readonly sessionId?: string
  /** `xml` unless given. */
  readonly representation?: SyncMlCodec.Representation
  /** Told of every message, before it goes out and after it came. */
  readonly observe?: (observation: Observation) => Effect.Effect<void>
}

/** How a session went that ended well. */
export interface SessionReport {
  readonly server: string
  readonly sessionId: string
  /** By which type the device authenticated; absent where the server asked for nothing. */
  readonly type?: DmAuthType
  /** Who the server proved to be, and how. */
  readonly identity: Identity.Identity
  readonly sent: number
  readonly received: number
  /** The server demanded a weaker type than was shown first. */
  readonly downgraded?: { readonly from: DmAuthType; readonly to: DmAuthType }
}

export interface DmClientOptions {
  /** Where no entry `dm/client/dm` of an `Spd` says otherwise. */
  readonly policy?: DmClientPolicy
  readonly limits?: Limits
  /** `DM/1.2` unless given. */
  readonly verProto?: "DM/1.2" | "DM/1.3"
  /** The wait in milliseconds before a message goes out again, doubled each time; 500 unless given. */
  readonly retryMillis?: number
  /** Messages of one session at most; 1,000 unless given. */
  readonly most?: number
}

/**
 * The DM client of a device.
 *
 * @spec DM Protocol 1.2, packages 1 to 4; DM Security 1.2
 */
export class DmClient extends Context.Service<
  DmClient,
  {
    /** Runs a session. Sessions with one server run one after the other. */
    readonly session: (options: SessionOptions) => Effect.Effect<SessionReport, DmClientError>
  }
>()("@oma/dm-auth/DmClient") {}

interface Packet {
  readonly url: string
  readonly message: SyncMl
  readonly octets: Uint8Array
  readonly hmacHeader?: string
}

const busy: ReadonlySet<number> = new Set([429, 502, 503, 504])

const make = (options: DmClientOptions) =>
  Effect.gen(function* () {
    const servers = yield* DmServers
    const tree = yield* DeviceTree
    const http = yield* HttpHandler.HttpClient
    const events = yield* SecurityEvents.SecurityEvents
    const spd = Option.getOrUndefined(yield* Effect.serviceOption(Spd.Spd))
    const primitives = yield* Primitives.Primitives
    const sha256 = primitives.hash("sha256")
    const limits = options.limits ?? defaultLimits
    const verProto = options.verProto ?? "DM/1.2"
    const retryMillis = options.retryMillis ?? 500
    const most = options.most ?? 1000
    const locks = bounded<Semaphore.Semaphore>(1024)

    const policyFor = Effect.fnUntraced(function* (account: DmServerAccount, level: Level.Level) {
      const entry =
        spd === undefined ? undefined : yield* Effect.orElseSucceed(spd.entry(clientInterface), () => undefined)
      const base = options.policy ?? defaultClientPolicy
      const policy = entry === undefined ? base : clientPolicy(entry, level, base)
      const types = policy.own.types.filter((type) => account.types.includes(type))
      return { entry, policy: { ...policy, own: { ...policy.own, types } } }
    })

    const run = Effect.fnUntraced(function* (account: DmServerAccount, asked: SessionOptions) {
      const { observe = () => Effect.void, representation = "xml", server: serverId } = asked
      const sessionId =
        asked.sessionId ??
        Bytes.toHex(primitives.random(2))
          .toUpperCase()
          .replace(/^0+(?=.)/, "")
      const mediaType = `application/vnd.syncml.dm+${representation}`
      const assumed = assumedOf(account.address)
      const { entry, policy } = yield* policyFor(account, assumed.level)
      const place: Place = { entry, floor: assumed.level, events, spd }
      const proofs: Array<ClientGuard.ServerProof> = []

      const alert: Command = { _tag: "Alert", cmdId: "", data: asked.initiator === "server" ? "1200" : "1201" }
      const items = yield* tree.deviceInfo
      const package1: ReadonlyArray<Unit> = [{ commands: [alert, { _tag: "Replace", cmdId: "", items }] }]

      let outbox: Outbox = { waiting: package1, said: [] }
      let peerMax = Number.POSITIVE_INFINITY
      let last: Received | undefined
      let packet: Packet | undefined
      let nonce: StoredNonce = { version: 0, octets: new Uint8Array(0) }
      let sent = 0
      let received = 0
      let identity: Identity.Identity | undefined
      let downgraded: SessionReport["downgraded"]

      const encode = (message: SyncMl): Effect.Effect<Uint8Array> =>
        Effect.orDie(Effect.fromResult(SyncMlCodec.encode(representation, message)))
      const sizeOf = (message: SyncMl): number => {
        const octets = SyncMlCodec.encode(representation, message)
        return Result.isSuccess(octets) ? octets.success.length : Number.POSITIVE_INFINITY
      }

      /** The message that the machine asks for. What finds no room in it waits in the outbox. */
      const compose = Effect.fnUntraced(function* (outgoing: Machine.Outgoing) {
        const { content, msgId, own, server, target } = outgoing
        const made = own === undefined ? undefined : yield* servers.own(serverId, own)
        const inCred = made !== undefined && own !== undefined && own.type !== "syncml:auth-MAC"
        const first = content === "package 1" || content === "repeat"
        const header =
          last === undefined || server === undefined
            ? []
            : [headerStatusOf(last.message.hdr, server.status, server.chal)]
        const messageOf = (now: ReadonlyArray<Unit>, final: boolean): SyncMl => ({
          hdr: {
            verDtd: "1.2",
            verProto,
            sessionId,
            msgId: `${msgId}`,
            target: { locUri: target },
            source: { locUri: account.device, locName: account.user },
            ...(inCred ? { cred: Cred.make(own.type, made.octets(new Uint8Array(0))) } : {}),
            ...(first ? { meta: { maxMsgSize: limits.bytes } } : {})
          },
          body: { commands: [...header, ...numbered(now, header.length + 1)], ...(final ? { final } : {}) }
        })
        const measure = (units: ReadonlyArray<Unit>) => sizeOf(messageOf(units, true))
        const planned = plan(outbox, outgoing, last?.message, measure, peerMax)
        outbox = planned.outbox
        const message = messageOf(planned.now, planned.final)
        const octets = yield* encode(message)
        if (made === undefined || inCred) return { url: target, message, octets }
        const mac = MessageMac.encode(made.octets(octets))
        const hmac = build({ algorithm: "MD5", username: made.user, mac })
        return { url: target, message, octets, ...(Result.isSuccess(hmac) ? { hmacHeader: hmac.success } : {}) }
      })

      const tell = (direction: Observation["direction"], url: string, seen: Omit<Packet, "url">, again: boolean) =>
        observe({
          direction,
          url,
          message: seen.message,
          summary: describe(seen.message),
          mediaType,
          octets: Redacted.make(seen.octets),
          again,
          ...(seen.hmacHeader === undefined ? {} : { hmacHeader: seen.hmacHeader })
        })

      /** Sends a packet. `undefined` where no answer came. */
      const transmit = Effect.fnUntraced(function* (out: Packet, again: boolean) {
        if (++sent > most) return yield* new UnusableAnswer({ clause: `at most ${most} messages in a session` })
        yield* tell("sent", out.url, out, again)
        const answer = yield* http
          .call(
            {
              method: "POST",
              url: out.url,
              body: out.octets,
              fields: [
                ["Content-Type", representation === "xml" ? `${mediaType}; charset=utf-8` : mediaType],
                ["Accept", mediaType],
                ...(out.hmacHeader === undefined ? [] : [[headerName, out.hmacHeader] as const])
              ]
            },
            (connection) => judgeConnection(place, out.url, connection)
          )
          .pipe(
            Effect.catchTag("HttpFailure", (failure) =>
              failure.kind === "tls" || failure.kind === "too-large" ? Effect.fail(failure) : Effect.succeed(undefined)
            )
          )
        if (answer === undefined || busy.has(answer.status)) return undefined
        const got = yield* Effect.fromResult(read({ url: out.url, sessionId, representation, limits }, answer))
        received += 1
        yield* tell("received", out.url, got, false)
        return got
      })

      /** The server as far as it has proved itself: asked once, before the first command of it is executed. */
      const accept = Effect.gen(function* () {
        if (identity !== undefined || last === undefined) return
        const { connection } = last
        const all = [...proofs, ...transportProofs(connection, yield* Clock.currentTimeMillis, account.address)]
        if (entry === undefined || spd === undefined) {
          identity = all[0]?.identity ?? Identity.anonymous
          return
        }
        identity = yield* ClientGuard.judge(clientInterface, connection, all).pipe(
          Effect.provideService(Spd.Spd, spd),
          Effect.provideService(SecurityEvents.SecurityEvents, events),
          Effect.catchTag("NoPolicy", () => Effect.succeed(Identity.anonymous))
        )
      })

      let state: Machine.State = Machine.start
      const start: Machine.Opening = {
        target: account.address,
        connection: assumed.facts,
        nonce: account.nonce,
        ...(account.first === undefined ? {} : { preferred: account.first })
      }
      const queue: Array<Machine.Event> = [Machine.Event.Start(start)]
      const exchange = Effect.fnUntraced(function* (out: Packet, again: boolean) {
        const got = yield* transmit(out, again)
        if (got === undefined) return void queue.push(Machine.Event.Lost())
        const answer = yield* Effect.fromResult(
          answerOf(sha256, got, out.url, out.message.hdr.msgId, outbox.waiting.length > 0)
        )
        if (aborts(got.message)) return void queue.push(Machine.Event.Aborted())
        last = got
        peerMax = maxMsgSizeOf(got.message, peerMax)
        nonce = yield* servers.serverNonce(serverId)
        const supply: Machine.Supply = {
          nextNonce: ChallengeNonce.printable(primitives.random),
          accountTypes: account.serverTypes,
          reflects: false
        }
        queue.push(Machine.Event.Answered(answer, supply))
      })

      for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
        const [next, actions] = yield* Effect.orDie(Effect.fromResult(Machine.step(state, event, policy)))
        state = next
        const failing = actions.find((action) => action._tag === "Fail")
        for (const action of actions) {
          switch (action._tag) {
            case "Send": {
              packet = yield* compose(action.outgoing)
              // a last word to a server that is not believed: whatever comes of it, the session has failed
              if (failing === undefined) yield* exchange(packet, false)
              else yield* Effect.ignore(transmit(packet, false))
              break
            }
            case "Resend": {
              const tries = state._tag === "Waiting" ? state.sends : 1
              yield* Effect.sleep(Duration.millis(retryMillis * 2 ** Math.min(tries - 2, 10)))
              if (packet !== undefined) yield* exchange(packet, true)
              break
            }
            case "Verify": {
              const body = last?.octets ?? new Uint8Array(0)
              const nonces = [nonce.octets, ...(action.challengeNonce === undefined ? [] : [action.challengeNonce])]
              const judged = yield* Effect.result(
                servers.judge(serverId, { candidate: action.candidate, body, verProto, nonces })
              )
              const outcome = Result.isFailure(judged) ? "unavailable" : judged.success ? "match" : "mismatch"
              if (outcome === "match") {
                const at = yield* Clock.currentTimeMillis
                const method = action.candidate.type
                proofs.push({
                  mode: method,
                  identity: { _tag: "Authenticated", subject: serverId, kind: "server", method, at }
                })
              }
              queue.push(Machine.Event.Judged(outcome))
              break
            }
            case "Commit": {
              const kept = yield* Effect.result(servers.spend(serverId, nonce, action.nextNonce))
              const good = Result.isSuccess(kept) && kept.success === "kept"
              queue.push(Machine.Event.Committed(good ? "kept" : "unavailable"))
              break
            }
            case "KeepPeerNonce":
              yield* servers.keepNonce(serverId, action.nonce)
              break
            case "Deliver": {
              yield* accept
              const done = last === undefined ? [] : yield* executeAll(tree, serverId, last.message)
              outbox = { ...outbox, waiting: [...outbox.waiting, ...done] }
              queue.push(Machine.Event.Next())
              break
            }
            case "Downgraded":
              downgraded = { from: action.from, to: action.to }
              yield* events.emit("WeakConfiguration", {
                enabler,
                interface: clientInterface.interface,
                subject: serverId,
                detail: `${action.to} instead of ${action.from}`
              })
              break
            case "Finish": {
              yield* accept
              if (action.type !== undefined) yield* Effect.ignore(servers.worked(serverId, action.type))
              const report: SessionReport = {
                server: serverId,
                sessionId,
                identity: identity ?? Identity.anonymous,
                sent,
                received,
                ...(action.type === undefined ? {} : { type: action.type }),
                ...(downgraded === undefined ? {} : { downgraded })
              }
              return report
            }
            case "Fail":
              yield* events.emit("Refused", {
                enabler,
                interface: clientInterface.interface,
                subject: serverId,
                detail: action.error._tag
              })
              return yield* action.error
          }
        }
        // an answer that changed nothing (101, or one that came twice) leaves the message unanswered
        if (queue.length === 0 && state._tag === "Waiting") queue.push(Machine.Event.Lost())
      }
      return yield* new UnusableAnswer({ clause: "the session ended without a result" })
    })

    return {
      session: Effect.fnUntraced(function* (asked: SessionOptions): Effect.fn.Return<SessionReport, DmClientError> {
        const lock = locks.get(asked.server) ?? Semaphore.makeUnsafe(1)
        locks.set(asked.server, lock)
        return yield* lock.withPermits(1)(
          Effect.gen(function* () {
            const account = yield* servers.get(asked.server)
            if (account === undefined) return yield* new UnknownServer({ serverId: asked.server })
            return yield* run(account, asked)
          })
        )
      })
    }
  })

/** The client on its accounts, a tree and a way to servers; an `Spd` is followed where there is one. */
export const layer = (options: DmClientOptions = {}) => Layer.effect(DmClient, make(options))
