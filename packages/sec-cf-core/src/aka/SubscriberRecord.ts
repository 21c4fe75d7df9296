/**
 * What the store keeps of a subscriber besides the sealed keys.
 *
 * @layer codec
 */
import type { KeyRef } from "@oma/sa-policy"
import { Bytes } from "@oma/sa-policy/bytes"
import type * as Sqn from "./Sqn.ts"

/** A subscriber: the names of the keys, never the keys. */
export interface SubscriberRecord {
  readonly impi: string
  readonly algorithm: "milenage" | "tuak"
  /** Keccak iterations of TUAK. */
  readonly iterations: number
  /** 4 hexadecimal digits. */
  readonly amf: string
  readonly k: KeyRef
  /** OPc of MILENAGE, TOPc of TUAK. */
  readonly opc: KeyRef
  readonly profile: Sqn.SqnProfile
}

export const encode = (record: SubscriberRecord): Uint8Array => Bytes.utf8(JSON.stringify(record))

const isRef = (value: unknown): value is KeyRef =>
  typeof value === "object" &&
  value !== null &&
  "id" in value &&
  typeof value.id === "string" &&
  "purpose" in value &&
  typeof value.purpose === "string" &&
  "version" in value &&
  typeof value.version === "number"

const isProfile = (value: unknown): value is Sqn.SqnProfile =>
  typeof value === "object" &&
  value !== null &&
  "indBits" in value &&
  typeof value.indBits === "number" &&
  "delta" in value &&
  typeof value.delta === "number"

/** The record in `octets`, or `undefined` where they are none. */
export const decode = (octets: Uint8Array): SubscriberRecord | undefined => {
  const text = Bytes.utf8Decode(octets)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  if (!("impi" in value && "algorithm" in value && "iterations" in value && "amf" in value)) return undefined
  if (!("k" in value && "opc" in value && "profile" in value)) return undefined
  const { impi, algorithm, iterations, amf, k, opc, profile } = value
  if (typeof impi !== "string" || typeof iterations !== "number" || typeof amf !== "string") return undefined
  if (algorithm !== "milenage" && algorithm !== "tuak") return undefined
  return isRef(k) && isRef(opc) && isProfile(profile)
    ? { impi, algorithm, iterations, amf, k, opc, profile }
    : undefined
}
