import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import {
  AccountingRecord,
  AddressEntry,
  AddressTable,
  IpRanges,
  SubscriberAddresses
} from "../../src/external/index.ts"
import { fuzzRuns, type SessionForm, services, sessionAttributes, utf8 } from "./support.ts"

const minute = 60_000
const now = 1_800_000_000_000
const second = now / 1000
const rules: AddressTable.TableRules = { freshness: 5 * minute, linkProtected: false }
const names = [{ kind: "msisdn", subject: "15551230001" }]

const record = (form: SessionForm) => Result.getOrThrow(AccountingRecord.decode(sessionAttributes(form)))!
const address = "10.0.0.1"
const messages = {
  Start: record({ status: 1, session: "a", address, msisdn: "15551230001", at: second }),
  "Interim-Update": record({ status: 3, session: "a", address, msisdn: "15551230001", at: second }),
  Stop: record({ status: 2, session: "a", address, msisdn: "15551230001", at: second }),
  "Accounting-On": record({ status: 7, at: second }),
  "Accounting-Off": record({ status: 8, at: second })
}

const entry = (session: string, time: number): AddressEntry.AddressEntry => ({
  names,
  session,
  nas: ["id:ggsn1"],
  time
})
const states: Readonly<Record<string, AddressTable.Known>> = {
  empty: { entries: [undefined], stopped: undefined, cleared: [undefined] },
  "own, older": { entries: [entry("a", now - minute)], stopped: undefined, cleared: [undefined] },
  "own, same second": { entries: [entry("a", now)], stopped: undefined, cleared: [undefined] },
  "own, younger": { entries: [entry("a", now + 1000)], stopped: undefined, cleared: [undefined] },
  "another, older": { entries: [entry("b", now - minute)], stopped: undefined, cleared: [undefined] },
  "another, same second": { entries: [entry("b", now)], stopped: undefined, cleared: [undefined] },
  "another, younger": { entries: [entry("b", now + 1000)], stopped: undefined, cleared: [undefined] },
  stopped: { entries: [undefined], stopped: now - minute, cleared: [undefined] },
  "stopped, another": { entries: [entry("b", now - minute)], stopped: now - minute, cleared: [undefined] },
  "NAS up before": { entries: [undefined], stopped: undefined, cleared: [now - minute] },
  "NAS up now": { entries: [undefined], stopped: undefined, cleared: [now] },
  "NAS up later": { entries: [undefined], stopped: undefined, cleared: [now + 1000] },
  "stopped before the NAS came up": { entries: [undefined], stopped: now - 2 * minute, cleared: [now - minute] }
}

/** What each message does in each state, in short: changes, or why nothing changes. */
const expected: Readonly<Record<keyof typeof states, readonly [start: string, stop: string, on: string]>> = {
  empty: ["put", "stopped a", "cleared"],
  "own, older": ["put", "remove, stopped a", "cleared"],
  "own, same second": ["put", "remove, stopped a", "cleared"],
  "own, younger": ["older than the entry", "older than the entry", "cleared"],
  "another, older": ["put, stopped b", "stopped a", "cleared"],
  "another, same second": ["put, stopped b", "stopped a", "cleared"],
  "another, younger": ["older than the entry", "stopped a", "cleared"],
  stopped: ["session was stopped", "session was stopped", "cleared"],
  "stopped, another": ["session was stopped", "session was stopped", "cleared"],
  "NAS up before": ["put", "stopped a", "cleared"],
  "NAS up now": ["before the NAS came up", "before the NAS came up", "before the NAS came up"],
  "NAS up later": ["before the NAS came up", "before the NAS came up", "before the NAS came up"],
  "stopped before the NAS came up": ["put", "stopped a", "cleared"]
}

const told = (step: AddressTable.Step): string =>
  step._tag === "Ignored"
    ? step.refusal
    : step.changes
        .map((change) => (change._tag === "Stopped" ? `stopped ${change.session}` : change._tag.toLowerCase()))
        .join(", ")

