import {
  CredentialStore,
  KeyVault,
  MasterKeys,
  Sad,
  SecurityEvents,
  type SecurityPolicy,
  Spd,
  Store,
  StoreMemory
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Context, Effect, Layer, Redacted } from "effect"
import { DmAccounts, DmHandler, DmNonces, DmServer, DmSessions } from "../src/index.ts"

const masterKey = Redacted.make(new Uint8Array(32).fill(9))

const partsOn = (store: Layer.Layer<Store.Store>, handler: Layer.Layer<DmHandler.DmHandler>) => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerOf({ id: "test", key: masterKey }).pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const stores = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  return Layer.mergeAll(DmAccounts.layer, DmNonces.layer, DmSessions.layer, handler).pipe(Layer.provideMerge(stores))
}

const noSlowDown: DmServer.DmServerOptions = { slowDown: { first: 0, most: 0 } }

/** A DM server over `store`, so that a second one can be built on what the first one left. */
export const serverOn = (
  store: Layer.Layer<Store.Store>,
  options: DmServer.DmServerOptions = {},
  handler: Layer.Layer<DmHandler.DmHandler> = DmHandler.layerResponder
): Layer.Layer<
  DmServer.DmServer | DmAccounts.DmAccounts | CredentialStore.CredentialStore | SecurityEvents.SecurityEvents
> => DmServer.layer({ ...noSlowDown, ...options }).pipe(Layer.provideMerge(partsOn(store, handler)), Layer.orDie)

/** The same under a policy database. */
export const serverUnder = (
  store: Layer.Layer<Store.Store>,
  policy: SecurityPolicy.SecurityPolicy
): Layer.Layer<DmServer.DmServer | DmAccounts.DmAccounts> => {
  const parts = partsOn(store, DmHandler.layerResponder)
  return DmServer.layerSpd(noSlowDown).pipe(
    Layer.provideMerge(Spd.layer(policy).pipe(Layer.provideMerge(parts))),
    Layer.orDie
  )
}

/** A store that outlives the servers on it. */
export const lastingStore = Effect.map(Effect.scoped(Layer.build(StoreMemory.layer)), (context) =>
  Layer.succeed(Store.Store, Context.get(context, Store.Store))
)
