import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import {
  type Authenticator,
  ClientGuard,
  Connection,
  type Identity,
  InterfaceGuard,
  Level,
  SecurityEvents,
  type SecurityPolicy,
  Spd
} from "../src/index.ts"

interface Password {
  readonly mode: SecurityPolicy.AuthMode
  readonly text: string
}

const alice: Identity.Authenticated = { _tag: "Authenticated", subject: "alice", kind: "user", method: "digest", at: 0 }
const plain: Connection.Connection = { ...Connection.inProcess("c1"), protection: { protocol: "none", level: 0 } }
const tls: Connection.Connection = { ...plain, protection: { protocol: "tls", level: 3 } }

const name: SecurityPolicy.InterfaceName = { enabler: "test", role: "server", interface: "t-1" }
const entry = (change: Partial<SecurityPolicy.InterfacePolicy> = {}): SecurityPolicy.InterfacePolicy => ({
  ...name,
  clientAuthentication: [{ mode: "digest", over: Level.none }],
  serverAuthentication: [{ mode: "certificate", over: Level.full }],
  connection: Level.none,
  push: Level.none,
  lifetimes: {},
  limits: {},
  ...change
})
const layer = (...entries: ReadonlyArray<SecurityPolicy.InterfacePolicy>) =>
  Spd.layer({ interfaces: entries, networks: {} }).pipe(Layer.provideMerge(SecurityEvents.layer()))

let judged = 0
const digest: Authenticator.Authenticator<string, Password, string, string> = {
  mode: "digest",
  challenge: ({ request }) => Effect.succeed(`challenge for ${request}`),
  judge: (_context, { text }) =>
    Effect.sync(() => {
      judged++
      return text === "secret"
        ? { _tag: "Accepted", identity: alice, reply: "welcome" }
        : text === "blocked"
          ? { _tag: "Rejected", reason: "unauthorised", detail: "alice is blocked", clause: "test" }
          : { _tag: "Rejected", reason: "credentials", detail: "wrong", clause: "test", challenge: "again" }
    })
}
const present = (text: string, mode = "digest"): Password => ({ mode, text })

describe("InterfaceGuard", () => {
  it.effect("[SEC_CF-AUTH-001] admits who proves its name and hands the identity over", () =>
    Effect.gen(function* () {
      const guard = yield* InterfaceGuard.make(name, [digest])
      const admission = yield* guard.admit(plain, "r", [present("secret")])
      assert.deepInclude(admission, { _tag: "Admitted", identity: alice, mode: "digest", reply: "welcome" })
    }).pipe(Effect.provide(layer(entry())))
  )

  it.effect("challenges, refuses and challenges again, and tells the operator why", () =>
    Effect.gen(function* () {
      const events = yield* SecurityEvents.SecurityEvents
      const guard = yield* InterfaceGuard.make(name, [digest])
      const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(events.stream, 4)), {
        startImmediately: true
      })
      assert.deepInclude(yield* guard.admit(plain, "r", []), {
        _tag: "Challenge",
        challenges: ["challenge for r"],
        reason: "missing"
      })
      assert.deepInclude(yield* guard.admit(plain, "r", [present("x", "basic")]), {
        _tag: "Challenge",
        reason: "not-accepted"
      })
      assert.deepInclude(yield* guard.admit(plain, "r", [present("wrong")]), {
        _tag: "Challenge",
        challenges: ["again"],
        reason: "credentials"
      })
      assert.deepInclude(yield* guard.admit(plain, "r", [present("blocked")]), {
        _tag: "Refused",
        reason: "unauthorised"
      })
      const told = Array.from(yield* Fiber.join(heard))
      assert.deepStrictEqual(
        told.map((event) => event._tag),
        ["Challenged", "Challenged", "Refused", "Refused"]
      )
      assert.isTrue(told.every((event) => event.clause !== undefined && event.interface === "t-1"))
      assert.notInclude(JSON.stringify(told), "secret")
    }).pipe(Effect.provide(layer(entry())))
  )

  it.effect("asks for an upgrade before it judges anything", () =>
    Effect.gen(function* () {
      judged = 0
      const guard = yield* InterfaceGuard.make(name, [digest])
      assert.deepInclude(yield* guard.admit(plain, "r", [present("secret")]), { _tag: "Upgrade", least: Level.full })
      assert.strictEqual(judged, 0)
      assert.strictEqual((yield* guard.admit(tls, "r", [present("secret")]))._tag, "Admitted")
    }).pipe(Effect.provide(layer(entry({ connection: Level.full }))))
  )

  it.effect("serves anonymous peers only where the policy says so", () =>
    Effect.gen(function* () {
      const guard = yield* InterfaceGuard.make(name, [digest])
      const admission = yield* guard.admit(plain, "r", [])
      assert.deepInclude(admission, { _tag: "Admitted", identity: { _tag: "Anonymous" }, mode: "none" })
    }).pipe(Effect.provide(layer(entry({ clientAuthentication: [{ mode: "none", over: Level.none }] }))))
  )

  it.effect("serves no interface that no policy speaks of, and refuses where it has no mechanism", () =>
    Effect.gen(function* () {
      const unknown = yield* InterfaceGuard.make({ ...name, interface: "t-2" }, [digest])
      assert.strictEqual((yield* Effect.flip(unknown.admit(plain, "r", [])))._tag, "NoPolicy")
      const empty = yield* InterfaceGuard.make<string, Password, string, string>(name, [])
      assert.deepInclude(yield* empty.admit(plain, "r", []), { _tag: "Refused", reason: "policy" })
      assert.deepInclude(yield* empty.admit(plain, "r", [present("secret")]), { _tag: "Refused", reason: "policy" })
    }).pipe(Effect.provide(layer(entry())))
  )

  it.effect("follows a policy that is replaced while it runs, and keeps the old one when the new one is bad", () =>
    Effect.gen(function* () {
      const spd = yield* Spd.Spd
      const guard = yield* InterfaceGuard.make(name, [digest])
      yield* spd.replace({ interfaces: [entry({ connection: Level.full })], networks: {} })
      assert.strictEqual((yield* guard.admit(plain, "r", []))._tag, "Upgrade")
      const bad = yield* Effect.flip(spd.replace({ interfaces: [entry(), entry()], networks: {} }))
      assert.include(bad.faults[0]?.why, "stands twice")
      assert.strictEqual((yield* guard.admit(plain, "r", []))._tag, "Upgrade")
    }).pipe(Effect.provide(layer(entry())))
  )
})

describe("ClientGuard", () => {
  const client = { ...name, role: "client" as const }
  const proof: ClientGuard.ServerProof = { mode: "certificate", identity: { ...alice, subject: "srv", kind: "server" } }
  it.effect("[SEC_CF-AUTH-002] goes on with a server that proved itself and hands its identity over", () =>
    Effect.gen(function* () {
      const identity = yield* ClientGuard.judge(client, tls, [proof])
      assert.deepInclude(identity, { subject: "srv" })
      assert.strictEqual((yield* Effect.flip(ClientGuard.judge(client, tls, [])))._tag, "ServerRefused")
      assert.strictEqual((yield* Effect.flip(ClientGuard.judge(client, plain, [proof])))._tag, "UpgradeNeeded")
    }).pipe(Effect.provide(layer(entry({ role: "client", connection: Level.full }))))
  )

  it.effect("uses a service without authentication of the server where its policy allows", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ClientGuard.judge(client, plain, []), { _tag: "Anonymous" })
    }).pipe(
      Effect.provide(layer(entry({ role: "client", serverAuthentication: [{ mode: "none", over: Level.none }] })))
    )
  )
})
