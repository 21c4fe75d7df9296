import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { DmAuthPolicy, type DmAuthType } from "../src/index.ts"
import { fuzzRuns } from "./crypto.ts"
import { Client, type Fault, openConnection, Server, type World } from "./model.ts"

type Type = DmAuthType.DmAuthType

const clientParty = { user: "Bruce2", secret: "OhBehave" }
const serverParty = { user: "srv", secret: "server secret" }

const world = (
  server: Partial<DmAuthPolicy.CheckPolicy>,
  types: ReadonlyArray<Type>,
  mutual: boolean,
  right: boolean
): World => {
  const { defaultCheck, defaultProof } = DmAuthPolicy
  return {
    connection: openConnection,
    server: { check: { ...defaultCheck, ...server }, own: { ...defaultProof, types }, mutual },
    client: {
      ...DmAuthPolicy.defaultClientPolicy,
      check: { ...defaultCheck, types, mode: server.mode ?? "session" },
      own: { ...defaultProof, types },
      mutual
    },
    clientAtServer: clientParty,
    clientAtClient: right ? clientParty : { ...clientParty, secret: "wrong" },
    serverAtServer: serverParty,
    serverAtClient: serverParty
  }
}

const digests: ReadonlyArray<Type> = ["syncml:auth-md5", "syncml:auth-sha256", "syncml:auth-MAC"]
const typeLists = fc
  .subarray([...digests], { minLength: 1 })
  .chain((types) => fc.shuffledSubarray(types, { minLength: types.length }))
const faults = fc.array(
  fc.constantFrom<Fault>(
    "none",
    "request lost",
    "reply lost",
    "request twice",
    "server restarts",
    "client restarts",
    "client forgets its nonce",
    "server forgets its nonce"
  ),
  { maxLength: 14 }
)

const minimums: Record<string, Type> = { md5: "syncml:auth-md5", sha256: "syncml:auth-sha256", MAC: "syncml:auth-MAC" }
const rank: Record<Type, number> = {
  "syncml:auth-basic": 0,
  "syncml:auth-md5": 1,
  "syncml:auth-sha256": 2,
  "syncml:auth-MAC": 3
}

/** Whether the policies meet, said independently of the machines: the first type shown, else the first one asked for. */
const meet = (accepts: ReadonlyArray<Type>, minimum: Type, has: ReadonlyArray<Type>): boolean => {
  const passing = accepts.filter((type) => rank[type] >= rank[minimum])
  return passing.length > 0 && (passing.includes(has[0]!) || has.includes(passing[0]!))
}

/** Sessions until one is done, at most six after the last fault. */
const untilDone = (client: Client, server: Server, pending: Array<Fault>, log: Parameters<Client["session"]>[2]) => {
  let calm = 0
  for (;;) {
    if (pending.length === 0) calm += 1
    const ending = client.session(server, pending, log)
    if ((ending.result === "done" && pending.length === 0) || calm >= 6) return ending
  }
}

describe("client machine against server machine", () => {
  const modes = fc.constantFrom<DmAuthPolicy.AcceptMode>("session", "message")
  it("[DM-CHAL-006] [DM-CHAL-007] [DM-MAC-001] end authenticated over losses, copies, stale nonces and restarts, iff secret and policies allow it", () => {
    fc.assert(
      fc.property(
        typeLists,
        typeLists,
        fc.constantFrom("md5", "sha256", "MAC"),
        modes,
        fc.boolean(),
        fc.boolean(),
        faults,
        (accepts, has, least, mode, mutual, right, list) => {
          const minimum = minimums[least]!
          const setting = world(
            { types: accepts, mode, minimum: { open: minimum, integrity: minimum, full: minimum } },
            has,
            mutual,
            right
          )
          const server = new Server(setting)
          const client = new Client(setting)
          const ending = untilDone(client, server, [...list], [])
          const expected = right && meet(accepts, minimum, has)
          assert.strictEqual(ending.result === "done", expected, JSON.stringify(ending))
          assert.strictEqual(ending.delivered, expected ? 1 : 0)
          assert.strictEqual(new Set(server.spent).size, server.spent.length, "credentials accepted twice")
          if (!right) assert.lengthOf(server.spent, 0)
        }
      ),
      { numRuns: fuzzRuns / 8 }
    )
  }, 600_000)

  it("a replay from elsewhere gets the stored answer or a refusal, and changes nothing for the owner", () => {
    fc.assert(
      fc.property(
        typeLists,
        modes,
        fc.boolean(),
        faults,
        fc.array(fc.nat(), { maxLength: 20 }),
        (types, mode, mutual, list, picks) => {
          const setting = world({ types, mode }, types, mutual, true)
          const server = new Server(setting)
          const client = new Client(setting)
          const log: Parameters<Client["session"]>[2] = []
          const pending = [...list]
          for (const pick of picks) {
            client.session(server, pending, log)
            if (log.length === 0) continue
            const { count, ownNonce, stored } = server
            const [, outcome] = server.handle(log[pick % log.length]!, "attacker")
            assert.notStrictEqual(outcome, "committed")
            assert.notStrictEqual(outcome, "accepted")
            assert.deepStrictEqual([server.count, server.stored, server.ownNonce], [count, stored, ownNonce])
          }
          assert.strictEqual(untilDone(client, server, pending, log).result, "done")
          assert.strictEqual(new Set(server.spent).size, server.spent.length)
        }
      ),
      { numRuns: fuzzRuns / 20 }
    )
  }, 600_000)

  it("a server with a wrong secret gets no command through", () => {
    for (const mode of ["session", "message"] as const) {
      for (const type of digests) {
        const base = world({ types: [type], mode }, [type], true, true)
        const setting = {
          ...base,
          serverAtServer: { ...serverParty, secret: "impostor" },
          server: { ...base.server, mutual: false }
        }
        const ending = untilDone(new Client(setting), new Server(setting), [], [])
        assert.deepStrictEqual(ending, { result: "ServerNotAuthenticated", delivered: 0 })
      }
    }
  })

  it("a wrong password is shown twice, then the client stops with a named error", () => {
    const setting = world({ types: ["syncml:auth-md5"] }, ["syncml:auth-md5"], false, false)
    const log: Parameters<Client["session"]>[2] = []
    const ending = new Client(setting).session(new Server(setting), [], log)
    assert.strictEqual(ending.result, "WrongCredentials")
    assert.lengthOf(log, 2)
  })
})
