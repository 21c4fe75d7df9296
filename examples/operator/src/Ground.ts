/**
 * What every role of the operator stands on: one store, one vault, one SAD, one policy, one stream of events.
 *
 * @layer binding
 */
import { CredentialStore, KeyVault, Sad, SecurityEvents, type SecurityPolicy, Spd } from "@oma/sa-policy"
import { NodeHttpClient, NodeMasterKeys, NodePrimitives } from "@oma/sa-policy/node"
import { StoreSqlite } from "@oma/sa-policy/sqlite"
import * as Layer from "effect/Layer"
import type { DataFolder } from "./DataFolder.ts"

/** The ground on `folder`, under `policy`. */
export const layer = (folder: DataFolder, policy: SecurityPolicy.SecurityPolicy) => {
  const runtime = Layer.mergeAll(
    NodePrimitives.layer,
    SecurityEvents.layer(),
    StoreSqlite.layer({ path: folder.database })
  )
  const keys = NodeMasterKeys.layerFile(folder.masterKeys).pipe(Layer.provideMerge(runtime))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const services = Layer.mergeAll(CredentialStore.layer, Sad.layer(), Spd.layer(policy), NodeHttpClient.layer())
  return Sad.layerSweeper().pipe(Layer.provideMerge(services), Layer.provideMerge(vault))
}

export type Ground = Layer.Success<ReturnType<typeof layer>>
