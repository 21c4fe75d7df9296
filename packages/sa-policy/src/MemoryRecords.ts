/**
 * The records of the memory store: collections of named octets with versions, ends and an order.
 *
 * @layer machine
 */
import { DueHeap } from "./DueHeap.ts"
import { type RecordRow, recordIsOver } from "./StoreMachine.ts"
import { recordLimits, type StoredRecord } from "./StoreOperation.ts"

interface Entry {
  row: RecordRow
  due: number
  place: number
}

/** Code points in order: the order of the UTF-8 octets, in which databases keep text. */
const byCodePoints = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const high = (x & 0xf800) === 0xd800
    return high === ((y & 0xf800) === 0xd800) ? x - y : high ? 1 : -1
  }
  return a.length - b.length
}

/** Where `key` stands, or would stand, in `sorted`. */
const placeOf = (sorted: ReadonlyArray<string>, key: string): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (byCodePoints(sorted[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** After so many changes without a listing in between the order of a collection is dropped and made anew when asked for. */
const patience = 64

class Collection {
  readonly entries = new Map<string, Entry>()
  private sorted: Array<string> | undefined
  private changes = 0

  keys(): ReadonlyArray<string> {
    this.changes = 0
    this.sorted ??= [...this.entries.keys()].sort(byCodePoints)
    return this.sorted
  }

  add(entry: Entry): void {
    const { key } = entry.row
    this.entries.set(key, entry)
    if (this.wanted()) this.sorted!.splice(placeOf(this.sorted!, key), 0, key)
  }

  remove(key: string): void {
    this.entries.delete(key)
    if (this.wanted()) this.sorted!.splice(placeOf(this.sorted!, key), 1)
  }

  private wanted(): boolean {
    if (this.sorted !== undefined && ++this.changes > patience) this.sorted = undefined
    return this.sorted !== undefined
  }
}

/** What a caller may keep of `row`. */
export const readRecord = (row: RecordRow): StoredRecord => ({
  key: row.key,
  value: row.value.slice(),
  version: row.version,
  ...(row.notAfter === undefined ? {} : { notAfter: row.notAfter })
})

export class MemoryRecords {
  private readonly collections = new Map<string, Collection>()
  private readonly ends = new DueHeap<Entry>()
  size = 0

  get(collection: string, key: string): RecordRow | undefined {
    return this.collections.get(collection)?.entries.get(key)?.row
  }

  list(
    collection: string,
    options: { readonly after?: string; readonly prefix?: string; readonly limit?: number; readonly now: number }
  ): ReadonlyArray<StoredRecord> {
    const found = this.collections.get(collection)
    if (found === undefined) return []
    const { after, prefix = "", limit = recordLimits.page, now } = options
    const most = Math.min(limit, recordLimits.page)
    const keys = found.keys()
    let at = placeOf(keys, prefix)
    if (after !== undefined && byCodePoints(after, prefix) >= 0) {
      at = placeOf(keys, after)
      if (keys[at] === after) at++
    }
    const out: Array<StoredRecord> = []
    for (; at < keys.length && out.length < most && keys[at]!.startsWith(prefix); at++) {
      const { row } = found.entries.get(keys[at]!)!
      if (!recordIsOver(row, now)) out.push(readRecord(row))
    }
    return out
  }

  set(row: RecordRow): void {
    const collection = this.collections.get(row.collection) ?? new Collection()
    this.collections.set(row.collection, collection)
    let entry = collection.entries.get(row.key)
    if (entry === undefined) {
      entry = { row, due: 0, place: -1 }
      collection.add(entry)
      this.size++
    }
    entry.row = row
    if (row.notAfter === undefined) {
      this.ends.remove(entry)
    } else {
      entry.due = row.notAfter
      this.ends.put(entry)
    }
  }

  remove(row: RecordRow): void {
    const collection = this.collections.get(row.collection)
    const entry = collection?.entries.get(row.key)
    if (collection === undefined || entry === undefined) return
    collection.remove(row.key)
    if (collection.entries.size === 0) this.collections.delete(row.collection)
    this.ends.remove(entry)
    this.size--
  }

  /** Removes the record that ended first, if it ended by `now`. */
  sweep(now: number): boolean {
    const entry = this.ends.first()
    if (entry === undefined || entry.due > now) return false
    this.remove(entry.row)
    return true
  }
}
