/**
 * The management tree of a device: a port, and a small tree in memory.
 *
 * @layer service
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Item, ItemData } from "./Item.ts"
import type { Meta } from "./Meta.ts"

/** What one node or one action of the tree answers: a status code of DM RepPro, and for Get what the node holds. */
export interface TreeAnswer {
  readonly status: number
  readonly meta?: Meta
  readonly data?: ItemData
}

/** A single change or question, with the node it is about. */
export interface TreeRequest {
  readonly command: "Get" | "Replace" | "Add" | "Delete" | "Exec"
  /** From the root: `./DevInfo/Man`. */
  readonly locUri: string
  readonly meta?: Meta
  readonly data?: ItemData
  /** ServerID of the authenticated server that asks. */
  readonly server: string
}

/**
 * The tree of the device. It is asked only on behalf of a server that has authenticated, and decides for itself what that server
 * may do (its access control lists).
 *
 * @spec DM TND 1.2
 */
export class DeviceTree extends Context.Service<
  DeviceTree,
  {
    readonly execute: (request: TreeRequest) => Effect.Effect<TreeAnswer>
    /** All requests or none; where one fails the tree is as before, and the answers say which one it was. */
    readonly atomic: (requests: ReadonlyArray<TreeRequest>) => Effect.Effect<ReadonlyArray<TreeAnswer>>
    /** The items of package 1: the five leaves of `./DevInfo`. */
    readonly deviceInfo: Effect.Effect<ReadonlyArray<Item>>
  }
>()("@oma/dm-auth/DeviceTree") {}

/** A leaf of the tree in memory. */
export interface Leaf {
  readonly data: string
  /** `chr` unless given. */
  readonly format?: string
  /** `text/plain` unless given. */
  readonly type?: string
  /** Servers change it. What stands below `./DevInfo` and `./DevDetail` they never do. */
  readonly writable?: boolean
}

export interface TreeOptions {
  /** Leaves by their path from the root, beside those of `device`. */
  readonly leaves?: Readonly<Record<string, Leaf>>
  /** What servers can execute, by path; gives the status code. */
  readonly actions?: Readonly<Record<string, (data: ItemData | undefined) => Effect.Effect<number>>>
  /** Leaves that servers may add at most; 1,024 unless given. */
  readonly most?: number
}

/** What a device says of itself. */
export interface DeviceDescription {
  readonly devId: string
  readonly manufacturer: string
  readonly model: string
  readonly language?: string
  readonly software?: string
  readonly firmware?: string
  readonly hardware?: string
  readonly deviceType?: string
}

const described = (device: DeviceDescription): ReadonlyArray<readonly [string, string]> => [
  ["./DevInfo/DevId", device.devId],
  ["./DevInfo/Man", device.manufacturer],
  ["./DevInfo/Mod", device.model],
  ["./DevInfo/DmV", "1.2"],
  ["./DevInfo/Lang", device.language ?? "en"],
  ["./DevDetail/DevTyp", device.deviceType ?? "smartphone"],
  ["./DevDetail/OEM", device.manufacturer],
  ["./DevDetail/FwV", device.firmware ?? "1.0"],
  ["./DevDetail/SwV", device.software ?? "1.0"],
  ["./DevDetail/HwV", device.hardware ?? "1.0"],
  ["./DevDetail/LrgObj", "false"]
]

const metaOf = ({ format = "chr", type = "text/plain" }: Leaf): Meta => ({ format, type })

/** The path as it is stored: from `./`, without a slash at its end. */
const normal = (locUri: string): string => {
  const path = locUri.replace(/\/+$/, "")
  return path === "" || path === "." ? "." : path.startsWith("./") ? path : `./${path}`
}

const answer = (status: number): TreeAnswer => ({ status })

const fixed = (path: string): boolean => /^\.\/(DevInfo|DevDetail)(\/|$)/.test(path)

