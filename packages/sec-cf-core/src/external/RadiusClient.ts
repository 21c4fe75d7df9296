/**
 * The RADIUS client: asks an authentication server of the operator whether a user name and password belong together.
 *
 * @layer service
 * @spec RFC 2865 sections 2 and 4.1; RFC 5080 section 2.2.1 for retransmission; Message-Authenticator against CVE-2024-3596
 */
import { type KeyRef, type KeyVault, Primitives, SecurityEvents, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type BindFailed, Datagrams } from "./Datagrams.ts"
import type { RadiusMalformed } from "./ExternalError.ts"
import * as IpRanges from "./IpRanges.ts"
import * as Attribute from "./RadiusAttribute.ts"
import * as Authenticator from "./RadiusAuthenticator.ts"
import * as Packet from "./RadiusPacket.ts"
import * as RadiusSecret from "./RadiusSecret.ts"

export interface RadiusClientLimits {
  /** Milliseconds until a request is sent again for the first time, doubled each time; 2,000 unless given. */
  readonly firstMillis: number
  /** The longest of these times; 16,000 unless given. */
  readonly longestMillis: number
  /** How often a request is sent in all; 4 unless given. */
  readonly sendings: number
  /** Requests that are out at a time, 256 at most as an identifier has one octet; 200 unless given. */
  readonly open: number
}

export const defaultRadiusClientLimits: RadiusClientLimits = {
  firstMillis: 2000,
  longestMillis: 16_000,
  sendings: 4,
  open: 200
}

export interface RadiusClientOptions {
  readonly enabler: string
  /** The address of the server, and its port (1812 unless given). */
  readonly server: { readonly address: string; readonly port?: number }
  /** Of purpose `external/radius`. */
  readonly secret: KeyRef
  /** The address to send from; any unless given. */
  readonly host?: string
  /** The name by which the server knows this client. */
  readonly nasIdentifier: string
  /**
   * Answers without Message-Authenticator are dropped. On unless given; off is for old servers over a link that is protected otherwise,
   * since anybody on the way can turn a reject into an accept.
   */
  readonly demandMessageAuthenticator?: boolean
  readonly limits?: Partial<RadiusClientLimits>
}

export interface AccessCredentials {
  readonly userName: string
  readonly password: Redacted.Redacted<string>
  /** `pap` hides the password by the secret; `chap` sends a hash of it. `pap` unless given. */
  readonly method?: "pap" | "chap"
  /** Further attributes, such as Calling-Station-Id. */
  readonly attributes?: ReadonlyArray<Attribute.RadiusAttribute>
}

/** The server's word. A challenge counts as a refusal: there is nobody to answer it. */
export type AccessAnswer =
  | { readonly _tag: "Accepted"; readonly attributes: ReadonlyArray<Attribute.RadiusAttribute> }
  | { readonly _tag: "Rejected"; readonly challenge: boolean }

export interface RadiusClient {
  /**
   * Asks the server. Fails with `RadiusMalformed` for a name or password that no packet can carry, and with `Unavailable` where the
   * server does not answer.
   */
  readonly verify: (credentials: AccessCredentials) => Effect.Effect<AccessAnswer, RadiusMalformed | Unavailable>
}

interface Open {
  readonly authenticator: Uint8Array
  readonly answer: Deferred.Deferred<AccessAnswer>
}

const requestOf = (
  credentials: AccessCredentials,
  nasIdentifier: string,
  identifier: number,
  authenticator: Uint8Array,
  secret: Uint8Array,
  { md5, hmacMd5 }: Authenticator.RadiusHashes
): Result.Result<Uint8Array, RadiusMalformed> => {
  const { types } = Attribute
  const password = Bytes.utf8(Redacted.value(credentials.password))
  const hidden =
    credentials.method === "chap"
      ? Result.succeed(
          Attribute.make(
            types.chapPassword,
            Authenticator.chapPassword(md5, authenticator[0]!, password, authenticator)
          )
        )
      : Result.map(Authenticator.hidePassword(md5, password, authenticator, secret), (value) =>
          Attribute.make(types.userPassword, value)
        )
  Bytes.wipe(password)
  if (Result.isFailure(hidden)) return Result.fail(hidden.failure)
  return Result.map(
    Packet.encode({
      code: Packet.codes.accessRequest,
      identifier,
      authenticator,
      attributes: [
        Attribute.make(types.messageAuthenticator, new Uint8Array(16)),
        Attribute.text(types.userName, credentials.userName),
        hidden.success,
        Attribute.text(types.nasIdentifier, nasIdentifier),
        ...(credentials.attributes ?? [])
      ]
    }),
    (octets) => {
      const at = Packet.headerLength + 2
      octets.set(Authenticator.messageAuthenticator(hmacMd5, octets, at, authenticator, secret), at)
      return octets
    }
  )
}

