import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import * as StoreSqlite from "../src/sqlite/StoreSqlite.ts"
import { suite } from "../src/testing/StoreSuite.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-store-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

suite("sqlite", StoreSqlite.layer({ path: ":memory:" }), {
  place: Effect.map(folder, (path) => StoreSqlite.layer({ path: Path.join(path, "store.db"), pollMillis: 10 }))
})
