import { assert, describe, it } from "@effect/vitest"
import { Bytes } from "@oma/sa-policy/bytes"
import { Result } from "effect"
import { Authorization, DigestServer } from "../../src/digest/index.ts"
import { type Answer, answer } from "./answers.ts"
import { alice, hashes, realm } from "./gate.ts"

const rules: DigestServer.ServerRules = {
  realms: [realm],
  algorithms: ["SHA-256", "MD5", "MD5-sess"],
  qop: ["auth", "auth-int"],
  legacy: false,
  uri: "exact",
  opaque: "o"
}
const facts: DigestServer.RequestFacts = {
  method: "GET",
  target: "/",
  authority: "naf1.home1.net",
  body: new Uint8Array(0)
}
const read = (given: Answer = {}) =>
  Result.getOrThrow(Authorization.parse([answer("nonce", { opaque: "o", ...given })]))!

const examine = (given: Answer = {}, change: Partial<DigestServer.ServerRules> = {}, request = facts) =>
  DigestServer.examine({ ...rules, ...change }, request, read(given))
const refusal = (result: ReturnType<typeof examine>) =>
  Result.isFailure(result) ? `${result.failure.refusal} ${result.failure.answer}` : "passes"

const ha1 = (algorithm: "MD5" | "SHA-256") => hashes[algorithm](Bytes.utf8(`alice:${realm}:${alice.password}`))

describe("examine", () => {
  const { body: _body, ...bodiless } = facts
  const table: ReadonlyArray<readonly [string, string, ReturnType<typeof examine>]> = [
    ["good credentials", "passes", examine()],
    ["another realm", "realm challenge", examine({ realm: "other" })],
    ["a second realm of ours", "passes", examine({ realm: "other" }, { realms: [realm, "other"] })],
    ["an algorithm not offered", "algorithm challenge", examine({ algorithm: "SHA-512-256" })],
    ["another opaque", "opaque challenge", examine({ opaque: "x" })],
    [
      "opaque where none was given",
      "passes",
      Result.map(DigestServer.examine(withoutOpaque(), facts, read()), (x) => x)
    ],
    ["another URI", "uri bad-request", examine({ uri: "/x" })],
    ["absolute form, exact rule", "uri bad-request", examine({ uri: "http://naf1.home1.net/" })],
    ["absolute form, either form", "passes", examine({ uri: "http://naf1.home1.net/" }, { uri: "either-form" })],
    [
      "absolute form of another host, either form",
      "uri bad-request",
      examine({ uri: "http://evil/" }, { uri: "either-form" })
    ],
    ["auth where auth-int is wanted", "qop challenge", examine({ qop: "auth" }, { qop: ["auth-int"] })],
    ["auth-int where auth is wanted", "qop challenge", examine({ qop: "auth-int" }, { qop: ["auth"] })],
    ["auth-int", "passes", examine({ qop: "auth-int" })],
    ["auth-int without a body to judge", "body challenge", examine({ qop: "auth-int" }, {}, bodiless)],
    ["no qop", "qop challenge", examine({ legacy: true, algorithm: "MD5" })],
    ["no qop, legacy", "passes", examine({ legacy: true, algorithm: "MD5" }, { legacy: true })],
    ["no qop with a session", "qop challenge", examine({ legacy: true, algorithm: "MD5-sess" }, { legacy: true })]
  ]
  for (const [name, expected, result] of table)
    it(`${name}: ${expected}`, () => assert.strictEqual(refusal(result), expected))

  it("a first request on Ub answers no challenge", () => {
    const first = { ...read(), nonce: "", response: "" }
    assert.strictEqual(refusal(DigestServer.examine(rules, facts, first)), "unanswered challenge")
    assert.strictEqual(refusal(DigestServer.examine(rules, facts, { ...read(), nonce: "" })), "unanswered challenge")
    assert.strictEqual(refusal(DigestServer.examine(rules, facts, { ...read(), response: "" })), "unanswered challenge")
  })
  it("does not rely on the parser for nc, cnonce and qop", () => {
    for (const change of [
      { nc: undefined },
      { cnonce: undefined },
      { nc: "00000000" },
      { nc: "1" },
      { qop: "AUTH" },
      { qop: "" }
    ]) {
      assert.strictEqual(refusal(DigestServer.examine(rules, facts, { ...read(), ...change })), "qop challenge")
    }
  })
})

const withoutOpaque = (): DigestServer.ServerRules => {
  const { opaque: _opaque, ...rest } = rules
  return rest
}

describe("judge", () => {
  const standings = ["fresh", "expired", "other-epoch", "future", "foreign"] as const
  const secrets = [
    { name: "the right secret", verifier: { ha1: ha1("SHA-256"), known: true }, right: true },
    { name: "a wrong secret", verifier: { ha1: ha1("SHA-256").replace(/^./, "x"), known: true }, right: false },
    {
      name: "an unknown user, even if the stand-in fits",
      verifier: { ha1: ha1("SHA-256"), known: false },
      right: false
    }
  ]
  const examined = Result.getOrThrow(examine())
  for (const { name, right, verifier } of secrets) {
    for (const standing of standings) {
      const expected = !right
        ? "Rejected response"
        : standing === "fresh"
          ? "Proved"
          : `Stale nonce-${standing === "other-epoch" ? "epoch" : standing}`
      it(`${name}, nonce ${standing}: ${expected}`, () => {
        const verdict = DigestServer.judge(hashes, facts, examined, verifier, standing)
        assert.strictEqual(verdict._tag === "Proved" ? "Proved" : `${verdict._tag} ${verdict.refusal}`, expected)
        assert.strictEqual(DigestServer.proves(hashes, facts, examined, verifier) !== undefined, right)
      })
    }
  }
  it("covers the method always and the body with auth-int", () => {
    const tag = (request: DigestServer.RequestFacts, given: Answer) =>
      DigestServer.judge(hashes, request, Result.getOrThrow(examine(given)), secrets[0]!.verifier, "fresh")._tag
    const other = { ...facts, body: Bytes.utf8("x") }
    assert.strictEqual(tag({ ...facts, method: "PUT" }, {}), "Rejected")
    assert.strictEqual(tag(other, {}), "Proved")
    assert.strictEqual(tag(other, { qop: "auth-int" }), "Rejected")
    assert.strictEqual(tag(facts, { qop: "auth-int" }), "Proved")
  })
  it("counts that the window refuses are stale", () => {
    const named = (["replayed", "below-window", "beyond-jump", "out-of-range"] as const).map((refusal) =>
      DigestServer.countRefused(refusal)
    )
    assert.deepStrictEqual(
      named.map(({ _tag, refusal }) => `${_tag} ${refusal}`),
      ["Stale count-replayed", "Stale count-below-window", "Stale count-beyond-jump", "Stale count-beyond-jump"]
    )
  })
  it("the legacy form has no proof and counts once", () => {
    const legacy = Result.getOrThrow(examine({ legacy: true, algorithm: "MD5" }, { legacy: true }))
    const proved = DigestServer.proves(hashes, facts, legacy, { ha1: ha1("MD5"), known: true })
    assert.isDefined(proved)
    assert.strictEqual(legacy.count, 1)
    assert.isUndefined(DigestServer.rspauth(hashes, proved!, ha1("MD5"), new Uint8Array(0)))
  })
})
