import { Layer } from "effect"
import { CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents } from "../src/index.ts"
import { NodePrimitives } from "../src/node/index.ts"
import * as StoreMemory from "../src/StoreMemory.ts"

/** Everything that needs no policy, in memory. */
export const stack = (options: { readonly vault?: KeyVault.VaultOptions; readonly sad?: Sad.SadOptions } = {}) => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer(options.vault).pipe(Layer.provideMerge(keys))
  return Layer.mergeAll(CredentialStore.layer, Sad.layer(options.sad)).pipe(Layer.provideMerge(vault))
}
