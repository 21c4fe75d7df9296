import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Exit, Redacted, Result } from "effect"
import * as fc from "fast-check"
import {
  Authorization,
  Challenge,
  DigestAgent,
  DigestClient,
  DigestComputation,
  DigestUri
} from "../../src/digest/index.ts"
import { alice, type Gate, gate, hashes, memory, provision, services } from "./gate.ts"
import { fuzzRuns } from "./support.ts"

const { Action, Event, State, defaultRules: rules, noSpaces } = DigestClient
const request = { origin: "http://naf1.home1.net", target: "/a/b" }

const challenge = (change: Partial<Challenge.ChallengeParameters> = {}): Challenge.Challenge =>
  Result.getOrThrow(
    Challenge.parse([
      Result.getOrThrow(Challenge.encode({ realm: "r", nonce: "n1", algorithm: "SHA-256", qop: ["auth"], ...change }))
    ])
  )[0]!

const start = (spaces: DigestClient.Spaces = noSpaces, given: Partial<DigestClient.ClientRules> = {}) =>
  DigestClient.step({ ...rules, ...given }, spaces, State.Ready({ request }), Event.Start({ cnonce: "c0" }))
const challenged = (
  step: DigestClient.Step,
  challenges: ReadonlyArray<Challenge.Challenge>,
  given: Partial<DigestClient.ClientRules> = {},
  resynchronised = false
) =>
  DigestClient.step(
    { ...rules, ...given },
    step.spaces,
    step.state,
    Event.Challenged({ challenges, cnonce: "c1", resynchronised })
  )
const answered = (
  step: DigestClient.Step,
  proof: "right" | "wrong" | "absent" = "right",
  nextnonce?: string,
  given: Partial<DigestClient.ClientRules> = {}
) => DigestClient.step({ ...rules, ...given }, step.spaces, step.state, Event.Answered({ proof, nextnonce }))
const used = (step: DigestClient.Step) =>
  step.action._tag === "Send" ? step.action.use : assert.fail(JSON.stringify(step.action))
const gaveUp = (step: DigestClient.Step) =>
  step.action._tag === "GiveUp" ? step.action.why : assert.fail(JSON.stringify(step.action))

