/**
 * The connectionless WSP Push PDU: what travels in one datagram to port 2948 of a terminal.
 *
 * `TID(1) | PDU-type(1) | HeadersLen(uintvar) | Content-Type | Headers | Data`
 *
 * @spec WAP-230-WSP 8.2.4.1
 * @layer codec
 */
import * as Result from "effect/Result"
import { type ApplicationId, applicationValue, readApplicationId } from "./ApplicationId.ts"
import { type ContentType, defaultMaxParameters, readContentType, writeContentType } from "./ContentType.ts"
import { type Malformed, malformed, type Unencodable, unencodable } from "./Malformed.ts"
import { concat, cursor, octet } from "./Octets.ts"
import { defaultMaxHeaders, findHeader, findText, readHeaders, type WspHeader, writeHeaders } from "./WspHeader.ts"
import { integer, readUintvar, short, text, toInteger, uintvar } from "./WspValue.ts"

const clause = "WSP 8.2.4.1"
const push = 0x06
const confirmedPush = 0x07

/** A push as the terminal gets it. `data` is a view into the octets that were decoded. */
export interface PushPdu {
  /** The sender's transaction number, 0-255. */
  readonly tid: number
  /** PDU type 07 (ConfirmedPush) instead of 06. */
  readonly confirmed: boolean
  readonly contentType: ContentType
  readonly headers: ReadonlyArray<WspHeader>
  readonly data: Uint8Array
}

/** What a decoder accepts at most. */
export interface PushPduLimits {
  /** Octets of the whole PDU; 65,535. */
  readonly maxOctets: number
  /** Octets of the content type and the headers; 4,096. */
  readonly maxHeaderOctets: number
  /** Header fields; 64. */
  readonly maxHeaders: number
  /** Parameters of the content type; 16. */
  readonly maxParameters: number
}

export const defaultPushPduLimits: PushPduLimits = {
  maxOctets: 65_535,
  maxHeaderOctets: 4096,
  maxHeaders: defaultMaxHeaders,
  maxParameters: defaultMaxParameters
}

/** The push in `octets`, or why there is none. */
export const decodePushPdu = (
  octets: Uint8Array,
  limits: PushPduLimits = defaultPushPduLimits
): Result.Result<PushPdu, Malformed> => {
  if (octets.length > limits.maxOctets) return malformed("push PDU", 0, `more than ${limits.maxOctets} octets`, clause)
  const c = cursor(octets)
  const tid = octet(c)
  const type = octet(c)
  if (tid === undefined || (type !== push && type !== confirmedPush)) {
    return malformed("push PDU", 1, "type is neither Push nor ConfirmedPush", clause)
  }
  const length = readUintvar(c)
  if (length === undefined || length > octets.length - c.at) {
    return malformed("push PDU", c.at, "headers longer than the PDU", clause)
  }
  if (length > limits.maxHeaderOctets) {
    return malformed("push PDU", c.at, `more than ${limits.maxHeaderOctets} octets of headers`, clause)
  }
  const inner = cursor(octets, c.at, c.at + length)
  const contentType = readContentType(inner, limits.maxParameters)
  if (Result.isFailure(contentType)) return Result.fail(contentType.failure)
  const headers = readHeaders(inner, limits.maxHeaders)
  if (Result.isFailure(headers)) return Result.fail(headers.failure)
  return Result.succeed({
    tid,
    confirmed: type === confirmedPush,
    contentType: contentType.success,
    headers: headers.success,
    data: octets.subarray(inner.end)
  })
}

/** The octets of a push. Fails where a header has no form on the air. */
export const encodePushPdu = (pdu: PushPdu): Result.Result<Uint8Array, Unencodable> => {
  if (!Number.isInteger(pdu.tid) || pdu.tid < 0 || pdu.tid > 255)
    return unencodable("push PDU", "TID not 0-255", clause)
  const contentType = writeContentType(pdu.contentType)
  if (Result.isFailure(contentType)) return contentType
  const headers = writeHeaders(pdu.headers)
  if (Result.isFailure(headers)) return headers
  const length = contentType.success.length + headers.success.length
  return Result.succeed(
    concat([
      Uint8Array.of(pdu.tid, pdu.confirmed ? confirmedPush : push),
      uintvar(length),
      contentType.success,
      headers.success,
      pdu.data
    ])
  )
}

