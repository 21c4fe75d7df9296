/**
 * A server that has never spoken to a handset sends it a protected message over short messages; the network carries ciphertext.
 *
 * @layer binding
 */
import { PushNaf } from "@oma/sec-cf-core/gba-push"
import { PushInbox } from "@oma/testkit"
import { Push, PushSender, SmsCentre, SmsLink } from "@oma/wap-push"
import { Effect, Layer, Queue } from "effect"
import { handset, home, server, subscriber } from "./parties.ts"

const say = (text: string) => Effect.sync(() => console.log(text))

const network = PushSender.layerBearer.pipe(
  Layer.provide(SmsLink.layerSmsBearer()),
  Layer.provideMerge(SmsCentre.layer())
)

const story = Effect.gen(function* () {
  const centre = yield* SmsCentre.SmsCentre
  const phone = yield* Layer.build(handset())
  const inbox = yield* Effect.provide(PushInbox.make({ scopeOf: () => server.scope }), phone)
  yield* centre.attach(subscriber.msisdn, inbox.onShortMessage)

  // the server asks its bootstrapping server for an association with the subscriber, and seals under it
  const naf = yield* PushNaf.PushNaf
  const { downlink } = yield* naf.establish({ ueId: subscriber.impu, ueIdType: "PUBLIC" })
  const content = new TextEncoder().encode("The price of item 7919 fell.")
  const message = yield* naf.seal(downlink, { mediaType: "text/plain", content }, { combined: true })
  yield* say(`the server sends ${message.length} octets: ${Buffer.from(message.subarray(0, 24)).toString("hex")}...`)

  const sender = yield* PushSender.PushSender
  const push = Push.push("application/vnd.oma.dcdc", message, { applicationId: 0x9022 })
  yield* sender.send("1@push.example.net", { _tag: "Msisdn", number: `+${subscriber.msisdn}` }, push)

  const { opened, received } = yield* Queue.take(inbox.messages)
  const from = opened.sa.peer._tag === "Authenticated" ? opened.sa.peer.subject : "nobody"
  yield* say(`the handset put ${received.parts} short messages together and found the GPI of ${from} in front`)
  yield* say(`it reads: ${new TextDecoder().decode(opened.payload.content)}`)
})

await Effect.runPromise(story.pipe(Effect.scoped, Effect.provide(home(), { local: true }), Effect.provide(network)))
