import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { fromSeptets, pack, toSeptets, unpack } from "../src/Gsm7.ts"
import * as Reassembly from "../src/Reassembly.ts"
import { segment } from "../src/Segmentation.ts"
import { alphabetOf, international, type ShortMessage, shortCode, typeOfNumber } from "../src/ShortMessage.ts"
import { decodeSmsTpdu, encodeSmsTpdu, type SmsDeliver, type SmsSubmit, toShortMessage } from "../src/SmsTpdu.ts"
import { decodeUdh, encodeUdh } from "../src/Udh.ts"
import { bitFlips, fuzzRuns, get, hex, pduOf, prefixes, pushVectors, toHex } from "./support.ts"

const ports = { destination: 2948, source: 9200, width: 16 } as const
const message = (userData: Uint8Array, from = "2948"): ShortMessage => ({
  from: shortCode(from),
  to: international("+15551230001"),
  protocolId: 0,
  dataCoding: 4,
  hasHeader: true,
  userData
})
const body = (length: number, seed = 0) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff)

describe("user data header and segmentation", () => {
  for (const vector of pushVectors) {
    it(vector.name, () => {
      const pdu = pduOf(vector)
      const reference = Number.parseInt(vector.output.sms[0]!.udhHex.slice(18, 20) || "0", 16)
      const parts = get(segment(pdu, { ports, reference }))
      assert.deepStrictEqual(
        parts.map(toHex),
        vector.output.sms.map(({ udhHex, userDataHex }) => udhHex + userDataHex)
      )
    })
    it(`${vector.name}: reassembled`, () => {
      const state = Reassembly.make()
      const outcomes = vector.output.sms.map(({ udhHex, userDataHex }) =>
        Reassembly.accept(state, message(hex(udhHex + userDataHex)), 0)
      )
      const last = outcomes.at(-1)!
      assert.strictEqual(last._tag, "Complete")
      if (last._tag === "Complete") {
        assert.strictEqual(toHex(last.datagram.data), toHex(pduOf(vector)))
        assert.deepStrictEqual(last.datagram.ports, ports)
      }
    })
  }
  it("one part holds 133 octets, parts 128 or 127", () => {
    const lengths = (length: number, width: 8 | 16) =>
      get(segment(body(length), { ports, reference: 1, width })).map((part) => part.length)
    assert.deepStrictEqual(lengths(133, 8), [140])
    assert.deepStrictEqual(lengths(134, 8), [140, 18])
    assert.deepStrictEqual(lengths(256, 8), [140, 140])
    assert.deepStrictEqual(lengths(254, 16), [140, 140])
    assert.deepStrictEqual(lengths(255, 16), [140, 140, 14])
    assert.isTrue(Result.isFailure(segment(body(128 * 255 + 1), { ports, reference: 1 })))
    assert.isTrue(Result.isFailure(segment(body(400), { ports, reference: 1, maxParts: 3 })))
  })
  it("8-bit ports and a 16-bit reference have their own elements", () => {
    const udh = encodeUdh({
      ports: { destination: 240, source: 241, width: 8 },
      concatenation: { reference: 0x1234, total: 3, part: 2, width: 16 },
      others: [{ id: 0x70, value: hex("aa") }]
    })
    assert.strictEqual(toHex(get(udh)), "0d0402f0f1080412340302" + "7001aa")
  })
  it("elements in any order; the last of a kind counts", () => {
    const [header, rest] = get(decodeUdh(hex("13" + "0003010201" + "0003070302" + "05040b8423f0" + "2401aa" + "ff")))
    assert.deepStrictEqual(header, {
      ports,
      concatenation: { reference: 7, total: 3, part: 2, width: 8 },
      others: [{ id: 0x24, value: hex("aa") }]
    })
    assert.strictEqual(toHex(rest), "ff")
  })
  it("refuses what is cut off, of the wrong length, or no part of its whole", () => {
    for (const bad of [
      "",
      "01",
      "0100",
      "020000",
      "0300010a",
      "0404030b8423",
      "050003010000",
      "050003010300",
      "050003010304",
      "0605050b8423f000"
    ]) {
      assert.isTrue(Result.isFailure(decodeUdh(hex(bad))), bad)
    }
    assert.isTrue(Result.isFailure(encodeUdh({ ports: { destination: 256, source: 0, width: 8 }, others: [] })))
    assert.isTrue(
      Result.isFailure(encodeUdh({ concatenation: { reference: 0, total: 2, part: 3, width: 8 }, others: [] }))
    )
    assert.isTrue(Result.isFailure(encodeUdh({ others: [{ id: 5, value: hex("00000000") }] })))
    assert.isTrue(Result.isFailure(encodeUdh({ others: [{ id: 0x70, value: body(140) }] })))
  })
  it("is total", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const decoded = decodeUdh(octets)
        if (Result.isFailure(decoded)) return
        const [header, rest] = decoded.success
        const again = get(decodeUdh(new Uint8Array([...get(encodeUdh(header)), ...rest])))
        assert.deepStrictEqual(again, [header, rest])
      }),
      { numRuns: fuzzRuns }
    )
    for (const vector of pushVectors) {
      for (const { udhHex, userDataHex } of vector.output.sms) {
        for (const prefix of prefixes(hex(udhHex))) assert.isTrue(Result.isFailure(decodeUdh(prefix)))
        for (const flipped of bitFlips(hex(udhHex + userDataHex).subarray(0, 16))) decodeUdh(flipped)
      }
    }
  })
})

