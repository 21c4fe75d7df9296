import { assert, describe, it } from "@effect/vitest"
import { SecurityEvents, Store, Unavailable } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import {
  Cred,
  CredDigest,
  DmAccounts,
  DmAuthPolicy,
  type DmAuthType,
  DmServer,
  MessageMac,
  SyncmlHmacHeader
} from "../src/index.ts"
import { md5, sha256 } from "./crypto.ts"
import { deviceId, password, requestOf, send, type Turn, tlsConnection, user } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

const xml = "application/vnd.syncml.dm+xml"
const wbxml = "application/vnd.syncml.dm+wbxml"

const addAccount = Effect.gen(function* () {
  const accounts = yield* DmAccounts.DmAccounts
  yield* accounts.add({
    device: deviceId,
    client: { user, secret: Redacted.make(password) },
    server: { user: "dm.example.net", secret: Redacted.make("server secret") }
  })
})

const run = <A, E>(
  effect: Effect.Effect<A, E, DmServer.DmServer | DmAccounts.DmAccounts | SecurityEvents.SecurityEvents>,
  options: DmServer.DmServerOptions = {}
) =>
  Effect.gen(function* () {
    const store = yield* lastingStore
    return yield* Effect.provide(Effect.andThen(addAccount, effect), serverOn(store, options))
  })

const say = (media: string, sessionId: string, msgId: number, turn: Turn = {}) =>
  send(requestOf(media, sessionId, msgId, turn))

const policyWith = (check: Partial<DmAuthPolicy.CheckPolicy>): DmServer.DmServerOptions => ({
  policy: {
    ...DmAuthPolicy.defaultServerPolicy,
    check: { ...DmAuthPolicy.defaultCheck, ...check }
  }
})

