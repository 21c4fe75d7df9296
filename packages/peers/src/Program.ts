/**
 * Where an installed program lies. Debian keeps servers off an ordinary user's PATH, so a few more folders are searched.
 *
 * @layer binding
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const versioned = (folder: string, tail: string): ReadonlyArray<string> => {
  if (!Fs.existsSync(folder)) return []
  return Fs.readdirSync(folder)
    .sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a))
    .map((version) => Path.join(folder, version, tail))
}

/** The folders that are searched, in order: PATH, then system folders, then the newest PostgreSQL and Kannel's test tools. */
export const programFolders = (): ReadonlyArray<string> => [
  ...(process.env["PATH"] ?? "").split(Path.delimiter).filter((folder) => folder !== ""),
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  ...versioned("/usr/lib/postgresql", "bin"),
  "/usr/lib/kannel/test"
]

const executable = (file: string): boolean => {
  try {
    Fs.accessSync(file, Fs.constants.X_OK)
    return Fs.statSync(file).isFile()
  } catch {
    return false
  }
}

/** The full path of the program `name`, or `undefined` where it is not installed. A path is returned as it is if it can be run. */
export const findProgram = (name: string): string | undefined => {
  if (name.includes(Path.sep)) return executable(name) ? name : undefined
  for (const folder of programFolders()) {
    const file = Path.join(folder, name)
    if (executable(file)) return file
  }
  return undefined
}