describe("reassembly", () => {
  const parts = (length: number, reference: number, from?: string, seed?: number) =>
    get(segment(body(length, seed), { ports, reference })).map((part) => message(part, from))
  const tags = (state: Reassembly.Reassembly, messages: ReadonlyArray<ShortMessage>, now = 0) =>
    messages.map((part) => Reassembly.accept(state, part, now)._tag)

  it("any order, any repetition: complete exactly once with the octets sent", () => {
    const run = fc.integer({ min: 134, max: 1500 }).chain((length) => {
      const count = Math.ceil(length / 128)
      const all = Array.from({ length: count }, (_, i) => i)
      return fc.tuple(
        fc.constant(length),
        fc
          .tuple(fc.shuffledSubarray(all, { minLength: count }), fc.array(fc.nat({ max: count - 1 })))
          .chain(([order, extra]) => {
            const sent = [...order, ...extra]
            return fc
              .shuffledSubarray(
                sent.map((_, i) => i),
                { minLength: sent.length }
              )
              .map((found) => found.map((i) => sent[i]!))
          })
      )
    })
    fc.assert(
      fc.property(run, ([length, order]) => {
        const state = Reassembly.make()
        const all = parts(length, 9)
        const complete = order.flatMap((i) => {
          const outcome = Reassembly.accept(state, all[i]!, 0)
          return outcome._tag === "Complete" ? [outcome.datagram] : []
        })
        assert.strictEqual(complete.length, 1)
        assert.strictEqual(toHex(complete[0]!.data), toHex(body(length)))
        assert.strictEqual(complete[0]!.parts, all.length)
        assert.strictEqual(state.octets, 0)
        assert.strictEqual(state.open.size, 0)
        assert.strictEqual(state.shares.size, 0)
      }),
      { numRuns: Math.min(fuzzRuns, 20_000) }
    )
  })
  it("sets of several senders, references and ports do not mix", () => {
    const state = Reassembly.make()
    const streams = [parts(300, 1, "1"), parts(300, 1, "2", 5), parts(300, 2, "1", 9)]
    const out: Array<string> = []
    for (let i = 0; i < 3; i++) {
      for (const stream of streams) {
        const outcome = Reassembly.accept(state, stream[i]!, 0)
        if (outcome._tag === "Complete") out.push(toHex(outcome.datagram.data))
      }
    }
    assert.deepStrictEqual(out, [body(300), body(300, 5), body(300, 9)].map(toHex))
  })
  it("one missing: dropped at the timeout, with what never came", () => {
    const state = Reassembly.make({ timeout: 1000 })
    const [first, , third] = parts(300, 1)
    assert.deepStrictEqual(tags(state, [first!, third!], 100), ["Waiting", "Waiting"])
    assert.strictEqual(Reassembly.nextExpiry(state), 1100)
    assert.deepStrictEqual(Reassembly.expire(state, 1099), [])
    const [dropped] = Reassembly.expire(state, 1100)
    assert.deepInclude(dropped, { have: 2, total: 3, missing: [2] })
    assert.isUndefined(Reassembly.nextExpiry(state))
    assert.strictEqual(state.octets, 0)
  })
  it("a part after the timeout begins a new set even where nobody called expire", () => {
    const state = Reassembly.make({ timeout: 1000 })
    const [first, second, third] = parts(300, 1)
    tags(state, [first!, second!], 0)
    assert.deepStrictEqual(tags(state, [third!], 1000), ["Waiting"])
    assert.deepStrictEqual(tags(state, [first!, second!], 1999), ["Waiting", "Complete"])
  })
  it("late duplicates of a complete set open nothing; a new set under the same reference does", () => {
    const state = Reassembly.make()
    const old = parts(300, 1)
    tags(state, old)
    assert.deepStrictEqual(tags(state, old, 10), ["Duplicate", "Duplicate", "Duplicate"])
    assert.deepStrictEqual(tags(state, parts(300, 1, undefined, 3), 20), ["Waiting", "Waiting", "Complete"])
  })
  it("a part that differs from the one kept begins the set anew", () => {
    const state = Reassembly.make()
    tags(state, [parts(300, 1)[0]!])
    assert.deepStrictEqual(tags(state, parts(300, 1, undefined, 3)), ["Waiting", "Waiting", "Complete"])
    assert.strictEqual(state.octets, 0)
  })
  it("holds its limits, and a begun set is not harmed by later ones", () => {
    const refusal = (state: Reassembly.Reassembly, part: ShortMessage) => {
      const outcome = Reassembly.accept(state, part, 0)
      return outcome._tag === "Refused" ? outcome.because : outcome._tag
    }
    const begun = parts(300, 200)
    const bySets = Reassembly.make({ maxSets: 2 })
    tags(bySets, [begun[0]!, parts(300, 1, "1")[0]!])
    assert.strictEqual(refusal(bySets, parts(300, 1, "2")[0]!), "too many sets")
    assert.deepStrictEqual(tags(bySets, begun.slice(1)), ["Waiting", "Complete"])

    const bySender = Reassembly.make({ maxSetsPerSender: 1 })
    tags(bySender, [begun[0]!])
    assert.strictEqual(refusal(bySender, parts(300, 1)[0]!), "sender's share used up")
    assert.strictEqual(refusal(bySender, parts(300, 1, "other")[0]!), "Waiting")

    const byOctets = Reassembly.make({ maxOctetsPerSender: 200 })
    assert.deepStrictEqual(tags(byOctets, [begun[0]!]), ["Waiting"])
    assert.strictEqual(refusal(byOctets, begun[1]!), "sender's share used up")
    assert.strictEqual(byOctets.octets, 128)

    const byMemory = Reassembly.make({ maxOctets: 100 })
    assert.strictEqual(refusal(byMemory, begun[0]!), "memory used up")
    assert.strictEqual(byMemory.open.size, 0)
    assert.strictEqual(byMemory.shares.size, 0)

    const byParts = Reassembly.make({ maxParts: 2 })
    assert.strictEqual(refusal(byParts, begun[0]!), "too many parts")
  })
  it("remembers no more complete sets than it may", () => {
    const state = Reassembly.make({ maxRemembered: 2 })
    for (let reference = 0; reference < 5; reference++) tags(state, parts(300, reference))
    assert.strictEqual(state.done.size, 2)
    Reassembly.expire(state, 60_000)
    assert.strictEqual(state.done.size, 0)
  })
  it("stays bounded whatever comes", () => {
    const part = fc.record({
      from: fc.constantFrom("1", "2", "3"),
      reference: fc.nat({ max: 5 }),
      total: fc.nat({ max: 6 }),
      number: fc.nat({ max: 6 }),
      data: fc.uint8Array({ maxLength: 60 }),
      step: fc.nat({ max: 500 })
    })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (sequence) => {
        const limits = {
          timeout: 1000,
          maxSets: 4,
          maxSetsPerSender: 2,
          maxOctetsPerSender: 200,
          maxOctets: 300,
          maxRemembered: 3
        }
        const state = Reassembly.make(limits)
        let now = 0
        for (const { from, reference, total, number, data, step } of sequence) {
          now += step
          Reassembly.accept(state, message(Uint8Array.of(5, 0, 3, reference, total, number, ...data), from), now)
          assert.isAtMost(state.open.size, 4)
          assert.isAtMost(state.octets, 300)
          assert.isAtMost(state.done.size, 3)
          let held = 0
          for (const set of state.open.values()) held += set.octets
          assert.strictEqual(held, state.octets)
          for (const share of state.shares.values()) {
            assert.isAtMost(share.sets, 2)
            assert.isAtMost(share.octets, 200)
          }
        }
        Reassembly.expire(state, now + 1000)
        assert.strictEqual(state.octets, 0)
        assert.strictEqual(state.open.size + state.shares.size + state.done.size, 0)
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("keeps no view of the caller's buffer", () => {
    const state = Reassembly.make()
    const [first, second] = parts(200, 1)
    Reassembly.accept(state, first!, 0)
    first!.userData.fill(0)
    const outcome = Reassembly.accept(state, second!, 0)
    assert.isTrue(outcome._tag === "Complete" && toHex(outcome.datagram.data) === toHex(body(200)))
  })
  it("messages without a header, with one part, or with a broken header", () => {
    const state = Reassembly.make()
    const plain = { ...message(body(5)), hasHeader: false }
    const outcome = Reassembly.accept(state, plain, 0)
    assert.isTrue(outcome._tag === "Complete" && outcome.datagram.ports === undefined)
    assert.deepStrictEqual(tags(state, [message(hex("0500030101" + "01aa")), message(hex("ff"))]), [
      "Complete",
      "Malformed"
    ])
  })
})

describe("SMS TPDU", () => {
  const common = { replyPath: false, hasHeader: true, protocolId: 0, dataCoding: 4 }
  const userData = hex("0605040b8423f0000605d38d90c393")
  const deliver: SmsDeliver = {
    ...common,
    _tag: "SmsDeliver",
    from: international("+46708251358"),
    moreMessages: false,
    statusReport: false,
    serviceCentreTime: Date.UTC(2026, 10, 20, 17, 5, 15),
    zone: -14,
    userDataLength: userData.length,
    userData
  }
  const submit: SmsSubmit = {
    ...common,
    _tag: "SmsSubmit",
    to: international("15551230001"),
    reference: 7,
    rejectDuplicates: false,
    statusReport: true,
    validityPeriod: { format: "relative", octets: hex("aa") },
    userDataLength: userData.length,
    userData
  }
  it("the layout of DELIVER", () => {
    assert.strictEqual(
      toHex(get(encodeSmsTpdu(deliver))),
      // local time is three and a half hours behind UTC
      `440b916407281553f80004621102315351490f${toHex(userData)}`
    )
  })
  it("the layout of SUBMIT", () => {
    assert.strictEqual(toHex(get(encodeSmsTpdu(submit))), `71070b915155210300f10004aa0f${toHex(userData)}`)
  })
  it("come back; every prefix is refused; single-bit changes are refused or stable", () => {
    for (const [tpdu, direction] of [
      [deliver, "to-terminal"],
      [{ ...deliver, from: { number: "Café", ton: typeOfNumber.alphanumeric, npi: 0 }, zone: 79 }, "to-terminal"],
      [submit, "from-terminal"],
      [{ ...submit, to: shortCode("*100#") }, "from-terminal"]
    ] as const) {
      const octets = get(encodeSmsTpdu(tpdu))
      assert.deepStrictEqual(get(decodeSmsTpdu(octets, direction)), tpdu)
      for (const prefix of prefixes(octets)) assert.isTrue(Result.isFailure(decodeSmsTpdu(prefix, direction)))
      for (const flipped of bitFlips(octets)) {
        const decoded = decodeSmsTpdu(flipped, direction)
        if (Result.isFailure(decoded)) continue
        const written = encodeSmsTpdu(decoded.success)
        if (Result.isSuccess(written)) assert.deepStrictEqual(decodeSmsTpdu(written.success, direction), decoded)
      }
    }
  })
  it("a delivered TPDU is a short message for the reassembly", () => {
    const octets = get(encodeSmsTpdu(deliver))
    const tpdu = get(decodeSmsTpdu(octets, "to-terminal"))
    if (tpdu._tag !== "SmsDeliver") return assert.fail(tpdu._tag)
    const outcome = Reassembly.accept(Reassembly.make(), toShortMessage(tpdu, international("1")), 0)
    assert.isTrue(outcome._tag === "Complete" && outcome.datagram.ports?.destination === 2948)
  })
  it("7-bit data counts septets", () => {
    const septets = toSeptets("hellohello")!
    const tpdu = {
      ...deliver,
      hasHeader: false,
      dataCoding: 0,
      userDataLength: septets.length,
      userData: pack(septets)
    }
    const octets = get(encodeSmsTpdu(tpdu))
    assert.isTrue(toHex(octets).endsWith("0ae8329bfd4697d9ec37"))
    const back = get(decodeSmsTpdu(octets, "to-terminal"))
    assert.strictEqual(fromSeptets(unpack(back.userData, back.userDataLength)), "hellohello")
  })
  it("is total", () => {
    const direction = fc.constantFrom("to-terminal", "from-terminal")
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 180 }), direction, (octets, way) => {
        decodeSmsTpdu(octets, way)
      }),
      { numRuns: fuzzRuns }
    )
  })
  it("data codings", () => {
    for (const [coding, alphabet] of [
      [0x00, "gsm7"],
      [0x04, "octets"],
      [0x08, "ucs2"],
      [0xf5, "octets"],
      [0xf0, "gsm7"],
      [0xe0, "ucs2"],
      [0xc0, "gsm7"],
      [0x15, "octets"]
    ] as const) {
      assert.strictEqual(alphabetOf(coding), alphabet, coding.toString(16))
    }
  })
  it("the 7-bit alphabet and its extension come back packed", () => {
    const text = "@£$ Ω{}[]~\\|^€ àÅ\n"
    const septets = toSeptets(text)!
    assert.strictEqual(fromSeptets(unpack(pack(septets), septets.length)), text)
    assert.isUndefined(toSeptets("ł"))
    assert.strictEqual(fromSeptets([0x1b, 0x1b]), " ")
    assert.strictEqual(fromSeptets([0x1b, 0x41]), "A")
  })
})
