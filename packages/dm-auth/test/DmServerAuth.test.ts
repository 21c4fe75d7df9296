import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Redacted, Result } from "effect"
import {
  DmAuthAnswer,
  type DmAuthError,
  DmAuthPolicy,
  type DmAuthType,
  type DmCheck,
  DmLayers,
  DmServerAuth
} from "../src/index.ts"

const { Event, start } = DmServerAuth
const md5 = "syncml:auth-md5"
const sha256 = "syncml:auth-sha256"
const mac = "syncml:auth-MAC"
const basic = "syncml:auth-basic"
const policy = DmAuthPolicy.defaultServerPolicy
const withCheck = (check: Partial<DmAuthPolicy.CheckPolicy>): DmAuthPolicy.DmServerPolicy => ({
  ...policy,
  check: { ...policy.check, ...check }
})
const open: DmAuthPolicy.ConnectionFacts = { id: "a", integrity: false, confidentiality: false, peerVerified: false }
const tls: DmAuthPolicy.ConnectionFacts = { id: "a", integrity: true, confidentiality: true, peerVerified: false }

const challengeNonce = Bytes.utf8("challenge")
const nextNonce = Bytes.utf8("next")
const supply: DmServerAuth.Supply = {
  challengeNonce,
  count: 3,
  nextNonce,
  token: "token",
  accountTypes: policy.check.types,
  reflects: false
}
const cred = (type: string, length?: number): DmCheck.Shown => ({
  cred: { type, octets: Redacted.make(new Uint8Array(length ?? (type === sha256 ? 32 : 16)).fill(7)) }
})
const macShown: DmCheck.Shown = { mac: { algorithm: "MD5", username: "u", mac: "AAAA" } }

const message = (
  msgId: number,
  shown: DmCheck.Shown = {},
  rest: Partial<DmServerAuth.ReceivedMessage> = {}
): DmServerAuth.ReceivedMessage => ({
  msgId,
  fingerprint: Bytes.utf8(`${msgId} ${shown.cred?.type} ${shown.mac === undefined} ${rest.token}`),
  connection: open,
  shown,
  credInCommand: false,
  ...rest
})

type Run = readonly [DmServerAuth.State, ReadonlyArray<DmServerAuth.Action>]
const step = (state: DmServerAuth.State, event: DmServerAuth.Event, rules = policy): Run =>
  Result.getOrThrow(DmServerAuth.step(state, event, rules))
const sent = ([, actions]: Run): DmServerAuth.Answer => {
  const sends = actions.filter((action) => action._tag === "Send")
  assert.lengthOf(sends, 1)
  return sends[0]!.answer
}
const tags = ([, actions]: Run) => actions.map((action) => action._tag)

/** A message whose credentials hold. */
const admit = (
  state: DmServerAuth.State,
  received: DmServerAuth.ReceivedMessage,
  rules = policy,
  given = supply
): Run => {
  const judging = step(state, Event.Received(received, given), rules)
  assert.deepStrictEqual(tags(judging).at(-1), "Verify")
  const committing = step(judging[0], Event.Judged("match"), rules)
  assert.deepStrictEqual(committing[1], [{ _tag: "Commit", count: 3, nextNonce }])
  return step(committing[0], Event.Committed("kept"), rules)
}
const reject = (state: DmServerAuth.State, received: DmServerAuth.ReceivedMessage, rules = policy): Run =>
  step(step(state, Event.Received(received, supply), rules)[0], Event.Judged("mismatch"), rules)

