import { X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { describePeer, run, temporaryFolder } from "@oma/peers"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { CaFailure, keepCertificate, loopbackNames, openDevelopmentCa } from "../../src/tls/index.ts"

const day = 86_400_000
const now = Date.UTC(2026, 10, 21)
const request = { label: "server", names: ["dcd.example.net", ...loopbackNames, "urn:oma:dcd"] }
const mode = (file: string) => Fs.statSync(file).mode & 0o777

describe("DevelopmentCa", () => {
  it.effect("[SEC_CF-SEC-001] keeps keys in files that only the owner can read, and leaves no other file", () =>
    Effect.gen(function* () {
      const folder = Path.join(temporaryFolder(), "ca")
      const ca = yield* openDevelopmentCa(folder, now)
      yield* ca.issue(request, now)
      assert.strictEqual(mode(folder), 0o700)
      assert.strictEqual(mode(Path.join(folder, "ca.private.pem")), 0o600)
      assert.strictEqual(mode(Path.join(folder, "server.private.pem")), 0o600)
      assert.strictEqual(mode(ca.file), 0o644)
      assert.notInclude(Fs.readFileSync(ca.file, "utf8"), "PRIVATE")
      assert.deepStrictEqual(Fs.readdirSync(folder).sort(), ["ca.pem", "ca.private.pem", "server.private.pem"])
    })
  )
  it.effect("is the same after a restart, and so are its certificates", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const first = yield* openDevelopmentCa(folder, now)
      const certificate = yield* first.issue(request, now)
      const second = yield* openDevelopmentCa(folder, now + day)
      assert.strictEqual(second.certificate, first.certificate)
      const again = yield* second.issue(request, now + day)
      assert.strictEqual(again.certificate, certificate.certificate)
      assert.strictEqual(Redacted.value(again.key), Redacted.value(certificate.key))
      assert.notInclude(String(again.key), "PRIVATE")
      assert.notInclude(JSON.stringify(again), "BEGIN PRIVATE")
    })
  )
  it.effect("gives one authority to all who open it at once", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const all = yield* Effect.all(
        Array.from({ length: 8 }, () => openDevelopmentCa(folder, now)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ certificate }) => certificate)).size, 1)
      assert.strictEqual(Fs.readFileSync(Path.join(folder, "ca.pem"), "utf8"), all[0]?.certificate)
    })
  )
  it.effect("renews a certificate with a third of its time left, and not before", () =>
    Effect.gen(function* () {
      const ca = yield* openDevelopmentCa(temporaryFolder(), now)
      const first = yield* ca.issue(request, now)
      assert.strictEqual((yield* ca.issue(request, now + 59 * day)).certificate, first.certificate)
      const second = yield* ca.issue(request, now + 61 * day)
      assert.notStrictEqual(second.certificate, first.certificate)
      assert.isTrue(Date.parse(new X509Certificate(second.certificate).validTo) > now + 150 * day)
    })
  )
  it.effect("makes another certificate for other names or another use", () =>
    Effect.gen(function* () {
      const ca = yield* openDevelopmentCa(temporaryFolder(), now)
      const first = yield* ca.issue(request, now)
      const fewer = yield* ca.issue({ ...request, names: request.names.slice(1) }, now)
      assert.notStrictEqual(fewer.certificate, first.certificate)
      const client = yield* ca.issue({ ...request, use: "client" }, now)
      assert.deepStrictEqual(new X509Certificate(client.certificate).keyUsage, ["1.3.6.1.5.5.7.3.2"])
    })
  )
  it.effect("is replaced before it ends, and its certificates with it", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const first = yield* openDevelopmentCa(folder, now)
      const old = yield* first.issue(request, now)
      const later = now + 3600 * day
      const second = yield* openDevelopmentCa(folder, later)
      assert.notStrictEqual(second.certificate, first.certificate)
      assert.strictEqual(Fs.readFileSync(second.file, "utf8"), second.certificate)
      const renewed = yield* second.issue(request, later)
      assert.notStrictEqual(renewed.certificate, old.certificate)
      assert.isTrue(new X509Certificate(renewed.certificate).verify(new X509Certificate(second.certificate).publicKey))
    })
  )
  it.effect("refuses a key that others can read, a damaged file, and a label that is a path", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const ca = yield* openDevelopmentCa(folder, now)
      const file = Path.join(folder, "ca.private.pem")
      const why = (effect: Effect.Effect<unknown, CaFailure>) =>
        Effect.map(Effect.flip(effect), (failure) => {
          assert.instanceOf(failure, CaFailure)
          return failure.detail
        })
      for (const label of ["", "../x", "ca", "A", "x".repeat(65)])
        assert.strictEqual(yield* why(ca.issue({ ...request, label }, now)), "not a label")
      assert.match(yield* why(ca.issue({ label: "x", names: [] }, now)), /without names/)
      Fs.chmodSync(file, 0o640)
      assert.match(yield* why(openDevelopmentCa(folder, now)), /mode 640 lets others at it/)
      Fs.chmodSync(file, 0o600)
      Fs.writeFileSync(file, "nonsense")
      assert.strictEqual(yield* why(openDevelopmentCa(folder, now)), "no certificate in it")
    })
  )
  it.effect("gives a running server its certificate, and every renewal", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const ca = yield* openDevelopmentCa(temporaryFolder(), now)
      const given: Array<string> = []
      let heard = () => undefined as unknown
      const next = () => new Promise<unknown>((resolve) => (heard = () => resolve(undefined)))
      let waiting = next()
      const fiber = yield* Effect.forkChild(
        keepCertificate(
          ca,
          request,
          ({ certificate }) => {
            given.push(certificate)
            heard()
          },
          "61 days"
        )
      )
      yield* Effect.promise(() => waiting)
      waiting = next()
      yield* Effect.yieldNow
      yield* TestClock.adjust("61 days")
      yield* Effect.promise(() => waiting)
      assert.strictEqual(new Set(given).size, 2)
      yield* Fiber.interrupt(fiber)
    })
  )
})

describePeer("certificates of the development CA, judged by openssl verify", ["openssl"], () => {
  it("form a valid chain for their purpose and names", async () => {
    const folder = temporaryFolder()
    const today = Date.now()
    const ca = await Effect.runPromise(openDevelopmentCa(folder, today))
    await Effect.runPromise(ca.issue(request, today))
    const verify = (...args: ReadonlyArray<string>) =>
      run("openssl", ["verify", "-x509_strict", "-CAfile", ca.file, ...args, Path.join(folder, "server.private.pem")])
    const good = await verify("-purpose", "sslserver", "-verify_hostname", "dcd.example.net")
    assert.strictEqual(good.code, 0, good.output)
    assert.strictEqual((await verify("-verify_ip", "127.0.0.1")).code, 0)
    assert.strictEqual((await verify("-verify_ip", "::1")).code, 0)
    assert.notStrictEqual((await verify("-purpose", "sslclient")).code, 0)
    assert.notStrictEqual((await verify("-verify_hostname", "mc.example.net")).code, 0)
  })
})
