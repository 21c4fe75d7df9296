import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted, Result } from "effect"
import { type DmAuthError, DmAuthPolicy, type DmCheck, DmClientAuth } from "../src/index.ts"

const { Event, start } = DmClientAuth
const md5 = "syncml:auth-md5"
const sha256 = "syncml:auth-sha256"
const basic = "syncml:auth-basic"
const mac = "syncml:auth-MAC"
const mutual = DmAuthPolicy.defaultClientPolicy
const lone: DmAuthPolicy.DmClientPolicy = { ...mutual, mutual: false }
const open: DmAuthPolicy.ConnectionFacts = { id: "a", integrity: false, confidentiality: false, peerVerified: false }
const tls: DmAuthPolicy.ConnectionFacts = { id: "a", integrity: true, confidentiality: true, peerVerified: true }

const stored = Bytes.utf8("stored")
const fresh = Bytes.utf8("fresh")
const issued = Bytes.utf8("issued by the server")
const supply: DmClientAuth.Supply = { nextNonce: fresh, accountTypes: mutual.check.types, reflects: false }
const opening: DmClientAuth.Opening = { target: "http://dm/", connection: open, nonce: stored, preferred: md5 }
const cred = (type: string): DmCheck.Shown => ({
  cred: { type, octets: Redacted.make(new Uint8Array(type === sha256 ? 32 : 16)) }
})
const answer = (msgId: number, rest: Partial<DmClientAuth.ReceivedAnswer> = {}): DmClientAuth.ReceivedAnswer => ({
  msgId,
  fingerprint: Uint8Array.of(msgId),
  connection: open,
  shown: {},
  hasCommands: false,
  final: true,
  ...rest
})

type Run = readonly [DmClientAuth.State, ReadonlyArray<DmClientAuth.Action>]
const step = (state: DmClientAuth.State, event: DmClientAuth.Event, rules = mutual): Run =>
  Result.getOrThrow(DmClientAuth.step(state, event, rules))
const tags = ([, actions]: Run) => actions.map((action) => action._tag)
const sent = ([, actions]: Run): DmClientAuth.Outgoing => {
  const sends = actions.filter((action) => action._tag === "Send")
  assert.lengthOf(sends, 1)
  return sends[0]!.outgoing
}
const failure = ([state]: Run) => (state._tag === "Failed" ? state.error._tag : state._tag)
const begin = (rules = mutual, from: Partial<DmClientAuth.Opening> = {}) =>
  step(start, Event.Start({ ...opening, ...from }), rules)
const told = (run: Run, received: DmClientAuth.ReceivedAnswer, rules = mutual) =>
  step(run[0], Event.Answered(received, supply), rules)
const holds = (run: Run, rules = mutual): Run =>
  step(step(run[0], Event.Judged("match"), rules)[0], Event.Committed("kept"), rules)