describe("DigestClient", () => {
  it("asks without credentials, answers the challenge, delivers", () => {
    const first = start()
    assert.isUndefined(used(first))
    const second = challenged(first, [challenge()])
    assert.deepInclude(used(second), { nonce: "n1", count: 1, cnonce: "c1", qop: "auth", origin: request.origin })
    assert.deepStrictEqual(answered(second).action, Action.Deliver({ serverProved: true }))
  })
  it("goes on with the nonce it has, count by count", () => {
    let step = answered(challenged(start(), [challenge()]))
    for (let count = 2; count < 6; count++) {
      step = start(step.spaces)
      assert.deepInclude(used(step), { nonce: "n1", count, cnonce: "c0" })
      step = answered(step)
    }
  })
  it("gives side by side exchanges counts of their own", () => {
    let { spaces } = challenged(start(), [challenge()])
    const counts = Array.from({ length: 5 }, () => {
      const step = start(spaces)
      spaces = step.spaces
      return used(step)?.count
    })
    assert.deepStrictEqual(counts, [2, 3, 4, 5, 6])
  })
  it("takes the strongest algorithm that its rules accept", () => {
    const all = (["MD5", "SHA-256", "SHA-512-256", "MD5-sess"] as const).map((algorithm) => challenge({ algorithm }))
    assert.strictEqual(used(challenged(start(), all))?.challenge.algorithm, "SHA-512-256")
    assert.strictEqual(
      used(challenged(start(), all, { algorithms: ["MD5", "SHA-256"] }))?.challenge.algorithm,
      "SHA-256"
    )
    assert.strictEqual(gaveUp(challenged(start(), all, { algorithms: ["SHA-256-sess"] })), "no-acceptable-challenge")
    assert.strictEqual(gaveUp(challenged(start(), [challenge({ algorithm: "AKAv1-MD5" })])), "no-acceptable-challenge")
    assert.strictEqual(gaveUp(challenged(start(), [])), "no-acceptable-challenge")
  })
  it("prefers AKAv2 where both versions are offered", () => {
    const both = [challenge({ algorithm: "AKAv1-MD5" }), challenge({ algorithm: "AKAv2-MD5" })]
    assert.strictEqual(
      used(challenged(start(), both, { algorithms: ["AKAv1-MD5", "AKAv2-MD5"] }))?.challenge.algorithm,
      "AKAv2-MD5"
    )
  })
  it("answers no challenge without qop unless told to, and then once a nonce", () => {
    const old = challenge({ qop: [] })
    assert.strictEqual(gaveUp(challenged(start(), [old])), "no-acceptable-challenge")
    const step = challenged(start(noSpaces, { legacy: true }), [old], { legacy: true })
    assert.deepInclude(used(step), { qop: undefined, count: 1 })
    assert.isUndefined(used(start(step.spaces, { legacy: true })))
    assert.strictEqual(
      gaveUp(challenged(start(), [challenge({ qop: [], algorithm: "SHA-256-sess" })], { legacy: true })),
      "no-acceptable-challenge"
    )
  })
  it("takes the qop that it prefers", () => {
    const both = challenge({ qop: ["auth", "auth-int"] })
    assert.strictEqual(used(challenged(start(), [both]))?.qop, "auth")
    assert.strictEqual(used(challenged(start(), [both], { qop: ["auth-int", "auth"] }))?.qop, "auth-int")
    assert.strictEqual(
      gaveUp(challenged(start(), [challenge({ qop: ["auth"] })], { qop: ["auth-int"] })),
      "no-acceptable-challenge"
    )
  })
  it("does not let a server, or who stands in between, go down to a weaker algorithm", () => {
    const strong = answered(challenged(start(), [challenge()]))
    assert.strictEqual(
      gaveUp(challenged(start(strong.spaces), [challenge({ algorithm: "MD5", nonce: "n2" })])),
      "downgrade"
    )
    assert.strictEqual(
      gaveUp(challenged(start(strong.spaces), [challenge({ qop: [], nonce: "n2" })], { legacy: true })),
      "downgrade"
    )
    assert.deepInclude(used(challenged(start(strong.spaces), [challenge({ algorithm: "SHA-512-256", nonce: "n2" })])), {
      nonce: "n2"
    })
    assert.deepInclude(used(challenged(start(strong.spaces), [challenge({ realm: "r2", algorithm: "MD5" })])), {
      nonce: "n1"
    })
  })
  it("retries a stale nonce once and wrong credentials never", () => {
    const sent = challenged(start(), [challenge()])
    assert.strictEqual(gaveUp(challenged(sent, [challenge({ nonce: "n2" })])), "credentials-refused")
    const again = challenged(sent, [challenge({ nonce: "n2", stale: true })])
    assert.deepInclude(used(again), { nonce: "n2", count: 1 })
    assert.strictEqual(gaveUp(challenged(again, [challenge({ nonce: "n3", stale: true })])), "too-many-attempts")
    assert.strictEqual(gaveUp(challenged(again, [challenge({ nonce: "n3" })])), "credentials-refused")
  })
  it("answers the challenge that a resynchronisation asked for, once", () => {
    const sent = challenged(start(), [challenge()])
    const again = challenged(sent, [challenge({ nonce: "n2" })], {}, true)
    assert.deepInclude(used(again), { nonce: "n2", count: 1 })
    assert.strictEqual(gaveUp(challenged(again, [challenge({ nonce: "n3" })], {}, true)), "credentials-refused")
  })
  it("answers the challenge to a request that went ahead, since the server may have forgotten the nonce", () => {
    const known = answered(challenged(start(), [challenge()]))
    const ahead = start(known.spaces)
    const again = challenged(ahead, [challenge({ nonce: "n2" })])
    assert.deepInclude(used(again), { nonce: "n2", count: 1 })
    assert.strictEqual(gaveUp(challenged(again, [challenge({ nonce: "n3" })])), "credentials-refused")
  })
  it("stops at the allowed number of attempts", () => {
    assert.strictEqual(gaveUp(challenged(start(), [challenge()], { maxAttempts: 0 })), "too-many-attempts")
  })
  it("does not go ahead with a nonce that was refused", () => {
    const refused = challenged(challenged(start(), [challenge()]), [challenge({ nonce: "n2" })])
    assert.isUndefined(used(start(refused.spaces)))
  })
  it("takes nextnonce, but not over a nonce that came meanwhile", () => {
    const sent = challenged(start(), [challenge()])
    const renewed = answered(sent, "right", "n9")
    assert.deepInclude(used(start(renewed.spaces)), { nonce: "n9", count: 1 })
    const meanwhile = challenged(start(sent.spaces), [challenge({ nonce: "n5" })])
    const late = DigestClient.step(
      rules,
      meanwhile.spaces,
      sent.state,
      Event.Answered({ proof: "right", nextnonce: "n9" })
    )
    assert.deepInclude(used(start(late.spaces)), { nonce: "n5", count: 2 })
  })
  it("[SEC_CF-AUTH-002] refuses a wrong proof of the server always, a missing one where it wants one", () => {
    const sent = challenged(start(), [challenge()])
    assert.strictEqual(gaveUp(answered(sent, "wrong", "n9")), "server-proof-wrong")
    assert.isNotTrue(answered(sent, "wrong", "n9").spaces.some(({ nonce }) => nonce === "n9"))
    assert.deepStrictEqual(answered(sent, "absent").action, Action.Deliver({ serverProved: false }))
    assert.strictEqual(gaveUp(answered(sent, "absent", undefined, { requireProof: true })), "server-proof-missing")
    assert.deepStrictEqual(answered(start()).action, Action.Deliver({ serverProved: false }))
  })
  it("keeps the first cnonce of a session", () => {
    const sent = answered(challenged(start(), [challenge({ algorithm: "MD5-sess" })]))
    assert.deepInclude(used(start(sent.spaces)), { count: 2, cnonce: "c1" })
  })
  it("remembers no more spaces than allowed, the newest first", () => {
    let spaces = noSpaces
    for (let i = 0; i < 100; i++) spaces = challenged(start([]), [challenge({ realm: `r${i}` })]).spaces.concat(spaces)
    const step = challenged({ ...start(spaces), spaces }, [challenge({ realm: "new" })], { maxSpaces: 8 })
    assert.lengthOf(step.spaces, 8)
    assert.strictEqual(step.spaces[0]?.challenge.realm, "new")
  })
  it("answers every event in every state", () => {
    const waiting = challenged(start(), [challenge()]).state
    const events = [
      Event.Start({ cnonce: "c" }),
      Event.Challenged({ challenges: [], cnonce: "c", resynchronised: false }),
      Event.Answered({ proof: "right", nextnonce: undefined })
    ]
    const table: Record<string, ReadonlyArray<string>> = {
      Ready: ["Send", "OutOfOrder", "OutOfOrder"],
      Waiting: ["OutOfOrder", "GiveUp", "Deliver"],
      Finished: ["OutOfOrder", "OutOfOrder", "OutOfOrder"]
    }
    for (const state of [State.Ready({ request }), waiting, State.Finished()]) {
      assert.deepStrictEqual(
        events.map((event) => DigestClient.step(rules, noSpaces, state, event).action._tag),
        table[state._tag]
      )
    }
  })
  it("any run of events ends, and no nonce is sent twice with one count", () => {
    const event = fc.oneof(
      fc
        .record({ nonce: fc.constantFrom("n1", "n2", "n3"), stale: fc.boolean(), realm: fc.constantFrom("r", "s") })
        .map((change) => ({ _tag: "c", change }) as const),
      fc
        .record({ next: fc.option(fc.constantFrom("m1", "m2"), { nil: undefined }) })
        .map(({ next }) => ({ _tag: "a", next }) as const)
    )
    fc.assert(
      fc.property(fc.array(fc.array(event, { maxLength: 6 }), { maxLength: 12 }), (runs) => {
        let spaces = noSpaces
        const sent = new Set<string>()
        let fresh = 0
        for (const events of runs) {
          let step = start(spaces)
          let sends = 0
          const note = () => {
            if (step.action._tag !== "Send") return
            sends++
            const { use } = step.action
            if (use === undefined) return
            const key = `${use.origin} ${use.challenge.realm} ${use.nonce} ${use.count}`
            assert.isFalse(sent.has(key), key)
            sent.add(key)
          }
          note()
          for (const one of events) {
            if (step.action._tag !== "Send") break
            // every challenge of an honest server has a nonce of its own
            step =
              one._tag === "c"
                ? challenged(step, [challenge({ ...one.change, nonce: `${one.change.nonce}-${fresh++}` })])
                : answered(step, "right", one.next === undefined ? undefined : `${one.next}-${fresh++}`)
            note()
          }
          assert.isAtMost(sends, 4)
          spaces = step.spaces
        }
      }),
      { numRuns: fuzzRuns(500) }
    )
  })
})

