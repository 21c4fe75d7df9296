import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import type { Pdu } from "smpp"
import smpp from "smpp"
import { formatReceipt, parseReceipt, receiptStatuses } from "../src/DeliveryReceipt.ts"
import { decodePushPdu } from "../src/PushPdu.ts"
import * as Reassembly from "../src/Reassembly.ts"
import { international, shortCode } from "../src/ShortMessage.ts"
import { formatRelative, parseSmppTime } from "../src/SmppTime.ts"
import * as SmsCentre from "../src/SmsCentre.ts"
import { SmppClient, SmppServer } from "../src/smpp/index.ts"
import * as SmppMessage from "../src/smpp/SmppMessage.ts"
import { decodeUdh } from "../src/Udh.ts"
import { bitFlips, fuzzRuns, get, hex, prefixes, smppVectors, toHex } from "./support.ts"

const read = (octets: Uint8Array): Pdu => {
  const pdu = smpp.PDU.fromBuffer(Buffer.from(octets))
  if (pdu === false) throw new Error("cut off")
  return pdu
}
const submits = smppVectors.filter(({ output }) => "short_messageHex" in output)
const account = { systemId: "esme", password: Redacted.make("pw") }
const bindHex = smppVectors.find(({ name }) => name.includes("bind"))!.input.pduHex

describe("SMPP messages", () => {
  for (const { name, input, output } of submits) {
    it(name, () => {
      const message = SmppMessage.messageOf(read(hex(input.pduHex)))!
      assert.deepStrictEqual(message.from, { number: "2948", ton: 0, npi: 1 })
      assert.deepStrictEqual(message.to, { number: "15551230001", ton: 1, npi: 1 })
      assert.strictEqual(toHex(message.userData), output["short_messageHex"])
      assert.strictEqual(message.dataCoding, output["data_coding"])
      assert.strictEqual(message.protocolId, output["protocol_id"])
      assert.isTrue(message.hasHeader)
    })
    it(`${name}: ours has the same parameters`, () => {
      const message = SmppMessage.messageOf(read(hex(input.pduHex)))!
      const made: Pdu = new smpp.PDU("submit_sm", SmppMessage.submitParameters({ ...message, receipt: false }))
      const back = read(new Uint8Array(made.toBuffer()))
      for (const [field, value] of Object.entries(output)) {
        // store and forward is the default mode, and their validity is their choice
        if (["esm_class", "validity_period", "sm_length", "short_messageHex", "tlvsHex"].includes(field)) continue
        assert.strictEqual(back[field], value, field)
      }
      assert.strictEqual(back["esm_class"], 0x40)
      assert.deepStrictEqual(SmppMessage.messageOf(back), message)
    })
  }
  it("the captured parts are one push", () => {
    const state = Reassembly.make()
    const outcomes = submits
      .filter(({ name }) => name.includes("300-part"))
      .map(({ input }) => Reassembly.accept(state, SmppMessage.messageOf(read(hex(input.pduHex)))!, 0))
    const last = outcomes.at(-1)!
    assert.isTrue(last._tag === "Complete" && get(decodePushPdu(last.datagram.data)).data.length === 300)
  })
  it("the parameters that some senders use in place of a header", () => {
    const base = {
      ...SmppMessage.deliverParameters({
        from: shortCode("1"),
        to: international("2"),
        protocolId: 0,
        dataCoding: 4,
        hasHeader: false,
        userData: hex("aabb")
      })
    }
    const through = (parameters: object) => {
      const made: Pdu = new smpp.PDU("deliver_sm", { ...base, ...parameters })
      return SmppMessage.messageOf(read(new Uint8Array(made.toBuffer())))
    }
    const segmented = through({
      sar_msg_ref_num: 0x1234,
      sar_total_segments: 3,
      sar_segment_seqnum: 2,
      source_port: 9200,
      dest_port: 2948
    })!
    const [header, rest] = get(decodeUdh(segmented.userData))
    assert.isTrue(segmented.hasHeader)
    assert.deepStrictEqual(header.ports, { destination: 2948, source: 9200, width: 16 })
    assert.deepStrictEqual(header.concatenation, { reference: 0x1234, total: 3, part: 2, width: 16 })
    assert.strictEqual(toHex(rest), "aabb")
    const payload = through({
      short_message: Buffer.alloc(0),
      message_payload: Buffer.from("0605040b8423f0cc", "hex"),
      esm_class: 0x40
    })!
    assert.strictEqual(toHex(payload.userData), "0605040b8423f0cc")
    assert.isUndefined(through({ short_message: Buffer.alloc(0), message_payload: Buffer.alloc(300) }))
    assert.isUndefined(through({ short_message: Buffer.alloc(141) }))
  })
  it("never throws on single-bit changes: refused by the library, or a message or none", () => {
    for (const { input } of smppVectors) {
      for (const flipped of bitFlips(hex(input.pduHex))) {
        const pdu = Result.try(() => read(flipped))
        if (Result.isSuccess(pdu) && pdu.success.command === "submit_sm") {
          SmppMessage.messageOf(pdu.success)
          SmppMessage.receiptOf(pdu.success)
        }
      }
    }
  })
})

