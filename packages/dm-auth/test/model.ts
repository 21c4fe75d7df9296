/** The two machines over a simulated network, with real digests and a store that survives restarts. */
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted, Result } from "effect"
import {
  ChallengeNonce,
  CredDigest,
  type DmAuthPolicy,
  type DmAuthType,
  type DmCheck,
  DmClientAuth,
  type DmProof,
  DmServerAuth,
  MessageMac
} from "../src/index.ts"
import { hmacSha256, md5, sha256 } from "./crypto.ts"

type Type = DmAuthType.DmAuthType

export interface Party {
  readonly user: string
  readonly secret: string
}

const hashOf = (type: Type) => (type === "syncml:auth-sha256" ? sha256 : md5)

/** One message on the simulated wire. */
export interface Wire {
  readonly sessionId: string
  readonly msgId: number
  readonly target: string
  readonly account: string
  readonly cred?: { readonly type: Type; readonly octets: string }
  readonly mac?: { readonly username: string; readonly mac: string }
  readonly status?: { readonly code: number; readonly chal?: { readonly type: Type; readonly nonce?: string } }
  readonly respUri?: string
  readonly commands: boolean
  readonly final: boolean
}

const body = ({ mac, ...rest }: Wire): Uint8Array => Bytes.utf8(JSON.stringify(rest))
const fingerprint = (wire: Wire): Uint8Array => sha256(Bytes.utf8(JSON.stringify(wire)))

/** Puts the credentials of `party` into `wire`. */
const dress = (wire: Wire, party: Party, shown: DmProof.Presentation | undefined): Wire => {
  if (shown === undefined) return wire
  const { nonce, type } = shown
  if (type === "syncml:auth-MAC") {
    const key = CredDigest.storedKey(md5, party.user, party.secret)
    return { ...wire, mac: { username: party.user, mac: Bytes.toHex(MessageMac.nested(md5, key, nonce, body(wire))) } }
  }
  const octets =
    type === "syncml:auth-basic"
      ? Result.getOrThrow(CredDigest.encodeBasic(party.user, party.secret))
      : CredDigest.digest(hashOf(type), party.user, party.secret, nonce)
  return { ...wire, cred: { type, octets: Bytes.toHex(octets) } }
}

const shownOf = (wire: Wire): DmCheck.Shown => ({
  ...(wire.cred === undefined
    ? {}
    : { cred: { type: wire.cred.type, octets: Redacted.make(Bytes.fromHex(wire.cred.octets)!) } }),
  ...(wire.mac === undefined
    ? {}
    : { mac: { algorithm: "MD5" as const, username: wire.mac.username, mac: wire.mac.mac } })
})

const statusOf = (wire: Wire): DmProof.PeerStatus | undefined =>
  wire.status === undefined
    ? undefined
    : {
        code: wire.status.code,
        ...(wire.status.chal === undefined
          ? {}
          : {
              chal: {
                type: wire.status.chal.type,
                ...(wire.status.chal.nonce === undefined ? {} : { nonce: Bytes.fromHex(wire.status.chal.nonce)! })
              }
            })
      }

const statusWire = (status: number, chal: DmServerAuth.Challenge | undefined): NonNullable<Wire["status"]> => ({
  code: status,
  ...(chal === undefined
    ? {}
    : { chal: { type: chal.type, ...(chal.nonce === undefined ? {} : { nonce: Bytes.toHex(chal.nonce) }) } })
})

/** Whether the candidate holds for `party` under one of `nonces`. */
const holds = (candidate: DmCheck.Candidate, wire: Wire, party: Party, nonces: ReadonlyArray<Uint8Array>): boolean => {
  if (candidate.type === "syncml:auth-MAC") {
    const key = CredDigest.storedKey(md5, party.user, party.secret)
    const mac = Bytes.fromHex(candidate.header.mac)!
    return nonces.some((nonce) => Bytes.equal(MessageMac.nested(md5, key, nonce, body(wire)), mac))
  }
  const octets = Redacted.value(candidate.octets)
  if (candidate.type === "syncml:auth-basic") {
    const decoded = CredDigest.decodeBasic(octets)
    return Result.isSuccess(decoded) && decoded.success.user === party.user && decoded.success.secret === party.secret
  }
  const hash = hashOf(candidate.type)
  return CredDigest.matchesAny(hash, CredDigest.storedKey(hash, party.user, party.secret), octets, nonces)
}

export interface World {
  readonly connection: DmAuthPolicy.ConnectionFacts
  readonly server: DmAuthPolicy.DmServerPolicy
  readonly client: DmAuthPolicy.DmClientPolicy
  /** The client's credentials as the server has them, and as the client has them. */
  readonly clientAtServer: Party
  readonly clientAtClient: Party
  readonly serverAtServer: Party
  readonly serverAtClient: Party
}

