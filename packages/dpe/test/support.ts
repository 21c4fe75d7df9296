import {
  CredentialStore,
  KeyVault,
  MasterKeys,
  type Primitives,
  Sad,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  type Store,
  StoreMemory
} from "@oma/sa-policy"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import {
  DigestAgent,
  type DigestAlgorithm,
  DigestAuthenticator,
  DigestNonces,
  DigestVerifiers,
  NodeDigestHash
} from "@oma/sec-cf-core/digest"
import { ExternalAuthenticator, Pseudonyms } from "@oma/sec-cf-core/external"
import { byCommonName, type CertificateIdentities, certificateAuthenticator } from "@oma/sec-cf-core/tls"
import { Effect, Layer, Redacted } from "effect"
import { DpeHttp } from "../src/http/index.ts"
import { DpeInterface, DpeMechanism, DpePolicy, DpeServer } from "../src/index.ts"

export const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

const hashes = NodeDigestHash.hashes
export const password = "wonderland"
export const realmOf = (of: DpeInterface.DpeInterface): string => `${of}@example.net`

export type Services =
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives
  | KeyVault.KeyVault
  | CredentialStore.CredentialStore
  | Sad.Sad
  | Spd.Spd
  | DigestNonces.DigestNonces
  | Pseudonyms.Pseudonyms

export const services = (entries: ReadonlyArray<SecurityPolicy.InterfacePolicy>): Layer.Layer<Services> => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(
    Layer.provideMerge(Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground)))
  )
  const state = Layer.mergeAll(
    CredentialStore.layer,
    Sad.layer(),
    Layer.orDie(Spd.layer({ interfaces: entries, networks: {} })),
    Layer.orDie(Pseudonyms.layer)
  ).pipe(Layer.provideMerge(vault))
  return Layer.orDie(DigestNonces.layer()).pipe(Layer.provideMerge(state))
}

export type Demands = Partial<Readonly<Record<DpeInterface.DpeInterface, DpePolicy.InterfaceDemands>>>

/** The entries of one side; an interface that is not named is open. */
export const entriesOf = (role: SecurityPolicy.Role, demands: Demands): ReadonlyArray<SecurityPolicy.InterfacePolicy> =>
  DpeInterface.interfaces.map((of) =>
    DpePolicy.entry(role, of, demands[of] ?? { clientAuthentication: ["none"], serverAuthentication: ["none"] })
  )

/** Makes a user who may authenticate by Digest on the interfaces. */
export const addUser = Effect.fnUntraced(function* (
  username: string,
  interfaces: ReadonlyArray<DpeInterface.DpeInterface> = DpeInterface.interfaces
) {
  const credentials = yield* CredentialStore.CredentialStore
  const digests = interfaces.map((of) =>
    DigestVerifiers.accountDigest(hashes, ["MD5", "SHA-256"], { username, realm: realmOf(of), password })
  )
  yield* credentials.add({
    enabler: "dpe",
    id: username,
    secrets: Object.assign({}, ...digests.map(({ secrets }) => secrets))
  })
})

export const agentOf = (username: string, secret = password) =>
  DigestAgent.make({ hashes, credentials: DigestAgent.passwordCredentials(hashes, username, Redacted.make(secret)) })

export const proxyAddress = "192.0.2.80"
export const handsetAddress = "198.51.100.7"

/** All mechanisms that a server can do, on one interface. */
export const mechanismsOf = Effect.fnUntraced(function* (
  of: DpeInterface.DpeInterface,
  options: {
    readonly algorithms?: ReadonlyArray<DigestAlgorithm.DigestAlgorithm>
    readonly names?: CertificateIdentities
  } = {}
) {
  const verifiers = yield* DigestVerifiers.fromAccounts("dpe")
  const digest = yield* DigestAuthenticator.make({
    enabler: "dpe",
    interface: of,
    realm: realmOf(of),
    verifiers,
    hashes,
    qop: ["auth"],
    ...(options.algorithms === undefined ? {} : { algorithms: options.algorithms })
  })
  const external = yield* ExternalAuthenticator.make({
    enabler: "dpe",
    interface: of,
    proxies: { addresses: [proxyAddress, "127.0.0.2"] }
  })
  return [
    DpeMechanism.external(external),
    DpeMechanism.digest(digest),
    DpeMechanism.certificate(certificateAuthenticator(options.names ?? byCommonName))
  ]
})

