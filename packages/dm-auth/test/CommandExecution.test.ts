import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CommandExecution, CommandRefusal, DeviceTree, type SyncMl } from "../src/index.ts"
import { description } from "./clientStack.ts"
import { document, xml } from "./codec.ts"

const server = "dm.example.net"

const layer = DeviceTree.layerMemory(description, {
  leaves: {
    "./Settings/Volume": { data: "5", format: "int", writable: true },
    "./Settings/Owner": { data: "factory" },
    "./Settings/Name": { data: "phone", writable: true }
  },
  actions: {
    "./Reboot": (data) => Effect.succeed(data === "now" ? 200 : 202)
  },
  most: 2
})

/** What the device answers to commands in XML: `Status 200 of Get, Results ./a=b`. */
const answers = (body: string, final = "<Final/>") =>
  Effect.gen(function* () {
    const tree = yield* DeviceTree.DeviceTree
    const units = yield* CommandExecution.executeAll(tree, server, xml(document(body + final)))
    return units.flatMap(({ commands }) => commands.map(told))
  })

const told = (command: SyncMl.Command): string => {
  if (command._tag === "Status")
    return `${command.cmdRef} ${command.data}${(command.targetRefs ?? []).map((ref) => ` ${ref}`).join("")}`
  if (command._tag !== "Results") return command._tag
  return command.items.map(({ data, meta, source }) => `${source?.locUri}=${data} ${meta?.format}`).join(", ")
}

const item = (locUri: string, data?: string, format = "") =>
  `<Item><Target><LocURI>${locUri}</LocURI></Target>${format === "" ? "" : `<Meta><Format xmlns="syncml:metinf">${format}</Format></Meta>`}${data === undefined ? "" : `<Data>${data}</Data>`}</Item>`
const command = (name: string, id: number, ...items: ReadonlyArray<string>) =>
  `<${name}><CmdID>${id}</CmdID>${items.join("")}</${name}>`
const alert = (id: number, data: string) => `<Alert><CmdID>${id}</CmdID><Data>${data}</Data></Alert>`

const run = <A, E>(effect: Effect.Effect<A, E, DeviceTree.DeviceTree>) => Effect.provide(effect, layer)

