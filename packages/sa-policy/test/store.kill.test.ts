import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ReplayWindow from "../src/ReplayWindow.ts"
import { saId } from "../src/SecurityAssociation.ts"
import { accept, put, Store } from "../src/Store.ts"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { anAssociation, moment } from "../src/testing/associations.ts"

const kills = Number(process.env["KILL_RUNS"] ?? 6)
const enough = Math.ceil(1000 / kills)
const child = fileURLToPath(new URL("./support/accepting.ts", import.meta.url))

/** Lets a process work on `path` from `first` on and kills it at an uncertain moment; gives the lines it got out. */
const workAndDie = async (path: string, first: number): Promise<ReadonlyArray<string>> => {
  const worker = ChildProcess.spawn(process.execPath, ["--conditions=@oma/source", child, path, String(first), "4"], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  let complaint = ""
  let timer: NodeJS.Timeout | undefined
  worker.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    complaint += chunk
  })
  worker.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
    const accepted = text.split("accepted").length
    if (accepted > enough) timer ??= setTimeout(() => worker.kill("SIGKILL"), Math.random() * 10)
  })
  const [code, signal] = await once(worker, "close")
  clearTimeout(timer)
  assert.strictEqual(signal, "SIGKILL", `the process ended by itself with ${code}: ${complaint}`)
  return text.slice(0, text.lastIndexOf("\n")).split("\n")
}

it.live(
  "forgets nothing that it acknowledged when its process is killed in the middle of 1,000 acceptances",
  () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-kill-"))),
          (made) => Effect.sync(() => Fs.rmSync(made, { recursive: true, force: true }))
        )
        const path = Path.join(folder, "store.db")
        const id = saId("killed")
        const opened = <A, E>(body: (store: Store["Service"]) => Effect.Effect<A, E>) =>
          Effect.provide(Effect.flatMap(Store, body), StoreSqlite.layer({ path }), { local: true })
        yield* opened((store) =>
          store.transact([put(anAssociation(id, { replay: ReplayWindow.window(4096) }))], moment)
        )

        const accepted = new Set<number>()
        let sent = 0
        for (let life = 0; life < kills; life++) {
          const before = yield* opened((store) => store.get(id))
          const lines = yield* Effect.promise(() => workAndDie(path, (before?.inbound.highest ?? 0) + 1))
          for (const line of lines) {
            const [what, first, last] = line.split(" ")
            if (what === "accepted") {
              assert.isFalse(accepted.has(Number(first)), `${first} accepted twice`)
              accepted.add(Number(first))
            } else {
              assert.isAbove(Number(first), sent, "a number was given to a sender twice")
              sent = Number(last)
            }
          }
        }
        assert.isAtLeast(accepted.size, 1000)

        yield* opened((store) =>
          Effect.gen(function* () {
            for (const number of accepted) {
              const error = yield* Effect.flip(store.transact([accept(id, number)], moment))
              assert.strictEqual(error._tag, "Replayed", `${number} was forgotten`)
              assert.isDefined(
                yield* store.record("effects", String(number), moment),
                `the effect of ${number} was lost`
              )
            }
            const { records } = yield* store.size
            const { highest } = (yield* store.get(id))!.inbound
            for (let number = 1; number <= highest; number++) {
              const effect = yield* store.record("effects", String(number), moment)
              if (effect !== undefined) continue
              yield* store.transact([accept(id, number)], moment)
            }
            assert.isAtLeast(records, accepted.size)
            yield* store.transact([accept(id, highest + 1)], moment)
            const next = yield* store.reserve({ id, owner: "next", count: 1, leaseMillis: 1, now: moment * 2 })
            assert.isTrue(next._tag === "Block" && next.first > sent)
          })
        )
      })
    ),
  60_000
)