let chance = 0
const random = (length: number): Uint8Array => {
  chance += 1
  return sha256(Bytes.utf8(`chance ${chance}`)).slice(0, length)
}
const freshNonce = () => ChallengeNonce.printable(random)

const account = "IMEI:493005100592800"
const serverKey = Bytes.utf8("the server's own key")
const mac = (data: Uint8Array) => hmacSha256(serverKey, data)

/** What the server did with a message. */
export type Outcome = "committed" | "resent" | "accepted" | "refused"

export class Server {
  readonly world: World
  /** Durable. */
  count = 0
  stored = new Uint8Array(0)
  ownNonce = new Uint8Array(0)
  /** Credentials that authenticated, each as often as it did. */
  readonly spent: Array<string> = []
  /** Lost in a restart. */
  sessions = new Map<string, { state: DmServerAuth.State; reply?: Wire; commands: number }>()

  constructor(world: World) {
    this.world = world
  }

  restart(): void {
    this.sessions = new Map()
  }

  /** The answer to `wire`, and what became of it. Commands that the client refused for want of authentication come again. */
  handle(wire: Wire, connectionId: string): readonly [Wire, Outcome] {
    const { world } = this
    const token = wire.target.split("?")[1]
    const byOrigin = `${connectionId} ${wire.sessionId}`
    const key = token !== undefined && this.sessions.has(token) ? token : byOrigin
    const session = this.sessions.get(key) ?? { state: DmServerAuth.start, commands: 1 }
    if (session.state._tag === "Ended" && session.reply !== undefined) {
      const again = session.state.last
      if (again === undefined || !Bytes.equal(again.fingerprint, fingerprint(wire))) session.state = DmServerAuth.start
    }
    const basis: ChallengeNonce.Basis = { direction: "client", count: this.count, account }
    const supply: DmServerAuth.Supply = {
      challengeNonce: ChallengeNonce.derive(mac, basis, 5, wire.msgId),
      count: this.count,
      nextNonce: freshNonce(),
      token: Bytes.toHex(random(16)),
      accountTypes: world.server.check.types,
      reflects: false,
      ownNonce: this.ownNonce
    }
    const status = statusOf(wire)
    const message: DmServerAuth.ReceivedMessage = {
      msgId: wire.msgId,
      fingerprint: fingerprint(wire),
      connection: { ...world.connection, id: connectionId },
      shown: shownOf(wire),
      credInCommand: false,
      ...(token === undefined ? {} : { token }),
      ...(status === undefined ? {} : { status })
    }
    let outcome: Outcome = "refused"
    const events: Array<DmServerAuth.Event> = [DmServerAuth.Event.Received(message, supply)]
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      const [state, actions] = Result.getOrThrow(DmServerAuth.step(session.state, event, world.server))
      session.state = state
      for (const action of actions) {
        switch (action._tag) {
          case "Verify": {
            const nonces = [this.stored, ...ChallengeNonce.candidates(mac, basis, 5)]
            const good = holds(action.candidate, wire, world.clientAtServer, nonces)
            events.push(DmServerAuth.Event.Judged(good ? "match" : "mismatch"))
            break
          }
          case "Commit":
            this.count += 1
            this.stored = action.nextNonce.slice()
            this.spent.push(JSON.stringify(wire.cred ?? wire.mac))
            outcome = "committed"
            events.push(DmServerAuth.Event.Committed("kept"))
            break
          case "KeepPeerNonce":
            this.ownNonce = action.nonce.slice()
            break
          case "Resend":
            this.sessions.set(key, session)
            return [session.reply!, "resent"]
          case "Send": {
            const { answer } = action
            if (answer.execute && outcome === "refused") outcome = "accepted"
            const code = wire.status?.code
            if (session.reply?.commands && (code === 401 || code === 407)) session.commands = 1
            const commands = answer.manage && session.commands > 0
            if (commands) session.commands -= 1
            session.reply = dress(
              {
                sessionId: wire.sessionId,
                msgId: (session.reply?.msgId ?? 0) + 1,
                target: account,
                account,
                status: statusWire(answer.status, answer.chal),
                commands,
                final: true,
                ...(answer.respUriToken === undefined ? {} : { respUri: `http://dm/?${answer.respUriToken}` })
              },
              world.serverAtServer,
              answer.own
            )
            if (answer.respUriToken !== undefined) this.sessions.set(answer.respUriToken, session)
            break
          }
          case "SlowDown":
          case "OwnRefused":
            break
        }
      }
    }
    this.sessions.set(key, session)
    return [session.reply!, outcome]
  }
}

