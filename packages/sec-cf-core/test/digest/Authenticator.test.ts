import { assert, describe, it } from "@effect/vitest"
import { CredentialStore, MasterKeys, SecurityEvents, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import {
  AuthenticationInfo,
  Challenge,
  type DigestAlgorithm,
  DigestComputation,
  type DigestNonces,
  DigestVerifiers
} from "../../src/digest/index.ts"
import { answer, freshNonce, seen } from "./answers.ts"
import { alice, gate, hashes, jason, memory, provision, realm, type Services, services } from "./gate.ts"

const run = <A, E>(body: Effect.Effect<A, E, Services>, options?: DigestNonces.NonceOptions) =>
  Effect.andThen(provision, body).pipe(Effect.provide(services(memory, options)))

const every = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"] as const

describe("Digest at the gate", () => {
  it.effect("challenges strongest first, each algorithm in a field of its own", () =>
    run(
      Effect.gen(function* () {
        const { admit } = yield* gate({
          algorithms: ["MD5", "SHA-512-256", "SHA-256"],
          qop: ["auth", "auth-int"],
          userhash: true,
          domain: ["/a"],
          opaque: "o"
        })
        const admission = yield* admit([])
        assert.strictEqual(admission._tag, "Challenge")
        if (admission._tag !== "Challenge") return
        const fields = admission.challenges[0]!.fields
        assert.lengthOf(fields, 3)
        const read = Result.getOrThrow(Challenge.parse(fields))
        assert.deepStrictEqual(
          read.map(({ digest }) => digest?.algorithm),
          ["SHA-512-256", "SHA-256", "MD5"]
        )
        assert.deepInclude(read[0]!.digest, {
          realm,
          qop: ["auth", "auth-int"],
          userhash: true,
          utf8: true,
          domain: ["/a"],
          opaque: "o"
        })
      })
    )
  )

  for (const algorithm of every) {
    for (const qop of ["auth", "auth-int"] as const) {
      it.effect(`[SEC_CF-AUTH-001] ${algorithm} with ${qop} is accepted and proves the server`, () =>
        run(
          Effect.gen(function* () {
            const g = yield* gate({ algorithms: every, qop: ["auth", "auth-int"] })
            const nonce = yield* freshNonce(g)
            const body = Bytes.utf8("<a/>")
            const given = { algorithm, qop, body, method: "PUT", uri: "/doc" } as const
            const admission = yield* g.admit([answer(nonce, given)], "PUT", "/doc", body)
            assert.strictEqual(admission._tag, "Admitted")
            if (admission._tag !== "Admitted") return
            assert.deepInclude(admission.identity, {
              _tag: "Authenticated",
              subject: "alice",
              method: "digest",
              credentialRef: "account/test/alice"
            })
            const said = Bytes.utf8("<answer/>")
            const info = Result.getOrThrow(AuthenticationInfo.parse([yield* admission.reply!.authenticationInfo(said)]))
            const proof = proofOf(algorithm, nonce, qop, "/doc", said)
            assert.deepStrictEqual(info, {
              rspauth: proof,
              cnonce: "0a4f113b",
              nc: "00000001",
              qop,
              nextnonce: undefined
            })
            assert.strictEqual(
              seen(
                yield* g.admit([answer(nonce, { ...given, body: Bytes.utf8("<b/>"), count: 2 })], "PUT", "/doc", body)
              ),
              qop === "auth" ? "ok" : "401"
            )
          })
        )
      )
    }
  }

  it.effect("finds a user by name, by username*, by UTF-8 in quotes and by hash, as one user", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate({ algorithms: ["SHA-512-256", "SHA-256"] })
        const nonce = yield* freshNonce(g)
        const forms = [{ extended: true }, { extended: false }, { userhash: true }, { userhash: false }]
        for (const [i, form] of forms.entries()) {
          const given = { username: jason.username, password: jason.password, ...form }
          const admission = yield* g.admit([answer(nonce, { ...given, count: i + 1 })])
          assert.strictEqual(seen(admission), "ok", JSON.stringify(form))
          if (admission._tag === "Admitted") assert.deepInclude(admission.identity, { subject: jason.username })
          // the same count in another spelling of the name is the same request
          assert.strictEqual(
            seen(yield* g.admit([answer(nonce, { ...given, ...forms[(i + 1) % 4], count: i + 1 })])),
            "401 stale"
          )
        }
      })
    )
  )

  it.effect("answers an unknown user, a disabled one and a wrong password alike", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate()
        const shape = (text: string) => text.replace(/nonce="[^"]*"/, "nonce")
        const answers: Array<string> = []
        for (const given of [
          { username: "nobody" },
          { username: "mallory" },
          { password: "wrong" },
          { username: "", password: "" },
          { username: "userhash/x" },
          { username: "x".repeat(300) }
        ]) {
          const admission = yield* g.admit([answer(yield* freshNonce(g), given)])
          assert.strictEqual(admission._tag, "Challenge")
          if (admission._tag === "Challenge")
            answers.push(admission.challenges.flatMap(({ fields }) => fields.map(shape)).join("|"))
        }
        assert.lengthOf(new Set(answers), 1)
      })
    )
  )

  it.effect("looks up and hashes as often for an unknown user as for a known one", () =>
    Effect.gen(function* () {
      yield* provision
      let work: Array<string> = []
      const counting = (name: DigestAlgorithm.HashName) => (data: string | Uint8Array) => {
        work.push(name)
        return hashes[name](data)
      }
      const counted = { MD5: counting("MD5"), "SHA-256": counting("SHA-256"), "SHA-512-256": counting("SHA-512-256") }
      const g = yield* gate({ hashes: counted })
      const cost = Effect.fnUntraced(function* (given: Parameters<typeof answer>[1]) {
        const field = answer(yield* freshNonce(g), given)
        work = []
        reads = 0
        yield* g.admit([field])
        return [...work, reads]
      })
      yield* cost({ password: "warm" })
      yield* cost({ username: "warm" })
      assert.deepStrictEqual(yield* cost({ username: "nobody" }), yield* cost({ password: "wrong" }))
    }).pipe(
      Effect.provide(
        services(
          Layer.effect(
            Store.Store,
            Effect.map(Store.Store, (store) => ({
              ...store,
              record: (...args: Parameters<typeof store.record>) => {
                reads++
                return store.record(...args)
              }
            }))
          ).pipe(Layer.provide(memory))
        )
      )
    )
  )

  it.effect("[SEC_CF-AUTH-004] 64 parallel requests on one nonce all pass, each count once, over two nodes", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const shared = Layer.succeed(Store.Store, store)
      const keys = MasterKeys.layerOf({ id: "m", key: Redacted.make(new Uint8Array(32).fill(7)) })
      const node = services(shared, {}, keys)
      yield* Effect.gen(function* () {
        yield* provision
        const one = yield* gate()
        const nonce = yield* freshNonce(one)
        const two = yield* Effect.provide(gate(), yield* Layer.build(Layer.fresh(node)))
        const counts = Array.from({ length: 64 }, (_, i) => i + 1)
        const shuffled = counts.map((n) => ((n * 37) % 64) + 1)
        const ask = (n: number) => (n % 2 === 0 ? one : two).admit([answer(nonce, { count: n })])
        const first = yield* Effect.all(shuffled.map(ask), { concurrency: "unbounded" })
        assert.deepStrictEqual(
          first.map(seen),
          counts.map(() => "ok")
        )
        const again = yield* Effect.all(
          shuffled.map((n) => (n % 2 === 0 ? two : one).admit([answer(nonce, { count: n })])),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          again.map(seen),
          counts.map(() => "401 stale")
        )
        const race = yield* Effect.all(
          Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? one : two).admit([answer(nonce, { count: 70 })])),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          race.filter((admission) => admission._tag === "Admitted"),
          1
        )
        const firstUse = yield* freshNonce(two)
        const made = yield* Effect.all(
          Array.from({ length: 32 }, (_, i) =>
            (i % 2 === 0 ? one : two).admit([answer(firstUse, { count: 1 + (i % 4) })])
          ),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          made.filter((admission) => admission._tag === "Admitted"),
          4
        )
      }).pipe(Effect.provide(yield* Layer.build(node)))
    }).pipe(Effect.scoped, Effect.provide(memory))
  )

  it.effect("keeps nothing for who does not know a secret", () =>
    run(
      Effect.gen(function* () {
        const store = yield* Store.Store
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        const before = yield* store.size
        for (let i = 0; i < 50; i++) {
          yield* g.admit([])
          yield* g.admit([answer(nonce, { username: `nobody${i}`, count: i + 1 })])
          yield* g.admit([answer(nonce, { password: "x", count: i + 1 })])
          yield* g.admit([answer("A".repeat(60), { count: i + 1 })])
        }
        assert.deepStrictEqual(yield* store.size, before)
        yield* g.admit([answer(nonce)])
        assert.strictEqual((yield* store.size).associations, before.associations + 1)
      })
    )
  )

  it.effect("says the clause to the operator and no secret to anybody", () =>
    run(
      Effect.gen(function* () {
        const events: Array<unknown> = []
        const service = yield* SecurityEvents.SecurityEvents
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        const before = yield* service.counts
        yield* g.admit([answer(nonce, { password: "hunter2" })])
        events.push(yield* g.admit([answer(nonce, { password: "hunter2" })]))
        assert.strictEqual((yield* service.counts).get("Refused")! - (before.get("Refused") ?? 0), 2)
        assert.notMatch(JSON.stringify(events), /hunter2|wonderland/)
      })
    )
  )

  it.effect("hands out the next nonce in the second half of a life, and takes it", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate({ algorithms: every })
        const nonce = yield* freshNonce(g)
        yield* TestClock.adjust("3 minutes")
        const info = Effect.fnUntraced(function* (given: Parameters<typeof answer>[1]) {
          const admission = yield* g.admit([answer(nonce, given)])
          if (admission._tag !== "Admitted") return yield* Effect.die(admission)
          return Result.getOrThrow(
            AuthenticationInfo.parse([yield* admission.reply!.authenticationInfo(new Uint8Array(0))])
          )
        })
        const { nextnonce } = yield* info({ count: 1 })
        assert.isDefined(nextnonce)
        assert.strictEqual(seen(yield* g.admit([answer(nextnonce!, { count: 1 })])), "ok")
        assert.isUndefined((yield* info({ count: 2, algorithm: "SHA-256-sess" })).nextnonce)
      })
    )
  )

  it.effect("without qop: refused, or with the option good for one request a nonce", () =>
    run(
      Effect.gen(function* () {
        const strict = yield* gate({ algorithms: ["MD5"] })
        const old = yield* gate({ algorithms: ["MD5"], legacy: true })
        const nonce = yield* freshNonce(old)
        const field = answer(nonce, { algorithm: "MD5", legacy: true })
        assert.strictEqual(seen(yield* strict.admit([field])), "401")
        const admission = yield* old.admit([field])
        assert.strictEqual(seen(admission), "ok")
        if (admission._tag === "Admitted")
          assert.strictEqual(yield* admission.reply!.authenticationInfo(new Uint8Array(0)), "")
        assert.strictEqual(seen(yield* old.admit([field])), "401 stale")
      })
    )
  )

  it.effect(
    "[SEC_CF-SEC-003] a user who is switched off is refused once what is held has run out, a secret at its end at once",
    () =>
      run(
        Effect.gen(function* () {
          const credentials = yield* CredentialStore.CredentialStore
          const [held, asking] = [yield* gate(), yield* gate({ holdMillis: 0 })]
          const nonce = yield* freshNonce(held)
          assert.strictEqual(seen(yield* held.admit([answer(nonce, { count: 1 })])), "ok")
          yield* credentials.update("test", "alice", { enabled: false })
          assert.strictEqual(seen(yield* asking.admit([answer(nonce, { count: 2 })])), "401")
          assert.strictEqual(seen(yield* held.admit([answer(nonce, { count: 3 })])), "ok")
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(seen(yield* held.admit([answer(nonce, { count: 4 })])), "401")
          const ha1Of = (hash: DigestAlgorithm.HashName) =>
            DigestComputation.ha1(hashes[hash], alice.username, realm, alice.password)
          const source = DigestVerifiers.fixed(alice, ha1Of, () => "0".repeat(64))
          const ending = yield* gate({
            verifiers: (authorization, hash) =>
              Effect.map(source(authorization, hash), (found) => ({ ...found, notAfter: 6_000 }))
          })
          assert.strictEqual(seen(yield* ending.admit([answer(nonce, { count: 5 })])), "ok")
          assert.strictEqual(seen(yield* ending.admit([answer(nonce, { username: "bob", count: 6 })])), "401")
          yield* TestClock.adjust("999 millis")
          assert.strictEqual(seen(yield* ending.admit([answer(nonce, { count: 7 })])), "ok")
          yield* TestClock.adjust("1 millis")
          assert.strictEqual(seen(yield* ending.admit([answer(nonce, { count: 8 })])), "401")
        })
      )
  )

  it.effect("[SEC_CF-SEC-003] a secret that was replaced or removed is asked for anew at once, whatever is held", () =>
    run(
      Effect.gen(function* () {
        const credentials = yield* CredentialStore.CredentialStore
        const g = yield* gate()
        const nonce = yield* freshNonce(g)
        assert.strictEqual(seen(yield* g.admit([answer(nonce, { count: 1 })])), "ok")
        const { secrets } = DigestVerifiers.accountDigest(hashes, ["SHA-256"], { ...alice, password: "other" })
        const [kind, secret] = Object.entries(secrets)[0]!
        const principal = {
          _tag: "Authenticated",
          subject: "root",
          kind: "administrator",
          method: "test",
          at: 0
        } as const
        yield* credentials.replaceSecret("test", "alice", kind, secret, { principal, graceMillis: 0 })
        yield* TestClock.adjust(1)
        assert.strictEqual(seen(yield* g.admit([answer(nonce, { count: 2 })])), "401")
        assert.strictEqual(seen(yield* g.admit([answer(nonce, { count: 3, password: "other" })])), "ok")
        yield* credentials.remove("test", "alice")
        assert.strictEqual(seen(yield* g.admit([answer(nonce, { count: 4, password: "other" })])), "401")
      })
    )
  )

  it.effect("lets nobody in while the store does not answer, and goes on when it does", () =>
    Effect.gen(function* () {
      yield* provision
      const g = yield* gate({ hashes: yield* DigestVerifiers.primitiveHashes })
      const nonce = yield* freshNonce(g)
      for (const what of ["transact", "record"] as const) {
        down = what
        const field = answer(yield* freshNonce(g))
        const failure = yield* Effect.flip(g.admit([field]))
        assert.strictEqual(failure._tag, "Unavailable", what)
      }
      down = undefined
      assert.strictEqual(seen(yield* g.admit([answer(nonce)])), "ok")
    }).pipe(
      Effect.provide(
        services(
          Layer.effect(
            Store.Store,
            Effect.map(Store.Store, (store) => {
              const broken = Effect.fail(new Unavailable({ what: "store", retryable: true, cause: "test" }))
              return {
                ...store,
                record: (...args: Parameters<typeof store.record>) =>
                  down === "record" ? broken : store.record(...args),
                transact: (...args: Parameters<typeof store.transact>) =>
                  down === "transact" ? broken : store.transact(...args)
              }
            })
          ).pipe(Layer.provide(memory))
        )
      )
    )
  )

  it.effect("does not go on where the stand-in for unknown users is gone: that would tell them apart", () =>
    run(
      Effect.gen(function* () {
        const g = yield* gate()
        yield* (yield* CredentialStore.CredentialStore).remove("sec-cf-digest", "nobody")
        const failure = yield* Effect.flip(g.admit([answer(yield* freshNonce(g), { username: "nobody" })]))
        assert.strictEqual(failure._tag, "Unavailable")
      })
    )
  )

  it.effect("dies at once on a realm that no field can carry", () =>
    run(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(gate({ realm: "a\r\nb" }))
        assert.strictEqual(exit._tag, "Failure")
      })
    )
  )
})

let reads = 0
let down: "transact" | "record" | undefined

const proofOf = (
  algorithm: DigestAlgorithm.DigestAlgorithm,
  nonce: string,
  qop: Challenge.Qop,
  uri: string,
  body: Uint8Array
) => {
  const hash = hashes[algorithm.startsWith("MD5") ? "MD5" : algorithm.startsWith("SHA-256") ? "SHA-256" : "SHA-512-256"]
  const quality = { qop, nc: "00000001", cnonce: "0a4f113b" }
  const plain = DigestComputation.ha1(hash, alice.username, alice.realm, alice.password)
  const ha1 = algorithm.endsWith("-sess") ? hash(`${plain}:${nonce}:0a4f113b`) : plain
  return hash(
    `${ha1}:${nonce}:${quality.nc}:${quality.cnonce}:${qop}:${qop === "auth" ? hash(`:${uri}`) : hash(`:${uri}:${hash(body)}`)}`
  )
}