describe("commands on the tree of a device", () => {
  it.effect("Get: leaves with their format, inner nodes with their children, 404 for what is not there", () =>
    run(
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* answers(command("Get", 1, item("./DevInfo/Man"))), [
          "1 200",
          "./DevInfo/Man=Example chr"
        ])
        assert.deepStrictEqual(yield* answers(command("Get", 1, item("./Settings"))), [
          "1 200",
          "./Settings=Volume/Owner/Name node"
        ])
        assert.deepStrictEqual(yield* answers(command("Get", 1, item("./Nowhere"))), ["1 404"])
        assert.deepStrictEqual(yield* answers(command("Get", 1, item("./DevInfo/Man"), item("./Nowhere"))), [
          "1 200 ./DevInfo/Man",
          "1 404 ./Nowhere",
          "./DevInfo/Man=Example chr"
        ])
        assert.deepStrictEqual(yield* answers("<Get><CmdID>1</CmdID><Item><Data>x</Data></Item></Get>"), ["1 400"])
      })
    )
  )

  it.effect("Replace, Add, Delete: what may be written, and what not", () =>
    run(
      Effect.gen(function* () {
        const body = [
          command("Replace", 1, item("./Settings/Volume", "7", "int")),
          command("Replace", 2, item("./Settings/Owner", "me")),
          command("Replace", 3, item("./DevInfo/Man", "Other")),
          command("Replace", 4, item("./Nowhere", "x")),
          command("Add", 5, item("./New", "n")),
          command("Add", 6, item("./New", "n")),
          command("Add", 7, item("./DevInfo/More", "n")),
          command("Add", 8, item("./New2", "n")),
          command("Add", 9, item("./New3", "n")),
          command("Delete", 10, item("./New")),
          command("Delete", 11, item("./Settings/Owner")),
          command("Replace", 12, item("./Settings", "x")),
          command("Get", 13, item("./Settings/Volume"))
        ].join("")
        assert.deepStrictEqual(yield* answers(body), [
          "1 200",
          "2 425",
          "3 405",
          "4 404",
          "5 200",
          "6 418",
          "7 405",
          "8 200",
          "9 420",
          "10 200",
          "11 425",
          "12 405",
          "13 200",
          "./Settings/Volume=7 int"
        ])
      })
    )
  )

  it.effect("Exec runs what the device offers", () =>
    run(
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* answers(command("Exec", 1, item("./Reboot", "now"))), ["1 200"])
        assert.deepStrictEqual(yield* answers(command("Exec", 1, item("./Reboot", "later"))), ["1 202"])
        assert.deepStrictEqual(yield* answers(command("Exec", 1, item("./Settings/Name"))), ["1 405"])
        assert.deepStrictEqual(yield* answers(command("Exec", 1, item("./Nowhere"))), ["1 404"])
      })
    )
  )

  it.effect("Atomic: all or nothing", () =>
    run(
      Effect.gen(function* () {
        const volume = (value: string, id: number) => command("Replace", id, item("./Settings/Volume", value))
        const good = command("Atomic", 1, volume("8", 2), command("Add", 3, item("./A", "a")))
        assert.deepStrictEqual(yield* answers(good), ["1 200", "2 200", "3 200"])
        const bad = command("Atomic", 1, volume("9", 2), command("Replace", 3, item("./Nowhere", "x")), volume("10", 4))
        assert.deepStrictEqual(yield* answers(bad), ["1 507", "2 216", "3 404", "4 215"])
        assert.include(yield* answers(command("Get", 1, item("./Settings/Volume"))), "./Settings/Volume=8 int")
        assert.deepStrictEqual(yield* answers(command("Atomic", 1, command("Get", 2, item("./A")))), ["1 406", "2 215"])
      })
    )
  )

  it.effect("Sequence in its order; what a device need not do gets 406, what is no command 400", () =>
    run(
      Effect.gen(function* () {
        const sequence = command(
          "Sequence",
          1,
          command("Replace", 2, item("./Settings/Name", "a")),
          command("Get", 3, item("./Settings/Name"))
        )
        assert.deepStrictEqual(yield* answers(sequence), ["1 200", "2 200", "3 200", "./Settings/Name=a chr"])
        assert.deepStrictEqual(yield* answers(command("Copy", 1, item("./Settings/Name"))), ["1 406"])
        assert.deepStrictEqual(yield* answers("<Get><CmdID>1</CmdID></Get>"), ["1 400"])
      })
    )
  )

  for (const [data, code] of [
    ["1100", "200"],
    ["1101", "406"],
    ["1102", "406"],
    ["1103", "406"],
    ["1104", "406"],
    ["9999", "406"]
  ]) {
    it.effect(`Alert ${data}: ${code}`, () =>
      run(Effect.map(answers(alert(1, data!)), (told) => assert.deepStrictEqual(told, [`1 ${code}`])))
    )
  }

  it.effect("Alert 1222 is answered by what follows", () =>
    run(Effect.map(answers(alert(1, "1222")), (told) => assert.deepStrictEqual(told, [])))
  )

  it.effect("NoResp of a command: no Status, but Results", () =>
    run(
      Effect.gen(function* () {
        const body = `<Get><CmdID>1</CmdID><NoResp/>${item("./DevInfo/Man")}</Get>`
        assert.deepStrictEqual(yield* answers(body), ["./DevInfo/Man=Example chr"])
        assert.deepStrictEqual(yield* answers(`<Alert><CmdID>1</CmdID><NoResp/><Data>1100</Data></Alert>`), [])
      })
    )
  )

  it("commands of a server that is not believed get its status and nothing else", () => {
    const message = xml(document(`${command("Get", 1, item("./DevInfo/Man"))}${alert(2, "1100")}<Final/>`))
    const units = CommandRefusal.refuseAll(message, "401")
    assert.deepStrictEqual(
      units.flatMap(({ commands }) => commands.map(told)),
      ["1 401", "2 401"]
    )
  })
})