/** What happens to one transmission. */
export type Fault =
  | "none"
  | "request lost"
  | "reply lost"
  | "request twice"
  | "server restarts"
  | "client restarts"
  | "client forgets its nonce"
  | "server forgets its nonce"

export interface Ending {
  readonly result: "done" | "restarted" | string
  readonly delivered: number
  readonly type?: Type
}

export class Client {
  readonly world: World
  /** Durable. */
  nonce = new Uint8Array(0)
  serverNonce = new Uint8Array(0)
  sessions = 0
  connections = 0

  constructor(world: World) {
    this.world = world
  }

  session(server: Server, faults: Array<Fault>, log: Array<Wire>): Ending {
    const { world } = this
    this.sessions += 1
    let connectionId = `c${++this.connections}`
    const sessionId = `${this.sessions}`
    let state: DmClientAuth.State = DmClientAuth.start
    let out: Wire | undefined
    let delivered = 0
    let commandsSeen: Wire | undefined
    const events: Array<DmClientAuth.Event> = [
      DmClientAuth.Event.Start({
        target: "http://dm/",
        connection: { ...world.connection, id: connectionId },
        nonce: this.nonce
      })
    ]
    const supply = (): DmClientAuth.Supply => ({
      nextNonce: freshNonce(),
      accountTypes: world.client.check.types,
      reflects: false
    })
    let answerWire: Wire | undefined
    const transmit = (wire: Wire): boolean => {
      const fault = faults.shift() ?? "none"
      if (fault === "client restarts") return true
      if (fault === "server restarts") server.restart()
      if (fault === "client forgets its nonce") this.nonce = new Uint8Array(0)
      if (fault === "server forgets its nonce") server.stored = freshNonce().slice()
      if (fault === "request lost") {
        connectionId = `c${++this.connections}`
        events.push(DmClientAuth.Event.Lost())
        return false
      }
      log.push(wire)
      if (fault === "request twice") server.handle(wire, connectionId)
      const [reply] = server.handle(wire, connectionId)
      if (fault === "reply lost") {
        connectionId = `c${++this.connections}`
        events.push(DmClientAuth.Event.Lost())
        return false
      }
      answerWire = reply
      const status = statusOf(reply)
      const received: DmClientAuth.ReceivedAnswer = {
        msgId: reply.msgId,
        fingerprint: fingerprint(reply),
        connection: { ...world.connection, id: connectionId },
        shown: shownOf(reply),
        hasCommands: reply.commands,
        final: reply.final,
        ...(status === undefined ? {} : { status }),
        ...(reply.respUri === undefined ? {} : { respUri: { uri: reply.respUri, sameOrigin: true } })
      }
      if (reply.commands) commandsSeen = reply
      events.push(DmClientAuth.Event.Answered(received, supply()))
      return false
    }
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      const [next, actions]: readonly [DmClientAuth.State, ReadonlyArray<DmClientAuth.Action>] = Result.getOrThrow(
        DmClientAuth.step(state, event, world.client)
      )
      state = next
      for (const action of actions) {
        switch (action._tag) {
          case "Send": {
            const { outgoing } = action
            out = dress(
              {
                sessionId,
                msgId: outgoing.msgId,
                target: outgoing.target,
                account,
                commands: outgoing.content !== "status",
                final: true,
                ...(outgoing.server === undefined
                  ? {}
                  : { status: statusWire(outgoing.server.status, outgoing.server.chal) })
              },
              world.clientAtClient,
              outgoing.own
            )
            if (transmit(out)) return { result: "restarted", delivered }
            break
          }
          case "Resend":
            if (transmit(out!)) return { result: "restarted", delivered }
            break
          case "Verify": {
            const nonces = [this.serverNonce, ...(action.challengeNonce === undefined ? [] : [action.challengeNonce])]
            const good = holds(action.candidate, answerWire!, world.serverAtClient, nonces)
            events.push(DmClientAuth.Event.Judged(good ? "match" : "mismatch"))
            break
          }
          case "Commit":
            this.serverNonce = action.nextNonce.slice()
            events.push(DmClientAuth.Event.Committed("kept"))
            break
          case "KeepPeerNonce":
            this.nonce = action.nonce.slice()
            break
          case "Deliver":
            if (commandsSeen !== undefined) delivered += 1
            commandsSeen = undefined
            events.push(DmClientAuth.Event.Next())
            break
          case "Downgraded":
            break
          case "Finish":
            return { result: "done", delivered, ...(action.type === undefined ? {} : { type: action.type }) }
          case "Fail":
            return { result: action.error._tag, delivered }
        }
      }
    }
    return { result: "stuck", delivered }
  }
}

export const openConnection: DmAuthPolicy.ConnectionFacts = {
  id: "c",
  integrity: false,
  confidentiality: false,
  peerVerified: false
}
