import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { AnswerPackage, MessageSplit, type SyncMl, SyncMlCodec } from "../src/index.ts"

const hdr: SyncMl.SyncHdr = {
  verDtd: "1.2",
  verProto: "DM/1.2",
  sessionId: "1",
  msgId: "1",
  target: { locUri: "http://dm.example.net/" },
  source: { locUri: "IMEI:493005100592800" }
}

const from = (
  change: Partial<SyncMl.SyncHdr>,
  commands: ReadonlyArray<SyncMl.Command> = [],
  final = true
): SyncMl.SyncMl => ({ hdr: { ...hdr, ...change }, body: { commands, ...(final ? { final } : {}) } })

const header: SyncMl.Status = {
  _tag: "Status",
  cmdId: "1",
  msgRef: "1",
  cmdRef: "0",
  cmd: "SyncHdr",
  data: "212"
}
const status = (n: number): SyncMl.Status => ({
  _tag: "Status",
  cmdId: "",
  msgRef: "1",
  cmdRef: `${n}`,
  cmd: "Get",
  data: "200"
})
const get = (cmdId: number, length = 10): SyncMl.Command => ({
  _tag: "Get",
  cmdId: `${cmdId}`,
  items: [{ target: { locUri: `./${"x".repeat(length)}` } }]
})
const more: SyncMl.Command = { _tag: "Alert", cmdId: "9", data: "1222" }

const sizeOf = (body: SyncMl.SyncBody) => Result.getOrThrow(SyncMlCodec.encode("xml", { hdr, body })).length

const ids = (body: SyncMl.SyncBody) => body.commands.map((command) => command.cmdId)
const alerts = (body: SyncMl.SyncBody) => body.commands.flatMap((c) => (c._tag === "Alert" ? [c.data] : []))

describe("AnswerPackage", () => {
  it("everything in one message where there is room", () => {
    const content = { header, statuses: [status(1), status(2)], commands: [get(4), get(5)] }
    const { body, pending } = AnswerPackage.answer(AnswerPackage.nothing, from({}), content, sizeOf)
    assert.deepStrictEqual(ids(body), ["1", "2", "3", "4", "5"])
    assert.isTrue(body.final)
    assert.deepStrictEqual(pending.later, [])
  })

  it("CmdIDs of commands stay, those of statuses go around them", () => {
    const content = { header, statuses: [status(1), status(2)], commands: [get(2), get(3)] }
    const { body } = AnswerPackage.answer(AnswerPackage.nothing, from({}), content, sizeOf)
    assert.deepStrictEqual(ids(body), ["1", "4", "5", "2", "3"])
  })

  it("a client in the middle of its package gets statuses and Alert 1222; commands wait", () => {
    const open = from({}, [], false)
    const first = AnswerPackage.answer(
      AnswerPackage.nothing,
      open,
      { header, statuses: [status(1)], commands: [get(3)] },
      sizeOf
    )
    assert.deepStrictEqual(alerts(first.body), ["1222"])
    assert.isUndefined(first.body.final)
    assert.notInclude(
      first.body.commands.map(({ _tag }) => _tag),
      "Get"
    )
    const second = AnswerPackage.answer(
      first.pending,
      from({ msgId: "2" }),
      { header, statuses: [], commands: [] },
      sizeOf
    )
    assert.deepStrictEqual(ids(second.body), ["1", "3"])
    assert.isTrue(second.body.final)
  })

  it("MaxMsgSize: no message is larger, all is said once and in order, Final stands in the last message alone", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 }),
        fc.integer({ min: 900, max: 4000 }),
        (lengths, max) => {
          const commands = lengths.map((length, n) => get(n + 2, length))
          let said = AnswerPackage.answer(
            AnswerPackage.nothing,
            from({ meta: { maxMsgSize: max } }),
            { header, statuses: [status(1)], commands },
            sizeOf
          )
          const bodies = [said.body]
          while (said.body.final !== true) {
            assert.isAtMost(bodies.length, 40)
            said = AnswerPackage.answer(
              said.pending,
              from({ msgId: `${bodies.length + 1}` }, [more], false),
              { header, statuses: [{ ...status(9), cmd: "Alert" }], commands: [] },
              sizeOf
            )
            bodies.push(said.body)
          }
          for (const body of bodies) {
            assert.isAtMost(sizeOf(body), max)
            assert.strictEqual(new Set(ids(body)).size, body.commands.length)
          }
          const gets = bodies.flatMap(({ commands }) => commands.filter(({ _tag }) => _tag === "Get"))
          assert.deepStrictEqual(gets, commands)
        }
      )
    )
  })
})

describe("MessageSplit", () => {
  const unit = (n: number): MessageSplit.Unit => ({ commands: [get(n, 1)] })
  const count = (units: ReadonlyArray<MessageSplit.Unit>) => units.flatMap(({ commands }) => commands).length

  it("as many as fit", () => {
    const units = [1, 2, 3, 4, 5].map(unit)
    for (let max = 1; max <= 6; max++) {
      const { later, now } = MessageSplit.split(units, count, max)
      assert.strictEqual(now.length, Math.min(max, 5))
      assert.deepStrictEqual([...now, ...later], units)
    }
  })

  it("what fits nowhere is replaced by what it says instead, and without that goes out all the same", () => {
    const big: MessageSplit.Unit = { commands: [get(1), get(2), get(3)], instead: [{ ...status(1), data: "413" }] }
    const { later, now } = MessageSplit.split([big, unit(4)], count, 2)
    assert.deepStrictEqual(now, [{ commands: big.instead! }])
    assert.strictEqual(later.length, 1)
    const stubborn = MessageSplit.split([{ commands: big.commands }, unit(4)], count, 2)
    assert.strictEqual(count(stubborn.now), 3)
  })

  it("what a peer said of its size holds until it says something else", () => {
    assert.strictEqual(MessageSplit.maxMsgSizeOf(from({})), Number.POSITIVE_INFINITY)
    assert.strictEqual(MessageSplit.maxMsgSizeOf(from({}), 100), 100)
    assert.strictEqual(MessageSplit.maxMsgSizeOf(from({ meta: { maxMsgSize: 50 } }), 100), 50)
  })

  it("a client that never fetches what it asked for fills no memory", () => {
    let pending = { ...AnswerPackage.nothing, max: 1 }
    const statuses = Array.from({ length: 3000 }, (_, n) => status(n))
    for (let n = 0; n < 3; n++) {
      pending = AnswerPackage.answer(pending, from({}, [], false), { header, statuses, commands: [] }, () => 2).pending
    }
    assert.lengthOf(pending.later, AnswerPackage.mostWaiting)
  })
})
