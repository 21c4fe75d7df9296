import { SecurityEvents } from "@oma/sa-policy"
import { AkaCard, type AkaFunctions, Cards, Subscribers, Usim } from "@oma/sec-cf-core/aka"
import { type Bsf, Fqdn, GussSource, Impi } from "@oma/sec-cf-core/gba"
import {
  BsfPush,
  type NafSa,
  PublicIdentities,
  PushCard,
  PushNaf,
  UePush,
  type Zpn,
  ZpnLocal
} from "@oma/sec-cf-core/gba-push"
import { Gpl, type GplMessage } from "@oma/sec-cf-core/gpl"
import { type Context, Effect, Layer, Result, type Scope, Stream } from "effect"
import { services } from "../aka/stack.ts"
import { hex, milenage } from "../aka/support.ts"

const K = "465b5ce8b199b49faa5f0a2ee238a6bc"
const OPC = "cd63cb71954a9f4e48a5994e37a02baf"
export const f = milenage(K, OPC)
const ok = Result.getOrThrow
export const impi = ok(Impi.parse("001010123456789@ims.mnc001.mcc001.3gppnetwork.org"))
export const otherImpi = ok(Impi.parse("001010000000002@ims.mnc001.mcc001.3gppnetwork.org"))
export const bsfName = ok(Impi.bsfOf(impi))
export const nafName = ok(Fqdn.parse("naf1.home1.net"))
export const number = "tel:+15551230001"
const scope = { enabler: "dcd", interface: "dcd-2" }
export const principal: Bsf.NafPrincipal = { name: "naf1", answersFor: (fqdn) => fqdn === nafName }

/** Home network, bootstrapping server and Push-NAF in one process, with a store of their own. */
export const network = (
  options: {
    readonly naf?: Partial<PushNaf.PushNafOptions>
    readonly bsf?: Partial<BsfPush.BsfPushOptions>
    readonly zpn?: Layer.Layer<Zpn.Zpn, never, BsfPush.BsfPush>
    readonly ground?: ReturnType<typeof services>
  } = {}
) => {
  const ground = options.ground ?? services()
  const home = Layer.mergeAll(
    GussSource.layer,
    PublicIdentities.layerTable(
      new Map([
        [number, impi],
        ["tel:+15551230002", otherImpi],
        ["sip:broken@x", "no identity"]
      ])
    )
  ).pipe(Layer.provideMerge(ground))
  const bsf = BsfPush.layer({ fqdn: bsfName, ...options.bsf }).pipe(Layer.provideMerge(home))
  const zpn = (options.zpn ?? ZpnLocal.layer(principal)).pipe(Layer.provideMerge(bsf))
  const gpl = Gpl.layer.pipe(Layer.provideMerge(zpn))
  return PushNaf.layer({ fqdn: nafName, scope, ...options.naf }).pipe(Layer.provideMerge(gpl))
}

export const provision = Effect.gen(function* () {
  const subscribers = yield* Subscribers.Subscribers
  yield* subscribers.add({ impi, k: hex(K), opc: hex(OPC) })
  yield* subscribers.add({ impi: otherImpi, k: hex("11".repeat(16)), opc: hex("22".repeat(16)) })
  const guss = yield* GussSource.GussSource
  yield* guss.put({ impi, uiccType: "GBA_U", uss: [] })
})

export interface HandsetOptions {
  readonly functions?: AkaFunctions
  readonly usim?: Usim.Usim
  readonly gbaU?: boolean
  readonly ue?: Partial<UePush.UePushOptions>
  readonly card?: Layer.Layer<PushCard.PushCard>
  readonly label?: Uint8Array
}

/** A handset with a store of its own. */
export const handset = (options: HandsetOptions = {}) => {
  const ground = services()
  const usim = options.usim ?? Usim.make(options.functions ?? f)
  const label = options.label === undefined ? {} : { label: options.label }
  const card: Layer.Layer<PushCard.PushCard, never, Layer.Success<typeof ground>> = options.card ??
  (options.gbaU === true
    ? PushCard.layerMemoryGbaU(usim, label)
    : PushCard.layerMe(label).pipe(Layer.provide(Layer.effect(AkaCard, Cards.makeMemory(usim)))))
  return Layer.mergeAll(
    UePush.layer({ impi, bsf: bsfName, accept: ({ fqdn }) => (fqdn === nafName ? scope : undefined), ...options.ue }),
    Gpl.layer
  ).pipe(Layer.provideMerge(card), Layer.provideMerge(ground))
}

export interface World {
  readonly home: Context.Context<Layer.Success<ReturnType<typeof network>>>
  readonly mobile: Context.Context<Layer.Success<ReturnType<typeof handset>>>
  readonly naf: PushNaf.PushNaf["Service"]
  readonly ue: UePush.UePush["Service"]
  readonly gpl: Gpl.Gpl["Service"]
  /** Why the handset refused what it refused, as its events tell. */
  readonly refusals: Effect.Effect<ReadonlyArray<string>>
  readonly reason: (gpi: Uint8Array) => Effect.Effect<string, NafSa.NafSa>
  readonly gplReason: (message: Uint8Array, given?: Gpl.OpenOptions) => Effect.Effect<string, Gpl.OpenedGpl>
}

/** Both sides, provisioned. */
export const world = Effect.fnUntraced(function* (
  options: { readonly network?: Parameters<typeof network>[0]; readonly handset?: HandsetOptions } = {}
): Effect.fn.Return<World, Effect.Error<typeof provision>, Scope.Scope> {
  const home = yield* Layer.build(network(options.network))
  const mobile = yield* Layer.build(handset(options.handset))
  yield* Effect.provide(provision, home)
  const naf = yield* Effect.provide(PushNaf.PushNaf, home)
  const ue = yield* Effect.provide(UePush.UePush, mobile)
  const gpl = yield* Effect.provide(Gpl.Gpl, mobile)
  const events = yield* Effect.provide(SecurityEvents.SecurityEvents, mobile)
  const seen: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(events.stream, ({ _tag, detail }) =>
      Effect.sync(() => {
        if (_tag === "Refused") seen.push(detail ?? "")
      })
    )
  )
  yield* Effect.yieldNow
  return {
    home,
    mobile,
    naf,
    ue,
    gpl,
    refusals: Effect.as(Effect.repeat(Effect.yieldNow, { times: 20 }), seen),
    reason: (gpi: Uint8Array) =>
      Effect.map(Effect.flip(ue.accept(gpi)), (error) => (error._tag === "GpiRefused" ? error.reason : error._tag)),
    gplReason: (message: Uint8Array, given?: Gpl.OpenOptions) =>
      Effect.map(Effect.flip(gpl.open(message, given)), (error) =>
        error._tag === "GplRefused" ? error.reason : error._tag
      )
  }
})

export const subscriber: PushNaf.Subscriber = { ueId: number, ueIdType: "PUBLIC" }
export const text = (t: string): GplMessage.GplPayload => ({
  mediaType: "text/plain",
  content: new TextEncoder().encode(t)
})
export const read = (opened: Gpl.OpenedGpl): string => new TextDecoder().decode(opened.payload.content)
