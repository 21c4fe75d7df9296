import { readFileSync } from "node:fs"
import {
  type Connection,
  InterfaceGuard,
  type KeyRef,
  KeyVault,
  Level,
  MasterKeys,
  type Primitives,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  type Store,
  StoreMemory,
  type Unavailable
} from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import type { HttpExchange } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer, Queue } from "effect"
import {
  Datagrams,
  ExternalAuthenticator,
  Pseudonyms,
  type RadiusAccounting,
  RadiusAttribute,
  RadiusAuthenticator,
  RadiusPacket,
  RadiusSecret,
  SubscriberAddresses
} from "../../src/external/index.ts"

export const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

export const hex = (text: string): Uint8Array => Bytes.fromHex(text)!
export const utf8 = Bytes.utf8

interface AttributeForm {
  readonly type: number
  readonly valueHex: string
}

/** A captured exchange has request and response; a negative one a packet. */
export interface RadiusVector {
  readonly name: string
  readonly status: "captured" | "negative"
  readonly note: string
  readonly input: {
    readonly secret: string
    readonly requestHex: string
    readonly responseHex: string
    readonly packetHex: string
  }
  readonly output: {
    readonly requestCode: number
    readonly responseCode: number
    readonly identifier: number
    readonly requestAttributes: ReadonlyArray<AttributeForm>
    readonly responseAttributes: ReadonlyArray<AttributeForm>
  }
}

export const vectors: ReadonlyArray<RadiusVector> = JSON.parse(
  readFileSync(new URL("../../vectors/radius.json", import.meta.url), "utf8")
)
export const captured = vectors.filter(({ status }) => status === "captured")

export const hashes: RadiusAuthenticator.RadiusHashes = {
  md5: NodePrimitives.hash("md5"),
  hmacMd5: NodePrimitives.hmac("md5")
}

/** The time of the captured accounting packets, in milliseconds. */
export const capturedAt = 0x6b007c90 * 1000

export type Services =
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives
  | MasterKeys.MasterKeys
  | KeyVault.KeyVault
  | SubscriberAddresses.SubscriberAddresses
  | Pseudonyms.Pseudonyms

export const services = (
  limits: Partial<SubscriberAddresses.AddressLimits> = {},
  store: Layer.Layer<Store.Store> = StoreMemory.layer
): Layer.Layer<Services> => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(
    Layer.provideMerge(Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground)))
  )
  return Layer.mergeAll(SubscriberAddresses.layer(limits), Layer.orDie(Pseudonyms.layer)).pipe(
    Layer.provideMerge(vault)
  )
}

export const radiusSecret = (text: string): Effect.Effect<KeyRef, never, KeyVault.KeyVault> =>
  Effect.flatMap(KeyVault.KeyVault, (vault) => Effect.orDie(vault.put(RadiusSecret.purposes.radius, utf8(text))))

export const proxyKey = (octets: Uint8Array): Effect.Effect<KeyRef, never, KeyVault.KeyVault> =>
  Effect.flatMap(KeyVault.KeyVault, (vault) => Effect.orDie(vault.put(RadiusSecret.purposes.proxyMac, octets.slice())))

/** A signed Accounting-Request. */
export const accounting = (
  attributes: ReadonlyArray<RadiusAttribute.RadiusAttribute>,
  secret = "testing123",
  identifier = 1
): Uint8Array => {
  const packet = RadiusPacket.encode({ code: 4, identifier, authenticator: new Uint8Array(16), attributes })
  if (packet._tag === "Failure") throw packet.failure
  const { success } = packet
  return RadiusAuthenticator.withAuthenticator(
    success,
    RadiusAuthenticator.accountingRequest(hashes.md5, success, utf8(secret))
  )
}

export interface SessionForm {
  readonly status: number
  readonly session?: string
  readonly address?: string
  readonly msisdn?: string
  readonly nas?: string
  /** Seconds. */
  readonly at?: number
  readonly delay?: number
  readonly more?: ReadonlyArray<RadiusAttribute.RadiusAttribute>
}

