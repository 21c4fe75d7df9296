/**
 * Header fields of MIME entities, and the Content-Type field with its parameters.
 *
 * @spec RFC 2045 5.1, RFC 5322 2.2
 * @layer codec
 */
import { type ContentType, contentType, type Parameter } from "./ContentType.ts"
import { fromCivil, toCivil } from "./Timestamp.ts"

/** Name as written and value without outer white space. */
export type MimeHeader = readonly [name: string, value: string]

/** The value of the first field `name`, whatever its case, or `undefined`. */
export const findMime = (headers: ReadonlyArray<MimeHeader>, name: string): string | undefined => {
  const wanted = name.toLowerCase()
  return headers.find(([found]) => found.toLowerCase() === wanted)?.[1]
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const mediaShape = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const quoted = /"((?:[^"\\\r\n]|\\[^\r\n])*)"/y
const semicolon = /[ \t]*;[ \t]*/y
const space = /[ \t]*/y

const maxLength = 1024

/** The media type and parameters in the text of a Content-Type field, or `undefined` where it is none. */
export const parseContentType = (text: string): ContentType | undefined => {
  if (text.length > maxLength) return undefined
  let at = 0
  const next = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) return undefined
    at = pattern.lastIndex
    return found
  }
  next(space)
  const media = next(mediaShape)?.[0]
  if (media === undefined) return undefined
  const parameters: Array<Parameter> = []
  while (at < text.length && next(semicolon) !== undefined) {
    const name = next(token)?.[0]
    if (name === undefined) break
    if (text[at] !== "=") return undefined
    at++
    const value = next(quoted)?.[1]?.replace(/\\(.)/g, "$1") ?? next(token)?.[0]
    if (value === undefined) return undefined
    parameters.push({ name: name.toLowerCase(), value })
  }
  next(space)
  return at === text.length ? contentType(media, parameters) : undefined
}

/** The text of a Content-Type field. Values that are no tokens are quoted. */
export const formatContentType = (type: ContentType): string =>
  type.media +
  type.parameters
    .map(({ name, value }) => {
      const text = typeof value === "string" ? value : typeof value === "number" ? String(value) : ""
      token.lastIndex = 0
      const plain = token.exec(text)?.[0] === text
      return `; ${name}=${plain ? text : `"${text.replace(/["\\]/g, "\\$&")}"`}`
    })
    .join("")

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
const dateShape = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/

/** The time, in milliseconds since 1970-01-01 UTC, of an HTTP date, or `undefined`. @spec RFC 9110 5.6.7 */
export const parseHttpDate = (text: string): number | undefined => {
  const found = dateShape.exec(text)
  if (found === null) return undefined
  const [, day, month, year, hour, minute, second] = found
  return fromCivil({
    year: Number(year),
    month: months.indexOf(month!) + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second)
  })
}

const pad = (n: number): string => String(n).padStart(2, "0")

/** The HTTP date of a time in milliseconds since 1970-01-01 UTC. */
export const formatHttpDate = (ms: number): string => {
  const c = toCivil(ms)
  const day = days[((Math.floor(ms / 86_400_000) % 7) + 7) % 7]!
  return `${day}, ${pad(c.day)} ${months[c.month - 1]!} ${String(c.year).padStart(4, "0")} ${pad(c.hour)}:${pad(c.minute)}:${pad(c.second)} GMT`
}
