/**
 * The constant-time compare of `@oma/sa-policy/bytes` against `timingSafeEqual`, on the 16 and 32 octets of a MAC. One is
 * equal, one differs in its last octet: both must take the whole way.
 */
import { timingSafeEqual } from "node:crypto"
import { type Bench, work } from "@oma/bench"
import { Bytes } from "../src/bytes/index.ts"

const bench: Bench = [16, 32].map((length) => {
  const value = Uint8Array.from({ length }, (_, i) => i * 7)
  const same = value.slice()
  const other = value.slice()
  other[length - 1]! ^= 1
  const over = (compare: (a: Uint8Array, b: Uint8Array) => boolean) =>
    work(() => Number(compare(value, same)) + Number(compare(value, other)), { operations: 2 })
  return {
    goal: "equal",
    name: `compare ${length} octets in constant time, against timingSafeEqual`,
    atLeast: 1,
    ours: over(Bytes.equal),
    baseline: over(timingSafeEqual),
    check: () => {
      for (const compare of [Bytes.equal, timingSafeEqual]) {
        if (!compare(value, same) || compare(value, other)) throw new Error(`${compare.name} is wrong`)
      }
    }
  }
})
export default bench
