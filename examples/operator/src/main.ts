/**
 * A whole operator on one machine: `npm start`.
 *
 * @layer binding
 */
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { PolicyFile } from "@oma/sa-policy/policy-file"
import { openDevelopmentCa } from "@oma/sec-cf-core/tls"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import { Command } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as DataFolder from "./DataFolder.ts"
import * as Ground from "./Ground.ts"
import * as Log from "./Log.ts"
import { flags, fromFlags, type Options } from "./Options.ts"
import * as ReadyFile from "./ReadyFile.ts"
import { roles } from "./roles.ts"
import * as Story from "./Story.ts"
import * as Table from "./Table.ts"

const defaultPolicy = fileURLToPath(new URL("../policy.yaml", import.meta.url))

const introduce = (ready: ReadyFile.Ready, titles: ReadonlyArray<ReadonlyArray<string>>) =>
  Console.log(
    [
      "",
      Table.print(["server", "address", "name"], titles),
      "",
      Table.print(
        ["account", "device", "secret", "modes", "server credentials"],
        ready.accounts.map((a) => [
          `${a.enabler}: ${a.user}`,
          a.device ?? "",
          a.secret,
          a.modes.join(" "),
          a.serverSecret === undefined ? "" : `${a.serverId} / ${a.serverSecret}`
        ])
      ),
      "",
      Table.print(
        ["subscriber", "algorithm", "K", "OPc or TOPc", "AMF"],
        ready.subscribers.map((s) => [s.impi, s.algorithm ?? "milenage", s.k, s.opc, s.amf])
      ),
      "",
      `  CA certificate  ${ready.ca}`,
      ""
    ].join("\n")
  )

/** Runs every story; the exit code says whether all held. */
const tellAll = Effect.fnUntraced(function* (stories: ReadonlyArray<Story.Story>) {
  let failed = 0
  for (const story of stories) {
    const told = yield* Story.tell(story)
    if (told.failure !== undefined) failed++
    yield* Console.log(`${Story.print(told)}\n`)
  }
  yield* Console.log(`${stories.length - failed} of ${stories.length} stories held`)
  if (failed > 0 || stories.length === 0) process.exitCode = 1
})

/** Reads the policy again on SIGHUP; a bad one is logged and the old one stays in force. */
const reloadOnHangup = Effect.fnUntraced(function* (path: string) {
  const run = Effect.runForkWith(yield* Effect.context<Ground.Ground>())
  const reload = () => void run(Effect.catch(PolicyFile.reload(path), (error) => Console.error(error.message)))
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", reload)),
    () => Effect.sync(() => process.off("SIGHUP", reload))
  )
})

const serve = Effect.fnUntraced(function* (options: Options) {
  const folder = yield* options.once && options.data === undefined
    ? DataFolder.temporary
    : DataFolder.open(options.data ?? ".data/operator")
  const policyPath = options.policy ?? defaultPolicy
  const ground = yield* Layer.build(Ground.layer(folder, yield* PolicyFile.load(policyPath)))
  yield* Effect.gen(function* () {
    const ca = yield* openDevelopmentCa(folder.ca, yield* Clock.currentTimeMillis)
    yield* Log.toStandardError
    yield* reloadOnHangup(policyPath)
    const started = yield* roles(options, ca)
    const ready = ReadyFile.of(started, ca.file)
    yield* introduce(
      ready,
      started.flatMap(({ title, endpoints }) =>
        Object.entries(endpoints).map(([name, url]) => [`${name} (${title})`, url, ready.names[name] ?? ""])
      )
    )
    if (options.readyFile !== undefined) yield* ReadyFile.write(options.readyFile, ready)
    if (options.once) return yield* tellAll(started.flatMap(({ stories }) => stories))
    yield* Console.log("  Ctrl-C stops.\n")
    return yield* Effect.never
  }).pipe(Effect.provide(ground))
})

const operator = Command.make("operator", flags, (given) => Effect.scoped(serve(fromFlags(given)))).pipe(
  Command.withDescription("Security servers of an operator on one machine: no SIM, no network, no account.")
)

Command.run(operator, { version: "0.0.0" }).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
