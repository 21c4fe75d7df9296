/**
 * What the address table keeps, and its durable form: JSON, so that an operator can read a record.
 *
 * @layer codec
 */
import { Bytes } from "@oma/sa-policy/bytes"
import type { SubscriberName } from "./Subscriber.ts"

/** Who has an address. */
export interface AddressEntry {
  readonly names: ReadonlyArray<SubscriberName>
  /** The name of the session across all NAS. */
  readonly session: string
  /** The NAS that reported it, under all its names. */
  readonly nas: ReadonlyArray<string>
  /** Milliseconds since 1970 of the last message that was taken. */
  readonly time: number
}

export const encodeEntry = ({ names, session, nas, time }: AddressEntry): Uint8Array =>
  Bytes.utf8(JSON.stringify({ names: names.map(({ kind, subject }) => [kind, subject]), session, nas, time }))

const json = (octets: Uint8Array): unknown => {
  try {
    return JSON.parse(Bytes.utf8Decode(octets) ?? "null")
  } catch {
    return null
  }
}

const isTexts = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((part) => typeof part === "string")

/** The entry, or `undefined` for octets that are none. */
export const decodeEntry = (octets: Uint8Array): AddressEntry | undefined => {
  const value = json(octets)
  if (typeof value !== "object" || value === null) return undefined
  const { names, session, nas, time } = value as Readonly<Record<string, unknown>>
  if (!Array.isArray(names) || typeof session !== "string" || !isTexts(nas) || typeof time !== "number")
    return undefined
  const read: Array<SubscriberName> = []
  for (const name of names) {
    if (!isTexts(name) || name.length !== 2) return undefined
    read.push({ kind: name[0]!, subject: name[1]! })
  }
  return { names: read, session, nas, time }
}

/** The addresses of a session, and when it was stopped. */
export interface SessionRecord {
  readonly keys: ReadonlyArray<string>
  readonly stopped?: number
}

export const encodeSession = ({ keys, stopped }: SessionRecord): Uint8Array =>
  Bytes.utf8(JSON.stringify({ keys, ...(stopped === undefined ? {} : { stopped }) }))

/** The session, or `undefined` for octets that are none. */
export const decodeSession = (octets: Uint8Array): SessionRecord | undefined => {
  const value = json(octets)
  if (typeof value !== "object" || value === null) return undefined
  const { keys, stopped } = value as Readonly<Record<string, unknown>>
  if (!isTexts(keys)) return undefined
  return typeof stopped === "number" ? { keys, stopped } : { keys }
}

/** A time in milliseconds. */
export const encodeTime = (time: number): Uint8Array => Bytes.utf8(String(time))

export const decodeTime = (octets: Uint8Array): number | undefined => {
  const text = Bytes.utf8Decode(octets) ?? ""
  return /^-?[0-9]{1,16}$/.test(text) ? Number(text) : undefined
}
