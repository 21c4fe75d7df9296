import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { describePeer, freePort, type Peer, startPeer, temporaryFolder } from "@oma/peers"
import { SecurityEvents } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, beforeAll } from "vitest"
import {
  Datagrams,
  NodeDatagrams,
  RadiusAttribute,
  RadiusAuthenticator,
  RadiusClient,
  RadiusPacket
} from "../../src/external/index.ts"
import { hashes, memoryDatagrams, radiusSecret, services, utf8 } from "./support.ts"

const secretText = "testing123"
const password = Redacted.make("wonderland")
const alice = { userName: "alice@example.com", password }

interface Forgery {
  readonly code?: number
  readonly secret?: string
  readonly message?: "holds" | "wrong" | "absent" | "last"
  readonly identifier?: number
  readonly authenticator?: Uint8Array
}

/** An answer as a server, or somebody who plays one, would make it. */
const answerTo = (request: Uint8Array, forgery: Forgery = {}): Uint8Array => {
  const secret = utf8(forgery.secret ?? secretText)
  const given = forgery.authenticator ?? request.subarray(4, 20)
  const message = RadiusAttribute.make(80, new Uint8Array(16))
  const reply = RadiusAttribute.text(18, "hello")
  const form = forgery.message ?? "holds"
  const octets = Result.getOrThrow(
    RadiusPacket.encode({
      code: forgery.code ?? 2,
      identifier: forgery.identifier ?? request[1]!,
      authenticator: given,
      attributes: form === "absent" ? [reply] : form === "last" ? [reply, message] : [message, reply]
    })
  )
  const at = RadiusAuthenticator.messageAuthenticatorAt(octets)
  if (form === "holds" || form === "last") {
    octets.set(RadiusAuthenticator.messageAuthenticator(hashes.hmacMd5, octets, at, given, secret), at)
  }
  return RadiusAuthenticator.withAuthenticator(octets, RadiusAuthenticator.response(hashes.md5, octets, given, secret))
}