export const serverOf = Effect.fnUntraced(function* (options: Partial<DpeServer.DpeServerOptions> = {}) {
  return yield* DpeServer.make({
    ...options,
    gates: options.gates ?? {
      "dpe-1": { mechanisms: yield* mechanismsOf("dpe-1") },
      "dpe-2": { mechanisms: yield* mechanismsOf("dpe-2") },
      "dpe-3": { mechanisms: yield* mechanismsOf("dpe-3") }
    }
  })
})

const host = "dpe.example.net"
export const secureUris = Object.fromEntries(
  DpeInterface.interfaces.map((of) => [of, `https://${host}${DpeInterface.defaultPaths[of]}`])
)
export const endpointsOf = (of: DpeInterface.DpeInterface) => ({
  clear: `http://${host}${DpeInterface.defaultPaths[of]}`,
  secure: `https://${host}${DpeInterface.defaultPaths[of]}`
})

const certificateOf = (commonName: string) => ({
  subject: `CN=${commonName}`,
  dnsNames: [],
  uris: [],
  addresses: [],
  fingerprint: "00".repeat(32),
  notAfter: Number.MAX_SAFE_INTEGER
})

/** What the network in between does. */
export interface Network {
  /** The common name of the certificate that the client shows over TLS. */
  readonly clientCertificate?: string
  /** The server has a certificate for its name; over TLS a client sees it. */
  readonly serverCertificate?: boolean
  /** The MSISDN that the access network inserts. */
  readonly msisdn?: string
  readonly address?: string
  /** Changes an answer on its way. */
  readonly tamper?: (answer: HttpExchange.HttpResponse, url: string) => HttpExchange.HttpResponse
  /** Sees what goes out. */
  readonly seen?: (request: HttpExchange.HttpRequest) => void
}

let connections = 0

/** A client whose requests reach `handler` in the same process, as if over TCP or TLS. */
export const inProcess = (
  handler: HttpHandler.HttpHandler,
  network: () => Network
): Layer.Layer<HttpHandler.HttpClient> =>
  Layer.succeed(HttpHandler.HttpClient, {
    call: ({ method, url, fields, body }, judge) =>
      Effect.gen(function* () {
        const now = network()
        const { protocol, pathname } = new URL(url)
        const secure = protocol === "https:"
        const link = {
          id: `p-${++connections}`,
          transport: "tcp",
          protection: secure ? ({ protocol: "tls", level: 3 } as const) : ({ protocol: "none", level: 0 } as const)
        } as const
        const shown = secure && now.serverCertificate === true ? { certificate: certificateOf(host) } : {}
        const connection = { ...link, serverName: host, peer: { address: "203.0.113.1", ...shown } }
        if (judge !== undefined) yield* judge(connection)
        const inserted = now.msisdn === undefined ? [] : [["x-msisdn", now.msisdn] as const]
        const address = now.address ?? (now.msisdn === undefined ? handsetAddress : proxyAddress)
        const brought = secure && now.clientCertificate !== undefined
        const request: HttpExchange.HttpRequest = {
          method,
          target: pathname,
          fields: [["Host", host], ...fields, ...inserted],
          body,
          connection: {
            ...link,
            peer: { address, ...(brought ? { certificate: certificateOf(now.clientCertificate ?? "") } : {}) }
          }
        }
        now.seen?.(request)
        const answer = yield* handler(request)
        return { ...(now.tamper?.(answer, url) ?? answer), connection }
      })
  })

export const handlerOf = (server: Pick<DpeServer.DpeServer, "receive">): HttpHandler.HttpHandler =>
  HttpHandler.route(DpeHttp.routes(server, { secureUris }))
