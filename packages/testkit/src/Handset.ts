/**
 * A handset for tests: a card, the bootstrapping on Ub, and requests on Ua by HTTP Digest and by PSK-TLS over real sockets. One
 * bootstrapping serves every application server.
 *
 * @layer binding
 * @spec TS 33.220; TS 33.222 5.3 and 5.4; TS 24.109
 */
import { KeyVault, MasterKeys, SecurityEvents, StoreMemory } from "@oma/sa-policy"
import { type HttpExchange, HttpHandler } from "@oma/sa-policy/http"
import { NodePrimitives } from "@oma/sa-policy/node"
import { AkaCard } from "@oma/sec-cf-core/aka"
import { Fqdn, Impi, type Ks, NafId, NafPsk, UaAgent, Ue } from "@oma/sec-cf-core/gba"
import { TlsProfile, usesPsk } from "@oma/sec-cf-core/tls"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Network from "./Network.ts"
import * as SoftwareCard from "./SoftwareCard.ts"
import type { TestSubscriber } from "./TestSubscribers.ts"
import * as Uicc from "./Uicc.ts"

export interface HandsetOptions extends Network.NetworkOptions {
  readonly subscriber: Pick<TestSubscriber, "impi" | "algorithm" | "k" | "opc">
  /** The name of the bootstrapping server; realm on Ub. */
  readonly bsf: string
  /** Where it is asked; `http://` and its name unless given. */
  readonly ub?: string
  /** `me` unless given. */
  readonly kinds?: NonNullable<UaAgent.UaAgentOptions["kinds"]>
  readonly onDerivation?: Ks.DerivationObserver
}

type PskVersion = "TLSv1.2" | "TLSv1.3"

export interface Handset {
  readonly impi: Impi.Impi
  readonly ue: Ue.Ue["Service"]
  readonly network: Network.Network
  readonly card: SoftwareCard.SoftwareCard
  /** Takes the card ahead of the home network: the next challenge has an SQN that it does not accept. */
  readonly goAhead: (seq: number) => Effect.Effect<void>
  /** One request to `https://naf/...` (or `http://`) by HTTP Digest; bootstraps where that is needed. */
  readonly request: (
    call: HttpHandler.HttpCall
  ) => Effect.Effect<HttpExchange.HttpAnswer, UaAgent.UaFailed | HttpHandler.HttpFailure>
  /**
   * One request on a new connection of PSK-TLS. A key that the server refuses makes the handset bootstrap anew, once.
   *
   * @spec TS 33.222 5.4
   */
  readonly requestByPsk: (
    call: HttpHandler.HttpCall,
    version?: PskVersion
  ) => Effect.Effect<HttpExchange.HttpAnswer, Ue.BootstrapFailed | Ue.NotBootstrapped | HttpHandler.HttpFailure>
}

/** A request without content. */
export const get = (url: string, fields: HttpExchange.HttpFields = []): HttpHandler.HttpCall => ({
  method: "GET",
  url,
  fields,
  body: new Uint8Array(0)
})

const profileOf = (version: PskVersion | undefined): TlsProfile.TlsProfile => {
  const profile = TlsProfile.psk()
  if (version === undefined) return profile
  return version === "TLSv1.2" ? TlsProfile.psk({ maxVersion: "TLSv1.2" }) : { ...profile, minVersion: "TLSv1.3" }
}

/** A handset with a new card, a store and a vault of its own. Fails with `MalformedGba` or `MalformedAka` for names or keys that are none. */
export const make = Effect.fnUntraced(function* (options: HandsetOptions) {
  const { onDerivation, subscriber } = options
  const kinds = options.kinds ?? ["me"]
  const impi = yield* Effect.fromResult(Impi.parse(subscriber.impi))
  const bsf = yield* Effect.fromResult(Fqdn.parse(options.bsf))
  const ground = Layer.mergeAll(StoreMemory.layer, SecurityEvents.layer(), NodePrimitives.layer)
  const vault = KeyVault.layer().pipe(
    Layer.provideMerge(Layer.orDie(MasterKeys.layerEphemeral).pipe(Layer.provideMerge(ground)))
  )
  const context = yield* Layer.build(vault)
  const network = yield* Network.make(options)
  const card = yield* SoftwareCard.make(subscriber).pipe(Effect.provide(context))
  const needs = context.pipe(Context.add(AkaCard, card.port), Context.add(HttpHandler.HttpClient, network.client))
  const ueContext = yield* Layer.build(
    Ue.layer({
      impi,
      bsf,
      url: options.ub ?? `http://${bsf}/`,
      ...(onDerivation !== undefined && { onDerivation })
    })
  ).pipe(Effect.provide(needs))
  const ue = Context.get(ueContext, Ue.Ue)
  const agent = yield* UaAgent.make({ kinds }).pipe(Effect.provide(Context.merge(needs, ueContext)))

  const psk = Effect.fnUntraced(function* (call: HttpHandler.HttpCall, version: PskVersion | undefined) {
    const name = yield* Effect.fromResult(Fqdn.parse(new URL(call.url).hostname)).pipe(
      Effect.mapError(({ why }) => new HttpHandler.HttpFailure({ url: call.url, kind: "connect", detail: why }))
    )
    const { btid } = yield* ue.ensure
    const profile = profileOf(version)
    const keys = new Map<NafId.UaProtocol, Redacted.Redacted<Uint8Array>>()
    // a handshake asks for its key at once, so all that it may ask for are there before
    const protocols = [
      NafId.protocols.tls13Psk,
      ...profile.suites.filter(usesPsk).map(({ code }) => NafId.overTls(code))
    ]
    for (const ua of protocols) {
      keys.set(ua, yield* ue.withKey({ fqdn: name, ua }, "me", (key) => Redacted.make(new Uint8Array(key))))
    }
    const client = yield* network.over({
      serverName: name,
      profile,
      psk: {
        boundToSuite: true,
        credential: (_hint, { suite, version }) => {
          const key = keys.get(
            version === "TLSv1.3" || suite === undefined ? NafId.protocols.tls13Psk : NafId.overTls(suite.code)
          )
          return key === undefined ? undefined : { identity: NafPsk.identityOf("me", btid), key }
        }
      }
    })
    return yield* client.call(call)
  })

  const requestByPsk: Handset["requestByPsk"] = (call, version) => {
    const once = Effect.scoped(psk(call, version))
    return once.pipe(
      Effect.catchTag("HttpFailure", (failure) =>
        failure.kind === "tls" ? Effect.andThen(ue.renew, once) : Effect.fail(failure)
      )
    )
  }

  const handset: Handset = {
    impi,
    ue,
    network,
    card,
    goAhead: (seq) => Ref.update(card.uicc, (uicc) => Uicc.ahead(uicc, seq)),
    request: agent.request,
    requestByPsk
  }
  return handset
})
