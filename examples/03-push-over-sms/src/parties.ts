/**
 * The two ends: a server in its home network, and a handset with its card. They share nothing but the air in between.
 *
 * @layer binding
 */
import { CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Subscribers } from "@oma/sec-cf-core/aka"
import { Fqdn, GussSource, Impi } from "@oma/sec-cf-core/gba"
import { BsfPush, PublicIdentities, PushNaf, UePush, ZpnLocal } from "@oma/sec-cf-core/gba-push"
import { Gpl } from "@oma/sec-cf-core/gpl"
import { SoftwareCard, SoftwarePushCard, testBsf, testSubscribers } from "@oma/testkit"
import { Effect, Layer, Result } from "effect"

/** A subscriber of a published test set: no SIM is needed. */
export const subscriber = testSubscribers[0]
/** Messages of this server count for one interface of one enabler. */
export const server = { fqdn: "push.example.net", scope: { enabler: "dcd", interface: "dcd-2" } } as const

const fqdn = (name: string) => Result.getOrThrow(Fqdn.parse(name))
const octets = (hex: string) => Bytes.fromHex(hex) ?? new Uint8Array(0)

/** Store, vault and associations of one party. */
const ground = () => {
  const base = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(Layer.provideMerge(MasterKeys.layerEphemeral.pipe(Layer.provideMerge(base))))
  return Gpl.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault)))
  )
}

const provision = Effect.flatMap(Subscribers.Subscribers, (all) => {
  const { algorithm, impi, k, opc } = subscriber
  return all.add({ impi, algorithm, k: octets(k), opc: octets(opc) })
})

/** The server, with the bootstrapping server and the subscriber database of its home network behind it. */
export const home = () => {
  const subscribers = Layer.effectDiscard(provision).pipe(Layer.provideMerge(Subscribers.layer))
  const network = Layer.mergeAll(
    Subscribers.layerSource.pipe(Layer.provide(subscribers)),
    GussSource.layer,
    PublicIdentities.layerTable(new Map([[subscriber.impu, Result.getOrThrow(Impi.parse(subscriber.impi))]]))
  ).pipe(Layer.provideMerge(ground()))
  const zpn = ZpnLocal.layer({ name: server.fqdn, answersFor: (name) => name === server.fqdn }).pipe(
    Layer.provide(BsfPush.layer({ fqdn: fqdn(testBsf) }))
  )
  return PushNaf.layer({ fqdn: fqdn(server.fqdn), scope: server.scope }).pipe(
    Layer.provide(zpn),
    Layer.provide(network)
  )
}

/** The handset: it accepts pushes of the one server. */
export const handset = () => {
  const card = Layer.unwrap(Effect.map(SoftwareCard.make(subscriber), SoftwarePushCard.layer))
  const ue = UePush.layer({
    impi: Result.getOrThrow(Impi.parse(subscriber.impi)),
    bsf: fqdn(testBsf),
    accept: (nafId) => (nafId.fqdn === server.fqdn ? server.scope : undefined)
  }).pipe(Layer.provide(card))
  return ue.pipe(Layer.provideMerge(ground()))
}
