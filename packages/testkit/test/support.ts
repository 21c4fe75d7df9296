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
import { Subscribers } from "@oma/sec-cf-core/aka"
import { Fqdn, GussSource, Impi } from "@oma/sec-cf-core/gba"
import { BsfPush, PublicIdentities, PushNaf, UePush, ZpnLocal } from "@oma/sec-cf-core/gba-push"
import { Gpl } from "@oma/sec-cf-core/gpl"
import { SoftwareCard, SoftwarePushCard } from "@oma/testkit"
import { Effect, Layer, Result } from "effect"

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const ok = Result.getOrThrow

export const number = "+15551230001"
export const impi = ok(Impi.parse("001010123456789@ims.mnc001.mcc001.3gppnetwork.org"))
export const nafName = ok(Fqdn.parse("dcd.example.net"))
export const scope = { enabler: "dcd", interface: "dcd-2" }
const bsfName = ok(Impi.bsfOf(impi))
const k = "465b5ce8b199b49faa5f0a2ee238a6bc"
const opc = "cd63cb71954a9f4e48a5994e37a02baf"

type Ground =
  | Store.Store
  | SecurityEvents.SecurityEvents
  | Primitives.Primitives
  | MasterKeys.MasterKeys
  | KeyVault.KeyVault
  | CredentialStore.CredentialStore
  | Sad.Sad

const ground = (): Layer.Layer<Ground> => {
  const base = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(base))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  return Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
}

/** The home network with a subscriber, its bootstrapping server, and a Push-NAF. */
export const naf = (): Layer.Layer<PushNaf.PushNaf> => {
  const subscribers = Subscribers.layer.pipe(Layer.provideMerge(ground()))
  const source = Subscribers.layerSource.pipe(Layer.provideMerge(subscribers))
  const provisioned = Layer.effectDiscard(
    Effect.flatMap(Subscribers.Subscribers, (all) => all.add({ impi, k: hex(k), opc: hex(opc) }))
  ).pipe(Layer.orDie, Layer.provideMerge(source))
  const settings = Layer.effectDiscard(
    Effect.flatMap(GussSource.GussSource, (all) => all.put({ impi, uiccType: "GBA_U", uss: [] }))
  ).pipe(Layer.orDie, Layer.provideMerge(GussSource.layer))
  const home = Layer.mergeAll(
    settings,
    PublicIdentities.layerTable(new Map([[`tel:${number}`, impi]])),
    Gpl.layer
  ).pipe(Layer.provideMerge(provisioned))
  const zpn = ZpnLocal.layer({ name: nafName, answersFor: (fqdn) => fqdn === nafName }).pipe(
    Layer.provide(BsfPush.layer({ fqdn: bsfName }))
  )
  return PushNaf.layer({ fqdn: nafName, scope }).pipe(Layer.provide(zpn), Layer.provide(home))
}

/** The card of the subscriber, and a handset that has it. */
export const withCard = Effect.gen(function* () {
  const card = yield* SoftwareCard.make({ algorithm: "milenage", k, opc })
  const accept = ({ fqdn }: { readonly fqdn: string }) => (fqdn === nafName ? scope : undefined)
  const ue = UePush.layer({ impi, bsf: bsfName, accept }).pipe(Layer.provide(SoftwarePushCard.layer(card)))
  const layer: Layer.Layer<UePush.UePush | Gpl.Gpl> = Layer.mergeAll(ue, Gpl.layer).pipe(Layer.provide(ground()))
  return { card, layer }
}).pipe(Effect.orDie, Effect.provide(NodePrimitives.layer))

/** The handset of the subscriber. */
export const handset = (): Layer.Layer<UePush.UePush | Gpl.Gpl> =>
  Layer.unwrap(Effect.map(withCard, ({ layer }) => layer))

/** An article of `length` octets in which no four octets come twice by chance. */
export const article = (length: number): Uint8Array => {
  let text = ""
  for (let line = 1; text.length < length; line++) text += `Line ${line}: the price of item ${line * 7919} rose. `
  return new TextEncoder().encode(text.slice(0, length))
}

/** The first run of four octets of `plain` that stands in `seen`, or `undefined`. */
export const commonRun = (plain: Uint8Array, seen: Uint8Array): string | undefined => {
  const haystack = Buffer.from(seen)
  for (let at = 0; at + 4 <= plain.length; at++) {
    const run = Buffer.from(plain.subarray(at, at + 4))
    if (haystack.includes(run)) return `${run.toString("latin1")} at ${at}`
  }
  return undefined
}