describe("DmServer", () => {
  for (const media of [xml, wbxml, "application/vnd.syncml+xml", "application/vnd.syncml+wbxml"]) {
    for (const type of ["syncml:auth-md5", "syncml:auth-sha256"] as const) {
      it.effect(
        `[DM-CHAL-007] ${type} in ${media}: 407, 212 with RespURI, a management session, the next session without a challenge`,
        () =>
          run(
            Effect.gen(function* () {
              const asked = yield* say(media, "1", 1)
              assert.strictEqual(asked.code, 407)
              assert.strictEqual(asked.chal?.type, "syncml:auth-sha256")
              assert.strictEqual(asked.chal?.format, "b64")
              assert.deepStrictEqual(asked.others, ["407"])
              assert.strictEqual(asked.gets, 0)
              const accepted = yield* say(media, "1", 2, { type: "syncml:auth-sha256", nonce: asked.nonce! })
              assert.strictEqual(accepted.code, 212)
              assert.deepStrictEqual(accepted.others, ["200"])
              assert.isAbove(accepted.gets, 0)
              assert.match(accepted.token!, /^[0-9a-f]{32}$/)
              const end = yield* say(media, "1", 3, { token: accepted.token!, commands: [] })
              assert.deepInclude(end, { code: 200, gets: 0 })
              assert.isTrue(end.message.body.final)
              const later = yield* say(media, "2", 1, { type, nonce: accepted.nonce! })
              assert.strictEqual(later.code, 212)
            })
          )
      )
    }
  }

  it.effect("[DM-MAC-001] MAC in every message, 200 with the next nonce; without the header the session ends", () =>
    run(
      Effect.gen(function* () {
        const asked = yield* say(wbxml, "1", 1)
        assert.deepInclude(asked, { code: 407 })
        assert.strictEqual(asked.chal?.type, "syncml:auth-MAC")
        const first = yield* say(wbxml, "1", 2, { type: "syncml:auth-MAC", nonce: asked.nonce! })
        assert.strictEqual(first.code, 200)
        const second = yield* say(wbxml, "1", 3, { type: "syncml:auth-MAC", nonce: first.nonce!, token: first.token! })
        assert.strictEqual(second.code, 200)
        const tampered = requestOf(wbxml, "1", 4, {
          type: "syncml:auth-MAC",
          nonce: second.nonce!,
          token: first.token!
        })
        const other = requestOf(wbxml, "1", 4, { commands: [], token: first.token! })
        const refused = yield* send({ ...tampered, octets: other.octets })
        assert.strictEqual(refused.code, 401)
        const missing = yield* say(wbxml, "1", 5, { token: first.token! })
        assert.strictEqual(missing.code, 401)
      }),
      policyWith({ types: ["syncml:auth-MAC"] })
    )
  )

  it.effect("[DM-CRED-004] basic under TLS alone, and not in the clear", () =>
    run(
      Effect.gen(function* () {
        const inClear = yield* say(xml, "1", 1, { type: "syncml:auth-basic" })
        assert.strictEqual(inClear.code, 401)
        const accepted = yield* say(xml, "2", 1, { type: "syncml:auth-basic", connection: tlsConnection })
        assert.strictEqual(accepted.code, 212)
        const goesOn = yield* say(xml, "2", 2, { connection: tlsConnection, commands: [] })
        assert.strictEqual(goesOn.code, 200)
        const wrong = yield* say(xml, "3", 1, { type: "syncml:auth-basic", connection: tlsConnection, secret: "wrong" })
        assert.strictEqual(wrong.code, 401)
      })
    )
  )

  it.effect("wrong secret, unknown account: the same answer but for the nonce", () =>
    run(
      Effect.gen(function* () {
        const type = "syncml:auth-md5"
        const wrong = yield* say(xml, "1", 1, { type, secret: "wrong" })
        const unknown = yield* say(xml, "1", 1, { type, device: "IMEI:493005100592801", locName: "nobody" })
        assert.deepStrictEqual([wrong.code, unknown.code], [401, 401])
        const text = (octets: Uint8Array) =>
          Bytes.utf8Decode(octets)!
            .replace(/<NextNonce[^>]*>[^<]*/, "")
            .replaceAll("IMEI:493005100592801", deviceId)
        assert.strictEqual(text(wrong.reply.octets), text(unknown.reply.octets))
        assert.notDeepEqual(wrong.nonce, unknown.nonce)
      })
    )
  )

  it.effect("a replay gets the stored answer; the previous nonce authenticates nothing new, also after a restart", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      const type = "syncml:auth-md5"
      const request = requestOf(xml, "1", 1, { type })
      const next = yield* Effect.gen(function* () {
        yield* addAccount
        const first = yield* send(request)
        assert.strictEqual(first.code, 212)
        const again = yield* send(request)
        assert.deepStrictEqual(again.reply, first.reply)
        const fromElsewhere = yield* send({ ...request, source: "127.0.0.2" })
        assert.strictEqual(fromElsewhere.code, 401)
        const changed = yield* say(xml, "2", 1, { type })
        assert.strictEqual(changed.code, 401)
        return first.nonce!
      }).pipe(Effect.provide(serverOn(store)))
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* send(request)).code, 401)
        assert.strictEqual((yield* say(xml, "3", 1, { type, nonce: next })).code, 212)
      }).pipe(Effect.provide(serverOn(store)))
    })
  )

  it.effect(
    "a challenge of one node is answered at another, under another SessionID: nonces belong to the account",
    () =>
      Effect.gen(function* () {
        const store = yield* lastingStore
        const asked = yield* Effect.andThen(addAccount, say(xml, "5", 1)).pipe(Effect.provide(serverOn(store)))
        const accepted = yield* say(xml, "6", 1, { type: "syncml:auth-sha256", nonce: asked.nonce! }).pipe(
          Effect.provide(serverOn(store))
        )
        assert.strictEqual(accepted.code, 212)
      })
  )

  it.effect("sixteen messages with one nonce: one is accepted", () =>
    run(
      Effect.gen(function* () {
        const nonce = (yield* say(xml, "1", 1)).nonce!
        const type: DmAuthType.DmAuthType = "syncml:auth-sha256"
        const codes = yield* Effect.all(
          Array.from({ length: 16 }, (_, n) => Effect.map(say(xml, `A${n}`, 1, { type, nonce }), (said) => said.code)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(codes.filter((code) => code === 212).length, 1)
        assert.strictEqual(codes.filter((code) => code === 401).length, 15)
      })
    )
  )

  it.effect("strangers in the name of the account neither keep the owner out nor end his session", () =>
    run(
      Effect.gen(function* () {
        const asked = yield* say(xml, "1", 1)
        for (let n = 1; n <= 20; n++) {
          const said = yield* say(xml, "1", n, {
            source: "127.0.0.9",
            type: "syncml:auth-sha256",
            nonce: Bytes.utf8(`${n}`)
          })
          assert.strictEqual(said.code, 401)
        }
        const accepted = yield* say(xml, "1", 2, { type: "syncml:auth-sha256", nonce: asked.nonce! })
        assert.strictEqual(accepted.code, 212)
        const guess = yield* say(xml, "1", 3, { source: "127.0.0.9" })
        assert.strictEqual(guess.code, 407)
        const wrongToken = yield* say(xml, "1", 3, { token: "0".repeat(32) })
        assert.strictEqual(wrongToken.code, 407)
        const owner = yield* say(xml, "1", 3, { token: accepted.token!, commands: [] })
        assert.strictEqual(owner.code, 200)
      })
    )
  )

  it.effect(
    "the server's own credentials: shown, refused as stale, shown again under the client's challenge, accepted",
    () =>
      run(
        Effect.gen(function* () {
          const first = yield* say(xml, "1", 1, { type: "syncml:auth-md5" })
          assert.strictEqual(first.code, 212)
          const expected = (nonce: Uint8Array) => CredDigest.digest(sha256, "dm.example.net", "server secret", nonce)
          assert.deepStrictEqual(Cred.octets(first.message.hdr.cred!), expected(new Uint8Array(0)))
          const nonce = Uint8Array.of(0, 58, 13, 10, 255)
          const chal = { type: "syncml:auth-sha256", format: "b64", nextNonce: Bytes.toBase64(nonce) } as const
          const status = {
            _tag: "Status",
            cmdId: "1",
            msgRef: "1",
            cmdRef: "0",
            cmd: "SyncHdr",
            data: "401",
            chal
          } as const
          const second = yield* say(xml, "1", 2, { token: first.token!, commands: [], status })
          assert.strictEqual(second.code, 200)
          assert.deepStrictEqual(Cred.octets(second.message.hdr.cred!), expected(nonce))
          const third = yield* say(xml, "1", 3, {
            token: first.token!,
            commands: [],
            status: { ...status, msgRef: "2", data: "212" }
          })
          assert.isUndefined(third.message.hdr.cred)
        })
      )
  )

  it.effect("the server's own MAC covers the octets that it sends", () =>
    run(
      Effect.gen(function* () {
        const first = yield* say(wbxml, "1", 1, { type: "syncml:auth-MAC" })
        const header = Result.getOrThrow(SyncmlHmacHeader.parse(first.reply.hmacHeader!))
        const key = CredDigest.storedKey(md5, "dm.example.net", "server secret")
        const mac = MessageMac.nested(md5, key, new Uint8Array(0), first.reply.octets)
        assert.deepStrictEqual(header, { algorithm: "MD5", username: "dm.example.net", mac: MessageMac.encode(mac) })
      }),
      { policy: { ...policyWith({}).policy!, own: { ...DmAuthPolicy.defaultProof, types: ["syncml:auth-MAC"] } } }
    )
  )

  it.effect("traps: no LocName, Status 0, another spelling of the type, a foreign type", () =>
    run(
      Effect.gen(function* () {
        const zero = { _tag: "Status", cmdId: "1", msgRef: "1", cmdRef: "0", cmd: "SyncHdr", data: "0" } as const
        const first = yield* say(xml, "1", 1, { type: "syncml:auth-md5", locName: null })
        assert.strictEqual(first.code, 212)
        assert.strictEqual((yield* say(xml, "1", 2, { token: first.token!, status: zero, commands: [] })).code, 200)
        const request = requestOf(xml, "2", 1, { type: "syncml:auth-sha256", nonce: first.nonce! })
        const respelled = Bytes.utf8(Bytes.utf8Decode(request.octets)!.replace("auth-sha256", "auth-SHA256"))
        assert.strictEqual((yield* send({ ...request, octets: respelled })).code, 212)
        const foreign = Bytes.utf8(Bytes.utf8Decode(request.octets)!.replace("auth-sha256", "auth-X509"))
        assert.strictEqual((yield* send({ ...request, octets: foreign, source: "127.0.0.3" })).code, 401)
      })
    )
  )

  it.effect("[DM-CRED-002] a command with a Cred of its own gets 400, the others what they ask for", () =>
    run(
      Effect.gen(function* () {
        const cred = Cred.make("syncml:auth-md5", new Uint8Array(16))
        const said = yield* say(xml, "1", 1, {
          type: "syncml:auth-md5",
          commands: [
            { _tag: "Alert", cmdId: "1", data: "1201", cred },
            { _tag: "Alert", cmdId: "2", data: "1201" }
          ]
        })
        assert.strictEqual(said.code, 212)
        assert.deepStrictEqual(said.others, ["400", "200"])
        const alone = yield* say(xml, "2", 1, { commands: [{ _tag: "Alert", cmdId: "1", data: "1201", cred }] })
        assert.strictEqual(alone.code, 407)
      })
    )
  )

  it.effect("SyncML 1.0 takes its own formula, with an account that keeps the password for it", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      yield* Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        const client = { user, secret: Redacted.make(password) }
        yield* accounts.add({ device: deviceId, client, syncml10: true })
        const old = yield* say("application/vnd.syncml+xml", "1", 1, {
          type: "syncml:auth-md5",
          verProto: "SyncML/1.0"
        })
        assert.strictEqual(old.code, 212)
      }).pipe(Effect.provide(serverOn(store)))
    })
  )

  it.effect("accounts that could be mirrored, or whose name has a colon, are not made", () =>
    run(
      Effect.gen(function* () {
        const accounts = yield* DmAccounts.DmAccounts
        const secret = Redacted.make("s")
        for (const [client, server] of [
          [
            { user: "u", secret },
            { user: "u", secret: Redacted.make("t") }
          ],
          [
            { user: "u", secret },
            { user: "v", secret }
          ],
          [{ user: "u:v", secret }, undefined]
        ] as const) {
          const added = yield* Effect.result(
            accounts.add({ device: "d", client, ...(server === undefined ? {} : { server }) })
          )
          assert.isTrue(Result.isFailure(added) && added.failure._tag === "Unacceptable")
        }
      })
    )
  )

  it.effect("malformed and too large: 400 or 413 in SyncML where the header was read, else for the transport", () =>
    run(
      Effect.gen(function* () {
        const server = yield* DmServer.DmServer
        const request = requestOf(xml, "1", 1, {})
        const none = yield* Effect.result(server.receive({ ...request, octets: Bytes.utf8("<SyncML>") }))
        assert.isTrue(Result.isFailure(none) && none.failure.reason === "malformed")
        const huge = yield* Effect.result(server.receive({ ...request, octets: new Uint8Array(70_000).fill(32) }))
        assert.isTrue(Result.isFailure(huge) && huge.failure.reason === "too large")
        const text = Bytes.utf8Decode(request.octets)!
        const badId = yield* send({ ...request, octets: Bytes.utf8(text.replace("<MsgID>1<", "<MsgID>x<")) })
        assert.strictEqual(badId.code, 400)
      })
    )
  )

  it.effect("events tell every decision and no secret", () =>
    run(
      Effect.gen(function* () {
        const events = yield* SecurityEvents.SecurityEvents
        const collected = yield* Effect.forkChild(Stream.runCollect(Stream.take(events.stream, 3)), {
          startImmediately: true
        })
        yield* say(xml, "1", 1)
        yield* say(xml, "1", 2, { type: "syncml:auth-sha256", secret: "canary" })
        yield* say(xml, "2", 1, { type: "syncml:auth-md5" })
        const seen = yield* Fiber.join(collected)
        assert.deepStrictEqual(
          seen.map((event) => [event._tag, event.detail]),
          [
            ["Challenged", "missing"],
            ["Challenged", "rejected"],
            ["Admitted", "accepted for the session"]
          ]
        )
        const text = JSON.stringify(seen)
        for (const secret of ["canary", password, "server secret"]) assert.notInclude(text, secret)
      })
    )
  )

  it.effect("a store that is down gives 503, and the session goes on when it is back", () =>
    Effect.gen(function* () {
      const store = yield* lastingStore
      let down = false
      const flaky = Layer.effect(
        Store.Store,
        Effect.map(Store.Store, (inner) => ({
          ...inner,
          transact: (...args: Parameters<typeof inner.transact>) =>
            down
              ? Effect.fail(new Unavailable({ what: "store", retryable: true, cause: "test" }))
              : inner.transact(...args)
        }))
      ).pipe(Layer.provide(store))
      yield* Effect.gen(function* () {
        yield* addAccount
        down = true
        const type = "syncml:auth-md5"
        const refused = yield* say(xml, "1", 1, { type })
        assert.strictEqual(refused.code, 503)
        down = false
        assert.strictEqual((yield* say(xml, "1", 1, { type })).code, 212)
      }).pipe(Effect.provide(serverOn(flaky)))
    })
  )
})
