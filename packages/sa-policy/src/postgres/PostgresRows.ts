/**
 * Rows of the PostgreSQL store as values, and turns as the JSON that `commit_turn` takes: octets are hexadecimal after `\x`.
 *
 * @layer machine
 */
import { toHex, utf8, utf8Decode } from "../bytes/Bytes.ts"
import { encodeBits, encodeBody, encodeMode } from "../RowCodec.ts"
import type { AssociationColumns, Changes, RecordColumns } from "../remote/Fetched.ts"
import type { Names } from "../remote/Names.ts"
import type { Row } from "../StoreMachine.ts"

/** One row as the driver gives it. */
export type Columns = ReadonlyArray<unknown>

const noOctets = new Uint8Array(0)
const octetsOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? new Uint8Array(value) : noOctets)
const orNull = <A>(read: (value: unknown) => A, value: unknown): A | null => (value === null ? null : read(value))

export const numberOf = (value: unknown): number => (typeof value === "number" ? value : Number.NaN)
/** Text of a column of octets; what is no UTF-8 is no text that a store wrote, and reads as the empty one. */
export const textOf = (value: unknown): string => (value instanceof Uint8Array ? (utf8Decode(value) ?? "") : "")
export const plainOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** The columns of `decodeAssociation`, in its order. */
export const associationColumns =
  "id, stamp::float8, mechanism, wire, named, version::float8, body, highest::float8, seen, horizon::float8, over, mode, " +
  "jump::float8, ends::float8, owner, until, length, contended, why, at, place::float8"

export const decodeAssociation = (row: Columns): AssociationColumns => ({
  id: textOf(row[0]),
  stamp: numberOf(row[1]),
  mechanism: textOf(row[2]),
  wire: orNull(octetsOf, row[3]),
  named: row[4] === true,
  version: numberOf(row[5]),
  body: textOf(row[6]),
  highest: numberOf(row[7]),
  seen: octetsOf(row[8]),
  horizon: numberOf(row[9]),
  over: row[10] === true,
  mode: numberOf(row[11]),
  jump: orNull(numberOf, row[12]),
  ends: orNull(numberOf, row[13]),
  owner: textOf(row[14]),
  until: numberOf(row[15]),
  length: numberOf(row[16]),
  contended: numberOf(row[17]),
  why: orNull(plainOf, row[18]),
  at: numberOf(row[19]),
  place: numberOf(row[20])
})

/** The columns of `decodeRecord`, in its order. */
export const recordColumns = "collection, key, stamp::float8, value, version::float8, ends::float8"

export const decodeRecord = (row: Columns): RecordColumns => ({
  collection: textOf(row[0]),
  key: textOf(row[1]),
  stamp: numberOf(row[2]),
  value: octetsOf(row[3]),
  version: numberOf(row[4]),
  ends: orNull(numberOf, row[5])
})

/** Octets for a column. */
const hex = (octets: Uint8Array): string => `\\x${toHex(octets)}`
/** Text for a column of octets. */
export const hexText = (text: string): string => hex(utf8(text))

/** Octets as a `bytea[]` that PostgreSQL reads. */
const array = (items: Iterable<string>): string => `{${Array.from(items, (item) => `"\\${item}"`).join(",")}}`

/** The parameters of a question: names, then octets and mechanisms in pairs. */
export const idArray = (names: Names): string => array(Array.from(names.ids, hexText))
export const wireArrays = (names: Names): readonly [wires: string, mechanisms: string] => [
  array(Array.from(names.wires.values(), ({ wireId }) => hex(wireId))),
  array(Array.from(names.wires.values(), ({ mechanism }) => hexText(mechanism)))
]
export const recordArrays = (names: Names): readonly [collections: string, keys: string] => [
  array(Array.from(names.records.values(), ({ collection }) => hexText(collection))),
  array(Array.from(names.records.values(), ({ key }) => hexText(key)))
]

const whole = (row: Row) => {
  const { id, inbound, horizon, over, hardExpiry } = row
  const { sa, version, named } = row.terms()
  const [mode, jump] = encodeMode(row.replay)
  const { owner, until, length, contended } = row.lease()
  return {
    id: hexText(id),
    mechanism: hexText(sa.mechanism),
    wire: sa.wireId === undefined ? null : hex(sa.wireId),
    named,
    version,
    body: hexText(encodeBody(sa)),
    highest: inbound.highest,
    seen: hex(encodeBits(inbound.seen)),
    horizon,
    over,
    mode,
    jump,
    ends: hardExpiry ?? null,
    owner: hexText(owner),
    until,
    length,
    contended
  }
}

/** The parameter of `commit_turn`. */
export const encodeTurn = (changes: Changes): string => {
  const { read, counters, rows, graves, log, records, deleted } = changes
  const standing = new Set<string>()
  for (const { id, stamp } of read.associations) if (stamp !== 0) standing.add(id)
  const recordStands = new Set<string>()
  const recordName = (collection: string, key: string) => `${collection.length} ${collection}${key}`
  for (const { collection, key, stamp } of read.records) if (stamp !== 0) recordStands.add(recordName(collection, key))
  const place = new Map<string, number>()
  for (const [index, { id }] of log.entries()) place.set(id, index + 1)
  const values = records.map((row) => ({
    stands: recordStands.has(recordName(row.collection, row.key)),
    columns: {
      collection: hexText(row.collection),
      key: hexText(row.key),
      value: hex(row.value),
      version: row.version,
      ends: row.notAfter ?? null
    }
  }))
  return JSON.stringify({
    read: read.associations.flatMap(({ id, stamp }) => (stamp === 0 ? [] : [{ id: hexText(id), stamp }])),
    readRecords: read.records.flatMap(({ collection, key, stamp }) =>
      stamp === 0 ? [] : [{ collection: hexText(collection), key: hexText(key), stamp }]
    ),
    counters: counters.map(({ id, inbound }) => ({
      id: hexText(id),
      highest: inbound.highest,
      seen: hex(encodeBits(inbound.seen))
    })),
    unnamed: [...rows.map(({ id }) => id), ...graves.map(({ revocation }) => revocation.id)]
      .filter((id) => standing.has(id))
      .map((id) => ({ id: hexText(id) })),
    updates: rows.filter(({ id }) => standing.has(id)).map(whole),
    inserts: rows.filter(({ id }) => !standing.has(id)).map(whole),
    records: values.filter(({ stands }) => stands).map(({ columns }) => columns),
    newRecords: values.filter(({ stands }) => !stands).map(({ columns }) => columns),
    deleted: deleted.map(({ collection, key }) => ({ collection: hexText(collection), key: hexText(key) })),
    log: log.map(({ id, mechanism, why, at }, index) => ({
      nth: index + 1,
      id: hexText(id),
      mechanism: hexText(mechanism),
      why,
      at
    })),
    graves: graves.map(({ revocation, version, wireId }) => ({
      nth: place.get(revocation.id),
      id: hexText(revocation.id),
      mechanism: hexText(revocation.mechanism),
      wire: wireId === undefined ? null : hex(wireId),
      version,
      why: revocation.why,
      at: revocation.at
    }))
  })
}
