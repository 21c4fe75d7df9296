/**
 * A device's profile as a store keeps it.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import type { StoredProperty } from "./Property.ts"

export interface ProfileRecord {
  readonly subscriber?: string
  readonly deviceId: string
  /** The static profile. It is not fetched by this package. */
  readonly profileUri?: string
  readonly pushAddress?: string
  /** Names that the device can report. */
  readonly reportable: ReadonlyArray<string>
  readonly properties: ReadonlyArray<StoredProperty>
}

export const encode = (record: ProfileRecord): Uint8Array => Bytes.utf8(JSON.stringify(record))

/** The record, or `undefined` for octets that this codec did not write. */
export const decode = (octets: Uint8Array): ProfileRecord | undefined => {
  try {
    const read: unknown = JSON.parse(Bytes.utf8Decode(octets) ?? "")
    return isRecord(read) ? read : undefined
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is ProfileRecord =>
  typeof value === "object" &&
  value !== null &&
  "deviceId" in value &&
  typeof value.deviceId === "string" &&
  "reportable" in value &&
  Array.isArray(value.reportable) &&
  "properties" in value &&
  Array.isArray(value.properties)
