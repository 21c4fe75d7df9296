/**
 * What is pushed to a handset that the server never spoke to, and what the network in between sees of it.
 *
 * @layer service
 */
import { Bytes } from "@oma/sa-policy/bytes"
import { GpiEnvelope, PushNaf } from "@oma/sec-cf-core/gba-push"
import { Push, PushSender, type ShortMessage, SmsCentre } from "@oma/wap-push"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { demoSubscribers } from "../gba/subscribers.ts"
import { type Story, StoryFailed, type Teller } from "../Story.ts"
import { attach } from "./terminal.ts"

export interface PushGround {
  readonly network: Context.Context<SmsCentre.SmsCentre>
  readonly application: Context.Context<PushNaf.PushNaf | PushSender.PushSender>
  /** Whether pushes go through a gateway of somebody else, whose short messages do not come to our SMS centre. */
  readonly foreign: boolean
}

const trust = { fqdn: "push.example.net", scope: { enabler: "dcd", interface: "dcd-2" } } as const
const media = "application/vnd.oma.dcdc"
const headers = { applicationId: 0x9022 }
const news = Bytes.utf8(
  "Your train to the airport leaves from platform 4 today, and twelve minutes late at that. ".repeat(4)
)

const failed = (expected: string) => (error: unknown) =>
  new StoryFailed({ expected, found: error instanceof Error ? `${error.name} ${error.message}` : String(error) })

/** Whether four octets of `plain` in a row stand in `seen`. */
const shows = (plain: Uint8Array, seen: Uint8Array): boolean => {
  const text = Bytes.toHex(seen)
  for (let at = 0; at + 4 <= plain.length; at++) {
    for (let found = text.indexOf(Bytes.toHex(plain.subarray(at, at + 4))); found >= 0; ) {
      if (found % 2 === 0) return true
      found = text.indexOf(Bytes.toHex(plain.subarray(at, at + 4)), found + 1)
    }
  }
  return false
}

let pushes = 0

/** Submits `content` as a push and gives the octets that the SMS centre saw. */
const push = Effect.fnUntraced(function* (
  tell: Teller,
  traffic: PubSub.Subscription<SmsCentre.SmsTraffic>,
  number: string,
  type: string,
  content: Uint8Array,
  what: string
) {
  const way = yield* PushSender.PushSender
  yield* tell.arrow("NAF", "push proxy", `PAP push-message, ${what}, ${content.length} octets of ${type}`)
  yield* Effect.mapError(
    way.send(`${++pushes}@${trust.fqdn}`, { _tag: "Msisdn", number: `+${number}` }, Push.push(type, content, headers)),
    failed("the proxy takes the push")
  )
  const seen: Array<ShortMessage.ShortMessage> = []
  const collect = Effect.gen(function* () {
    const { event, message } = yield* PubSub.take(traffic)
    if (event === "submitted") seen.push(message)
  })
  yield* Effect.ignore(Effect.timeout(Effect.forever(collect), "400 millis"))
  yield* tell.arrow("push proxy", "SMS centre", `${seen.length} short messages`)
  return Bytes.concat(...seen.map(({ userData }) => userData))
})

