import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const source = new URL("../src/node/index.ts", import.meta.url).href
const masters = new URL("../src/MasterKeys.ts", import.meta.url).href
const program = `
import { Effect, Layer } from "effect"
import { NodeMasterKeys, NodePrimitives } from ${JSON.stringify(source)}
import { MasterKeys } from ${JSON.stringify(masters)}
while (Date.now() < Number(process.argv[2])) {}
const id = Effect.map(MasterKeys, (held) => held.current().id)
const layer = NodeMasterKeys.layerFile(process.argv[1]).pipe(Layer.provide(NodePrimitives.layer))
console.log(await Effect.runPromise(Effect.provide(id, layer)))
`

describe("NodeMasterKeys", () => {
  it.live(
    "gives one key to processes that start together on no file",
    () =>
      Effect.gen(function* () {
        const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "race-"))
        for (let round = 0; round < 3; round++) {
          const file = Path.join(folder, `keys-${round}`)
          const at = String(Date.now() + 1200)
          const run = Effect.promise(
            () =>
              new Promise<string>((resolve) => {
                const child = spawn(process.execPath, ["--input-type=module", "-e", program, file, at], {
                  stdio: ["ignore", "pipe", "inherit"]
                })
                let out = ""
                child.stdout.on("data", (part) => {
                  out += String(part)
                })
                child.on("close", () => resolve(out.trim()))
              })
          )
          const ids = yield* Effect.all([run, run, run], { concurrency: 3 })
          assert.strictEqual(new Set(ids).size, 1, ids.join(" "))
          assert.strictEqual(ids[0], Fs.readFileSync(file, "utf8").split(" ")[0])
          assert.deepStrictEqual(
            Fs.readdirSync(folder).filter((name) => !/^keys-\d$/.test(name)),
            []
          )
        }
        Fs.rmSync(folder, { recursive: true })
      }),
    30_000
  )
})
