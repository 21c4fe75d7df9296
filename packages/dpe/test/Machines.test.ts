import { assert, describe, it } from "@effect/vitest"
import { ConnectionSecurity, ExchangeMachine, RegistrationMachine, ReportRule, SessionMachine } from "../src/index.ts"

const session: SessionMachine.Session = {
  registrant: "alice",
  reporter: undefined,
  asked: "none",
  issuedOver: "tls",
  endsAt: 1000
}
const live = (more: Partial<SessionMachine.Session> = {}): SessionMachine.State => ({
  _tag: "Live",
  session: { ...session, ...more }
})
const arrived = (
  of: "dpe-1" | "dpe-2" | "dpe-3",
  who: string | undefined,
  security: ConnectionSecurity.ConnectionSecurity
) => ({ _tag: "Arrived", interface: of, who, security }) as const

describe("session of the server", () => {
  const events: ReadonlyArray<SessionMachine.Event> = [
    { _tag: "Registered", session },
    arrived("dpe-1", "alice", "tls"),
    { _tag: "Replaced", until: 500 },
    { _tag: "Deregistered" }
  ]
  const verdicts = (state: SessionMachine.State, now: number) =>
    events.map((event) => {
      const step = SessionMachine.step(state, event, now)
      return `${step.verdict._tag} ${step.state._tag}`
    })

  it("every state answers every event", () => {
    const over = ["Proceed Live", "Gone Ended", "Gone Ended", "Gone Ended"]
    assert.deepStrictEqual(verdicts(SessionMachine.absent, 0), [
      "Proceed Live",
      "Gone Absent",
      "Gone Absent",
      "Gone Absent"
    ])
    assert.deepStrictEqual(verdicts(live(), 0), ["Taken Live", "Proceed Live", "Proceed Live", "Proceed Ended"])
    assert.deepStrictEqual(verdicts(live(), 600), ["Taken Live", "Proceed Live", "Proceed Ended", "Proceed Ended"])
    assert.deepStrictEqual(verdicts(live(), 1000), over)
    assert.deepStrictEqual(verdicts(SessionMachine.ended, 0), over)
  })

  it("judges who sent a message and over what", () => {
    const judge = (state: SessionMachine.State, event: ReturnType<typeof arrived>) =>
      SessionMachine.step(state, event, 0).verdict._tag
    assert.strictEqual(judge(live(), arrived("dpe-1", "alice", "none")), "Upgrade")
    assert.strictEqual(judge(live(), arrived("dpe-1", undefined, "tls")), "Unproved")
    assert.strictEqual(judge(live(), arrived("dpe-1", "bob", "tls")), "Other")
    assert.strictEqual(judge(live(), arrived("dpe-2", undefined, "none")), "Proceed")
    assert.strictEqual(judge(live(), arrived("dpe-2", "bob", "none")), "Other")
    assert.strictEqual(judge(live({ asked: "tls-mutual" }), arrived("dpe-2", "alice", "tls")), "Upgrade")
    assert.strictEqual(judge(live({ registrant: undefined }), arrived("dpe-1", "alice", "tls")), "Other")
    const bound = SessionMachine.step(live({ registrant: undefined }), arrived("dpe-2", "bob", "none"), 0).state
    assert.strictEqual(judge(bound, arrived("dpe-2", "carol", "none")), "Other")
    assert.strictEqual(judge(bound, arrived("dpe-2", undefined, "none")), "Unproved")
    assert.strictEqual(judge(bound, arrived("dpe-2", "bob", "none")), "Proceed")
  })
})

describe("exchange of the client", () => {
  const rules: ExchangeMachine.Rules = { least: "none", clear: true, secure: true, secureHost: "a" }
  const answered = (code: number, more: object = {}): ExchangeMachine.Event => ({
    _tag: "Answered",
    code,
    security: "none",
    modeAccepted: true,
    ...more
  })
  const states: ReadonlyArray<ExchangeMachine.State> = [
    ExchangeMachine.ready,
    { _tag: "Sent", to: "clear" },
    { _tag: "Sent", to: "secure" },
    { _tag: "Done" },
    { _tag: "Stopped", why: "downgrade" }
  ]
  const events: ReadonlyArray<ExchangeMachine.Event> = [
    { _tag: "Start" },
    { _tag: "MoreNeeded" },
    { _tag: "ServerRefused" },
    answered(200),
    answered(401),
    answered(426),
    answered(426, { hostOfLocation: "b" }),
    answered(200, { modeAccepted: false })
  ]
  const told = ({ action }: ExchangeMachine.Step): string =>
    action._tag === "Send" ? action.to : action._tag === "Stop" ? action.why : "deliver"

  it("every state answers every event", () => {
    const never = events.map(() => "out of order")
    assert.deepStrictEqual(
      states.map((state) => events.map((event) => told(ExchangeMachine.step(rules, state, event)))),
      [
        ["clear", ...never.slice(1)],
        ["out of order", "secure", "secure", "deliver", "secure", "secure", "foreign location", "secure"],
        [
          "out of order",
          "security not reached",
          "server not accepted",
          "deliver",
          "authentication error",
          "security not reached",
          "foreign location",
          "mode not accepted"
        ],
        never,
        never
      ]
    )
  })

  it("an answer below what was asked for ends it", () => {
    const strict = { ...rules, least: "tls" } as const
    assert.strictEqual(told(ExchangeMachine.step(strict, ExchangeMachine.ready, { _tag: "Start" })), "secure")
    const sent = { _tag: "Sent", to: "secure" } as const
    assert.strictEqual(told(ExchangeMachine.step(strict, sent, answered(200))), "downgrade")
    assert.strictEqual(told(ExchangeMachine.step(strict, sent, answered(401))), "downgrade")
    const clearOnly = { ...strict, secure: false }
    assert.strictEqual(told(ExchangeMachine.step(clearOnly, ExchangeMachine.ready, { _tag: "Start" })), "no endpoint")
  })
})

