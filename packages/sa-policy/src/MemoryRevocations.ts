/**
 * What the memory store knows of associations that were revoked: a numbered log of one day, and who is in it.
 *
 * @layer machine
 */
import { DueHeap } from "./DueHeap.ts"
import type { Revocation } from "./SecurityAssociation.ts"
import { revocationMemory } from "./StoreRules.ts"

/** One revoked association; `version` and `alias` are those it had. */
export interface Tombstone {
  readonly number: number
  readonly revocation: Revocation
  readonly version: number
  readonly alias: string | undefined
  due: number
  place: number
}

export class MemoryRevocations {
  private readonly log = new Map<number, Tombstone>()
  private readonly byId = new Map<string, Tombstone>()
  private readonly byAlias = new Map<string, Tombstone>()
  private readonly ends = new DueHeap<Tombstone>()
  last = 0

  get(id: string): Tombstone | undefined {
    return this.byId.get(id)
  }

  find(alias: string): Tombstone | undefined {
    return this.byAlias.get(alias)
  }

  /** Everything after place `place`, at most `page` of it. */
  after(place: number, page: number): ReadonlyArray<readonly [number, Revocation]> {
    const out: Array<readonly [number, Revocation]> = []
    for (let n = place + 1; n <= this.last && out.length < page; n++) {
      const stone = this.log.get(n)
      if (stone !== undefined) out.push([n, stone.revocation])
    }
    return out
  }

  /** Adds a revocation; gives what takes it back. */
  add(revocation: Revocation, version: number, alias: string | undefined): () => void {
    const sameAlias = alias === undefined ? undefined : this.byAlias.get(alias)
    const stone: Tombstone = {
      number: ++this.last,
      revocation,
      version,
      alias,
      due: revocation.at + revocationMemory,
      place: -1
    }
    this.log.set(stone.number, stone)
    this.ends.put(stone)
    this.bury(stone)
    return () => {
      this.forget(stone)
      this.last--
      if (alias !== undefined && sameAlias !== undefined) this.byAlias.set(alias, sameAlias)
    }
  }

  /** Lets the name of `stone` point at it. */
  bury(stone: Tombstone): void {
    this.byId.set(stone.revocation.id, stone)
    if (stone.alias !== undefined) this.byAlias.set(stone.alias, stone)
  }

  /** Lets the name of `stone` point at nothing: it was given to a new association. Its place in the log remains. */
  raise(stone: Tombstone): void {
    if (this.byId.get(stone.revocation.id) === stone) this.byId.delete(stone.revocation.id)
    if (stone.alias !== undefined && this.byAlias.get(stone.alias) === stone) this.byAlias.delete(stone.alias)
  }

  /** Forgets the revocation that is oldest, if it is a day old at `now`. */
  sweep(now: number): boolean {
    const stone = this.ends.first()
    if (stone === undefined || stone.due > now) return false
    this.forget(stone)
    return true
  }

  private forget(stone: Tombstone): void {
    this.raise(stone)
    this.log.delete(stone.number)
    this.ends.remove(stone)
  }
}
