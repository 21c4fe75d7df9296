/**
 * An HTTP request and its response as values. The bindings of the enablers turn these into messages and back; sockets are the matter
 * of the runtime (`@oma/sa-policy/node` has the front door of Node).
 *
 * @layer codec
 */
import type { Connection } from "../Connection.ts"

/** Field lines in the order in which they came or go; names in the case in which they were written. */
export type HttpFields = ReadonlyArray<readonly [name: string, value: string]>

export interface HttpRequest {
  /** In the case in which it came: methods are case-sensitive. */
  readonly method: string
  /** The request-target exactly as it was received. */
  readonly target: string
  readonly fields: HttpFields
  /** The octets of the content, after transfer coding. */
  readonly body: Uint8Array
  readonly connection: Connection
}

export interface HttpResponse {
  readonly status: number
  readonly fields: HttpFields
  readonly body: Uint8Array
}

/** A response as a client sees it, with the connection over which it came. */
export interface HttpAnswer extends HttpResponse {
  readonly connection: Connection
}

/** The values of all fields named `name`, in order; names are compared without case. */
export const fieldsOf = (fields: HttpFields, name: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const [n, value] of fields) if (n.length === name.length && n.toLowerCase() === name) found.push(value)
  return found
}

/**
 * The value of the field `name` (lower case) where it stands exactly once. A field that stands twice has no value: what must stand once and
 * stands twice was not written by one author.
 */
export const fieldOf = (fields: HttpFields, name: string): string | undefined => {
  const found = fieldsOf(fields, name)
  return found.length === 1 ? found[0] : undefined
}

/** The type of `Content-Type` in lower case without its parameters; empty where there is none. */
export const mediaType = (fields: HttpFields): string =>
  (fieldOf(fields, "content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase()

const empty = new Uint8Array(0)
const encoder = new TextEncoder()

/** A response of `status`; a text goes as UTF-8 and needs its own `Content-Type`. */
export const response = (status: number, fields: HttpFields = [], body: Uint8Array | string = empty): HttpResponse => ({
  status,
  fields,
  body: typeof body === "string" ? encoder.encode(body) : body
})

/** A refusal that says no more than its status, in plain text. */
export const refusal = (status: number, text: string, fields: HttpFields = []): HttpResponse =>
  response(status, [["Content-Type", "text/plain; charset=utf-8"], ...fields], `${text}\n`)

/** The path of the request-target, without query; of an absolute form the path of the URI; `*` and authorities as they are. */
export const pathOf = (target: string): string => {
  const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/.exec(target)
  const rest = absolute === null ? target : target.slice(absolute[0].length)
  const end = rest.search(/[?#]/)
  const path = end < 0 ? rest : rest.slice(0, end)
  return path === "" && absolute !== null ? "/" : path
}
