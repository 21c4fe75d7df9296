/**
 * Push of the operator: a push proxy that speaks PAP, an SMS centre behind it, and an application server that protects what it pushes.
 *
 * @layer binding
 */
import { Subscribers } from "@oma/sec-cf-core/aka"
import { Fqdn, GussSource, Impi } from "@oma/sec-cf-core/gba"
import { BsfPush, PublicIdentities, PushNaf, ZpnLocal } from "@oma/sec-cf-core/gba-push"
import { Gpl } from "@oma/sec-cf-core/gpl"
import { testBsf } from "@oma/testkit"
import { PapClient, PushLedger, PushProxy, PushSender, SmsCentre, SmsLink } from "@oma/wap-push"
import { PapHttpClient, PapHttpServer } from "@oma/wap-push/http"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { demoSubscribers } from "../gba/subscribers.ts"
import type { Options } from "../Options.ts"
import { portOf } from "../Places.ts"
import type { DemoAccount, Role } from "../Role.ts"
import { stories } from "./stories.ts"

/** The application server that pushes. Its messages count for one interface only. */
const pushNaf = { fqdn: "push.example.net", scope: { enabler: "dcd", interface: "dcd-2" } } as const

const initiator: DemoAccount = { enabler: "pap", user: "initiator", secret: "push-proxy-1", modes: ["basic"] }

const fqdn = (name: string): Fqdn.Fqdn => Result.getOrThrow(Fqdn.parse(name))

/** Where the application server submits: our own proxy, or a foreign gateway with the credentials that its URL carries. */
const gateway = (own: string, foreign: string | undefined) => {
  const url = new URL(foreign ?? own)
  const user = decodeURIComponent(url.username) || initiator.user
  const password = decodeURIComponent(url.password) || initiator.secret
  url.username = ""
  url.password = ""
  return { url: url.href, user, password: Redacted.make(password) }
}

/** The subscribers by the names under which a server reaches them. */
const identities = PublicIdentities.layerTable(
  new Map(
    demoSubscribers.flatMap(({ impi, impu, msisdn }) => {
      const known = Result.getOrThrow(Impi.parse(impi))
      return [
        [impu, known],
        [`tel:+${msisdn}`, known]
      ] as const
    })
  )
)

const nafLayer = () => {
  const home = Layer.mergeAll(
    Subscribers.layerSource.pipe(Layer.provide(Subscribers.layer)),
    GussSource.layer,
    identities,
    Gpl.layer
  )
  const bsf = BsfPush.layer({ fqdn: fqdn(testBsf) })
  const zpn = ZpnLocal.layer({ name: pushNaf.fqdn, answersFor: (name) => name === pushNaf.fqdn }).pipe(
    Layer.provide(bsf)
  )
  return PushNaf.layer({ fqdn: fqdn(pushNaf.fqdn), scope: pushNaf.scope }).pipe(
    Layer.provide(zpn),
    Layer.provideMerge(home)
  )
}

/** Starts the push proxy on PAP, and what pushes through it. */
export const start = Effect.fnUntraced(function* (options: Options) {
  const network = yield* Layer.build(
    PushProxy.layer({ name: "OMA operator" }).pipe(
      Layer.provide([SmsLink.layerSmsBearer(), PapHttpClient.layer()]),
      Layer.provideMerge(SmsCentre.layer())
    )
  )
  const account = { user: initiator.user, password: Redacted.make(initiator.secret) }
  const listening = yield* PapHttpServer.servePushProxy({
    host: options.host,
    port: portOf(options.port, "pap"),
    accounts: [account]
  }).pipe(Effect.provide(network))
  const { password, url, user } = gateway(listening.url, options.ppg)
  const client = PapClient.layer({ url }).pipe(
    Layer.provide([PapHttpClient.layer({ credentials: { _tag: "Basic", user, password } }), PushLedger.layerMemory()])
  )
  const application = yield* Layer.build(
    Layer.mergeAll(nafLayer(), PushSender.layerPap(new URL(url).hostname).pipe(Layer.provide(client)))
  )
  const role: Role = {
    title: "Push proxy (PAP) and SMS centre",
    endpoints: { pap: listening.url },
    names: { push: pushNaf.fqdn },
    accounts: [initiator],
    subscribers: [],
    stories: stories({ network, application, foreign: options.ppg !== undefined })
  }
  return role
})