/** Bits of Push-Flag. They are claims of the sender. */
export const pushFlag = { initiatorAuthenticated: 1, contentTrusted: 2, lastPush: 4 } as const

/** The headers of a push that mean something to its receiver. */
export interface PushHeaders {
  readonly applicationId?: ApplicationId
  readonly initiatorUri?: string
  readonly contentUri?: string
  readonly contentLocation?: string
  /** Bits of `pushFlag`. */
  readonly flags?: number
  /** Milliseconds since 1970-01-01 UTC; whole seconds on the air. */
  readonly date?: number
  /** Milliseconds since 1970-01-01 UTC; whole seconds on the air. */
  readonly expires?: number
  readonly contentLength?: number
  /** Major and minor number of the encoding version, for example `[1, 3]`. */
  readonly encodingVersion?: readonly [major: number, minor: number]
}

const seconds = (ms: number): number => Math.floor(ms / 1000)

/** Header fields for what is given, in the order in which the gateways of the field send them. */
export const toHeaders = (headers: PushHeaders): ReadonlyArray<WspHeader> => {
  const out: Array<WspHeader> = []
  if (headers.applicationId !== undefined) {
    out.push({ name: "X-Wap-Application-Id", value: applicationValue(headers.applicationId) })
  }
  if (headers.contentUri !== undefined) out.push({ name: "X-Wap-Content-URI", value: text(headers.contentUri) })
  if (headers.initiatorUri !== undefined) out.push({ name: "X-Wap-Initiator-URI", value: text(headers.initiatorUri) })
  if (headers.contentLocation !== undefined)
    out.push({ name: "Content-Location", value: text(headers.contentLocation) })
  if (headers.flags !== undefined) out.push({ name: "Push-Flag", value: short(headers.flags) })
  if (headers.date !== undefined) out.push({ name: "Date", value: longInteger(seconds(headers.date)) })
  if (headers.expires !== undefined) out.push({ name: "Expires", value: longInteger(seconds(headers.expires)) })
  if (headers.contentLength !== undefined) out.push({ name: "Content-Length", value: integer(headers.contentLength) })
  if (headers.encodingVersion !== undefined) {
    const [major, minor] = headers.encodingVersion
    out.push({ name: "Encoding-Version", value: short((major << 4) | minor) })
  }
  return out
}

// a date is a long-integer even where a short one would do
const longInteger = (value: number) => {
  const found = integer(value)
  return found._tag === "Short" ? ({ _tag: "Octets", octets: Uint8Array.of(found.value) } as const) : found
}

/** What the header fields of a push say. A field of the wrong form is as if absent. */
export const fromHeaders = (headers: ReadonlyArray<WspHeader>): PushHeaders => {
  const number = (name: string): number | undefined => {
    const value = findHeader(headers, name)
    return value === undefined ? undefined : toInteger(value)
  }
  const id = findHeader(headers, "X-Wap-Application-Id")
  const applicationId = id === undefined ? undefined : readApplicationId(id)
  const contentUri = findText(headers, "X-Wap-Content-URI")
  const initiatorUri = findText(headers, "X-Wap-Initiator-URI")
  const contentLocation = findText(headers, "Content-Location")
  const flags = number("Push-Flag")
  const date = number("Date")
  const expires = number("Expires")
  const contentLength = number("Content-Length")
  const version = findHeader(headers, "Encoding-Version")
  return {
    ...(applicationId !== undefined ? { applicationId } : {}),
    ...(contentUri !== undefined ? { contentUri } : {}),
    ...(initiatorUri !== undefined ? { initiatorUri } : {}),
    ...(contentLocation !== undefined ? { contentLocation } : {}),
    ...(flags !== undefined ? { flags } : {}),
    ...(date !== undefined ? { date: date * 1000 } : {}),
    ...(expires !== undefined ? { expires: expires * 1000 } : {}),
    ...(contentLength !== undefined ? { contentLength } : {}),
    ...(version?._tag === "Short" ? { encodingVersion: [version.value >> 4, version.value & 15] as const } : {})
  }
}
