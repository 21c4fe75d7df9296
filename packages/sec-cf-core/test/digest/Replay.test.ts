import { assert, describe, it } from "@effect/vitest"
import { KeyVault, keyPurpose, MasterKeys, Sad, Store } from "@oma/sa-policy"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { DigestNonces, ServerNonce } from "../../src/digest/index.ts"
import { answer, freshNonce, seen } from "./answers.ts"
import { type Gate, gate, memory, provision, realm, type Services, services } from "./gate.ts"
import { generator } from "./support.ts"

const run = <A, E>(body: Effect.Effect<A, E, Services>, options?: DigestNonces.NonceOptions) =>
  Effect.andThen(provision, body).pipe(Effect.provide(services(memory, options)))

interface Row {
  readonly name: string
  readonly expected: "ok" | "400" | "401" | "401 stale"
  readonly ask: (g: Gate, nonce: string) => Effect.Effect<string, unknown, Services>
}

const ask = (g: Gate, ...args: Parameters<Gate["admit"]>) => Effect.map(g.admit(...args), seen)
const once = (g: Gate, nonce: string, count = 1) => Effect.asVoid(g.admit([answer(nonce, { count })]))

const rows: ReadonlyArray<Row> = [
  { name: "a fresh request", expected: "ok", ask: (g, n) => ask(g, [answer(n)]) },
  {
    name: "an exact replay",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n), ask(g, [answer(n)]))
  },
  {
    name: "a repeated count with another cnonce",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n), ask(g, [answer(n, { cnonce: "other" })]))
  },
  {
    name: "a repeated count with another resource",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n), ask(g, [answer(n, { uri: "/x" })], "GET", "/x"))
  },
  {
    name: "a repeated count with another algorithm",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n), ask(g, [answer(n, { algorithm: "MD5" })]))
  },
  {
    name: "a repeated count in upper-case digits",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n, 10), ask(g, [answer(n, { nc: "0000000A" })]))
  },
  {
    name: "a count below the window",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n, 200), ask(g, [answer(n, { count: 200 - 128 })]))
  },
  {
    name: "the lowest count of the window",
    expected: "ok",
    ask: (g, n) => Effect.andThen(once(g, n, 200), ask(g, [answer(n, { count: 200 - 127 })]))
  },
  {
    name: "a count past the allowed jump",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(once(g, n, 1), ask(g, [answer(n, { count: 1 + 1025 })]))
  },
  {
    name: "a count at the allowed jump",
    expected: "ok",
    ask: (g, n) => Effect.andThen(once(g, n, 1), ask(g, [answer(n, { count: 1 + 1024 })]))
  },
  { name: "a first count past the jump", expected: "401 stale", ask: (g, n) => ask(g, [answer(n, { count: 1025 })]) },
  { name: "the last count there is", expected: "401 stale", ask: (g, n) => ask(g, [answer(n, { nc: "ffffffff" })]) },
  {
    name: "a count that wrapped to zero",
    expected: "400",
    ask: (g, n) => ask(g, [answer(n, { nc: "00000000" })])
  },
  {
    name: "a nonce of another realm",
    expected: "401 stale",
    ask: (g) =>
      Effect.gen(function* () {
        const other = yield* gate({ realm: "other@naf1.home1.net" })
        return yield* ask(g, [answer(yield* freshNonce(other))])
      })
  },
  {
    name: "a nonce of another realm that was used there",
    expected: "401 stale",
    ask: (g) =>
      Effect.gen(function* () {
        const other = yield* gate({ realm: "other@naf1.home1.net", realms: [realm] })
        const nonce = yield* freshNonce(other)
        assert.strictEqual(yield* ask(other, [answer(nonce)]), "ok")
        return yield* ask(g, [answer(nonce, { count: 2 })])
      })
  },
  {
    name: "another realm in the credentials",
    expected: "401",
    ask: (g, n) => ask(g, [answer(n, { realm: "other@naf1.home1.net" })])
  },
  {
    name: "an expired nonce",
    expected: "401 stale",
    ask: (g, n) => Effect.andThen(TestClock.adjust("5 minutes"), ask(g, [answer(n)]))
  },
  {
    name: "a nonce a millisecond before it expires",
    expected: "ok",
    ask: (g, n) => Effect.andThen(TestClock.adjust(299_999), ask(g, [answer(n)]))
  },
  {
    name: "an expired nonce that was used",
    expected: "401 stale",
    ask: (g, n) =>
      once(g, n).pipe(Effect.andThen(TestClock.adjust("5 minutes")), Effect.andThen(ask(g, [answer(n, { count: 2 })])))
  },
  {
    name: "an expired nonce with a wrong password",
    expected: "401",
    ask: (g, n) => Effect.andThen(TestClock.adjust("5 minutes"), ask(g, [answer(n, { password: "x" })]))
  },
  {
    name: "another URI than the request's",
    expected: "400",
    ask: (g, n) => ask(g, [answer(n, { uri: "/public" })], "GET", "/secret")
  },
  {
    name: "another method than the request's",
    expected: "401",
    ask: (g, n) => ask(g, [answer(n, { method: "GET" })], "DELETE")
  },
  {
    name: "a nonce with one character changed",
    expected: "401 stale",
    ask: (g, n) => ask(g, [answer(`${n.slice(0, 59)}${n[59] === "A" ? "B" : "A"}`)])
  },
  {
    name: "a used nonce with one character changed",
    expected: "401 stale",
    ask: (g, n) =>
      Effect.andThen(once(g, n), ask(g, [answer(`${n.slice(0, 30)}${n[30] === "A" ? "B" : "A"}${n.slice(31)}`)]))
  },
  {
    name: "a nonce of nobody's making",
    expected: "401 stale",
    ask: (g) => ask(g, [answer("dcd98b7102dd2f0e8b11d0f600bfb0c093")])
  },
  {
    name: "a nonce after the epoch was raised",
    expected: "401 stale",
    ask: (g, n) =>
      Effect.gen(function* () {
        yield* once(g, n)
        yield* (yield* DigestNonces.DigestNonces).raiseEpoch
        return yield* ask(g, [answer(n, { count: 2 })])
      })
  },
  {
    name: "a nonce issued after the epoch was raised",
    expected: "ok",
    ask: (g) =>
      Effect.gen(function* () {
        yield* (yield* DigestNonces.DigestNonces).raiseEpoch
        return yield* ask(g, [answer(yield* freshNonce(g))])
      })
  },
  {
    name: "a nonce of a time to come",
    expected: "401 stale",
    ask: (g) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const ahead = yield* freshNonce(g)
        yield* TestClock.setTime(0)
        return yield* ask(g, [answer(ahead)])
      })
  },
  {
    name: "a used nonce whose association was swept, after the clock went back",
    expected: "401 stale",
    ask: (g, n) =>
      Effect.gen(function* () {
        const store = yield* Store.Store
        yield* once(g, n)
        yield* TestClock.adjust("1 hour")
        yield* freshNonce(g)
        yield* store.sweep(3_600_000, 1000)
        yield* TestClock.setTime(1000)
        return yield* ask(g, [answer(n)])
      })
  },
  {
    name: "two users on one nonce have counts of their own",
    expected: "ok",
    ask: (g, n) =>
      Effect.andThen(once(g, n), ask(g, [answer(n, { username: "Jäsøn Doe", password: "Secret, or not?" })]))
  }
]

