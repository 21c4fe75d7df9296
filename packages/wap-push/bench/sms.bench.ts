/**
 * How many short messages a second are put together and read.
 */
import { type Bench, type Comparison, work } from "@oma/bench"
import * as Result from "effect/Result"
import { contentType } from "../src/ContentType.ts"
import { decodePushPdu, encodePushPdu, toHeaders } from "../src/PushPdu.ts"
import * as Reassembly from "../src/Reassembly.ts"
import { segment } from "../src/Segmentation.ts"
import { international, type ShortMessage, shortCode } from "../src/ShortMessage.ts"

const ports = { destination: 2948, source: 9200, width: 16 } as const

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

/** Parts of pushes of `length` octets put together and read, against copying their octets to known places. */
const comparison = (name: string, length: number, atLeast: number): Comparison => {
  const octets = pushOf(length)
  const sets = Array.from({ length: 200 }, (_, reference) => messagesOf(octets, reference))
  const operations = sets.reduce((sum, set) => sum + set.length, 0)
  const headerLength = (sets[0]?.[0]?.userData[0] ?? 0) + 1
  const state = Reassembly.make()
  let now = 0
  const decode = () => {
    now += 100_000 // references come round: what was is forgotten by then
    Reassembly.expire(state, now)
    let read = 0
    for (const set of sets) {
      for (const message of set) {
        const outcome = Reassembly.accept(state, message, now)
        if (outcome._tag !== "Complete") continue
        const pdu = decodePushPdu(outcome.datagram.data)
        if (Result.isSuccess(pdu)) read += pdu.success.data.length
      }
    }
    return read
  }
  const copy = () => {
    let read = 0
    for (const set of sets) {
      const whole = new Uint8Array(octets.length)
      let at = 0
      for (const { userData } of set) {
        whole.set(userData.subarray(headerLength), at)
        at += userData.length - headerLength
      }
      read += whole.length - (octets.length - length)
    }
    return read
  }
  return {
    goal: "sms",
    name,
    atLeast,
    ours: work(decode, { operations }),
    baseline: work(copy, { operations }),
    check: () => {
      if (decode() !== length * sets.length || copy() !== length * sets.length) throw new Error("octets are missing")
    }
  }
}

const bench: Bench = [
  comparison("a push in one short message: reassembly and decoding, against copying the octets", 100, 0.5),
  comparison("a push in eight short messages: the same", 1000, 0.02)
]
export default bench