/** The attributes of a session message. */
export const sessionAttributes = (form: SessionForm): ReadonlyArray<RadiusAttribute.RadiusAttribute> => {
  const { types } = RadiusAttribute
  const list = [RadiusAttribute.integer(types.acctStatusType, form.status)]
  if (form.session !== undefined) list.push(RadiusAttribute.text(types.acctSessionId, form.session))
  if (form.address !== undefined) {
    list.push(RadiusAttribute.make(types.framedIpAddress, Uint8Array.from(form.address.split(".").map(Number))))
  }
  if (form.msisdn !== undefined) list.push(RadiusAttribute.text(types.callingStationId, form.msisdn))
  list.push(RadiusAttribute.text(types.nasIdentifier, form.nas ?? "ggsn1"))
  if (form.at !== undefined) list.push(RadiusAttribute.integer(types.eventTimestamp, form.at))
  if (form.delay !== undefined) list.push(RadiusAttribute.integer(types.acctDelayTime, form.delay))
  return [...list, ...(form.more ?? [])]
}

export const accountingClient = (secret: KeyRef, more: Partial<RadiusAccounting.AccountingClient> = {}) => ({
  name: "ggsn",
  addresses: ["127.0.0.0/8"],
  secret,
  ranges: ["10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32"],
  ...more
})

/** Sockets in memory: what is sent to a port arrives there. */
export const memoryDatagrams = Layer.sync(Datagrams.Datagrams, () => {
  const queues = new Map<number, Queue.Queue<Datagrams.Datagram>>()
  let next = 40_000
  return {
    bind: (options: Datagrams.BindOptions) =>
      Effect.gen(function* () {
        const port = options.port === 0 ? next++ : options.port
        const queue = yield* Queue.dropping<Datagrams.Datagram>(options.waiting ?? 64)
        queues.set(port, queue)
        return {
          port,
          take: Queue.take(queue),
          send: (datagram: Datagrams.Datagram) =>
            Effect.sync(() => {
              const target = queues.get(datagram.port)
              if (target !== undefined) Queue.offerUnsafe(target, { ...datagram, address: "127.0.0.1", port })
            })
        }
      })
  }
})

const name: SecurityPolicy.InterfaceName = { enabler: "test", role: "server", interface: "dpe-1" }
export const policyOf = (...modes: ReadonlyArray<string>): SecurityPolicy.InterfacePolicy => ({
  ...name,
  clientAuthentication: modes.map((mode) => ({ mode, over: Level.none })),
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
})
export const interfaceName = name

export const connectionOf = (address: string, more: Partial<Connection.Peer> = {}): Connection.Connection => ({
  id: "c",
  transport: "tcp",
  protection: { protocol: "none", level: 0 },
  peer: { address, ...more }
})

export const requestOf = (
  address: string,
  fields: HttpExchange.HttpFields,
  more: Partial<HttpExchange.HttpRequest> = {}
): HttpExchange.HttpRequest => ({
  method: "POST",
  target: "/dpe/1",
  fields: [["Host", "dpe.example.com"], ...fields],
  body: new Uint8Array(0),
  connection: connectionOf(address),
  ...more
})

export type Outcome =
  | {
      readonly _tag: "Admitted"
      readonly names: ReadonlyArray<string>
      readonly mode: string
      readonly subject: string
    }
  | { readonly _tag: "Refused"; readonly reason: string }
  | { readonly _tag: "Challenge" | "Upgrade" }

/** The gate of an interface that takes external authentication. */
export const gate = (
  options: Partial<ExternalAuthenticator.ExternalOptions>,
  modes: ReadonlyArray<string> = ["external"]
): Effect.Effect<
  {
    readonly admit: (request: HttpExchange.HttpRequest) => Effect.Effect<Outcome, Unavailable>
    readonly external: ExternalAuthenticator.External
  },
  never,
  Services
> =>
  Effect.gen(function* () {
    const external = yield* Effect.orDie(
      ExternalAuthenticator.make({ enabler: "test", interface: "dpe-1", ...options })
    )
    const policy = policyOf(...modes)
    const spd = Layer.orDie(Spd.layer({ interfaces: [policy], networks: {} }))
    const guard = yield* Effect.provide(InterfaceGuard.make(name, [external.authenticator]), spd)
    const admit = (request: HttpExchange.HttpRequest) =>
      Effect.gen(function* () {
        const presented = yield* external.present(policy, request)
        const admission = yield* guard
          .admit(request.connection, request, presented)
          .pipe(Effect.catchTag("NoPolicy", Effect.die))
        if (admission._tag === "Refused") return { _tag: "Refused", reason: admission.reason } as const
        if (admission._tag !== "Admitted") return { _tag: admission._tag } as const
        const { identity, mode } = admission
        const known = identity._tag === "Authenticated"
        return {
          _tag: "Admitted",
          mode,
          subject: known ? identity.subject : "",
          names: known ? (identity.aliases ?? []).map(({ kind, subject }) => `${kind} ${subject}`) : []
        } as const
      })
    return { admit, external }
  })
