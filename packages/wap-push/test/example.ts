import { Push, PushReceiver, PushSender, SmsCentre, SmsLink } from "@oma/wap-push"
import { Effect, Layer, Queue } from "effect"

const number = "+15551230001"
const way = PushSender.layerBearer.pipe(Layer.provide(SmsLink.layerSmsBearer()), Layer.provideMerge(SmsCentre.layer()))
const program = Effect.gen(function* () {
  const terminal = yield* PushReceiver.make()
  yield* (yield* SmsCentre.SmsCentre).attach(number, terminal.onShortMessage)
  const push = Push.push("application/vnd.oma.dcd", new Uint8Array(300), { applicationId: 0x9022 })
  yield* (yield* PushSender.PushSender).send("1@pi.example.com", { _tag: "Msisdn", number }, push)
  const received = yield* Queue.take(terminal.pushes)
  console.log(`${received.push.content.length} octets came in ${received.parts} short messages`)
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(way)))