describe("R9: replay and time", () => {
  for (const { name, expected, ask } of rows) {
    it.effect(`[SEC_CF-AUTH-004] ${name}: ${expected}`, () =>
      run(
        Effect.gen(function* () {
          const g = yield* gate()
          assert.strictEqual(yield* ask(g, yield* freshNonce(g)), expected)
        })
      )
    )
  }

  it.effect("distinct counts inside the window pass in any order, against a plain set", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        const next = generator(9)
        const accepted = new Set<number>()
        let highest = 0
        for (let i = 0; i < 3000; i++) {
          const count = Math.max(1, highest + 20 - Math.floor(next() * 300))
          const fits = !accepted.has(count) && count > highest - 128
          assert.strictEqual(
            yield* ask(g, [answer(nonce, { count })]),
            fits ? "ok" : "401 stale",
            `${count} after ${highest}`
          )
          if (fits) accepted.add(count)
          if (fits) highest = Math.max(highest, count)
        }
      }),
      { lifetimeMillis: 3_600_000 }
    )
  )
})

/** A node on `store` and `keys`, gone when the body is done. */
const life = <A, E>(
  store: Store.Store["Service"],
  body: Effect.Effect<A, E, Services>,
  keys: typeof MasterKeys.layerEphemeral
) =>
  Effect.scoped(
    Effect.flatMap(Layer.build(Layer.fresh(services(Layer.succeed(Store.Store, store), {}, keys))), (context) =>
      Effect.provideContext(body, context)
    )
  )