describe("DmServerAuth", () => {
  it("[DM-CRED-006] [DM-CHAL-001] no credentials give 407, wrong ones 401, each with a Chal that stores nothing", () => {
    const missing = step(start, Event.Received(message(1), supply))
    assert.deepStrictEqual(tags(missing), ["Send"])
    assert.deepInclude(sent(missing), {
      status: 407,
      chal: { type: sha256, nonce: challengeNonce },
      execute: false,
      manage: false,
      end: false
    })
    const wrong = reject(missing[0], message(2, cred(sha256)))
    assert.deepStrictEqual(tags(wrong), ["SlowDown", "Send"])
    assert.deepInclude(sent(wrong), { status: 401, chal: { type: sha256, nonce: challengeNonce }, end: false })
    const again = reject(wrong[0], message(3, cred(sha256)))
    assert.deepInclude(sent(again), { status: 401, chal: { type: sha256, nonce: challengeNonce }, end: true })
    assert.strictEqual(again[0]._tag, "Ended")
  })

  it("[DM-CHAL-007] 212: the session goes on without Cred at its RespURI or on its protected connection, and there alone", () => {
    const accepted = admit(start, message(1, cred(md5)))
    assert.deepInclude(sent(accepted), {
      status: 212,
      chal: { type: md5, nonce: nextNonce },
      execute: true,
      manage: true,
      respUriToken: "token",
      end: false
    })
    const inSession = step(
      accepted[0],
      Event.Received(message(2, {}, { token: "token", connection: { ...open, id: "b" } }), supply)
    )
    assert.deepInclude(sent(inSession), { status: 200, reason: "in session", execute: true })
    assert.isUndefined(sent(inSession).chal)
    for (const [rest, note] of [
      [{}, "no token on a connection without integrity"],
      [{ token: "other" }, "another token"],
      [{ connection: { ...tls, id: "b" } }, "another protected connection"]
    ] as const) {
      const elsewhere = step(accepted[0], Event.Received(message(2, {}, rest), supply))
      assert.deepInclude(sent(elsewhere), { status: 407, execute: false }, note)
      assert.strictEqual(elsewhere[0]._tag, "Proved")
      assert.deepStrictEqual(elsewhere[0], accepted[0], note)
    }
    const overTls = admit(start, message(1, cred(md5), { connection: tls }))
    assert.strictEqual(sent(step(overTls[0], Event.Received(message(2, {}, { connection: tls }), supply))).status, 200)
    const unprotected = { ...tls, integrity: false }
    const sameId = step(overTls[0], Event.Received(message(2, {}, { connection: unprotected }), supply))
    assert.strictEqual(sent(sameId).execute, false)
  })

  it("a stranger's failures leave the session as it is; his success replaces it", () => {
    const [owner] = admit(start, message(1, cred(md5)))
    const stranger = { connection: { ...open, id: "x" } }
    for (const n of [1, 2, 3, 4]) {
      const failed = reject(owner, message(n + 1, cred(md5), stranger))
      assert.deepStrictEqual(failed[0], owner)
      assert.deepInclude(sent(failed), { status: 401, end: false })
    }
    const other = admit(owner, message(1, cred(sha256), stranger), policy, { ...supply, token: "second" })
    assert.deepInclude(other[0], { _tag: "Proved", token: "second" })
  })

  it("the same octets get the stored answer, in every state that remembers them; another message of that number does not", () => {
    const challenged = step(start, Event.Received(message(1), supply))
    const accepted = admit(challenged[0], message(2, cred(sha256)))
    const ended = step(accepted[0], Event.Finished())
    const exhausted = reject(start, message(1, cred(md5)), withCheck({ attempts: 1 }))
    for (const [state, same] of [
      [challenged[0], message(1)],
      [accepted[0], message(2, cred(sha256))],
      [ended[0], message(2, cred(sha256))],
      [exhausted[0], message(1, cred(md5))]
    ] as const) {
      const again = step(state, Event.Received({ ...same, connection: { ...open, id: "z" } }, supply))
      assert.deepStrictEqual(again, [state, [{ _tag: "Resend" }]])
    }
    const changed = step(accepted[0], Event.Received(message(2, {}, { token: "token" }), supply))
    assert.deepInclude(sent(changed), { status: 407, execute: false })
  })

  it("[DM-CHAL-003] 200 with Chal: every message shows credentials over the nonce of the last", () => {
    const rules = withCheck({ mode: "message" })
    const first = admit(start, message(1, cred(md5)), rules)
    assert.deepInclude(sent(first), { status: 200, chal: { type: md5, nonce: nextNonce }, respUriToken: "token" })
    const second = admit(first[0], message(2, cred(md5), { token: "token" }), rules)
    assert.deepInclude(sent(second), { status: 200, chal: { type: md5, nonce: nextNonce } })
    assert.isUndefined(sent(second).respUriToken)
    assert.deepInclude(second[0], { token: "token" })
    const absent = step(first[0], Event.Received(message(2, {}, { token: "token" }), supply), rules)
    assert.deepInclude(sent(absent), { status: 407, end: false })
    assert.deepStrictEqual(tags(absent), ["Send"])
    assert.strictEqual(sent(admit(absent[0], message(3, cred(md5), { token: "token" }), rules)).status, 200)
  })

  it("[DM-CHAL-006] 200 without Chal only where configured; the same Cred counts for the next MsgID of that session alone", () => {
    const rules = withCheck({ mode: "repeat" })
    const first = admit(start, message(1, cred(md5)), rules)
    assert.strictEqual(sent(first).status, 200)
    assert.isUndefined(sent(first).chal)
    const second = step(first[0], Event.Received(message(2, cred(md5), { token: "token" }), supply), rules)
    assert.deepInclude(sent(second), { status: 200, reason: "accepted, same credentials again" })
    const third = step(second[0], Event.Received(message(3, cred(md5), { token: "token" }), supply), rules)
    assert.strictEqual(sent(third).status, 200)
    for (const replay of [
      message(3, cred(md5), { token: "token" }),
      message(2, cred(md5)),
      message(2, cred(md5), { token: "other" })
    ]) {
      assert.deepStrictEqual(tags(step(first[0], Event.Received(replay, supply), rules)), ["Verify"])
    }
    for (const mode of ["session", "message"] as const) {
      const answer = sent(admit(start, message(1, cred(md5)), withCheck({ mode })))
      assert.isTrue(answer.status !== 200 || answer.chal !== undefined)
    }
  })

  it("a lost race is answered as a mismatch, with the challenge of the new count", () => {
    const judging = step(start, Event.Received(message(1, cred(md5)), supply))
    const committing = step(judging[0], Event.Judged("match"))
    const raced = step(committing[0], Event.Raced(Bytes.utf8("newer")))
    assert.deepInclude(sent(raced), { status: 401, chal: { type: md5, nonce: Bytes.utf8("newer") }, execute: false })
  })

  it("a store that does not answer gives 503 and changes nothing", () => {
    const judging = step(start, Event.Received(message(1, cred(md5)), supply))
    const committing = step(judging[0], Event.Judged("match"))
    for (const run of [
      step(judging[0], Event.Judged("unavailable")),
      step(committing[0], Event.Committed("unavailable"))
    ]) {
      assert.deepInclude(sent(run), { status: 503, execute: false, end: false })
      assert.isUndefined(sent(run).chal)
      assert.deepInclude(run[0], { _tag: "Unproved", attempts: 0 })
    }
    const [owner] = admit(start, message(1, cred(md5)))
    const again = step(owner, Event.Received(message(1, cred(sha256)), supply))
    assert.deepStrictEqual(step(again[0], Event.Judged("unavailable"))[0], owner)
  })

  it("[DM-CRED-007] after a challenge another type does not count, whatever it holds", () => {
    const challenged = step(start, Event.Received(message(1), supply))
    const other = step(challenged[0], Event.Received(message(2, cred(md5)), supply))
    assert.deepStrictEqual(tags(other), ["SlowDown", "Send"])
    assert.deepInclude(sent(other), {
      status: 401,
      reason: "not the demanded type",
      chal: { type: sha256, nonce: challengeNonce }
    })
  })

  it("[DM-CRED-003] the default type is basic; foreign, weak and unaccepted types are challenged with the strongest", () => {
    for (const type of ["syncml:auth-X509", "syncml:auth-MAC", "", basic]) {
      const refused = step(start, Event.Received(message(1, cred(type)), supply))
      assert.deepInclude(sent(refused), {
        status: 401,
        reason: "type refused",
        chal: { type: sha256, nonce: challengeNonce }
      })
    }
    const overTls = step(start, Event.Received(message(1, cred(basic), { connection: tls }), supply))
    assert.deepStrictEqual(tags(overTls), ["Verify"])
    const strict = withCheck({ minimum: DmAuthPolicy.strictMinimum })
    const weak = step(start, Event.Received(message(1, cred(sha256)), supply), strict)
    assert.deepInclude(sent(weak), { status: 401, chal: { type: mac, nonce: challengeNonce } })
    const onlyMd5 = step(start, Event.Received(message(1, cred(sha256)), { ...supply, accountTypes: [md5] }))
    assert.deepInclude(sent(onlyMd5), { status: 401, chal: { type: md5, nonce: challengeNonce } })
  })

  it("what was demanded counts no longer once policy has no room for it, MAC included", () => {
    const first = admit(start, message(1, macShown), withCheck({ types: [mac] }))
    const digests = withCheck({ types: [md5] })
    const refused = step(first[0], Event.Received(message(2, macShown, { token: "token" }), supply), digests)
    assert.deepInclude(sent(refused), { status: 401, reason: "type refused" })
    assert.strictEqual(sent(refused).chal?.type, md5)
    const missing = step(first[0], Event.Received(message(2, {}, { token: "token" }), supply), digests)
    assert.deepInclude(sent(missing), { status: 407, reason: "missing" })
    assert.strictEqual(sent(admit(first[0], message(2, cred(md5), { token: "token" }), digests)).status, 212)
  })

  it("basic: no nonce in Chal, 212 without Chal", () => {
    const rules = withCheck({ types: [basic] })
    const asked = step(start, Event.Received(message(1, {}, { connection: tls }), supply), rules)
    assert.deepInclude(sent(asked), { status: 407, chal: { type: basic } })
    const accepted = admit(asked[0], message(2, cred(basic), { connection: tls }), rules)
    assert.strictEqual(sent(accepted).status, 212)
    assert.isUndefined(sent(accepted).chal)
  })

  it("a connection on which nothing passes is refused before credentials are asked for or judged", () => {
    const rules = withCheck({ types: [basic] })
    for (const shown of [{}, cred(basic), cred(md5), macShown]) {
      const run = step(start, Event.Received(message(1, shown), supply), rules)
      assert.deepInclude(sent(run), { status: 403, execute: false })
      assert.deepStrictEqual(tags(run), ["Send"])
    }
  })

  it("[DM-CRED-004] a digest of another length, or Data that does not decode, is wrong", () => {
    for (const shown of [cred(md5, 15), cred(md5, 32), cred(sha256, 16), { cred: { type: md5, octets: undefined } }]) {
      const run = step(start, Event.Received(message(1, shown), supply))
      assert.deepInclude(sent(run), { status: 401, reason: "unreadable" })
    }
  })

  it("[DM-MAC-001] MAC: 200 with Chal for every message, never 212; a missing header ends the session", () => {
    const rules = withCheck({ types: [mac] })
    const asked = step(start, Event.Received(message(1), supply), rules)
    assert.deepInclude(sent(asked), { status: 407, chal: { type: mac, nonce: challengeNonce } })
    const first = admit(asked[0], message(2, macShown), rules)
    assert.deepInclude(sent(first), { status: 200, chal: { type: mac, nonce: nextNonce }, respUriToken: "token" })
    const second = admit(first[0], message(3, macShown, { token: "token" }), rules)
    assert.deepInclude(sent(second), { status: 200, chal: { type: mac, nonce: nextNonce } })
    const missing = step(second[0], Event.Received(message(4, {}, { token: "token" }), supply), rules)
    assert.deepInclude(sent(missing), { status: 401, reason: "MAC missing", end: true })
    assert.strictEqual(missing[0]._tag, "Ended")
    const other = step(asked[0], Event.Received(message(2, cred(md5)), supply), rules)
    assert.deepInclude(sent(other), { status: 401, reason: "not the demanded type", end: true })
    const unreadable = step(start, Event.Received(message(1, { mac: "malformed" }), supply), rules)
    assert.deepInclude(sent(unreadable), { status: 401, reason: "unreadable" })
    const foreign = { ...macShown, locName: "somebody else" }
    assert.deepInclude(sent(step(start, Event.Received(message(1, foreign), supply), rules)), { reason: "rejected" })
  })

  it("[DM-CHAL-008] a client that the transport proved needs no credentials, but its Cred is judged as any", () => {
    const proved = { ...tls, peerVerified: true }
    const quiet = step(start, Event.Received(message(1, {}, { connection: proved }), supply))
    assert.deepInclude(sent(quiet), { status: 200, execute: true, reason: "accepted by transport" })
    const next = step(quiet[0], Event.Received(message(2, {}, { connection: proved }), supply))
    assert.deepInclude(sent(next), { status: 200, execute: true })
    const lost = step(quiet[0], Event.Received(message(2, {}, { token: "token" }), supply))
    assert.deepInclude(sent(lost), { status: 407 })
    const shown = step(start, Event.Received(message(1, cred(md5), { connection: proved }), supply))
    assert.deepStrictEqual(tags(shown), ["Verify"])
    const ignored = step(
      start,
      Event.Received(message(1, {}, { connection: proved }), supply),
      withCheck({ transport: "ignored" })
    )
    assert.strictEqual(sent(ignored).status, 407)
  })

  it("a reflecting account is refused as a wrong secret is", () => {
    const run = step(start, Event.Received(message(1, cred(md5)), { ...supply, reflects: true }))
    const wrong = reject(start, message(1, cred(md5)))
    const { reason: _a, ...one } = sent(run)
    const { reason: _b, ...other } = sent(wrong)
    assert.deepStrictEqual(one, other)
  })

  it("an unknown account and a wrong secret are told the same: the machine cannot tell them apart", () => {
    const unknown = { ...supply, count: 0 }
    const run = step(step(start, Event.Received(message(1, cred(md5)), unknown))[0], Event.Judged("mismatch"))
    assert.deepStrictEqual(run[1], reject(start, message(1, cred(md5)))[1])
  })

  it("LocName is not needed for digests", () => {
    assert.deepStrictEqual(tags(step(start, Event.Received(message(1, cred(md5)), supply))), ["Verify"])
  })

  it("[DM-CRED-002] [DM-CRED-005] credentials in a command do not authenticate anything in DM", () => {
    const run = step(start, Event.Received(message(1, {}, { credInCommand: true }), supply))
    assert.deepInclude(sent(run), { status: 407, credInCommand: true, execute: false })
  })

  describe("its own credentials", () => {
    const given = { ...supply, ownNonce: Bytes.utf8("from client") }
    const mutual = { ...policy, mutual: true }
    const chal = { type: md5, nonce: Bytes.utf8("client's challenge") } as const

    it("go out with the first answer to an authenticated client, and to no other", () => {
      assert.isUndefined(sent(step(start, Event.Received(message(1), given))).own)
      const accepted = admit(start, message(1, cred(md5)), mutual, given)
      assert.deepInclude(sent(accepted), { own: { type: sha256, nonce: Bytes.utf8("from client") }, manage: false })
      const told = { token: "token", status: { code: 212, chal } }
      const next = step(accepted[0], Event.Received(message(2, {}, told), given), mutual)
      assert.deepInclude(sent(next), { ownAccepted: true, manage: true })
      assert.deepStrictEqual(next[1][0], { _tag: "KeepPeerNonce", nonce: chal.nonce })
    })

    it("follow the client's challenge; its nonce is kept only once the client has authenticated", () => {
      const asked = step(start, Event.Received(message(1), given))
      const demanded = step(asked[0], Event.Received(message(2, {}, { status: { code: 407, chal } }), given))
      assert.deepStrictEqual(tags(demanded), ["Send"])
      const accepted = admit(demanded[0], message(3, cred(sha256)), mutual, given)
      assert.deepStrictEqual(accepted[1][0], { _tag: "KeepPeerNonce", nonce: chal.nonce })
      assert.deepInclude(sent(accepted), { own: { type: md5, nonce: chal.nonce } })
    })

    it("refused for good: reported, and the session ends where policy demands both", () => {
      const accepted = admit(start, message(1, cred(md5)), mutual, given)
      const no = { token: "token", status: { code: 401, chal: { type: "syncml:auth-X509" } } }
      const refused = step(accepted[0], Event.Received(message(2, {}, no), given), mutual)
      assert.deepStrictEqual(tags(refused), ["OwnRefused", "Send"])
      assert.deepInclude(sent(refused), { manage: false, end: true })
      const lenient = step(
        admit(start, message(1, cred(md5)), policy, given)[0],
        Event.Received(message(2, {}, no), given)
      )
      assert.deepInclude(sent(lenient), { manage: true, end: false })
    })

    it("Status 0 from a client that was shown nothing changes nothing", () => {
      const asked = step(start, Event.Received(message(1), supply))
      const zero = step(asked[0], Event.Received(message(2, {}, { status: { code: 0 } }), supply))
      assert.deepInclude(sent(zero), { status: 407 })
    })
  })

  describe("every state x every event", () => {
    const judging = step(start, Event.Received(message(1, cred(md5)), supply))[0]
    const committing = step(judging, Event.Judged("match"))[0]
    const proved = step(committing, Event.Committed("kept"))[0]
    const states: Record<DmServerAuth.State["_tag"], DmServerAuth.State> = {
      Unproved: start,
      Judging: judging,
      Committing: committing,
      Proved: proved,
      Ended: step(proved, Event.Aborted())[0]
    }
    const events: Record<DmServerAuth.Event["_tag"], DmServerAuth.Event> = {
      Received: Event.Received(message(2, {}, { token: "token" }), supply),
      Judged: Event.Judged("match"),
      Committed: Event.Committed("kept"),
      Raced: Event.Raced(challengeNonce),
      Finished: Event.Finished(),
      Aborted: Event.Aborted()
    }
    const expected: Record<string, Partial<Record<string, DmServerAuth.State["_tag"]>>> = {
      Unproved: { Received: "Unproved", Finished: "Ended", Aborted: "Ended" },
      Judging: { Judged: "Committing" },
      Committing: { Committed: "Proved", Raced: "Unproved" },
      Proved: { Received: "Proved", Finished: "Ended", Aborted: "Ended" },
      Ended: {}
    }
    for (const [name, state] of Object.entries(states)) {
      for (const [event, value] of Object.entries(events)) {
        const after = expected[name]![event]
        it(`${name} x ${event} -> ${after ?? "OutOfOrder"}`, () => {
          assert.strictEqual(state._tag, name)
          const result = DmServerAuth.step(state, value, policy)
          if (after !== undefined) assert.strictEqual(Result.getOrThrow(result)[0]._tag, after)
          else {
            const failure: DmAuthError.OutOfOrder | undefined = Result.isFailure(result) ? result.failure : undefined
            assert.deepInclude(failure, { machine: "DmServerAuth", state: name, event })
          }
        })
      }
    }
  })
})

