import {
  CredentialStore,
  KeyVault,
  MasterKeys,
  type Primitives,
  Sad,
  SecurityEvents,
  type Store,
  StoreMemory
} from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { type AuthenticationVectorSource, Subscribers } from "@oma/sec-cf-core/aka"
import { Layer } from "effect"

/** The services above a store; a second call with the same master key and store is another node. */
export type Services =
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives
  | MasterKeys.MasterKeys
  | KeyVault.KeyVault
  | CredentialStore.CredentialStore
  | Sad.Sad
  | Subscribers.Subscribers
  | AuthenticationVectorSource

export const services = (
  store: Layer.Layer<Store.Store> = StoreMemory.layer,
  masters: Layer.Layer<MasterKeys.MasterKeys, never, never> | undefined = undefined
): Layer.Layer<Services> => {
  const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = Layer.orDie(masters ?? MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const state = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  const subscribers = Subscribers.layer.pipe(Layer.provideMerge(state))
  return Subscribers.layerSource.pipe(Layer.provideMerge(subscribers))
}