describe("[DPE-EXT-001] every state and every message", () => {
  for (const [state, known] of Object.entries(states)) {
    for (const [message, value] of Object.entries(messages)) {
      const column = message === "Stop" ? 1 : message.startsWith("Accounting") ? 2 : 0
      const outcome = expected[state]![column]
      it(`${state}, ${message}: ${outcome}`, () => {
        assert.strictEqual(told(AddressTable.step(known, value, "a", now, rules)), outcome)
      })
      for (const [when, at, why] of [
        ["too old", now + 5 * minute + 1, "too old"],
        ["too new", now - 5 * minute - 1, "too new"]
      ] as const) {
        it(`${state}, ${message}, ${when}: nothing changes`, () => {
          assert.strictEqual(told(AddressTable.step(known, value, "a", at, rules)), why)
        })
      }
      it(`${state}, ${message} without Event-Timestamp: only over a protected link`, () => {
        const { eventTimestamp: _, ...untimed } = value
        assert.strictEqual(told(AddressTable.step(known, untimed, "a", now, rules)), "no time")
        const step = AddressTable.step(known, untimed, "a", now, { ...rules, linkProtected: true })
        assert.strictEqual(told(step), outcome)
      })
    }
  }
  it("the last millisecond of freshness counts", () => {
    for (const at of [now - 5 * minute, now + 5 * minute]) {
      assert.strictEqual(told(AddressTable.step(states["empty"]!, messages.Start, "a", at, rules)), "put")
    }
  })
  it("Acct-Delay-Time counts back", () => {
    const late = { ...messages.Start, delay: 301 }
    assert.strictEqual(told(AddressTable.step(states["empty"]!, late, "a", now, rules)), "too old")
  })
  it("a session without address or without subscriber makes no entry", () => {
    const { addresses: _, ...placeless } = messages.Start
    assert.strictEqual(
      told(AddressTable.step({ ...states["empty"]!, entries: [] }, { ...placeless, addresses: [] }, "a", now, rules)),
      "no address"
    )
    assert.strictEqual(
      told(AddressTable.step(states["empty"]!, { ...messages.Start, names: [] }, "a", now, rules)),
      "no subscriber"
    )
  })
})

const reporter: SubscriberAddresses.Reporter = {
  name: "ggsn",
  linkProtected: false,
  ranges: Result.getOrThrow(IpRanges.parse(["10.0.0.0/8", "2001:db8::/32"]))
}

/** The table at a time that the test sets, in seconds after `second`. */
const table = Effect.gen(function* () {
  const addresses = yield* SubscriberAddresses.SubscriberAddresses
  yield* TestClock.setTime(now)
  const apply = (form: SessionForm, by = reporter) =>
    Effect.map(addresses.apply(by, record(form)), (applied) =>
      applied._tag === "Changed" ? "changed" : applied.refusal
    )
  const holder = (text: string) =>
    Effect.map(addresses.lookup(IpRanges.address(text)!), (found) => found?.names[0]?.subject)
  const start = (session: string, msisdn: string, at: number, more: Partial<SessionForm> = {}) =>
    apply({ status: 1, session, address, msisdn, at: second + at, ...more })
  const stop = (session: string, at: number, more: Partial<SessionForm> = {}) =>
    apply({ status: 2, session, address, at: second + at, ...more })
  return { apply, holder, start, stop }
})

