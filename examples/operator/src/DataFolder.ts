/**
 * Where the operator keeps its database, its keys and its development CA.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Effect from "effect/Effect"

export interface DataFolder {
  readonly path: string
  readonly database: string
  readonly masterKeys: string
  readonly ca: string
}

const within = (path: string): DataFolder => ({
  path,
  database: Path.join(path, "operator.sqlite"),
  masterKeys: Path.join(path, "master.keys"),
  ca: Path.join(path, "ca")
})

/** The folder at `path`, made for its owner only where it is missing. */
export const open = (path: string): Effect.Effect<DataFolder> =>
  Effect.sync(() => {
    Fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    return within(Path.resolve(path))
  })

/** A new folder that is removed when the scope closes. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => within(Fs.mkdtempSync(Path.join(Os.tmpdir(), "oma-operator-")))),
  ({ path }) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)