describe("[DPE-AUTH-006] the RADIUS client", () => {
  const memory = Layer.merge(services(), memoryDatagrams)
  const setUp = (options: Partial<RadiusClient.RadiusClientOptions> = {}) =>
    Effect.gen(function* () {
      const datagrams = yield* Datagrams.Datagrams
      const server = yield* datagrams.bind({ host: "127.0.0.1", port: 1812 })
      const client = yield* RadiusClient.make({
        enabler: "test",
        server: { address: "127.0.0.1" },
        secret: yield* radiusSecret(secretText),
        nasIdentifier: "dpe1",
        ...options
      })
      const answer = (request: Datagrams.Datagram, forgery?: Forgery) =>
        server.send({ ...request, octets: answerTo(request.octets, forgery) })
      return { server, client, answer }
    })
  const story = (
    name: string,
    body: Effect.Effect<void, unknown, Layer.Success<typeof memory> | import("effect/Scope").Scope>
  ) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(memory)))

  story(
    "sends Message-Authenticator first, hides the password, and reads the answer",
    Effect.gen(function* () {
      const { server, client, answer } = yield* setUp()
      const asked = yield* Effect.forkChild(client.verify(alice))
      const request = yield* server.take
      const packet = Result.getOrThrow(RadiusPacket.decode(request.octets))
      assert.deepStrictEqual(
        packet.attributes.map(({ type }) => type),
        [80, 1, 2, 32]
      )
      const { authenticator } = packet
      assert.strictEqual(
        RadiusAuthenticator.judgeMessageAuthenticator(hashes.hmacMd5, request.octets, authenticator, utf8(secretText)),
        "holds"
      )
      const hidden = RadiusAttribute.single(packet.attributes, 2)!
      const revealed = RadiusAuthenticator.revealPassword(hashes.md5, hidden, authenticator, utf8(secretText))!
      assert.strictEqual(Bytes.utf8Decode(revealed), "wonderland")
      yield* answer(request)
      const accepted = yield* Fiber.join(asked)
      assert.strictEqual(accepted._tag, "Accepted")
      if (accepted._tag === "Accepted") {
        assert.strictEqual(RadiusAttribute.textOf(RadiusAttribute.single(accepted.attributes, 18)), "hello")
      }
    })
  )
  for (const [code, challenge] of [
    [3, false],
    [11, true]
  ] as const) {
    story(
      `code ${code} is a refusal`,
      Effect.gen(function* () {
        const { server, client, answer } = yield* setUp()
        const asked = yield* Effect.forkChild(client.verify(alice))
        yield* answer(yield* server.take, { code })
        assert.deepStrictEqual(yield* Fiber.join(asked), { _tag: "Rejected", challenge })
      })
    )
  }
  for (const [what, forgery, told] of [
    ["made with another secret", { secret: "other" }, 1],
    ["without Message-Authenticator", { message: "absent" }, 1],
    ["with a wrong Message-Authenticator", { message: "wrong" }, 1],
    ["to another request", { authenticator: new Uint8Array(16) }, 1],
    ["with another identifier", { identifier: 0 }, 0],
    ["of a code that is no answer", { code: 5 }, 1]
  ] as const) {
    story(
      `an accept ${what} is dropped, and the true reject behind it counts`,
      Effect.gen(function* () {
        const { server, client, answer } = yield* setUp()
        const asked = yield* Effect.forkChild(client.verify(alice))
        const request = yield* server.take
        const other = "identifier" in forgery ? { identifier: (request.octets[1]! + 1) & 255 } : forgery
        yield* answer(request, other)
        yield* answer(request, { code: 3 })
        assert.deepStrictEqual(yield* Fiber.join(asked), { _tag: "Rejected", challenge: false })
        assert.strictEqual((yield* (yield* SecurityEvents.SecurityEvents).counts).get("ServerRefused") ?? 0, told)
      })
    )
  }
  story(
    "every changed bit of an accept is dropped",
    Effect.gen(function* () {
      const { server, client } = yield* setUp()
      const asked = yield* Effect.forkChild(client.verify(alice))
      const request = yield* server.take
      const accept = answerTo(request.octets)
      for (let bit = 0; bit < accept.length * 8; bit++) {
        const octets = accept.slice()
        octets[bit >> 3]! ^= 1 << (bit & 7)
        yield* server.send({ ...request, octets })
        yield* Effect.yieldNow
      }
      yield* server.send({ ...request, octets: answerTo(request.octets, { code: 3 }) })
      assert.deepStrictEqual(yield* Fiber.join(asked), { _tag: "Rejected", challenge: false })
    })
  )
  story(
    "the demand can be given up for an old server, which is told as weak",
    Effect.gen(function* () {
      const { server, client, answer } = yield* setUp({ demandMessageAuthenticator: false })
      const asked = yield* Effect.forkChild(client.verify(alice))
      yield* answer(yield* server.take, { message: "absent" })
      assert.strictEqual((yield* Fiber.join(asked))._tag, "Accepted")
      assert.strictEqual((yield* (yield* SecurityEvents.SecurityEvents).counts).get("WeakConfiguration"), 1)
    })
  )
  story(
    "a Message-Authenticator behind other attributes holds too",
    Effect.gen(function* () {
      const { server, client, answer } = yield* setUp()
      const asked = yield* Effect.forkChild(client.verify(alice))
      yield* answer(yield* server.take, { message: "last" })
      assert.strictEqual((yield* Fiber.join(asked))._tag, "Accepted")
    })
  )
  story(
    "sends the same packet again, after 2, 4 and 8 seconds, and gives up after 16 more",
    Effect.gen(function* () {
      const { server, client } = yield* setUp()
      const asked = yield* Effect.forkChild(Effect.flip(client.verify(alice)))
      const first = yield* server.take
      for (const seconds of [2, 4, 8]) {
        yield* TestClock.adjust(`${seconds} seconds`)
        assert.deepStrictEqual((yield* server.take).octets, first.octets)
      }
      yield* TestClock.adjust("16 seconds")
      assert.deepInclude(yield* Fiber.join(asked), { _tag: "Unavailable", what: "RADIUS server" })
    })
  )
  story(
    "answers of many requests find their own, in any order; more than there is room for wait",
    Effect.gen(function* () {
      const { server, client, answer } = yield* setUp({ limits: { open: 16 } })
      const asked = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 40 }, (_, i) => i),
          (i) => client.verify({ ...alice, userName: `u${i}` }),
          { concurrency: "unbounded" }
        )
      )
      const expected: Array<string> = []
      for (let round = 0; expected.length < 40; round++) {
        const batch: Array<Datagrams.Datagram> = []
        for (let i = 0; i < Math.min(16, 40 - round * 16); i++) batch.push(yield* server.take)
        assert.strictEqual(new Set(batch.map(({ octets }) => octets[1])).size, batch.length)
        for (const request of batch.toReversed()) {
          const packet = Result.getOrThrow(RadiusPacket.decode(request.octets))
          const user = RadiusAttribute.textOf(RadiusAttribute.single(packet.attributes, 1))!
          expected[Number(user.slice(1))] = Number(user.slice(1)) % 2 === 0 ? "Accepted" : "Rejected"
          yield* answer(request, { code: Number(user.slice(1)) % 2 === 0 ? 2 : 3 })
        }
      }
      assert.deepStrictEqual(
        (yield* Fiber.join(asked)).map(({ _tag }) => _tag),
        expected
      )
    })
  )
  story(
    "a password that RADIUS cannot hide fails before anything is sent",
    Effect.gen(function* () {
      const { client } = yield* setUp()
      const failure = yield* Effect.flip(client.verify({ ...alice, password: Redacted.make("a".repeat(129)) }))
      assert.strictEqual(failure._tag, "RadiusMalformed")
      assert.notInclude(JSON.stringify(failure), "aaaa")
    })
  )
})

