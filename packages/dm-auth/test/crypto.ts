import * as NodeCrypto from "node:crypto"
import * as Fs from "node:fs"
import type { Hash, Hmac } from "@oma/sa-policy/bytes"

const hash =
  (name: string): Hash =>
  (data) =>
    new Uint8Array(NodeCrypto.createHash(name).update(data).digest())

export const md5 = hash("md5")
export const sha256 = hash("sha256")

const hmac =
  (name: string): Hmac =>
  (key, data) =>
    new Uint8Array(NodeCrypto.createHmac(name, key).update(data).digest())

export const hmacMd5 = hmac("md5")
export const hmacSha1 = hmac("sha1")
export const hmacSha256 = hmac("sha256")

/** How many inputs a fuzz test tries. */
export const fuzzRuns = Number(process.env["FUZZ_RUNS"] ?? 2000)

export interface Vector<I, O> {
  readonly name: string
  readonly source: string
  readonly status: "published" | "captured" | "derived" | "negative"
  readonly input: I
  readonly output: O
  readonly note?: string
}

/** The vectors of `vectors/<file>`. */
export const vectors = <I, O>(file: string): ReadonlyArray<Vector<I, O>> =>
  JSON.parse(Fs.readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8"))
