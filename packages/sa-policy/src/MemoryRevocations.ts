/**
 * What the memory store knows of associations that were revoked: a numbered log of one day, and who is in it.
 *
 * @layer machine
 */
import { DueHeap } from "./DueHeap.ts"
import type { Revocation } from "./SecurityAssociation.ts"
import type { Burial, Grave } from "./StoreMachine.ts"
import { revocationMemory } from "./StoreRules.ts"

interface Stone extends Burial {
  readonly place: number
  readonly alias: string | undefined
}

/** The heap's view of a stone. */
interface Entry {
  readonly stone: Stone
  due: number
  place: number
}

export class MemoryRevocations {
  private readonly log = new Map<number, Stone>()
  private readonly byId = new Map<string, Stone>()
  private readonly byAlias = new Map<string, Array<Stone>>()
  private readonly ends = new DueHeap<Entry>()
  last = 0

  get(id: string): Grave | undefined {
    return this.byId.get(id)
  }

  find(alias: string): Grave | undefined {
    return this.byAlias.get(alias)?.at(-1)
  }

  /** Everything after `place`, at most `page` of it. */
  after(place: number, page: number): ReadonlyArray<readonly [number, Revocation]> {
    const out: Array<readonly [number, Revocation]> = []
    for (let n = place + 1; n <= this.last && out.length < page; n++) {
      const stone = this.log.get(n)
      if (stone !== undefined) out.push([n, stone.revocation])
    }
    return out
  }

  add(burial: Burial, alias: string | undefined): void {
    this.release(burial.revocation.id)
    const stone: Stone = { ...burial, alias, place: ++this.last }
    this.log.set(stone.place, stone)
    this.byId.set(stone.revocation.id, stone)
    if (alias !== undefined) {
      const others = this.byAlias.get(alias)
      if (others === undefined) this.byAlias.set(alias, [stone])
      else others.push(stone)
    }
    this.ends.put({ stone, due: stone.revocation.at + revocationMemory, place: -1 })
  }

  /** Lets the name of a revoked association go: a new one has it. The log keeps what it announced. */
  release(id: string): void {
    const stone = this.byId.get(id)
    if (stone !== undefined) this.forget(stone)
  }

  /** Forgets the revocation that is oldest, if it is a day old at `now`. */
  sweep(now: number): boolean {
    const entry = this.ends.first()
    if (entry === undefined || entry.due > now) return false
    this.ends.remove(entry)
    this.log.delete(entry.stone.place)
    this.forget(entry.stone)
    return true
  }

  private forget(stone: Stone): void {
    if (this.byId.get(stone.revocation.id) === stone) this.byId.delete(stone.revocation.id)
    if (stone.alias === undefined) return
    const others = this.byAlias.get(stone.alias) ?? []
    const at = others.indexOf(stone)
    if (at >= 0) others.splice(at, 1)
    if (others.length === 0) this.byAlias.delete(stone.alias)
  }
}
