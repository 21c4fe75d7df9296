/**
 * Many keys in little memory, found at once: what a server with a million security associations looks its identities up in.
 *
 * An identity is kept as a keyed digest, so a record has 48 octets whatever the length of the identity, no collection of garbage ever
 * walks over it, and nobody outside can choose identities that fall together.
 *
 * @layer binding
 */
import { hash, randomBytes } from "node:crypto"

const keyLength = 32
const tagLength = 16
const recordLength = tagLength + keyLength
const longest = 0x3fffffff

export interface PskTable {
  /** The key of an identity: a copy of 32 octets, or `undefined`. Fits `ServerPsk.lookup`. */
  readonly get: (identity: string) => Uint8Array | undefined
  /** Keeps a copy of `key`, which must have 32 octets as every Ks_NAF has; one that was there is overwritten. `false`: another length. */
  readonly set: (identity: string, key: Uint8Array) => boolean
  /** Forgets the identity and overwrites its key; tells whether it was there. */
  readonly delete: (identity: string) => boolean
  readonly size: () => number
}

/** An empty table with room for `expected` identities; it grows by doubling, which takes about 20 ms at a million. */
export const pskTable = (expected = 1024): PskTable => {
  const seed = randomBytes(16).toString("hex")
  let capacity = 16
  while (capacity < expected) capacity *= 2
  let records = Buffer.alloc(capacity * recordLength)
  // open addressing at half load: 0 is free, n stands for record n - 1
  let index = new Int32Array(capacity * 2)
  const free: Array<number> = []
  let used = 0
  let size = 0

  const digest = (identity: string): Buffer => hash("sha256", seed + identity, "buffer")
  const home = (tag: Uint8Array, at: number): number =>
    (tag[at]! | (tag[at + 1]! << 8) | (tag[at + 2]! << 16) | (tag[at + 3]! << 24)) & (index.length - 1)
  const matches = (record: number, tag: Uint8Array): boolean => {
    const at = record * recordLength
    for (let i = 0; i < tagLength; i++) if (records[at + i] !== tag[i]) return false
    return true
  }
  /** The place in the index of the record with this tag, or -1. */
  const find = (tag: Uint8Array): number => {
    for (let slot = home(tag, 0); ; slot = (slot + 1) & (index.length - 1)) {
      const entry = index[slot]!
      if (entry === 0) return -1
      if (matches(entry - 1, tag)) return slot
    }
  }
  const enter = (record: number): void => {
    let slot = home(records, record * recordLength)
    while (index[slot] !== 0) slot = (slot + 1) & (index.length - 1)
    index[slot] = record + 1
  }
  const grow = (): void => {
    const old = records
    const entries = index
    capacity *= 2
    records = Buffer.alloc(capacity * recordLength)
    old.copy(records)
    old.fill(0)
    index = new Int32Array(capacity * 2)
    for (const entry of entries) if (entry !== 0) enter(entry - 1)
  }

  return {
    get: (identity) => {
      const slot = find(digest(identity))
      if (slot < 0) return undefined
      const at = (index[slot]! - 1) * recordLength + tagLength
      return Uint8Array.prototype.slice.call(records, at, at + keyLength)
    },
    set: (identity, key) => {
      if (key.length !== keyLength) return false
      const tag = digest(identity)
      const slot = find(tag)
      if (slot >= 0) {
        records.set(key, (index[slot]! - 1) * recordLength + tagLength)
        return true
      }
      if (free.length === 0 && used === capacity) {
        if (capacity * recordLength * 2 > longest) return false
        grow()
      }
      const record = free.pop() ?? used++
      records.set(tag.subarray(0, tagLength), record * recordLength)
      records.set(key, record * recordLength + tagLength)
      enter(record)
      size++
      return true
    },
    delete: (identity) => {
      let slot = find(digest(identity))
      if (slot < 0) return false
      const record = index[slot]! - 1
      records.fill(0, record * recordLength, (record + 1) * recordLength)
      free.push(record)
      size--
      // close the gap: what stands behind it and belongs before it moves up
      const mask = index.length - 1
      for (let next = (slot + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
        const wanted = home(records, (index[next]! - 1) * recordLength)
        if (((next - wanted) & mask) >= ((next - slot) & mask)) {
          index[slot] = index[next]!
          slot = next
        }
      }
      index[slot] = 0
      return true
    },
    size: () => size
  }
}
