/**
 * The ready file: what others script against.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import type { DemoAccount, DemoSubscriber, Role } from "./Role.ts"

export interface Ready {
  readonly endpoints: Readonly<Record<string, string>>
  readonly names: Readonly<Record<string, string>>
  /** The PEM file of the development CA. */
  readonly ca: string
  readonly accounts: ReadonlyArray<DemoAccount>
  readonly subscribers: ReadonlyArray<DemoSubscriber>
}

/** What all `roles` together offer. */
export const of = (roles: ReadonlyArray<Role>, ca: string): Ready => ({
  endpoints: Object.assign({}, ...roles.map(({ endpoints }) => endpoints)),
  names: Object.assign({}, ...roles.map(({ names }) => names)),
  ca,
  accounts: roles.flatMap(({ accounts }) => accounts),
  subscribers: roles.flatMap(({ subscribers }) => subscribers)
})

/** Writes the file so that a reader sees all of it or none; it goes away when the operator stops. */
export const write = (path: string, ready: Ready) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      Fs.mkdirSync(Path.dirname(Path.resolve(path)), { recursive: true })
      const temporary = `${path}.${process.pid}`
      Fs.writeFileSync(temporary, `${JSON.stringify(ready, null, 2)}\n`)
      Fs.renameSync(temporary, path)
    }),
    () => Effect.sync(() => Fs.rmSync(path, { force: true }))
  )
