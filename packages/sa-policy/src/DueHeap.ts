/**
 * What ends when: a binary heap that knows the place of each member, so that a member moves or leaves in logarithmic time
 * and nothing outdated is left behind.
 *
 * @layer codec
 */

/** Something that ends at `due`. `place` belongs to the heap: -1 while it is in none. */
export interface Due {
  due: number
  place: number
}

export class DueHeap<A extends Due> {
  private readonly members: Array<A> = []

  get size(): number {
    return this.members.length
  }

  /** The member that ends first. */
  first(): A | undefined {
    return this.members[0]
  }

  /** Puts `member` in, or moves it after its `due` changed. */
  put(member: A): void {
    if (member.place < 0) {
      member.place = this.members.length
      this.members.push(member)
    }
    this.up(member)
    this.down(member)
  }

  /** Takes `member` out if it is in. */
  remove(member: A): void {
    const { place } = member
    if (place < 0) return
    const last = this.members.pop()!
    member.place = -1
    if (last === member) return
    this.members[place] = last
    last.place = place
    this.up(last)
    this.down(last)
  }

  private up(member: A): void {
    const { members } = this
    while (member.place > 0) {
      const parent = members[(member.place - 1) >> 1]!
      if (parent.due <= member.due) return
      this.swap(parent, member)
    }
  }

  private down(member: A): void {
    const { members } = this
    for (;;) {
      const left = members[2 * member.place + 1]
      if (left === undefined) return
      const right = members[2 * member.place + 2]
      const child = right !== undefined && right.due < left.due ? right : left
      if (child.due >= member.due) return
      this.swap(member, child)
    }
  }

  private swap(a: A, b: A): void {
    const { place } = a
    a.place = b.place
    b.place = place
    this.members[a.place] = a
    this.members[b.place] = b
  }
}
