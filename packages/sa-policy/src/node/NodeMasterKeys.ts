/**
 * Master keys in a file or an environment variable. Each line of the text is `id hexadecimal-key`, the newest first.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { fromHex, toHex } from "../bytes/Bytes.ts"
import { layer, length, type MasterKeySource, type MasterKeys, MasterKeyUnusable } from "../MasterKeys.ts"
import type { Primitives } from "../Primitives.ts"
import { random } from "./NodePrimitives.ts"

const parse = (text: string, source: string): Effect.Effect<ReadonlyArray<MasterKeySource>, MasterKeyUnusable> => {
  const keys: Array<MasterKeySource> = []
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const [id, hex, ...rest] = line.trim().split(/\s+/)
    const key = hex === undefined ? undefined : fromHex(hex)
    if (id === undefined || key === undefined || rest.length > 0) {
      return Effect.fail(new MasterKeyUnusable({ why: `${source}, line ${index + 1}: expected "id hexadecimal-key"` }))
    }
    keys.push({ id, key: Redacted.make(key) })
  }
  return Effect.succeed(keys)
}

const attempt = <A>(what: string, work: () => A): Effect.Effect<A, MasterKeyUnusable> =>
  Effect.try({
    try: work,
    catch: (error) =>
      new MasterKeyUnusable({ why: `${what}: ${error instanceof Error ? error.message : String(error)}` })
  })

/**
 * Writes `text` so that a reader sees the old file or the new one, never half, also after a crash; only the owner may read it. With
 * `fresh` a file that somebody made meanwhile stays, so that processes which start together agree on one key.
 */
const writeFile = (path: string, text: string, fresh: boolean): void => {
  const folder = Path.dirname(path)
  Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${toHex(random(6))}`
  try {
    Fs.writeFileSync(temporary, text, { flag: "wx", mode: 0o600, flush: true })
    if (fresh) linkNew(temporary, path)
    else Fs.renameSync(temporary, path)
  } finally {
    Fs.rmSync(temporary, { force: true })
  }
  if (process.platform === "win32") return
  const handle = Fs.openSync(folder, "r")
  try {
    Fs.fsyncSync(handle)
  } finally {
    Fs.closeSync(handle)
  }
}

const linkNew = (from: string, to: string): void => {
  try {
    Fs.linkSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
}

const freshLine = (): string => `${toHex(random(4))} ${toHex(random(length))}\n`

/**
 * The keys of the file at `path`, which is made with one fresh key where it does not exist. A file that others than its owner
 * may read is refused.
 */
export const layerFile = (path: string): Layer.Layer<MasterKeys, MasterKeyUnusable, Primitives> =>
  layer(
    Effect.flatMap(
      attempt("master key file", () => {
        if (!Fs.existsSync(path)) writeFile(path, freshLine(), true)
        if (process.platform !== "win32" && (Fs.statSync(path).mode & 0o077) !== 0) {
          throw new Error(`${path} may be read by others than its owner; its mode must be 0600`)
        }
        return Fs.readFileSync(path, "utf8")
      }),
      (text) => parse(text, path)
    )
  )

/** The keys of the environment variable `name`; for deployments that inject secrets that way. */
export const layerEnvironment = (name: string): Layer.Layer<MasterKeys, MasterKeyUnusable, Primitives> =>
  layer(
    Effect.suspend(() => {
      const text = process.env[name]
      return text === undefined
        ? Effect.fail(new MasterKeyUnusable({ why: `the environment variable ${name} is not set` }))
        : parse(text, name)
    })
  )

/**
 * Puts a fresh master key before those of the file at `path`. After `MasterKeys.refresh` it seals; after `KeyVault.reseal`
 * the others may be taken from the file.
 */
export const rotateFile = (path: string): Effect.Effect<void, MasterKeyUnusable> =>
  attempt("master key file", () => writeFile(path, freshLine() + Fs.readFileSync(path, "utf8"), false))