describe("[DPE-EXT-001] the table on the store", () => {
  const story = (name: string, body: Effect.Effect<void, unknown, Effect.Services<typeof table>>, limits = {}) =>
    it.effect(name, () => Effect.provide(body, services(limits)))

  story(
    "Start, Interim and Stop",
    Effect.gen(function* () {
      const { apply, holder, start, stop } = yield* table
      assert.isUndefined(yield* holder(address))
      assert.strictEqual(yield* start("a", "15551230001", 0), "changed")
      assert.strictEqual(yield* holder(address), "15551230001")
      assert.strictEqual(yield* holder("::ffff:10.0.0.1"), "15551230001")
      assert.isUndefined(yield* holder("10.0.0.2"))
      assert.strictEqual(
        yield* apply({ status: 3, session: "a", address, msisdn: "15551230001", at: second }),
        "changed"
      )
      assert.strictEqual(yield* stop("other", 0), "changed")
      assert.strictEqual(yield* holder(address), "15551230001")
      assert.strictEqual(yield* stop("a", 1), "changed")
      assert.isUndefined(yield* holder(address))
    })
  )
  story(
    "a replayed Start gives an address back to nobody: not after Stop, not after another Start of the same second",
    Effect.gen(function* () {
      const { holder, start, stop } = yield* table
      yield* start("a", "15551230001", 0)
      yield* start("b", "15551230002", 0)
      assert.strictEqual(yield* start("a", "15551230001", 0), "session was stopped")
      assert.strictEqual(yield* holder(address), "15551230002")
      yield* stop("b", 1)
      assert.strictEqual(yield* start("b", "15551230002", 0), "session was stopped")
      assert.isUndefined(yield* holder(address))
      // as long as the packet seems fresh the stop is remembered, and after that the packet is too old
      for (const wait of [4 * minute, 2 * minute, 5 * minute, 60 * minute]) {
        yield* TestClock.adjust(wait)
        assert.notStrictEqual(yield* start("b", "15551230002", 0), "changed")
      }
    })
  )
  story(
    "a packet of a clock that runs ahead is not replayed after the stop was forgotten",
    Effect.gen(function* () {
      const { holder, start, stop } = yield* table
      assert.strictEqual(yield* start("a", "15551230001", 300), "changed")
      yield* stop("a", 300)
      for (let waited = 0; waited <= 11; waited++) {
        assert.notStrictEqual(yield* start("a", "15551230001", 300), "changed")
        yield* TestClock.adjust(minute)
      }
      assert.isUndefined(yield* holder(address))
    })
  )
  story(
    "a Start that its Stop has overtaken does not count",
    Effect.gen(function* () {
      const { holder, start, stop } = yield* table
      assert.strictEqual(yield* stop("a", 2), "changed")
      assert.strictEqual(yield* start("a", "15551230001", 1), "session was stopped")
      assert.isUndefined(yield* holder(address))
    })
  )
  story(
    "an old Interim of the former holder changes nothing",
    Effect.gen(function* () {
      const { apply, holder, start } = yield* table
      yield* start("a", "15551230001", 0)
      yield* start("b", "15551230002", 10)
      const old = yield* apply({ status: 3, session: "a", address, msisdn: "15551230001", at: second + 5 })
      assert.notStrictEqual(old, "changed")
      assert.strictEqual(yield* holder(address), "15551230002")
    })
  )
  story(
    "a Stop without address ends all addresses of its session",
    Effect.gen(function* () {
      const { apply, holder, start } = yield* table
      const prefix = { type: 97, value: Uint8Array.of(0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1) }
      yield* start("a", "15551230001", 0, { more: [prefix] })
      assert.strictEqual(yield* holder("2001:db8:0:1:ffff::7"), "15551230001")
      assert.isUndefined(yield* holder("2001:db8:0:2::7"))
      yield* apply({ status: 2, session: "a", at: second })
      assert.isUndefined(yield* holder(address))
      assert.isUndefined(yield* holder("2001:db8:0:1:ffff::7"))
    })
  )
  story(
    "Accounting-On and Accounting-Off end the sessions of that NAS and of no other",
    Effect.gen(function* () {
      for (const status of [7, 8]) {
        const { apply, holder, start } = yield* table
        const at = status * 10
        yield* start("a", "15551230001", at)
        yield* start("b", "15551230002", at, { address: "10.0.0.2", nas: "ggsn2" })
        assert.strictEqual(yield* apply({ status, at: second + at + 1 }), "changed")
        assert.isUndefined(yield* holder(address))
        assert.strictEqual(yield* holder("10.0.0.2"), "15551230002")
        assert.strictEqual(yield* start("a", "15551230001", at), "before the NAS came up")
        assert.strictEqual(yield* apply({ status, at: second + at + 1 }), "before the NAS came up")
        assert.isUndefined(yield* holder(address))
        // the NAS counts its sessions from the beginning
        assert.strictEqual(yield* start("a", "15551230003", at + 2), "changed")
        assert.strictEqual(yield* holder(address), "15551230003")
      }
    })
  )
  story(
    "entries age: a day without Interim",
    Effect.gen(function* () {
      const { apply, holder, start } = yield* table
      yield* start("a", "15551230001", 0)
      yield* TestClock.adjust(23 * 60 * minute)
      assert.strictEqual(yield* holder(address), "15551230001")
      const at = second + 23 * 3600
      yield* apply({ status: 3, session: "a", address, msisdn: "15551230001", at })
      yield* TestClock.adjust(23 * 60 * minute)
      assert.strictEqual(yield* holder(address), "15551230001")
      yield* TestClock.adjust(60 * minute + 1)
      assert.isUndefined(yield* holder(address))
      assert.strictEqual(yield* start("a", "15551230002", 47 * 3600 + 1), "changed")
      assert.strictEqual(yield* holder(address), "15551230002")
    })
  )
  story(
    "addresses outside of the configured ranges, and networks of another length, identify nobody",
    Effect.gen(function* () {
      const { apply, holder, start } = yield* table
      assert.strictEqual(yield* start("a", "15551230001", 0, { address: "192.168.0.1" }), "address not in range")
      const wide = { type: 97, value: Uint8Array.of(0, 48, 0x20, 1, 0x0d, 0xb8, 0, 0) }
      assert.strictEqual(
        yield* apply({ status: 1, session: "b", msisdn: "15551230001", at: second, more: [wide] }),
        "address not in range"
      )
      assert.isUndefined(yield* holder("192.168.0.1"))
      assert.isUndefined(yield* holder("2001:db8::1"))
    })
  )
  story(
    "a full table takes no further address, but changes those that it has",
    Effect.gen(function* () {
      const { apply, holder, start } = yield* table
      yield* start("a", "15551230001", 0)
      yield* TestClock.adjust(10_001)
      assert.strictEqual(yield* start("b", "15551230002", 10, { address: "10.0.0.2" }), "table full")
      assert.isUndefined(yield* holder("10.0.0.2"))
      assert.strictEqual(
        yield* apply({ status: 3, session: "a", address, msisdn: "15551230001", at: second + 10 }),
        "changed"
      )
    }),
    { records: 2 }
  )
  story(
    "messages of two nodes about one address: the younger one stays, whichever came first",
    Effect.gen(function* () {
      const { holder, start } = yield* table
      const starts = Array.from({ length: 8 }, (_, i) => start(`s${i}`, `1555123000${i}`, i))
      yield* Effect.all(starts.toReversed(), { concurrency: "unbounded" })
      assert.strictEqual(yield* holder(address), "15551230007")
    })
  )
})

