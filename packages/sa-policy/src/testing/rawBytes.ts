/**
 * What really lies on the disk: the octets of a database, and whether a secret is among them.
 *
 * @layer binding
 */
import * as Fs from "node:fs"

/** The octets of the SQLite file `path` and of the files that SQLite keeps beside it, one after the other. */
export const rawBytesOf = (path: string): Buffer =>
  Buffer.concat(
    ["", "-wal", "-shm", "-journal"]
      .map((suffix) => `${path}${suffix}`)
      .filter((file) => Fs.existsSync(file))
      .map((file) => Fs.readFileSync(file))
  )

/** How many octets of a secret in a row count as a leak. */
const piece = 8

/**
 * In which forms a part of `secret` (at least 8 octets in a row, `secret` itself being no shorter) stands in `raw`: as it is,
 * reversed, in hexadecimal, in base64. Empty when there is none.
 */
export const leaksOf = (raw: Buffer, secret: Uint8Array): ReadonlyArray<string> => {
  const lower = raw.toString("latin1")
  const found = new Set<string>()
  for (let at = 0; at + piece <= secret.length; at++) {
    const part = Buffer.from(secret.subarray(at, at + piece))
    const hex = part.toString("hex")
    if (raw.includes(part)) found.add("raw")
    if (raw.includes(Buffer.from(part).reverse())) found.add("reversed")
    if (lower.includes(hex) || lower.includes(hex.toUpperCase())) found.add("hex")
    // the first octets of base64 that depend on nothing before `at`, whatever its alignment
    const base64 = part.toString("base64").slice(0, 10)
    if (lower.includes(base64) || lower.includes(base64.replaceAll("+", "-").replaceAll("/", "_"))) found.add("base64")
  }
  return [...found]
}