describe("registration of the client", () => {
  it("every state answers every event", () => {
    const own = { sessionId: "s" }
    const states: ReadonlyArray<RegistrationMachine.State> = [
      RegistrationMachine.unregistered,
      { _tag: "Registering" },
      { _tag: "Registering", standing: own },
      { _tag: "Registered", session: own },
      { _tag: "Deregistering" }
    ]
    const events: ReadonlyArray<RegistrationMachine.Event> = [
      { _tag: "Register" },
      { _tag: "Accepted", session: own },
      { _tag: "Failed" },
      { _tag: "Lost" },
      { _tag: "Deregister" },
      { _tag: "Deregistered" }
    ]
    const table = states.map((state) =>
      events.map((event) => {
        const { inOrder, state: next } = RegistrationMachine.step(state, event)
        return inOrder ? next._tag : "-"
      })
    )
    assert.deepStrictEqual(table, [
      ["Registering", "-", "-", "-", "-", "-"],
      ["-", "Registered", "Unregistered", "Registering", "-", "-"],
      ["-", "Registered", "Registered", "Registering", "-", "-"],
      ["Registering", "-", "-", "Unregistered", "Deregistering", "-"],
      ["-", "-", "Unregistered", "Unregistered", "-", "Unregistered"]
    ])
    assert.strictEqual(RegistrationMachine.renewAt({ sessionId: "s", endsAt: 1000 }, 0), 800)
  })
})

describe("report rules", () => {
  const battery = (value: string) => [{ name: "batteryLevel", value }]
  const after = (state: ReportRule.State, event: ReportRule.Event, now = 0) => ReportRule.step(state, event, now)
  const measured = (value: string): ReportRule.Event => ({ _tag: "Measured", properties: battery(value) })
  const rule = (trigger: ReportRule.Trigger, more: object = {}): ReportRule.Event => ({
    _tag: "Subscribed",
    rules: [{ ruleId: "r", propertyName: ["batteryLevel"], trigger, ...more }]
  })

  it("a threshold reports when it is passed, in either direction", () => {
    let { state } = after(ReportRule.empty, measured("50"))
    state = after(state, rule({ kind: "threshold", threshold: 20 })).state
    const counts = ["30", "20", "19", "18", "20", "many"].map((value) => {
      const step = after(state, measured(value))
      state = step.state
      return step.reports.length
    })
    assert.deepStrictEqual(counts, [0, 0, 1, 0, 1, 0])
  })

  it("a change reports once; a period reports in time, and once after a sleep; a rule ends", () => {
    let step = after(after(ReportRule.empty, measured("50")).state, rule({ kind: "onChange" }))
    step = after(step.state, measured("49"))
    assert.lengthOf(step.reports, 1)
    assert.lengthOf(after(step.state, measured("49")).reports, 0)
    step = after(step.state, rule({ kind: "period", period: 10 }, { expiry: 100_000 }), 1000)
    assert.strictEqual(ReportRule.nextDue(step.state), 11_000)
    assert.lengthOf(after(step.state, { _tag: "Passed" }, 10_999).reports, 0)
    step = after(step.state, { _tag: "Passed" }, 45_000)
    assert.lengthOf(step.reports, 1)
    assert.strictEqual(ReportRule.nextDue(step.state), 51_000)
    assert.lengthOf(after(step.state, { _tag: "Passed" }, 100_000).reports, 0)
    assert.lengthOf(after(step.state, { _tag: "Cancelled", ruleId: "r" }).state.rules, 0)
    const many: ReportRule.Event = {
      _tag: "Subscribed",
      rules: ["a", "b"].map((ruleId) => ({ ruleId, propertyName: ["*"], trigger: { kind: "onChange" } }))
    }
    assert.deepStrictEqual(ReportRule.step(ReportRule.empty, many, 0, 1).refused, ["b"])
  })
})

describe("words of connection security", () => {
  it("none < tls < tls-mutual, and dtls counts as tls", () => {
    const table = ConnectionSecurity.words.map((actual) =>
      ConnectionSecurity.words.filter((least) => ConnectionSecurity.satisfies(actual, least)).join(" ")
    )
    assert.deepStrictEqual(table, ["none", "none tls dtls", "none tls tls-mutual dtls", "none tls dtls"])
  })
})