describe("receipts and times", () => {
  it("every status comes back", () => {
    for (const [, status] of receiptStatuses) {
      const text = formatReceipt({ id: "0a1b", status }, Date.UTC(2026, 10, 20, 17, 5), Date.UTC(2026, 10, 20, 17, 6))
      assert.deepStrictEqual(parseReceipt(text), { id: "0a1b", status })
    }
    assert.include(
      formatReceipt({ id: "1", status: "DELIVRD" }, Date.UTC(2026, 10, 20, 17, 5), 0),
      "submit date:2611201705 "
    )
  })
  it("of the specification's form, and no other text", () => {
    const text =
      "id:0123456789 sub:001 dlvrd:001 submit date:0610191338 done date:0610191338 stat:DELIVRD err:000 text:stat:EXPIRED"
    assert.deepStrictEqual(parseReceipt(text), { id: "0123456789", status: "DELIVRD" })
    for (const bad of [
      "",
      "id: stat:DELIVRD",
      "id:1 stat:ENROUTE",
      "id:1 stat:DELIVERED",
      `id:1 ${"x".repeat(300)} stat:DELIVRD`
    ]) {
      assert.isUndefined(parseReceipt(bad), bad)
    }
  })
  it("SMPP times", () => {
    const now = Date.UTC(2026, 10, 20)
    assert.strictEqual(parseSmppTime("261120173202000+", now), Date.UTC(2026, 10, 20, 17, 32, 2))
    assert.strictEqual(parseSmppTime("261120173202508+", now), Date.UTC(2026, 10, 20, 15, 32, 2, 500))
    assert.strictEqual(parseSmppTime("261120173202008-", now), Date.UTC(2026, 10, 20, 19, 32, 2))
    assert.strictEqual(parseSmppTime("000001020304000R", now), now + 93_784_000)
    for (const bad of ["", "261320173202000+", "26112017320200+", "261120173202099+", "abc"])
      assert.isUndefined(parseSmppTime(bad, now), bad)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8_000_000 }), (seconds) => {
        assert.strictEqual(parseSmppTime(formatRelative(seconds * 1000), now), now + seconds * 1000)
      }),
      { numRuns: fuzzRuns }
    )
    assert.strictEqual(formatRelative(0), "000000000001000R")
    assert.strictEqual(formatRelative(1e15), "000099000000000R")
  })
})

