import {
  Connection,
  CredentialStore,
  InterfaceGuard,
  KeyVault,
  Level,
  MasterKeys,
  type Primitives,
  Sad,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  type Store,
  StoreMemory,
  type Unavailable
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer } from "effect"
import {
  DigestAuthenticator,
  DigestNonces,
  type DigestServer,
  DigestVerifiers,
  NodeDigestHash
} from "../../src/digest/index.ts"

export const hashes = NodeDigestHash.hashes
export const realm = "3GPP-bootstrapping@naf1.home1.net"
export const alice = { username: "alice", realm, password: "wonderland: \u00fcber" } as const
export const jason = { username: "J\u00e4s\u00f8n Doe", realm, password: "Secret, or not?" } as const

const name: SecurityPolicy.InterfaceName = { enabler: "test", role: "server", interface: "ua" }
const policy: SecurityPolicy.InterfacePolicy = {
  ...name,
  clientAuthentication: [{ mode: "digest", over: Level.none }],
  serverAuthentication: [{ mode: "none", over: Level.none }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {}
}

export type Services =
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives
  | MasterKeys.MasterKeys
  | KeyVault.KeyVault
  | CredentialStore.CredentialStore
  | Sad.Sad
  | Spd.Spd
  | DigestNonces.DigestNonces

/** The services above a store; a second call with the same master key and another store layer is another node. */
export const services = (
  store: Layer.Layer<Store.Store>,
  nonces: DigestNonces.NonceOptions = {},
  keys = MasterKeys.layerEphemeral
) => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(Layer.orDie(keys).pipe(Layer.provideMerge(ground))))
  const state = Layer.mergeAll(
    CredentialStore.layer,
    Sad.layer(),
    Layer.orDie(Spd.layer({ interfaces: [policy], networks: {} }))
  ).pipe(Layer.provideMerge(vault))
  return Layer.orDie(DigestNonces.layer(nonces)).pipe(Layer.provideMerge(state))
}

export const memory = StoreMemory.layer

export type GateOptions = Partial<DigestAuthenticator.AuthenticatorOptions>

const account = (user: { readonly username: string; readonly realm: string; readonly password: string }) => ({
  enabler: "test",
  id: user.username,
  ...DigestVerifiers.accountDigest(hashes, ["MD5", "SHA-256", "SHA-512-256"], user)
})

/** Makes alice, Jäsøn Doe and a disabled account. */
export const provision = Effect.gen(function* () {
  const credentials = yield* CredentialStore.CredentialStore
  yield* credentials.add(account(alice))
  yield* credentials.add(account(jason))
  yield* credentials.add({ ...account({ ...alice, username: "mallory" }), enabled: false })
})

export type Admission = InterfaceGuard.Admission<DigestAuthenticator.DigestChallenges, DigestAuthenticator.DigestReply>

export interface Gate {
  readonly admit: (
    fields: ReadonlyArray<string>,
    method?: string,
    target?: string,
    body?: Uint8Array
  ) => Effect.Effect<Admission, Spd.NoPolicy | Unavailable>
}

/** The guard of one node, for a binding. */
export const guardOf = (
  options: DigestAuthenticator.AuthenticatorOptions
): Effect.Effect<
  InterfaceGuard.InterfaceGuard<
    DigestServer.RequestFacts,
    DigestAuthenticator.DigestPresented,
    DigestAuthenticator.DigestChallenges,
    DigestAuthenticator.DigestReply
  >,
  never,
  Services
> => Effect.flatMap(DigestAuthenticator.make(options), (authenticator) => InterfaceGuard.make(name, [authenticator]))

/** The gate of one node. */
export const gate = (options: GateOptions = {}): Effect.Effect<Gate, Unavailable, Services> =>
  Effect.gen(function* () {
    const verifiers = yield* DigestVerifiers.fromAccounts("test")
    const guard = yield* guardOf({ enabler: "test", interface: "ua", realm, verifiers, hashes, ...options })
    const connection = Connection.inProcess("c")
    return {
      admit: (fields, method = "GET", target = "/", body) =>
        guard.admit(
          connection,
          { method, target, authority: "naf1.home1.net", ...(body === undefined ? {} : { body }) },
          DigestAuthenticator.present(fields)
        )
    }
  })