/** Why an answer is dropped, or the answer. */
const judge = (
  packet: Packet.RadiusPacket,
  octets: Uint8Array,
  open: Open,
  demand: boolean,
  secret: Uint8Array,
  { md5, hmacMd5 }: Authenticator.RadiusHashes
): AccessAnswer | string => {
  if (!Authenticator.holdsResponse(md5, octets, open.authenticator, secret)) return "wrong Response Authenticator"
  const message = Authenticator.judgeMessageAuthenticator(hmacMd5, octets, open.authenticator, secret)
  if (message === "wrong") return "wrong Message-Authenticator"
  if (message === "absent" && demand) return "no Message-Authenticator"
  switch (packet.code) {
    case Packet.codes.accessAccept: {
      const attributes = packet.attributes.map(({ type, value }) => Attribute.make(type, new Uint8Array(value)))
      return { _tag: "Accepted", attributes }
    }
    case Packet.codes.accessReject:
      return { _tag: "Rejected", challenge: false }
    case Packet.codes.accessChallenge:
      return { _tag: "Rejected", challenge: true }
    default:
      return `code ${packet.code} is no answer`
  }
}

/**
 * A client of one server; its socket closes with the scope.
 *
 * What does not come from the server with the right authenticators is dropped, and the request goes on waiting.
 */
export const make: (
  options: RadiusClientOptions
) => Effect.Effect<
  RadiusClient,
  BindFailed,
  Datagrams | KeyVault.KeyVault | Primitives.Primitives | Scope.Scope | SecurityEvents.SecurityEvents
> = Effect.fnUntraced(function* (options: RadiusClientOptions) {
  const limits = { ...defaultRadiusClientLimits, ...options.limits }
  const demand = options.demandMessageAuthenticator !== false
  const { random } = yield* Primitives.Primitives
  const events = yield* SecurityEvents.SecurityEvents
  const withSecret = yield* RadiusSecret.make
  const datagrams = yield* Datagrams
  const { address, port = 1812 } = options.server
  const server = IpRanges.address(address)
  const socket = yield* datagrams.bind({ host: options.host ?? (address.includes(":") ? "::" : "0.0.0.0"), port: 0 })
  const room = yield* Semaphore.make(Math.min(256, Math.max(1, limits.open)))
  const open = new Map<number, Open>()
  let last = random(1)[0]!
  const where = { enabler: options.enabler, interface: "radius", peer: `${address} ${port}` }

  if (!demand) {
    yield* events.emit("WeakConfiguration", {
      ...where,
      clause: "CVE-2024-3596",
      detail: "answers without Message-Authenticator are accepted"
    })
  }

  const freeIdentifier = (): number => {
    do last = (last + 1) & 255
    while (open.has(last))
    return last
  }

  const receive = Effect.gen(function* () {
    const datagram = yield* socket.take
    const source = IpRanges.address(datagram.address)
    const same = source !== undefined && server !== undefined && IpRanges.format(source) === IpRanges.format(server)
    if (!same || datagram.port !== port) return
    const decoded = Packet.decode(datagram.octets)
    if (Result.isFailure(decoded)) return
    const packet = decoded.success
    const waiting = open.get(packet.identifier)
    if (waiting === undefined) return
    const octets = datagram.octets.subarray(0, (datagram.octets[2]! << 8) | datagram.octets[3]!)
    const judged = yield* withSecret(options.secret, (secret, hashes) =>
      judge(packet, octets, waiting, demand, secret, hashes)
    )
    if (typeof judged === "string") {
      return yield* events.emit("ServerRefused", { ...where, clause: "RFC 2865 section 3", detail: judged })
    }
    yield* Deferred.succeed(waiting.answer, judged)
  }).pipe(
    Effect.catchTag("Unavailable", (error) => events.emit("KeyRefused", { ...where, detail: String(error.cause) }))
  )
  yield* Effect.forkScoped(Effect.forever(receive))

  const exchange = Effect.fnUntraced(function* (octets: Uint8Array, answer: Deferred.Deferred<AccessAnswer>) {
    let wait = limits.firstMillis
    for (let sending = 0; sending < limits.sendings; sending++) {
      yield* socket.send({ octets, address, port })
      const answered = yield* Effect.timeoutOption(Deferred.await(answer), wait)
      if (Option.isSome(answered)) return answered.value
      wait = Math.min(limits.longestMillis, wait * 2)
    }
    return yield* new Unavailable({ what: "RADIUS server", retryable: true, cause: "no answer" })
  })

  const verify = (credentials: AccessCredentials): Effect.Effect<AccessAnswer, RadiusMalformed | Unavailable> =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<AccessAnswer>()
      const authenticator = random(16)
      const identifier = freeIdentifier()
      open.set(identifier, { authenticator, answer })
      return yield* withSecret(options.secret, (secret, hashes) =>
        requestOf(credentials, options.nasIdentifier, identifier, authenticator, secret, hashes)
      ).pipe(
        Effect.flatMap(Effect.fromResult),
        Effect.flatMap((octets) => exchange(octets, answer)),
        Effect.ensuring(Effect.sync(() => open.delete(identifier)))
      )
    }).pipe(room.withPermit)

  return { verify }
})
