/**
 * A handset with its card at the SMS centre: it opens what is protected for it and tells what it drops.
 *
 * @layer binding
 */
import { CredentialStore, KeyVault, MasterKeys, Sad, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Fqdn, Impi } from "@oma/sec-cf-core/gba"
import { UePush } from "@oma/sec-cf-core/gba-push"
import { Gpl } from "@oma/sec-cf-core/gpl"
import { PushInbox, SoftwareCard, SoftwarePushCard, type TestSubscriber, testBsf } from "@oma/testkit"
import { SmsCentre } from "@oma/wap-push"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"

/** What the handset accepts: pushes of one server, for one interface. */
export interface Trust {
  readonly fqdn: string
  readonly scope: { readonly enabler: string; readonly interface: string }
}

const layer = (subscriber: TestSubscriber, trust: Trust) => {
  const base = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const keys = MasterKeys.layerEphemeral.pipe(Layer.provideMerge(base))
  const vault = KeyVault.layer().pipe(Layer.provideMerge(keys))
  const ground = Layer.mergeAll(CredentialStore.layer, Sad.layer()).pipe(Layer.provideMerge(vault))
  const card = Layer.unwrap(Effect.map(SoftwareCard.make(subscriber), SoftwarePushCard.layer))
  const ue = UePush.layer({
    impi: Result.getOrThrow(Impi.parse(subscriber.impi)),
    bsf: Result.getOrThrow(Fqdn.parse(testBsf)),
    accept: ({ fqdn }) => (fqdn === trust.fqdn ? trust.scope : undefined)
  }).pipe(Layer.provide(card))
  return Layer.mergeAll(ue, Gpl.layer).pipe(Layer.provide(ground))
}

/** Switches a handset on: reachable under its number until the scope closes. */
export const attach = Effect.fnUntraced(function* (subscriber: TestSubscriber, trust: Trust) {
  const centre = yield* SmsCentre.SmsCentre
  const events: Array<PushInbox.InboxEvent> = []
  // a memory of its own: it shares nothing with the operator but the network
  const own = yield* Effect.provide(Effect.context<UePush.UePush | Gpl.Gpl>(), layer(subscriber, trust), {
    local: true
  })
  const inbox = yield* PushInbox.make({
    scopeOf: () => trust.scope,
    onEvent: (event) =>
      Effect.sync(() => {
        events.push(event)
      })
  }).pipe(Effect.provide(own))
  yield* centre.attach(subscriber.msisdn, inbox.onShortMessage)
  return { events, messages: inbox.messages }
})
