/**
 * HTTP bodies of PAP: a lone control entity, or control, content and capabilities in multipart/related.
 *
 * @spec PAP 2.0, message format
 * @layer codec
 */
import * as Result from "effect/Result"
import { type Malformed, malformed, type Unencodable } from "./Malformed.ts"
import { findMime, parseContentType } from "./MimeHeader.ts"
import { chooseBoundary, decodeMultipart, defaultMultipartLimits, encodeMultipart, type Part } from "./Multipart.ts"
import { decodePap, encodePap, type PapDocument, type PapVersion } from "./PapCodec.ts"
import type { PapMessage, PushMessage } from "./PapMessage.ts"
import { defaultXmlLimits, type XmlLimits } from "./Xml.ts"

/** A body with the value of its Content-Type field. */
export interface PapBody {
  readonly contentType: string
  readonly body: Uint8Array
}

/** What a body holds; content and capabilities stand beside a push-message only. */
export interface PapRequest {
  readonly document: PapDocument
  readonly content?: Part
  /** UAProf, as it came. */
  readonly capabilities?: Part
}

export interface PapBodyOptions {
  readonly version?: PapVersion
  readonly productName?: string
}

const clause = "PAP message format"
const xml = "application/xml"
const controlHeaders = [["Content-Type", `${xml}; charset=UTF-8`]] as const

/** The body of a message without content. */
export const encodeControl = (message: PapMessage, options: PapBodyOptions = {}): Result.Result<PapBody, Unencodable> =>
  Result.map(encodePap(message, options), (body) => ({ contentType: xml, body }))

/** The body of a push: its control entity, its content and, where given, the terminal's capabilities. */
export const encodePushBody = (
  message: PushMessage,
  content: Part,
  options: PapBodyOptions & { readonly capabilities?: Part } = {}
): Result.Result<PapBody, Unencodable> => {
  const control = encodePap(message, options)
  if (Result.isFailure(control)) return Result.fail(control.failure)
  const parts: ReadonlyArray<Part> = [
    { headers: controlHeaders, content: control.success },
    content,
    ...(options.capabilities !== undefined ? [options.capabilities] : [])
  ]
  const boundary = chooseBoundary(parts)
  return Result.map(encodeMultipart(parts, boundary), (body) => ({
    contentType: `multipart/related; boundary=${boundary}; type="${xml}"`,
    body
  }))
}

const isXml = (contentType: string | undefined): boolean => {
  const media = parseContentType(contentType ?? "")?.media
  return media === xml || media === "text/xml"
}

/** What the body of an HTTP message of PAP holds. */
export const decodePapBody = (
  { contentType, body }: PapBody,
  limits: XmlLimits = defaultXmlLimits
): Result.Result<PapRequest, Malformed> => {
  const type = parseContentType(contentType)
  if (type === undefined) return malformed("PAP body", 0, "no Content-Type", clause)
  if (isXml(contentType)) {
    return Result.flatMap(decodePap(body, limits), (document) =>
      document.message._tag === "PushMessage"
        ? malformed("PAP body", 0, "push-message without content entity", clause)
        : Result.succeed({ document })
    )
  }
  const boundary = type.parameters.find(({ name }) => name === "boundary")?.value
  if (type.media !== "multipart/related" || typeof boundary !== "string") {
    return malformed("PAP body", 0, "neither application/xml nor multipart/related", clause)
  }
  const decoded = decodeMultipart(body, boundary, { ...defaultMultipartLimits, maxParts: 3 })
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure)
  const [control, content, capabilities] = decoded.success
  if (control === undefined || !isXml(findMime(control.headers, "Content-Type"))) {
    return malformed("PAP body", 0, "first part is no control entity", clause)
  }
  return Result.flatMap(decodePap(control.content, limits), (document) => {
    if (document.message._tag === "PushMessage" && content === undefined) {
      return malformed("PAP body", 0, "push-message without content entity", clause)
    }
    return Result.succeed({
      document,
      ...(content !== undefined ? { content } : {}),
      ...(capabilities !== undefined ? { capabilities } : {})
    })
  })
}
