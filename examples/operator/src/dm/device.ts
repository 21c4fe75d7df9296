/**
 * A simulated device with a store of its own: it knows one server and tells every message that it sends and gets.
 *
 * @layer binding
 */
import { DeviceTree, DmAccount, DmAuthPolicy, type DmAuthType, DmClient, DmServers } from "@oma/dm-auth"
import { CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { NodeHttpClient, NodePrimitives } from "@oma/sa-policy/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { DemoAccount } from "../Role.ts"
import type { Teller } from "../Story.ts"

export interface DeviceOptions {
  readonly account: DemoAccount
  readonly url: string
  /** The PEM text of the development CA. */
  readonly ca: string
  /** The password that the device believes in; that of the account unless given. */
  readonly secret?: string
}

/** The device and its ways to servers. */
export const layer = ({ account, ca }: Pick<DeviceOptions, "account" | "ca">) => {
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerEphemeral.pipe(Layer.provideMerge(ground))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const stores = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  const description = { devId: account.device ?? "", manufacturer: "Example", model: "Simulated", software: "1.0" }
  const http = NodeHttpClient.layer({ tls: { ca } })
  const parts = Layer.mergeAll(DmServers.layer, DeviceTree.layerMemory(description), http).pipe(
    Layer.provideMerge(stores)
  )
  // only an account with credentials of the server can demand them
  const policy = { ...DmAuthPolicy.defaultClientPolicy, mutual: account.serverSecret !== undefined }
  return DmClient.layer({ policy }).pipe(Layer.provideMerge(parts))
}

const auth = (level: "CLCRED" | "SRVCRED", type: DmAuthType.DmAuthType, name: string, secret: string) => ({
  level,
  type: DmAccount.aAuthType(type),
  name,
  secret: Redacted.make(secret)
})

const serverId = "mgmt.example.net"

/** Provisions the device with its account (DMAcc). */
export const provision = Effect.fnUntraced(function* ({ account, secret = account.secret, url }: DeviceOptions) {
  const servers = yield* DmServers.DmServers
  const types = account.modes as ReadonlyArray<DmAuthType.DmAuthType>
  const { serverSecret } = account
  yield* servers.add({
    serverId,
    address: url,
    device: account.device ?? "",
    auth: [
      ...types.map((type) => auth("CLCRED", type, account.user, secret)),
      ...(serverSecret === undefined ? [] : types.map((type) => auth("SRVCRED", type, serverId, serverSecret)))
    ]
  })
})

/** Runs one session and tells it; gives the observations too. */
export const session = Effect.fnUntraced(function* (tell: Teller, representation: "xml" | "wbxml") {
  const client = yield* DmClient.DmClient
  const observed: Array<DmClient.Observation> = []
  const outcome = yield* Effect.result(
    client.session({
      server: serverId,
      representation,
      observe: (observation) => {
        observed.push(observation)
        const mac = observation.hmacHeader === undefined ? "" : "x-syncml-hmac; "
        const text = `${mac}${observation.summary.slice(1).join(", ")}`
        return observation.direction === "sent"
          ? tell.arrow("device", "server", text)
          : tell.arrow("server", "device", text)
      }
    })
  )
  return { outcome, observed }
})
