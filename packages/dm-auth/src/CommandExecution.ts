/**
 * What a device does about the commands of a server that has authenticated: it asks its tree and says how each of them went.
 *
 * @layer service
 */
import * as Effect from "effect/Effect"
import type { DeviceTree, TreeAnswer, TreeRequest } from "./DeviceTree.ts"
import type { Item } from "./Item.ts"
import type { Unit } from "./MessageSplit.ts"
import { type Command, nameOf, type Results, type Status, type SyncMl } from "./SyncMl.ts"

type Tree = DeviceTree["Service"]

interface Place {
  readonly tree: Tree
  readonly server: string
  readonly message: SyncMl
}

const ok = "200"
const incomplete = "400"
const notSupported = "406"
const tooLarge = "413"
const notExecuted = "215"
const atomicFailed = "507"

/** The Status of `command`; none where nobody wants to hear it. */
const statusOf = ({ message }: Place, command: Command, data: string, targetRef?: string): ReadonlyArray<Status> => {
  if (message.hdr.noResp === true || ("noResp" in command && command.noResp === true)) return []
  return [
    {
      _tag: "Status",
      cmdId: "",
      msgRef: message.hdr.msgId,
      cmdRef: command.cmdId,
      cmd: nameOf(command),
      data,
      ...(targetRef === undefined ? {} : { targetRefs: [targetRef] })
    }
  ]
}

/** One Status for all items where they went the same way, else one for each. */
const statusesOf = (
  place: Place,
  command: Command,
  done: ReadonlyArray<readonly [item: Item, answer: TreeAnswer]>
): ReadonlyArray<Status> => {
  const [first] = done
  if (first === undefined) return statusOf(place, command, incomplete)
  if (done.every(([, { status }]) => status === first[1].status)) return statusOf(place, command, `${first[1].status}`)
  return done.flatMap(([item, { status }]) => statusOf(place, command, `${status}`, item.target?.locUri ?? ""))
}

const requestOf = (
  server: string,
  command: Extract<Command, { _tag: TreeRequest["command"] }>,
  item: Item
): TreeRequest | undefined => {
  const locUri = item.target?.locUri
  const meta = item.meta ?? command.meta
  return locUri === undefined
    ? undefined
    : {
        command: command._tag,
        locUri,
        server,
        ...(meta === undefined ? {} : { meta }),
        ...(item.data === undefined ? {} : { data: item.data })
      }
}

const itemsOf = (command: Extract<Command, { _tag: TreeRequest["command"] }>): ReadonlyArray<Item> =>
  command._tag === "Exec" ? [command.item] : command.items

const onTree = Effect.fnUntraced(function* (place: Place, command: Extract<Command, { _tag: TreeRequest["command"] }>) {
  const done: Array<readonly [Item, TreeAnswer]> = []
  for (const item of itemsOf(command)) {
    const request = requestOf(place.server, command, item)
    done.push([item, request === undefined ? { status: 400 } : yield* place.tree.execute(request)])
  }
  const statuses = statusesOf(place, command, done)
  const found = done.flatMap(
    ([{ target }, { data, meta, status }]): ReadonlyArray<Item> =>
      command._tag === "Get" && status === 200 && target !== undefined && data !== undefined
        ? [{ source: { locUri: target.locUri }, data, ...(meta === undefined ? {} : { meta }) }]
        : []
  )
  if (found.length === 0) return [{ commands: statuses }]
  const results: Results = {
    _tag: "Results",
    cmdId: "",
    msgRef: place.message.hdr.msgId,
    cmdRef: command.cmdId,
    items: found
  }
  const unit: Unit = { commands: [...statuses, results], instead: statusOf(place, command, tooLarge) }
  return [unit]
})

/** The requests of commands that change the tree; `undefined` where another command stands among them. */
const changes = (server: string, commands: ReadonlyArray<Command>): ReadonlyArray<TreeRequest> | undefined => {
  const requests: Array<TreeRequest> = []
  for (const command of commands) {
    if (command._tag !== "Add" && command._tag !== "Delete" && command._tag !== "Replace" && command._tag !== "Exec") {
      return undefined
    }
    for (const item of itemsOf(command)) {
      const request = requestOf(server, command, item)
      if (request === undefined) return undefined
      requests.push(request)
    }
  }
  return requests
}

const atomic = Effect.fnUntraced(function* (place: Place, command: Extract<Command, { _tag: "Atomic" }>) {
  const { commands } = command
  const requests = changes(place.server, commands)
  if (requests === undefined) {
    const none = commands.flatMap((inner) => statusOf(place, inner, notExecuted))
    return [{ commands: [...statusOf(place, command, notSupported), ...none] }]
  }
  const answers = yield* place.tree.atomic(requests)
  let at = 0
  const inner = commands.flatMap((each) => {
    const items = "items" in each ? (each.items ?? []) : "item" in each ? [each.item] : []
    const done = items.map((item): readonly [Item, TreeAnswer] => [item, answers[at++] ?? { status: 215 }])
    return statusesOf(place, each, done)
  })
  const good = answers.every(({ status }) => status < 300) && !answers.some(({ status }) => status === 216)
  return [{ commands: [...statusOf(place, command, good ? ok : atomicFailed), ...inner] }]
})

/** Alert 1100 is shown to nobody here; the questions to a user need one. */
const alertStatus = (data: string | undefined): string =>
  data === "1100" || data === "1200" || data === "1201" ? ok : notSupported

const execute = (place: Place, command: Command): Effect.Effect<ReadonlyArray<Unit>> => {
  const only = (data: string): Effect.Effect<ReadonlyArray<Unit>> =>
    Effect.succeed([{ commands: statusOf(place, command, data) }])
  switch (command._tag) {
    case "Status":
    case "Results":
      return Effect.succeed([])
    case "Add":
    case "Delete":
    case "Exec":
    case "Get":
    case "Replace":
      return onTree(place, command)
    case "Sequence":
      return Effect.map(
        Effect.forEach(command.commands, (inner) => execute(place, inner)),
        (inner) => [{ commands: statusOf(place, command, ok) }, ...inner.flat()]
      )
    case "Atomic":
      return atomic(place, command)
    case "Alert":
      // what is still to be said answers Alert 1222: a Status beside it could take all the room, message after message
      return command.data === "1222" ? Effect.succeed([]) : only(alertStatus(command.data))
    case "Invalid":
      return only(incomplete)
    case "Copy":
    case "Map":
    case "Move":
    case "Put":
    case "Search":
    case "Sync":
      return only(notSupported)
  }
}

/**
 * Executes the commands of `message` in their order. Gives a unit for each: its Status and what it found.
 *
 * @spec DM RepPro, Status and Results; 406 for what a device need not support
 */
export const executeAll = (tree: Tree, server: string, message: SyncMl): Effect.Effect<ReadonlyArray<Unit>> =>
  Effect.map(
    Effect.forEach(message.body.commands, (command) => execute({ tree, server, message }, command)),
    (units) => units.flat().filter(({ commands }) => commands.length > 0)
  )