describe("durable forms", () => {
  it("what is written is read back, and anything else is no entry", () => {
    const text = fc.string({ maxLength: 20, unit: "binary" })
    const value = fc.record({
      names: fc.array(fc.record({ kind: text, subject: text }), { maxLength: 3 }),
      session: text,
      nas: fc.array(text, { maxLength: 3 }),
      time: fc.integer()
    })
    fc.assert(
      fc.property(value, fc.string(), (entry, noise) => {
        assert.deepStrictEqual(AddressEntry.decodeEntry(AddressEntry.encodeEntry(entry)), entry)
        AddressEntry.decodeEntry(utf8(noise))
        AddressEntry.decodeSession(utf8(noise))
      }),
      { numRuns: fuzzRuns }
    )
    for (const octets of [
      "",
      "{}",
      "[]",
      "null",
      '{"names":[["a"]],"session":"s","nas":[],"time":1}',
      '{"keys":[1]}'
    ]) {
      assert.isUndefined(AddressEntry.decodeEntry(utf8(octets)))
      assert.isUndefined(AddressEntry.decodeSession(utf8(octets)))
    }
    assert.isUndefined(AddressEntry.decodeEntry(Uint8Array.of(0xff)))
    assert.strictEqual(AddressEntry.decodeTime(AddressEntry.encodeTime(now)), now)
    assert.isUndefined(AddressEntry.decodeTime(utf8("1e3")))
  })
})
