/**
 * A push as its sender means it, and its two wire forms: the content entity of PAP and the WSP PDU on the air.
 *
 * @spec PPG 2.0, content processing; WAP-230-WSP 8.2.4.1
 * @layer codec
 */
import * as Result from "effect/Result"
import { applicationName, normalise } from "./ApplicationId.ts"
import { type ContentType, contentType as makeContentType } from "./ContentType.ts"
import { type Malformed, malformed, type Unencodable } from "./Malformed.ts"
import {
  findMime,
  formatContentType,
  formatHttpDate,
  type MimeHeader,
  parseContentType,
  parseHttpDate
} from "./MimeHeader.ts"
import type { Part } from "./Multipart.ts"
import { fromHeaders, type PushHeaders, type PushPdu, toHeaders } from "./PushPdu.ts"
import { decodeSi, encodeSic } from "./ServiceIndication.ts"
import { decodeSl, encodeSlc } from "./ServiceLoading.ts"

/** Content with its type and the headers that its receiver needs. */
export interface Push extends PushHeaders {
  readonly contentType: ContentType
  readonly content: Uint8Array
}

/** A push of `media` content for an application. */
export const push = (media: string, content: Uint8Array, headers: PushHeaders = {}): Push => ({
  ...headers,
  contentType: makeContentType(media),
  content
})

/** The WSP PDU of a push. */
export const toPdu = (value: Push, tid: number): PushPdu => ({
  tid: tid & 0xff,
  confirmed: false,
  contentType: value.contentType,
  headers: toHeaders(value),
  data: value.content
})

/** The push in a WSP PDU. Header fields without a meaning here stay in the PDU. */
export const fromPdu = (pdu: PushPdu): Push => ({
  ...fromHeaders(pdu.headers),
  contentType: pdu.contentType,
  content: pdu.data
})

/**
 * The content entity of a push. Registered application ids go as decimal numbers, the one form that every gateway passes on
 * unchanged, except those under `x-wap-application:`, which gateways know by name.
 */
export const toEntity = (value: Push): Part => {
  const headers: Array<MimeHeader> = [["Content-Type", formatContentType(value.contentType)]]
  if (value.applicationId !== undefined) {
    const id = normalise(value.applicationId)
    const name = applicationName(id)
    headers.push(["X-Wap-Application-Id", name.startsWith("x-wap-application:") ? name : String(id)])
  }
  if (value.contentUri !== undefined) headers.push(["X-Wap-Content-URI", value.contentUri])
  if (value.initiatorUri !== undefined) headers.push(["X-Wap-Initiator-URI", value.initiatorUri])
  if (value.contentLocation !== undefined) headers.push(["Content-Location", value.contentLocation])
  if (value.flags !== undefined) headers.push(["Push-Flag", String(value.flags)])
  if (value.date !== undefined) headers.push(["Date", formatHttpDate(value.date)])
  if (value.expires !== undefined) headers.push(["Expires", formatHttpDate(value.expires)])
  return { headers, content: value.content }
}

/** The push in a content entity. Fields that are not meant for the terminal are left out. */
export const fromEntity = (entity: Part): Result.Result<Push, Malformed> => {
  const { headers, content } = entity
  const type = parseContentType(findMime(headers, "Content-Type") ?? "")
  if (type === undefined) return malformed("content entity", 0, "no Content-Type", "PAP content entity")
  const id = findMime(headers, "X-Wap-Application-Id")
  const contentUri = findMime(headers, "X-Wap-Content-URI")
  const initiatorUri = findMime(headers, "X-Wap-Initiator-URI")
  const contentLocation = findMime(headers, "Content-Location")
  const flags = findMime(headers, "Push-Flag")
  const date = parseHttpDate(findMime(headers, "Date") ?? "")
  const expires = parseHttpDate(findMime(headers, "Expires") ?? "")
  return Result.succeed({
    contentType: type,
    content,
    ...(id !== undefined ? { applicationId: normalise(id) } : {}),
    ...(contentUri !== undefined ? { contentUri } : {}),
    ...(initiatorUri !== undefined ? { initiatorUri } : {}),
    ...(contentLocation !== undefined ? { contentLocation } : {}),
    ...(flags !== undefined && /^\d{1,2}$/.test(flags) ? { flags: Number(flags) } : {}),
    ...(date !== undefined ? { date } : {}),
    ...(expires !== undefined ? { expires } : {})
  })
}

/** SI and SL in their binary form, as gateways send them; every other push unchanged. */
export const compile = (value: Push): Result.Result<Push, Malformed | Unencodable> => {
  switch (value.contentType.media) {
    case "text/vnd.wap.si":
      return Result.map(Result.flatMap(decodeSi(value.content), encodeSic), (content) => ({
        ...value,
        contentType: makeContentType("application/vnd.wap.sic"),
        content
      }))
    case "text/vnd.wap.sl":
      return Result.map(Result.flatMap(decodeSl(value.content), encodeSlc), (content) => ({
        ...value,
        contentType: makeContentType("application/vnd.wap.slc"),
        content
      }))
    default:
      return Result.succeed(value)
  }
}
