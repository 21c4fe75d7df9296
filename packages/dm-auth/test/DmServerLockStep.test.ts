/**
 * The captured conversations in lock step: every message of the client octet for octet against the server, which holds the nonce that was
 * in force when it was sent, and must judge it as the other side of the capture did.
 */
import { assert, describe, it } from "@effect/vitest"
import { Sad, SecurityEvents } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import { NodePrimitives } from "@oma/sa-policy/node"
import { Context, Effect, Layer, Redacted } from "effect"
import {
  Chal,
  DmAccounts,
  DmAuthPolicy,
  DmAuthType,
  DmServer,
  MessageFacts,
  type SyncMl,
  SyncMlCodec
} from "../src/index.ts"
import { write } from "../src/StoredNonce.ts"
import { captures, got, hex, wire } from "./codec.ts"
import { openConnection, tlsConnection } from "./device.ts"
import { lastingStore, serverOn } from "./serverStack.ts"

interface Judgement {
  readonly code: number
  readonly chal?: { readonly type: string; readonly nonce?: Uint8Array }
}

const judgementOf = (answer: SyncMl.SyncMl, request: SyncMl.SyncMl): Judgement =>
  MessageFacts.headerStatus(answer, request.hdr.msgId) ?? { code: 0 }

/** What each conversation asks of the server beside its account. */
const special: Readonly<Record<string, DmServer.DmServerOptions>> = {
  "syncml-captures/se-G-permsg": {
    policy: {
      ...DmAuthPolicy.defaultServerPolicy,
      check: { ...DmAuthPolicy.defaultCheck, mode: "message" }
    }
  }
}

const refused = [401, 407]
const somebodyElses = Bytes.utf8("a nonce that nobody gave")

