/**
 * What the Digest gate needs of a request of `node:http`.
 *
 * @layer binding
 */
import type { IncomingMessage } from "node:http"
import { type DigestPresented, present } from "./DigestAuthenticator.ts"
import type { RequestFacts } from "./DigestServer.ts"
import type { FieldLimits } from "./FieldScanner.ts"

/** The facts of `request`: method, target as received, Host, and the body where the caller has read it. */
export const facts = (request: IncomingMessage, body?: Uint8Array): RequestFacts => ({
  method: request.method ?? "",
  target: request.url ?? "",
  ...(request.headers.host === undefined ? {} : { authority: request.headers.host }),
  ...(body === undefined ? {} : { body })
})

/**
 * Every value of the field `name` (lower case) as an own entry; `request.headers` would drop a second `Authorization`
 * in silence.
 */
export const fieldValues = (request: IncomingMessage, name: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  const { rawHeaders } = request
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!
    if (field.length === name.length && field.toLowerCase() === name) values.push(rawHeaders[i + 1]!)
  }
  return values
}

/** The Digest credentials of `request` for the guard; `proxy` reads `Proxy-Authorization`. */
export const credentials = (
  request: IncomingMessage,
  options: { readonly mode?: string; readonly limits?: FieldLimits; readonly proxy?: boolean } = {}
): ReadonlyArray<DigestPresented> =>
  present(fieldValues(request, options.proxy === true ? "proxy-authorization" : "authorization"), options)
