import { assert, describe, it } from "@effect/vitest"
import { ClientPackage, type DmClientAuth, type MessageSplit, type SyncMl } from "../src/index.ts"
import { commands, document, xml } from "./codec.ts"

const unit = (name: string): MessageSplit.Unit => ({
  commands: commands(`<Alert><CmdID>1</CmdID><Data>${name}</Data></Alert>`)
})
const [a, b, c] = [unit("a"), unit("b"), unit("c")]
const names = (units: ReadonlyArray<MessageSplit.Unit>) =>
  units.flatMap(({ commands }) => commands.map((command) => ("data" in command ? command.data : command._tag)))
const count = (units: ReadonlyArray<MessageSplit.Unit>) => units.length

const outgoing = (
  content: DmClientAuth.Outgoing["content"],
  server?: DmClientAuth.ServerStatus
): DmClientAuth.Outgoing => ({ msgId: 2, target: "http://dm/", content, ...(server === undefined ? {} : { server }) })
const good: DmClientAuth.ServerStatus = { reason: "in session", status: 200 }
const bad: DmClientAuth.ServerStatus = { reason: "rejected", status: 401 }

const get = "<Get><CmdID>7</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>"
const more = "<Alert><CmdID>8</CmdID><Data>1222</Data></Alert>"
const from = (body: string, final: boolean): SyncMl.SyncMl => xml(document(`${body}${final ? "<Final/>" : ""}`))

describe("ClientPackage", () => {
  const plan = (
    outbox: ClientPackage.Outbox,
    what: DmClientAuth.Outgoing,
    last: SyncMl.SyncMl | undefined,
    max = 10
  ) => {
    const { final, now, outbox: kept } = ClientPackage.plan(outbox, what, last, count, max)
    return { now: names(now), final, said: names(kept.said), waiting: names(kept.waiting) }
  }

  it("what fits goes out, the rest waits, and the package ends with the last of it", () => {
    const outbox = { waiting: [a, b, c], said: [] }
    assert.deepStrictEqual(plan(outbox, outgoing("next", good), from(get, true), 2), {
      now: ["a", "b"],
      final: false,
      said: ["a", "b"],
      waiting: ["c"]
    })
    const rest = { waiting: [c], said: [a, b] }
    assert.deepStrictEqual(plan(rest, outgoing("next", good), from(more, false), 2), {
      now: ["c"],
      final: true,
      said: ["c"],
      waiting: []
    })
  })

  it("an open package of the server: nothing but the wish for the rest of it", () => {
    assert.deepStrictEqual(plan({ waiting: [a], said: [] }, outgoing("next", good), from(get, false)), {
      now: ["1222"],
      final: false,
      said: ["1222"],
      waiting: ["a"]
    })
  })

  it("a repetition says what was said, and keeps what waits", () => {
    const outbox = { waiting: [c], said: [a, b] }
    const whole = plan(outbox, outgoing("repeat", good), from("", true))
    assert.deepStrictEqual(whole, { now: ["a", "b"], final: false, said: ["a", "b"], waiting: ["c"] })
    const half = plan(outbox, outgoing("repeat", good), from("", true), 1)
    assert.deepStrictEqual(half, { now: ["a"], final: false, said: ["a"], waiting: ["b", "c"] })
  })

  it("commands are not executed: the status of the server's credentials, or 215 where those were good", () => {
    const outbox = { waiting: [], said: [a] }
    assert.deepStrictEqual(plan(outbox, outgoing("status", bad), from(get, true)).now, ["401"])
    assert.deepStrictEqual(plan(outbox, outgoing("repeat", good), from(get, true)).now, ["215", "a"])
  })
})