/** A peer that sends exact octets, one at a time, also wrong ones. */
const raw = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => undefined)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ).pipe(
    Effect.map((socket) => {
      let held = Buffer.alloc(0)
      let ended = false
      socket.on("data", (data) => {
        held = Buffer.concat([held, data])
      })
      socket.on("close", () => {
        ended = true
      })
      const next = Effect.promise(async (): Promise<Pdu | "closed" | "silent"> => {
        const end = performance.now() + 2000
        for (;;) {
          if (held.length >= 4 && held.length >= held.readUInt32BE(0)) {
            const length = held.readUInt32BE(0)
            const pdu = read(new Uint8Array(held.subarray(0, length)))
            held = held.subarray(length)
            return pdu
          }
          if (ended) return "closed"
          if (performance.now() > end) return "silent"
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
      return { send: (octets: Uint8Array) => Effect.sync(() => void socket.write(octets)), next }
    })
  )
const answer = (pdu: Pdu | "closed" | "silent") =>
  typeof pdu === "string" ? pdu : `${pdu.command} ${pdu.command_status}`
const octets = (command: string, parameters: object = {}, sequence_number = 1) => {
  const made: Pdu = new smpp.PDU(command, { ...parameters, sequence_number })
  return new Uint8Array(made.toBuffer())
}
const serve = Effect.gen(function* () {
  const centre = yield* SmsCentre.make()
  const server = yield* SmppServer.serve({ port: 0, accounts: [account] }).pipe(
    Effect.provideService(SmsCentre.SmsCentre, centre)
  )
  return { centre, server }
})
const message = SmppMessage.submitParameters({
  from: shortCode("2948"),
  to: international("15551230001"),
  protocolId: 0,
  dataCoding: 4,
  hasHeader: false,
  userData: hex("aa"),
  receipt: true
})

describe("SMPP centre in lock step", () => {
  it.live("binds with the captured octets; nothing before a bind, no second bind, nothing unknown", () =>
    Effect.gen(function* () {
      const { server } = yield* serve
      const peer = yield* raw(server.port)
      yield* peer.send(octets("submit_sm", message))
      assert.strictEqual(answer(yield* peer.next), "submit_sm_resp 4")
      yield* peer.send(octets("enquire_link"))
      assert.strictEqual(answer(yield* peer.next), "enquire_link_resp 0")
      yield* peer.send(hex(bindHex))
      assert.strictEqual(answer(yield* peer.next), "bind_transceiver_resp 0")
      yield* peer.send(hex(bindHex))
      assert.strictEqual(answer(yield* peer.next), "bind_transceiver_resp 5")
      yield* peer.send(hex("00000010000001ff0000000000000009"))
      assert.strictEqual(answer(yield* peer.next), "generic_nack 3")
      yield* peer.send(octets("unbind"))
      assert.strictEqual(answer(yield* peer.next), "unbind_resp 0")
      assert.strictEqual(yield* peer.next, "closed")
    }).pipe(Effect.scoped)
  )
  it.live("a transmitter's receipts wait for its receiver", () =>
    Effect.gen(function* () {
      const { centre, server } = yield* serve
      yield* centre.attach("15551230001", () => Effect.void)
      const identity = { system_id: "esme", password: "pw" }
      const transmitter = yield* raw(server.port)
      yield* transmitter.send(octets("bind_transmitter", identity))
      assert.strictEqual(answer(yield* transmitter.next), "bind_transmitter_resp 0")
      yield* transmitter.send(octets("submit_sm", message, 7))
      const accepted = yield* transmitter.next
      assert.strictEqual(answer(accepted), "submit_sm_resp 0")
      yield* Effect.sleep(50)
      const receiver = yield* raw(server.port)
      yield* receiver.send(octets("bind_receiver", identity))
      assert.strictEqual(answer(yield* receiver.next), "bind_receiver_resp 0")
      const receipt = yield* receiver.next
      assert.strictEqual(answer(receipt), "deliver_sm 0")
      if (typeof receipt === "string" || typeof accepted === "string") return assert.fail("no PDU")
      assert.deepStrictEqual(SmppMessage.receiptOf(receipt), { id: String(accepted["message_id"]), status: "DELIVRD" })
      yield* receiver.send(octets("submit_sm", message))
      assert.strictEqual(answer(yield* receiver.next), "submit_sm_resp 4")
    }).pipe(Effect.scoped)
  )
  it.live(
    "nonsense ends its own connection at most",
    () =>
      Effect.gen(function* () {
        const { server, centre } = yield* serve
        const good = yield* raw(server.port)
        yield* good.send(hex(bindHex))
        assert.strictEqual(answer(yield* good.next), "bind_transceiver_resp 0")
        const throwAt = (given: Uint8Array) =>
          Effect.scoped(Effect.flatMap(raw(server.port), (peer) => Effect.andThen(peer.send(given), Effect.sleep(1))))
        const submit = hex(submits[0]!.input.pduHex)
        const bad = [
          ...prefixes(hex(bindHex)),
          ...[...bitFlips(hex(bindHex))].map((flipped) => new Uint8Array([...flipped, ...submit])),
          hex("00000000"),
          hex("00000003ffffffff"),
          hex("0000000800000004"),
          hex("ffffffff000000040000000000000001"),
          new Uint8Array([...hex(bindHex), ...submit.map((value, i) => (i > 60 && i < 70 ? 0x52 : value))])
        ]
        yield* Effect.forEach(bad, throwAt, { concurrency: 16 })
        yield* good.send(octets("submit_sm", message, 9))
        assert.strictEqual(answer(yield* good.next), "submit_sm_resp 0")
        assert.isAtLeast(yield* centre.waiting, 1)
      }).pipe(Effect.scoped),
    60_000
  )
  it.live("an entity outlives a centre that talks nonsense", () =>
    Effect.gen(function* () {
      let connections = 0
      const hostile = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const made = Net.createServer((socket) => {
            connections++
            socket.on("error", () => undefined)
            socket.write(hex(["ffffffff", "0000000500000000ff", "00000010800000090000000000000063"][connections % 3]!))
          })
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => made.close())
      )
      const address = hostile.address()
      if (address === null || typeof address === "string") return assert.fail("no port")
      const client = yield* SmppClient.make({
        host: "127.0.0.1",
        port: address.port,
        ...account,
        timeout: 200,
        reconnectDelay: 10
      })
      const error = yield* Effect.flip(
        client.submit({
          from: shortCode("1"),
          to: international("2"),
          protocolId: 0,
          dataCoding: 4,
          hasHeader: false,
          userData: hex("aa"),
          receipt: false
        })
      )
      assert.deepInclude(error, { reason: "unavailable", retryable: true })
      while (connections < 4) yield* Effect.sleep(10)
    }).pipe(Effect.scoped)
  )
})