describe("protection spaces", () => {
  const home = "http://h.example"
  it("are the whole server, or what domain says", () => {
    const inSpace = (domain: ReadonlyArray<string>, target: string, origin = home, abroad = false) =>
      DigestUri.inSpace(domain, home, abroad, origin, target)
    assert.strictEqual(inSpace([], "/x"), 0)
    assert.strictEqual(inSpace([], "/x", "http://other"), -1)
    assert.strictEqual(inSpace(["/a", "/a/b"], "/a/b/c"), 4)
    assert.strictEqual(inSpace(["/a"], "/b"), -1)
    assert.strictEqual(inSpace(["http://H.example/a"], "/a"), 2)
    assert.strictEqual(inSpace(["https://h.example/a"], "/a"), -1)
    assert.strictEqual(inSpace(["http://evil.example/"], "/", "http://evil.example"), -1)
    assert.strictEqual(inSpace(["http://friend.example/"], "/", "http://friend.example", true), 1)
    assert.strictEqual(inSpace(["http://h.example@evil.example/"], "/", "http://evil.example", true), -1)
  })
  it("the narrowest one is used", () => {
    const one = challenged(start(), [challenge({ realm: "wide", nonce: "w" })])
    const two = challenged({ ...start(one.spaces), spaces: one.spaces }, [
      challenge({ realm: "deep", nonce: "d", domain: ["/a/"] })
    ])
    assert.deepInclude(used(start(two.spaces)), { nonce: "d" })
    const elsewhere = DigestClient.preempt(rules, two.spaces, { ...request, target: "/z" }, "c")[1]
    assert.deepInclude(elsewhere, { nonce: "w" })
    assert.isUndefined(DigestClient.preempt(rules, two.spaces, { ...request, origin: "http://other" }, "c")[1])
  })
  it("both forms of a request target match where the rule allows it, and only on this host", () => {
    const matches = (uri: string, target: string) => DigestUri.matches("either-form", uri, target, "H.example:80")
    assert.isTrue(matches("/a?b", "http://h.example:80/a?b"))
    assert.isTrue(matches("HTTP://h.example:80/a", "/a"))
    assert.isTrue(matches("/", "http://h.example:80"))
    for (const [uri, target] of [
      ["/a", "http://evil.example/a"],
      ["/a", "http://h.example/a"],
      ["/a", "http://h.example:80/A"],
      ["http://h.example:80/a", "http://h.example:80/b"],
      ["http://h.example:80/a", "https://h.example:80/a"],
      ["/a", "/b"],
      ["*", "/"],
      ["http://", "/"]
    ] as const) {
      assert.isFalse(matches(uri, target), `${uri} ${target}`)
      assert.isFalse(DigestUri.matches("exact", uri, target, undefined))
    }
  })
})

