/**
 * The records of the memory store: collections of named octets with versions, ends and an order.
 *
 * @layer machine
 */
import { DueHeap } from "./DueHeap.ts"
import { Conflict } from "./SaError.ts"
import type { Expectation, StoredRecord } from "./StoreOperation.ts"
import { recordLimits } from "./StoreOperation.ts"
import { meets } from "./StoreRules.ts"

interface Row {
  readonly collection: string
  readonly key: string
  value: Uint8Array
  version: number
  due: number
  place: number
}

/** How a change is taken back. */
export type Undo = () => void

/** Code points in order: the order of the UTF-8 octets, in which databases keep text. */
export const byCodePoints = (a: string, b: string): number => {
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
  readonly rows = new Map<string, Row>()
  private sorted: Array<string> | undefined
  private changes = 0

  keys(): ReadonlyArray<string> {
    this.changes = 0
    this.sorted ??= [...this.rows.keys()].sort(byCodePoints)
    return this.sorted
  }

  add(row: Row): void {
    this.rows.set(row.key, row)
    if (this.wanted()) this.sorted!.splice(placeOf(this.sorted!, row.key), 0, row.key)
  }

  remove(key: string): void {
    this.rows.delete(key)
    if (this.wanted()) this.sorted!.splice(placeOf(this.sorted!, key), 1)
  }

  private wanted(): boolean {
    if (this.sorted !== undefined && ++this.changes > patience) this.sorted = undefined
    return this.sorted !== undefined
  }
}

const read = (row: Row): StoredRecord => ({
  key: row.key,
  value: row.value.slice(),
  version: row.version,
  ...(row.due === Number.POSITIVE_INFINITY ? {} : { notAfter: row.due })
})

export class MemoryRecords {
  private readonly collections = new Map<string, Collection>()
  private readonly ends = new DueHeap<Row>()
  size = 0

  get(collection: string, key: string, now: number): StoredRecord | undefined {
    const row = this.collections.get(collection)?.rows.get(key)
    return row === undefined || row.due <= now ? undefined : read(row)
  }

  list(
    collection: string,
    options: { readonly after?: string; readonly prefix?: string; readonly limit?: number; readonly now: number }
  ): ReadonlyArray<StoredRecord> {
    const found = this.collections.get(collection)
    if (found === undefined) return []
    const { after, prefix = "", limit = recordLimits.page, now } = options
    const most = Math.min(Math.max(0, limit), recordLimits.page)
    const keys = found.keys()
    let at = placeOf(keys, prefix)
    if (after !== undefined && byCodePoints(after, prefix) >= 0) {
      at = placeOf(keys, after)
      if (keys[at] === after) at++
    }
    const out: Array<StoredRecord> = []
    for (; at < keys.length && out.length < most && keys[at]!.startsWith(prefix); at++) {
      const row = found.rows.get(keys[at]!)!
      if (row.due > now) out.push(read(row))
    }
    return out
  }

  put(
    collection: string,
    key: string,
    value: Uint8Array,
    expect: Expectation,
    notAfter: number | undefined,
    now: number
  ): Conflict | Undo {
    const row = this.collections.get(collection)?.rows.get(key)
    if (!meets(expect, row === undefined || row.due <= now ? 0 : row.version)) {
      return new Conflict({ key, expected: String(expect) })
    }
    const due = notAfter ?? Number.POSITIVE_INFINITY
    if (row === undefined) {
      const fresh: Row = { collection, key, value: value.slice(), version: 1, due, place: -1 }
      this.add(fresh)
      return () => this.remove(fresh)
    }
    const before = { value: row.value, version: row.version, due: row.due }
    this.change(row, { value: value.slice(), version: row.version + 1, due })
    return () => this.change(row, before)
  }

  delete(collection: string, key: string, expect: Expectation, now: number): Conflict | Undo {
    const row = this.collections.get(collection)?.rows.get(key)
    if (!meets(expect, row === undefined || row.due <= now ? 0 : row.version)) {
      return new Conflict({ key, expected: String(expect) })
    }
    if (row === undefined) return () => {}
    this.remove(row)
    return () => this.add(row)
  }

  /** Removes the record that ended first, if it ended by `now`. */
  sweep(now: number): boolean {
    const row = this.ends.first()
    if (row === undefined || row.due > now) return false
    this.remove(row)
    return true
  }

  private add(row: Row): void {
    const collection = this.collections.get(row.collection) ?? new Collection()
    this.collections.set(row.collection, collection)
    collection.add(row)
    this.size++
    if (row.due !== Number.POSITIVE_INFINITY) this.ends.put(row)
  }

  private change(row: Row, to: { readonly value: Uint8Array; readonly version: number; readonly due: number }): void {
    Object.assign(row, to)
    if (row.due === Number.POSITIVE_INFINITY) this.ends.remove(row)
    else this.ends.put(row)
  }

  private remove(row: Row): void {
    const collection = this.collections.get(row.collection)!
    collection.remove(row.key)
    if (collection.rows.size === 0) this.collections.delete(row.collection)
    this.ends.remove(row)
    this.size--
  }
}
