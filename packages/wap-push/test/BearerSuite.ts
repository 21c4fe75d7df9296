import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { pushDatagram, type WdpAddress, type WdpBearerShape } from "../src/Bearer.ts"
import { contentType } from "../src/ContentType.ts"
import { encodePushPdu } from "../src/PushPdu.ts"
import type * as PushReceiver from "../src/PushReceiver.ts"
import { get, toHex } from "./support.ts"

/** A bearer with the receiver of the terminal at its other end. */
export interface Rig {
  readonly bearer: WdpBearerShape
  readonly terminal: WdpAddress
  readonly receiver: PushReceiver.PushReceiver
  /** An address that the bearer has no way to. */
  readonly unsupported: WdpAddress
  /** Octets of the longest content to try. */
  readonly longest: number
}

const pdu = (content: Uint8Array) =>
  get(
    encodePushPdu({
      tid: 1,
      confirmed: false,
      contentType: contentType("application/vnd.oma.dcd"),
      headers: [],
      data: content
    })
  )

/** The laws of bearers: what is sent arrives octet for octet, once, in whatever pieces; what cannot be sent is refused. */
export const bearerSuite = <E>(name: string, rig: Effect.Effect<Rig, E, Scope.Scope>): void => {
  it.live(`bearer (${name}): contents of every length arrive octet for octet`, () =>
    Effect.gen(function* () {
      const { bearer, terminal, receiver, longest } = yield* rig
      for (const length of [0, 1, 128, 133, 140, 256, 1000, longest].filter((found) => found <= longest)) {
        const content = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff)
        const sent = yield* bearer.send(pushDatagram(terminal, pdu(content)))
        const received = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(5000))
        assert.strictEqual(toHex(received.push.content), toHex(content))
        assert.isAtLeast(sent.ids.length, 1)
        assert.strictEqual(sent.delivery !== undefined, bearer.reports)
        if (sent.delivery !== undefined) {
          assert.strictEqual(yield* sent.delivery.pipe(Effect.timeout(5000)), "delivered")
        }
      }
      assert.strictEqual(yield* Queue.size(receiver.pushes), 0)
    }).pipe(Effect.scoped)
  )
  it.live(`bearer (${name}): many at once arrive, each once`, () =>
    Effect.gen(function* () {
      const { bearer, terminal, receiver } = yield* rig
      const contents = Array.from({ length: 20 }, (_, i) => new Uint8Array(i * 20).fill(i))
      yield* Effect.forEach(contents, (content) => bearer.send(pushDatagram(terminal, pdu(content))), {
        concurrency: "unbounded"
      })
      const received: Array<string> = []
      for (const _ of contents) {
        const one = yield* Queue.take(receiver.pushes).pipe(Effect.timeout(5000))
        received.push(toHex(one.push.content))
      }
      assert.deepStrictEqual(received.sort(), contents.map(toHex).sort())
    }).pipe(Effect.scoped)
  )
  it.live(`bearer (${name}): refuses an address of another kind`, () =>
    Effect.gen(function* () {
      const { bearer, unsupported } = yield* rig
      const error = yield* Effect.flip(bearer.send(pushDatagram(unsupported, pdu(new Uint8Array(1)))))
      assert.deepInclude(error, { reason: "unsupported address", retryable: false })
    }).pipe(Effect.scoped)
  )
}