const make = (device: DeviceDescription, options: TreeOptions): DeviceTree["Service"] => {
  const most = options.most ?? 1024
  let leaves: ReadonlyMap<string, Leaf> = new Map<string, Leaf>([
    ...described(device).map(([path, data]): [string, Leaf] => [path, { data }]),
    ...Object.entries(options.leaves ?? {}).map(([path, leaf]): [string, Leaf] => [normal(path), leaf])
  ])
  const added = new Set<string>()

  const childrenOf = (path: string): ReadonlyArray<string> => {
    const prefix = `${path}/`
    const names = new Set<string>()
    for (const key of leaves.keys()) if (key.startsWith(prefix)) names.add(key.slice(prefix.length).split("/", 1)[0]!)
    return [...names]
  }

  const put = (path: string, leaf: Leaf): void => {
    leaves = new Map(leaves).set(path, leaf)
  }

  const textOf = (data: ItemData | undefined): string | undefined =>
    data === undefined ? "" : typeof data === "string" ? data : undefined

  const execute = (request: TreeRequest): Effect.Effect<TreeAnswer> =>
    Effect.suspend(() => {
      const path = normal(request.locUri)
      const leaf = leaves.get(path)
      const { command, data, meta } = request
      if (command === "Exec") {
        const action = options.actions?.[path]
        if (action !== undefined) return Effect.map(action(data), answer)
        return Effect.succeed(answer(leaf === undefined && childrenOf(path).length === 0 ? 404 : 405))
      }
      if (command === "Get") {
        if (leaf !== undefined) return Effect.succeed({ status: 200, meta: metaOf(leaf), data: leaf.data })
        const children = childrenOf(path)
        return Effect.succeed(
          children.length === 0
            ? answer(404)
            : { status: 200, meta: { format: "node", type: "text/plain" }, data: children.join("/") }
        )
      }
      const text = textOf(data)
      const given: Leaf = {
        data: text ?? "",
        writable: true,
        ...(meta?.format === undefined ? {} : { format: meta.format }),
        ...(meta?.type === undefined ? {} : { type: meta.type })
      }
      if (fixed(path)) return Effect.succeed(answer(leaf === undefined && command !== "Add" ? 404 : 405))
      if (command === "Add") {
        if (leaf !== undefined || childrenOf(path).length > 0) return Effect.succeed(answer(418))
        if (text === undefined) return Effect.succeed(answer(415))
        if (added.size >= most) return Effect.succeed(answer(420))
        added.add(path)
        put(path, given)
        return Effect.succeed(answer(200))
      }
      if (leaf === undefined) return Effect.succeed(answer(childrenOf(path).length === 0 ? 404 : 405))
      if (leaf.writable !== true) return Effect.succeed(answer(425))
      if (command === "Delete") {
        const rest = new Map(leaves)
        rest.delete(path)
        added.delete(path)
        leaves = rest
        return Effect.succeed(answer(200))
      }
      if (text === undefined) return Effect.succeed(answer(415))
      put(path, { ...leaf, ...given })
      return Effect.succeed(answer(200))
    })

  return {
    execute,
    atomic: Effect.fnUntraced(function* (requests: ReadonlyArray<TreeRequest>) {
      const before = leaves
      const countedBefore = [...added]
      const answers: Array<TreeAnswer> = []
      for (const request of requests) {
        const given = yield* execute(request)
        answers.push(given)
        if (given.status < 300) continue
        leaves = before
        added.clear()
        for (const path of countedBefore) added.add(path)
        return [
          ...answers.map(({ status }) => answer(status < 300 ? 216 : status)),
          ...requests.slice(answers.length).map(() => answer(215))
        ]
      }
      return answers
    }),
    deviceInfo: Effect.sync(() =>
      described(device)
        .slice(0, 5)
        .map(([locUri]): Item => {
          const leaf = leaves.get(locUri)!
          return { source: { locUri }, meta: metaOf(leaf), data: leaf.data }
        })
    )
  }
}

/** A tree in memory: `./DevInfo` and `./DevDetail` of `device`, and the leaves given. It is lost with the process. */
export const layerMemory = (device: DeviceDescription, options: TreeOptions = {}): Layer.Layer<DeviceTree> =>
  Layer.sync(DeviceTree, () => make(device, options))
