/**
 * Folders that last as long as the test process, and the user under whom servers run that refuse to run as root.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { watchFolder } from "./Watchdog.ts"

const nobody = 65534

/**
 * The user and group for a program that refuses to run as root (PostgreSQL, Apache's workers): `nobody` when this process
 * is root, nothing otherwise.
 */
export const unprivileged = (): { readonly uid?: number; readonly gid?: number } =>
  process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}

/**
 * A new empty folder, removed when the test process ends. With `unprivileged` it belongs to the user of `unprivileged()`.
 *
 * Its path is short, because a Unix socket's path may have 107 octets only.
 */
export const temporaryFolder = (options?: { readonly unprivileged?: boolean; readonly name?: string }): string => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), `${options?.name ?? "oma"}-`))
  watchFolder(folder)
  const { uid, gid } = options?.unprivileged === true ? unprivileged() : {}
  if (uid !== undefined && gid !== undefined) Fs.chownSync(folder, uid, gid)
  return folder
}
