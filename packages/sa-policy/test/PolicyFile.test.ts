import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as fc from "fast-check"
import { Level, SecurityEvents, Spd } from "../src/index.ts"
import { PolicyDocument, PolicyFile } from "../src/policy-file/index.ts"

const good = `version: 1
networks:
  operator: [10.0.0.0/8]
interfaces:
  - enabler: dm
    role: server
    interface: dm
    clientAuthentication:
      - syncml:auth-sha256
      - { mode: syncml:auth-basic, over: full }
    connection: none
    lifetimes: { session: 10 minutes, nonce: 600000 }
    limits: { message: 65536 }
`
const faults = (text: string) => {
  const parsed = PolicyDocument.parse(text)
  return Result.isFailure(parsed) ? parsed.failure : []
}
const runs = Number(process.env["FUZZ_RUNS"] ?? 2000)

describe("policy files", () => {
  it("reads YAML", () => {
    const parsed = PolicyDocument.parse(good)
    assert.deepStrictEqual(
      parsed,
      Result.succeed({
        networks: { operator: ["10.0.0.0/8"] },
        interfaces: [
          {
            enabler: "dm",
            role: "server" as const,
            interface: "dm",
            clientAuthentication: [
              { mode: "syncml:auth-sha256", over: Level.none },
              { mode: "syncml:auth-basic", over: Level.full }
            ],
            serverAuthentication: [{ mode: "none", over: Level.none }],
            connection: Level.none,
            push: Level.none,
            lifetimes: { session: 600000, nonce: 600000 },
            limits: { message: 65536 }
          }
        ]
      })
    )
  })
  it("reads the same from JSON", () => {
    const json = `{"version":1,"interfaces":[{"enabler":"dm","role":"client","interface":"dm","clientAuthentication":["a"],"connection":"full"}]}`
    assert.isTrue(Result.isSuccess(PolicyDocument.parse(json)))
  })
  const bad: ReadonlyArray<readonly [string, string, string, number, RegExp]> = [
    [
      "an unknown level",
      good.replace("connection: none", "connection: strong"),
      "interfaces[0].connection",
      11,
      /none|strong|Expected/
    ],
    [
      "a missing key",
      good.replace("    connection: none\n", ""),
      "interfaces[0].connection",
      5,
      /Missing|required|key/i
    ],
    ["an unknown key", good.replace("limits:", "limit:"), "interfaces[0].limit", 13, /Unexpected|excess|key/i],
    [
      "a lifetime that is none",
      good.replace("10 minutes", "soon"),
      "interfaces[0].lifetimes.session",
      12,
      /not a duration/
    ],
    [
      "a mode twice",
      good.replace("syncml:auth-sha256", "syncml:auth-basic"),
      "interfaces[0].clientAuthentication",
      9,
      /stands twice/
    ],
    ["another version", good.replace("version: 1", "version: 2"), "version", 1, /1/],
    [
      "no mode",
      good.replace(/clientAuthentication:\n.*\n.*\n/, "clientAuthentication: []\n"),
      "interfaces[0].clientAuthentication",
      8,
      /at least one mode/
    ],
    ["a key twice", `${good}    limits: {}\n`, "", 14, /unique/i],
    ["an open bracket", good.replace("[10.0.0.0/8]", "[10.0.0.0/8"), "", 4, /./]
  ]
  for (const [what, text, path, line, why] of bad) {
    it(`names path, line and reason of ${what}`, () => {
      const found = faults(text)
      assert.isAbove(found.length, 0)
      assert.isTrue(
        found.some((fault) => fault.path === path && fault.line === line && why.test(fault.why)),
        JSON.stringify(found)
      )
    })
  }
  it("refuses aliases and too long a text, without expanding or parsing them", () => {
    const bomb = `version: 1\ninterfaces: []\nnetworks:\n  a: &a [x]\n  b: &b [*a, *a]\n  c: [*b, *b]\n`
    assert.isAbove(faults(bomb).length, 0)
    assert.match(faults("#".repeat(2 * 1024 * 1024))[0]!.why, /longer than/)
  })
  it("[fuzz] gives a policy or faults for any text", () => {
    const lines = good.split("\n")
    const mutated = fc
      .array(fc.oneof(fc.constantFrom(...lines), fc.string({ maxLength: 40 })), { maxLength: 20 })
      .map((parts) => parts.join("\n"))
    fc.assert(
      fc.property(mutated, (text) => {
        const parsed = PolicyDocument.parse(text)
        if (Result.isFailure(parsed)) {
          assert.isAbove(parsed.failure.length, 0)
          for (const { line, column } of parsed.failure) assert.isTrue(line >= 1 && column >= 1)
        }
      }),
      { numRuns: runs }
    )
  })
  it.effect("loads and reloads; a bad file leaves the old policy in force", () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "policy-"))
    const file = Path.join(folder, "policy.yaml")
    return Effect.gen(function* () {
      Fs.writeFileSync(file, good)
      const policy = yield* PolicyFile.load(file)
      const context = yield* Layer.build(Spd.layer(policy).pipe(Layer.provideMerge(SecurityEvents.layer())))
      yield* Effect.gen(function* () {
        const spd = yield* Spd.Spd
        Fs.writeFileSync(file, good.replace("connection: none", "connection: full"))
        yield* PolicyFile.reload(file)
        assert.strictEqual((yield* spd.policy).interfaces[0]?.connection, Level.full)
        Fs.writeFileSync(file, "version: 1\ninterfaces: {}\n")
        const error = yield* Effect.flip(PolicyFile.reload(file))
        assert.include(error.message, `${file}:2:`)
        assert.strictEqual((yield* spd.policy).interfaces[0]?.connection, Level.full)
        const missing = yield* Effect.flip(PolicyFile.load(Path.join(folder, "none.yaml")))
        assert.include(missing.message, "none.yaml:1:1")
      }).pipe(Effect.provide(context))
    }).pipe(Effect.scoped, Effect.ensuring(Effect.sync(() => Fs.rmSync(folder, { recursive: true }))))
  })
})
