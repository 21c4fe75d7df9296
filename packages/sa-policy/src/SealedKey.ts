/**
 * The stored form of a key: its versions, each sealed under a master key, and the associated data that binds a sealed value
 * to its place.
 *
 * @layer codec
 */
import * as Result from "effect/Result"
import { fromBase64, toBase64, utf8, utf8Decode } from "./bytes/Bytes.ts"
import { type KeyPurpose, keyPurpose } from "./KeyRef.ts"

/** One sealed version. `until` is set once it was replaced: it opens until then, in milliseconds since 1970. */
export interface SealedVersion {
  readonly version: number
  readonly masterKeyId: string
  /** 12 octets, fresh for each sealing. */
  readonly nonce: Uint8Array
  /** Ciphertext and 16-octet tag. */
  readonly sealed: Uint8Array
  readonly until?: number
}

/** A key as it lies in a store; the newest version comes first. */
export interface SealedKey {
  readonly purpose: KeyPurpose
  readonly versions: ReadonlyArray<SealedVersion>
}

/** What is authenticated with a sealed version, so that no row can be put in the place of another. */
export const associatedData = (id: string, purpose: KeyPurpose, version: number): Uint8Array =>
  utf8(JSON.stringify(["@oma/sa-policy/key", id, purpose, version]))

/** The octets of the record. */
export const encode = (key: SealedKey): Uint8Array =>
  utf8(
    JSON.stringify({
      purpose: key.purpose,
      versions: key.versions.map((v) => ({
        version: v.version,
        masterKey: v.masterKeyId,
        nonce: toBase64(v.nonce),
        sealed: toBase64(v.sealed),
        ...(v.until === undefined ? {} : { until: v.until })
      }))
    })
  )

const nonceLength = 12

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const decodeVersion = (value: unknown): SealedVersion | undefined => {
  if (!isObject(value)) return undefined
  const { version, masterKey, nonce, sealed, until } = value
  if (typeof version !== "number" || typeof masterKey !== "string") return undefined
  if (typeof nonce !== "string" || typeof sealed !== "string") return undefined
  if (until !== undefined && typeof until !== "number") return undefined
  const nonceOctets = fromBase64(nonce)
  const sealedOctets = fromBase64(sealed)
  if (Result.isFailure(nonceOctets) || nonceOctets.success.length !== nonceLength) return undefined
  if (Result.isFailure(sealedOctets)) return undefined
  return {
    version,
    masterKeyId: masterKey,
    nonce: nonceOctets.success,
    sealed: sealedOctets.success,
    ...(until === undefined ? {} : { until })
  }
}

/** The key that `octets` describe, or `undefined` where they are not such a record. */
export const decode = (octets: Uint8Array): SealedKey | undefined => {
  const text = utf8Decode(octets)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || typeof value["purpose"] !== "string" || !Array.isArray(value["versions"])) return undefined
  const versions: Array<SealedVersion> = []
  for (const item of value["versions"]) {
    const version = decodeVersion(item)
    if (version === undefined) return undefined
    versions.push(version)
  }
  return versions.length === 0 ? undefined : { purpose: keyPurpose(value["purpose"]), versions }
}