describe("DigestAgent against our gate", () => {
  const agentOf = (rules: Partial<DigestClient.ClientRules> = {}, password: string = alice.password) =>
    DigestAgent.make({
      hashes,
      rules,
      credentials: DigestAgent.passwordCredentials(hashes, alice.username, Redacted.make(password))
    })
  const algorithms = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"] as const

  /** Sends over the gate; `tamper` may change what comes back. */
  const sender = (
    g: Gate,
    request: DigestAgent.AgentRequest,
    log: Array<string | undefined> = [],
    tamper: (response: DigestAgent.AgentResponse) => DigestAgent.AgentResponse = (response) => response
  ) =>
    Effect.fnUntraced(function* (authorization: string | undefined) {
      log.push(authorization)
      const admission = yield* g.admit(
        authorization === undefined ? [] : [authorization],
        request.method,
        request.target,
        request.body ?? new Uint8Array(0)
      )
      const body = Bytes.utf8("<answer/>")
      if (admission._tag === "Admitted") {
        return tamper({ status: 200, challenges: [], info: [yield* admission.reply!.authenticationInfo(body)], body })
      }
      const challenges = admission._tag === "Challenge" ? admission.challenges.flatMap(({ fields }) => fields) : []
      return tamper({ status: challenges.length > 0 ? 401 : 400, challenges, info: [], body: new Uint8Array(0) })
    })

  for (const algorithm of algorithms) {
    for (const qop of ["auth", "auth-int"] as const) {
      for (const userhash of [false, true]) {
        it.effect(
          `[SEC_CF-AUTH-002] ${algorithm}, ${qop}${userhash ? ", userhash" : ""}: both sides are proved, the second request goes ahead`,
          () =>
            Effect.gen(function* () {
              yield* provision
              const g = yield* gate({ algorithms: [algorithm], qop: [qop], userhash })
              const agent = yield* agentOf({ requireProof: true })
              const log: Array<string | undefined> = []
              const asked = {
                origin: "http://naf1.home1.net",
                target: "/doc?x=%20",
                method: "PUT",
                body: Bytes.utf8("<a/>")
              }
              for (let i = 0; i < 3; i++) {
                const { response, serverProved } = yield* agent.request(asked, sender(g, asked, log))
                assert.strictEqual(response.status, 200)
                assert.isTrue(serverProved)
              }
              assert.lengthOf(log, 4)
              const sent = log.slice(1).map((field) => Result.getOrThrow(Authorization.parse([field!]))!)
              assert.deepStrictEqual(
                sent.map(({ nc }) => nc),
                ["00000001", "00000002", "00000003"]
              )
              assert.deepStrictEqual(
                sent.map(({ userhash }) => userhash),
                [userhash, userhash, userhash]
              )
              assert.lengthOf(new Set(sent.map(({ cnonce }) => cnonce)), algorithm.endsWith("-sess") ? 1 : 3)
            }).pipe(Effect.provide(services(memory)))
        )
      }
    }
  }

  it.effect("[SEC_CF-AUTH-002] a changed answer, a changed proof and a missing one are refused", () =>
    Effect.gen(function* () {
      yield* provision
      const g = yield* gate({ qop: ["auth-int"] })
      const asked = { origin: "http://naf1.home1.net", target: "/", method: "GET" }
      const outcome = (tamper: Parameters<typeof sender>[3]) =>
        Effect.flatMap(agentOf({ requireProof: true }), (agent) =>
          Effect.flip(agent.request(asked, sender(g, asked, [], tamper)))
        )
      const info = (change: (info: string) => string) => (response: DigestAgent.AgentResponse) => ({
        ...response,
        info: response.info.map(change)
      })
      assert.deepInclude(yield* outcome((response) => ({ ...response, body: Bytes.utf8("<evil/>") })), {
        why: "server-proof-wrong"
      })
      for (const change of [
        (text: string) => text.replace(/rspauth="./, 'rspauth="x'),
        (text: string) => text.replace(/cnonce="./, 'cnonce="*'),
        (text: string) => text.replace("nc=00000001", "nc=00000002"),
        (text: string) => text.replace("qop=auth-int", "qop=auth")
      ]) {
        assert.deepInclude(yield* outcome(info(change)), { _tag: "DigestGaveUp", why: "server-proof-wrong" })
      }
      assert.deepInclude(yield* outcome(info(() => "qop=auth-int")), { why: "server-proof-missing" })
      assert.deepInclude(yield* outcome(info(() => 'rspauth="')), { _tag: "DigestMalformed" })
    }).pipe(Effect.provide(services(memory)))
  )
  it.effect("gives up on wrong credentials after one try, and on none at once", () =>
    Effect.gen(function* () {
      yield* provision
      const g = yield* gate()
      const asked = { origin: "http://naf1.home1.net", target: "/", method: "GET" }
      const log: Array<string | undefined> = []
      const wrong = yield* agentOf({}, "wrong")
      assert.deepInclude(yield* Effect.flip(wrong.request(asked, sender(g, asked, log))), {
        why: "credentials-refused"
      })
      assert.lengthOf(log, 2)
      const none = yield* DigestAgent.make({ hashes, credentials: () => Effect.succeed(undefined) })
      assert.deepInclude(yield* Effect.flip(none.request(asked, sender(g, asked))), { why: "no-credentials" })
      const exit = yield* Effect.exit(wrong.request(asked, sender(g, asked)))
      assert.notInclude(JSON.stringify(Exit.isFailure(exit) ? exit.cause : ""), 'wrong"')
    }).pipe(Effect.provide(services(memory)))
  )
  it.effect("64 requests side by side on one agent all pass", () =>
    Effect.gen(function* () {
      yield* provision
      const g = yield* gate()
      const agent = yield* agentOf({ requireProof: true })
      const asked = { origin: "http://naf1.home1.net", target: "/", method: "GET" }
      yield* agent.request(asked, sender(g, asked))
      const all = yield* Effect.all(
        Array.from({ length: 64 }, () =>
          agent.request(asked, (field) => Effect.andThen(Effect.yieldNow, sender(g, asked)(field)))
        ),
        { concurrency: "unbounded" }
      )
      assert.isTrue(all.every(({ serverProved }) => serverProved))
      yield* agent.forget
      const log: Array<string | undefined> = []
      yield* agent.request(asked, sender(g, asked, log))
      assert.isUndefined(log[0])
    }).pipe(Effect.provide(services(memory)))
  )
  it.effect("does AKA: the password comes out of the nonce, and auts goes with the empty one", () =>
    Effect.gen(function* () {
      const ub: Array<Authorization.Authorization> = []
      const asked = { origin: "http://bsf.home1.net", target: "/", method: "GET" }
      const res = Bytes.fromHex("a54211d5e3ba50bf")!
      const user = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
      const ha1 = (challenge: { readonly realm: string }, password: Uint8Array) =>
        Redacted.make(DigestComputation.ha1(hashes.MD5, user, challenge.realm, password))
      let round = 0
      const agent = yield* DigestAgent.make({
        hashes,
        rules: { algorithms: ["AKAv1-MD5"], qop: ["auth-int"] },
        credentials: (_origin, challenge) =>
          Effect.succeed(
            round++ === 0
              ? { username: user, ha1: ha1(challenge, new Uint8Array(0)), auts: "uoU/PBI8z0TpNZbjVcY=" }
              : { username: user, ha1: ha1(challenge, res) }
          )
      })
      const challengeWith = (nonce: string) =>
        Result.getOrThrow(
          Challenge.encode({ realm: "bsf.home1.net", nonce, algorithm: "AKAv1-MD5", qop: ["auth-int"] })
        )
      const { response } = yield* agent.request(asked, (field) => {
        if (field !== undefined) ub.push(Result.getOrThrow(Authorization.parse([field]))!)
        const challenges = ub.length === 0 ? [challengeWith("n1")] : ub.length === 1 ? [challengeWith("n2")] : []
        return Effect.succeed({
          status: challenges.length > 0 ? 401 : 200,
          challenges,
          info: [],
          body: new Uint8Array(0)
        })
      })
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(
        ub.map(({ algorithm, auts }) => [algorithm, auts]),
        [
          ["AKAv1-MD5", "uoU/PBI8z0TpNZbjVcY="],
          ["AKAv1-MD5", undefined]
        ]
      )
    }).pipe(Effect.provide(NodePrimitives.layer))
  )
})