/** The stories of protected push. */
export const stories = ({ application, foreign, network }: PushGround): ReadonlyArray<Story> => {
  const subscriber = demoSubscribers[0]
  const told = (
    title: string,
    run: (
      tell: Teller
    ) => Effect.Effect<void, unknown, SmsCentre.SmsCentre | PushNaf.PushNaf | PushSender.PushSender | Scope.Scope>
  ): Story => ({
    title,
    run: (tell) =>
      Effect.scoped(run(tell)).pipe(
        Effect.provide(network),
        Effect.provide(application),
        Effect.mapError((error) => (error instanceof StoryFailed ? error : failed("a push")(error)))
      )
  })
  const throughGateway = told("Push: a gateway of somebody else takes a protected push", (tell) =>
    Effect.gen(function* () {
      const naf = yield* PushNaf.PushNaf
      const way = yield* PushSender.PushSender
      const { downlink } = yield* naf.establish({ ueId: subscriber.impi, ueIdType: "PRIVATE" })
      const sealed = yield* naf.seal(downlink, { content: news }, { combined: true })
      const to = { _tag: "Msisdn", number: `+${subscriber.msisdn}` } as const
      yield* tell.arrow("NAF", "gateway", `PAP push-message, GPI and message, ${sealed.length} octets of ${media}`)
      yield* way.send(`${++pushes}@${trust.fqdn}`, to, Push.push(media, sealed, headers))
      yield* tell.holds("the gateway accepted it", true)
    })
  )
  if (foreign) return [throughGateway]
  return [
    told("Push: GPI, then a message under it; proxy and SMS centre see ciphertext (TS 33.223, TS 33.224)", (tell) =>
      Effect.gen(function* () {
        const traffic = yield* (yield* SmsCentre.SmsCentre).traffic
        const handset = yield* attach(subscriber, trust)
        const naf = yield* PushNaf.PushNaf
        yield* tell.arrow("NAF", "BSF", "GPI request on Zpn")
        const { downlink, gpi, ptid } = yield* naf.establish({ ueId: subscriber.impi, ueIdType: "PRIVATE" })
        const envelope = GpiEnvelope.encode({ sessionId: 1, gpi })
        const number = subscriber.msisdn
        const first = yield* push(tell, traffic, number, GpiEnvelope.mediaType, envelope, "GPI")
        yield* tell.holds("the P-TID cannot be read on the way", !shows(Bytes.utf8(ptid), first))
        const established = handset.events.some(({ _tag }) => _tag === "Established")
        yield* tell.holds("the handset has the NAF SA, without a word to the BSF", established)
        const sealed = yield* naf.seal(downlink, { mediaType: "text/plain", content: news })
        const seen = yield* push(tell, traffic, number, media, sealed, "GPL message")
        yield* tell.holds("the SMS centre saw no four octets of the text", seen.length > 0 && !shows(news, seen))
        const { opened } = yield* Effect.timeout(Queue.take(handset.messages), "3 seconds")
        yield* tell.arrow("SMS centre", "handset", "opened")
        yield* tell.holds("the handset reads it", Bytes.equal(opened.payload.content, news))
        const { peer } = opened.sa
        yield* tell.holds(
          `and knows that it is of ${trust.fqdn}`,
          peer._tag === "Authenticated" && peer.subject === trust.fqdn
        )
      })
    ),
    told("Push: a replayed and an altered message are dropped in silence, each counted by its reason", (tell) =>
      Effect.gen(function* () {
        const traffic = yield* (yield* SmsCentre.SmsCentre).traffic
        const handset = yield* attach(subscriber, trust)
        const naf = yield* PushNaf.PushNaf
        const { downlink } = yield* naf.establish({ ueId: subscriber.impi, ueIdType: "PRIVATE" })
        const sealed = yield* naf.seal(downlink, { content: news }, { combined: true })
        const send = (content: Uint8Array, what: string) => push(tell, traffic, subscriber.msisdn, media, content, what)
        yield* send(sealed, "GPI and message in one")
        yield* Effect.timeout(Queue.take(handset.messages), "3 seconds")
        yield* tell.holds("opened once", true)
        yield* send(sealed, "the same octets again")
        const next = (yield* naf.seal(downlink, { content: news })).slice()
        next[next.length - 20]! ^= 1
        yield* send(next, "one bit changed")
        const reasons = handset.events.flatMap((event) => (event._tag === "MessageDropped" ? [event.reason] : []))
        yield* tell.holds(
          "dropped: sequence-number, then tag",
          reasons.join() === "sequence-number,tag",
          reasons.join()
        )
      })
    )
  ]
}
