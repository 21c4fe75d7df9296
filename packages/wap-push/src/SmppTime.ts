/**
 * Times of SMPP: `YYMMDDhhmmsstnnp`, absolute with a distance from UTC in quarters of an hour, or relative with `R`.
 *
 * @spec SMPP 3.4 7.1.1
 * @layer codec
 */
import { fromCivil } from "./Timestamp.ts"

const shape = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+\-R])$/
const day = 86_400_000

const pad = (n: number): string => String(n).padStart(2, "0")

/** A relative time of `ms` milliseconds, rounded up to whole seconds; at most 99 days. */
export const formatRelative = (ms: number): string => {
  const seconds = Math.min(Math.max(Math.ceil(ms / 1000), 1), (99 * day) / 1000)
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24]
  return `0000${pad(days)}${pad(hours)}${pad(Math.floor(seconds / 60) % 60)}${pad(seconds % 60)}000R`
}

/**
 * The time that `text` names in milliseconds since 1970-01-01 UTC, a relative one counted from `now`, or `undefined`.
 * Years are those of this century; months and years of a relative time count 30 and 365 days.
 */
export const parseSmppTime = (text: string, now: number): number | undefined => {
  const found = shape.exec(text)
  if (found === null) return undefined
  const [year, month, days, hour, minute, second, tenth, quarters] = found.slice(1, 9).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number
  ]
  if (found[9] === "R") {
    return now + (year * 365 + month * 30 + days) * day + ((hour * 60 + minute) * 60 + second) * 1000
  }
  const local = fromCivil({ year: 2000 + year, month, day: days, hour, minute, second })
  if (local === undefined || quarters > 48) return undefined
  return local + tenth * 100 - quarters * 900_000 * (found[9] === "+" ? 1 : -1)
}