describe("wire answers", () => {
  it("401 and 407 always carry Chal and never execute; refusals are all alike", () => {
    const refusals = Object.values(DmAuthAnswer.wireAnswers).filter((wire) => wire.status === 401)
    for (const wire of refusals) assert.deepInclude(wire, { chal: "always", execute: false, failure: true })
    for (const [reason, wire] of Object.entries(DmAuthAnswer.wireAnswers)) {
      assert.strictEqual(wire.chal === "always", wire.status === 401 || wire.status === 407, reason)
      assert.strictEqual(wire.execute, wire.status === 200 || wire.status === 212, reason)
      assert.isNotEmpty(wire.clause)
    }
  })
})

describe("[DM-CHAL-005] layers", () => {
  const decide = (scope: DmLayers.Scope, command: Partial<DmLayers.LayeredCommand>) =>
    DmLayers.decide(
      scope,
      { layer: "command", above: "accepted for the session", covered: true, ...command },
      policy.check,
      open
    )
  const shown = { type: md5, octets: Redacted.make(new Uint8Array(16)) } satisfies DmCheck.ShownCred
  const types: ReadonlyArray<DmAuthType.DmAuthType> = [md5]

  it("[DM-CRED-005] a Cred above covers what is below; without one the layer challenges in its own Status", () => {
    for (const layer of ["database", "command"] as const) {
      assert.deepStrictEqual(decide("SyncML", { layer, protectedBy: types }), { _tag: "Execute" })
      assert.deepStrictEqual(decide("SyncML", { layer, protectedBy: types, covered: false }), {
        _tag: "Refuse",
        status: 407,
        reason: "missing",
        ask: md5
      })
      assert.strictEqual(decide("SyncML", { layer, protectedBy: types, covered: false, cred: shown })._tag, "Judge")
    }
    assert.deepStrictEqual(decide("SyncML", { covered: false }), { _tag: "Execute" })
    const foreign = { ...shown, type: "syncml:auth-X509" }
    assert.deepInclude(decide("SyncML", { protectedBy: types, cred: foreign }), { status: 401, ask: md5 })
    assert.deepInclude(decide("SyncML", { protectedBy: [basic], covered: false }), { status: 403 })
  })

  it("[DM-CRED-002] in DM a Cred in a command is refused and nothing below the header is challenged", () => {
    assert.deepStrictEqual(decide("DM", {}), { _tag: "Execute" })
    assert.deepStrictEqual(decide("DM", { protectedBy: types, covered: false }), { _tag: "Execute" })
    assert.deepStrictEqual(decide("DM", { cred: shown }), {
      _tag: "Refuse",
      status: 400,
      reason: "credentials in a command"
    })
  })

  it("what is refused above is refused below with the same status", () => {
    for (const scope of ["DM", "SyncML"] as const) {
      assert.deepStrictEqual(decide(scope, { above: "missing", cred: shown }), {
        _tag: "Refuse",
        status: 407,
        reason: "missing"
      })
      assert.deepInclude(decide(scope, { above: "rejected" }), { status: 401 })
    }
  })
})
