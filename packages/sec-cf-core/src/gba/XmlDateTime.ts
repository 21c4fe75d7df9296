/**
 * Times as XML Schema writes them, as milliseconds since 1970.
 *
 * @layer codec
 * @spec XML Schema 1.0 part 2, 3.2.7
 */

const form = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/

/** `time` in UTC to the second, such as `2030-01-02T03:04:05Z`. Years 0 to 9999; other times are held at the bounds. */
export const encode = (time: number): string => {
  const bounded = Math.min(Math.max(Number.isNaN(time) ? 0 : time, -62_167_219_200_000), 253_402_300_799_000)
  return new Date(Math.floor(bounded / 1000) * 1000).toISOString().replace(".000Z", "Z")
}

/**
 * The time that `text` says, or `undefined` where it is no time of the years 0 to 9999 with a zone. Fractions of a second count
 * to the millisecond; a leap second is that of the next minute.
 */
export const decode = (text: string): number | undefined => {
  if (text.length > 40) return undefined
  const match = form.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) return undefined
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!
  if (day < 1 || day > days) return undefined
  const zone = match[8]!
  let offset = 0
  if (zone !== "Z") {
    const hours = Number(zone.slice(1, 3))
    const minutes = Number(zone.slice(4, 6))
    if (hours > 14 || minutes > 59) return undefined
    offset = (zone.startsWith("-") ? -1 : 1) * (60 * hours + minutes)
  }
  const fraction = Math.floor(Number(`0.${match[7] ?? "0"}`) * 1000)
  // Date.UTC reads the years 0 to 99 as 1900 to 1999; 400 years are a whole number of days further on
  const utc = Date.UTC(year + 400, month - 1, day, hour, minute, second) - 12_622_780_800_000
  return utc + fraction - offset * 60_000
}
