/**
 * How many short messages a second are taken apart, put together and read, on one core. Prints rounds and their median.
 *
 * @layer binding
 */
import * as Result from "effect/Result"
import { contentType } from "../src/ContentType.ts"
import { decodePushPdu, encodePushPdu, toHeaders } from "../src/PushPdu.ts"
import * as Reassembly from "../src/Reassembly.ts"
import { segment } from "../src/Segmentation.ts"
import { international, type ShortMessage, shortCode } from "../src/ShortMessage.ts"

const ports = { destination: 2948, source: 9200, width: 16 } as const
const rounds = 9
const roundLength = 200

const pushOf = (length: number): Uint8Array =>
  Result.getOrThrow(
    encodePushPdu({
      tid: 1,
      confirmed: false,
      contentType: contentType("application/vnd.oma.dcd"),
      headers: toHeaders({ applicationId: 0x9022 }),
      data: new Uint8Array(length).fill(0xa5)
    })
  )

const messagesOf = (octets: Uint8Array, reference: number): ReadonlyArray<ShortMessage> =>
  Result.getOrThrow(segment(octets, { ports, reference, width: 16 })).map((userData) => ({
    from: shortCode("2948"),
    to: international("15551230001"),
    protocolId: 0,
    dataCoding: 4,
    hasHeader: true,
    userData
  }))

/** Short messages a second, for pushes of `length` octets of content. */
const rate = (length: number): number => {
  const state = Reassembly.make()
  const octets = pushOf(length)
  const sets = Array.from({ length: 1000 }, (_, reference) => messagesOf(octets, reference))
  let messages = 0
  let now = 0
  const begin = performance.now()
  while (performance.now() - begin < roundLength) {
    now += 100_000 // references come round: what was is forgotten by then
    Reassembly.expire(state, now)
    for (const set of sets) {
      for (const message of set) {
        const outcome = Reassembly.accept(state, message, now)
        messages++
        if (outcome._tag !== "Complete") continue
        const pdu = decodePushPdu(outcome.datagram.data)
        if (Result.isFailure(pdu) || pdu.success.data.length !== length) throw new Error("wrong result")
      }
    }
  }
  return (messages * 1000) / (performance.now() - begin)
}

for (const [name, length] of [
  ["one short message (100 octets)", 100],
  ["eight short messages (1,000 octets)", 1000]
] as const) {
  rate(length)
  const found = Array.from({ length: rounds }, () => rate(length)).sort((a, b) => a - b)
  const show = (value: number) => Math.round(value).toLocaleString("en")
  console.log(`${name}: ${show(found[rounds >> 1]!)} messages/s (${show(found[0]!)} to ${show(found.at(-1)!)})`)
}
