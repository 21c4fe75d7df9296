/**
 * Accepting each number once: the sliding window of RFC 4303, and the strict mode that wants every number greater than all before.
 *
 * @layer codec
 */
import * as Result from "effect/Result"

/**
 * How an association treats the numbers of its peer. `window` takes numbers in any order as long as they lie less than `size`
 * below the highest; `strict` takes only greater ones (GPL, a nonce that counts its uses); `none` keeps no numbers.
 * `maxJump` bounds how far above the highest a number may lie, so that one message cannot use up the space.
 */
export type ReplayMode =
  | { readonly _tag: "none" }
  | { readonly _tag: "strict"; readonly maxJump?: number }
  | { readonly _tag: "window"; readonly size: number; readonly maxJump?: number }

export const noReplay: ReplayMode = { _tag: "none" }
export const strict: ReplayMode = { _tag: "strict" }
/** A window of `size` numbers, rounded up to a multiple of 32 and at most 4,096. */
export const window = (size = 64, maxJump?: number): ReplayMode => ({
  _tag: "window",
  size: Math.min(4096, Math.max(32, Math.ceil(size / 32) * 32)),
  ...(maxJump === undefined ? {} : { maxJump })
})

/**
 * What was accepted so far. `highest` is the greatest accepted number, or one less than the first acceptable one before any;
 * bit `n % size` of `seen` tells whether `n` was accepted, for the `size` numbers up to `highest`.
 */
export interface ReplayState {
  readonly highest: number
  readonly seen: Uint32Array
}

/** Why a number is not accepted. `out-of-range`: not a whole number from 0 to 2^53 - 1. */
export type ReplayRefusal = "replayed" | "below-window" | "beyond-jump" | "out-of-range"

const noBits = new Uint32Array(0)

/** The rule that `mode` breaks, or `undefined`. The functions below ask for a mode without fault. */
export const fault = (mode: ReplayMode): string | undefined => {
  if (mode._tag === "none") return undefined
  if (mode.maxJump !== undefined && !(Number.isSafeInteger(mode.maxJump) && mode.maxJump >= 1)) {
    return "maxJump must be a whole number from 1"
  }
  if (mode._tag === "strict") return undefined
  const { size } = mode
  return Number.isInteger(size) && size >= 32 && size <= 4096 && size % 32 === 0
    ? undefined
    : "size must be a multiple of 32 from 32 to 4,096"
}

/**
 * Nothing accepted yet; `first` is the lowest acceptable number. All numbers below it stand as accepted, so that a window
 * which reaches below `first` lets none of them in.
 */
export const initial = (mode: ReplayMode, first = 1): ReplayState => ({
  highest: first - 1,
  seen: mode._tag === "window" ? new Uint32Array(mode.size / 32).fill(0xffffffff) : noBits
})

/**
 * `state` of an association whose mode was `from`, for its replacement with mode `to` and lowest number `first`. Nothing that
 * was refused becomes acceptable: what `state` no longer knows stands as accepted.
 */
export const adopt = (from: ReplayMode, state: ReplayState, to: ReplayMode, first = 1): ReplayState => {
  const highest = Math.max(state.highest, first - 1)
  if (to._tag !== "window") return { highest, seen: noBits }
  const seen = new Uint32Array(to.size / 32).fill(0xffffffff)
  if (from._tag === "window") {
    const low = Math.max(first, highest - to.size + 1, state.highest - from.size + 1, 0)
    for (let n = low; n <= state.highest; n++) {
      const old = n % from.size
      if (((state.seen[old >>> 5]! >>> (old & 31)) & 1) === 0)
        seen[(n % to.size) >>> 5]! &= ~(1 << ((n % to.size) & 31))
    }
  }
  return { highest, seen }
}

/**
 * Whether `number` would be accepted, without accepting it: `undefined` if so. Lets a receiver refuse before it does any
 * cryptography; the answer counts only when `accept` repeats it.
 */
export const refusal = (mode: ReplayMode, state: ReplayState, number: number): ReplayRefusal | undefined => {
  if (!Number.isSafeInteger(number) || number < 0) return "out-of-range"
  if (mode._tag === "none") return undefined
  const { highest, seen } = state
  if (number > highest) {
    return mode.maxJump !== undefined && number - highest > mode.maxJump ? "beyond-jump" : undefined
  }
  if (mode._tag === "strict") return number === highest ? "replayed" : "below-window"
  const size = mode.size
  if (number <= highest - size) return "below-window"
  const bit = number % size
  return (seen[bit >>> 5]! >>> (bit & 31)) & 1 ? "replayed" : undefined
}

/**
 * The state after accepting `number`, or why it is refused; `state` itself is not changed.
 *
 * @spec RFC 4303 section 3.4.3
 */
export const accept = (
  mode: ReplayMode,
  state: ReplayState,
  number: number
): Result.Result<ReplayState, ReplayRefusal> => {
  const no = refusal(mode, state, number)
  if (no !== undefined) return Result.fail(no)
  if (mode._tag === "none") return Result.succeed(state)
  if (mode._tag === "strict") return Result.succeed({ highest: number, seen: state.seen })
  const seen = state.seen.slice()
  const highest = mark(seen, mode.size, state.highest, number)
  return Result.succeed({ highest, seen })
}

/**
 * Marks `number`, which `refusal` let pass, in the bits of a window and gives the new highest number. For tables that keep
 * their windows in place; everything else uses `accept`.
 */
export const mark = (seen: Uint32Array, size: number, highest: number, number: number): number => {
  if (number > highest) {
    if (number - highest >= size) seen.fill(0)
    else {
      for (let n = highest + 1; n < number; n++) {
        const bit = n % size
        seen[bit >>> 5]! &= ~(1 << (bit & 31))
      }
    }
  }
  const bit = number % size
  seen[bit >>> 5]! |= 1 << (bit & 31)
  return Math.max(highest, number)
}
