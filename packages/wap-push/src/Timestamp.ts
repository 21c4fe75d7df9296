/**
 * Points of time as text and back: the UTC form of PAP, SI and SL. Times are milliseconds since 1970-01-01 UTC; all here
 * have whole seconds.
 *
 * @layer codec
 */

/** The parts of a point of time in UTC; `month` and `day` count from 1. */
export interface Civil {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const dayLength = 86_400_000

const daysOf = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** The parts of the time `ms`. */
export const toCivil = (ms: number): Civil => {
  const days = Math.floor(ms / dayLength)
  const seconds = Math.floor((ms - days * dayLength) / 1000)
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * dayOfYear + 2) / 153)
  const month = m < 10 ? m + 3 : m - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60
  }
}

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The time of `civil`, or `undefined` where there is no such date or time of day. A leap second is none. */
export const fromCivil = (civil: Civil): number | undefined => {
  const { year, month, day, hour, minute, second } = civil
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day > lengths[month - 1]! + (month === 2 && leap ? 1 : 0)) return undefined
  return daysOf(year, month, day) * dayLength + ((hour * 60 + minute) * 60 + second) * 1000
}

const pad = (n: number, width = 2): string => String(n).padStart(width, "0")

/** `YYYY-MM-DDThh:mm:ssZ`; a part of a second is cut off. Years 0 to 9999. */
export const format = (ms: number): string => {
  const c = toCivil(ms)
  return `${pad(c.year, 4)}-${pad(c.month)}-${pad(c.day)}T${pad(c.hour)}:${pad(c.minute)}:${pad(c.second)}Z`
}

const shape = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/

/** The time that `YYYY-MM-DDThh:mm:ssZ` names, or `undefined` for any other text. */
export const parse = (text: string): number | undefined => {
  const found = shape.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  return fromCivil({ year, month, day, hour, minute, second })
}