describe("DmClientAuth", () => {
  it("begins with the preferred type over the stored nonce, unless it may not be shown", () => {
    assert.deepStrictEqual(sent(begin()), {
      msgId: 1,
      target: "http://dm/",
      content: "package 1",
      own: { type: md5, nonce: stored }
    })
    assert.deepInclude(sent(begin(mutual, { preferred: basic })), { own: { type: sha256, nonce: stored } })
    const onlyBasic = { ...mutual, own: { ...mutual.own, types: [basic] as const } }
    assert.isUndefined(sent(begin(onlyBasic)).own)
    assert.deepInclude(sent(begin(onlyBasic, { connection: tls })), { own: { type: basic, nonce: stored } })
  })

  it("[DM-CRED-007] repeats the message in full after 401 and 407, with the demanded type and nonce and the next MsgID", () => {
    for (const code of [401, 407]) {
      const again = told(begin(lone), answer(1, { status: { code, chal: { type: sha256, nonce: issued } } }), lone)
      assert.deepInclude(sent(again), { msgId: 2, content: "repeat", own: { type: sha256, nonce: issued } })
      assert.deepInclude(sent(again).server, { status: 200 })
    }
  })

  it("[DM-CHAL-007] 212: later messages carry no credentials, and the nonce is kept for the next session", () => {
    const ready = told(
      begin(lone),
      answer(1, { status: { code: 212, chal: { type: md5, nonce: issued } }, hasCommands: true }),
      lone
    )
    assert.deepStrictEqual(tags(ready), ["KeepPeerNonce", "Deliver"])
    assert.deepStrictEqual(ready[1][0], { _tag: "KeepPeerNonce", nonce: issued })
    const next = step(ready[0], Event.Next(), lone)
    assert.deepInclude(sent(next), { msgId: 2, content: "next" })
    assert.isUndefined(sent(next).own)
    const done = told(next, answer(2, { status: { code: 200 } }), lone)
    assert.deepStrictEqual(done, [{ _tag: "Done" }, [{ _tag: "Finish", type: md5 }]])
  })

  it("[DM-CHAL-006] 200 without Chal: the same credentials in the next message", () => {
    const ready = told(begin(lone), answer(1, { status: { code: 200 }, hasCommands: true }), lone)
    assert.deepInclude(sent(step(ready[0], Event.Next(), lone)), { own: { type: md5, nonce: stored } })
  })

  it("follows RespURI on the same origin, and no further", () => {
    const status = { code: 212 }
    const there = { status, hasCommands: true, respUri: { uri: "http://dm/?x=1", sameOrigin: true } }
    const next = step(told(begin(lone), answer(1, there), lone)[0], Event.Next(), lone)
    assert.strictEqual(sent(next).target, "http://dm/?x=1")
    const elsewhere = { ...there, respUri: { uri: "http://evil/", sameOrigin: false } }
    assert.strictEqual(failure(told(begin(lone), answer(1, elsewhere), lone)), "ForeignRespUri")
    const allowed = { ...lone, foreignRespUri: true }
    assert.strictEqual(failure(told(begin(allowed), answer(1, elsewhere), allowed)), "Ready")
    const password = { preferred: basic, connection: tls } as const
    const overTls = answer(1, { ...elsewhere, status: { code: 200 }, connection: tls })
    assert.strictEqual(failure(told(begin(allowed, password), overTls, allowed)), "ForeignRespUri")
  })

  it("ends with a named error: wrong credentials, unsupported type, weak type, no Chal, refusal, nothing accepted", () => {
    const of = (code: number, type?: string) =>
      failure(told(begin(lone), answer(1, { status: type === undefined ? { code } : { code, chal: { type } } }), lone))
    assert.strictEqual(of(401, "syncml:auth-X509"), "UnsupportedChallenge")
    assert.strictEqual(of(401, basic), "ChallengeBelowMinimum")
    assert.strictEqual(of(407), "ChalMissing")
    assert.strictEqual(of(403), "PeerRefused")
    const second = told(begin(lone), answer(1, { status: { code: 401, chal: { type: md5, nonce: issued } } }), lone)
    const wrong = answer(2, { status: { code: 401, chal: { type: md5, nonce: issued } } })
    assert.strictEqual(failure(told(second, wrong, lone)), "WrongCredentials")
    const none = { ...lone, own: { ...lone.own, first: false } }
    assert.strictEqual(failure(told(begin(none), answer(1), none)), "NotAccepted")
  })

  it("reports a downgrade that policy allows", () => {
    const sha = begin(lone, { preferred: sha256 })
    const run = told(sha, answer(1, { status: { code: 401, chal: { type: md5, nonce: issued } } }), lone)
    assert.deepStrictEqual(run[1][0], { _tag: "Downgraded", from: sha256, to: md5 })
  })

  it("101 waits for the final status", () => {
    const waiting = told(begin(lone), answer(1, { status: { code: 101 } }), lone)
    assert.deepStrictEqual([waiting[0]._tag, waiting[1]], ["Waiting", []])
    assert.strictEqual(failure(told(waiting, answer(2, { status: { code: 212 }, hasCommands: true }), lone)), "Ready")
  })

  it("Status 0, an unknown code or none is not authenticated: once more, then the end", () => {
    for (const status of [{ code: 0 }, { code: 299 }, undefined]) {
      const rest = status === undefined ? {} : { status }
      const again = told(begin(lone), answer(1, rest), lone)
      assert.deepInclude(sent(again), { content: "repeat", own: { type: md5, nonce: stored } })
      assert.strictEqual(failure(told(again, answer(2, rest), lone)), "WrongCredentials")
    }
  })

  it("sends the same octets again when no answer comes, then gives up", () => {
    let run = begin()
    for (let resent = 0; resent < mutual.resends; resent++) {
      run = step(run[0], Event.Lost())
      assert.deepStrictEqual(run[1], [{ _tag: "Resend" }])
    }
    assert.strictEqual(failure(step(run[0], Event.Lost())), "NoAnswer")
  })

  it("takes an answer once, and none with a lower MsgID", () => {
    const second = told(begin(lone), answer(5, { status: { code: 401, chal: { type: md5, nonce: issued } } }), lone)
    assert.deepStrictEqual(told(second, answer(5), lone), [second[0], []])
    assert.strictEqual(
      failure(told(second, answer(5, { fingerprint: Uint8Array.of(1, 2) }), lone)),
      "AnswerOutOfSequence"
    )
    assert.strictEqual(failure(told(second, answer(4), lone)), "AnswerOutOfSequence")
  })

  describe("the server's credentials", () => {
    const accepted = { status: { code: 212, chal: { type: md5, nonce: issued } } }

    it("missing: its commands are refused with 407 and Chal and not executed, its nonce is not kept", () => {
      const refused = told(begin(), answer(1, { ...accepted, hasCommands: true }))
      assert.deepStrictEqual(tags(refused), ["Send"])
      assert.deepInclude(sent(refused), { content: "status" })
      assert.deepStrictEqual(sent(refused).server, {
        reason: "missing",
        status: 407,
        chal: { type: sha256, nonce: fresh }
      })
      const silent = told(begin(), answer(1, accepted))
      assert.deepStrictEqual(tags(silent), ["Fail"])
      assert.strictEqual(failure(silent), "ServerNotAuthenticated")
    })

    it("right: 212 with the next nonce, then its commands are executed and its nonce is kept", () => {
      const judging = told(begin(), answer(1, { ...accepted, shown: cred(sha256), hasCommands: true }))
      assert.deepStrictEqual(tags(judging), ["Verify"])
      const ready = holds(judging)
      assert.deepStrictEqual(tags(ready), ["KeepPeerNonce", "Deliver"])
      const next = step(ready[0], Event.Next())
      assert.deepStrictEqual(sent(next).server, {
        reason: "accepted for the session",
        status: 212,
        chal: { type: sha256, nonce: fresh }
      })
      const later = told(next, answer(2, { status: { code: 200 }, hasCommands: true }))
      assert.deepStrictEqual(tags(later), ["Deliver"])
    })

    it("right, and nothing else to do: the server is told its next nonce before the end", () => {
      const closing = holds(told(begin(), answer(1, { ...accepted, shown: cred(sha256) })))
      assert.deepInclude(sent(closing), { content: "status" })
      assert.deepInclude(sent(closing).server, { status: 212, chal: { type: sha256, nonce: fresh } })
      assert.strictEqual(failure(told(closing, answer(2, { status: { code: 200 } }))), "Done")
    })

    it("wrong: challenged with 401 and a nonce of this session; twice wrong ends it, and the server is told", () => {
      const judging = told(begin(), answer(1, { ...accepted, shown: cred(sha256), hasCommands: true }))
      const once = step(judging[0], Event.Judged("mismatch"))
      assert.deepInclude(sent(once), { content: "status" })
      assert.deepInclude(sent(once).server, { status: 401, chal: { type: sha256, nonce: fresh } })
      const again = told(once, answer(2, { status: { code: 200 }, shown: cred(sha256), hasCommands: true }))
      assert.deepInclude(again[1][0], { _tag: "Verify", challengeNonce: fresh })
      const twice = step(again[0], Event.Judged("mismatch"))
      assert.deepStrictEqual(tags(twice), ["Send", "Fail"])
      assert.strictEqual(failure(twice), "ServerNotAuthenticated")
    })

    it("mirrored, or of a type that was not demanded: refused unjudged", () => {
      const received = answer(1, { ...accepted, shown: cred(sha256), hasCommands: true })
      const mirrored = step(begin()[0], Event.Answered(received, { ...supply, reflects: true }))
      assert.deepInclude(sent(mirrored).server, { status: 401, reason: "reflecting account" })
      const demanded = told(begin(), answer(1, { ...accepted, hasCommands: true }))
      const other = told(demanded, answer(2, { status: { code: 200 }, shown: cred(md5), hasCommands: true }))
      assert.deepInclude(sent(other).server, { status: 401, reason: "not the demanded type" })
    })

    it("[DM-MAC-001] under MAC each message is judged and answered 200 with Chal", () => {
      const rules = { ...mutual, check: { ...mutual.check, types: [mac] as const } }
      const shown: DmCheck.Shown = { mac: { algorithm: "MD5", username: "srv", mac: "AAAA" } }
      const ready = holds(told(begin(rules), answer(1, { ...accepted, shown, hasCommands: true }), rules), rules)
      const next = step(ready[0], Event.Next(), rules)
      assert.deepInclude(sent(next).server, { status: 200, chal: { type: mac, nonce: fresh } })
      const missing = told(next, answer(2, { status: { code: 200 }, hasCommands: true }), rules)
      assert.deepInclude(sent(missing).server, { status: 401, reason: "MAC missing" })
      assert.deepStrictEqual(tags(told(next, answer(2, { status: { code: 200 }, shown, hasCommands: true }), rules)), [
        "Verify"
      ])
    })

    it("[DM-CHAL-008] not needed where the transport proved the server", () => {
      const received = answer(1, { ...accepted, connection: tls, hasCommands: true })
      const ready = told(begin(mutual, { connection: tls }), received)
      assert.deepStrictEqual(tags(ready), ["KeepPeerNonce", "Deliver"])
      const credless = { ...supply, accountTypes: [] }
      const shown = step(begin()[0], Event.Answered({ ...received, shown: cred(md5) }, credless))
      assert.deepStrictEqual(tags(shown), ["KeepPeerNonce", "Deliver"])
    })

    it("a store that does not answer ends the session without executing anything", () => {
      const judging = told(begin(), answer(1, { ...accepted, shown: cred(sha256), hasCommands: true }))
      const committing = step(judging[0], Event.Judged("match"))
      for (const run of [
        step(judging[0], Event.Judged("unavailable")),
        step(committing[0], Event.Committed("unavailable"))
      ]) {
        assert.deepStrictEqual(tags(run), ["Fail"])
        assert.strictEqual(failure(run), "StoreUnavailable")
      }
    })
  })

  describe("every state x every event", () => {
    const waiting = begin()[0]
    const received = answer(1, { status: { code: 212 }, shown: cred(sha256), hasCommands: true })
    const judging = step(waiting, Event.Answered(received, supply))[0]
    const committing = step(judging, Event.Judged("match"))[0]
    const states: Record<DmClientAuth.State["_tag"], DmClientAuth.State> = {
      Idle: start,
      Waiting: waiting,
      Judging: judging,
      Committing: committing,
      Ready: step(committing, Event.Committed("kept"))[0],
      Done: DmClientAuth.State.Done(),
      Failed: step(waiting, Event.Aborted())[0]
    }
    const events: Record<DmClientAuth.Event["_tag"], DmClientAuth.Event> = {
      Start: Event.Start(opening),
      Answered: Event.Answered(received, supply),
      Lost: Event.Lost(),
      Judged: Event.Judged("match"),
      Committed: Event.Committed("kept"),
      Next: Event.Next(),
      Aborted: Event.Aborted()
    }
    const expected: Record<string, Partial<Record<string, DmClientAuth.State["_tag"]>>> = {
      Idle: { Start: "Waiting", Aborted: "Failed" },
      Waiting: { Answered: "Judging", Lost: "Waiting", Aborted: "Failed" },
      Judging: { Judged: "Committing", Aborted: "Failed" },
      Committing: { Committed: "Ready", Aborted: "Failed" },
      Ready: { Next: "Waiting", Aborted: "Failed" },
      Done: {},
      Failed: {}
    }
    for (const [name, state] of Object.entries(states)) {
      for (const [event, value] of Object.entries(events)) {
        const after = expected[name]![event]
        it(`${name} x ${event} -> ${after ?? "OutOfOrder"}`, () => {
          assert.strictEqual(state._tag, name)
          const result = DmClientAuth.step(state, value, mutual)
          if (after !== undefined) assert.strictEqual(Result.getOrThrow(result)[0]._tag, after)
          else {
            const refused: DmAuthError.OutOfOrder | undefined = Result.isFailure(result) ? result.failure : undefined
            assert.deepInclude(refused, { machine: "DmClientAuth", state: name, event })
          }
        })
      }
    }
  })
})
