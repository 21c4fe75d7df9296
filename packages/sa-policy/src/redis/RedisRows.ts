/**
 * Rows of the Redis store as values, and turns as the arguments of its scripts. Texts are UTF-8, octets of rows hexadecimal,
 * values of records as they are.
 *
 * @layer machine
 */
import { fromHex, toHex, utf8Decode } from "../bytes/Bytes.ts"
import { encodeBits, encodeBody, encodeMode } from "../RowCodec.ts"
import type { AssociationColumns, Changes, RecordColumns } from "../remote/Fetched.ts"
import { type Names, wireKey } from "../remote/Names.ts"
import type { Row } from "../StoreMachine.ts"
import { revocationMemory } from "../StoreRules.ts"

/** An argument of a command. */
export type Argument = string | Uint8Array

/** How much longer, in milliseconds, the server keeps what has ended than a sweep would: clocks may be wrong, and set back. */
const patience = 3_600_000
/** Beyond this no time to live is set: a hundred years. */
const forever = 3_155_760_000_000

export const graveMillis = revocationMemory + patience

/** The octets of a reply, or `undefined` for nil. */
const octets = (reply: unknown): Uint8Array | undefined => (reply instanceof Uint8Array ? reply : undefined)
export const textOf = (reply: unknown): string => {
  const found = octets(reply)
  return found === undefined ? "" : (utf8Decode(found) ?? "")
}
/** A number that came as text or as a number. */
export const numberOf = (reply: unknown): number => (typeof reply === "number" ? reply : Number(textOf(reply)))
export const listOf = (reply: unknown): ReadonlyArray<unknown> => (Array.isArray(reply) ? reply : [])

const noOctets = new Uint8Array(0)

const parsed = (reply: unknown): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(textOf(reply))
    return typeof value === "object" && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN)
const numberOrNull = (value: unknown): number | null => (value === null ? null : number(value))
const text = (value: unknown): string => (typeof value === "string" ? value : "")
const hexOrNull = (value: unknown): Uint8Array | null => (value === null ? null : (fromHex(text(value)) ?? noOctets))

/** A row of the fetching script. */
export const decodeAssociation = (reply: unknown): AssociationColumns => {
  const [stamp, terms, counters, mechanism, version, wire, why, at, place, id] = listOf(reply)
  const revoked = octets(why) !== undefined
  const t = revoked ? {} : parsed(terms)
  const c = revoked ? {} : parsed(counters)
  const alias = textOf(wire)
  return {
    id: textOf(id),
    stamp: numberOf(stamp),
    mechanism: textOf(mechanism),
    wire: revoked
      ? alias === ""
        ? null
        : (fromHex(alias.slice(0, alias.indexOf(" "))) ?? null)
      : hexOrNull(t["wire"]),
    named: alias !== "",
    version: numberOf(version),
    body: text(t["body"]),
    highest: number(c["highest"]),
    seen: fromHex(text(c["seen"])) ?? noOctets,
    horizon: number(c["horizon"]),
    over: c["over"] === true,
    mode: number(t["mode"]),
    jump: numberOrNull(t["jump"]),
    ends: numberOrNull(t["ends"]),
    owner: text(c["owner"]),
    until: number(c["until"]),
    length: number(c["length"]),
    contended: number(c["contended"]),
    why: revoked ? textOf(why) : null,
    at: revoked ? numberOf(at) : 0,
    place: revoked ? numberOf(place) : 0
  }
}

export const decodeRecord = (reply: unknown): RecordColumns => {
  const [stamp, value, version, ends, collection, key] = listOf(reply)
  return {
    collection: textOf(collection),
    key: textOf(key),
    stamp: numberOf(stamp),
    value: new Uint8Array(octets(value) ?? noOctets), // a copy, and no Buffer: the slice of one is the same memory
    version: numberOf(version),
    ends: textOf(ends) === "" ? null : numberOf(ends)
  }
}

export const encodeNames = (names: Names): ReadonlyArray<Argument> => [
  ...[String(names.ids.size), ...names.ids],
  ...[String(names.wires.size), ...names.wires.keys()],
  ...[String(names.records.size), ...Array.from(names.records.values(), recordName)]
]

/** The name of a record's row: the length counts octets, because scripts cut at it. */
const recordName = ({ collection, key }: { readonly collection: string; readonly key: string }): string =>
  `${octetLength(collection)} ${collection}${key}`

/** How many octets `text` has in UTF-8. */
export const octetLength = (text: string): number => {
  let length = 0
  for (const character of text) {
    const point = character.codePointAt(0)!
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return length
}

export { recordName }

const counted = <A>(items: ReadonlyArray<A>, encode: (item: A) => ReadonlyArray<Argument>): ReadonlyArray<Argument> => [
  String(items.length),
  ...items.flatMap(encode)
]

const countersOf = (row: Row): string => {
  const { inbound, horizon, over } = row
  return JSON.stringify({
    highest: inbound.highest,
    seen: toHex(encodeBits(inbound.seen)),
    horizon,
    over,
    ...row.lease()
  })
}

const termsOf = (row: Row): string => {
  const { sa } = row.terms()
  const [mode, jump] = encodeMode(row.replay)
  const wire = sa.wireId === undefined ? null : toHex(sa.wireId)
  return JSON.stringify({ wire, body: encodeBody(sa), mode, jump, ends: row.hardExpiry ?? null })
}

/** How long the server keeps what ends at `ends`. */
const timeToLive = (ends: number | undefined, now: number): string => {
  if (ends === undefined) return ""
  const millis = Math.ceil(Math.max(0, ends - now) + patience)
  return millis > forever ? "" : String(millis)
}

const encodeRow = (row: Row, now: number): ReadonlyArray<Argument> => {
  const { sa, version, named } = row.terms()
  const { mechanism, wireId } = sa
  const wire = named && wireId !== undefined ? wireKey({ mechanism, wireId }) : ""
  const ends = row.hardExpiry
  const score = ends === undefined ? "+inf" : String(ends)
  return [row.id, termsOf(row), countersOf(row), mechanism, String(version), wire, score, timeToLive(ends, now)]
}

/** The arguments of the script that writes a turn, for a server whose run is `run`. */
export const encodeTurn = (changes: Changes, run: string): ReadonlyArray<Argument> => {
  const { read, now } = changes
  return [
    run,
    String(graveMillis),
    ...counted(read.associations, ({ id, stamp }) => [id, String(stamp)]),
    ...counted(read.wires, (wire) => [wireKey(wire), wire.holder ?? ""]),
    ...counted(read.records, (record) => [recordName(record), String(record.stamp)]),
    ...counted(changes.counters, (row) => [row.id, countersOf(row)]),
    ...counted(changes.released, (wire) => [wireKey(wire)]),
    ...counted(changes.rows, (row) => encodeRow(row, now)),
    ...counted(changes.records, ({ collection, key, value, version, notAfter }) => [
      recordName({ collection, key }),
      collection,
      key,
      value,
      String(version),
      notAfter === undefined ? "" : String(notAfter),
      notAfter === undefined ? "+inf" : String(notAfter),
      timeToLive(notAfter, now)
    ]),
    ...counted(changes.deleted, ({ collection, key }) => [recordName({ collection, key }), collection, key]),
    ...counted(changes.log, ({ id, mechanism, why, at }) => [id, mechanism, why, String(at)]),
    ...counted(changes.graves, ({ revocation, version, wireId }) => {
      const { id, mechanism, why, at } = revocation
      return [
        id,
        mechanism,
        String(version),
        wireId === undefined ? "" : wireKey({ mechanism, wireId }),
        why,
        String(at)
      ]
    })
  ]
}