describePeer("[DPE-AUTH-006] our client asks FreeRADIUS", ["freeradius"], () => {
  let peer: Peer
  let port = 0

  beforeAll(async () => {
    port = await freePort("udp")
    const folder = temporaryFolder({ unprivileged: true })
    fs.mkdirSync(path.join(folder, "log"), { mode: 0o777 })
    fs.mkdirSync(path.join(folder, "run"), { mode: 0o777 })
    fs.writeFileSync(
      path.join(folder, "users"),
      `alice@example.com Cleartext-Password := "wonderland"
\tFramed-IP-Address = 10.20.30.40,
\tReply-Message = "hello"
DEFAULT Calling-Station-Id == "15551230001", Auth-Type := Accept
\tReply-Message = "known subscriber"
`
    )
    fs.writeFileSync(
      path.join(folder, "radiusd.conf"),
      `prefix = /usr
raddbdir = ${folder}
logdir = \${raddbdir}/log
run_dir = \${raddbdir}/run
libdir = /usr/lib/freeradius
correct_escapes = true
max_requests = 1024
log {
  destination = stdout
  auth = yes
}
security {
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${secretText}
  require_message_authenticator = yes
}
modules {
  files {
    usersfile = \${raddbdir}/users
  }
  pap {
  }
  chap {
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    chap
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
  }
  post-auth {
    if (&Called-Station-Id == "protected") {
      update reply {
        &Message-Authenticator := 0x00
      }
    }
    Post-Auth-Type REJECT {
      if (&Called-Station-Id == "protected") {
        update reply {
          &Message-Authenticator := 0x00
        }
      }
    }
  }
}
`
    )
    peer = await startPeer({
      program: "freeradius",
      args: ["-f", "-l", "stdout", "-d", folder, "-n", "radiusd"],
      cwd: folder,
      ready: /Ready to process requests/,
      unprivileged: true
    })
  })
  afterAll(async () => {
    await peer?.stop()
  })

  const live = Layer.merge(services(), NodeDatagrams.layer)
  /** What FreeRADIUS is asked by, so that it adds the Message-Authenticator. */
  const protectedAnswer = [RadiusAttribute.text(30, "protected")]
  const ask = (credentials: RadiusClient.AccessCredentials, options: Partial<RadiusClient.RadiusClientOptions> = {}) =>
    Effect.gen(function* () {
      const secret = yield* radiusSecret(secretText)
      const limits = { firstMillis: 500, sendings: 2 }
      const server = { address: "127.0.0.1", port }
      const client = yield* RadiusClient.make({
        enabler: "test",
        server,
        secret,
        nasIdentifier: "dpe1",
        limits,
        ...options
      })
      return yield* client.verify(credentials)
    }).pipe(Effect.scoped, Effect.provide(live))

  for (const method of ["pap", "chap"] as const) {
    it.live(`${method}: the right password is accepted, a wrong one and an unknown user are rejected`, () =>
      Effect.gen(function* () {
        const attributes = protectedAnswer
        const accepted = yield* ask({ ...alice, method, attributes })
        assert.strictEqual(accepted._tag, "Accepted")
        if (accepted._tag === "Accepted") {
          assert.strictEqual(RadiusAttribute.textOf(RadiusAttribute.single(accepted.attributes, 18)), "hello")
        }
        const wrong = yield* ask({ ...alice, password: Redacted.make("looking glass"), method, attributes })
        const unknown = yield* ask({ ...alice, userName: "nobody", method, attributes })
        assert.deepStrictEqual(wrong, { _tag: "Rejected", challenge: false })
        assert.deepStrictEqual(unknown, wrong)
      })
    )
  }
  it.live("a password of 60 octets, and a subscriber by number", () =>
    Effect.gen(function* () {
      const long = Redacted.make("x".repeat(60))
      const attributes = [...protectedAnswer, RadiusAttribute.text(31, "15551230001")]
      assert.strictEqual((yield* ask({ userName: "nobody", password: long, attributes }))._tag, "Accepted")
    })
  )
  it.live("an accept of 3.2.1 without Message-Authenticator counts only where the demand was given up", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(ask(alice)))._tag, "Unavailable")
      assert.strictEqual((yield* ask(alice, { demandMessageAuthenticator: false }))._tag, "Accepted")
    })
  )
  it.live("a wrong secret gets no answer", () =>
    Effect.gen(function* () {
      const secret = yield* radiusSecret("wrong")
      const client = yield* RadiusClient.make({
        enabler: "test",
        server: { address: "127.0.0.1", port },
        secret,
        nasIdentifier: "dpe1",
        limits: { firstMillis: 300, sendings: 1 }
      })
      assert.strictEqual((yield* Effect.flip(client.verify(alice)))._tag, "Unavailable")
    }).pipe(Effect.scoped, Effect.provide(live))
  )
})
