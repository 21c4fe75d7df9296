import { createCipheriv, createSecretKey } from "node:crypto"
import { readFileSync } from "node:fs"
import { type AkaFunctions, Milenage } from "@oma/sec-cf-core/aka"
import { Result } from "effect"

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex")

export interface Vector<I, O> {
  readonly name: string
  readonly source: string
  readonly status: "published" | "captured" | "derived" | "negative"
  readonly input: I
  readonly output: O
  readonly note?: string
}

export const vectors = <I, O>(file: string): ReadonlyArray<Vector<I, O>> =>
  JSON.parse(readFileSync(new URL(`../../vectors/${file}`, import.meta.url), "utf8"))

/** AES-128-ECB of Node with a kept cipher. */
export const aes = (k: Uint8Array): Milenage.EncryptBlocks => {
  const cipher = createCipheriv("aes-128-ecb", createSecretKey(k), null).setAutoPadding(false)
  return (input) => cipher.update(input)
}

export const milenage = (kHex: string, opcHex: string): AkaFunctions =>
  Result.getOrThrow(Milenage.make(aes(hex(kHex)), hex(opcHex)))
