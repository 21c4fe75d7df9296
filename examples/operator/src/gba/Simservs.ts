/**
 * The document of supplementary services, as far as a store of documents has to know it: where it lies, and what may be stored.
 *
 * @layer codec
 * @spec TS 24.623; RFC 4825 6 and 8.2
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { SaxesParser } from "saxes"

export const MEDIA_TYPE = "application/vnd.etsi.simservs+xml"
export const AUID = "simservs.ngn.etsi.org"
const NAMESPACE = "http://uri.etsi.org/ngn/params/xml/simservs/xcap"

/** What a document may have at most. */
export const limits = { octets: 32_768, depth: 32, elements: 2048 } as const

/** Why a document is not stored, as the element of an `xcap-error` document. */
export class DocumentRefused extends Data.TaggedError("DocumentRefused")<{
  readonly error: "not-utf-8" | "not-well-formed" | "schema-validation-error"
  readonly why: string
}> {}

/** The owner's name in the path of a document, `/simservs.ngn.etsi.org/users/<XUI>/simservs.xml`; `undefined` for another path. */
export const ownerOf = (path: string): string | undefined => {
  const parts = path.split("/")
  const [empty, auid, users, xui, document, ...more] = parts
  if (empty !== "" || auid !== AUID || users !== "users" || document !== "simservs.xml" || more.length > 0)
    return undefined
  try {
    const name = decodeURIComponent(xui ?? "")
    return name.length > 0 && name.length <= 320 ? name : undefined
  } catch {
    return undefined
  }
}

/** Leaves the parser out of one of its handlers. */
class Stop extends Error {}

/** Whether `document` is well-formed XML with the root element `simservs`, within the limits and without a document type. */
export const check = (document: Uint8Array): Result.Result<void, DocumentRefused> => {
  const refuse = (error: DocumentRefused["error"], why: string) => Result.fail(new DocumentRefused({ error, why }))
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(document)
  } catch {
    return refuse("not-utf-8", "octets that are no UTF-8")
  }
  const parser = new SaxesParser({ xmlns: true })
  let depth = 0
  let elements = 0
  let root: string | undefined
  const stop = (why: string) => {
    throw new Stop(why)
  }
  parser.on("error", (error) => stop(error.message))
  parser.on("doctype", () => stop("a document type declaration"))
  parser.on("opentag", ({ local, uri }) => {
    root ??= `${uri} ${local}`
    if (++depth > limits.depth || ++elements > limits.elements) stop("too many elements")
  })
  parser.on("closetag", () => {
    depth--
  })
  try {
    parser.write(text).close()
  } catch (error) {
    return refuse("not-well-formed", error instanceof Error ? error.message : "")
  }
  return root === `${NAMESPACE} simservs`
    ? Result.succeed(undefined)
    : refuse("schema-validation-error", "the root element is not simservs")
}

/** A document that says little: for the stories and for a first PUT by hand. */
export const example = (active: boolean): string =>
  `<?xml version="1.0" encoding="UTF-8"?>
<simservs xmlns="${NAMESPACE}">
  <communication-diversion active="${active}"/>
</simservs>
`
