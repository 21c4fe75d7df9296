/**
 * The RADIUS accounting server: takes what the access network reports, and keeps the address table by it.
 *
 * @layer service
 * @spec RFC 2866; RFC 5997 for Status-Server
 */
import { type KeyRef, type KeyVault, type Primitives, SecurityEvents, type Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as AccountingRecord from "./AccountingRecord.ts"
import { type BindFailed, type Datagram, Datagrams } from "./Datagrams.ts"
import type { IpRangeMalformed } from "./ExternalError.ts"
import * as IpRanges from "./IpRanges.ts"
import * as Attribute from "./RadiusAttribute.ts"
import * as Authenticator from "./RadiusAuthenticator.ts"
import * as Packet from "./RadiusPacket.ts"
import * as RadiusSecret from "./RadiusSecret.ts"
import { type Reporter, SubscriberAddresses } from "./SubscriberAddresses.ts"

/** A NAS, or a RADIUS proxy that forwards for several. */
export interface AccountingClient {
  /** For the operator. */
  readonly name: string
  /** Where its packets come from, in CIDR notation. */
  readonly addresses: ReadonlyArray<string>
  /** Of purpose `external/radius`. */
  readonly secret: KeyRef
  /** The subscribers' addresses that it may speak of, as this server sees them: addresses behind NAT identify nobody. */
  readonly ranges: ReadonlyArray<string>
  /** Its link lets no replay through (RadSec, IPsec, loopback): packets without Event-Timestamp count. Off unless given. */
  readonly linkProtected?: boolean
}

export interface AccountingLimits {
  /** Answers that are kept for retransmissions; 4,096 unless given. */
  readonly answers: number
  /** For how long, in milliseconds; 30,000 unless given. */
  readonly answerMillis: number
  /** Addresses that are worked on side by side; 16 unless given. */
  readonly lanes: number
  /** Packets that wait for each; 256 unless given. More are dropped, and the NAS sends them again. */
  readonly waiting: number
}

export const defaultAccountingLimits: AccountingLimits = {
  answers: 4096,
  answerMillis: 30_000,
  lanes: 16,
  waiting: 256
}

export interface AccountingOptions {
  readonly enabler: string
  readonly clients: ReadonlyArray<AccountingClient>
  readonly limits?: Partial<AccountingLimits>
  readonly packet?: Packet.RadiusLimits
}

/** A packet whose authenticator holds: the answer that it gets, and the record that it carries, if any. */
export interface Examined {
  readonly key: string
  readonly answer: Uint8Array
  readonly reporter: Reporter
  readonly record: AccountingRecord.AccountingRecord | undefined
  /** Whatever must not overtake each other has the same lane. */
  readonly lane: number
}

export interface AccountingServer {
  /** The answer to a datagram, or `undefined` for one that gets none. */
  readonly handle: (datagram: Datagram) => Effect.Effect<Uint8Array | undefined>
  /** The first half: everything that needs no store. Octets are an answer that was given before. */
  readonly examine: (datagram: Datagram) => Effect.Effect<Examined | Uint8Array | undefined>
  /** The second half: works the record into the table; the answer is there only when that is durable. */
  readonly complete: (examined: Examined, peer: string) => Effect.Effect<Uint8Array | undefined>
  /** Forgets that `examined` is in work, as there is no room for it. */
  readonly drop: (examined: Examined) => void
  readonly limits: AccountingLimits
}

/** What the server stands on, besides its socket. */
export type AccountingServices =
  | KeyVault.KeyVault
  | Primitives.Primitives
  | SecurityEvents.SecurityEvents
  | SubscriberAddresses

interface CompiledClient extends Reporter {
  readonly secret: KeyRef
  readonly sources: IpRanges.IpRanges
}

const compile = (client: AccountingClient): Result.Result<CompiledClient, IpRangeMalformed> =>
  Result.flatMap(IpRanges.parse(client.addresses), (sources) =>
    Result.map(IpRanges.parse(client.ranges), (ranges) => ({
      name: client.name,
      linkProtected: client.linkProtected === true,
      ranges,
      sources,
      secret: client.secret
    }))
  )

/** The answer to `request`: empty but for the state that proxies put in, and bound to the request by the secret. */
const answerTo = (
  request: Packet.RadiusPacket,
  hashes: Authenticator.RadiusHashes,
  secret: Uint8Array
): Uint8Array | undefined => {
  const packet = Packet.encode({
    code: Packet.codes.accountingResponse,
    identifier: request.identifier,
    authenticator: request.authenticator,
    attributes: request.attributes.filter(({ type }) => type === Attribute.types.proxyState)
  })
  if (Result.isFailure(packet)) return undefined
  const octets = packet.success
  return Authenticator.withAuthenticator(
    octets,
    Authenticator.response(hashes.md5, octets, request.authenticator, secret)
  )
}

/** Why the packet is dropped, or its answer. */
const verify = (
  request: Packet.RadiusPacket,
  octets: Uint8Array,
  hashes: Authenticator.RadiusHashes,
  secret: Uint8Array
): Uint8Array | string => {
  const status = request.code === Packet.codes.statusServer
  const covered = status ? request.authenticator : Authenticator.noAuthenticator
  const message = Authenticator.judgeMessageAuthenticator(hashes.hmacMd5, octets, covered, secret)
  if (!status && !Authenticator.holdsAccountingRequest(hashes.md5, octets, secret)) return "wrong authenticator"
  if (message === "wrong") return "wrong Message-Authenticator"
  if (
    message === "absent" &&
    (status || Attribute.count(request.attributes, Attribute.types.messageAuthenticator) > 0)
  ) {
    return "no usable Message-Authenticator"
  }
  return answerTo(request, hashes, secret) ?? "answer does not fit"
}

/** The server without its socket. Fails where a range of the configuration is none. */
export const make: (
  options: AccountingOptions
) => Effect.Effect<AccountingServer, IpRangeMalformed, AccountingServices> = Effect.fnUntraced(function* (
  options: AccountingOptions
) {
  const limits = { ...defaultAccountingLimits, ...options.limits }
  const clients: Array<CompiledClient> = []
  for (const client of options.clients) clients.push(yield* Effect.fromResult(compile(client)))
  const events = yield* SecurityEvents.SecurityEvents
  const addresses = yield* SubscriberAddresses
  const withSecret = yield* RadiusSecret.make
  const answers = new Map<string, { readonly octets: Uint8Array | undefined; readonly until: number }>()

  const refuse = (peer: string, clause: string, detail: string) =>
    events.emit("Refused", { enabler: options.enabler, interface: "radius", peer, clause, detail })

  const keep = (key: string, octets: Uint8Array | undefined, now: number): void => {
    answers.delete(key)
    if (answers.size >= limits.answers) answers.delete(answers.keys().next().value!)
    answers.set(key, { octets, until: now + limits.answerMillis })
  }

  /** Everything that needs no store; `undefined` where the datagram is dropped, octets where it was answered before. */
  const examine = Effect.fnUntraced(function* (datagram: Datagram) {
    const { address, port } = datagram
    const source = IpRanges.address(address)
    const client = source === undefined ? undefined : clients.find(({ sources }) => IpRanges.contains(sources, source))
    if (client === undefined) return void (yield* refuse(address, "RFC 2866 section 2", "no configured client"))
    const decoded = Packet.decode(datagram.octets, options.packet)
    if (Result.isFailure(decoded)) return void (yield* refuse(address, decoded.failure.clause, decoded.failure.why))
    const request = decoded.success
    if (request.code !== Packet.codes.accountingRequest && request.code !== Packet.codes.statusServer) {
      return void (yield* refuse(address, "RFC 2866 section 4", `code ${request.code} does not belong here`))
    }
    const octets = datagram.octets.subarray(0, (datagram.octets[2]! << 8) | datagram.octets[3]!)
    const verified = yield* withSecret(client.secret, (secret, hashes) => verify(request, octets, hashes, secret))
    if (typeof verified === "string") return void (yield* refuse(address, "RFC 2866 section 3", verified))

    const key = `${address} ${port} ${request.identifier} ${Bytes.toHex(request.authenticator)}`
    const now = yield* Clock.currentTimeMillis
    const before = answers.get(key)
    if (before !== undefined && now < before.until) return before.octets
    const examined = { key, answer: verified, reporter: client }
    if (request.code === Packet.codes.statusServer) return { ...examined, record: undefined, lane: 0 } as Examined
    const record = AccountingRecord.decode(request.attributes)
    if (Result.isFailure(record)) return void (yield* refuse(address, record.failure.clause, record.failure.why))
    keep(key, undefined, now) // in work: a retransmission that overtakes the answer is not worked on twice
    return { ...examined, record: record.success, lane: laneOf(record.success) } as Examined
  })

  const laneOf = (record: AccountingRecord.AccountingRecord | undefined): number => {
    const first = record?.addresses[0]
    const name = first === undefined ? (record?.sessionId ?? "") : IpRanges.format(first.address)
    let hash = 0
    for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0
    return hash % limits.lanes
  }

  /** Works the record into the table; the answer goes out only when it is durable. */
  const complete = Effect.fnUntraced(function* (examined: Examined, peer: string) {
    const { key, answer, reporter, record } = examined
    if (record === undefined) return answer
    const applied = yield* addresses.apply(reporter, record).pipe(
      Effect.catchTag("Unavailable", (error) =>
        Effect.as(
          events.emit("StoreUnavailable", {
            enabler: options.enabler,
            interface: "radius",
            peer,
            detail: error.what
          }),
          undefined
        )
      )
    )
    if (applied === undefined) return void answers.delete(key)
    if (applied._tag === "Ignored") {
      yield* refuse(peer, "freshness of accounting", `${record.status} of ${reporter.name}: ${applied.refusal}`)
    }
    keep(key, answer, yield* Clock.currentTimeMillis)
    return answer
  })

  const unavailable = (peer: string) => (error: Unavailable) =>
    Effect.as(
      events.emit("KeyRefused", { enabler: options.enabler, interface: "radius", peer, detail: String(error.cause) }),
      undefined
    )

  const examineSafely = (datagram: Datagram) =>
    examine(datagram).pipe(Effect.catchTag("Unavailable", unavailable(datagram.address)))

  const handle = (datagram: Datagram): Effect.Effect<Uint8Array | undefined> =>
    Effect.flatMap(examineSafely(datagram), (examined) =>
      examined === undefined || examined instanceof Uint8Array
        ? Effect.succeed(examined)
        : complete(examined, datagram.address)
    )

  const drop = (examined: Examined): void => void answers.delete(examined.key)

  return { handle, examine: examineSafely, complete, drop, limits }
})

export interface ListenOptions extends AccountingOptions {
  readonly host: string
  /** 1813 unless given; 0 takes a free one. */
  readonly port?: number
}

/**
 * Listens for accounting until the scope closes; gives the port. Messages about one address are worked on in the order in which they came.
 */
export const listen: (
  options: ListenOptions
) => Effect.Effect<
  { readonly port: number },
  IpRangeMalformed | BindFailed,
  AccountingServices | Datagrams | Scope.Scope
> = Effect.fnUntraced(function* (options: ListenOptions) {
  const server = yield* make(options)
  const datagrams = yield* Datagrams
  const socket = yield* datagrams.bind({ host: options.host, port: options.port ?? 1813 })
  const lanes: Array<Queue.Queue<{ readonly datagram: Datagram; readonly examined: Examined }>> = []
  for (let i = 0; i < server.limits.lanes; i++) {
    const lane = yield* Queue.dropping<{ readonly datagram: Datagram; readonly examined: Examined }>(
      server.limits.waiting
    )
    lanes.push(lane)
    const work = Effect.flatMap(Queue.take(lane), ({ datagram, examined }) =>
      Effect.flatMap(server.complete(examined, datagram.address), (octets) =>
        octets === undefined ? Effect.void : socket.send({ ...datagram, octets })
      )
    )
    yield* Effect.forkScoped(Effect.forever(work))
  }
  const receive = Effect.flatMap(socket.take, (datagram) =>
    Effect.flatMap(server.examine(datagram), (examined) => {
      if (examined === undefined) return Effect.void
      if (examined instanceof Uint8Array) return socket.send({ ...datagram, octets: examined })
      if (!Queue.offerUnsafe(lanes[examined.lane]!, { datagram, examined })) server.drop(examined)
      return Effect.void
    })
  )
  yield* Effect.forkScoped(Effect.forever(receive))
  return { port: socket.port }
})
