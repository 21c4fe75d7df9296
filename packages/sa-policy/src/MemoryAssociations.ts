/**
 * The associations of the memory store and their counters, by name and by the octets that messages carry.
 *
 * @layer machine
 */
import { toHex } from "./bytes/Bytes.ts"
import { DueHeap } from "./DueHeap.ts"
import type { Row } from "./StoreMachine.ts"

interface Entry {
  row: Row
  due: number
  place: number
}

/** The key of lookups from octets. */
export const aliasOf = (mechanism: string, wireId: Uint8Array): string => `${toHex(wireId)} ${mechanism}`

const aliasOfRow = (row: Row): string | undefined => {
  const { named, sa } = row.terms()
  return named && sa.wireId !== undefined ? aliasOf(sa.mechanism, sa.wireId) : undefined
}

export class MemoryAssociations {
  private readonly byId = new Map<string, Entry>()
  private readonly byAlias = new Map<string, Entry>()
  private readonly ends = new DueHeap<Entry>()

  get size(): number {
    return this.byId.size
  }

  get(id: string): Row | undefined {
    return this.byId.get(id)?.row
  }

  find(mechanism: string, wireId: Uint8Array): Row | undefined {
    return this.byAlias.get(aliasOf(mechanism, wireId))?.row
  }

  /** The association that ends first. */
  first(): Row | undefined {
    return this.ends.first()?.row
  }

  /** Puts in the place of the row of that name, if there is one. An alias that another one holds comes to this one. */
  set(row: Row): void {
    const known = this.byId.get(row.id)
    if (known?.row.terms === row.terms) {
      known.row = row
      return
    }
    const entry = known ?? { row, due: 0, place: -1 }
    if (known === undefined) this.byId.set(row.id, entry)
    else this.unpoint(known)
    entry.row = row
    const alias = aliasOfRow(row)
    if (alias !== undefined) this.byAlias.set(alias, entry)
    if (row.hardExpiry === undefined) {
      this.ends.remove(entry)
    } else {
      entry.due = row.hardExpiry
      this.ends.put(entry)
    }
  }

  remove(id: string): void {
    const entry = this.byId.get(id)
    if (entry === undefined) return
    this.byId.delete(id)
    this.unpoint(entry)
    this.ends.remove(entry)
  }

  private unpoint(entry: Entry): void {
    const alias = aliasOfRow(entry.row)
    if (alias !== undefined && this.byAlias.get(alias) === entry) this.byAlias.delete(alias)
  }
}
