/**
 * Ends processes in the middle of their work and asks the store what it knows of what they were promised.
 *
 * @layer binding
 */
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ReplayWindow from "../../src/ReplayWindow.ts"
import { saId } from "../../src/SecurityAssociation.ts"
import { accept, put, Store } from "../../src/Store.ts"
import { anAssociation, moment } from "../../src/testing/associations.ts"

const child = fileURLToPath(new URL("./accepting.ts", import.meta.url))

/** Lets a process work on `place` from `first` on and kills it at an uncertain moment; gives the lines it got out. */
const workAndDie = async (place: string, first: number, enough: number): Promise<ReadonlyArray<string>> => {
  const worker = ChildProcess.spawn(process.execPath, ["--conditions=@oma/source", child, place, String(first), "4"], {
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

/**
 * Kills `lives` processes, or as many as `KILL_RUNS` says, in the middle of 1,000 acceptances by the empty store `layer`, which
 * they find at `place`; fails when one of those is forgotten or half done, or a number was given to a sender twice.
 */
export const survivesKills = <E>(place: string, layer: Layer.Layer<Store, E>, lives: number) =>
  Effect.gen(function* () {
    const kills = Number(process.env["KILL_RUNS"] ?? lives)
    const id = saId("killed")
    const opened = <A, E>(body: (store: Store["Service"]) => Effect.Effect<A, E>) =>
      Effect.provide(Effect.flatMap(Store, body), layer, { local: true })
    yield* opened((store) => store.transact([put(anAssociation(id, { replay: ReplayWindow.window(4096) }))], moment))

    const accepted = new Set<number>()
    let sent = 0
    for (let life = 0; life < kills; life++) {
      const before = yield* opened((store) => store.get(id))
      const lines = yield* Effect.promise(() =>
        workAndDie(place, (before?.inbound.highest ?? 0) + 1, Math.ceil(1000 / kills))
      )
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
          assert.isDefined(yield* store.record("effects", String(number), moment), `the effect of ${number} was lost`)
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