describe("restarts", () => {
  const keys = MasterKeys.layerOf({ id: "m", key: Redacted.make(new Uint8Array(32).fill(7)) })
  it.effect("[SEC_CF-AUTH-004] a replay is refused after a restart, later counts pass", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const nonce = yield* life(
        store,
        Effect.gen(function* () {
          yield* provision
          const g = yield* gate()
          const nonce = yield* freshNonce(g)
          yield* once(g, nonce, 3)
          return nonce
        }),
        keys
      )
      yield* life(
        store,
        Effect.gen(function* () {
          const g = yield* gate()
          assert.strictEqual(yield* ask(g, [answer(nonce, { count: 3 })]), "401 stale")
          assert.strictEqual(yield* ask(g, [answer(nonce, { count: 2 })]), "ok")
          assert.strictEqual(yield* ask(g, [answer(nonce, { count: 4 })]), "ok")
        }),
        keys
      )
    }).pipe(Effect.provide(memory))
  )
  it.effect("a clock that was set back between two lives makes old nonces stale", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      yield* TestClock.adjust("1 hour")
      const nonce = yield* life(
        store,
        Effect.gen(function* () {
          yield* provision
          const g = yield* gate()
          const nonce = yield* freshNonce(g)
          yield* once(g, nonce)
          yield* TestClock.adjust("1 hour")
          return nonce
        }),
        keys
      )
      yield* store.sweep(2 * 3_600_000, 1000)
      yield* TestClock.setTime(3_600_000 + 1000)
      const asked = life(
        store,
        Effect.flatMap(gate(), (g) => ask(g, [answer(nonce)])),
        keys
      )
      assert.strictEqual(yield* asked, "401 stale")
    }).pipe(Effect.provide(memory))
  )
  it.effect(
    "a store that lost everything but the server key begins another epoch, so that no old nonce counts anew",
    () =>
      Effect.gen(function* () {
        const old = yield* Effect.gen(function* () {
          const store = yield* Store.Store
          const nonce = yield* life(store, Effect.flatMap(gate(), freshNonce), keys)
          return { nonce, key: yield* store.record("keys", "digest/nonce", 0) }
        }).pipe(Effect.provide(memory))
        assert.isDefined(old.key)
        const asked = yield* Effect.gen(function* () {
          const store = yield* Store.Store
          yield* store.transact([Store.putRecord("keys", "digest/nonce", old.key!.value)], 0)
          const body = Effect.andThen(provision, gate())
          return yield* life(
            store,
            Effect.flatMap(body, (g) => ask(g, [answer(old.nonce)])),
            keys
          )
        }).pipe(Effect.provide(Layer.fresh(memory)))
        assert.strictEqual(asked, "401 stale")
      })
  )
  it.effect("after the server key was replaced, nonces of the old one hold while its grace lasts", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate()
        const old = yield* freshNonce(g)
        const vault = yield* KeyVault.KeyVault
        const principal = { _tag: "Authenticated", subject: "root", kind: "administrator", method: "x", at: 0 } as const
        yield* vault.replace("digest/nonce", keyPurpose("digest/nonce"), NodePrimitives.random(32), {
          principal,
          graceMillis: 60_000
        })
        yield* TestClock.adjust("6 seconds")
        const fresh = yield* freshNonce(g)
        assert.strictEqual(ServerNonce.decode(fresh)?.keyVersion, 2)
        assert.strictEqual(yield* ask(g, [answer(old)]), "ok")
        assert.strictEqual(yield* ask(g, [answer(fresh)]), "ok")
        const unused = yield* freshNonce(g)
        assert.strictEqual(yield* ask(g, [answer(unused)]), "ok")
        yield* TestClock.adjust("61 seconds")
        const late = yield* gate()
        assert.strictEqual(yield* ask(late, [answer(old, { count: 2 })]), "ok")
      })
    )
  )
})

