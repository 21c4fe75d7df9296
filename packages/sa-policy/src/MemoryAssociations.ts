/**
 * The associations of the memory store and their counters, by name and by the octets that messages carry.
 *
 * @layer machine
 */
import { toHex } from "./bytes/Bytes.ts"
import { DueHeap } from "./DueHeap.ts"
import type { ReplayState } from "./ReplayWindow.ts"
import type { SecurityAssociation } from "./SecurityAssociation.ts"
import type { Lease } from "./StoreRules.ts"

/** What changes together: a row is replaced as a whole, so that whoever read it keeps what it read. */
export interface Contents {
  readonly sa: SecurityAssociation
  readonly version: number
  readonly inbound: ReplayState
  readonly horizon: number
  readonly lease: Lease
  /** It was seen to be over, and stays so when the clock is set back. */
  readonly over: boolean
}

export interface Row {
  contents: Contents
  due: number
  place: number
}

/** The key of lookups from octets. */
export const aliasOf = (mechanism: string, wireId: Uint8Array): string => `${toHex(wireId)} ${mechanism}`

const aliasOfSa = (sa: SecurityAssociation): string | undefined =>
  sa.wireId === undefined ? undefined : aliasOf(sa.mechanism, sa.wireId)

export class MemoryAssociations {
  private readonly byId = new Map<string, Row>()
  private readonly byAlias = new Map<string, Row>()
  private readonly ends = new DueHeap<Row>()

  get size(): number {
    return this.byId.size
  }

  get(id: string): Row | undefined {
    return this.byId.get(id)
  }

  find(mechanism: string, wireId: Uint8Array): Row | undefined {
    return this.byAlias.get(aliasOf(mechanism, wireId))
  }

  /** The association that ends first. */
  first(): Row | undefined {
    return this.ends.first()
  }

  /** Adds `row`, taking its alias from whichever holds it; gives what takes that back. */
  add(row: Row): () => void {
    this.byId.set(row.contents.sa.id, row)
    const alias = this.point(row)
    this.schedule(row)
    return () => {
      this.byId.delete(row.contents.sa.id)
      this.ends.remove(row)
      alias()
    }
  }

  /** Replaces the contents of `row`; gives what takes that back. */
  change(row: Row, contents: Contents): () => void {
    const before = row.contents
    if (before.sa === contents.sa) {
      row.contents = contents
      return () => {
        row.contents = before
      }
    }
    const unpoint = this.unpoint(row)
    row.contents = contents
    const point = this.point(row)
    this.schedule(row)
    return () => {
      point()
      row.contents = before
      unpoint()
      this.schedule(row)
    }
  }

  remove(row: Row): () => void {
    this.byId.delete(row.contents.sa.id)
    const alias = this.unpoint(row)
    this.ends.remove(row)
    return () => {
      this.byId.set(row.contents.sa.id, row)
      alias()
      this.schedule(row)
    }
  }

  private point(row: Row): () => void {
    const alias = aliasOfSa(row.contents.sa)
    if (alias === undefined) return () => {}
    const before = this.byAlias.get(alias)
    this.byAlias.set(alias, row)
    return () => {
      if (before === undefined) this.byAlias.delete(alias)
      else this.byAlias.set(alias, before)
    }
  }

  private unpoint(row: Row): () => void {
    const alias = aliasOfSa(row.contents.sa)
    if (alias === undefined || this.byAlias.get(alias) !== row) return () => {}
    this.byAlias.delete(alias)
    return () => this.byAlias.set(alias, row)
  }

  private schedule(row: Row): void {
    const { hardExpiry } = row.contents.sa
    if (hardExpiry === undefined) {
      this.ends.remove(row)
    } else {
      row.due = hardExpiry
      this.ends.put(row)
    }
  }
}
