import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { survivesKills } from "./support/killing.ts"

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
        yield* survivesKills(path, StoreSqlite.layer({ path }), 6)
      })
    ),
  60_000
)