describe("DigestNonces", () => {
  it.effect("spends nothing that is not fresh", () =>
    run(
      Effect.gen(function* () {
        const nonces = yield* DigestNonces.DigestNonces
        const store = yield* Store.Store
        const space = nonces.space({ enabler: "e", interface: "i", direction: "inbound" }, "r")
        const identity = {
          _tag: "Authenticated",
          subject: "s".repeat(300),
          kind: "user",
          method: "digest",
          at: 0
        } as const
        const presented = yield* nonces.present(yield* nonces.issue(space))
        const spend = (change: Partial<DigestNonces.PresentedNonce>) =>
          Effect.map(nonces.spend(space, { ...presented, ...change }, identity, 1), (spent) =>
            spent._tag === "Unfit" ? spent.standing : spent._tag
          )
        for (const standing of ["expired", "other-epoch", "future", "foreign"] as const) {
          assert.strictEqual(yield* spend({ standing }), standing)
        }
        assert.strictEqual(yield* spend({ nonce: undefined }), "foreign")
        assert.strictEqual((yield* store.size).associations, 0)
        assert.strictEqual(yield* spend({}), "Counted")
        assert.strictEqual(yield* spend({}), "Refused")
      })
    )
  )
  it.effect("ends with the association when that is revoked", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        const admission = yield* g.admit([answer(nonce)])
        if (admission._tag !== "Admitted") return yield* Effect.die(admission)
        yield* (yield* Sad.Sad).revoke(admission.association!, "administrative")
        assert.strictEqual(yield* ask(g, [answer(nonce, { count: 2 })]), "401 stale")
      })
    )
  )
})

describe("ServerNonce", () => {
  const mac = (data: Uint8Array) => NodePrimitives.hmac("sha256")(new Uint8Array(32).fill(3), data)
  const value = { keyVersion: 258, issuedAt: 1_795_000_000_123, epoch: 0xfedcba98, random: new Uint8Array(16).fill(9) }

  it("says what went in", () => {
    const text = ServerNonce.encode(value, "a/b/r", mac)
    assert.lengthOf(text, ServerNonce.textLength)
    const decoded = ServerNonce.decode(text)!
    assert.deepInclude(decoded, value)
    assert.isTrue(ServerNonce.verifies(decoded, "a/b/r", mac))
    assert.isFalse(ServerNonce.verifies(decoded, "a/b/s", mac))
    assert.isUndefined(ServerNonce.decode(`Ag${text.slice(2)}`), "another format")
    assert.isFalse(ServerNonce.verifies(decoded, "a/b/r", (data) => mac(data).map((octet) => octet ^ 1)))
  })
  it("every single-bit flip and every prefix is refused", () => {
    const text = ServerNonce.encode(value, "a/b/r", mac)
    for (let n = 0; n < text.length; n++) assert.isUndefined(ServerNonce.decode(text.slice(0, n)))
    for (let i = 0; i < text.length; i++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = `${text.slice(0, i)}${String.fromCharCode(text.charCodeAt(i) ^ (1 << bit))}${text.slice(i + 1)}`
        const decoded = ServerNonce.decode(flipped)
        assert.isFalse(decoded !== undefined && ServerNonce.verifies(decoded, "a/b/r", mac), flipped)
      }
    }
    assert.isUndefined(ServerNonce.decode(`${text.slice(0, 58)} ${text.slice(58, 59)}`))
  })
  it("is judged by time and epoch", () => {
    const at = { now: value.issuedAt, epoch: value.epoch, lifetime: 1000, skew: 100 }
    assert.strictEqual(ServerNonce.age(value, at), "fresh")
    assert.strictEqual(ServerNonce.age(value, { ...at, now: at.now + 999 }), "fresh")
    assert.strictEqual(ServerNonce.age(value, { ...at, now: at.now + 1000 }), "expired")
    assert.strictEqual(ServerNonce.age(value, { ...at, now: at.now - 100 }), "fresh")
    assert.strictEqual(ServerNonce.age(value, { ...at, now: at.now - 101 }), "future")
    assert.strictEqual(ServerNonce.age(value, { ...at, epoch: 1 }), "other-epoch")
  })
  it("does not repeat", () => {
    const seen = new Set<string>()
    for (let i = 0; i < 20_000; i++)
      seen.add(ServerNonce.encode({ ...value, random: NodePrimitives.random(16) }, "s", (data) => data.subarray(0, 16)))
    assert.strictEqual(seen.size, 20_000)
  })
})
