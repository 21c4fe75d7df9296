import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { PolicyDocument } from "../src/policy-file/index.ts"

const entry = (more = "") =>
  `version: 1
interfaces:
  - enabler: dm
    role: server
    interface: dm-1
    clientAuthentication: [digest]
    connection: full
${more}`
const why = (text: string) => {
  const parsed = PolicyDocument.parse(text)
  return Result.isFailure(parsed) ? parsed.failure.map((fault) => fault.why).join("; ") : undefined
}

describe("a policy file that was written against us", () => {
  it("is refused for a tag, an alias, an anchor's merge and a directive, in every form of YAML", () => {
    assert.isUndefined(why(entry()))
    const bad = [
      entry().replace("full", "!!str full"),
      entry().replace("[digest]", "!!seq [digest]"),
      entry().replace("full", "!local full"),
      `%YAML 1.1\n---\n${entry("    <<: { push: none }\n")}`,
      `%YAML 1.1\n---\n${entry().replace("enabler", "<<: &a { connection: none }\n    enabler")}`,
      `%TAG ! tag:example.com,2000:\n---\n${entry()}`,
      entry("    <<: { push: none }\n"),
      entry("    ? [a]\n    : b\n"),
      entry("    __proto__: { connection: none }\n"),
      entry("    limits: { __proto__: 1 }\n"),
      entry("    lifetimes: { __proto__: 5 minutes }\n"),
      entry("    limits: { 'a b': 1 }\n"),
      entry().replace("full", "&a full"),
      `${entry()}---\n${entry()}`
    ]
    for (const text of bad) assert.isDefined(why(text), text)
  })

  it("is refused for numbers that no clock and no count can carry", () => {
    const bad = ["1e400", "-1", ".inf", ".nan", "0x7fffffffffffffffffff", "9007199254740992", "1.5", "'1'"]
    for (const n of bad) assert.isDefined(why(entry(`    limits: { attempts: ${n} }\n`)), n)
    const lifetimes = [
      "9007199254740991",
      "1e400",
      "Infinity",
      "1.5 millis",
      "1 nanos",
      "1e300 weeks",
      "-5 minutes",
      "''"
    ]
    for (const t of lifetimes) assert.isDefined(why(entry(`    lifetimes: { nonce: ${t} }\n`)), t)
    assert.isUndefined(why(entry("    lifetimes: { nonce: 0, session: 1.5 seconds, account: 36500 days }\n")))
  })

  it("gives faults and throws nothing, however deep or wide it is", () => {
    for (const open of ["[", "{a: "]) {
      assert.isDefined(why(open.repeat(20_000)), open)
      assert.isDefined(why(open.repeat(1_000)), open)
    }
    assert.isDefined(why(entry(`    limits: ${"{a: ".repeat(10_000)}`)))
    assert.isDefined(why("x: 1\n".repeat(2_000)))
  })
})
