/**
 * Files that hold a private key: readable by their owner only, replaced as a whole, made once.
 *
 * @spec OMA SEC_CF-SEC-001
 * @layer binding
 */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"

/** The file lets others read it, is no plain file, or is longer than a key file can be. */
class FileRefused extends Error {
  override readonly name = "FileRefused"
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

const maxLength = 65_536

/** The text of `file`, or `undefined` where there is none. Throws `FileRefused` if anybody but its owner may read or write it. */
export const readSecret = async (file: string): Promise<string | undefined> => {
  let handle: Fs.FileHandle
  try {
    handle = await Fs.open(file, "r")
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined
    throw error
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile() || stat.size > maxLength) throw new FileRefused("not a key file")
    if (process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
      throw new FileRefused(
        `mode ${(stat.mode & 0o777).toString(8)} lets others at it; chmod 600 it if it is still secret`
      )
    }
    return await handle.readFile("utf8")
  } finally {
    await handle.close()
  }
}

const written = async (file: string, text: string, mode: number): Promise<string> => {
  const beside = Path.join(Path.dirname(file), `.${Path.basename(file)}.${randomBytes(6).toString("hex")}`)
  const handle = await Fs.open(beside, "wx", mode)
  try {
    await handle.chmod(mode) // whatever the umask says
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return beside
}

const settled = async (file: string): Promise<void> => {
  if (process.platform === "win32") return
  const folder = await Fs.open(Path.dirname(file), "r")
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Puts `text` in the place of `file`: readers see the old one or the new one. Mode 0600 unless said otherwise. */
export const replaceFile = async (file: string, text: string, mode = 0o600): Promise<void> => {
  const beside = await written(file, text, mode)
  try {
    await Fs.rename(beside, file)
  } catch (error) {
    await Fs.rm(beside, { force: true })
    throw error
  }
  await settled(file)
}

/** Makes `file` with `text`, whole and at once, and tells whether it did: `false` where somebody else was first. */
export const createSecret = async (file: string, text: string): Promise<boolean> => {
  const beside = await written(file, text, 0o600)
  try {
    await Fs.link(beside, file)
    await settled(file)
    return true
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false
    throw error
  } finally {
    await Fs.rm(beside, { force: true })
  }
}
