/** The client with a scripted server: packages over several messages, sizes, NoResp. */
import { assert, describe, it } from "@effect/vitest"
import { HttpExchange } from "@oma/sa-policy/http"
import { Effect, Result } from "effect"
import * as AnswerMessage from "../src/AnswerMessage.ts"
import { DmAuthPolicy, DmClient, type SyncMl, SyncMlCodec } from "../src/index.ts"
import { addServer, clientOn, type Handler, inProcess } from "./clientStack.ts"
import { got } from "./codec.ts"
import { lastingStore } from "./serverStack.ts"

/** What a server says to the message of that number, beside the Status of the header; `undefined` ends the session. */
type Script = (
  message: SyncMl.SyncMl,
  n: number
) => {
  readonly commands: ReadonlyArray<SyncMl.Command>
  readonly final?: boolean
  readonly hdr?: Partial<SyncMl.SyncHdr>
}

const address = "https://dm.example.net/dm"
const media = "application/vnd.syncml.dm+xml"

const play = (script: Script, leaves: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const received: Array<{ readonly message: SyncMl.SyncMl; readonly size: number }> = []
    const handler: Handler = (request) =>
      Effect.sync(() => {
        const { message } = got(SyncMlCodec.decode("xml", request.body))
        received.push({ message, size: request.body.length })
        const n = received.length
        const { commands, final = true, hdr } = script(message, n)
        const answer: SyncMl.SyncMl = {
          hdr: { ...AnswerMessage.headerOf(message.hdr, n, undefined), ...hdr },
          body: {
            commands: [AnswerMessage.headerStatusOf(message.hdr, n === 1 ? 212 : 200, undefined), ...commands],
            ...(final ? { final } : {})
          }
        }
        return HttpExchange.response(200, [["Content-Type", media]], got(SyncMlCodec.encode("xml", answer)))
      })
    const policy = { ...DmAuthPolicy.defaultClientPolicy, mutual: false }
    const tree = {
      leaves: Object.fromEntries(Object.entries(leaves).map(([path, data]) => [path, { data, writable: true }]))
    }
    const result = yield* Effect.andThen(
      addServer(address),
      Effect.flatMap(DmClient.DmClient, (client) => Effect.result(client.session({ server: "dm.example.net" })))
    ).pipe(Effect.provide(clientOn(yield* lastingStore, inProcess(handler), { policy, most: 60 }, tree)))
    return { received, result }
  })

const get = (cmdId: number, locUri: string): SyncMl.Command => ({
  _tag: "Get",
  cmdId: `${cmdId}`,
  items: [{ target: { locUri } }]
})
const more: SyncMl.Command = { _tag: "Alert", cmdId: "9", data: "1222" }
const tags = ({ body }: SyncMl.SyncMl) =>
  body.commands.map((c) => (c._tag === "Status" ? `${c.cmd} ${c.data}` : c._tag))

describe("packages of the client", () => {
  it.live("answers that find no room in MaxMsgSize go out in several messages, Final in the last", () =>
    Effect.gen(function* () {
      const paths = Array.from({ length: 12 }, (_, n) => `./Data/Leaf${n}`)
      const leaves = Object.fromEntries(paths.map((path) => [path, path.padEnd(200, ".")]))
      const { received, result } = yield* play((message, n) => {
        if (n === 1) {
          return { commands: paths.map((path, at) => get(at + 2, path)), hdr: { meta: { maxMsgSize: 1600 } } }
        }
        return message.body.final === true ? { commands: [] } : { commands: [more], final: false }
      }, leaves)
      assert.isTrue(Result.isSuccess(result))
      assert.isAbove(received.length, 3)
      const rest = received.slice(1)
      for (const [at, { message, size }] of rest.entries()) {
        assert.isAtMost(size, 1600)
        assert.strictEqual(message.body.final === true, at === rest.length - 1)
        assert.strictEqual(message.body.commands[0]?._tag, "Status")
      }
      const found = rest.flatMap(({ message }) =>
        message.body.commands.flatMap((c) => (c._tag === "Results" ? [c.items[0]?.source?.locUri] : []))
      )
      assert.deepStrictEqual(found, paths)
    })
  )

  it.live("Results that fit into no message: 413 instead", () =>
    Effect.gen(function* () {
      const { received, result } = yield* play(
        (_, n) =>
          n === 1
            ? { commands: [get(2, "./Big"), get(3, "./DevInfo/Man")], hdr: { meta: { maxMsgSize: 1500 } } }
            : { commands: [], final: true },
        { "./Big": "x".repeat(3000) }
      )
      assert.isTrue(Result.isSuccess(result))
      const all = received.slice(1).flatMap(({ message }) => tags(message))
      assert.include(all, "Get 413")
      assert.include(all, "Results")
      for (const { size } of received.slice(1)) assert.isAtMost(size, 1500)
    })
  )

  it.live("a package of the server over three messages: Alert 1222 until Final, then all answers", () =>
    Effect.gen(function* () {
      const { received, result } = yield* play((_, n) =>
        n <= 3
          ? { commands: [get(2, ["./DevInfo/Man", "./DevInfo/Mod", "./DevInfo/Lang"][n - 1]!)], final: n === 3 }
          : { commands: [] }
      )
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(
        received.map(({ message }) => tags(message)),
        [
          ["Alert", "Replace"],
          ["SyncHdr 200", "Alert"],
          ["SyncHdr 200", "Alert"],
          ["SyncHdr 200", "Get 200", "Results", "Get 200", "Results", "Get 200", "Results"]
        ]
      )
      assert.deepStrictEqual(
        received.map(({ message }) => message.body.final === true),
        [true, false, false, true]
      )
      const refs = received[3]!.message.body.commands.flatMap((c) => (c._tag === "Results" ? [c.msgRef] : []))
      assert.deepStrictEqual(refs, ["1", "2", "3"])
    })
  )

  it.live("NoResp in the header of the server: Results, but no Status of commands", () =>
    Effect.gen(function* () {
      const { received, result } = yield* play((_, n) =>
        n === 1 ? { commands: [get(2, "./DevInfo/Man")], hdr: { noResp: true } } : { commands: [] }
      )
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(tags(received[1]!.message), ["SyncHdr 200", "Results"])
    })
  )

  it.live("management goes on as long as the server has commands, and a change is seen by the next Get", () =>
    Effect.gen(function* () {
      const { received, result } = yield* play(
        (_, n) => {
          if (n === 1) {
            const items = [{ target: { locUri: "./Name" }, data: "new" }]
            return { commands: [{ _tag: "Replace", cmdId: "2", items }] }
          }
          return { commands: n === 2 ? [get(2, "./Name")] : [] }
        },
        { "./Name": "old" }
      )
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(tags(received[1]!.message), ["SyncHdr 200", "Replace 200"])
      const results = received[2]!.message.body.commands.find((c) => c._tag === "Results")
      assert.strictEqual(results?._tag === "Results" && results.items[0]?.data, "new")
    })
  )

  it.live("a server without an end is left after a number of messages", () =>
    Effect.gen(function* () {
      const { received, result } = yield* play(() => ({ commands: [get(2, "./DevInfo/Man")] }))
      assert.isTrue(Result.isFailure(result) && result.failure._tag === "UnusableAnswer")
      assert.strictEqual(received.length, 60)
    })
  )
})