for (const { input, name, output } of captures) {
  describe(`lock step: ${name}`, () => {
    const messages = input.messages.map((captured) => {
      const { isXml, octets } = wire(captured)
      return { ...captured, octets, isXml, message: got(SyncMlCodec.decode(isXml ? "xml" : "wbxml", octets)).message }
    })
    const clients = messages.filter(({ from }) => from === "client")
    const servers = messages.filter(({ from }) => from === "server")
    const first = clients[0]!.message.hdr
    const user = first.source.locName ?? "Bruce2"
    const secret = user === "Bruce2" ? "OhBehave" : "päss:wörd"

    /** The nonce in force when message `at` was sent: what the capture says, else what the server of the capture gave last. */
    const nonceAt = (at: number): Uint8Array => {
      const noted = output.credentials?.find(({ exchange }) => exchange === at)
      if (noted?.matches.some((match) => match.endsWith("empty"))) return new Uint8Array(0)
      if (noted !== undefined) return hex(noted.nonceHex)
      const before = servers[at - 1]
      const request = clients[at - 1]
      if (before === undefined || request === undefined) return new Uint8Array(0)
      return judgementOf(before.message, request.message).chal?.nonce ?? new Uint8Array(0)
    }

    it.effect("every credential is judged as in the capture", () =>
      Effect.gen(function* () {
        const store = yield* lastingStore
        const server = yield* Layer.build(serverOn(store, special[name]))
        const ground = Layer.mergeAll(store, SecurityEvents.layer(), NodePrimitives.layer)
        const sad = Context.get(yield* Layer.build(Sad.layer().pipe(Layer.provide(ground))), Sad.Sad)
        const captured = clients.map(({ message }, at) => judgementOf(servers[at]!.message, message))
        const demanded = captured.find(({ code }) => refused.includes(code))?.chal?.type
        const types = DmAuthType.dmAuthTypes.filter((type) => type === demanded)
        yield* Context.get(server, DmAccounts.DmAccounts).add({
          device: first.source.locUri,
          client: { user, secret: Redacted.make(secret) },
          syncml10: first.verProto === "SyncML/1.0",
          ...(types.length === 0 ? {} : { types })
        })
        const receive = (at: number, source: string) =>
          Effect.gen(function* () {
            const { isXml, message, octets } = clients[at]!
            const basic = message.hdr.cred?.type === "syncml:auth-basic"
            const mediaType = SyncMlCodec.mediaType(`application/vnd.syncml+${isXml ? "xml" : "wbxml"}`)!
            const reply = yield* Context.get(server, DmServer.DmServer).receive({
              octets,
              mediaType,
              connection: basic ? { ...tlsConnection, id: source } : openConnection,
              source,
              respUri: (token) => `http://127.0.0.1/sync?s=${token}`
            })
            const answer = got(SyncMlCodec.decode(mediaType, reply.octets)).message
            return { answer, judged: judgementOf(answer, message) }
          })
        const account = first.source.locUri
        const inForce = (nonce: Uint8Array) =>
          write(sad, { enabler: "dm", direction: "inbound", name: account }, nonce, "any")

        for (const [at, expected] of captured.entries()) {
          const { message } = clients[at]!
          const requests = message.body.commands.filter(({ _tag }) => _tag !== "Status" && _tag !== "Results")
          if (refused.includes(expected.code)) {
            // basic has no nonce that could be another one: the capture's peer refused it by a rule of its own
            if (message.hdr.cred?.type === "syncml:auth-basic") continue
            // a wrong password is wrong under the right nonce; a first message was refused because its nonce was none
            const wrong = at > 0 || output.credentials?.[at]?.matches.length === 0
            yield* inForce(wrong ? nonceAt(at) : somebodyElses)
            const { answer, judged } = yield* receive(at, "127.0.0.1")
            assert.include(refused, judged.code, `message ${at}`)
            assert.strictEqual(judged.code === 407, message.hdr.cred === undefined)
            assert.isDefined(judged.chal?.nonce)
            if (message.hdr.cred !== undefined) assert.strictEqual(judged.chal?.type, expected.chal?.type)
            const codes = answer.body.commands.flatMap((command) =>
              command._tag === "Status" ? [command.data] : [command._tag]
            )
            assert.deepStrictEqual(
              codes,
              [judged.code, ...requests.map(() => judged.code)].map(String),
              "nothing but statuses, one for each command"
            )
            assert.isUndefined(answer.hdr.respUri)
          } else {
            yield* inForce(nonceAt(at))
            const { answer, judged } = yield* receive(at, `127.0.0.${2 + at}`)
            assert.strictEqual(judged.code, expected.code, `message ${at}`)
            const type = message.hdr.cred?.type
            assert.strictEqual(judged.chal?.type, type === "syncml:auth-basic" ? undefined : type)
            assert.isDefined(answer.hdr.respUri)
            const again = yield* receive(at, `127.0.1.${2 + at}`)
            if (type !== "syncml:auth-basic") assert.include(refused, again.judged.code, "the nonce counted once")
          }
        }
      }).pipe(Effect.scoped)
    )

    const lost = output.credentials?.find(
      ({ matches, nonceHex }) => nonceHex !== "" && matches.some((match) => match.endsWith("empty"))
    )
    if (lost !== undefined) {
      it.effect("a client that lost a nonce with NUL is challenged, with a nonce that it keeps", () =>
        Effect.gen(function* () {
          const server = yield* Layer.build(serverOn(yield* lastingStore))
          const { isXml, octets } = clients[lost.exchange]!
          const mediaType = SyncMlCodec.mediaType(`application/vnd.syncml+${isXml ? "xml" : "wbxml"}`)!
          const reply = yield* Context.get(server, DmServer.DmServer).receive({
            octets,
            mediaType,
            connection: openConnection,
            source: "127.0.0.1",
            respUri: (token) => token
          })
          const { body } = got(SyncMlCodec.decode(mediaType, reply.octets)).message
          const [status] = body.commands
          const nonce = status?._tag === "Status" && status.chal !== undefined ? Chal.nonce(status.chal) : undefined
          assert.match(Bytes.utf8Decode(nonce!)!, /^[A-Za-z0-9+/]{24}$/)
        }).pipe(Effect.scoped)
      )
    }
  })
}
